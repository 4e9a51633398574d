"""The mix: levels of the stems, ducking, a bus with the same effects for all stems.

The bus computes its filter and its gains from the mixture and applies the same ones to each stem,
so that the stems still add up to the mixture.
"""

import numpy as np
from scipy import ndimage

from sampled import drums, effects, vocals
from sampled.effects import Generator, samples
from sampled.instruments import bass, other
from sampled.score import Score
from stems import STEMS, Array

LEVELS_DB = {"drums": 1.5, "bass": 0.0, "other": -0.5, "vocals": 1.0}
CEILING = 0.97
LOOK_AHEAD = samples(0.01)


def ducked(random: Generator, count: int, hits: list[int]) -> Array:
    """Ducking gain [n], which falls at every hit and recovers."""
    depth, release = random.uniform(0.3, 0.9), random.uniform(0.06, 0.2)
    t = effects.times(samples(3 * release))
    dip = 1 - depth * np.exp(-t / release) * np.minimum(1, t / 0.004)
    gain = np.ones(count, dtype=np.float32)
    for hit in hits:
        part = gain[hit : hit + len(dip)]
        np.minimum(part, dip[: len(part)], out=part)
    return gain


def limiter(mixture: Array, ceiling: float) -> Array:
    """Gain [n] that keeps every sample of the mixture below the ceiling, and changes slowly."""
    wanted = np.minimum(1, ceiling / np.maximum(np.abs(mixture).max(0), 1e-9))
    held = ndimage.minimum_filter1d(wanted, 2 * LOOK_AHEAD + 1)
    return ndimage.uniform_filter1d(held, LOOK_AHEAD).astype(np.float32)


def _bus(random: Generator, stems: Array, level_db: float) -> Array:
    """Bus with equaliser, compressor, loudness and limiter, the same for all stems."""
    bumps = effects.tone(random, 1.2)
    stems = np.stack([effects.equalised(stem, bumps) for stem in stems])
    if random.random() < 0.7:
        release = random.uniform(0.05, 0.3)
        stems = stems * effects.compressor(stems.sum(0), random.uniform(1.2, 2.5), release)
    stems *= np.float32(10 ** (level_db / 20) / max(effects.level(stems.sum(0)), 1e-6))
    return stems * limiter(stems.sum(0), CEILING)


def render(score: Score) -> Array:
    """The stems [4, 2, n] of a song; the peak of their sum is below one."""
    random = score.generator("mix")
    hits = drums.plan(score)
    stems = np.stack(
        [drums.render(score, hits), bass(score), other(score), vocals.render(score)]
    ).astype(np.float32)
    for k, name in enumerate(STEMS):
        loud = LEVELS_DB[name] + score.style.favours.get(name, 0.0)
        loud += np.clip(random.normal(0, 2.5), -6, 5)
        stems[k] = effects.normal(stems[k], 0.1 * 10 ** (loud / 20))
    if random.random() < score.style.pump:
        kicks = [at for piece, at, _ in hits if piece == "kick"]
        stems[1:3] *= ducked(random, score.length_samples, kicks)
    stems = _bus(random, stems, random.uniform(*score.style.level_db))
    peak = float(np.abs(stems.sum(0)).max())
    return stems * np.float32(min(1.0, CEILING / max(peak, 1e-9)))
