"""Pictures of chapter 6."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage

from .style import save


def embedding(positions: np.ndarray, freqs: int) -> None:
    """The embedding of the first frames, a row for each token."""
    figure, axis = plt.subplots(figsize=(8, 3))
    shown = positions[: 10 * freqs]
    image = axis.imshow(shown, aspect="auto", cmap="RdBu_r", interpolation="nearest")
    figure.colorbar(image, label="value")
    axis.set_yticks(np.arange(0, len(shown), freqs), [f"frame {i}" for i in range(10)])
    axis.set_xlabel("channel: time on the left, frequency on the right")
    axis.axvline(positions.shape[1] / 2 - 0.5, color="black", lw=1)
    save(figure, "06_embedding")


def attention(heads: dict[str, np.ndarray], freqs: int) -> None:
    """What each frame reads of each frame in each head, compared with an even spread."""
    columns = 4
    rows = -(-len(heads) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 2.4 * rows), squeeze=False)
    for axis, (name, weights) in zip(axes.flat, heads.items(), strict=False):
        image = by_frame(axis, weights, freqs, freqs)
        axis.set_title(name, fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("frame that is read")
    for axis in axes[:, 0]:
        axis.set_ylabel("frame that asks")
    figure.colorbar(image, ax=axes, label="times an even spread", format="%g")
    save(figure, "06_attention")


def by_frame(axis: plt.Axes, weights: np.ndarray, freqs: int, queries: int) -> AxesImage:
    """Draws weights [queries, keys], summed over the tokens of each frame."""
    shares = weights.reshape(len(weights), -1, freqs).sum(2)
    shares = shares.reshape(-1, queries, shares.shape[1]).mean(1) * shares.shape[1]
    scale = LogNorm(0.1, 10)
    return axis.imshow(shares, cmap="magma", norm=scale, aspect="auto", interpolation="nearest")
