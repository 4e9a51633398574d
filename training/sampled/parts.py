"""Notes of the pitched parts: bass lines, chords in a rhythm, arpeggios, melodies."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sampled.effects import Generator, samples
from sampled.score import Score, Section, pick
from sampled.soundfont import Note
from sampled.styles import PATTERNS

LOWEST_BASS = 28  # MIDI note of a bass's lowest string
STRINGS = (40, 45, 50, 55, 59, 64)  # of a guitar
RANGE_SEMITONES = 17  # of a melody
# Lengths of notes in sixteenths.
SUNG = ((2, 2, 4, 2, 2, 4), (3, 3, 2, 4, 4), (4, 4, 8), (2, 2, 2, 2, 4, 4), (1, 1, 2, 4, 2, 6),
        (6, 2, 4, 4), (8, 8), (3, 1, 4, 2, 2, 4), (12, 4), (2, 4, 2, 4, 4))  # fmt: skip
SAID = ((1, 1, 1, 2, 2, 1), (1, 2, 1, 1, 3), (2, 1, 1, 2, 2), (1, 1, 1, 1, 2, 2), (3, 1, 1, 1, 2))
LOUDNESS = {"X": 100.0, "x": 76.0, "o": 40.0}

Stroke = tuple[Section, int, int, int, str]  # section, bar, step, steps to the next, mark


def strokes(text: str) -> list[tuple[int, int, str]]:
    """Step, steps to the next stroke, and mark of each stroke of a bar."""
    steps = [k for k, mark in enumerate(text) if mark != "."]
    return [(k, end - k, text[k]) for k, end in zip(steps, [*steps, 16][1:], strict=True)]


def rhythm(score: Score, random: Generator, stem: str, names: str) -> Iterator[Stroke]:
    """The strokes of a stem; a kind of section has its own pattern, often of the same name."""
    chosen: dict[str, str] = {}
    usual = pick(random, names)
    for section, bar in score.bars(stem):
        if section.name not in chosen:
            name = usual if random.random() < 0.6 else pick(random, names)
            chosen[section.name] = str(random.choice(PATTERNS[name]))
        for step, length, mark in strokes(chosen[section.name]):
            yield section, bar, step, length, mark


def voicing(score: Score, section: Section, bar: int, lowest: int) -> list[int]:
    """The keys of a bar's chord, each moved by octaves to lie at or above `lowest`, sorted."""
    keys = [score.degree(degree, 0) for degree in score.chord(section, bar)]
    return sorted(lowest + (key - lowest) % 12 for key in keys)


def chord(score: Score, section: Section, bar: int, kind: str, lowest: int) -> list[int]:
    """The keys of a bar's chord: "close", "power" (with the fifth), or on a guitar's strings.

    On each string, "fretted" has the lowest tone of the chord from a fret up; "high" has only the
    thin strings.
    """
    tones = [score.degree(degree, 0) % 12 for degree in score.chord(section, bar)]
    root = lowest + (tones[0] - lowest) % 12
    if kind == "power":
        return [root, root + 7, root + 12]
    if kind == "close":
        return voicing(score, section, bar, lowest)
    fret = lowest - STRINGS[0]
    keys = [next(k for k in range(s + fret, s + fret + 12) if k % 12 in tones) for s in STRINGS]
    if kind == "high":
        return keys[-4:]
    first = next((k for k in range(3) if keys[k] % 12 == tones[0]), 0)  # nothing below the root
    reached = [key - string <= fret + 4 for key, string in zip(keys, STRINGS, strict=True)]
    return [keys[k] for k in range(first, 6) if reached[k]]


def chords(score: Score, random: Generator, pattern: str, kind: str, lowest: int, held: float
           ) -> list[Note]:  # fmt: skip
    """Chords in a rhythm, their keys one after the other, downwards off the beat.

    `held` is the share of the time to the next stroke.
    """
    roll, bass = random.uniform(0, 0.014), random.random() < 0.3
    notes = []
    for section, bar, step, length, mark in rhythm(score, random, "other", f"{pattern} 1"):
        keys = chord(score, section, bar, kind, lowest)
        if bass and kind == "close" and step in (0, 8):
            keys = [keys[0] - 12, *keys]
        start, loud = score.at(bar, step), LOUDNESS[mark] * random.uniform(0.9, 1.1)
        end = start + int(length * held * score.step_samples)
        for k, key in enumerate(keys if step % 2 == 0 else keys[::-1]):
            notes.append(Note(start + samples(k * roll), end, key, loud))
    return notes


