"""Generates a song with its true stems: drums, bass, other, vocals.

    python generate.py --seed 1000000 --seconds 30 OUT_DIR

Writes mixture.wav and one file per stem, 32-bit float, 44.1 kHz, stereo; `--vorbis` writes Ogg
Vorbis instead. `--songs` writes the songs of so many seeds, each into OUT_DIR/SEED. The mixture is
the sum of the stems in float32, in the order drums, bass, other, vocals. README.md says what
determines the bits of a song, and which seeds are held out. `--held-out-instruments` plays a sound
font, a kit and a voice that training never hears.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from packs import write_vorbis
from sampled import mix, palette, score
from stems import RATE_HZ, STEMS, Array, mixture_of


def generate(seed: int, seconds: float, *, held_out_instruments: bool = False) -> Array:
    """The stems [4, 2, n] of a song in float32; the peak of their sum is below one."""
    sounds = palette.HELD_OUT if held_out_instruments else palette.TRAINING
    return mix.render(score.Score(seed, round(seconds * RATE_HZ), sounds))


def write_wav(path: Path, sound: Array) -> None:
    """Writes [2, n] as 32-bit float WAV."""
    wavfile.write(path, RATE_HZ, np.ascontiguousarray(sound.T, dtype=np.float32))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--songs", type=int, help="of this seed and the next ones")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--held-out-instruments", action="store_true")
    parser.add_argument("--vorbis", action="store_true", help="write Ogg Vorbis instead of WAV")
    parser.add_argument("directory", type=Path, metavar="OUT_DIR")
    options = parser.parse_args()
    held_out = options.held_out_instruments
    write, suffix = (write_vorbis, "ogg") if options.vorbis else (write_wav, "wav")
    for seed in range(options.seed, options.seed + (options.songs or 1)):
        directory = options.directory / str(seed) if options.songs else options.directory
        stems = generate(seed, options.seconds, held_out_instruments=held_out)
        directory.mkdir(parents=True, exist_ok=True)
        for name, sound in zip(("mixture", *STEMS), (mixture_of(stems), *stems), strict=True):
            write(directory / f"{name}.{suffix}", sound)


if __name__ == "__main__":
    main()
