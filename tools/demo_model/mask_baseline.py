"""How far a filter that never changes gets: the best fixed frequency mask for each stem.

    python mask_baseline.py --training-songs 60 --songs 50

For each stem one real gain per frequency is fitted on training songs by least squares (each song
weighs the same: its error counts relative to the energy of its stem) and applied to held-out
songs. If these scores were high, a model could get by without listening to timbre; each has to
stay below 3 dB.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy import signal

from evaluate import mdx_sdr
from generate import FIRST_HELD_OUT_SEED, generate, mixture_of
from oscillators import RATE_HZ, Array
from song import STEMS

WINDOW_SAMPLES = 4096


def spectrum(sound: Array) -> Array:
    """Short-time Fourier transform [..., frequency, frame]."""
    return signal.stft(sound, RATE_HZ, nperseg=WINDOW_SAMPLES)[2]


def fit(training_songs: int, seconds: float) -> Array:
    """The masks [4, frequency] with the least sum of relative errors."""
    bins = WINDOW_SAMPLES // 2 + 1
    shared, power = np.zeros((4, bins)), np.zeros((4, bins))
    for seed in range(training_songs):
        stems = generate(seed, seconds)
        whole = spectrum(mixture_of(stems))
        for k, stem in enumerate(stems):
            energy = float(np.square(stem, dtype=np.float64).sum())
            if energy > 0:
                shared[k] += (spectrum(stem) * whole.conj()).real.sum((0, 2)) / energy
                power[k] += np.square(np.abs(whole)).sum((0, 2)) / energy
    return shared / np.maximum(power, 1e-30)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--training-songs", type=int, default=60)
    parser.add_argument("--songs", type=int, default=50, help="held-out songs")
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    masks = fit(options.training_songs, options.seconds)
    scores: dict[str, list[float]] = {name: [] for name in STEMS}
    plain: dict[str, list[float]] = {name: [] for name in STEMS}
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.songs):
        stems = generate(seed, options.seconds)
        mixture = mixture_of(stems)
        whole = spectrum(mixture)
        for name, stem, mask in zip(STEMS, stems, masks, strict=True):
            masked = signal.istft(whole * mask[:, None], RATE_HZ, nperseg=WINDOW_SAMPLES)[1]
            scores[name].append(mdx_sdr(stem, masked[:, : stem.shape[1]]))
            plain[name].append(mdx_sdr(stem, mixture))
    report = {
        name: {"mixture": float(np.median(plain[name])), "mask": float(np.median(scores[name]))}
        for name in STEMS
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
