"""Picture of chapter 1."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from engine import RATE_HZ

from .style import BAD, COLOURS, STEMS, save


def error_over_time(truth: dict[str, np.ndarray], stems: dict[str, np.ndarray]) -> None:
    """Energies of each true stem and of the error, second by second."""

    def level(sound: np.ndarray) -> np.ndarray:
        whole = sound[:, : sound.shape[1] // RATE_HZ * RATE_HZ]
        energy = np.square(whole).reshape(2, -1, RATE_HZ).mean((0, 2))
        return 10 * np.log10(np.maximum(energy, 1e-7))

    figure, axes = plt.subplots(4, 1, figsize=(8, 7), sharex=True)
    for axis, name in zip(axes, STEMS, strict=True):
        true, error = level(truth[name]), level(truth[name] - stems[name])
        axis.stairs(true, color=COLOURS[name], lw=1.5, baseline=None, label="true stem")
        axis.stairs(error, color=BAD, baseline=None, label="error")
        axis.set_title(name, loc="left")
        axis.set_ylabel("dB")
        axis.set_ylim(-60, 0)
    axes[0].legend(loc="lower left", ncols=2)
    axes[-1].set_xlabel("seconds")
    save(figure, "01_error_over_time")
