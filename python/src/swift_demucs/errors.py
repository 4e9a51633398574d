"""Exceptions of the package.

All derive from :class:`Error`. Their text says what failed, the value found, the value expected and
what to do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional


class Error(Exception):
    """Any failure of this package.

    ``path`` is the file that caused the error, or ``None``.
    """

    def __init__(self, message: str, path: Optional[str] = None) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.args[0], self.path))


class ArgumentError(Error, ValueError):
    """An argument is out of range, has the wrong shape or an unknown name, or is not finite."""


class ModelError(Error):
    """A model can't be read, is none that this engine runs, or gives stems that aren't finite."""


class ModelMissingError(ModelError):
    """No model of that name is on this machine; :func:`swift_demucs.fetch` downloads it."""


class InputError(Error, OSError):
    """A sound file is missing, can't be decoded, or holds no samples."""


class OutputError(Error, OSError):
    """A file can't be written, or its disk is full."""


class Cancelled(Error):
    """A :class:`swift_demucs.Cancellation` stopped the work."""


class StateError(Error, RuntimeError):
    """The object is closed, or its methods are called in the wrong order."""


class EngineError(Error, RuntimeError):
    """The environment lacks kernels or libraries that are asked for, or ffmpeg can't run."""


class InternalError(Error, RuntimeError):
    """A defect of this package; please report the message."""


# Exception types by the number of `sd_status`.
OF_STATUS: dict[int, type[Error]] = {
    2: ArgumentError,
    3: ModelMissingError,
    4: ModelError,
    5: InputError,
    6: OutputError,
    7: Cancelled,
    8: StateError,
    9: StateError,
    10: EngineError,
    11: InternalError,
}


def of_status(status: int, message: str, path: Optional[str] = None) -> Error:
    """The exception for a status of the C library."""
    return OF_STATUS.get(status, InternalError)(message, path)


def path_text(path: object) -> str:
    """A path for the C library.

    Raises :class:`TypeError` for a value that is no path, :class:`ArgumentError` for bytes that are
    not UTF-8, zero characters and an empty path.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"a path is a {type(path).__name__}, expected a str or a pathlib.Path")
    text = os.fsdecode(path)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"the path {text!r} is not UTF-8; rename the file", text) from error
    if "\0" in text or not text:
        raise ArgumentError(f"the path {text!r} is empty or has a zero character", text)
    return text


def settled(path: object) -> str:
    """The paths of a model's files, also for a program in another folder; names stay."""
    text = path_text(path)
    names = [text] if Path(text).is_file() else text.split("+")
    return "+".join(str(Path(name).absolute()) if Path(name).is_file() else name for name in names)
