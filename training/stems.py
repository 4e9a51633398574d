"""The stems of a song: their names in order, their sample rate, their sum, their scores."""

from collections.abc import Sequence

import numpy as np

Array = np.ndarray

RATE_HZ = 44_100
STEMS = ("drums", "bass", "other", "vocals")
SILENT = 1e-6  # mean square below which a stem has no score
SMALL = 1e-7


def mixture_of(stems: Array) -> Array:
    """The sum of stems [4, 2, n] in float32, one after the other."""
    mixture = stems[0].copy()
    for stem in stems[1:]:
        mixture += stem
    return mixture


def mdx_sdr(truth: Array, estimate: Array) -> float:
    """Global signal-to-distortion ratio in dB of a stem; evaluate.py has the formula."""
    truth, estimate = truth.astype(np.float64), estimate.astype(np.float64)
    distortion = np.square(truth - estimate).sum()
    return float(10 * np.log10((np.square(truth).sum() + SMALL) / (distortion + SMALL)))


def sdr_of(truths: Array, estimates: Sequence[Array]) -> dict[str, float]:
    """The SDR of every stem [4, 2, n] that is not silent."""
    return {
        name: mdx_sdr(truth, estimate)
        for name, truth, estimate in zip(STEMS, truths, estimates, strict=True)
        if np.square(truth, dtype=np.float64).mean() > SILENT
    }


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each stem over songs, of which some lack it."""
    found = {name: [row[name] for row in rows if name in row] for name in STEMS}
    return {name: float(np.median(values)) for name, values in found.items() if values}
