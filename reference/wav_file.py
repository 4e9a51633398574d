"""Reads audio, and writes float32 WAV without clamping and without a timestamped PEAK chunk."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import soundfile
import torch


def read(path: Path) -> tuple[torch.Tensor, int]:
    """Samples [C, n] in float32 and the sample rate of any file that libsndfile decodes."""
    samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    return torch.from_numpy(np.ascontiguousarray(samples.T)), rate


def excerpt(path: Path, start: float, seconds: float = math.inf) -> tuple[torch.Tensor, int]:
    """Some seconds of a file's samples, and the sample rate."""
    samples, rate = read(path)
    first = int(start * rate)
    if first >= samples.shape[1]:
        raise ValueError(f"{path} has nothing from {start:g} s on")
    count = int(min(seconds * rate, samples.shape[1]))
    return samples[:, first : first + count].contiguous(), rate


def write(path: Path, samples: torch.Tensor, rate: int) -> None:
    """Writes [C, n] as 32-bit float WAV."""
    channels, length = samples.shape
    data = samples.detach().float().t().contiguous().numpy().astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, channels, rate, 4 * channels * rate, 4 * channels, 32)
    chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", length)), (b"data", data)]
    size = 4 + sum(8 + len(content) for _, content in chunks)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", size) + b"WAVE")
        for name, content in chunks:
            file.write(name + struct.pack("<I", len(content)) + content)
