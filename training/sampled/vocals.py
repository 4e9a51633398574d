"""Vocals: lead, doubles, harmonies, choir, ad-libs, rap, shouts, speech."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import effects
from oscillators import RATE_HZ, Array, Generator, samples
from sampled import chain, formants
from sampled.score import Score, Section, pick, voicing
from sampled.singer import Singer, Sung, Words, sing, words
from sampled.soundfont import Note, sound_font

RANGE_SEMITONES = 17
RHYTHMS = ((2, 2, 4, 2, 2, 4), (3, 3, 2, 4, 4), (4, 4, 8), (2, 2, 2, 2, 4, 4), (1, 1, 2, 4, 2, 6),
           (6, 2, 4, 4), (8, 8), (3, 1, 4, 2, 2, 4), (12, 4), (2, 4, 2, 4, 4))  # fmt: skip


class _Melody:
    """Phrases of one singer, two bars each; a section's second phrase often repeats the first."""

    def __init__(self, score: Score, random: Generator, lowest: int) -> None:
        self.score, self.random, self.lowest = score, random, lowest
        self.degree = int(random.integers(0, 7))
        self.kept: dict[str, list[tuple[float, float, int]]] = {}

    def _shape(self, busy: float) -> list[tuple[float, float, int]]:
        """Step, length, and move in scale degrees of each note of a phrase."""
        random = self.random
        step = float(random.choice([0, 0, 2, 4, -2]))
        end = float(random.choice([22, 24, 26, 28, 30]))
        notes = []
        while step < end:
            for length in RHYTHMS[random.integers(len(RHYTHMS))]:
                if step >= end:
                    break
                length = max(1.0, float(round(length / busy)))
                move = int(random.choice([0, 0, 1, 1, -1, -1, 2, -2, 3, -3, 4]))
                if random.random() > 0.1:
                    notes.append((step, min(length, end - step), move))
                step += length
        return notes

    def _key(self, section: Section, bar: int, step: float, move: int) -> int:
        """Key of the next note; on strong beats a note of the chord."""
        score = self.score
        self.degree += move
        if step % 8 == 0:
            chord = score.chord(section, bar)
            near = (c + 7 * o for c in chord for o in range(-2, 3))
            self.degree = min(near, key=lambda d: abs(d - self.degree))
        base = self.lowest - (self.lowest + score.key) % 12
        while score.degree(self.degree, base) > self.lowest + RANGE_SEMITONES:
            self.degree -= 4
        while score.degree(self.degree, base) < self.lowest:
            self.degree += 3
        return score.degree(self.degree, base)

    def phrase(self, section: Section, bar: int, busy: float) -> list[Sung]:
        """A phrase of two bars."""
        score, random = self.score, self.random
        if section.name not in self.kept or random.random() < 0.4:
            self.kept[section.name] = self._shape(busy)
        last = (section.first_bar + section.bars - bar) * 16 - 2
        notes: list[Sung] = []
        for step, length, move in self.kept[section.name]:
            if step >= last:
                break
            there = bar + int(step // 16)
            start = score.at(bar, step) / RATE_HZ + random.normal(0, 0.012)
            end = score.at(bar, min(step + length, last)) / RATE_HZ - random.uniform(0, 0.06)
            tied = bool(notes) and random.random() < 0.12
            key = self._key(section, there, step, move)
            if end - start > 0.06:
                notes.append(Sung(start, end, float(key), not notes, tied))
        return notes


def _breaths(random: Generator, notes: list[Sung], count: int) -> Array:
    """Sound of breaths before some phrases [n]."""
    sound = np.zeros(count, dtype=np.float32)
    low, high = random.uniform(700, 1500), random.uniform(4000, 9000)
    share, loud = random.uniform(0, 0.9), 10 ** (random.uniform(-32, -16) / 20)
    for note in notes:
        length = samples(random.uniform(0.15, 0.4))
        start = samples(note.start) - length - samples(random.uniform(0.03, 0.15))
        if note.first and start > 0 and random.random() < share:
            air = random.standard_normal(length) * np.hanning(length) ** 0.7
            sound[start : start + length] += (loud * air).astype(np.float32)
    return effects.low_pass(effects.high_pass(sound[None], low), high)[0]


def _spoken(score: Score, random: Generator, section: Section, bar: int, lowest: int, pace: float
            ) -> list[Sung]:  # fmt: skip
    """Two bars of rap or speech: syllables on sixteenths, with a pitch that falls."""
    notes: list[Sung] = []
    step = float(random.choice([0, 0, 1, 2]))
    last = min(32.0, (section.first_bar + section.bars - bar) * 16.0) - float(random.choice([1, 4]))
    height = lowest + random.uniform(2, 7)
    while step < last:
        length = float(random.choice([1, 1, 1, 2, 2, 3])) * pace
        if random.random() > 0.12:
            start = score.at(bar, step) / RATE_HZ + random.normal(0, 0.01)
            end = start + 0.93 * length * score.step_samples / RATE_HZ
            accent = 3.0 * (step % 4 == 0) + random.normal(0, 1.2)
            notes.append(Sung(start, end, height - 3 * step / 32 + accent, not notes, False))
        step += length
    return notes


def _scale_move(score: Score, pitch: float, steps: int) -> float:
    """The pitch `steps` degrees of the scale above (or below)."""
    degrees = {score.degree(degree, 0) % 12: degree for degree in range(7)}
    key = round(pitch)
    nearest = min(degrees, key=lambda tone: min((key - tone) % 12, (tone - key) % 12))
    degree = degrees[nearest]
    away = score.degree(degree + steps, 0) - score.degree(degree, 0)
    return pitch + away


def _backing(score: Score, random: Generator, singer: Singer, notes: list[Sung], chosen: Words
             ) -> Array:  # fmt: skip
    """Doubles and harmonies of some notes, on both sides."""
    track = np.zeros((2, score.length_samples), dtype=np.float32)
    if not notes:
        return track
    parts: list[tuple[float, int | None]] = []  # pan; degrees of the scale, None: an octave
    if random.random() < 0.6:
        parts += [(-0.7, 0), (0.7, 0)]
    if random.random() < 0.6:
        parts += [(-0.5, 2), (0.5, int(random.choice([2, -3, 4])))]
    if random.random() < 0.25:
        parts += [(random.uniform(-0.3, 0.3), None)]
    for pan, steps in parts:
        other = singer.like(random)
        if steps is None:
            octave = float(random.choice([-12, 12]))
            pitches = [note.pitch + octave for note in notes]
        else:
            pitches = [_scale_move(score, note.pitch, steps) for note in notes]
        voice = sing(random, other, notes, chosen, score.length_samples, 0.018, pitches=pitches)
        track += voice * chain.sides(pan) * np.float32(random.uniform(0.3, 0.65))
    return track


def _choir(score: Score, random: Generator) -> Array:
    """Voices of a font on the chords, and some singers on one vowel."""
    count = score.length_samples
    fonts = score.palette.fonts
    font = sound_font(fonts[random.integers(len(fonts))])
    lowest = int(random.integers(50, 60))
    notes = []
    for section, bar in score.bars("vocals"):
        for key in voicing(score, score.chord(section, bar), lowest):
            notes.append(Note(score.at(bar, 0), score.at(bar + 1, 0), key, 90))
    track = chain.normal(font.render((0, int(random.choice([52, 53]))), notes, count))
    for k in range(int(random.integers(2, 5))):
        singer = Singer.drawn(random, score.palette.voices)
        sung = [
            Sung(n.start / RATE_HZ, n.end / RATE_HZ - 0.05, float(n.key), True, False)
            for n in notes
            if n.key == sorted(m.key for m in notes if m.start == n.start)[k % 3]
        ]
        voice = sing(random, singer, sung, words(random, singer, sung), count, 0.03)
        track += voice * chain.sides(random.uniform(-0.9, 0.9)) * np.float32(0.7)
    return track


def _chops(score: Score, random: Generator, singer: Singer) -> Array:
    """A few sung syllables, cut short and repeated in a rhythm."""
    notes = [Sung(0.2, 0.2 + 0.5, singer.lowest + 7.0, True, False)]
    source = sing(random, singer, notes, words(random, singer, notes), samples(1.0))
    track = np.zeros((2, score.length_samples), dtype=np.float32)
    length = int(random.choice([1, 2, 3]) * score.step_samples)
    source = source[samples(0.12) :][:length].copy()
    source[-400:] *= np.linspace(1, 0, len(source[-400:]), dtype=np.float32)
    steps = np.sort(random.permutation(16)[: int(random.integers(3, 7))])
    moves = random.choice([0, 0, 3, 5, 7, -5, 12], size=len(steps))
    for _, bar in score.bars("vocals"):
        for step, move in zip(steps, moves, strict=True):
            piece = chain.at_pace(source * chain.sides(0.0), 2 ** (move / 12))
            start = score.at(bar, float(step))
            room = min(piece.shape[1], score.length_samples - start)
            track[:, start : start + max(0, room)] += piece[:, : max(0, room)]
    return track


def _sent(score: Score, random: Generator, track: Array) -> Array:
    """Effects of a voice: equaliser, compression, drive, delays, room."""
    track = effects.high_pass(track, random.uniform(70, 160))
    track = effects.equalise(track, random, 2.0)
    track = effects.compress(track, random.uniform(2.0, 6.0), random.uniform(0.06, 0.2))
    if random.random() < 0.3:
        track = effects.saturate(track, random.uniform(1.0, 4.0))
    if random.random() < 0.06:  # a telephone
        track = effects.low_pass(effects.high_pass(track, 400), random.uniform(2500, 4500), 4)
        track = chain.drive(track, random.uniform(2, 6))
    dry = track
    if random.random() < 0.3:
        track = effects.echo(track, random.uniform(0.07, 0.13), 0.2, random.uniform(0.1, 0.3))
    if random.random() < 0.4:
        beats = float(random.choice([0.5, 0.75, 1.0]))
        wet = effects.echo(dry, score.beat_seconds * beats, 0.4, random.uniform(0.08, 0.3)) - dry
        track = track + effects.low_pass(wet, random.uniform(2500, 8000))
    if random.random() < 0.1:
        track = effects.chorus(track, random.uniform(0.4, 1.2), 0.002, 0.5)
    wet = float(random.choice([0.02, 0.08, 0.15, 0.25])) * random.uniform(0.6, 1.4)
    return chain.room(random, track, random.uniform(*score.style.rooms), wet,
                      random.uniform(0, 0.06))  # fmt: skip


def render(score: Score) -> Array:
    """The vocal stem [2, n]."""
    random = score.generator("vocals")
    count = score.length_samples
    manner = pick(random, score.style.voices)
    bars = score.bars("vocals")
    if manner == "none" or not bars:
        return np.zeros((2, count), dtype=np.float32)
    if random.random() < 0.04:
        return formants.render(score)
    if manner == "choir":
        return _sent(score, random, _choir(score, random))
    singer = Singer.drawn(random, score.palette.voices)
    if manner == "chops":
        return _sent(score, random, _chops(score, random, singer))
    if manner == "shout":
        singer = replace(singer, growl=random.uniform(0.5, 1.0), lowest=singer.lowest + 5)
    if manner in ("rap", "spoken"):
        singer = replace(singer, scoop=0.0, glide_seconds=0.03, vibrato=0.0)
    tune = _Melody(score, random, singer.lowest)
    busy = float(random.choice([1, 1, 1.5, 2])) if manner == "sung" else 1.0
    pace = 1.0 if score.beats_per_minute < 110 else 2.0
    lead: list[Sung] = []
    full: list[Sung] = []  # notes with backing voices
    gaps: list[Sung] = []
    for section, bar in bars:
        if (bar - section.first_bar) % 2:
            continue
        if manner in ("rap", "spoken"):
            slow = 1.5 if manner == "spoken" else 1.0
            phrase = _spoken(score, random, section, bar, singer.lowest, pace * slow)
            if manner == "spoken" and random.random() < 0.4:
                phrase = []
        else:
            phrase = tune.phrase(section, bar, busy)
        phrase = [note for note in phrase if note.start > 0.05 and note.end < count / RATE_HZ]
        lead += phrase
        if section.name in ("chorus", "build") or random.random() < 0.15:
            full += phrase[-3:] if manner == "rap" else phrase
        elif phrase and random.random() < 0.25:  # an answer
            late = score.beat_seconds * float(random.choice([2, 3, 4]))
            gaps += [
                replace(n, start=n.start + late, end=n.end + late, pitch=n.pitch + 5)
                for n in phrase[-int(random.integers(1, 4)) :]
            ]
    lead = [note for k, note in enumerate(lead) if not k or note.start > lead[k - 1].start + 0.03]
    if not lead:
        return np.zeros((2, count), dtype=np.float32)
    chosen = words(random, singer, lead)
    voice = sing(random, singer, lead, chosen, count) + _breaths(random, lead, count)
    track = voice * chain.sides(random.uniform(-0.08, 0.08))
    if full and random.random() < 0.75:
        index = {id(note): k for k, note in enumerate(lead)}
        joined = [note for note in full if id(note) in index]
        said = [chosen[index[id(note)]] for note in joined]
        if said and said[0] is None:
            joined, said = joined[1:], said[1:]
        track = track + _backing(score, random, singer, joined, said)
    gaps = [note for note in gaps if note.end < count / RATE_HZ]
    if gaps:
        gaps = sorted(gaps, key=lambda note: note.start)
        extra = sing(random, singer.like(random), gaps, words(random, singer, gaps), count)
        answer = effects.echo(np.stack([extra, extra]), 0.3, 0.4, 0.3).mean(0)
        track += answer * chain.sides(0.4) * 0.5
    return _sent(score, random, track)
