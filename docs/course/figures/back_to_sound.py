"""Picture of chapter 8."""

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
