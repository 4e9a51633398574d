"""Songs of the live kind: a sampled song played in one room, off the concert pitch and without a
click, then mastered loud or coded.

Everything that sounds because of a source stays in its stem, also its echo from the room and its
spill into the other stems' microphones, so that the stems still add up to the mixture.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

import effects
from oscillators import RATE_HZ, Array, Generator, samples
from sampled import chain, mix
from sampled.palette import Palette
from sampled.score import Sway, compose_sampled
from song import STEMS

# Shares of songs.
SWAYING = 0.6
RETUNED = 0.5
IN_A_ROOM = 0.5
SPILLED = 0.4
PUSHED = 0.5
CODED = 0.3
CENTS = 60.0  # largest distance from the concert pitch
# Level of the room in each stem relative to the dry sound, before the song's own share.
ROOM = {"drums": 1.0, "bass": 0.35, "other": 0.7, "vocals": 0.8}


def _sway(random: Generator) -> tuple[Sway, ...]:
    """Slow waves in the tempo, of 3 % together at most."""
    if random.random() >= SWAYING:
        return ()
    return tuple(
        Sway(
            depth=random.uniform(0.003, 0.01),
            period_samples=random.uniform(4, 15) * RATE_HZ,
            phase=random.uniform(0, 2 * np.pi),
        )
        for _ in range(3)
    )


def roomy(random: Generator, stems: Array) -> Array:
    """All stems in the same room, at different distances."""
    seed = int(random.integers(1 << 32))
    seconds, wet = random.uniform(0.25, 1.6), 10 ** (random.uniform(-24, -8) / 20)
    early = random.uniform(0.003, 0.025)
    return np.stack(
        [
            # The same seed draws the same response for each stem.
            chain.room(np.random.default_rng(seed), stem, seconds, wet * ROOM[name], early)
            for name, stem in zip(STEMS, stems, strict=True)
        ]
    )


def spilled(random: Generator, stems: Array) -> Array:
    """Each stem as the other stems' microphones also hear it: later, duller, at their place."""
    result = stems.copy()
    for k, stem in enumerate(stems):
        for _ in range(len(STEMS) - 1):
            late = samples(random.uniform(0.002, 0.014))
            heard = effects.low_pass(stem.mean(0, keepdims=True), random.uniform(1500, 9000), 1)
            angle = random.uniform(0.15, 0.85) * np.pi / 2
            sides = np.array([[np.cos(angle)], [np.sin(angle)]]) * random.choice([-1, 1])
            gain = 10 ** (random.uniform(-32, -14) / 20)
            result[k, :, late:] += (gain * sides * heard[:, :-late]).astype(np.float32)
    return result


def pushed(random: Generator, stems: Array) -> Array:
    """A loud master: the mixture driven into a soft clipper and a limiter; all stems get the
    same gain at each sample.
    """
    stems = stems * np.float32(10 ** (random.uniform(1, 7) / 20))
    mixture = stems.sum(0)
    if random.random() < 0.6:
        bend = random.uniform(0.6, 1.6)
        safe = np.where(np.abs(mixture) > 1e-4, mixture, 1e-4)
        stems = stems * (np.tanh(bend * safe) / (bend * safe)).astype(np.float32)
    return stems * mix.limiter(stems.sum(0), mix.CEILING)


def render(seed: int, count: int, palette: Palette) -> Array:
    """The stems [4, 2, count] of a song; the peak of their sum is below one."""
    random = np.random.default_rng([seed, zlib.crc32(b"live")])
    sway = _sway(random)
    cents = random.uniform(-CENTS, CENTS) if random.random() < RETUNED else 0.0
    pace = 2 ** (cents / 1200)
    longer = int(np.ceil(count * pace)) + 1
    stems = mix.render(replace(compose_sampled(seed, longer, palette), sway=sway))
    stems = np.stack([chain.at_pace(stem, pace)[:, :count] for stem in stems])
    if random.random() < IN_A_ROOM:
        stems = roomy(random, stems)
    if random.random() < SPILLED:
        stems = spilled(random, stems)
    if random.random() < PUSHED:
        stems = pushed(random, stems)
    if random.random() < CODED:
        coder = str(random.choice(list(mix.CODERS)))
        quality, top = random.uniform(0.05, 0.7), random.uniform(11_000, 19_000)
        stems = np.stack(
            [mix.coded(stem, quality, top, coder) if stem.any() else stem for stem in stems]
        )
    peak = float(np.abs(stems.sum(0)).max())
    return (stems * np.float32(min(1.0, mix.CEILING / max(peak, 1e-9)))).astype(np.float32)
