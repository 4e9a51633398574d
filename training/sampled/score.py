"""The score of a song of the sampled kind: a `song.Song` with a style."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from oscillators import RATE_HZ, Generator
from sampled.palette import Palette
from sampled.styles import SHARES, STYLES, Style
from song import PROGRESSIONS, SCALES, STEMS, Section, Song

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
class Score(Song):
    """Properties of a sampled song that all parts share."""

    style_name: str
    palette: Palette

    @property
    def style(self) -> Style:
        """The style."""
        return STYLES[self.style_name]

    def bars(self, stem: str) -> list[tuple[Section, int]]:
        """The bars in which a stem plays, with their sections."""
        return [
            (section, bar)
            for section in self.sections
            if stem in section.active
            for bar in range(section.first_bar, section.first_bar + section.bars)
            if self.at(bar, 0) < self.length_samples
        ]


def pick(random: Generator, weights: dict[str, float]) -> str:
    """Draws a name by its weight."""
    share = np.array(list(weights.values()), dtype=np.float64)
    return list(weights)[int(random.choice(len(weights), p=share / share.sum()))]


def pick_many(random: Generator, weights: dict[str, float], count: int) -> list[str]:
    """Draws different names by their weights."""
    names, share = list(weights), np.array(list(weights.values()), dtype=np.float64)
    count = min(count, len(names))
    drawn = random.choice(len(names), size=count, replace=False, p=share / share.sum())
    return [names[int(k)] for k in drawn]


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


def compose_sampled(seed: int, length_samples: int, palette: Palette) -> Score:
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
