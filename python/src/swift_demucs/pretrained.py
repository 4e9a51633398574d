"""``demucs.pretrained`` (demucs 4.1.0), on this engine."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from . import api
from .api import LoadModelError as ModelLoadingError

__all__ = ["ModelLoadingError", "get_model"]


def get_model(name: str, repo: Optional[Path] = None) -> api.SeparatorModel:
    """The model of a name, for :func:`swift_demucs.apply.apply_model`.

    A missing model is downloaded, unless ``repo``, a folder of models, is given.
    Raises :class:`ModelLoadingError`.
    """
    return api.load(name, repo)
