"""The stems of pitched instruments: a bass line, and one to five layers of other instruments."""

import numpy as np

from sampled import effects, parts
from sampled.effects import Generator
from sampled.instruments import BASSES, LAYERS, Instrument, part, play
from sampled.score import Score, pick, pick_many
from stems import Array


def bass(score: Score) -> Array:
    """The bass stem [2, n]."""
    random = score.generator("bass")
    kind = pick(random, score.style.basses)
    notes = parts.bass_line(score, random)
    if not notes:
        return effects.silence(score.length_samples)
    track = play(score, random, kind, BASSES.get(kind, Instrument()), notes)
    track = effects.width(track, random.uniform(0, 0.4))  # basses stay near the middle
    if kind not in ("sub", "808") and random.random() < 0.2:  # a deep sine below
        deep = play(score, random, "sub", Instrument(), notes)
        track = effects.high_pass(track, 90) + 0.7 * effects.mono(deep)
    track = effects.equalised(track, effects.tone(random, 2.0))
    track = effects.compress(track, random.uniform(1.5, 5.0), 0.12)
    if random.random() < 0.25:
        wet = random.uniform(0.01, 0.06)
        track = effects.room(random, track, random.uniform(0.2, 0.6), wet, 0.0)
    return effects.high_pass(track, 24)


def _layer(score: Score, random: Generator, name: str) -> Array:
    """One layer, with its own tone, stereo position and room."""
    instrument = LAYERS[name]
    track = play(score, random, name, instrument, part(score, random, instrument))
    if not track.any():
        return track
    track = effects.equalised(track, effects.tone(random, 2.5))
    track = effects.high_pass(track, effects.spread(random, 60, 300))
    track = effects.compress(track, random.uniform(1.0, 3.0), 0.15)
    track = effects.width(track, random.uniform(0.4, 1.5))
    track = track * effects.sides(random.uniform(-0.5, 0.5))
    wet = float(random.choice([0.0, 0.1, 0.2, 0.35])) * random.uniform(0.5, 1.2)
    if wet:
        track = effects.room(random, track, random.uniform(*score.style.rooms), wet, 0.015)
    return effects.normal(track)


def other(score: Score) -> Array:
    """The stem of all other instruments [2, n]."""
    random = score.generator("other")
    low, high = score.style.layer_count
    names = pick_many(random, score.style.layers, int(random.integers(low, high + 1)))
    total = effects.silence(score.length_samples)
    for place, name in enumerate(names):
        loud = LAYERS[name].level_db + random.normal(0, 2.5) - 2.0 * place
        gain = np.full(score.length_samples, 10 ** (loud / 20), dtype=np.float32)
        for section in score.sections:  # the first layer always plays, the others come and go
            if place and random.random() > 0.35 + 0.5 * section.intensity:
                stop = score.at(section.first_bar + section.bars, 0)
                gain[score.at(section.first_bar, 0) : stop] = 0
        track = _layer(score, score.generator(f"other {place}"), name)
        total += track * effects.low_pass(gain[None], 20, 1)[0]
    return effects.compress(total, random.uniform(1.0, 2.5), 0.2)
