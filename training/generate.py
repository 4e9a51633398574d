"""Generates a song with its true stems: drums, bass, other, vocals.

    python generate.py --seed 1000000 --seconds 30 OUT_DIR

Writes mixture.wav and one file per stem, 32-bit float, 44.1 kHz, stereo; `--vorbis` writes Ogg
Vorbis instead. The mixture is the sum of the stems in float32, in the order drums, bass, other,
vocals. `--kind sampled` (the default) plays sound fonts, synthesisers and singing vocoders; `--kind
formula` needs only numpy and scipy. README.md says what determines the bits of a song, and which
seeds are held out. `--held-out-instruments` also plays a sound font, a kit and a voice that
training never hears.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.io import wavfile

import bass
import drums
import other
import vocals
from oscillators import RATE_HZ, Array
from song import STEMS, compose

FIRST_HELD_OUT_SEED = 1_000_000
KINDS = ("sampled", "formula")
PARTS = (drums, bass, other, vocals)  # of the formula kind, in the order of STEMS
# Level of each stem over its song in dB; each song changes it by a few dB.
LEVELS_DB = {"drums": -0.5, "bass": -0.5, "other": 0.5, "vocals": 0.0}


def mixture_of(stems: Array) -> Array:
    """The sum of stems [4, 2, n] in float32, one after the other."""
    mixture = stems[0].copy()
    for stem in stems[1:]:
        mixture += stem
    return mixture


def generate(
    seed: int, seconds: float, kind: str = "sampled", *, held_out_instruments: bool = False
) -> Array:
    """The stems [4, 2, n] of a song in float32; the peak of their sum is below one."""
    if kind == "formula":
        return _formula(seed, seconds)
    # Imported late, so that formula music needs no libraries of the sampled kind.
    from sampled import mix, palette, score

    count = round(seconds * RATE_HZ)
    sounds = palette.HELD_OUT if held_out_instruments else palette.TRAINING
    return mix.render(score.compose_sampled(seed, count, sounds))


def _formula(seed: int, seconds: float) -> Array:
    """A song of the formula kind."""
    song = compose(seed, round(seconds * RATE_HZ))
    random = song.generator("desk")
    stems = np.zeros((len(STEMS), 2, song.length_samples), dtype=np.float32)
    for k, name in enumerate(STEMS):
        stem = PARTS[k].render(song)
        level = np.sqrt(np.square(stem, dtype=np.float64).mean())
        gain = 10 ** ((LEVELS_DB[name] + np.clip(random.normal(0, 1.8), -4, 4)) / 20)
        if level > 1e-6:
            stems[k] = stem * np.float32(gain / level)
    peak = float(np.abs(mixture_of(stems)).max())
    stems *= np.float32(random.uniform(0.5, 0.95) / max(peak, 1e-6))
    return stems


def write_wav(path: Path, sound: Array) -> None:
    """Writes [2, n] as 32-bit float WAV."""
    wavfile.write(path, RATE_HZ, np.ascontiguousarray(sound.T, dtype=np.float32))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kind", choices=KINDS, default="sampled")
    parser.add_argument("--held-out-instruments", action="store_true")
    parser.add_argument("--vorbis", action="store_true", help="write Ogg Vorbis instead of WAV")
    parser.add_argument("directory", type=Path, metavar="OUT_DIR")
    options = parser.parse_args()
    held_out = options.held_out_instruments
    stems = generate(options.seed, options.seconds, options.kind, held_out_instruments=held_out)
    options.directory.mkdir(parents=True, exist_ok=True)
    write, suffix = write_wav, "wav"
    if options.vorbis:
        from sampled.mix import write_vorbis as write

        suffix = "ogg"
    write(options.directory / f"mixture.{suffix}", mixture_of(stems))
    for name, stem in zip(STEMS, stems, strict=True):
        write(options.directory / f"{name}.{suffix}", stem)


if __name__ == "__main__":
    main()
