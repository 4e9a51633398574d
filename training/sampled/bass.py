"""The bass stem: a line on a sampled or synthesised bass."""

from __future__ import annotations

from sampled import effects, parts
from sampled.instruments import BASSES, Instrument, play
from sampled.score import Score, pick
from stems import Array


def render(score: Score) -> Array:
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
