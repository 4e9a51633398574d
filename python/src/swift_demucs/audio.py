"""``demucs.audio`` (demucs 4.1.0), on this engine: NumPy arrays or torch tensors, as they come."""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Union

import numpy as np

from . import _arrays, _call, _library, _recordings, errors
from ._arrays import Array, Samples

__all__ = [
    "AudioFile", "LoadAudioError", "convert_audio", "convert_audio_channels", "prevent_clip",
    "save_audio",
]  # fmt: skip


class LoadAudioError(errors.InputError, subprocess.CalledProcessError, RuntimeError):
    """A sound file can't be read; with the types that callers of demucs and its tools expect."""

    returncode = 1
    cmd: Any = "swift-demucs"
    output = stderr = None


@contextlib.contextmanager
def loading(path: object) -> Iterator[None]:
    """Raises :class:`LoadAudioError` for any error of this package."""
    try:
        yield
    except errors.Error as error:
        raise LoadAudioError(str(error), str(path)) from error


class AudioFile:
    """A sound file of one stream. Its methods raise :class:`LoadAudioError`."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)

    def _decode(self, is_enough: Callable[[Any], object]) -> None:
        """Gives blocks to a function until it returns something true."""

        def take(block: Any) -> None:
            self._format = (block.channels, block.sample_rate)
            if is_enough(block):
                raise _call.Enough

        with contextlib.suppress(_call.Enough), loading(self.path):
            _recordings.decode(self.path, take)

    @functools.cached_property
    def _format(self) -> tuple[int, int]:
        """Channels and rate, which the first block has."""
        self._decode(lambda _: True)
        return self._format

    def __len__(self) -> int:
        return 1

    @functools.cached_property
    def duration(self) -> float:
        """Length in seconds; decodes the file block by block."""
        frames: list[int] = []
        self._decode(lambda block: frames.append(block.frames))
        return sum(frames) / self.samplerate()

    def channels(self, stream: int = 0) -> int:
        """Number of channels."""
        return self._format[0]

    def samplerate(self, stream: int = 0) -> int:
        """Sample rate in Hz."""
        return self._format[1]

    def read(
        self,
        seek_time: Optional[float] = None,
        duration: Optional[float] = None,
        streams: Any = slice(None),
        samplerate: Optional[int] = None,
        channels: Optional[int] = None,
    ) -> Any:
        """Samples ``[channels, frames]`` for ``streams=0``, else ``[streams, channels, frames]``.

        ``seek_time`` and ``duration`` are in seconds; nothing beyond them is decoded.
        """
        start = 0.0 if seek_time is None else _arrays.real(seek_time, "seek_time")
        length = math.inf if duration is None else _arrays.real(duration, "duration")
        if not (math.isfinite(start) and length > -math.inf):
            text = f"seek_time and duration are {start} and {length}, expected numbers of seconds"
            raise LoadAudioError(text, str(self.path))
        # A second more than is wanted, for the conversion of the rate.
        end = start + length + 1
        blocks: list[Array] = []
        position = 0

        def keep(block: Any) -> bool:
            nonlocal position
            skipped = max(0, start * block.sample_rate - position)
            if skipped < block.frames:
                samples = _arrays.copied(block.samples, (block.channels, block.frames))
                blocks.append(samples[:, round(skipped) :])
            position += block.frames
            return bool(position >= end * block.sample_rate)

        self._decode(keep)
        count, rate = self._format
        wanted = rate if samplerate is None else samplerate
        wav = np.concatenate(blocks or [np.empty((count, 0), np.float32)], axis=1)
        with loading(self.path):
            wav = convert_audio(wav, rate, wanted, count if channels is None else channels)
        frames = min(wav.shape[1], max(0, wanted * (length + min(0, start))))
        return _arrays.as_caller_wants(
            np.ascontiguousarray(wav[np.newaxis, :, : int(frames)][streams])
        )


def convert_audio_channels(wav: Samples, channels: int = 2) -> Samples:
    """Samples ``[..., channels, frames]`` with another number of channels.

    One channel is the mean, more than one of a mono signal are its copies; else the first ones.
    """
    array, kind = _arrays.numpy_of(wav, "wav")
    channels = _arrays.integer(channels, "channels", 1, 64)
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
        text, wav, samplerate, clip_mode="none" if clip is None else clip, mp3_bitrate=bitrate,
        mp3_preset=preset, float32=bits == 32, int24=bits == 24,
    )  # fmt: skip
