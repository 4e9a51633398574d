"""Picture of chapter 0."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import STEMS, draw_spectrogram, save, spectrogram


def spectrograms(stems: dict[str, np.ndarray], seconds: tuple[float, float]) -> None:
    """Spectrograms of the mixture and the stems, one below the other, on one scale."""
    part = slice(*(int(44100 * s) for s in seconds))
    sounds = {name: stems[name].mean(0)[part] for name in STEMS}
    sounds = {"all four together": sum(sounds.values()), **sounds}
    figure, axes = plt.subplots(len(sounds), 1, figsize=(8, 8), sharex=True)
    loudest = spectrogram(sounds["all four together"]).max()
    for axis, (name, sound) in zip(axes, sounds.items(), strict=True):
        draw_spectrogram(axis, sound, loudest, seconds, floor=-70)
        axis.set_ylim(0, 10)
        axis.set_ylabel("kHz")
        axis.set_title(name, loc="left")
    axes[-1].set_xlabel("seconds")
    save(figure, "00_spectrograms")
