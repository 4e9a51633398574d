"""Scores separated stems of held-out songs, from the official package or from files of any engine.

    python evaluate.py MODEL.safetensors
    python evaluate.py --estimates ESTIMATE_DIR

The first form separates with the official package (no shifts, overlap 0.25). The second reads
ESTIMATE_DIR/SEED/{drums,bass,other,vocals}.wav, which any engine may have written. `--write
SONG_DIR` writes SONG_DIR/SEED/mixture.wav, the input for such an engine, and the true stems.
`--held-out-instruments` is that of generate.py.

The score is the signal-to-distortion ratio of the Music Demixing Challenge (Mitsufuji et al.
2022): one number for a song and stem, 10 log10((sum s^2 + 1e-7) / (sum (s - e)^2 + 1e-7)) over
both channels. The table shows medians over songs, for the model and for the mixture taken as the
estimate of each stem. A stem below -60 dB is silent and not scored.
"""

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np

from generate import generate, write_song
from packs import FIRST_HELD_OUT_SEED, read_sound
from stems import STEMS, Array, medians, mixture_of, sdr_of

SECONDS = 12.0  # length of a song for the scores


@functools.cache
def loaded(model: Path) -> Any:
    """A model in the official package, which computes on one core."""
    import torch
    from demucs.hf import load_safetensors_model

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    return load_safetensors_model(model).eval()


def separated(model: Path, mixture: Array) -> Array:
    """Stems [4, 2, n] of a mixture [2, n], normalised as the package's command line does it."""
    import torch
    from demucs.apply import apply_model

    mono = mixture.mean(0)
    # As torch.std: divided by n - 1, and with the package's guard against silence.
    shift, scale = mono.mean(), mono.std(ddof=1) + 1e-8
    normal = torch.from_numpy((mixture - shift) / scale)[None]
    return apply_model(loaded(model), normal, shifts=0, overlap=0.25)[0].numpy() * scale + shift


def read_stems(directory: Path) -> Array:
    """Stems [4, 2, n] from one file each."""
    return np.stack([read_sound(directory / f"{name}.wav") for name in STEMS])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model", type=Path, nargs="?", metavar="MODEL")
    add("--estimates", type=Path, metavar="DIR", help="score these files instead")
    add("--write", type=Path, metavar="SONG_DIR", help="write the songs, score nothing")
    add("--held-out-instruments", action="store_true")
    add("--songs", type=int, default=50)
    add("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    if [options.model, options.estimates, options.write].count(None) != 2:
        parser.error("give one of MODEL, --estimates, --write")
    plain, scores = [], []
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.songs):
        held_out = options.held_out_instruments
        stems = generate(seed, options.seconds, held_out_instruments=held_out)
        if options.write:
            write_song(options.write / str(seed), stems)
            continue
        mixture = mixture_of(stems)
        if options.model:
            estimates = separated(options.model, mixture)
        else:
            estimates = read_stems(options.estimates / str(seed))
        plain.append(sdr_of(stems, [mixture] * len(STEMS)))
        scores.append(sdr_of(stems, estimates))
        print(seed, {name: round(value, 2) for name, value in scores[-1].items()}, flush=True)
    if scores:
        table = medians(plain), medians(scores)
        print("median, dB         mixture       sdr")
        for name in table[1]:
            print(f"{name:16s}" + "".join(f"{found[name]:10.2f}" for found in table))
        print(
            f"{'median of stems':16s}" + "".join(f"{np.median([*t.values()]):10.2f}" for t in table)
        )


if __name__ == "__main__":
    main()
