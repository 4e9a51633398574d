"""Basses: played, driven, plucked strings, and many kinds of synthesiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import effects
from oscillators import Array, Generator, envelope, hertz, partials, samples, times
from sampled import chain, synthesiser
from sampled.score import Score, Section, pick
from sampled.soundfont import ATTACK_TIMECENTS, FILTER_CENTS, Note, sound_font

PROGRAMS = {
    "upright": (32,), "fingered": (33, 37), "picked": (34,), "fretless": (35,), "slap": (36, 37),
    "driven": (33, 34), "bowed": (43,),
}  # fmt: skip
LOWEST = 28  # MIDI note of a bass's lowest string
# Step and length in sixteenths, and note as in `keys`.
LINES: dict[str, tuple[tuple[tuple[float, float, str], ...], ...]] = {
    "eighths": (
        tuple((k, 2, "r") for k in range(0, 16, 2)),
        (*((k, 2, "r") for k in range(0, 14, 2)), (14, 2, "a")),
        (*((k, 2, "r") for k in range(0, 12, 2)), (12, 2, "f"), (14, 2, "o")),
    ),
    "sixteenths": (
        tuple((k, 1, "r") for k in range(16)),
        tuple((k, 1, "o" if k % 4 == 2 else "r") for k in range(16)),
        tuple((k, 1, "r") for k in range(16) if k % 4),
        tuple((k, 1, "rrorfros"[k % 8]) for k in range(16)),
    ),
    "kick": (((0, 4, "r"), (6, 2, "r"), (10, 4, "r")), ((0, 6, "r"), (8, 6, "r")),
             ((0, 3, "r"), (3, 5, "r"), (10, 5, "f")), ((0, 7, "r"), (7, 3, "r"), (10, 6, "r"))),
    "riff": (((0, 3, "r"), (3, 3, "r"), (6, 2, "s"), (8, 3, "r"), (11, 3, "f"), (14, 2, "s")),
             ((0, 2, "r"), (2, 2, "r"), (5, 1, "t"), (6, 2, "f"), (10, 2, "r"), (12, 4, "s")),
             ((0, 4, "r"), (4, 2, "o"), (6, 4, "f"), (10, 2, "t"), (12, 4, "r"))),
    "long": (((0, 15, "r"),), ((0, 8, "r"), (8, 8, "r")), ((0, 12, "r"), (12, 4, "f")),
             ((0, 10, "r"), (10, 6, "o"))),
    "octaves": (tuple((k, 2, "ro"[k // 2 % 2]) for k in range(0, 16, 2)),
                tuple((k, 1, "ro"[k // 2 % 2]) for k in range(0, 16, 2))),
    "offbeat": (tuple((k + 2, 2, "r") for k in range(0, 16, 4)),
                tuple((k + d, 1, "r") for k in range(0, 16, 4) for d in (2, 3)),
                ((2, 2, "r"), (6, 2, "r"), (10, 2, "r"), (13, 1, "s"), (14, 2, "o"))),
    "syncopated": (((0, 3, "r"), (3, 1, "r"), (6, 2, "o"), (9, 1, "r"), (10, 2, "s"), (14, 2, "f")),
                   ((0, 2, "r"), (3, 1, "o"), (4, 1, "r"), (7, 2, "r"), (10, 1, "f"), (11, 2, "s"),
                    (14, 1, "r")),
                   ((2, 2, "r"), (4, 1, "r"), (6, 2, "r"), (10, 2, "t"), (12, 1, "o"),
                    (14, 2, "f"))),
    "walk": (((0, 4, "r"), (4, 4, "t"), (8, 4, "f"), (12, 4, "a")),
             ((0, 4, "r"), (4, 4, "f"), (8, 4, "s"), (12, 4, "a")),
             ((0, 4, "r"), (4, 4, "o"), (8, 4, "f"), (12, 3, "t"), (15, 1, "a"))),
    "two": (((0, 6, "r"), (8, 6, "f")), ((0, 6, "r"), (8, 4, "f"), (12, 4, "a"))),
    "tumbao": (((6, 6, "f"), (12, 6, "o")), ((0, 3, "r"), (6, 6, "f"), (12, 4, "o"))),
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """A note of the line: first sample, samples held, MIDI key, loudness 0...1."""

    start: int
    held: int
    key: int
    loud: float


def keys(score: Score, section: Section, bar: int) -> dict[str, int]:
    """The MIDI notes of a bar, by the letters of LINES.

    r root, t third, f fifth, o octave, s seventh, a approach to the next bar's root.
    """
    first, third, fifth = (score.degree(degree, 0) for degree in score.chord(section, bar)[:3])
    root = LOWEST + (first - LOWEST) % 12
    following = LOWEST + (score.degree(score.chord(section, bar + 1)[0], 0) - LOWEST) % 12
    return {"r": root, "t": root + third - first, "f": root + fifth - first, "o": root + 12,
            "s": root + 10, "a": following - 1}  # fmt: skip


def line(score: Score, random: Generator) -> list[Played]:
    """Draws the whole bass line."""
    chosen: dict[str, tuple] = {}
    base = pick(random, score.style.lines)
    octave = int(random.choice([0, 0, 0, 0, 12]))
    legato, loose = random.uniform(0.55, 1.05), random.uniform(0.0, 0.006)
    notes = []
    for section, bar in score.bars("bass"):
        if section.name not in chosen:
            family = base if random.random() < 0.6 else pick(random, score.style.lines)
            chosen[section.name] = LINES[family][random.integers(len(LINES[family]))]
        notes_of_bar = keys(score, section, bar)
        for step, length, what in chosen[section.name]:
            if random.random() < 0.03:
                continue
            start = max(0, score.at(bar, step) + samples(random.normal(0, loose)))
            held = max(600, int(length * score.step_samples * legato))
            loud = random.uniform(0.75, 1.0) * (0.8 + 0.2 * section.intensity)
            if start < score.length_samples:
                notes.append(Played(start, held, notes_of_bar[what] + octave, loud))
    notes.sort(key=lambda note: note.start)
    ends = [note.start for note in notes[1:]] + [score.length_samples]
    return [
        Played(n.start, max(300, min(n.held, end - n.start)), n.key, n.loud)
        for n, end in zip(notes, ends, strict=True)
    ]


class Synthesiser:
    """One synthesised bass, its settings drawn once for a song."""

    def __init__(self, score: Score, kind: str, random: Generator) -> None:
        self.random, self.kind = random, kind
        self.beat = score.beat_seconds
        self.wave = str(random.choice(["saw", "saw", "square", "pulse", "triangle"]))
        self.width = random.uniform(0.1, 0.45)
        self.cutoff_hz = float(np.exp(random.uniform(*np.log([120, 900]))))
        self.sweep_octaves = random.uniform(0.5, 4.5)
        self.sweep_seconds = float(np.exp(random.uniform(*np.log([0.04, 0.5]))))
        self.resonance = random.uniform(0, 0.85)
        self.glide = random.uniform(0.005, 0.05) if random.random() < 0.35 else 0.0
        self.attack = random.uniform(0.002, 0.015)
        self.decay, self.sustain = random.uniform(0.15, 1.5), random.uniform(0.2, 1.0)
        self.sub = random.uniform(0, 0.9)
        self.voices = int(random.choice([1, 1, 2, 3])) if kind in ("swept", "pluck") else 1
        self.detune = random.uniform(4, 18)
        self.ratio = float(random.choice([0.5, 1, 1, 2, 3, 1.41]))
        self.index = random.uniform(1, 6)
        # Rates of the filter's sweeps in cycles per beat, a few for a song.
        self.rates = random.choice([0.5, 1, 1.5, 2, 3, 4], size=3)
        self.slow = random.uniform(0.1, 0.6)  # Hz, of slow sweeps over the whole song
        self.slow_octaves = random.uniform(0, 1.5) if random.random() < 0.5 else 0.0
        self.drive = random.uniform(1.2, 6.0) if random.random() < 0.5 else 0.0

    def _cutoff(self, note: Played, count: int) -> Array:
        """The filter's cutoff in Hz for each sample of a note."""
        t = times(count)
        octaves = self.sweep_octaves * note.loud * np.exp(-t / np.float32(self.sweep_seconds))
        if self.kind in ("wobble", "reese"):
            rate = float(self.random.choice(self.rates)) / self.beat
            if self.kind == "reese":
                rate *= 0.25
            octaves = self.sweep_octaves * (0.5 - 0.5 * np.cos(2 * np.pi * rate * t))
        start = note.start / 44_100
        octaves = octaves + self.slow_octaves * np.sin(2 * np.pi * self.slow * (start + t))
        return np.clip(self.cutoff_hz * 2.0**octaves, 50, 16_000)

    def note(self, note: Played, before: Played | None) -> Array:
        """One note [2, n]."""
        random, kind = self.random, self.kind
        f = float(hertz(note.key))
        release = 0.06 if kind != "808" else 0.15
        count = note.held + samples(4 * release)
        tied = before is not None and note.start - before.start - before.held < 400
        origin = float(hertz(before.key)) if before and tied and self.glide else f
        pitch = synthesiser.glided(f, origin, self.glide, count)
        t = times(count)
        shape = envelope(count, self.attack, self.decay, self.sustain, release, note.held)
        if kind == "808":
            fall = envelope(count, 0.002, 0.9, 0.25, release, note.held)
            pitch = pitch * (1 + 1.5 * np.exp(-t * 45))
            tone = np.sin(2 * np.pi * np.cumsum(pitch) / 44_100) * fall
            tone = np.tanh(tone * (1 + self.drive * 0.6)).astype(np.float32)
            return np.stack([tone, tone])
        if kind == "sub":
            phase = 2 * np.pi * np.cumsum(pitch) / 44_100
            tone = np.sin(phase) + 0.25 * self.sub * np.sin(2 * phase)
            tone = np.tanh(tone * (1 + self.resonance)) * shape
            return np.stack([tone, tone]).astype(np.float32)
        if kind == "fm":
            index = self.index * np.exp(-t / np.float32(self.sweep_seconds)) + 0.4 * self.sustain
            tone = synthesiser.modulated(random, pitch, index, self.ratio, self.resonance)
            return np.stack([tone, tone]) * shape
        resonance, voices, detune = self.resonance, self.voices, self.detune
        wave = self.wave
        if kind == "acid":
            resonance = 0.6 + 0.38 * self.resonance
            wave = "saw" if self.wave != "square" else "square"
        if kind in ("reese", "wobble"):
            wave, voices, detune = "saw", 3 if kind == "reese" else 2, 12 + self.detune
        if kind == "pluck":
            shape = envelope(count, 0.002, 0.3, 0.05, release, note.held)
        cutoff = self._cutoff(note, count)
        tone = synthesiser.swept(
            random, wave, pitch, cutoff, resonance, voices=voices, detune_cents=detune,
            width=self.width,
        )  # fmt: skip
        middle = tone.mean(0)
        tone = middle + (tone - middle) * np.float32(0.4)  # basses stay near the middle
        if self.sub > 0.3:
            low = np.sin(2 * np.pi * np.cumsum(pitch if f < 70 else pitch / 2) / 44_100)
            tone = tone + (0.5 * self.sub * low).astype(np.float32)
        return tone * shape


