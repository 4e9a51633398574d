"""Pad, plucks, electric piano, organ, strummed strings, mallets, and a brass-like lead.

A song draws one instrument for each of three roles: chords that last, a moving figure, and a
lead that answers the voice. Sections choose which roles play.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import effects
from oscillators import (
    Array,
    Generator,
    brightened,
    envelope,
    hertz,
    low_pass_shape,
    oscillate,
    partials,
    place,
    samples,
    string,
    times,
    wavetable,
)
from song import Section, Song, voicing

Note = Callable[[float, int], Array]  # frequency in Hz, samples held -> sound


def _pad(random: Generator) -> Note:
    """A pad: detuned saws with a slow attack."""
    cutoff = np.exp(random.uniform(*np.log([900, 3500])))
    attack, detune = random.uniform(0.05, 0.5), random.uniform(10, 26)

    def note(f: float, held: int) -> Array:
        count = held + samples(0.5)
        numbers = partials(f, 40)
        low = low_pass_shape(numbers, f, cutoff * 0.6)
        high = low_pass_shape(numbers, f, cutoff * 1.6, 0.3)
        blend = np.minimum(1, times(count) / np.float32(attack * 2)) * np.float32(0.7)
        waves = (low / numbers, high / numbers)
        tone = brightened(random, waves, blend, f, voices=3, detune_cents=detune)
        return tone * envelope(count, attack, 5.0, 0.8, 0.15, held)

    return note


def _pluck(random: Generator) -> Note:
    """A synthesised pluck: a saw or pulse whose treble decays first."""
    cutoff = np.exp(random.uniform(*np.log([1800, 6000])))
    decay, pulse = random.uniform(0.12, 0.45), random.random() < 0.5

    def note(f: float, held: int) -> Array:
        count = max(held, samples(0.2)) + samples(0.3)
        numbers = partials(f, 50)
        raw = np.abs(np.sin(np.pi * numbers * 0.25)) / numbers if pulse else 1 / numbers
        low = low_pass_shape(numbers, f, max(500.0, 1.5 * f))
        high = low_pass_shape(numbers, f, cutoff, 0.5)
        blend = np.exp(-times(count) / np.float32(decay * 0.4))
        waves = (raw * low, raw * high)
        tone = brightened(random, waves, blend, f, voices=2, detune_cents=6)
        return tone * envelope(count, 0.002, decay, 0.0, 0.1, held)

    return note


def _piano(random: Generator) -> Note:
    """An electric piano: frequency modulation with a bright strike."""
    index, strike = random.uniform(0.8, 2.2), random.uniform(0.2, 0.6)
    decay = random.uniform(0.5, 1.6)

    def note(f: float, held: int) -> Array:
        count = held + samples(0.3)
        t = times(count)
        inner = np.sin(2 * np.pi * f * t) * (index * np.exp(-t / np.float32(decay * 0.5)) + 0.15)
        tine = np.sin(2 * np.pi * min(14 * f, 9000.0) * t) * np.exp(-t * 14) * np.float32(strike)
        tone = np.sin(2 * np.pi * f * t + inner + tine)
        return (tone * envelope(count, 0.003, decay, 0.15, 0.06, held)).astype(np.float32)

    return note


def _organ(random: Generator) -> Note:
    """An organ with drawbars."""
    bars = np.zeros(17)
    bars[[0, 1, 2, 3, 5, 7, 9, 15]] = random.uniform(0, 1, 8) * [1, 1, 0.9, 0.8, 0.6, 0.6, 0.4, 0.4]
    bars[0] += 0.3

    def note(f: float, held: int) -> Array:
        count = held + samples(0.05)
        table = wavetable(bars[: len(partials(f, 17))])
        click = np.exp(-times(count) * 300) * np.float32(0.3)
        tone = oscillate(table, f, count, random.random()) * (1 + click)
        return tone * envelope(count, 0.006, 1.0, 1.0, 0.01, held)

    return note


def _guitar(random: Generator) -> Note:
    """A plucked steel string."""
    damping, pick = random.uniform(0.12, 0.35), random.uniform(0.1, 0.3)
    bright = random.uniform(3500, 9000)

    def note(f: float, held: int) -> Array:
        count = held + samples(0.25)
        sound = effects.low_pass(string(random, f, count, 0.995, damping, pick), bright) * 2
        return sound * envelope(count, 0.001, 3.0, 0.6, 0.08, held)

    return note


def _mallet(random: Generator) -> Note:
    """Bars of metal or wood: few partials far apart, each with its own decay."""
    ratios = np.array([1, 2.76, 5.4] if random.random() < 0.5 else [1, 4, 9.2])
    decay = random.uniform(0.2, 0.8)

    def note(f: float, held: int) -> Array:
        count = samples(0.05 + 4 * decay)
        t = times(count)
        tone = np.zeros(count, dtype=np.float32)
        for k, ratio in enumerate(ratios):
            if ratio * f < 14_000:
                fall = np.exp(-t * np.float32((1 + 1.5 * k) / decay))
                tone += np.float32(0.6**k) * np.sin(np.float32(2 * np.pi * ratio * f) * t) * fall
        return tone * np.minimum(1, t * 1500)

    return note


def _brass(random: Generator) -> Note:
    """A brass-like lead: brightness follows loudness, and the pitch scoops up into the note."""
    top, swell = random.uniform(2500, 5500), random.uniform(0.04, 0.12)

    def note(f: float, held: int) -> Array:
        count = held + samples(0.12)
        t = times(count)
        numbers = partials(f, 40)
        pitch = f * (1 - 0.03 * np.exp(-t / np.float32(0.03)))
        blend = np.minimum(1, t / np.float32(2 * swell)) * (0.6 + 0.4 * np.exp(-t * 3))
        soft = low_pass_shape(numbers, f, 900) / numbers**0.8
        loud = low_pass_shape(numbers, f, top, 0.3) / numbers**0.7
        tone = brightened(random, (soft, loud), blend, pitch)
        return (tone * envelope(count, swell, 0.6, 0.75, 0.04, held)).astype(np.float32)

    return note


SUSTAINED = (_pad, _pad, _organ, _piano, _guitar)
FIGURES = (_pluck, _pluck, _guitar, _piano, _mallet)
LEADS = (_brass, _brass, _pluck, _mallet)


def _chords(song: Song, section: Section, random: Generator, note: Note, strum: float) -> Array:
    """Held or rhythmic chords, with their notes spread from left to right."""
    track = np.zeros((2, song.length_samples), dtype=np.float32)
    rhythms = (((0, 16),), ((0, 8), (8, 8)), ((0, 6), (6, 10)), ((0, 3), (3, 3), (6, 6), (12, 4)),
               ((0, 4), (4, 4), (8, 4), (12, 4)))  # fmt: skip
    rhythm = rhythms[random.integers(len(rhythms))]
    lowest = int(random.integers(48, 58))
    for bar in range(section.first_bar, section.first_bar + section.bars):
        notes = voicing(song, song.chord(section, bar), lowest)
        for step, length in rhythm:
            for k, midi in enumerate(notes):
                start = song.at(bar, step) + samples(k * strum)
                sound = note(float(hertz(midi)), int(length * song.step_samples * 0.95))
                place(track, sound, start, -0.65 + 1.3 * k / (len(notes) - 1), 0.6)
    return track


def _figure(song: Song, section: Section, random: Generator, note: Note) -> Array:
    """An arpeggio or a figure of off-beats."""
    track = np.zeros((2, song.length_samples), dtype=np.float32)
    every = int(random.choice([1, 2, 2, 2]))
    order = random.permutation(8)
    lowest = int(random.integers(57, 67))
    rest = random.random(16) < 0.25
    for bar in range(section.first_bar, section.first_bar + section.bars):
        chord = voicing(song, song.chord(section, bar), lowest)
        chord = [*chord, *(midi + 12 for midi in chord)]
        for k, step in enumerate(range(0, 16, every)):
            if rest[step]:
                continue
            midi = chord[order[k % 8] % len(chord)]
            sound = note(float(hertz(midi)), int(every * song.step_samples * 0.9))
            place(track, sound, song.at(bar, step), 0.6 * (-1) ** k, random.uniform(0.6, 1.0))
    return track


def _lead(song: Song, section: Section, random: Generator, note: Note) -> Array:
    """Short phrases in the second half of every other bar."""
    track = np.zeros((2, song.length_samples), dtype=np.float32)
    steps = (
        [(8, 2), (10, 2), (12, 4)] if random.random() < 0.5 else [(6, 3), (9, 3), (12, 2), (14, 2)]
    )
    moves = random.integers(-2, 3, size=len(steps))
    pan = float(random.choice([-1, 1])) * random.uniform(0.1, 0.6)
    for bar in range(section.first_bar, section.first_bar + section.bars):
        if (bar - section.first_bar) % 2 == 0 and section.bars > 1:
            continue
        degree = song.chord(section, bar)[0] % 7 + int(random.choice([0, 2, 4]))
        for (step, length), move in zip(steps, moves, strict=True):
            degree += int(move)
            midi = song.degree(degree, 60)
            midi -= 12 * (midi > 79)
            sound = note(float(hertz(midi)), int(length * song.step_samples * 0.92))
            place(track, sound, song.at(bar, step), pan, random.uniform(0.8, 1.0))
    return track


def _level(track: Array) -> Array:
    """The track scaled to a root mean square of one where it sounds."""
    power = np.square(track).mean(0)
    heard = power > 1e-6
    return track / np.float32(np.sqrt(power[heard].mean())) if heard.any() else track


def render(song: Song) -> Array:
    """The stem of all other instruments [2, n]."""
    random = song.generator("other")
    sustained = SUSTAINED[random.integers(len(SUSTAINED))]
    strum = random.uniform(0.008, 0.03) if sustained is _guitar else 0.0
    chords = sustained(random)
    figure = FIGURES[random.integers(len(FIGURES))](random)
    lead = LEADS[random.integers(len(LEADS))](random)
    layers = {
        name: np.zeros((2, song.length_samples), np.float32)
        for name in ("chords", "figure", "lead")
    }
    for section in song.sections:
        roles = {
            "chords": random.random() < 0.8,
            "figure": random.random() < 0.55,
            "lead": random.random() < 0.35,
        }
        if section.name == "chorus" or not any(roles.values()):
            roles["chords"] = True
        if "other" not in section.active:
            continue
        if roles["chords"]:
            layers["chords"] += _chords(song, section, random, chords, strum)
        if roles["figure"]:
            layers["figure"] += _figure(song, section, random, figure)
        if roles["lead"]:
            layers["lead"] += _lead(song, section, random, lead)
    track = _level(layers["chords"])
    track += np.float32(random.uniform(0.4, 0.9)) * _level(layers["figure"])
    track += np.float32(random.uniform(0.4, 0.8)) * _level(layers["lead"])
    if random.random() < 0.5:
        track = effects.chorus(track, random.uniform(0.2, 1.2), random.uniform(0.001, 0.003), 0.6)
    if random.random() < 0.3:
        track = effects.echo(track, song.beat_seconds * 0.75, 0.5, random.uniform(0.15, 0.35))
    track = effects.width(track, random.uniform(0.5, 1.4))
    track = effects.equalise(track, random, 2.0)
    track = effects.compress(track, random.uniform(1.0, 2.0), 0.3)
    return effects.reverb(track, random, random.uniform(0.4, 1.6), random.uniform(0.03, 0.2))
