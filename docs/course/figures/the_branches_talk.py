"""Picture of chapter 7."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save


def cross_attention(weights: np.ndarray, freqs: int) -> None:
    """Attention of a head of the waveform, over time and over frequency."""
    places = weights.reshape(len(weights), -1, freqs)  # [tokens, frame, freq]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 1.2))
    frames = places.sum(2)
    axes[0].imshow(frames, cmap="magma", aspect="auto", vmax=np.quantile(frames, 0.995),
                   interpolation="nearest")  # fmt: skip
    axes[0].set_xlabel("frame of the spectrogram")
    axes[0].set_ylabel("token of the waveform")
    axes[1].imshow(places.mean(0).T, origin="lower", aspect="auto", cmap="magma",
                   interpolation="nearest")  # fmt: skip
    axes[1].set_xlabel("frame")
    axes[1].set_ylabel("frequency row")
    axes[1].set_title("read by all tokens together")
    save(figure, "07_cross_attention")
