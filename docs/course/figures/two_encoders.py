"""Picture of chapter 4."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, GOOD, GREY, save


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
