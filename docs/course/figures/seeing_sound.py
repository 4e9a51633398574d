"""Picture of chapter 2."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, GOOD, GREY, save


def window_hop_spectrogram(window: np.ndarray, spectrogram: np.ndarray) -> None:
    """A sine with and without the window, overlapping windows, and a spectrogram."""
    n = len(window)
    time = np.arange(n)
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), width_ratios=(1, 1, 1.3))
    sine = np.sin(2 * np.pi * 3.3 * time / n)
    axes[0].plot(time, sine, color=GREY, lw=1, label="a piece")
    axes[0].plot(time, sine * window, color=GOOD, label="times the window")
    axes[0].legend(loc="upper right", fontsize=7)
    axes[0].set_title("window")
    for k in range(5):
        axes[1].plot(time + k * n // 4, window, color=BAD if k == 2 else GOOD, lw=1.2)
    axes[1].set_title("hop: a quarter of the window")
    axes[1].set_yticks([])
    for axis in axes[:2]:
        axis.set_xlabel("samples")
    magnitude = np.hypot(spectrogram[0], spectrogram[1])
    levels = 20 * np.log10(np.maximum(magnitude / magnitude.max(), 1e-4))
    seconds = spectrogram.shape[2] * 1024 / 44100
    image = axes[2].imshow(levels[:512], origin="lower", aspect="auto", cmap="magma", vmin=-70,
                           extent=(0, seconds, 0, 512 * 44.1 / n))  # fmt: skip
    figure.colorbar(image, label="dB below the largest")
    axes[2].set_xlabel("seconds")
    axes[2].set_ylabel("kHz")
    axes[2].set_title("spectrogram, left channel")
    save(figure, "02_window_hop_spectrogram")
