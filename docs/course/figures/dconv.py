"""Picture of chapter 5."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save


def residual(before: np.ndarray, after: np.ndarray) -> None:
    """The channel that DConv changes most: before, after, difference."""
    channel = int(np.square(after - before).sum((1, 2)).argmax())
    pictures = {
        f"before, channel {channel}": before[channel],
        "after": after[channel],
        "difference": (after - before)[channel],
    }
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True)
    limit = np.quantile(np.abs(before[channel]), 0.995)
    for axis, (name, x) in zip(axes, pictures.items(), strict=True):
        image = axis.imshow(
            x, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit,
            interpolation="nearest",
        )  # fmt: skip
        axis.set_title(name)
        axis.set_xlabel("frame")
    axes[0].set_ylabel("frequency row")
    figure.colorbar(image, ax=axes)
    save(figure, "05_residual")
