"""Compares the scores of two models, and fails if a mean of the second one is lower.

    python compare_scores.py BEFORE AFTER MULTITRACK_DIR [--write README.md]

BEFORE and AFTER are models in safetensors. Prints the SDR of each stem in dB (stems.py), before and
after: the median over held-out songs of two kinds, and that of a recording, separated by the
official package without shifts. The last columns are the mean of the stems and its change.
SWIFT_DEMUCS, the program, separates some of the songs in float32 and INT8, which gives the cost of
INT8. MULTITRACK_DIR is that of `ship`.

The exit code is 1 if the mean of a kind has fallen, or if INT8 costs more than 0.02 dB. Otherwise
`--write` replaces the rows of the second model's scores in the table of Models/README.md.
"""

import argparse
import functools
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from generate import generate, write_wav
from packs import FIRST_HELD_OUT_SEED, read_sound
from stems import STEMS, Array, medians, mixture_of, sdr_of

LARGEST_INT8_COST = 0.02  # dB
SECONDS = 12.0  # length of a song
PROGRAM_SONGS = 12  # at most
RECORDING = {
    "drums": ["drums"], "bass": ["bassguitar"], "other": ["clav", "horns", "leadguitar"],
}  # fmt: skip
# Rows of the table in Models/README.md: kind, and place in its scores (0: the mixture itself).
ROWS = {
    "sampled instruments and singing vocoders": ("sampled", 2),
    "the same, the mixture itself": ("sampled", 0),
    "held-out instruments and voice": ("heldout", 2),
    "one recording, without vocals": ("multitrack", 2),
}

Scores = dict[str, float]  # dB of the stems that are not silent


def recorded(folder: Path) -> Array:
    """The stems [4, 2, n] of the recording."""
    parts = {name: [read_sound(folder / f"{file}.mp3") for file in RECORDING.get(name, ())]
             for name in STEMS}  # fmt: skip
    longest = max(sound.shape[1] for sounds in parts.values() for sound in sounds)
    stems = np.zeros((len(STEMS), 2, longest), dtype=np.float32)
    for stem, sounds in zip(stems, parts.values(), strict=True):
        for sound in sounds:
            stem[:, : sound.shape[1]] += sound
    return stems


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


def separated_by_program(model: Path, mixture: Array, precision: str) -> Array:
    """Stems [4, 2, n] of a mixture by $SWIFT_DEMUCS."""
    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder) / "mixture.wav", mixture)
        command = [os.environ["SWIFT_DEMUCS"], "--quiet", "-n", model, "--precision", precision,
                   "--shifts", "0", "--float32", "--clip-mode", "none"]  # fmt: skip
        files = ["-o", folder, "--filename", "{stem}.{ext}", f"{folder}/mixture.wav"]
        subprocess.run([*command, *files], check=True, stdout=subprocess.DEVNULL)
        return np.stack([read_sound(Path(folder) / model.stem / f"{name}.wav") for name in STEMS])


def scores(models: Sequence[Path], multitrack: Path, kind: str, seed: int) -> list[Scores]:
    """The scores of a song, of the mixture itself and of the models."""
    if kind == "multitrack":
        stems = recorded(multitrack)
    else:
        stems = generate(seed, SECONDS, held_out_instruments=kind == "heldout")
    mixture = mixture_of(stems)
    by = separated
    if kind in ("float32", "int8"):
        by = functools.partial(separated_by_program, precision=kind)
    estimates = [[mixture] * len(STEMS), *(by(model, mixture) for model in models)]
    return [sdr_of(stems, found) for found in estimates]


def failures(found: dict[str, list[Scores]]) -> list[str]:
    """Prints the table of medians by kind; says what is worse."""
    print("| songs | " + " | ".join(STEMS) + " | mean | change |")
    print("|---|" + "---|" * (len(STEMS) + 2))
    worse = []
    for kind, (_, *both) in found.items():
        cells = [[f"{one[stem]:.2f}" if stem in one else "–" for one in both] for stem in STEMS]
        means = [statistics.mean(one.values()) for one in both]
        change = means[1] - means[0]
        cells.append([f"{mean:.2f}" for mean in means])
        print("|", " | ".join([kind, *map(" → ".join, cells), f"{change:+.2f}"]), "|")
        if change < 0:
            worse.append(f"{kind}: the mean fell by {-change:.2f} dB")
    cost = statistics.mean(found["float32"][2][stem] - found["int8"][2][stem] for stem in STEMS)
    print(f"INT8 costs {cost:.3f} dB")
    if cost > LARGEST_INT8_COST:
        worse.append(f"INT8 costs {cost:.3f} dB, more than {LARGEST_INT8_COST} dB")
    return worse


def write(readme: Path, found: dict[str, list[Scores]]) -> None:
    """Replaces the rows of the scores in a page."""
    text = readme.read_text()
    for name, (kind, place) in ROWS.items():
        its = found[kind][place]
        cells = [f"{its[stem]:.2f}" if stem in its else "–" for stem in STEMS]
        cells.append(f"{statistics.median(its.values()):.2f}")
        line = f"| {name} | " + " | ".join(cells) + " |"
        text, count = re.subn(rf"^\| {name} \|.*$", line, text, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"{readme}: {count} rows {name!r}; expected one: add it to the table")
    readme.write_text(text)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    parser.add_argument("multitrack", type=Path, metavar="MULTITRACK_DIR")
    parser.add_argument("--songs", type=int, default=50, help="of each kind")
    parser.add_argument("--write", type=Path, metavar="README", help="put the scores there")
    options = parser.parse_args()
    few = min(options.songs, PROGRAM_SONGS)
    counts = {"sampled": options.songs, "heldout": options.songs, "multitrack": 1,
              "float32": few, "int8": few}  # fmt: skip
    with ProcessPoolExecutor() as pool:
        rows = {
            kind: pool.map(
                functools.partial(scores, options.models, options.multitrack, kind),
                range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + count),
            )
            for kind, count in counts.items()
        }
        found = {kind: [*map(medians, zip(*its, strict=True))] for kind, its in rows.items()}
    worse = failures(found)
    for line in worse:
        print(f"worse: {line}")
    if options.write and not worse:
        write(options.write, found)
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
