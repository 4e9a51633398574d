"""Tracks [2, n], and their effects: filters, dynamics, drive, amplifiers, echo, chorus, rooms.

Nothing here calls a threaded library, so the bits do not depend on the number of cores.
"""

import numpy as np
from scipy import fft, signal

from stems import RATE_HZ, Array

Generator = np.random.Generator
CONTROL_SAMPLES = 128


def samples(seconds: float) -> int:
    """A length of time in samples."""
    return round(seconds * RATE_HZ)


def times(count: int) -> Array:
    """The times of `count` samples, in seconds."""
    return np.arange(count, dtype=np.float32) / np.float32(RATE_HZ)


def spread(random: Generator, low: float, high: float) -> float:
    """Draws a number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def silence(count: int) -> Array:
    """A track without sound."""
    return np.zeros((2, count), dtype=np.float32)


def add(track: Array, start: int, sound: Array) -> None:
    """Adds a sound [2, n] to a track from a sample on, up to the track's end."""
    part = sound[:, : max(0, track.shape[1] - start)]
    track[:, start : start + part.shape[1]] += part


def sides(pan: float) -> Array:
    """Gains [2, 1] of constant power for a position from -1 (left) to 1 (right)."""
    angle = (np.clip(pan, -1, 1) + 1) * np.pi / 4
    return np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)


def mono(track: Array) -> Array:
    """The mean of both channels in each."""
    return np.repeat(track.mean(0, keepdims=True), 2, axis=0)


def width(track: Array, amount: float) -> Array:
    """Scales the difference between left and right."""
    middle = mono(track)
    return middle + np.float32(amount) * (track - middle)


def level(track: Array) -> float:
    """Root mean square where the track sounds."""
    power = np.square(track).mean(0)
    heard = power > 1e-4 * max(float(power.max()), 1e-12)
    return float(np.sqrt(power[heard].mean())) if heard.any() else 0.0


def normal(track: Array, target: float = 0.1) -> Array:
    """The track scaled to a target level where it sounds."""
    now = level(track)
    return track * np.float32(target / now) if now > 1e-7 else track


def at_pace(sound: Array, pace: float) -> Array:
    """Plays [2, n] faster (pace above one) or slower, which changes pitch and length."""
    wanted, margin = max(16, round(sound.shape[1] / pace)), 64  # the spectrum goes in a circle
    padded = np.pad(sound, ((0, 0), (0, margin)))
    resampled = signal.resample(padded, round(padded.shape[1] / pace), axis=1)
    return resampled[:, :wanted].astype(np.float32)


def faded(sound: Array, fade: int = 400) -> Array:
    """The sound with a linear end."""
    ramp = np.minimum(1, np.arange(sound.shape[1], 0, -1, dtype=np.float32) / fade)
    return sound * ramp


def equalised(track: Array, bumps: list[tuple[float, float, float]]) -> Array:
    """Lifts or lowers bands: centre in Hz, width in octaves, and height in dB of each."""
    count = track.shape[1]
    size = fft.next_fast_len(count + RATE_HZ // 4, real=True)
    octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / RATE_HZ), 20))
    gain_db = np.zeros_like(octaves)
    for centre_hz, width, height_db in bumps:
        gain_db += height_db * np.exp(-(((octaves - np.log2(centre_hz)) / width) ** 2))
    spectrum = fft.rfft(track, size) * 10 ** (gain_db / 20).astype(np.float32)
    return fft.irfft(spectrum, size)[:, :count].astype(np.float32)


def _butterworth(track: Array, kind: str, frequency_hz: float, order: int) -> Array:
    sections = signal.butter(order, frequency_hz, kind, fs=RATE_HZ, output="sos")
    return signal.sosfilt(sections, track, axis=-1).astype(np.float32)


def high_pass(track: Array, frequency_hz: float, order: int = 2) -> Array:
    """Butterworth high pass."""
    return _butterworth(track, "high", frequency_hz, order)


def low_pass(track: Array, frequency_hz: float, order: int = 2) -> Array:
    """Butterworth low pass."""
    return _butterworth(track, "low", frequency_hz, order)


def tone(random: Generator, strength_db: float) -> list[tuple[float, float, float]]:
    """Draws the bumps of bass, middle and treble controls."""
    low, middle, high = random.normal(0, strength_db, 3)
    return [(spread(random, 40, 120), 1.5, low), (spread(random, 280, 4500), 0.9, middle),
            (spread(random, 7000, 16_000), 1.5, high)]  # fmt: skip


def compressor(track: Array, ratio: float, release_seconds: float) -> Array:
    """Gain [n] that lowers passages above the track's mean level by `ratio`."""
    count = track.shape[1]
    padded = np.pad(track, ((0, 0), (0, -count % CONTROL_SAMPLES)))
    power = np.square(padded).mean(0).reshape(-1, CONTROL_SAMPLES).mean(1)
    pole = np.exp(-CONTROL_SAMPLES / (release_seconds * RATE_HZ))
    smooth = np.maximum(signal.lfilter([1 - pole], [1, -pole], power), power * 0.3) + 1e-12
    threshold = power[power > 1e-8].mean() if (power > 1e-8).any() else 1.0
    gain = np.maximum(1, smooth / threshold) ** (0.5 * (1 / ratio - 1))
    at = (np.arange(len(gain)) + 0.5) * CONTROL_SAMPLES
    return np.interp(np.arange(count), at, gain).astype(np.float32)


