"""Pictures of chapter 6."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save


def embedding(positions: np.ndarray, freqs: int) -> None:
    """The embedding of the first frames, a row for each token."""
    figure, axis = plt.subplots(figsize=(8, 3))
    shown = positions[: 10 * freqs]
    axis.imshow(shown, aspect="auto", cmap="RdBu_r", interpolation="nearest")
    axis.set_yticks(np.arange(0, len(shown), freqs), [f"frame {i}" for i in range(10)])
    axis.set_xlabel("channel: time on the left, frequency on the right")
    axis.axvline(positions.shape[1] / 2 - 0.5, color="black", lw=1)
    save(figure, "06_embedding")


def attention(weights: np.ndarray, freqs: int) -> None:
    """The whole attention matrix, and the row of one query."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 1.2))
    high = np.quantile(weights, 0.998)
    axes[0].imshow(weights, cmap="magma", vmax=high, aspect="auto", interpolation="nearest")
    axes[0].set_xlabel("key")
    axes[0].set_ylabel("query")
    axes[0].set_title("all tokens")
    # The query with the lowest entropy, which reads most selectively.
    spread = -(weights * np.log(np.maximum(weights, 1e-12))).sum(1)
    query = int(spread.argmin())
    reads = weights[query].reshape(-1, freqs).T
    axes[1].imshow(reads, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")
    axes[1].plot(query // freqs, query % freqs, "wx", ms=10, mew=2)
    axes[1].set_title(f"what token {query} reads")
    axes[1].set_xlabel("frame")
    axes[1].set_ylabel("frequency row")
    save(figure, "06_attention")
