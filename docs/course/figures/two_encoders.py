"""Picture of chapter 4."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save


def activations(values: dict[str, np.ndarray]) -> None:
    """The mean magnitude over channels of each layer, [F, T]."""
    values = {name: x for name, x in values.items() if not name.endswith("embedded")}
    figure, axes = plt.subplots(1, len(values), figsize=(9, 3.4))
    for axis, (name, x) in zip(axes, values.items(), strict=True):
        strength = np.abs(x).mean(0)
        axis.imshow(
            strength, origin="lower", aspect="auto", cmap="viridis", interpolation="nearest",
            vmax=np.quantile(strength, 0.99),
        )  # fmt: skip
        axis.set_title(f"{name}\n{' × '.join(map(str, x.shape))}", fontsize=8)
        axis.set_xlabel("frame")
    axes[0].set_ylabel("frequency row")
    save(figure, "04_activations")
