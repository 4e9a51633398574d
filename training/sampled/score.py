"""The score of a song: style, tempo, key, chords, and sections with the stems that play.

Each part draws from its own generator, seeded by the song and the part's name, so a change in one
part does not change the others.
"""

import zlib
from typing import NamedTuple

import numpy as np

from sampled.effects import Generator
from sampled.palette import Palette
from sampled.styles import SHARES, STYLES, weights
from stems import RATE_HZ, STEMS

STEPS = 16  # sixteenths of a bar
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10), "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}  # fmt: skip
# Degrees of the scale, one chord for each bar.
PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 3, 0, 4), (0, 2, 3, 4),
    (1, 4, 0, 5), (0, 6, 3, 0), (0, 6, 5, 4), (0, 0, 3, 4), (3, 4, 2, 5), (0, 4, 1, 3),
)  # fmt: skip
# Probability that a stem is silent in a section.
SILENT = {"drums": 0.10, "bass": 0.11, "other": 0.05, "vocals": 0.20}
PLANS = (
    ("verse", "chorus", "verse", "bridge", "chorus"),
    ("intro", "verse", "chorus", "break", "chorus"),
    ("verse", "build", "chorus", "chorus"),
    ("chorus", "verse", "chorus", "bridge"),
    ("intro", "chorus", "verse", "build", "chorus"),
)
INTENSITY = {
    "intro": 0.55, "verse": 0.75, "build": 0.85, "chorus": 1.0, "bridge": 0.7, "break": 0.5,
}  # fmt: skip


class Section(NamedTuple):
    """A stretch of bars in which the same stems play."""

    name: str
    first_bar: int
    bars: int
    active: frozenset[str]
    progression: tuple[int, ...]
    intensity: float


def pick_many(random: Generator, names: str | dict[str, float], count: int) -> list[str]:
    """Draws different names by their weights."""
    names = weights(names) if isinstance(names, str) else names
    share = np.array(list(names.values()))
    drawn = random.choice(len(names), min(count, len(names)), replace=False, p=share / share.sum())
    return [list(names)[int(k)] for k in drawn]


def pick(random: Generator, names: str | dict[str, float]) -> str:
    """Draws a name by its weight."""
    return pick_many(random, names, 1)[0]


def _active(random: Generator, name: str) -> frozenset[str]:
    """Draws the stems that play in a section of a kind."""
    silent = {stem for stem in STEMS if random.random() < SILENT[stem]}
    if name in ("intro", "break") and not silent:
        silent = {str(random.choice(STEMS)) for _ in range(2)}
    if name == "chorus" and random.random() < 0.8:
        silent = set()
    if len(silent) == len(STEMS):
        silent = {"vocals"}
    return frozenset(set(STEMS) - silent)


class Score:
    """A song of a length in samples, drawn: the properties that all parts share."""

    def __init__(self, seed: int, length_samples: int, palette: Palette) -> None:
        self.seed, self.length_samples, self.palette = seed, length_samples, palette
        random = self.generator("sampled")
        name = pick(random, SHARES)
        self.style = STYLES[name]
        self.beats_per_minute = float(random.uniform(*self.style.tempo))
        self.beat_seconds = 60 / self.beats_per_minute
        self.step_samples = self.beat_seconds / 4 * RATE_HZ  # of a sixteenth, before swing
        self.sections = self._drawn_sections(random)
        self.key = int(random.integers(0, 12))
        self.scale = SCALES[str(random.choice(self.style.scales))]
        self.swing = float(random.choice(self.style.swing))
        self.sevenths = random.random() < (0.8 if name in ("jazz", "soul", "funk") else 0.25)

    def _drawn_sections(self, random: Generator) -> list[Section]:
        """Sections up to the end; an excerpt of a song may begin anywhere."""
        bars = int(np.ceil(self.length_samples / (STEPS * self.step_samples)))
        chosen = random.choice(len(PROGRESSIONS), size=3, replace=False)
        unit = 2 if bars <= 8 else 4
        plan = PLANS[random.integers(len(PLANS))]
        sections: list[Section] = []
        for bar in range(-int(random.integers(0, unit)), bars, unit):
            kind = plan[len(sections) % len(plan)]
            which = {"chorus": 1, "bridge": 2, "break": 2}.get(kind, 0)
            first = max(bar, 0)
            sections.append(
                Section(kind, first, unit - (first - bar), _active(random, kind),
                        PROGRESSIONS[chosen[which]], INTENSITY[kind])
            )  # fmt: skip
        return sections

    def generator(self, part: str) -> Generator:
        """Random generator of one part."""
        return np.random.default_rng([self.seed, zlib.crc32(part.encode())])

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

    def bars(self, stem: str) -> list[tuple[Section, int]]:
        """The bars in which a stem plays, with their sections."""
        return [
            (section, bar)
            for section in self.sections
            if stem in section.active
            for bar in range(section.first_bar, section.first_bar + section.bars)
            if self.at(bar, 0) < self.length_samples
        ]
