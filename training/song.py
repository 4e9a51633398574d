"""The score of a song: tempo, key, chords, and sections with the stems that play.

Each part draws from its own generator, seeded by the song and the part's name, so a change in one
part does not change the others.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from oscillators import RATE_HZ, Generator

STEMS = ("drums", "bass", "other", "vocals")
STEPS = 16  # sixteenths of a bar

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
# Degrees of the scale, one chord for each bar.
PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 3, 0, 4), (0, 2, 3, 4),
    (1, 4, 0, 5), (0, 6, 3, 0), (0, 6, 5, 4), (0, 0, 3, 4), (3, 4, 2, 5), (0, 4, 1, 3),
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A stretch of bars in which the same stems play."""

    name: str
    first_bar: int
    bars: int
    active: frozenset[str]
    progression: tuple[int, ...]
    intensity: float


@dataclass(frozen=True)
class Song:
    """Properties of a song that all parts share."""

    seed: int
    length_samples: int
    beats_per_minute: float
    key: int
    scale: tuple[int, ...]
    swing: float
    sevenths: bool
    sections: tuple[Section, ...]

    def generator(self, part: str) -> Generator:
        """Random generator of one part."""
        return np.random.default_rng([self.seed, zlib.crc32(part.encode())])

    @property
    def beat_seconds(self) -> float:
        """Length of a beat in seconds."""
        return 60 / self.beats_per_minute

    @property
    def step_samples(self) -> float:
        """Length of a sixteenth in samples, before swing."""
        return self.beat_seconds / 4 * RATE_HZ

    def at(self, bar: int, step: float) -> int:
        """The sample at which a step of a bar begins; odd steps come late by the swing."""
        late = self.swing if int(step) % 2 else 0.0
        return round((bar * STEPS + step + late) * self.step_samples)

    def degree(self, degree: int, base: int) -> int:
        """MIDI note of a scale degree (also outside of 0...6) over a base note."""
        octave, index = divmod(degree, 7)
        return base + self.key + self.scale[index] + 12 * octave

    def chord(self, section: Section, bar: int) -> list[int]:
        """Scale degrees of the chord of a bar."""
        root = section.progression[(bar - section.first_bar) % len(section.progression)]
        return [root, root + 2, root + 4] + ([root + 6] if self.sevenths else [])


def voicing(song: Song, degrees: list[int], lowest: int) -> list[int]:
    """MIDI notes of a chord, each moved by octaves to lie at or above `lowest`, sorted."""
    notes = [song.degree(degree, 0) for degree in degrees]
    return sorted(lowest + (note - lowest) % 12 for note in notes)


def _active(random: Generator, name: str) -> frozenset[str]:
    """Draws the stems that play in a section of a kind."""
    silent: set[str] = set()
    if name == "intro":
        silent = set(random.choice(STEMS, size=int(random.integers(1, 3)), replace=False))
    elif name == "break" or (name == "verse" and random.random() < 0.35):
        silent = {str(random.choice(STEMS))}
    return frozenset(set(STEMS) - silent)


def compose(seed: int, length_samples: int) -> Song:
    """Draws a song of a length in samples."""
    random = np.random.default_rng([seed, zlib.crc32(b"song")])
    tempo = float(random.uniform(76, 156))
    bar_samples = 4 * 60 / tempo * RATE_HZ
    bars = int(np.ceil(length_samples / bar_samples))
    chosen = random.choice(len(PROGRESSIONS), size=2, replace=False)
    unit = 2 if bars <= 10 else 4
    plan = ["intro", "verse", "chorus", "verse", "break", "chorus"]
    if random.random() < 0.5 or bars < 3 * unit:
        plan = plan[1:]
    sections = []
    bar = 0
    while bar < bars:
        name = plan[len(sections) % len(plan)]
        progression = PROGRESSIONS[chosen[int(name == "chorus")]]
        loud = {"intro": 0.6, "break": 0.7, "verse": 0.8, "chorus": 1.0}[name]
        sections.append(Section(name, bar, unit, _active(random, name), progression, loud))
        bar += unit
    return Song(
        seed=seed,
        length_samples=length_samples,
        beats_per_minute=tempo,
        key=int(random.integers(0, 12)),
        scale=SCALES[str(random.choice(list(SCALES)))],
        swing=float(random.choice([0.0, 0.0, 0.0, 0.2, 0.33])),
        sevenths=bool(random.random() < 0.3),
        sections=tuple(sections),
    )
