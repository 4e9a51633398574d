"""Training batches: excerpts of the songs of a bank, augmented and remixed.

In half of the excerpts each stem comes from another song. Stems are played faster or slower (pitch
and tempo together), equalised, scaled, left out, flipped in sign and swapped in channels; some
examples are narrowed. With the same bank, the batch of a step depends only on the step, so an
interruption does not change the training.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy import fft

from bank import excerpt, songs
from oscillators import RATE_HZ, Array, Generator
from song import STEMS

REMIXED = 0.5  # shares of excerpts or stems
PACED = 0.4
EQUALISED = 0.5
SCALED = 0.6
LEFT_OUT = (0.07, 0.07, 0.07, 0.2)  # vocals more often: nearly all songs have them
NARROWED = 0.12
PACE_SEMITONES = 4.0
MARGIN = 2048  # samples on both sides, for the resampler's edges
REFRESH_STEPS = 50
_OCTAVES = np.linspace(-5, 4.4, 128)  # around 1 kHz


def _curve(random: Generator) -> Array:
    """Equaliser curve, a gain in dB over _OCTAVES: a tilt and three bumps."""
    gain = np.clip(random.normal(0, 0.5), -1.2, 1.2) * _OCTAVES
    for _ in range(3):
        bump = (_OCTAVES - random.uniform(-4.5, 4)) / random.uniform(0.4, 1.6)
        gain += np.clip(random.normal(0, 3), -7, 7) * np.exp(-(bump**2))
    return gain


def changed(sound: Array, count: int, pace: float, curve: Array | None) -> Array:
    """Changes pace and equaliser of a longer sound [2, m] in one transform; returns [2, count].

    `sound` has MARGIN more samples before and after the result.
    """
    if pace == 1.0 and curve is None:
        return sound[:, MARGIN : MARGIN + count]
    m = sound.shape[1]
    spectrum = fft.rfft(sound, axis=1)
    if curve is not None:
        octaves = np.log2(np.maximum(np.arange(spectrum.shape[1]) * (RATE_HZ / m), 1) / 1000)
        gain = np.interp(octaves, _OCTAVES, curve)
        spectrum *= np.exp(gain * (np.log(10) / 20)).astype(np.float32)
    size = round(m / pace)
    keep = min(spectrum.shape[1], size // 2 + 1)
    moved = np.zeros((2, size // 2 + 1), dtype=spectrum.dtype)
    moved[:, :keep] = spectrum[:, :keep]
    result = fft.irfft(moved, size, axis=1) * np.float32(size / m)
    first = round(MARGIN * size / m)
    return result[:, first : first + count].astype(np.float32)


class Batches:
    """Draws batches from a bank, which may grow during training."""

    def __init__(self, directory: Path, device: torch.device) -> None:
        self.directory = directory
        self.device = device
        self.paths = songs(directory)
        self.refreshed = 0
        if not self.paths:
            raise SystemExit(f"{directory}: no songs; make some with bank.py first")

    def _excerpt(self, random: Generator, count: int) -> Array:
        """Stems [4, 2, count] of one example."""
        remixed = random.random() < REMIXED
        song = int(random.integers(len(self.paths)))
        place = random.random()
        pace = self._pace(random)
        stems = np.zeros((len(STEMS), 2, count), dtype=np.float32)
        for k in range(len(STEMS)):
            if remixed:
                song, place = int(random.integers(len(self.paths))), random.random()
                pace = self._pace(random)
            curve = _curve(random) if random.random() < EQUALISED else None
            whole = np.load(self.paths[song], mmap_mode="r").shape[2]
            # A size with small factors, for a fast transform.
            needed = fft.next_fast_len(int((count + 2 * MARGIN) * pace) + 8, real=True)
            start = int(place * max(1, whole - needed))
            read = excerpt(self.paths[song], k, start, needed)
            read = np.pad(read, ((0, 0), (0, needed - read.shape[1])))
            stem = changed(read, count, pace, curve)
            if random.random() < 0.5:
                stem = stem[::-1]
            gain = 10 ** (random.uniform(-9, 5) / 20) if random.random() < SCALED else 1.0
            gain *= -1.0 if random.random() < 0.5 else 1.0
            gain *= 0.0 if random.random() < LEFT_OUT[k] else 1.0
            stems[k] = np.float32(gain) * stem
        if random.random() < NARROWED:  # as in old records, down to one channel
            middle = stems.mean(1, keepdims=True)
            stems = middle + np.float32(random.uniform(0, 0.6)) * (stems - middle)
        return stems

    @staticmethod
    def _pace(random: Generator) -> float:
        """Draws a pace: one, or up to PACE_SEMITONES faster or slower."""
        if random.random() >= PACED:
            return 1.0
        return float(2 ** (random.uniform(-PACE_SEMITONES, PACE_SEMITONES) / 12))

    def draw(self, step: int, batch: int, seconds: float) -> torch.Tensor:
        """Draws the batch of a step: stems [batch, 4, 2, n]."""
        if step - self.refreshed >= REFRESH_STEPS:
            self.paths, self.refreshed = songs(self.directory), step
        random = np.random.default_rng([7, step])
        count = int(seconds * RATE_HZ)
        stems = np.stack([self._excerpt(random, count) for _ in range(batch)])
        return torch.from_numpy(stems).to(self.device)
