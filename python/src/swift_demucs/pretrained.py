"""``demucs.pretrained`` (demucs 4.1.0), on this engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Optional

from . import _modules
from ._modules import LoadModelError as ModelLoadingError

__all__ = [
    "DEFAULT_MODEL", "REMOTE_ROOT", "SOURCES", "ModelLoadingError", "add_model_flags", "get_model",
    "get_model_from_args",
]  # fmt: skip

SOURCES = ["drums", "bass", "other", "vocals"]
DEFAULT_MODEL = "htdemucs"
REMOTE_ROOT = _modules.BAGS


def get_model(name: str, repo: Optional[Path] = None) -> _modules.AnyModel:
    """The model of a name, for :func:`swift_demucs.apply.apply_model`.

    A missing model is downloaded, unless ``repo``, a folder of models, is given.
    Raises :class:`ModelLoadingError`.
    """
    return _modules.load(name, repo)


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Adds ``--name``, ``--sig`` and ``--repo``, for :func:`get_model_from_args`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-s", "--sig", help="not supported: a training run of the reference")
    group.add_argument("-n", "--name", default=DEFAULT_MODEL, help="name or signature of the model")
    parser.add_argument("--repo", type=Path, help="folder of models")


def get_model_from_args(args: Any) -> _modules.AnyModel:
    """The model of parsed arguments. Raises :class:`ModelLoadingError`."""
    if getattr(args, "sig", None) is not None:
        raise ModelLoadingError("-s is not supported; pass the exported checkpoint by -n")
    return get_model(DEFAULT_MODEL if args.name is None else args.name, args.repo)
