"""Scores of the best fixed stereo mask for each stem: a filter that does not change over time.

    python mask_baseline.py --kind formula

The mask of a stem has one real gain per frequency for the middle (left plus right) and another for
the sides (left minus right), fitted on training songs by least squares (each song has the same
weight: its error counts relative to the energy of its stem) and applied to held-out songs. If these
scores were high, a model could separate without learning timbre; they must stay about 3 dB or less.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import signal

from evaluate import mdx_sdr
from generate import FIRST_HELD_OUT_SEED, KINDS, generate, mixture_of
from oscillators import RATE_HZ, Array
from song import STEMS

WINDOW_SAMPLES = 4096


def spectrum(sound: Array) -> Array:
    """Short-time Fourier transform of middle and sides [..., 2, frequency, frame]."""
    left, right = sound[..., 0, :], sound[..., 1, :]
    turned = np.stack([left + right, left - right], axis=-2)
    return signal.stft(turned * np.float32(np.sqrt(0.5)), RATE_HZ, nperseg=WINDOW_SAMPLES)[2]


def sound_of(spectra: Array, count: int) -> Array:
    """Left and right [2, count] from the transform of middle and sides."""
    middle, side = signal.istft(spectra, RATE_HZ, nperseg=WINDOW_SAMPLES)[1][:, :count]
    return np.stack([middle + side, middle - side]) * np.sqrt(0.5)


def fit(training_songs: int, seconds: float, kind: str) -> Array:
    """The masks [4, 2, frequency] with the smallest sum of relative errors."""
    bins = WINDOW_SAMPLES // 2 + 1
    shared, power = np.zeros((4, 2, bins)), np.zeros((4, 2, bins))
    for seed in range(training_songs):
        stems = generate(seed, seconds, kind)
        whole = spectrum(mixture_of(stems))
        for k, stem in enumerate(stems):
            energy = float(np.square(stem, dtype=np.float64).sum())
            if energy > 0:
                shared[k] += (spectrum(stem) * whole.conj()).real.sum(2) / energy
                power[k] += np.square(np.abs(whole)).sum(2) / energy
    return shared / np.maximum(power, 1e-30)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--training-songs", type=int, default=60)
    parser.add_argument("--songs", type=int, default=50, help="held-out songs")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--kind", choices=KINDS, default="sampled")
    options = parser.parse_args()
    masks = fit(options.training_songs, options.seconds, options.kind)
    scores: dict[str, list[float]] = {name: [] for name in STEMS}
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.songs):
        stems = generate(seed, options.seconds, options.kind)
        whole = spectrum(mixture_of(stems))
        for name, stem, gains in zip(STEMS, stems, masks, strict=True):
            if stem.any():
                estimate = sound_of(whole * gains[:, :, None], stem.shape[1])
                scores[name].append(mdx_sdr(stem, estimate))
    for name, values in scores.items():
        print(f"{name}: {np.median(values):.2f} dB")


if __name__ == "__main__":
    main()
