"""The signal-to-noise ratio, for arrays of NumPy and tensors of PyTorch; needs NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def snr(reference: Any, value: Any) -> float:
    """10·log10(Σ reference² / Σ (reference − value)²) in dB, sums in float64: ∞ for equal arrays,
    −∞ for another shape and for errors that aren't finite."""
    if np.shape(reference) != np.shape(value):
        return -math.inf
    a, b = (
        np.asarray(x.detach() if hasattr(x, "detach") else x, float) for x in (reference, value)
    )
    signal, noise = float(np.square(a).sum()), float(np.square(a - b).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal and math.isfinite(noise) else -math.inf


def worst_snr(references: Iterable[Any], values: Iterable[Any]) -> float:
    """The lowest SNR of as many signals."""
    return min(snr(*pair) for pair in zip(references, values, strict=True))


def snr_of_each(reference: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, float]:
    """The SNR by name; minus infinity for a name that one side lacks."""
    both = reference.keys() & value.keys()
    return {
        name: snr(reference[name], value[name]) if name in both else -math.inf
        for name in sorted(reference.keys() | value.keys())
    }
