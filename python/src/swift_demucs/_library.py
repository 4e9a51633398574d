"""ctypes declarations of swift_demucs.h, in this module alone."""

from __future__ import annotations

import ctypes
import functools
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any, Optional

from . import errors

# Beside `share/swift-demucs/models`, where library and program look for the demo model.
FOLDER = Path(__file__).resolve().parent
LIBRARY = FOLDER / "lib" / "libswiftdemucs.so.1"
PROGRAM = FOLDER / "bin" / "swift-demucs"

MESSAGE_BYTES = 4096
RANDOM_WORDS = 624

OK, DONE, TRACKS_FAILED = 0, 1, 12
PLANAR, INTERLEAVED = 0, 1


class Progress(ctypes.Structure):
    """`sd_progress`."""

    _fields_ = (
        ("fraction", c_double),
        ("segments_done", c_int64),
        ("segments_total", c_int64),
        ("track_frames", c_int64),
        ("segment_offset", c_int64),
        ("shift", c_int32),
        ("member", c_int32),
        ("has_ended", c_int32),
        ("member_count", c_int32),
    )


class Audio(ctypes.Structure):
    """`sd_audio`."""

    _fields_ = (
        ("samples", c_void_p),
        ("frames", c_size_t),
        ("channels", c_int32),
        ("sample_rate", c_int32),
        ("layout", c_int32),
    )


ProgressCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Progress))
LogCallback = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
EventCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, c_char_p, c_int32)
AudioCallback = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Audio))
TraceCallback = ctypes.CFUNCTYPE(
    c_int32, c_void_p, c_char_p, POINTER(c_int64), c_int32, POINTER(c_float)
)


class Random(ctypes.Structure):
    """`sd_random`."""

    _fields_ = (("words", c_uint32 * RANDOM_WORDS), ("position", c_int32))


# Arguments of the functions that return a status, without the message and its size at the end.
_FUNCTIONS: Any = {
    "sd_open": (c_char_p, c_char_p, LogCallback, c_void_p, POINTER(c_void_p)),
    "sd_model_describe": (c_void_p, EventCallback, c_void_p),
    "sd_plan": (c_void_p, c_char_p, c_size_t, c_int32, EventCallback, c_void_p),
    "sd_separate": (
        c_void_p, POINTER(Audio), c_char_p, c_void_p, c_size_t, c_int32, POINTER(Random),
        POINTER(c_uint64), ProgressCallback, c_void_p, c_void_p,
    ),
    "sd_analyze": (
        c_void_p, POINTER(Audio), c_char_p, EventCallback, ProgressCallback, c_void_p, c_void_p,
    ),
    "sd_run": (
        c_void_p, POINTER(c_char_p), c_size_t, c_char_p, EventCallback, ProgressCallback, c_void_p,
        c_void_p,
    ),
    "sd_models": (c_char_p, EventCallback, c_void_p),
    "sd_fetch": (c_char_p, EventCallback, c_void_p, c_void_p),
    "sd_read": (
        c_char_p, c_int32, c_int32, AudioCallback, c_void_p, LogCallback, c_void_p, c_void_p,
    ),
    "sd_convert": (
        POINTER(Audio), c_int32, c_int32, c_void_p, c_size_t, c_int32, POINTER(c_size_t),
    ),
    "sd_write": (POINTER(Audio), c_char_p, c_char_p),
    "sd_stream_open": (
        c_void_p, c_int32, c_int32, c_char_p, POINTER(Random), ProgressCallback, c_void_p,
        c_void_p, POINTER(c_void_p),
    ),
    "sd_stream_push": (c_void_p, c_void_p, c_size_t, c_int32),
    "sd_stream_finish": (c_void_p,),
    "sd_stream_pull": (c_void_p, c_void_p, c_size_t, c_int32, POINTER(c_size_t)),
    "sd_quantize": (
        c_char_p, c_char_p, POINTER(c_char_p), c_size_t, c_char_p, EventCallback, LogCallback,
        c_void_p, c_void_p,
    ),
    "sd_evaluate": (
        c_void_p, c_void_p, c_int32, c_int32, c_size_t, c_int32, c_int32, c_void_p, c_void_p,
    ),
    "sd_trace": (
        c_void_p, POINTER(Audio), c_double, c_double, c_char_p, TraceCallback, c_void_p,
    ),
}  # fmt: skip


@functools.cache
def library() -> ctypes.CDLL:
    """The library, loaded when it is first used."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise errors.EngineError(
            f"the library {LIBRARY} can't be loaded: {error}; install the wheel again, in a folder:"
            " systems load no library from a zip archive",
            str(LIBRARY),
        ) from error
    for name, arguments in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype = c_int32
        function.argtypes = (*arguments, c_char_p, c_size_t)
    for name in ("sd_close", "sd_stream_close", "sd_cancellation_cancel", "sd_cancellation_free"):
        function = getattr(found, name)
        function.restype = None
        function.argtypes = (c_void_p,)
    found.sd_cancellation_create.restype = c_void_p
    found.sd_version.restype = c_char_p
    return found


def invoke(name: str, *arguments: Any, path: Optional[str] = None) -> int:
    """Calls a function of the C library; returns its status, ``OK``, ``DONE`` or
    ``TRACKS_FAILED``, whose tracks have their errors.

    Raises the :class:`swift_demucs.Error` of any other status; `path` is the file in that error.
    """
    message = ctypes.create_string_buffer(MESSAGE_BYTES)
    status: int = getattr(library(), name)(*arguments, message, MESSAGE_BYTES)
    if status in (OK, DONE, TRACKS_FAILED):
        return status
    raise errors.of_status(status, message.value.decode("utf-8", "replace"), path)


def text(value: Any, name: str) -> bytes:
    """Encodes a C string.

    Raises :class:`TypeError` for a value that is no str, :class:`ArgumentError` for zero characters
    and for characters that UTF-8 can't encode.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; expected a str")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise errors.ArgumentError(f"{name} is {value!r}, expected UTF-8 text without zeros")
    return encoded


def strings(values: Any, name: str) -> Any:
    """Makes an array of C strings."""
    return (c_char_p * len(values))(*[text(value, name) for value in values])
