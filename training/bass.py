"""The bass: saw, square, frequency modulation, driven sine, and a plucked string."""

from __future__ import annotations

import numpy as np

import effects
from oscillators import (
    Array,
    Generator,
    brightened,
    envelope,
    hertz,
    low_pass_shape,
    partials,
    place,
    samples,
    times,
)
from song import Section, Song

KINDS = ("saw", "square", "modulated", "sine", "string")
LOWEST = 28  # MIDI note of a bass's lowest string
# (step, length in steps, note); see `keys`.
PATTERNS = (
    tuple((step, 2, "r") for step in range(0, 16, 2)),
    ((0, 3, "r"), (3, 3, "r"), (6, 2, "f"), (8, 3, "r"), (11, 3, "r"), (14, 2, "o")),
    ((0, 8, "r"), (8, 4, "r"), (12, 4, "f")),
    ((0, 4, "r"), (4, 4, "t"), (8, 4, "f"), (12, 4, "t")),
    ((0, 2, "r"), (2, 2, "o"), (4, 2, "r"), (6, 2, "o"), (8, 2, "r"), (10, 2, "o"), (12, 2, "f"),
     (14, 2, "o")),
    ((0, 6, "r"), (6, 2, "r"), (10, 4, "f"), (14, 2, "r")),
    ((0, 14, "r"), (14, 2, "f")),
    ((2, 2, "r"), (4, 1, "r"), (6, 2, "r"), (10, 2, "r"), (12, 1, "o"), (14, 2, "r")),
)  # fmt: skip


class Instrument:
    """One bass sound, its settings drawn once for a song."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        self.kind = str(random.choice(KINDS))
        self.cutoff_hz = float(np.exp(random.uniform(*np.log([350, 1400]))))
        self.peak = random.uniform(0, 1.2)
        self.sweep_seconds = random.uniform(0.06, 0.35)
        self.index = random.uniform(1.0, 3.5)
        self.ratio = float(random.choice([1, 1, 2, 3]))
        self.drive = random.uniform(1.5, 4.0)
        self.decay = random.uniform(0.25, 1.2)
        self.sustain = random.uniform(0.3, 0.8)
        self.pluck = random.uniform(0.15, 0.35)
        self.pickup = random.uniform(0.08, 0.28)
        self.finger_hz = float(np.exp(random.uniform(*np.log([350, 1200]))))
        self.loss = random.uniform(2.0, 9.0)
        self.body_hz = random.uniform(90, 220)

    def note(self, note: int, held: int) -> Array:
        """One note, `held` samples long before its release."""
        count = held + samples(0.08)
        f = float(hertz(note))
        shape = envelope(count, 0.004, self.decay, self.sustain, 0.02, held)
        if self.kind == "string":
            return self._string(f, count) * envelope(count, 0.002, 2.0, 0.5, 0.03, held)
        t = times(count)
        if self.kind == "modulated":
            index = self.index * np.exp(-t / np.float32(self.sweep_seconds)) + 0.3
            inner = np.sin(2 * np.pi * self.ratio * f * t)
            return (np.sin(2 * np.pi * f * t + index * inner) * shape).astype(np.float32)
        if self.kind == "sine":
            return (np.tanh(self.drive * np.sin(2 * np.pi * f * t) * shape) * shape).astype(
                np.float32
            )
        numbers = partials(f, 60)
        raw = 1 / numbers if self.kind == "saw" else (numbers % 2) / numbers
        dark = raw * low_pass_shape(numbers, f, self.cutoff_hz * 0.5, 0)
        bright = raw * low_pass_shape(numbers, f, self.cutoff_hz * 2, self.peak)
        blend = np.exp(-t / np.float32(self.sweep_seconds))
        tone = brightened(self.random, (dark, bright), blend, f)
        return (tone * shape).astype(np.float32)

    def _string(self, f: float, count: int) -> Array:
        """A plucked string, synthesised from its modes.

        A string that is plucked at one place and picked up by its velocity at another has modes of
        level sin(pi n pluck) sin(pi n pickup) / n; the width of the finger damps the high modes.
        The modes are a little sharp, because the string is stiff; the higher ones decay faster.
        """
        t = times(count)
        numbers = partials(f, 40)
        pluck = self.pluck * self.random.uniform(0.95, 1.05)
        level = np.sin(np.pi * numbers * pluck) * np.sin(np.pi * numbers * self.pickup) / numbers
        level *= low_pass_shape(numbers, f, self.finger_hz)
        level *= 1 + 0.6 * np.exp(-((np.log2(numbers * f / self.body_hz) / 0.5) ** 2))
        level /= np.sqrt(np.square(level).sum())
        tone = np.zeros(count, dtype=np.float32)
        for number, gain in zip(numbers, level, strict=True):
            if abs(gain) < 1e-3:
                continue
            pitch = number * f * np.sqrt(1 + 8e-5 * number**2)
            rate = 0.5 + self.loss * (number * f / 500)
            tone += (
                np.float32(gain)
                * np.sin(np.float32(2 * np.pi * pitch) * t)
                * np.exp(np.float32(-rate) * t)
            )
        return tone


def keys(song: Song, section: Section, bar: int) -> dict[str, int]:
    """The MIDI notes of a bar: "r" root, "f" fifth, "o" octave, "t" third of the chord."""
    first, third, fifth = (song.degree(degree, 0) for degree in song.chord(section, bar)[:3])
    root = LOWEST + (first - LOWEST) % 12
    return {"r": root, "f": root + fifth - first, "o": root + 12, "t": root + third - first}


def render(song: Song) -> Array:
    """The bass stem [2, n]."""
    random = song.generator("bass")
    instrument = Instrument(random)
    track = np.zeros((2, song.length_samples), dtype=np.float32)
    octave = int(random.choice([0, 0, 0, 12]))
    legato = random.uniform(0.6, 1.0)
    patterns: dict[str, tuple] = {}
    for section in song.sections:
        pattern = patterns.setdefault(section.name, PATTERNS[random.integers(len(PATTERNS))])
        if "bass" not in section.active:
            continue
        for bar in range(section.first_bar, section.first_bar + section.bars):
            notes = keys(song, section, bar)
            for step, length, name in pattern:
                start = song.at(bar, step) + samples(random.normal(0, 0.003))
                held = int(length * song.step_samples * legato)
                loud = random.uniform(0.8, 1.0)
                place(track, instrument.note(notes[name] + octave, held), start, 0.0, loud)
    if random.random() < 0.4:
        track = effects.saturate(track, random.uniform(1.0, 3.0))
    if random.random() < 0.25:
        track = effects.chorus(track, random.uniform(0.3, 1.0), 0.0015, 0.4)
    track = effects.equalise(track, random, 2.0)
    track = effects.compress(track, random.uniform(1.5, 4.0), 0.15)
    return effects.reverb(track, random, 0.3, random.uniform(0.0, 0.04))
