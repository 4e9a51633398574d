"""Vocals: lead, doubles, harmonies, choir, cut-up syllables, rap, shouts, speech."""

from dataclasses import replace

import numpy as np

from sampled import effects
from sampled.effects import Generator, samples
from sampled.parts import Melody, rhythm, voicing
from sampled.score import Score, Section, pick
from sampled.singer import Singer, Sung, sing
from stems import RATE_HZ, Array

SPEECH = frozenset(("rap", "spoken"))


def _phrase(melody: Melody, section: Section, bar: int) -> list[Sung]:
    """A phrase of two bars; some notes prolong the syllable before."""
    random, notes = melody.random, list[Sung]()
    for start, end, pitch in melody.phrase(section, bar):
        begin = start / RATE_HZ + random.normal(0, 0.012)
        stop = end / RATE_HZ - random.uniform(0, 0.06)
        if begin < 0.05 or stop < begin + 0.06 or end > melody.score.length_samples:
            continue
        if notes and not melody.speaks and random.random() < 0.12:
            pitches = (*notes[-1].pitches, (max(0.01, begin - notes[-1].start), pitch))
            notes[-1] = replace(notes[-1], end=stop, pitches=pitches)
        else:
            notes.append(Sung(begin, stop, ((0.0, pitch),), not notes))
    return notes


def _breaths(random: Generator, notes: list[Sung], count: int) -> Array:
    """Sound of breaths before some phrases [2, n]."""
    sound = effects.silence(count)
    low, high = random.uniform(700, 1500), random.uniform(4000, 9000)
    share, loud = random.uniform(0, 0.9), 10 ** (random.uniform(-32, -16) / 20)
    for note in notes:
        length = samples(random.uniform(0.15, 0.4))
        start = samples(note.start) - length - samples(random.uniform(0.03, 0.15))
        if note.first and start > 0 and random.random() < share:
            air = random.standard_normal(length) * np.hanning(length) ** 0.7
            effects.add(sound, start, (loud * air)[None])
    return effects.low_pass(effects.high_pass(sound, low), high)


def _moved(score: Score, pitch: float, steps: int) -> float:
    """The pitch `steps` degrees of the scale above (or below)."""
    tones = [score.degree(degree, 0) for degree in range(7)]
    degree = min(range(7), key=lambda d: abs((pitch - tones[d] + 6) % 12 - 6))
    return pitch + score.degree(degree + steps, 0) - tones[degree]


def _backing(score: Score, random: Generator, singer: Singer, notes: list[Sung]) -> Array:
    """Doubles and harmonies of some notes, on both sides."""
    parts: list[tuple[float, int]] = []  # pan; degrees of the scale
    if random.random() < 0.6:
        parts += [(-0.7, 0), (0.7, 0)]
    if random.random() < 0.6:
        parts += [(-0.5, 2), (0.5, int(random.choice([2, -3, 4])))]
    if random.random() < 0.25:
        parts += [(random.uniform(-0.3, 0.3), int(random.choice([-7, 7])))]
    track = effects.silence(score.length_samples)
    for pan, steps in parts:
        moved = [
            replace(n, pitches=tuple((t, _moved(score, pitch, steps)) for t, pitch in n.pitches))
            for n in notes
        ]
        voice = sing(random, singer.like(random), moved, score.length_samples, 0.018)
        track += voice * effects.sides(pan) * np.float32(random.uniform(0.3, 0.65))
    return track


def _choir(score: Score, random: Generator) -> Array:
    """Singers who hold the tones of the chords."""
    track, lowest = effects.silence(score.length_samples), int(random.integers(50, 60))
    for k in range(int(random.integers(4, 7))):
        singer = Singer(random, score.palette.voices)
        notes = []
        for section, bar in score.bars("vocals"):
            start, end = (score.at(b, 0) / RATE_HZ for b in (bar, bar + 1))
            pitch = float(voicing(score, section, bar, lowest)[k % 3])
            notes.append(Sung(start, end - 0.05, ((0.0, pitch),), True))
        voice = sing(random, singer, singer.worded(random, notes), score.length_samples, 0.02)
        track += voice * effects.sides(random.uniform(-0.9, 0.9))
    return track


