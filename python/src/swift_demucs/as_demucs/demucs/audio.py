from typing import Any

from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.audio import *
from swift_demucs.audio import save_audio


def i16_pcm(wav: Any) -> Any:
    return (32767 * wav.clamp(-1, 1)).short() if wav.is_floating_point() else wav


def f32_pcm(wav: Any) -> Any:
    return wav if wav.is_floating_point() else wav.float() / 32767


def encode_mp3(
    wav: Any, path: Any, samplerate: int = 44_100, bitrate: int = 320, quality: int = 2, **_: Any
) -> None:
    save_audio(f32_pcm(wav), path, samplerate, bitrate, clip=None, preset=quality)
