"""The mix: levels of the stems, ducking, a bus with the same effects for all stems, lossy coding.

The bus computes its filter and its gains from the mixture and applies the same ones to each stem,
so that the stems still add up to the mixture.
"""

from __future__ import annotations

import io

import numpy as np
from scipy import ndimage, signal

import effects
from oscillators import RATE_HZ, Array, Generator, samples
from packs import write_vorbis
from sampled import bass, chain, drums, other, vocals
from sampled.score import Score
from stems import STEMS

LEVELS_DB = {"drums": 1.5, "bass": 0.0, "other": -0.5, "vocals": 1.0}
SPREAD_DB = 2.5
CEILING = 0.97
LOOK_AHEAD = samples(0.002)


def _bus_gain(mixture: Array, ratio: float, release_seconds: float) -> Array:
    """Gain [n] of a compressor on the mixture."""
    pressed = effects.compress(mixture, ratio, release_seconds)
    safe = np.abs(mixture).max(0) > 1e-6
    gain = np.abs(pressed).max(0) / np.maximum(np.abs(mixture).max(0), 1e-6)
    return np.where(safe, gain, 1.0).astype(np.float32)


def limiter(mixture: Array, ceiling: float) -> Array:
    """Gain [n] that keeps every sample of the mixture below the ceiling."""
    peak = np.abs(mixture).max(0)
    wanted = np.minimum(1.0, ceiling / np.maximum(peak, 1e-9))
    width = 2 * LOOK_AHEAD + 1
    held = ndimage.minimum_filter1d(wanted, width)
    # Release: the gain recovers slowly; the minimum filter looks ahead by LOOK_AHEAD.
    quiet = -np.log(held)
    pole = np.exp(-1 / (0.06 * RATE_HZ / 64))
    coarse = np.pad(quiet, (0, -len(quiet) % 64)).reshape(-1, 64).max(1)
    slow = coarse.copy()
    for k in range(1, len(slow)):
        slow[k] = max(slow[k], slow[k - 1] * pole)
    curve = np.interp(np.arange(len(quiet)), np.arange(len(slow)) * 64 + 32.0, slow)
    gain = ndimage.uniform_filter1d(np.minimum(held, np.exp(-curve)), LOOK_AHEAD)
    return np.minimum(gain, wanted).astype(np.float32)


def coded(stem: Array, quality: float, top_hz: float) -> Array:
    """The stem after Ogg Vorbis, which keeps its timing, and a low pass as in lossy encoders."""
    import soundfile

    peak = max(1.0, float(np.abs(stem).max()))
    file = io.BytesIO()
    write_vorbis(file, stem / peak, 1 - quality)
    file.seek(0)
    sound = soundfile.read(file, dtype="float32", always_2d=True)[0].T * np.float32(peak)
    result = np.zeros_like(stem)
    count = min(stem.shape[1], sound.shape[1])
    result[:, :count] = sound[:, :count]
    return signal.sosfiltfilt(
        signal.butter(6, top_hz, "low", fs=RATE_HZ, output="sos"), result, axis=-1
    ).astype(np.float32)


def _leveled(score: Score, random: Generator, stems: Array) -> Array:
    """Scales the stems to their loudness in the mix."""
    for k, name in enumerate(STEMS):
        loud = LEVELS_DB[name] + score.style.favours.get(name, 0.0)
        loud += np.clip(random.normal(0, SPREAD_DB), -6, 5)
        stems[k] = chain.normal(stems[k], 0.1 * 10 ** (loud / 20))
    return stems


def _bus(random: Generator, stems: Array, level_db: float) -> Array:
    """Bus with equaliser, compressor, loudness and limiter, the same for all stems."""
    sections = [
        effects.shelf("low", random.uniform(60, 150), random.normal(0, 1.2)),
        effects.bell(np.exp(random.uniform(*np.log([200, 4000]))), random.normal(0, 1.2), 0.7),
        effects.shelf("high", random.uniform(5000, 10_000), random.normal(0.5, 1.5)),
    ]
    stems = effects.filtered(stems, sections)
    if random.random() < 0.7:
        gain = _bus_gain(stems.sum(0), random.uniform(1.2, 2.5), random.uniform(0.05, 0.3))
        stems = stems * gain
    mixture = stems.sum(0)
    level = chain.level(mixture)
    stems *= np.float32(10 ** (level_db / 20) / max(level, 1e-6))
    return stems * limiter(stems.sum(0), CEILING)


def render(score: Score) -> Array:
    """The stems [4, 2, n] of a song; the peak of their sum is below one."""
    random = score.generator("mix")
    hits = drums.plan(score)
    stems = np.stack(
        [drums.render(score, hits), bass.render(score), other.render(score), vocals.render(score)]
    ).astype(np.float32)
    stems = _leveled(score, random, stems)
    if random.random() < score.style.pump:
        gain = chain.ducked(score.length_samples, drums.kicks(score, hits),
                            random.uniform(0.3, 0.9), random.uniform(0.06, 0.2))  # fmt: skip
        stems[1] *= gain
        stems[2] *= gain if random.random() < 0.8 else 1
    stems = _bus(random, stems, random.uniform(*score.style.level_db))
    if random.random() < 0.25:
        quality, top = random.uniform(0.1, 0.7), random.uniform(13_500, 18_500)
        stems = np.stack([coded(stem, quality, top) if stem.any() else stem for stem in stems])
    peak = float(np.abs(stems.sum(0)).max())
    return stems * np.float32(min(1.0, CEILING / max(peak, 1e-9)))
