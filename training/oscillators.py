"""Sound sources of all instruments: wavetables, strings, envelopes, placing of notes.

Everything is computed from formulas and a seeded generator. Nothing here calls a threaded
library, so the bits do not depend on the number of cores.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

RATE_HZ = 44_100
TABLE_SAMPLES = 4096
# Highest partial of a wavetable: well below half the sample rate, so that nothing aliases.
TOP_HZ = 16_000.0

Array = np.ndarray
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


def wavetable(amplitudes: Array, phases: Array | None = None) -> Array:
    """One period with given amplitudes of the partials; all sines if no phases are given."""
    spectrum = np.zeros(TABLE_SAMPLES // 2 + 1, dtype=np.complex128)
    turn = -1j if phases is None else np.exp(1j * phases)
    spectrum[1 : 1 + len(amplitudes)] = amplitudes * turn * (TABLE_SAMPLES / 2)
    return fft.irfft(spectrum, TABLE_SAMPLES).astype(np.float32)


def oscillate(table: Array, frequency_hz: float | Array, count: int, phase: float = 0.0) -> Array:
    """Reads a table at a constant frequency or one for each sample; `phase` is in periods."""
    if np.ndim(frequency_hz) == 0:
        position = np.arange(count) * (float(frequency_hz) * TABLE_SAMPLES / RATE_HZ)
    else:
        position = np.cumsum(frequency_hz[:count], dtype=np.float64) * (TABLE_SAMPLES / RATE_HZ)
    position += phase * TABLE_SAMPLES
    return table[position.astype(np.int64) & (TABLE_SAMPLES - 1)]


def brightened(
    random: Generator,
    waves: tuple[Array, Array],
    blend: Array,
    frequency_hz: float | Array,
    *,
    voices: int = 1,
    detune_cents: float = 0.0,
) -> Array:
    """Voices between a dark and a bright wave, given by partials: bright where `blend` is one."""
    dark, bright = (wavetable(wave) for wave in waves)
    count = len(blend)
    tone = np.zeros(count, dtype=np.float32)
    for k in range(voices):
        pitch = frequency_hz * 2 ** (detune_cents * (k - (voices - 1) / 2) / 1200)
        phase = random.random()
        tone += (1 - blend) * oscillate(dark, pitch, count, phase)
        tone += blend * oscillate(bright, pitch, count, phase)
    return tone / np.sqrt(voices)


def low_pass_shape(
    numbers: Array, frequency_hz: float, cutoff_hz: float, peak: float = 0.0
) -> Array:
    """Gain on each partial of a two-pole low pass that adds `peak` at its cutoff."""
    ratio = numbers * frequency_hz / cutoff_hz
    return 1 / np.sqrt(1 + ratio**4) + peak * np.exp(-((np.log2(ratio) / 0.25) ** 2))


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


def string(
    random: Generator, frequency_hz: float, count: int, decay: float, damping: float, pick: float
) -> Array:
    """A plucked string: noise that circulates in a lossy delay line (Karplus and Strong, 1983).

    `decay` is the gain of one round, `damping` the share of the older neighbour in the low pass,
    `pick` the position of the pick along the string. The line has a whole number of samples; the
    result is resampled to the right pitch.
    """
    period = RATE_HZ / frequency_hz
    length = max(8, int(period))
    pace = (length + damping) / period
    needed = int(count * pace) + 2
    rounds = needed // length + 2
    burst = random.uniform(-1, 1, length)
    burst -= np.roll(burst, max(1, int(pick * length)))
    burst = 0.6 * burst + 0.4 * np.roll(burst, 1)
    burst -= burst.mean()
    line = np.empty((rounds, length), dtype=np.float32)
    line[0] = burst
    last = np.float32(0)
    keep, mix = np.float32(decay * (1 - damping)), np.float32(decay * damping)
    for k in range(1, rounds):
        before = line[k - 1]
        now = line[k]
        np.multiply(before, keep, out=now)
        now[1:] += mix * before[:-1]
        now[0] += mix * last
        last = before[-1]
    sound = np.interp(np.arange(count) * pace, np.arange(rounds * length), line.reshape(-1))
    return sound.astype(np.float32)


def place(track: Array, sound: Array, start: int, pan: float = 0.0, gain: float = 1.0) -> None:
    """Adds a mono sound to a track [2, n] with constant power; `pan` is -1 (left) to 1 (right)."""
    if start < 0:
        sound, start = sound[-start:], 0
    room = min(len(sound), track.shape[1] - start)
    if room <= 0:
        return
    angle = (pan + 1) * np.pi / 4
    for channel, side in enumerate((np.cos(angle), np.sin(angle))):
        track[channel, start : start + room] += np.float32(gain * side * 1.414) * sound[:room]
