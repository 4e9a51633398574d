"""Picture of chapter 9."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from engine import RATE_HZ

from .style import BAD, COLOURS, GOOD, save


def overlap(
    triangle: np.ndarray, hard: dict[str, np.ndarray], soft: dict[str, np.ndarray]
) -> tuple[str, int]:
    """The weights of the segments, and both results at the border with the largest jump, which it returns."""
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
        difference = hard[name][0] - soft[name][0]
        return abs(float(difference[border] - difference[border - 1]))

    borders = range(length, samples - length // 2, length)
    name, border = max(((n, b) for n in hard for b in borders), key=lambda place: jump(*place))
    part = slice(border - RATE_HZ // 200, border + RATE_HZ // 200)
    milliseconds = (np.arange(part.start, part.stop) - border) * 1000 / RATE_HZ
    axes[1].plot(milliseconds, hard[name][0, part], color=BAD, lw=1, label="hard cut")
    axes[1].plot(milliseconds, soft[name][0, part], color=GOOD, lw=1, label="overlap 0.25")
    axes[1].axvline(0, color="black", lw=0.8, ls=":")
    axes[1].set_title(f"{name}, left channel, at {border / RATE_HZ:.0f} s", loc="left")
    axes[1].set_xlabel("milliseconds from the border")
    axes[1].set_ylabel("sample")
    axes[1].legend(loc="upper right")
    save(figure, "09_overlap")
    return name, border