def _synthesised(score: Score, kind: str, notes: list[Played], random: Generator) -> Array:
    """A line on a synthesiser."""
    instrument = Synthesiser(score, kind, random)
    track = np.zeros((2, score.length_samples), dtype=np.float32)
    before = None
    for note in notes:
        sound = instrument.note(note, before)[:, : score.length_samples - note.start]
        track[:, note.start : note.start + sound.shape[1]] += sound * np.float32(note.loud)
        before = note
    if instrument.drive and kind not in ("sub",):
        track = chain.drive(track, instrument.drive, random.uniform(0, 0.3))
    if kind in ("swept", "reese", "fm") and random.random() < 0.3:
        track = effects.chorus(track, random.uniform(0.2, 1.0), 0.002, 0.4)
    return track


def _sampled(score: Score, kind: str, notes: list[Played], random: Generator) -> Array:
    """A line played by a font; slap basses accent their octaves."""
    fonts = score.palette.fonts
    font = sound_font(fonts[random.integers(len(fonts))])
    program = int(random.choice(PROGRAMS[kind]))
    shape = {FILTER_CENTS: random.uniform(-1500, 800), ATTACK_TIMECENTS: random.uniform(-200, 300)}
    hard = random.uniform(80, 125)
    played, bends = [], []
    for before, note in zip([None, *notes], notes, strict=False):
        loud = hard * note.loud * (1.15 if kind == "slap" and note.key > 40 else 1.0)
        played.append(Note(note.start, note.start + note.held, note.key, loud))
        slide = kind in ("fretless", "fingered") and before and random.random() < 0.12
        if slide and abs(before.key - note.key) <= 7:
            away = float(np.sign(before.key - note.key) * min(2, abs(before.key - note.key)))
            for k in range(6):
                bends.append((note.start + k * 500, away * (1 - k / 5)))
    track = font.render((0, program), played, score.length_samples, shape=shape, bends=bends)
    track = chain.normal(np.repeat(track.mean(0, keepdims=True), 2, axis=0))
    if kind == "driven" or random.random() < 0.15:
        clean = effects.low_pass(track, 250)
        gain = random.uniform(3, 25)
        dirty = chain.amplifier(random, track, gain)
        share = random.uniform(0.3, 0.9)
        track = clean + share * chain.normal(dirty)
    elif random.random() < 0.4:
        track = chain.drive(track, random.uniform(0.8, 2.5), random.uniform(0, 0.3))
    elif kind == "slap" or random.random() < 0.1:
        scooped = effects.bell(random.uniform(500, 900), -5, 0.8)
        bright = effects.shelf("high", 2500, random.uniform(0, 6))
        track = effects.filtered(track, [scooped, bright])
    return track


