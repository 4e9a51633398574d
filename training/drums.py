"""The drum kit: kick, snare, clap, hats, ride, crash, toms and a shaker, patterns and fills.

A kit is synthesised once for a song, with two takes of every piece; a pattern then places copies of
the takes.
"""

from __future__ import annotations

import numpy as np

import effects
from oscillators import Array, Generator, place, samples, times
from song import STEPS, Section, Song

KICKS = (
    (0, 8), (0, 4, 8, 12), (0, 6, 8), (0, 7, 10), (0, 3, 8, 11), (0, 10), (0, 2, 8, 10), (0, 8, 14),
)  # fmt: skip
SNARES = ((4, 12), (4, 12), (4, 12), (8,), (4, 12, 15), (4, 7, 12))


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


def synthesised_kit(random: Generator) -> dict[str, tuple[list[Array], float, float]]:
    """Every piece: two takes scaled to a peak of one, gain, and pan."""
    side = float(random.choice([-1, 1]))
    bright = random.uniform(4500, 8000)
    hat = random.uniform(0.15, 0.7)
    tom = random.uniform(85, 130)
    makers = {
        "kick": (lambda: _kick(random), random.uniform(0.85, 1.1), 0.0),
        "snare": (lambda: _snare(random), random.uniform(0.6, 0.9), 0.05),
        "clap": (lambda: _clap(random), random.uniform(0.45, 0.7), -0.1),
        "hat": (lambda: _metal(random, 0.2, 0.03, bright, hat), random.uniform(0.2, 0.38), 0.3),
        "open": (lambda: _metal(random, 0.7, 0.18, bright, hat), random.uniform(0.2, 0.33), 0.3),
        "ride": (lambda: _metal(random, 1.2, 0.35, 3500, 0.6), random.uniform(0.14, 0.25), -0.4),
        "crash": (lambda: _metal(random, 2.5, 0.7, 2500, 0.25), random.uniform(0.3, 0.5), -0.35),
        "shaker": (lambda: _shaker(random), random.uniform(0.1, 0.2), -0.5),
        "high": (lambda: _tom(random, tom * 1.9), 0.7, 0.4),
        "middle": (lambda: _tom(random, tom * 1.4), 0.7, 0.0),
        "low": (lambda: _tom(random, tom), 0.75, -0.4),
    }
    kit = {}
    for name, (make, gain, pan) in makers.items():
        takes = [make().astype(np.float32) for _ in range(2)]
        kit[name] = ([take / np.abs(take).max() for take in takes], gain, pan * side)
    return kit


def _pattern(random: Generator, section: Section) -> list[tuple[str, float, float]]:
    """The hits of one bar: piece, step, velocity."""
    hits = [("kick", float(step), 1.0) for step in KICKS[random.integers(len(KICKS))]]
    back = "clap" if random.random() < 0.25 else "snare"
    hits += [(back, float(step), 1.0) for step in SNARES[random.integers(len(SNARES))]]
    hits += [("snare", float(step), 0.22) for step in range(1, STEPS, 2) if random.random() < 0.08]
    top = str(random.choice(["hat", "hat", "ride"])) if section.name == "chorus" else "hat"
    every = int(random.choice([1, 2, 2, 4]))
    for step in range(0, STEPS, every):
        hits.append((top, float(step), 1.0 if step % 4 == 0 else float(random.uniform(0.45, 0.8))))
    if random.random() < 0.4:
        hits.append(("open", float(random.choice([6, 10, 14])), 0.9))
    if random.random() < 0.3:
        hits += [("shaker", float(step), 0.6 + 0.4 * (step % 4 == 2)) for step in range(STEPS)]
    return hits


def _fill(random: Generator) -> list[tuple[str, float, float]]:
    """The last half bar of a section: a run over snare and toms."""
    pieces = [str(random.choice(["snare", "high", "middle", "low"])) for _ in range(8)]
    return [
        (piece, 8.0 + k, 0.5 + 0.06 * k) for k, piece in enumerate(pieces) if random.random() < 0.8
    ]


def render(song: Song) -> Array:
    """The drum stem [2, n]."""
    random = song.generator("drums")
    kit = synthesised_kit(random)
    track = np.zeros((2, song.length_samples), dtype=np.float32)
    tight = random.uniform(0.001, 0.006)
    patterns: dict[str, list[tuple[str, float, float]]] = {}
    for section in song.sections:
        pattern = patterns.setdefault(section.name, _pattern(random, section))
        if "drums" not in section.active:
            continue
        for bar in range(section.first_bar, section.first_bar + section.bars):
            hits = list(pattern)
            if bar == section.first_bar and random.random() < 0.7:
                hits.append(("crash", 0.0, 1.0))
            if bar == section.first_bar + section.bars - 1 and random.random() < 0.7:
                hits = [hit for hit in hits if hit[1] < 8 or hit[0] == "kick"] + _fill(random)
            for piece, step, velocity in hits:
                takes, gain, pan = kit[piece]
                start = song.at(bar, step) + samples(random.normal(0, tight))
                loud = velocity * gain * random.uniform(0.85, 1.0) * (0.7 + 0.3 * section.intensity)
                place(track, takes[random.integers(2)], start, pan, loud)
    track = effects.equalise(track, random, 2.0)
    track = effects.compress(track, random.uniform(1.2, 3.0), 0.08)
    if random.random() < 0.4:
        track = effects.saturate(track, random.uniform(0.8, 2.0))
    return effects.reverb(track, random, random.uniform(0.25, 0.8), random.uniform(0.03, 0.12))
