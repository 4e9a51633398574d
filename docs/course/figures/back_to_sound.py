"""Pictures of chapter 8."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, GOOD, GREY, save


def shares(sources: list[str], spectrogram: np.ndarray, waveform: np.ndarray) -> None:
    """Energy over frequency of each branch's output, and of their sum, for each stem."""

    def energy(sound: np.ndarray) -> np.ndarray:
        power = np.square(np.abs(np.fft.rfft(sound))).mean(0)[1:]
        edges = np.geomspace(1, len(power), 40).astype(int)
        bands = [power[a : max(b, a + 1)].mean() for a, b in pairwise(edges)]
        return 10 * np.log10(np.maximum(bands, 1e-9))

    hertz = np.geomspace(1, spectrogram.shape[2] // 2, 40)[:-1] * 44100 / spectrogram.shape[2]
    figure, axes = plt.subplots(1, len(sources), figsize=(9, 2.8), sharey=True)
    for axis, name, z, wave in zip(axes, sources, spectrogram, waveform, strict=True):
        axis.semilogx(hertz, energy(z + wave), color=GREY, lw=3, label="sum")
        axis.semilogx(hertz, energy(z), color=GOOD, label="spectrogram branch")
        axis.semilogx(hertz, energy(wave), color=BAD, lw=1, label="waveform branch")
        axis.set_title(name)
        axis.set_xlim(30, 20000)
        axis.set_xlabel("Hz")
    axes[0].set_ylabel("dB")
    axes[0].legend(fontsize=7, loc="lower left")
    save(figure, "08_shares")


def unet() -> None:
    """A U-Net with its skips, and a transposed convolution with kernel 8 and stride 4."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), width_ratios=(1, 1.3))
    for level in range(4):
        height = 3 - level
        for side, name in ((-1, f"encoder {level}"), (1, f"decoder {height}")):
            x = side * (1.7 - 0.3 * level)
            axes[0].text(x, height, name, ha="center", va="center", fontsize=7,
                         bbox={"boxstyle": "round", "fc": "white", "ec": GOOD})  # fmt: skip
        axes[0].annotate("", (1.3 - 0.3 * level, height), (-1.3 + 0.3 * level, height),
                         arrowprops={"arrowstyle": "->", "color": BAD, "ls": ":"})  # fmt: skip
    axes[0].text(0, 3.3, "skips", color=BAD, ha="center", fontsize=8)
    axes[0].text(0, -0.9, "transformer", ha="center", fontsize=8)
    axes[0].set_xlim(-2.4, 2.4)
    axes[0].set_ylim(-1.3, 3.8)
    axes[0].axis("off")
    copy = np.hanning(10)[1:-1]
    total = np.zeros(20)
    for k, (weight, colour) in enumerate(((1.0, GOOD), (0.6, BAD), (0.9, "#228833"))):
        places = 4 * k + np.arange(8)
        axes[1].bar(places, weight * copy, bottom=total[places], color=colour, label=f"input {k}")
        total[places] += weight * copy
    axes[1].set_xlabel("place of the output")
    axes[1].set_ylabel("value")
    axes[1].legend()
    save(figure, "08_unet")
