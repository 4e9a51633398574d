"""Music source separation with HTDemucs, without PyTorch.

    import swift_demucs

    with swift_demucs.load("htdemucs", download=True) as model:
        stems = model.separate("song.mp3")
        stems.write("stems")
        voice = stems.vocals  # float32 [channels, frames]

The modules ``api``, ``apply``, ``pretrained`` and ``separate`` have the functions of demucs.
"""

from __future__ import annotations

from ._call import Cancellation
from ._measure import QuantizeReport, Scores, evaluate, quantize
from ._model import Analysis, Model, load
from ._progress import Progress
from ._recordings import read, write
from ._runs import FileResult, separate_files
from ._separation import Separation
from ._version import __version__
from ._zoo import LinkedModel, PublishedModel, fetch, linked_models, models
from .errors import (
    ArgumentError,
    Cancelled,
    EngineError,
    Error,
    InputError,
    InternalError,
    ModelError,
    ModelMissingError,
    OutputError,
    StateError,
)

__all__ = [
    "Analysis", "ArgumentError", "Cancellation", "Cancelled", "EngineError", "Error", "FileResult",
    "InputError", "InternalError", "LinkedModel", "Model", "ModelError", "ModelMissingError",
    "OutputError", "Progress", "PublishedModel", "QuantizeReport", "Scores", "Separation",
    "StateError", "__version__", "evaluate", "fetch", "linked_models", "load", "models", "quantize",
    "read", "separate_files", "write",
]  # fmt: skip
