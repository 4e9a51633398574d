"""Picture of chapter 7."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save
from .tokens_and_attention import by_frame


def cross_attention(heads: dict[str, np.ndarray], freqs: int) -> None:
    """What each token of the waveform reads of each frame of the spectrogram, for each head."""
    figure, axes = plt.subplots(1, len(heads), figsize=(9, 2.8), sharey=True)
    for axis, (name, weights) in zip(axes, heads.items(), strict=True):
        image = by_frame(axis, weights, freqs, 1)
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("frame that is read")
    axes[0].set_ylabel("waveform token that asks")
    figure.colorbar(image, ax=axes, label="times an even spread", format="%g")
    save(figure, "07_cross_attention")
