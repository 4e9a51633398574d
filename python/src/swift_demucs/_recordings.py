"""Reading, converting and writing sound files."""

from __future__ import annotations

import logging
import os
from ctypes import byref, c_size_t
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np

from . import _arrays, _call, _library, _settings, errors
from ._arrays import Array

Path_ = Union[str, bytes, "os.PathLike[Any]"]

logger = logging.getLogger("swift_demucs")


def _log(_context: Any, level: int, message: bytes) -> None:
    text = message.decode("utf-8", "replace")
    logger.log(logging.WARNING if level == 1 else logging.INFO, "%s", text)


# Passes log lines of the C library to `logging`; lives as long as the process.
log = _library.LogCallback(_log)


def read(
    path: Path_,
    *,
    sample_rate: Optional[int] = None,
    channels: Optional[int] = None,
    cancellation: Optional[_call.Cancellation] = None,
) -> tuple[Array, int]:
    """Decodes a sound file: samples ``[channels, frames]``, and their rate in Hz.

    WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3, CAF; with an ffmpeg on ``PATH`` also AAC, M4A and the
    sound of videos. If a rate or a number of channels is given, the audio is converted to it, as
    demucs converts a track for its model.

    Raises :class:`InputError`.
    """
    blocks: list[Array] = []
    rates: list[int] = []

    def keep(block: Any) -> None:
        blocks.append(_arrays.copied(block.samples, (block.channels, block.frames)))
        rates.append(block.sample_rate)

    decode(path, keep, sample_rate, channels, cancellation)
    return np.concatenate(blocks, axis=1), rates[0]


def decode(
    path: Path_,
    take: Callable[[Any], object],
    sample_rate: Optional[int] = None,
    channels: Optional[int] = None,
    cancellation: Optional[_call.Cancellation] = None,
) -> None:
    """Gives the C library's blocks of a sound file to a function, as :func:`read` converts them.

    An exception of the function ends the decoding, and comes out.
    """
    text = errors.path_text(path)
    wanted_rate = 0 if sample_rate is None else _arrays.rate(sample_rate)
    wanted_channels = 0 if channels is None else _arrays.integer(channels, "channels", 1, 64)
    callbacks = _call.Callbacks()
    with _call.token(cancellation) as token:
        callback = _library.AudioCallback(
            lambda _context, block: callbacks.guard(lambda: take(block.contents))
        )
        callbacks.invoke(
            token, "sd_read", text.encode(), wanted_channels, wanted_rate, callback, None, log,
            None, token.handle, path=text,
        )  # fmt: skip


def convert(audio: Array, layout: int, sample_rate: int, channels: int, new_rate: int) -> Array:
    """Converts samples ``[channels, frames]`` to another number of channels and another rate."""
    given = _arrays.audio(audio, layout, sample_rate)
    frames = c_size_t()
    arguments = (byref(given), channels, new_rate)
    _library.invoke("sd_convert", *arguments, None, 0, _library.PLANAR, byref(frames))
    result = np.empty((channels, frames.value), np.float32)
    _library.invoke(
        "sd_convert", *arguments, result.ctypes.data, frames.value, _library.PLANAR, byref(frames)
    )
    return result


def write(
    path: Path_,
    samples: Any,
    sample_rate: int,
    **settings: _settings.Unpack[_settings.WriteSettings],
) -> Path:
    """Writes samples ``[channels, frames]`` as WAV, FLAC or MP3, by the name's extension.

    :param settings: ``int24``, ``float32``, ``mp3_bitrate``, ``mp3_preset``; ``clip_mode`` brings
        samples beyond ±1 into range: ``rescale`` divides all by 1.01 times the peak if that is
        above one, ``clamp`` and ``tanh`` change single samples, ``none`` leaves them to the
        format, and ``off`` keeps them, with ``float32``. ``format`` (``wav``, ``flac``, ``mp3``)
        is for names with another extension.

    The file gets its name only when it is complete.

    Raises :class:`OutputError`.
    """
    _settings.check(settings, _settings.WriteSettings)
    text = errors.path_text(path)
    array, layout, _ = _arrays.samples_of(samples, "samples")
    audio = _arrays.audio(array, layout, _arrays.rate(sample_rate))
    given = _settings.encode(settings)
    with _call.token(None) as token:
        _call.Callbacks().invoke(token, "sd_write", byref(audio), text.encode(), given, path=text)
    return Path(text)
