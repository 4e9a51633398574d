"""Effects of a mixing desk on a stem [2, n]: equaliser, dynamics, echo, chorus, reverb."""

from __future__ import annotations

import numpy as np
from scipy import fft, signal

from oscillators import RATE_HZ, Array, Generator, samples, times

CONTROL_SAMPLES = 128


def shelf(kind: str, frequency_hz: float, gain_db: float) -> Array:
    """Second-order section of a "low" or "high" shelf with slope one."""
    gain = 10 ** (gain_db / 40)
    angle = 2 * np.pi * frequency_hz / RATE_HZ
    sign = 1 if kind == "low" else -1
    cosine = sign * np.cos(angle)
    root = np.sqrt(2 * gain) * np.sin(angle)
    up, down = gain + 1, gain - 1
    tops = [up - down * cosine + root, sign * 2 * (down - up * cosine), up - down * cosine - root]
    low = [up + down * cosine + root, -sign * 2 * (down + up * cosine), up + down * cosine - root]
    return np.concatenate([gain * np.array(tops), low]) / low[0]


def bell(frequency_hz: float, gain_db: float, quality: float) -> Array:
    """Second-order section that lifts or lowers a band."""
    gain = 10 ** (gain_db / 40)
    angle = 2 * np.pi * frequency_hz / RATE_HZ
    width = np.sin(angle) / (2 * quality)
    section = [1 + width * gain, -2 * np.cos(angle), 1 - width * gain]
    section += [1 + width / gain, -2 * np.cos(angle), 1 - width / gain]
    return np.array(section) / section[3]


def filtered(track: Array, sections: list[Array] | Array) -> Array:
    """Runs second-order sections over the last axis."""
    return signal.sosfilt(np.atleast_2d(np.array(sections)), track, axis=-1).astype(np.float32)


def high_pass(track: Array, frequency_hz: float, order: int = 2) -> Array:
    """Butterworth high pass."""
    return filtered(track, signal.butter(order, frequency_hz, "high", fs=RATE_HZ, output="sos"))


def low_pass(track: Array, frequency_hz: float, order: int = 2) -> Array:
    """Butterworth low pass."""
    return filtered(track, signal.butter(order, frequency_hz, "low", fs=RATE_HZ, output="sos"))


def equalise(track: Array, random: Generator, strength_db: float) -> Array:
    """A low shelf, a bell and a high shelf, each drawn."""
    return filtered(
        track,
        [
            shelf("low", random.uniform(90, 250), random.normal(0, strength_db)),
            bell(np.exp(random.uniform(*np.log([300, 4000]))), random.normal(0, strength_db), 0.9),
            shelf("high", random.uniform(3000, 8000), random.normal(0, strength_db)),
        ],
    )


def compress(track: Array, ratio: float, release_seconds: float) -> Array:
    """Compressor: lowers passages above the stem's mean level by `ratio`, both channels alike."""
    count = track.shape[1]
    padded = np.pad(track, ((0, 0), (0, -count % CONTROL_SAMPLES)))
    power = np.square(padded).mean(0).reshape(-1, CONTROL_SAMPLES).mean(1)
    if not power.any():
        return track
    pole = np.exp(-CONTROL_SAMPLES / (release_seconds * RATE_HZ))
    level = np.maximum(signal.lfilter([1 - pole], [1, -pole], power), power * 0.3) + 1e-12
    threshold = power[power > 1e-8].mean() if (power > 1e-8).any() else 1.0
    gain = np.maximum(1, level / threshold) ** (0.5 * (1 / ratio - 1))
    at = (np.arange(len(gain)) + 0.5) * CONTROL_SAMPLES
    return track * np.interp(np.arange(count), at, gain).astype(np.float32)


def saturate(track: Array, drive: float) -> Array:
    """Soft clipping that keeps the peak."""
    peak = max(float(np.abs(track).max()), 1e-9)
    return (np.tanh(track * np.float32(drive / peak)) * np.float32(peak / np.tanh(drive))).astype(
        np.float32
    )


def chorus(track: Array, rate_hz: float, depth_seconds: float, wet: float) -> Array:
    """Adds a copy of each channel with a modulated delay, in opposite directions left and right."""
    count = track.shape[1]
    place = np.arange(count, dtype=np.float64)
    swing = np.sin(2 * np.pi * rate_hz * times(count))
    result = np.empty_like(track)
    for channel, sign in enumerate((1, -1)):
        delay = (0.012 + sign * depth_seconds * swing) * RATE_HZ
        moved = np.interp(place - delay, place, track[channel], left=0.0)
        result[channel] = track[channel] + wet * moved
    return result


def echo(track: Array, delay_seconds: float, feedback: float, wet: float) -> Array:
    """Adds four repeats that change sides."""
    result = track.copy()
    delay = samples(delay_seconds)
    repeat = track
    for k in range(1, 5):
        if k * delay >= track.shape[1]:
            break
        repeat = repeat[::-1]
        gain = np.float32(wet * feedback ** (k - 1))
        result[:, k * delay :] += gain * repeat[:, : -k * delay]
    return result


def reverb(track: Array, random: Generator, seconds: float, wet: float) -> Array:
    """Reverb: convolution with decaying noise, whose treble decays faster.

    `seconds` is the time to -60 dB.
    """
    length = samples(min(seconds, 2.5))
    t = times(length)
    noise = random.standard_normal((2, length)).astype(np.float32)
    dark = low_pass(noise, random.uniform(1500, 4000), 1)
    fall = np.exp(-6.9 * t / seconds)
    response = (noise - dark) * fall**2 * 0.5 + dark * fall
    response = high_pass(response, 150, 1)
    response[:, : samples(0.004)] = 0
    response /= np.sqrt(np.square(response).sum(1, keepdims=True))
    count = track.shape[1]
    size = fft.next_fast_len(count + length, real=True)
    product = fft.rfft(track, size) * fft.rfft(response.astype(np.float32), size)
    tail = fft.irfft(product, size)[:, :count]
    return track + np.float32(wet) * tail.astype(np.float32)


def width(track: Array, amount: float) -> Array:
    """Scales the difference between left and right."""
    middle, side = track.mean(0), (track[0] - track[1]) / 2
    return np.stack([middle + amount * side, middle - amount * side])
