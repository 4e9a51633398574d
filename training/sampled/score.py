"""The score of a song: style, tempo, key, chords, and sections with the stems that play.

Each part draws from its own generator, seeded by the song and the part's name, so a change in one
part does not change the others.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from sampled.effects import Generator
from sampled.palette import Palette
from sampled.styles import SHARES, STYLES, Style, weights
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
class Score:
    """Properties of a song that all parts share."""

    seed: int
    length_samples: int
    beats_per_minute: float
    key: int
    scale: tuple[int, ...]
    swing: float
    sevenths: bool
    sections: tuple[Section, ...]
    style_name: str
    palette: Palette

    @property
    def style(self) -> Style:
        """The style."""
        return STYLES[self.style_name]

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

    def bars(self, stem: str) -> list[tuple[Section, int]]:
        """The bars in which a stem plays, with their sections."""
        return [
            (section, bar)
            for section in self.sections
            if stem in section.active
            for bar in range(section.first_bar, section.first_bar + section.bars)
            if self.at(bar, 0) < self.length_samples
        ]


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


def compose(seed: int, length_samples: int, palette: Palette) -> Score:
    """Draws a song of a length in samples."""
    random = np.random.default_rng([seed, zlib.crc32(b"sampled")])
    name = pick(random, SHARES)
    style = STYLES[name]
    tempo = float(random.uniform(*style.tempo))
    bars = int(np.ceil(length_samples / (4 * 60 / tempo * RATE_HZ)))
    chosen = random.choice(len(PROGRESSIONS), size=3, replace=False)
    unit = 2 if bars <= 8 else 4
    plan = PLANS[random.integers(len(PLANS))]
    sections = []
    bar = -int(random.integers(0, unit))  # an excerpt of a song may begin anywhere
    while bar < bars:
        kind = plan[len(sections) % len(plan)]
        which = {"chorus": 1, "bridge": 2, "break": 2}.get(kind, 0)
        progression = PROGRESSIONS[chosen[which]]
        first = max(bar, 0)
        played = unit - (first - bar)
        sections.append(
            Section(kind, first, played, _active(random, kind), progression, INTENSITY[kind])
        )
        bar += unit
    return Score(
        seed=seed,
        length_samples=length_samples,
        beats_per_minute=tempo,
        key=int(random.integers(0, 12)),
        scale=SCALES[str(random.choice(style.scales))],
        swing=float(random.choice(style.swing)),
        sevenths=bool(random.random() < (0.8 if name in ("jazz", "soul", "funk") else 0.25)),
        sections=tuple(sections),
        style_name=name,
        palette=palette,
    )
