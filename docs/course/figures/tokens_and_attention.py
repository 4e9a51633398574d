"""Picture of chapter 6."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

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
