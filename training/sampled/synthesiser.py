"""A subtractive synthesiser: a wave through a ladder filter whose cutoff changes at every sample.

The filter is applied to the partials, so that nothing aliases: a note has a grid of wavetables for
several cutoffs, and every sample is interpolated between two of them.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from oscillators import RATE_HZ, TABLE_SAMPLES, Array, Generator, partials, times

TABLES = 12


def wave(kind: str, numbers: Array, width: float = 0.25) -> Array:
    """Amplitudes of the partials of a wave."""
    if kind == "saw":
        return 1 / numbers
    if kind == "square":
        return (numbers % 2) / numbers
    if kind == "pulse":
        return np.abs(np.sin(np.pi * numbers * width)) / numbers
    if kind == "triangle":
        return (numbers % 2) / numbers**2
    return np.isin(numbers, (1, 2, 3, 4, 6, 8)) / np.sqrt(numbers)  # an organ


def ladder(ratio: Array, resonance: float) -> Array:
    """Complex gain of a four-pole ladder low pass at `ratio` of its cutoff; resonance 0...1."""
    feedback = 3.6 * resonance
    return (1 + 0.6 * feedback) / ((1 + 1j * ratio) ** 4 + feedback)


def _tables(amplitudes: Array, numbers: Array, pitch_hz: float, cutoffs: Array, resonance: float
            ) -> Array:  # fmt: skip
    """Wavetables [cutoffs, TABLE_SAMPLES]."""
    spectrum = np.zeros((len(cutoffs), TABLE_SAMPLES // 2 + 1), dtype=np.complex128)
    gain = ladder(numbers * pitch_hz / cutoffs[:, None], resonance)
    spectrum[:, 1 : 1 + len(numbers)] = -1j * amplitudes * gain * (TABLE_SAMPLES / 2)
    return fft.irfft(spectrum, TABLE_SAMPLES, axis=1).astype(np.float32)


def swept(
    random: Generator,
    kind: str,
    pitch_hz: Array,
    cutoff_hz: Array,
    resonance: float,
    *,
    voices: int = 1,
    detune_cents: float = 0.0,
    width: float = 0.25,
) -> Array:
    """A note [2, n] whose pitch and cutoff are given for every sample.

    Several voices are detuned around the pitch and spread from left to right.
    """
    count = len(pitch_hz)
    highest = float(pitch_hz.max()) * 2 ** (detune_cents / 1200)
    numbers = partials(highest, 400)
    low, high = max(20.0, float(cutoff_hz.min())), min(20_000.0, float(cutoff_hz.max()) + 1)
    high = max(high, low * 1.01)
    cutoffs = np.geomspace(low, high, TABLES)
    tables = _tables(wave(kind, numbers, width), numbers, highest, cutoffs, resonance).reshape(-1)
    place = np.log(np.clip(cutoff_hz, low, high) / low) * ((TABLES - 1) / np.log(high / low))
    row = np.minimum(place.astype(np.int64), TABLES - 2)
    blend = (place - row).astype(np.float32)
    row *= TABLE_SAMPLES
    turns = np.cumsum(pitch_hz, dtype=np.float64) * (TABLE_SAMPLES / RATE_HZ)
    sound = np.zeros((2, count), dtype=np.float32)
    for k in range(voices):
        offset = 2 * k / (voices - 1) - 1 if voices > 1 else 0.0
        pace = 2 ** (detune_cents * offset / 1200)
        index = (turns * pace + random.random() * TABLE_SAMPLES).astype(np.int64)
        index = (index & (TABLE_SAMPLES - 1)) + row
        tone = tables[index] * (1 - blend) + tables[index + TABLE_SAMPLES] * blend
        angle = (0.8 * offset * (-1) ** k + 1) * np.pi / 4
        sound[0] += np.float32(np.cos(angle)) * tone
        sound[1] += np.float32(np.sin(angle)) * tone
    return sound * np.float32(1.2 / np.sqrt(voices))


def modulated(random: Generator, pitch_hz: Array, index: Array, ratio: float, feedback: float
              ) -> Array:  # fmt: skip
    """Frequency modulation: one modulator at `ratio` times the pitch, its index by sample."""
    phase = np.cumsum(pitch_hz, dtype=np.float64) * (2 * np.pi / RATE_HZ)
    inner = np.sin(ratio * phase + random.random() * 6.28)
    inner = np.sin(ratio * phase + feedback * inner)
    return np.sin(phase + index * inner).astype(np.float32)


def glided(pitch_hz: float, before_hz: float, seconds: float, count: int) -> Array:
    """Pitch that glides from the previous note's pitch, fast at first."""
    t = times(count)
    away = np.log2(before_hz / pitch_hz) * np.exp(-t / np.float32(max(seconds, 1e-4)))
    return pitch_hz * 2.0**away
