"""Pictures of chapter 4."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, GOOD, GREY, save


def activations(values: dict[str, np.ndarray]) -> None:
    """The mean magnitude over channels of each layer, [F, T]."""
    values = {name: x for name, x in values.items() if not name.endswith("embedded")}
    figure, axes = plt.subplots(1, len(values), figsize=(9, 3.4))
    for axis, (name, x) in zip(axes, values.items(), strict=True):
        strength = np.abs(x).mean(0)
        image = axis.imshow(
            strength, origin="lower", aspect="auto", cmap="viridis", interpolation="nearest",
            vmax=np.quantile(strength, 0.99),
        )  # fmt: skip
        axis.set_title(f"{name}\n{' × '.join(map(str, x.shape))}", fontsize=8)
        axis.set_xlabel("frame")
    figure.colorbar(image, label="mean magnitude (last picture)")
    axes[0].set_ylabel("frequency row")
    save(figure, "04_activations")


def bends(gelu: Callable[[np.ndarray], np.ndarray]) -> None:
    """GELU beside ReLU, and the sigmoid."""
    x = np.linspace(-4, 4, 200, dtype=np.float32)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4))
    axes[0].plot(x, np.maximum(x, 0), color=GREY, ls="--", label="ReLU")
    axes[0].plot(x, gelu(x), color=GOOD, label="GELU")
    axes[1].plot(x, 1 / (1 + np.exp(-x)), color=BAD, label="sigmoid")
    for axis in axes:
        axis.legend(loc="upper left")
        axis.set_xlabel("input")
    axes[0].set_ylabel("output")
    save(figure, "04_bends")
