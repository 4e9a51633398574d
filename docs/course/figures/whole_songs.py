"""Picture of chapter 9."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, COLOURS, GOOD, save

RATE_HZ = 44100


def overlap(triangle: np.ndarray, hard: dict[str, np.ndarray], soft: dict[str, np.ndarray]) -> None:
    """The weights of the segments, and the change by a hard cut around the border with the click."""
    length = len(triangle)
    samples = next(iter(hard.values())).shape[1]
    figure, axes = plt.subplots(2, 1, figsize=(8, 4.6), height_ratios=(1, 1.4))
    colours = [GOOD, COLOURS["bass"], COLOURS["vocals"]]
    for k, start in enumerate(range(0, samples, int(0.75 * length))):
        count = min(length, samples - start)
        seconds = (start + np.arange(0, count, 100)) / RATE_HZ
        axes[0].fill_between(seconds, triangle[:count:100], alpha=0.5, color=colours[k % 3], lw=0)
    axes[0].set_ylabel("weight")
    axes[0].set_xlabel("seconds")
    axes[0].set_title("overlap 0.25: segments and their weights", loc="left")

    def jump(name: str, border: int) -> float:
        difference = (hard[name] - soft[name]).mean(0)
        return abs(float(difference[border] - difference[border - 1]))

    borders = range(length, samples - length // 2, length)
    name, border = max(((n, b) for n in hard for b in borders), key=lambda place: jump(*place))
    part = slice(border - length // 8, border + length // 8)
    seconds = np.arange(part.start, part.stop) / RATE_HZ
    axes[1].plot(seconds, (hard[name] - soft[name])[:, part].mean(0), color=BAD, lw=0.6)
    axes[1].axvline(border / RATE_HZ, color="black", lw=0.8, ls=":")
    axes[1].set_title(f"{name}: hard cut minus overlap 0.25", loc="left")
    axes[1].set_xlabel("seconds (dotted: the border)")
    save(figure, "09_overlap")
