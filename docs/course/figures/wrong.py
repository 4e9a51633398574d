"""Picture of a wrong result beside the right one."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import save


def draw(name: str, expected: np.ndarray, found: np.ndarray) -> None:
    """Expected, found and their difference: of three axes, the place of the first that differs most."""
    place = ""
    if expected.ndim > 2:
        expected, found = (x.reshape(-1, *x.shape[-2:]) for x in (expected, found))
        most = int(np.square(found - expected).sum((1, 2)).argmax())
        expected, found, place = expected[most], found[most], f", place {most} of axis 0"
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
    limit = max(np.abs(expected).max(), 1e-9)
    for axis, title, x in zip(axes, ("expected", "found", "difference"), (expected, found, found - expected), strict=True):
        if x.ndim == 2:
            image = axis.imshow(x, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        else:
            axis.plot(x, lw=1)
        axis.set_title(title + place)
    if expected.ndim == 2:
        figure.colorbar(image, ax=axes)
    save(figure, f"wrong_{name}")
