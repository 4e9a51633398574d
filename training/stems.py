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
    return stems.sum(0)


def sdr_of(truths: Array, estimates: Sequence[Array]) -> dict[str, float]:
    """The SDR in dB of every stem [4, 2, n] that is not silent.

    It is that of the Music Demixing Challenge (Mitsufuji et al. 2022), over both channels:
    10 log10((sum s^2 + 1e-7) / (sum (s - e)^2 + 1e-7)).
    """
    found = {}
    for name, truth, estimate in zip(STEMS, truths.astype(np.float64), estimates, strict=True):
        power, distortion = np.square(truth), np.square(truth - estimate)
        if power.mean() > SILENT:
            ratio = (power.sum() + SMALL) / (distortion.sum() + SMALL)
            found[name] = float(10 * np.log10(ratio))
    return found


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each stem over songs, of which some lack it."""
    found = {name: [row[name] for row in rows if name in row] for name in STEMS}
    return {name: float(np.median(values)) for name, values in found.items() if values}
