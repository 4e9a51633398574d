"""Audio of any kind of array, and stems of the same kind."""

from __future__ import annotations

import sys
from typing import Any, Callable, Tuple

import numpy as np
import numpy.typing as npt

from . import _library, errors

Array = npt.NDArray[np.float32]


def as_torch(array: Array) -> Any:
    """A torch tensor in the same memory."""
    return sys.modules["torch"].from_numpy(array)


def as_numpy(array: Array) -> Array:
    """The array itself."""
    return array


def is_torch(value: object) -> bool:
    """Whether a value is a torch tensor. Never imports torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def numpy_of(value: Any, name: str) -> Tuple[npt.NDArray[Any], Callable[[Array], Any]]:
    """An array in the value's memory wherever possible, and what makes results of its kind."""
    if is_torch(value):
        return value.detach().cpu().numpy(), as_torch
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
            f"{name} is a {type(value).__name__} that is no array: {error}; expected float32 "
            "samples [channels, frames], such as a NumPy array or a torch tensor"
        ) from error


def samples_of(value: Any, name: str) -> Tuple[Array, int, Callable[[Array], Any]]:
    """Samples ``[channels, frames]`` in one of the C library's layouts, and that layout.

    A mono signal may have one dimension. float32 in C order, and the transpose of such an array
    ``[frames, channels]``, are taken without a copy.
    """
    array, kind = numpy_of(value, name)
    if array.dtype.kind != "f":
        raise TypeError(
            f"{name} has samples of type {array.dtype}, expected float32 with full scale 1; "
            "for 16-bit integers: samples.astype('float32') / 32768"
        )
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or 0 in array.shape:
        raise errors.ArgumentError(
            f"{name} has the shape {list(array.shape)}, expected [channels, frames]; "
            "for an array [frames, channels]: samples.T"
        )
    if array.shape[0] > 64:
        raise errors.ArgumentError(
            f"{name} has the shape {list(array.shape)}, which is {array.shape[0]} channels, "
            "expected at most 64; for an array [frames, channels]: samples.T"
        )
    array = array.astype(np.float32, copy=False)
    if not (array.dtype.isnative and array.flags.aligned):
        array = np.array(array, dtype=np.float32)
    if array.flags.c_contiguous:
        return array, _library.PLANAR, kind
    if array.flags.f_contiguous:
        return array, _library.INTERLEAVED, kind
    return np.ascontiguousarray(array), _library.PLANAR, kind


def audio(array: Array, layout: int, sample_rate: int) -> _library.Audio:
    """The array for the C library; valid as long as the array."""
    return _library.Audio(
        samples=array.ctypes.data,
        frames=array.shape[1],
        channels=array.shape[0],
        sample_rate=sample_rate,
        layout=layout,
    )


def integer(value: Any, name: str, least: int, most: int) -> int:
    """A whole number in a range."""
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
    """A number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} is {value!r}, a {type(value).__name__}; expected a number"
        ) from None


def flag(value: Any, name: str) -> bool:
    """Yes or no."""
    try:
        return bool(value)
    except ValueError:
        raise TypeError(f"{name} is {value!r}, expected True or False") from None


def rate(value: Any, name: str = "sample_rate") -> int:
    """A sample rate in Hz."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return integer(value, name, 1_000, 768_000)


def one_of(value: Any, name: str, values: dict[str, int]) -> int:
    """The number of a named choice."""
    if isinstance(value, str) and value in values:
        return values[value]
    raise errors.ArgumentError(f"{name} is {value!r}, expected one of {', '.join(values)}")