class String:
    """A plucked string, its settings drawn once for a song."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        # Numbers that nothing uses any more; without them each seed would have another song.
        random.choice(5)
        random.random(4)
        random.choice(4)
        random.random(3)
        self.pluck = random.uniform(0.15, 0.35)
        self.pickup = random.uniform(0.08, 0.28)
        self.finger_hz = float(np.exp(random.uniform(*np.log([350, 1200]))))
        self.loss = random.uniform(2.0, 9.0)
        self.body_hz = random.uniform(90, 220)

    def note(self, note: int, held: int) -> Array:
        """One note [n], `held` samples long before its release, synthesised from its modes.

        A string that is plucked at one place and picked up by its velocity at another has modes of
        level sin(pi n pluck) sin(pi n pickup) / n; the width of the finger damps the high modes.
        The modes are a little sharp, because the string is stiff; the higher ones decay faster.
        """
        f, count = float(hertz(note)), held + samples(0.08)
        t = times(count)
        numbers = partials(f, 40)
        pluck = self.pluck * self.random.uniform(0.95, 1.05)
        level = np.sin(np.pi * numbers * pluck) * np.sin(np.pi * numbers * self.pickup) / numbers
        level *= 1 / np.sqrt(1 + (numbers * f / self.finger_hz) ** 4)
        level *= 1 + 0.6 * np.exp(-((np.log2(numbers * f / self.body_hz) / 0.5) ** 2))
        level /= np.sqrt(np.square(level).sum())
        tone = np.zeros(count, dtype=np.float32)
        for number, gain in zip(numbers, level, strict=True):
            if abs(gain) < 1e-3:
                continue
            pitch = number * f * np.sqrt(1 + 8e-5 * number**2)
            rate = 0.5 + self.loss * (number * f / 500)
            fall = np.exp(np.float32(-rate) * t)
            tone += np.float32(gain) * np.sin(np.float32(2 * np.pi * pitch) * t) * fall
        return tone * envelope(count, 0.002, 2.0, 0.5, 0.03, held)


def _plucked(score: Score, notes: list[Played], random: Generator) -> Array:
    """A line on a plucked string."""
    string = String(random)
    track = np.zeros((2, score.length_samples), dtype=np.float32)
    for note in notes:
        tone = string.note(note.key, note.held)[: score.length_samples - note.start]
        track[:, note.start : note.start + len(tone)] += np.float32(note.loud) * tone
    return track


def render(score: Score) -> Array:
    """The bass stem [2, n]."""
    random = score.generator("bass")
    kind = pick(random, score.style.basses)
    notes = line(score, random)
    if not notes:
        return np.zeros((2, score.length_samples), dtype=np.float32)
    if kind == "string":
        track = _plucked(score, notes, random)
    elif kind in PROGRAMS:
        track = _sampled(score, kind, notes, random)
    else:
        track = _synthesised(score, kind, notes, random)
    if kind not in ("sub", "808") and random.random() < 0.2:  # a deep sine below
        deep = _synthesised(score, "sub", notes, random)
        track = chain.normal(effects.high_pass(track, 90)) + chain.normal(deep, 0.07)
    track = effects.equalise(track, random, 2.0)
    track = effects.compress(track, random.uniform(1.5, 5.0), 0.12)
    if random.random() < 0.25:
        track = chain.room(random, track, random.uniform(0.2, 0.6), random.uniform(0.01, 0.06))
    return effects.high_pass(track, 24)