def compress(track: Array, ratio: float, release_seconds: float) -> Array:
    """The track with the gain of its compressor."""
    return track * compressor(track, ratio, release_seconds)


def drive(track: Array, amount: float, bias: float = 0.0) -> Array:
    """Soft clipping at twice the sample rate, asymmetric with `bias`; keeps the peak."""
    peak = max(float(np.abs(track).max()), 1e-9)
    double = signal.resample_poly(track * np.float32(1 / peak), 2, 1, axis=1)
    bent = np.tanh(amount * double + bias) - np.tanh(bias)
    single = signal.resample_poly(bent, 1, 2, axis=1)[:, : track.shape[1]]
    single = high_pass(single.astype(np.float32), 25)
    return single * np.float32(peak / max(float(np.abs(single).max()), 1e-9))


def amplifier(random: Generator, track: Array, gain: float) -> Array:
    """A guitar amplifier: bass cut, two stages of valves, tone, and a cabinet with a microphone.

    Every call draws another cabinet and microphone, so that two takes differ as two recordings do.
    """
    tight = high_pass(normal(track), random.uniform(90, 240), 1)
    hot = drive(tight, gain, random.uniform(0.0, 0.3))
    hot = equalised(hot, [(random.uniform(500, 900), 1, random.uniform(-4, 2))])
    return cabinet(random, drive(hot, max(1.0, gain * 0.4), random.uniform(0.0, 0.4)))


def cabinet(random: Generator, track: Array) -> Array:
    """Response of a loudspeaker in its cabinet, and of a microphone in front of it."""
    bumps = [
        (random.uniform(95, 135), 0.6, random.uniform(1, 5)),
        (random.uniform(350, 550), 1.0, random.uniform(-6, -1)),
        (random.uniform(1800, 3600), 0.7, random.uniform(2, 7)),
        (random.uniform(3600, 4600), 0.3, random.uniform(-3, 4)),
    ]
    sound = equalised(high_pass(track, 75), bumps)
    sound = low_pass(sound, random.uniform(4300, 6500), 4)
    # Early reflections of box and floor.
    delay = int(random.integers(18, 70))
    sound[:, delay:] += np.float32(random.uniform(-0.35, 0.35)) * sound[:, :-delay]
    return sound


def chorus(track: Array, rate_hz: float, depth_seconds: float, wet: float) -> Array:
    """Adds a copy of each channel with a modulated delay, in opposite directions left and right."""
    place = np.arange(track.shape[1], dtype=np.float64)
    swing = np.sin(2 * np.pi * rate_hz * times(track.shape[1]))
    result = np.empty_like(track)
    for channel, sign in enumerate((1, -1)):
        delay = (0.012 + sign * depth_seconds * swing) * RATE_HZ
        moved = np.interp(place - delay, place, track[channel], left=0.0)
        result[channel] = track[channel] + wet * moved
    return result


def tremolo(track: Array, rate_hz: float, depth: float) -> Array:
    """Modulates the loudness, in opposite phase left and right."""
    swing = depth * np.sin(2 * np.pi * rate_hz * times(track.shape[1]))
    return track * np.stack([1 + swing, 1 - swing]).astype(np.float32)


def echo(track: Array, delay_seconds: float, wet: float) -> Array:
    """Adds four repeats, each softer than the one before, that change sides."""
    result, repeat, delay = track.copy(), track, samples(delay_seconds)
    for k in range(1, 5):
        repeat = repeat[::-1]
        add(result, k * delay, np.float32(wet * 0.4 ** (k - 1)) * repeat)
    return result


def room(random: Generator, track: Array, seconds: float, wet: float, before_seconds: float
         ) -> Array:  # fmt: skip
    """Adds reverberation of `seconds` to -60 dB after `before_seconds`; `wet` is its level.

    The response is decaying noise, whose treble decays faster.
    """
    length = samples(min(seconds, 2.5))
    noise = random.standard_normal((2, length)).astype(np.float32)
    dark = low_pass(noise, random.uniform(1500, 4000), 1)
    fall = np.exp(-6.9 * times(length) / seconds)
    response = high_pass((noise - dark) * fall**2 * 0.5 + dark * fall, 150, 1)
    response /= np.sqrt(np.square(response).sum(1, keepdims=True))
    late, count = max(samples(0.004), samples(before_seconds)), track.shape[1]
    size = fft.next_fast_len(count + length, real=True)
    tail = fft.irfft(fft.rfft(track, size) * fft.rfft(response.astype(np.float32), size), size)
    result = track.copy()
    add(result, late, np.float32(wet) * tail[:, :count].astype(np.float32))
    return result
