from pathlib import Path
from typing import Any

import numpy as np

from swift_demucs import _arrays, errors
from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.audio import *
from swift_demucs.audio import save_audio


def _array(wav: Any) -> Any:
    return _arrays.numpy_of(wav, "wav")


def i16_pcm(wav: Any) -> Any:
    array, kind = _array(wav)
    if array.dtype.kind != "f":
        return wav
    return kind((32767 * np.clip(array, -1, 1)).astype(np.int16))


def f32_pcm(wav: Any) -> Any:
    array, kind = _array(wav)
    return wav if array.dtype.kind == "f" else kind(array.astype(np.float32) / 32767)


def encode_mp3(
    wav: Any, path: Any, samplerate: int = 44_100, bitrate: int = 320, quality: int = 2, **_: Any
) -> None:
    if Path(path).suffix.lower() != ".mp3":
        raise errors.ArgumentError(f"{path}: the name must end with .mp3")
    save_audio(f32_pcm(wav), path, samplerate, bitrate, clip=None, preset=quality)
