"""Pitches, lengths of time, partials and envelopes.

Nothing here calls a threaded library, so the bits do not depend on the number of cores.
"""

from __future__ import annotations

import numpy as np

from stems import RATE_HZ, Array

TABLE_SAMPLES = 4096
# Highest partial of a wavetable: well below half the sample rate, so that nothing aliases.
TOP_HZ = 16_000.0

Generator = np.random.Generator


def hertz(note: float | Array) -> float | Array:
    """Frequency of a MIDI note."""
    return 440.0 * 2.0 ** ((note - 69) / 12)


def samples(seconds: float) -> int:
    """A length of time in samples."""
    return round(seconds * RATE_HZ)


def times(count: int) -> Array:
    """The times of `count` samples, in seconds."""
    return np.arange(count, dtype=np.float32) / np.float32(RATE_HZ)


def partials(frequency_hz: float, limit: int = 80) -> Array:
    """Numbers 1, 2, ... of the partials of a tone that stay below the top."""
    return np.arange(1, 1 + max(1, min(limit, int(TOP_HZ / frequency_hz))), dtype=np.float64)


def envelope(
    count: int, attack: float, decay: float, sustain: float, release: float, held: int
) -> Array:
    """Attack, exponential decay to a sustain level, and a release that begins after `held` samples.

    Attack is a time in seconds, decay and release are time constants in seconds.
    """
    t = times(count)
    shape = sustain + (1 - sustain) * np.exp(-t / np.float32(decay))
    shape *= np.minimum(1, t / np.float32(max(attack, 1e-4)))
    if held < count:
        shape[held:] *= np.exp(-t[: count - held] / np.float32(release))
        fade = min(count - held, 256)
        shape[count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return shape