def _chops(score: Score, random: Generator, singer: Singer) -> Array:
    """One syllable, cut short and repeated in a rhythm at some pitches."""
    moves = singer.lowest + random.choice([0, 0, 3, 5, 7, -5, 12], size=16) + 7.0
    notes = []
    for _, bar, step, length, _ in rhythm(score, random, "vocals", "chop 2 stab 3"):
        start, end = (score.at(bar, s) / RATE_HZ for s in (step, step + 0.8 * min(length, 2)))
        notes.append(Sung(start, end, ((0.0, moves[step]),), True))
    word = singer.worded(random, notes[:1])[0].word
    notes = [replace(note, word=word) for note in notes]
    return sing(random, singer, notes, score.length_samples) * effects.sides(0.0)


def _sent(score: Score, random: Generator, track: Array) -> Array:
    """Effects of a voice: equaliser, compression, drive, echoes, room."""
    track = effects.high_pass(track, random.uniform(70, 160))
    track = effects.equalised(track, effects.tone(random, 2.0))
    track = effects.compress(track, random.uniform(2.0, 6.0), random.uniform(0.06, 0.2))
    if random.random() < 0.3:
        track = effects.drive(track, random.uniform(1.0, 4.0))
    if random.random() < 0.06:  # a telephone
        track = effects.low_pass(effects.high_pass(track, 400), random.uniform(2500, 4500), 4)
        track = effects.drive(track, random.uniform(2, 6))
    if random.random() < 0.3:
        track = effects.echo(track, random.uniform(0.07, 0.13), random.uniform(0.05, 0.2))
    if random.random() < 0.4:
        beats = float(random.choice([0.5, 0.75, 1.0]))
        repeats = effects.echo(track, score.beat_seconds * beats, random.uniform(0.08, 0.3)) - track
        track = track + effects.low_pass(repeats, random.uniform(2500, 8000))
    if random.random() < 0.1:
        track = effects.chorus(track, random.uniform(0.4, 1.2), 0.002, 0.5)
    wet = float(random.choice([0.02, 0.08, 0.15, 0.25])) * random.uniform(0.6, 1.4)
    seconds = random.uniform(*score.style.rooms)
    return effects.room(random, track, seconds, wet, random.uniform(0, 0.06))


def _lead(score: Score, random: Generator, singer: Singer, manner: str) -> Array:
    """A singer's phrases, some of them with backing voices."""
    pace = 1 / float(random.choice([1, 1, 1.5, 2]))
    if manner in SPEECH:
        pace = (1 if score.beats_per_minute < 110 else 2) * (1 if manner == "rap" else 1.5)
    melody = Melody(score, random, singer.lowest, pace, manner in SPEECH)
    lead: list[Sung] = []
    backed: list[int] = []  # places of the notes with backing voices
    for section, bar in score.bars("vocals"):
        if (bar - section.first_bar) % 2 or (manner == "spoken" and random.random() < 0.4):
            continue
        phrase = _phrase(melody, section, bar)
        places = range(len(lead), len(lead) + len(phrase))
        if section.name in ("chorus", "build") or random.random() < 0.15:
            backed += places[-3:] if manner == "rap" else places
        lead += phrase
    lead = singer.worded(random, lead)
    voice = sing(random, singer, lead, score.length_samples)
    track = voice * effects.sides(random.uniform(-0.08, 0.08))
    track += _breaths(random, lead, score.length_samples)
    if backed and random.random() < 0.75:
        track += _backing(score, random, singer, [lead[k] for k in backed])
    return track


def render(score: Score) -> Array:
    """The vocal stem [2, n]."""
    random = score.generator("vocals")
    manner = pick(random, score.style.voices)
    if manner == "none" or not score.bars("vocals"):
        return effects.silence(score.length_samples)
    singer = Singer(random, score.palette.voices)
    if manner == "shout":
        singer.growl, singer.lowest = random.uniform(0.5, 1.0), singer.lowest + 5
    elif manner in SPEECH:
        singer.scoop, singer.glide_seconds, singer.vibrato = 0.0, 0.03, 0.0
    if manner == "choir":
        track = _choir(score, random)
    elif manner == "chops":
        track = _chops(score, random, singer)
    else:
        track = _lead(score, random, singer, manner)
    return _sent(score, random, track)
