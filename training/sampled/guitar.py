"""Guitars: chords fretted on six strings, strummed, muted or picked, through amplifiers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import effects
from oscillators import Array, Generator, samples
from sampled import chain
from sampled.score import Score, Section
from sampled.soundfont import FILTER_CENTS, FINE_CENTS, Note, SoundFont, sound_font

OPEN_STRINGS = (40, 45, 50, 55, 59, 64)
STEEL, NYLON, CLEAN, JAZZ, MUTED = 25, 24, 27, 26, 28
STRUMS = ("X...x.xx..x.x.xx", "X.x.x.x.X.x.x.x.", "X...X...X...X.x.", "x..x..x.x..x..x.",
          "X.xxx.xxX.xxx.xx", "X.......X.......")  # fmt: skip
CHUGS = ("X.xxX.xxX.xxX.xx", "XxxxXxxxXxxxXxxx", "X..X..X.X..X..X.", "X.X.X.X.X.X.X.X.",
         "X.......X...X...", "X..xX..xX.x.X.xx")  # fmt: skip
CHOPS = (".x.X..xX.x.X..x.", "..X...X...X...X.", "....X.......X...", "x.xX.x.xx.xX.x.x")
SKANKS = ("..X...X...X...X.", "..XX..XX..XX..XX", "....X.......X...")

Strokes = Callable[[Section, int], list[Note]]


def _fretted(score: Score, section: Section, bar: int, barre: int) -> list[int]:
    """A chord on six strings: the lowest chord tone from a fret upwards on each."""
    tones = {score.degree(degree, 0) % 12 for degree in score.chord(section, bar)[:4]}
    root = score.degree(score.chord(section, bar)[0], 0) % 12
    keys = []
    for string in OPEN_STRINGS:
        key = next(k for k in range(string + barre, string + barre + 13) if k % 12 in tones)
        if not keys and key % 12 != root:
            continue  # below the root nothing sounds
        if key - string - barre <= 4:
            keys.append(key)
    return keys or [OPEN_STRINGS[0] + (root - OPEN_STRINGS[0]) % 12]


def _power(score: Score, section: Section, bar: int) -> list[int]:
    """Root, fifth and octave."""
    low = 38 + (score.degree(score.chord(section, bar)[0], 0) - 38) % 12
    return [low, low + 7, low + 12]


def _strum(score: Score, random: Generator, bar: int, step: float, length: float, keys: list[int],
           loud: float, spread: float) -> list[Note]:  # fmt: skip
    """One stroke over the strings, down on the beat and up between."""
    start = score.at(bar, step) + samples(random.normal(0, 0.004))
    order = keys if int(step) % 4 in (0, 2) else keys[::-1]
    end = start + int(length * score.step_samples)
    return [
        Note(max(0, start + samples(k * spread)), end, key, loud * random.uniform(0.85, 1.05))
        for k, key in enumerate(order)
    ]


def _lengths(text: str) -> list[tuple[int, int, float]]:
    """Step, length to the next stroke, and loudness of each stroke of a pattern."""
    steps = [k for k, mark in enumerate(text) if mark != "."]
    ends = [*steps[1:], 16]
    return [(k, e - k, 1.0 if text[k] == "X" else 0.72) for k, e in zip(steps, ends, strict=True)]


def _rhythm(score: Score, random: Generator, texts: tuple[str, ...], chord: Callable, spread: float,
            short: float, loud: float) -> list[Note]:  # fmt: skip
    """Strokes of all bars; each kind of section has its own pattern."""
    chosen: dict[str, str] = {}
    notes: list[Note] = []
    for section, bar in score.bars("other"):
        text = chosen.setdefault(section.name, texts[random.integers(len(texts))])
        keys = chord(section, bar)
        for step, length, accent in _lengths(text):
            held = length if short >= 1 else min(length, short * 4)
            notes += _strum(score, random, bar, step, held, keys, loud * accent, spread)
    return notes


def _arpeggio(score: Score, random: Generator) -> list[Note]:
    """Chords picked string by string, ringing on."""
    barre = int(random.choice([0, 0, 2, 5, 7]))
    pace = int(random.choice([1, 2, 2]))
    order = random.integers(0, 6, size=16)
    order[0] = 0
    notes = []
    for section, bar in score.bars("other"):
        keys = _fretted(score, section, bar, barre)
        for step in range(0, 16, pace):
            start = max(0, score.at(bar, step) + samples(random.normal(0, 0.005)))
            end = start + int(random.uniform(3, 8) * score.step_samples)
            notes.append(Note(start, end, keys[order[step] % len(keys)], random.uniform(60, 100)))
    return notes


def _take(font: SoundFont, random: Generator, program: int, notes: list[Note], count: int) -> Array:
    """Renders notes as one take, with its own dynamics, tuning and timing."""
    late = samples(abs(random.normal(0, 0.009)))
    moved = [
        Note(n.start + late + int(random.integers(0, 300)), n.end + late, n.key,
             n.velocity * random.uniform(0.85, 1.05))
        for n in notes
    ]  # fmt: skip
    shape = {FINE_CENTS: random.normal(0, 5), FILTER_CENTS: random.uniform(-600, 900)}
    sound = font.render((0, program), moved, count, shape=shape)
    return np.repeat(sound.mean(0, keepdims=True), 2, axis=0)


def _sides(random: Generator, takes: list[Array], width: float) -> Array:
    """Pans two takes to both sides, or a single one to a random position."""
    if len(takes) == 1:
        return takes[0] * (chain.sides(random.uniform(-0.7, 0.7)) * np.float32(1.414))
    near = np.float32((1 - width) / 2)
    left, right = takes[0].mean(0), takes[1].mean(0)
    return np.stack([left * (1 - near) + right * near, right * (1 - near) + left * near])


def render(score: Score, random: Generator, manner: str) -> Array:
    """A guitar part [2, n]: power, crunch, strum, clean, picking, nylon, chops, skank, jazz."""
    fonts = score.palette.fonts
    font = sound_font(fonts[random.integers(len(fonts))])
    count = score.length_samples
    barre = int(random.choice([0, 0, 0, 3, 5]))

    def fretted(section: Section, bar: int) -> list[int]:
        return _fretted(score, section, bar, barre)

    def high(section: Section, bar: int) -> list[int]:
        return _fretted(score, section, bar, 5 + barre)[-4:]

    double = manner in ("power", "crunch", "strum") and random.random() < 0.75
    program, gain, spread = CLEAN, 0.0, random.uniform(0.004, 0.016)
    if manner in ("power", "crunch"):
        gain = random.uniform(12, 60) if manner == "power" else random.uniform(3, 12)
        chord = (lambda s, b: _power(score, s, b)) if manner == "power" else fretted
        short = float(random.choice([1.0, 1.0, 0.25]))
        notes = _rhythm(score, random, CHUGS, chord, 0.003, short, 105)
        program = MUTED if short < 1 and random.random() < 0.7 else CLEAN
    elif manner == "chops":
        notes = _rhythm(score, random, CHOPS, high, 0.004, 0.15, 95)
    elif manner == "skank":
        notes = _rhythm(score, random, SKANKS, high, 0.005, 0.2, 95)
    elif manner in ("picking", "clean", "nylon") and random.random() < 0.7:
        program = {"picking": STEEL, "clean": CLEAN, "nylon": NYLON}[manner]
        notes = _arpeggio(score, random)
    else:
        program = {"strum": STEEL, "nylon": NYLON, "jazz_guitar": JAZZ}.get(manner, CLEAN)
        notes = _rhythm(score, random, STRUMS, fretted, spread, 1.0, 88)
    takes = []
    for _ in range(2 if double else 1):
        take = _take(font, random, program, notes, count)
        if gain:
            take = chain.amplifier(random, take, gain)
        elif program in (CLEAN, JAZZ, MUTED) and random.random() < 0.8:
            take = chain.cabinet(random, chain.drive(take, random.uniform(0.3, 2.0)))
        elif program in (STEEL, NYLON):
            take = effects.high_pass(take, random.uniform(80, 220))
        takes.append(chain.normal(take))
    track = _sides(random, takes, random.uniform(0.5, 1.0))
    if manner in ("clean", "chops", "skank", "jazz_guitar"):
        if random.random() < 0.35:
            track = effects.chorus(track, random.uniform(0.3, 1.2), 0.002, 0.7)
        if random.random() < 0.25:
            track = chain.tremolo(track, random.uniform(3, 8), random.uniform(0.2, 0.7))
        if random.random() < 0.35:
            track = effects.echo(track, score.beat_seconds * 0.75, 0.45, random.uniform(0.1, 0.4))
    return effects.compress(track, random.uniform(1.2, 4), 0.15)
