"""Conversion between arrays (NumPy, torch, DLPack) and the C library's audio; argument checks."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import math
import sys
from typing import Any, Callable, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from . import _library, errors

Array = npt.NDArray[np.float32]
# Arrays or tensors.
Samples = TypeVar("Samples")


def as_torch(array: Array, device: Any) -> Any:
    """A torch tensor on a device; on the CPU in the same memory."""
    return sys.modules["torch"].from_numpy(array).to(device)


def as_caller_wants(array: Array) -> Any:
    """A torch tensor if the program has imported torch, or demucs by ``as_demucs``; else itself."""
    if "demucs" in sys.modules:
        with contextlib.suppress(ImportError):
            importlib.import_module("torch")
    return as_torch(array, "cpu") if "torch" in sys.modules else array


class Tensor(Protocol):
    """A torch tensor, for the types of callers."""

    def detach(self) -> Any:
        """The same samples without their gradient."""


def as_numpy(array: Array) -> Array:
    """The array itself."""
    return array


def copied(samples: Any, shape: tuple[int, ...]) -> Array:
    """A copy of float32 samples at a pointer of the C library.

    ``numpy.ctypeslib.as_array`` would keep a type in memory for each shape.
    """
    content = ctypes.string_at(samples, 4 * math.prod(shape))
    array: Array = np.frombuffer(content, np.float32).reshape(shape).copy()
    return array


def is_torch(value: object) -> bool:
    """Whether a value is a torch tensor. Never imports torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def numpy_of(value: Any, name: str) -> tuple[npt.NDArray[Any], Callable[[Array], Any]]:
    """NumPy array of a value, without a copy where possible, and a function for the results.

    The function makes torch tensors of NumPy arrays if the value was a tensor.
    """
    if is_torch(value):
        return _of_torch(value, name), functools.partial(as_torch, device=value.device)
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected samples: {name}.filled(0)")
    if isinstance(value, np.ndarray):
        return value, as_numpy
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"{name} is a {type(value).__name__}, expected an array of samples")
    try:
        if hasattr(value, "__dlpack__"):
            return np.from_dlpack(value), as_numpy
        return np.asarray(value), as_numpy
    except Exception as error:
        raise TypeError(
            f"{name} is a {type(value).__name__} that is not an array: {error}; expected float32 "
            "samples [channels, frames], such as a NumPy array or a torch tensor"
        ) from error


def _of_torch(value: Any, name: str) -> npt.NDArray[Any]:
    try:
        dense = value.detach().cpu()
        # NumPy has no bfloat16; each is a float32.
        if dense.dtype is sys.modules["torch"].bfloat16:
            dense = dense.float()
        array: npt.NDArray[Any] = dense.resolve_conj().resolve_neg().numpy()
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"{name} is a tensor of {value.dtype}, {value.layout}, on {value.device}; expected "
            "float32 samples in a dense tensor"
        ) from error
    return array


def floats_of(value: Any, name: str) -> tuple[npt.NDArray[Any], Callable[[Array], Any]]:
    """As :func:`numpy_of`, for samples: floats of any size."""
    array, kind = numpy_of(value, name)
    if array.dtype.kind != "f":
        hint = "; for 16-bit integers: samples.astype('float32') / 32768"
        raise TypeError(
            f"{name} has samples of type {array.dtype}, expected float32 with full scale 1"
            + (hint if array.dtype.kind in "iu" else "")
        )
    return array, kind


def samples_of(
    value: Any, name: str, is_block: bool = False
) -> tuple[Array, int, Callable[[Array], Any]]:
    """Samples ``[channels, frames]``, their layout for the C library, and a function for results.

    A mono signal may have one dimension. float32 arrays in C order, and transposes of such arrays
    ``[frames, channels]``, are not copied. The function is that of :func:`numpy_of`.
    Only a block of a stream may have fewer frames than channels, if these are more than two.
    """
    array, kind = floats_of(value, name)
    if array.ndim == 1:
        array = array[np.newaxis]
    problem = "expected [channels, frames]"
    if 0 in array.shape:
        problem += "; it is empty"
    elif array.ndim == 3 and len(array) == 1:
        problem += "; for a batch of one: wav[0]"
    elif array.ndim == 2 and array.shape[0] > 64:
        problem = "expected at most 64 channels; for an array [frames, channels]: samples.T"
    elif array.ndim == 2 and (is_block or array.shape[0] <= max(2, array.shape[1])):
        problem = ""
    elif array.ndim == 2:
        problem += "; for an array [frames, channels]: samples.T"
    if problem:
        raise errors.ArgumentError(f"{name} has the shape {list(array.shape)}, {problem}")
    array = array.astype(np.float32, copy=False)
    if not (array.dtype.isnative and array.flags.aligned):
        array = np.array(array, dtype=np.float32)
    if array.flags.c_contiguous:
        return array, _library.PLANAR, kind
    if array.flags.f_contiguous:
        return array, _library.INTERLEAVED, kind
    return np.ascontiguousarray(array), _library.PLANAR, kind


def audio(array: Array, layout: int, sample_rate: int) -> _library.Audio:
    """The C library's structure for the array, valid while the array lives."""
    return _library.Audio(
        samples=array.ctypes.data,
        frames=array.shape[1],
        channels=array.shape[0],
        sample_rate=sample_rate,
        layout=layout,
    )


def integer(value: Any, name: str, least: int, most: int) -> int:
    """Checks that a value is a whole number from ``least`` to ``most``."""
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(
            f"{name} is {value!r}, a {type(value).__name__}; expected a whole number"
        ) from None
    if not least <= number <= most:
        raise errors.ArgumentError(f"{name} is {number}, expected {least:,} to {most:,}")
    return int(number)


def real(value: Any, name: str) -> float:
    """Converts a number to a float; text is none."""
    try:
        return float(value + 0)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} is {value!r}, a {type(value).__name__}; expected a number"
        ) from None


def flag(value: Any, name: str) -> bool:
    """Converts a value to a bool; text is none."""
    try:
        return bool(value + 0)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}, expected True or False") from None


def rate(value: Any, name: str = "sample_rate") -> int:
    """Checks a sample rate in Hz."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return integer(value, name, 1_000, 768_000)


def one_of(value: Any, name: str, *values: str) -> None:
    """Checks that a value is one of some words."""
    if value not in values:
        raise errors.ArgumentError(f"{name} is {value!r}, expected one of {', '.join(values)}")
