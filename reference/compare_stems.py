"""Reads stems and compares them; `swift-demucs compare` does the same for two folders."""

from __future__ import annotations

import math
from pathlib import Path

import torch

import wav_file
from fixture import snr

Stems = dict[str, torch.Tensor]


def read(folder: Path) -> Stems:
    """Stems [C, n] by name, from a folder of audio files."""
    files = sorted(p for p in folder.iterdir() if p.suffix in (".wav", ".flac"))
    return {file.stem: wav_file.read(file)[0] for file in files}


def compare_all(reference: Stems, ours: Stems) -> dict[str, float]:
    """SNR of each stem in dB; minus infinity for another shape, or if one side lacks it."""
    found = {}
    for name in sorted(reference.keys() | ours.keys()):
        a, b = reference.get(name), ours.get(name)
        alike = a is not None and b is not None and a.shape == b.shape
        found[name] = snr(a, b) if alike else -math.inf
    return found
