"""Picture of chapter 11."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import GOOD, GREY, draw_spectrogram, save, spectrogram


def learning(losses: list[tuple[int, float]], sounds: dict[str, np.ndarray]) -> None:
    """The loss over the steps, and spectrograms of one stem, the truth last."""
    widths = [1.5] + [1] * len(sounds)
    figure, axes = plt.subplots(1, len(widths), figsize=(10, 3), width_ratios=widths)
    steps, values = zip(*losses, strict=True)
    axes[0].plot(steps, values, color=GREY, lw=0.6)
    count = max(1, len(values) // 12)
    smooth = np.convolve(values, np.ones(count) / count, mode="valid")
    axes[0].plot(steps[count - 1 :], smooth, color=GOOD, lw=2)
    axes[0].set_ylabel("loss relative to the mixture's level")
    axes[0].set_xlabel("step")
    part = slice(2 * 44100, 6 * 44100)
    loudest = spectrogram(list(sounds.values())[-1].mean(0)[part]).max()
    for axis, (name, sound) in zip(axes[1:], sounds.items(), strict=True):
        draw_spectrogram(axis, sound.mean(0)[part], loudest, (2, 6))
        axis.set_ylim(0, 8)
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("seconds")
    axes[1].set_ylabel("kHz")
    save(figure, "11_learning")