def arpeggio(score: Score, random: Generator, kind: str, lowest: int, ring: float) -> list[Note]:
    """A figure over the chord, the same in every bar; a note rings for `ring` of its steps."""
    pace = int(random.choice([1, 1, 2, 2, 4]))
    order, rest = random.permutation(8), random.random(16) < random.choice([0.0, 0.25])
    notes = []
    for section, bar in score.bars("other"):
        keys = chord(score, section, bar, kind, lowest)
        if kind == "close":
            keys = [key + 12 * octave for octave in range(3) for key in keys]
        for step in range(0, 16, pace):
            if not rest[step]:
                start = score.at(bar, step)
                end = start + int(pace * ring * score.step_samples)
                key = keys[order[step // pace % 8] % len(keys)]
                notes.append(Note(start, end, key, random.uniform(65, 105)))
    return notes


class Melody:
    """Phrases of one voice, two bars each; a section's second phrase often repeats the first.

    `pace` is a factor on the lengths of notes. Speech has short notes and pitches of no scale.
    """

    def __init__(self, score: Score, random: Generator, lowest: int, pace: float, speaks: bool
                 ) -> None:  # fmt: skip
        self.score, self.random, self.lowest = score, random, lowest
        self.pace, self.speaks = pace, speaks
        self.degree = int(random.integers(0, 7))
        self.kept: dict[str, list[tuple[float, float, int]]] = {}

    def _shape(self) -> list[tuple[float, float, int]]:
        """Step, length, and move in scale degrees of each note of a phrase."""
        random, rhythms = self.random, SAID if self.speaks else SUNG
        step = float(random.choice([0, 0, 1, 2, 4, -2]))
        end = float(random.choice([22, 24, 26, 28, 30]))
        notes = []
        while step < end:
            for length in rhythms[random.integers(len(rhythms))]:
                length = max(1.0, float(round(length * self.pace)))
                move = int(random.choice([0, 0, 1, 1, -1, -1, 2, -2, 3, -3, 4]))
                if step < end and random.random() > 0.1:
                    notes.append((step, min(length, end - step), move))
                step += length
        return notes

    def _pitch(self, section: Section, bar: int, step: float, move: int) -> float:
        """The pitch of the next note: falling in speech, of the scale or a strong beat's chord."""
        score = self.score
        if self.speaks:
            accent = 3.0 * (step % 4 == 0) + self.random.normal(0, 1.2)
            return self.lowest + 4.5 - 3 * step / 32 + accent
        self.degree += move
        if step % 8 == 0:
            chord = score.chord(section, bar + int(step // 16))
            near = (tone + 7 * octave for tone in chord for octave in range(-4, 4))
            self.degree = min(near, key=lambda degree: abs(degree - self.degree))
        base = self.lowest - (self.lowest + score.key) % 12
        while score.degree(self.degree, base) > self.lowest + RANGE_SEMITONES:
            self.degree -= 4
        while score.degree(self.degree, base) < self.lowest:
            self.degree += 3
        return float(score.degree(self.degree, base))

    def phrase(self, section: Section, bar: int) -> list[tuple[int, int, float]]:
        """First sample, end, and pitch of the notes of two bars."""
        if section.name not in self.kept or self.random.random() < 0.4:
            self.kept[section.name] = self._shape()
        last = (section.first_bar + section.bars - bar) * 16 - 2
        return [
            (self.score.at(bar, step), self.score.at(bar, min(step + length, last)),
             self._pitch(section, bar, step, move))
            for step, length, move in self.kept[section.name]
            if step < last
        ]  # fmt: skip


def melody(score: Score, random: Generator, lowest: int) -> list[Note]:
    """Phrases of single notes in some of the bars."""
    voice = Melody(score, random, lowest, random.uniform(0.4, 1.0), speaks=False)
    share = random.uniform(0.5, 1.0)
    return [
        Note(max(0, start), end, int(pitch), random.uniform(75, 115))
        for section, bar in score.bars("other")
        if (bar - section.first_bar) % 2 == 0 and random.random() < share
        for start, end, pitch in voice.phrase(section, bar)
    ]


def bass_line(score: Score, random: Generator) -> list[Note]:
    """The bass line, of which each note ends before the next one."""
    octave = int(random.choice([0, 0, 0, 0, 12]))
    legato = random.uniform(0.4, 1.05)
    notes: list[Note] = []
    for section, bar, step, length, mark in rhythm(score, random, "bass", score.style.lines):
        if random.random() < 0.03:
            continue
        root, third, fifth = (score.degree(d, 0) for d in score.chord(section, bar)[:3])
        following = score.degree(score.chord(section, bar + 1)[0], 0)
        low = LOWEST_BASS + (root - LOWEST_BASS) % 12
        away = {"r": 0, "t": third - root, "f": fifth - root, "o": 12, "s": 10,
                "a": LOWEST_BASS + (following - LOWEST_BASS) % 12 - 1 - low}  # fmt: skip
        start = score.at(bar, step)
        end = start + max(600, int(length * legato * score.step_samples))
        loud = random.uniform(75, 100) * (0.8 + 0.2 * section.intensity)
        if notes:
            notes[-1] = replace(notes[-1], end=min(notes[-1].end, start))
        notes.append(Note(start, end, low + away[mark] + octave, loud))
    return [note for note in notes if note.start < score.length_samples]


def humanised(random: Generator, notes: list[Note], loose_seconds: float) -> list[Note]:
    """The notes as one take plays them: a little early or late, softer or louder."""
    late = random.normal(0, loose_seconds, len(notes))
    loud = random.uniform(0.85, 1.05, len(notes))
    return [
        Note(max(0, note.start + samples(t)), note.end + samples(t), note.key, note.velocity * gain)
        for note, t, gain in zip(notes, late, loud, strict=True)
    ]


def bends(random: Generator, notes: list[Note], depth: float) -> list[tuple[int, float]]:
    """Samples and semitones of a growing vibrato, and of slides into some notes."""
    rate, depth = random.uniform(4.5, 6.5), random.uniform(0, depth)
    result = []
    for note in notes:
        slide = random.choice([0, 0, 1, 2]) * random.random()
        age = np.arange(0, note.end - note.start, 512) / 44_100
        swing = depth * np.minimum(1, age / 0.4) * np.sin(2 * np.pi * rate * age)
        moves = swing - slide * np.exp(-age / 0.05)
        result += [(note.start + 512 * k, float(move)) for k, move in enumerate(moves)]
    return result
