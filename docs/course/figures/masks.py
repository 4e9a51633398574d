"""Picture of chapter 3."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import draw_spectrogram, save, spectrogram


def masks(estimates: dict[str, np.ndarray], scores: dict[str, float]) -> None:
    """Spectrograms of one stem by different methods, the truth last."""
    figure, axes = plt.subplots(1, len(estimates), figsize=(9, 3.2), sharey=True)
    seconds = (16, 22)
    part = slice(*(44100 * s for s in seconds))
    loudest = spectrogram(list(estimates.values())[-1].mean(0)[part]).max()
    for axis, (name, sound) in zip(axes, estimates.items(), strict=True):
        draw_spectrogram(axis, sound.mean(0)[part], loudest, seconds)
        axis.set_ylim(0, 6)
        score = f", {scores[name]:.1f} dB" if name in scores else ""
        axis.set_title(f"{name}{score}", fontsize=8)
        axis.set_xlabel("seconds")
    axes[0].set_ylabel("kHz")
    save(figure, "03_masks")
