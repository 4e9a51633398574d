"""``demucs.audio`` (demucs 4.1.0), on this engine: NumPy arrays or torch tensors, as they come."""

from __future__ import annotations

import errno
import functools
from pathlib import Path
from typing import Any, Optional, Tuple, Union

import numpy as np

from . import _arrays, _library, _recordings, errors
from ._arrays import Array, Samples

__all__ = ["AudioFile", "convert_audio", "convert_audio_channels", "prevent_clip", "save_audio"]


class AudioFile:
    """A sound file of one stream, decoded when it is first asked for."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)

    @functools.cached_property
    def _decoded(self) -> Tuple[Array, int]:
        return _recordings.read(self.path)

    def __len__(self) -> int:
        return 1

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self._decoded[0].shape[1] / self._decoded[1])

    def channels(self, stream: int = 0) -> int:
        """Number of channels."""
        return int(self._decoded[0].shape[0])

    def samplerate(self, stream: int = 0) -> int:
        """Sample rate in Hz."""
        return self._decoded[1]

    def read(
        self,
        seek_time: Optional[float] = None,
        duration: Optional[float] = None,
        streams: Any = slice(None),
        samplerate: Optional[int] = None,
        channels: Optional[int] = None,
    ) -> Any:
        """Samples ``[channels, frames]`` for ``streams=0``, else ``[streams, channels, frames]``.

        ``seek_time`` and ``duration`` are in seconds. Raises :class:`InputError`.
        """
        wav, rate = self._decoded
        wanted = rate if samplerate is None else samplerate
        wav = wav[:, round((seek_time or 0) * rate) :]
        if duration is not None:
            wav = wav[:, : int((duration + 1) * rate)]
        count = len(wav) if channels is None else channels
        wav = convert_audio(wav, rate, wanted, count)
        if duration is not None:
            wav = wav[:, : int(wanted * duration)]
        return _arrays.as_caller_wants(np.ascontiguousarray(wav[np.newaxis][streams]))


def convert_audio_channels(wav: Samples, channels: int = 2) -> Samples:
    """Samples ``[..., channels, frames]`` with another number of channels.

    One channel is the mean, more than one of a mono signal are its copies; else the first ones.
    """
    array, kind = _arrays.numpy_of(wav, "wav")
    count = array.shape[-2]
    if count == channels:
        return wav
    if channels == 1:
        array = array.mean(-2, keepdims=True)
    elif count == 1:
        array = array.repeat(channels, -2)
    elif count > channels:
        array = array[..., :channels, :]
    else:
        raise errors.ArgumentError(f"wav has {count} channels, expected 1 or at least {channels}")
    converted: Samples = kind(array)
    return converted


def convert_audio(wav: Samples, from_samplerate: int, to_samplerate: int, channels: int) -> Samples:
    """Samples ``[..., channels, frames]`` with another number of channels and another rate."""
    wav = convert_audio_channels(wav, channels)
    old, new = _arrays.rate(from_samplerate), _arrays.rate(to_samplerate)
    array, kind = _arrays.numpy_of(wav, "wav")
    if old == new or 0 in array.shape:
        return wav
    rows = np.ascontiguousarray(array, np.float32).reshape(-1, 1, array.shape[-1])
    found = np.stack([_recordings.convert(row, _library.PLANAR, old, 1, new) for row in rows])
    converted: Samples = kind(found.reshape(*array.shape[:-1], -1))
    return converted


def prevent_clip(wav: Samples, mode: Optional[str] = "rescale") -> Samples:
    """Samples within ±1: ``rescale``, ``clamp``, ``tanh``; ``none`` leaves them as they are."""
    if mode is None or mode == "none":
        return wav
    _arrays.one_of(mode, "mode", "rescale", "clamp", "tanh", "none")
    array, kind = _arrays.numpy_of(wav, "wav")
    if array.dtype.kind != "f":
        raise TypeError(f"wav has samples of type {array.dtype}, expected float32")
    if mode == "rescale":
        peak = np.abs(array).max() * array.dtype.type(1.01)
        array = array / max(peak, array.dtype.type(1))
    else:
        array = array.clip(-0.99, 0.99) if mode == "clamp" else np.tanh(array)
    safe: Samples = kind(array)
    return safe


def save_audio(
    wav: Any,
    path: Union[str, Path],
    samplerate: int,
    bitrate: int = 320,
    clip: Optional[str] = "rescale",
    bits_per_sample: int = 16,
    as_float: bool = False,
    preset: int = 2,
) -> None:
    """Writes samples ``[channels, frames]`` as WAV, FLAC or MP3, by the name's extension.

    ``clip`` is ``rescale``, ``clamp``, ``tanh`` or ``none``; ``bitrate`` and ``preset`` are for
    MP3, ``bits_per_sample`` (16 or 24) and ``as_float`` for the others.
    """
    text = errors.path_text(path)
    suffix = Path(text).suffix.lower()
    if not Path(text).parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "The folder is missing", str(Path(text).parent))
    bits = 16
    if suffix != ".mp3":
        bits = _arrays.integer(bits_per_sample, "bits_per_sample", 1, 64)
    if _arrays.flag(as_float, "as_float") and suffix == ".wav":
        bits = 32
    elif bits not in (16, 24):
        raise errors.ArgumentError(
            f"Invalid bits_per_sample: {bits_per_sample}; expected 16 or 24, or as_float=True"
        )
    _recordings.write(
        text,
        wav,
        samplerate,
        clip_mode="none" if clip is None else clip,
        mp3_bitrate=bitrate,
        mp3_preset=preset,
        float32=bits == 32,
        int24=bits == 24,
    )
