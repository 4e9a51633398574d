"""A synthesised drum kit: kick, snare, clap, hats, ride, crash, toms and a shaker."""

from __future__ import annotations

import numpy as np

import effects
from oscillators import Array, Generator, samples, times


def _noise(random: Generator, count: int, low_hz: float, high_hz: float) -> Array:
    """A band of noise."""
    noise = effects.high_pass(random.standard_normal(count).astype(np.float32), low_hz)
    return effects.low_pass(noise, min(high_hz, 19_000))


def _kick(random: Generator) -> Array:
    """A sine that falls in pitch, and the click of the beater."""
    t = times(samples(0.45))
    end, drop, speed = random.uniform(42, 68), random.uniform(80, 260), random.uniform(25, 60)
    phase = end * t + drop / speed * (1 - np.exp(-speed * t))
    body = np.sin(2 * np.pi * phase) * np.exp(-t * random.uniform(6, 16))
    body = np.tanh(body * random.uniform(1, 3))
    click = _noise(random, len(t), 800, random.uniform(3000, 8000)) * np.exp(-t * 250)
    return (body * np.minimum(1, t * 800) + random.uniform(0.15, 0.6) * click).astype(np.float32)


def _snare(random: Generator) -> Array:
    """Two modes of the skin and the rattle of the wires."""
    t = times(samples(0.4))
    pitch = random.uniform(150, 260)
    bend = pitch * (t + 0.004 * (1 - np.exp(-60 * t)))
    skin = np.sin(2 * np.pi * bend) + 0.6 * np.sin(2 * np.pi * 1.59 * bend)
    skin *= np.exp(-t * random.uniform(18, 35))
    wires = _noise(random, len(t), random.uniform(400, 1500), random.uniform(7000, 15000))
    wires *= np.exp(-t * random.uniform(10, 26))
    share = random.uniform(0.4, 0.8)
    return (share * wires + (1 - share) * skin).astype(np.float32)


def _clap(random: Generator) -> Array:
    """Four bursts close together and a short tail."""
    t = times(samples(0.3))
    shape = np.exp(-t * random.uniform(14, 25)) * 0.5
    for k in range(4):
        after = t - 0.011 * k
        shape = np.maximum(shape, np.where(after >= 0, np.exp(-np.maximum(after, 0) * 180), 0))
    return (_noise(random, len(t), 700, random.uniform(3500, 9000)) * shape).astype(np.float32)


def _metal(random: Generator, seconds: float, decay: float, low_hz: float, ring: float) -> Array:
    """A cymbal: six inharmonic square waves, high-passed, and noise."""
    t = times(samples(seconds))
    base = random.uniform(280, 420)
    ratios = np.array([1, 1.342, 1.483, 1.932, 2.546, 2.63]) * random.uniform(0.98, 1.02, 6)
    tone = sum(np.sign(np.sin(2 * np.pi * base * ratio * t)) for ratio in ratios) / 4
    sound = ring * tone + (1 - ring) * random.standard_normal(len(t))
    sound = effects.high_pass(sound.astype(np.float32), low_hz, 3)
    return (sound * np.exp(-t / decay)).astype(np.float32)


def _tom(random: Generator, pitch: float) -> Array:
    """A falling sine and some skin noise."""
    t = times(samples(0.5))
    phase = pitch * (t + 0.02 * (1 - np.exp(-18 * t)))
    body = np.sin(2 * np.pi * phase) + 0.3 * np.sin(2 * np.pi * 1.6 * phase)
    noise = _noise(random, len(t), 300, 4000) * np.exp(-60 * t)
    return (body * np.exp(-t * random.uniform(7, 11)) + 0.3 * noise).astype(np.float32)


def _shaker(random: Generator) -> Array:
    """A swell of noise."""
    count = samples(0.09)
    return (_noise(random, count, 5000, 14000) * np.hanning(count)).astype(np.float32)


def kit(random: Generator) -> dict[str, list[Array]]:
    """Two takes [n] of every piece, scaled to a peak of one."""
    random.choice(2)  # nothing uses it any more; without it each seed would have another song
    bright = random.uniform(4500, 8000)
    ring = random.uniform(0.15, 0.7)
    tom = random.uniform(85, 130)
    random.random(8)  # as above
    makers = {
        "kick": lambda: _kick(random),
        "snare": lambda: _snare(random),
        "clap": lambda: _clap(random),
        "hat": lambda: _metal(random, 0.2, 0.03, bright, ring),
        "open": lambda: _metal(random, 0.7, 0.18, bright, ring),
        "ride": lambda: _metal(random, 1.2, 0.35, 3500, 0.6),
        "crash": lambda: _metal(random, 2.5, 0.7, 2500, 0.25),
        "shaker": lambda: _shaker(random),
        "high": lambda: _tom(random, tom * 1.9),
        "middle": lambda: _tom(random, tom * 1.4),
        "low": lambda: _tom(random, tom),
    }
    takes = {name: [make().astype(np.float32) for _ in range(2)] for name, make in makers.items()}
    return {name: [take / np.abs(take).max() for take in pair] for name, pair in takes.items()}
