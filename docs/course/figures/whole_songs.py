"""Picture of chapter 9."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, COLOURS, GOOD, save

RATE_HZ = 44100
BLOCK_SAMPLES = RATE_HZ // 10


def overlap(
    triangle: np.ndarray,
    truth: dict[str, np.ndarray],
    hard: dict[str, np.ndarray],
    soft: dict[str, np.ndarray],
) -> None:
    """The weights of the segments, and the errors of all stems relative to the weighted mean's."""
    length = len(triangle)
    samples = next(iter(truth.values())).shape[1]
    figure, axes = plt.subplots(2, 1, figsize=(8, 4.6), sharex=True, height_ratios=(1, 1.4))
    colours = [GOOD, COLOURS["bass"], COLOURS["vocals"]]
    for k, start in enumerate(range(0, samples, int(0.75 * length))):
        count = min(length, samples - start)
        seconds = (start + np.arange(0, count, 100)) / RATE_HZ
        axes[0].fill_between(seconds, triangle[:count:100], alpha=0.5, color=colours[k % 3], lw=0)
    axes[0].set_ylabel("weight")
    axes[0].set_title("overlap 0.25: segments and their weights", loc="left")

    def error(stems: dict[str, np.ndarray]) -> np.ndarray:
        energy = sum(np.square(truth[name] - stems[name]).mean(0) for name in truth)
        whole = energy[: len(energy) // BLOCK_SAMPLES * BLOCK_SAMPLES]
        return 10 * np.log10(whole.reshape(-1, BLOCK_SAMPLES).mean(1) + 1e-9)

    seconds = (np.arange(len(error(hard))) + 0.5) * BLOCK_SAMPLES / RATE_HZ
    axes[1].plot(seconds, error(hard), color=BAD, lw=1.2, label="hard cuts")
    axes[1].plot(seconds, error(soft), color=GOOD, lw=1.2, label="overlap 0.25")
    for border in range(length, samples, length):
        axes[1].axvline(border / RATE_HZ, color=BAD, lw=0.8, ls=":")
    axes[1].set_ylabel("error, dB")
    axes[1].set_xlabel("seconds (dotted: borders of the hard cuts)")
    axes[1].legend()
    save(figure, "09_overlap")
