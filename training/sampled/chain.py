"""Effects of single instruments: transients, drive, amplifiers, ducking, tuning."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage, signal

import effects
from oscillators import RATE_HZ, Array, Generator, samples

HOP = 64


def level(track: Array) -> float:
    """Root mean square where the track sounds."""
    power = np.square(track).mean(0)
    heard = power > 1e-4 * max(float(power.max()), 1e-12)
    return float(np.sqrt(power[heard].mean())) if heard.any() else 0.0


def normal(track: Array, target: float = 0.1) -> Array:
    """The track scaled to a target level where it sounds."""
    now = level(track)
    return track * np.float32(target / now) if now > 1e-7 else track


def sides(pan: float) -> Array:
    """Gains [2, 1] of constant power for a position from -1 (left) to 1 (right)."""
    angle = (pan + 1) * np.pi / 4
    return np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)


def at_pace(sound: Array, pace: float) -> Array:
    """Plays [2, n] faster (pace above one) or slower, which changes pitch and length."""
    count = sound.shape[1]
    wanted = max(16, round(count / pace))
    if wanted == count:
        return sound
    padded = np.pad(sound, ((0, 0), (0, 64)))
    spectrum = fft.rfft(padded, axis=1)
    size = max(16, round(padded.shape[1] / pace))
    keep = min(spectrum.shape[1], size // 2 + 1)
    result = np.zeros((2, size // 2 + 1), dtype=spectrum.dtype)
    result[:, :keep] = spectrum[:, :keep]
    slower = fft.irfft(result, size, axis=1) * (size / padded.shape[1])
    return slower[:, :wanted].astype(np.float32)


def drive(track: Array, amount: float, bias: float = 0.0) -> Array:
    """Soft clipping at twice the sample rate, asymmetric with `bias`; keeps the peak."""
    peak = max(float(np.abs(track).max()), 1e-9)
    double = signal.resample_poly(track * np.float32(1 / peak), 2, 1, axis=1)
    bent = np.tanh(amount * double + bias) - np.tanh(bias)
    single = signal.resample_poly(bent, 1, 2, axis=1)[:, : track.shape[1]]
    single = effects.high_pass(single.astype(np.float32), 25)
    return single * np.float32(peak / max(float(np.abs(single).max()), 1e-9))


def amplifier(random: Generator, track: Array, gain: float) -> Array:
    """A guitar amplifier: bass cut, two stages of valves, tone, and a cabinet with a microphone.

    Every call draws another cabinet and microphone, so that two takes differ as two recordings do.
    """
    tight = effects.high_pass(normal(track), random.uniform(90, 240), 1)
    hot = drive(tight, gain, random.uniform(0.0, 0.3))
    hot = effects.filtered(
        hot, [effects.bell(random.uniform(500, 900), random.uniform(-4, 2), 0.8)]
    )
    hot = drive(hot, max(1.0, gain * 0.4), random.uniform(0.0, 0.4))
    return cabinet(random, hot)


def cabinet(random: Generator, track: Array) -> Array:
    """Response of a loudspeaker in its cabinet, and of a microphone in front of it."""
    sections = [
        effects.bell(random.uniform(95, 135), random.uniform(1, 5), 1.2),
        effects.bell(random.uniform(350, 550), random.uniform(-6, -1), 0.8),
        effects.bell(random.uniform(1800, 3600), random.uniform(2, 7), 1.0),
        effects.bell(random.uniform(3600, 4600), random.uniform(-3, 4), 2.5),
    ]
    sound = effects.filtered(effects.high_pass(track, 75), sections)
    sound = effects.low_pass(sound, random.uniform(4300, 6500), 4)
    # Early reflections of box and floor.
    delay = int(random.integers(18, 70))
    sound[:, delay:] += np.float32(random.uniform(-0.35, 0.35)) * sound[:, :-delay]
    return sound


def transients(track: Array, amount: float) -> Array:
    """Lifts attacks relative to the following sound; lowers them if the amount is negative."""
    envelope = np.abs(track).max(0)
    padded = np.pad(envelope, (0, -len(envelope) % HOP)).reshape(-1, HOP).max(1)
    fast = ndimage.uniform_filter1d(padded, 3)
    slow = ndimage.uniform_filter1d(padded, 60, origin=-20) + 1e-6
    gain = np.clip(fast / slow, 0.2, 4.0) ** amount
    at = (np.arange(len(gain)) + 0.5) * HOP
    return track * np.interp(np.arange(track.shape[1]), at, gain).astype(np.float32)


def ducked(count: int, hits: list[int], depth: float, release_seconds: float) -> Array:
    """Ducking gain [n], which falls at every hit and recovers."""
    gain = np.ones(count, dtype=np.float32)
    length = samples(release_seconds * 3)
    dip = 1 - depth * np.exp(-np.arange(length, dtype=np.float32) / samples(release_seconds))
    rise = samples(0.004)
    dip[:rise] = np.linspace(1, dip[rise], rise)
    for hit in hits:
        if 0 <= hit < count:
            room = min(length, count - hit)
            gain[hit : hit + room] = np.minimum(gain[hit : hit + room], dip[:room])
    return gain


def room(random: Generator, track: Array, seconds: float, wet: float, before_seconds: float = 0.0
         ) -> Array:  # fmt: skip
    """Adds reverberation after `before_seconds`; `wet` is its level relative to the track's."""
    tail = effects.reverb(track, random, seconds, 1.0) - track
    late = samples(before_seconds)
    if late:
        tail = np.pad(tail, ((0, 0), (late, 0)))[:, : track.shape[1]]
    return track + np.float32(wet) * tail


def tremolo(track: Array, rate_hz: float, depth: float) -> Array:
    """Modulates the loudness, in opposite phase left and right."""
    swing = np.sin(2 * np.pi * rate_hz * np.arange(track.shape[1]) / RATE_HZ)
    both = np.stack([1 + depth * swing, 1 - depth * swing]).astype(np.float32)
    return track * both


def rotary(random: Generator, track: Array) -> Array:
    """A rotating loudspeaker: vibrato, opposite left and right, with tremolo."""
    rate = float(random.choice([random.uniform(0.6, 1.1), random.uniform(5.5, 7.0)]))
    moved = effects.chorus(track, rate, 0.0006, 0.9) * np.float32(0.6)
    return tremolo(moved, rate, random.uniform(0.1, 0.35))
