"""Keeps generated songs on disk, so that training reads excerpts instead of waiting for synthesis.

    python bank.py BANK_DIR --songs 1500 --seconds 20

Every fifth seed is a song of the formula kind; the others are sampled. Each song is a file named by
its seed, with stems [4, 2, n] in 16-bit integers. Files appear one after the other, each of them
complete, so training may start on the first few while the rest are being made. Existing songs are
kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from generate import FIRST_HELD_OUT_SEED, generate
from oscillators import Array

# Leaves headroom: a single stem may be louder than the mixture, whose peak is below one.
FULL_SCALE = 16_384.0
FORMULA_EVERY = 5


def kind_of(seed: int) -> str:
    """The kind of a seed's song in a bank."""
    return "sampled" if seed % FORMULA_EVERY else "formula"


def store(path: Path, stems: Array) -> None:
    """Writes the stems of a song; readers see the complete file or none."""
    pending = path.with_suffix(".pending")
    with pending.open("wb") as file:
        np.save(file, np.clip(np.rint(stems * FULL_SCALE), -32_768, 32_767).astype(np.int16))
    pending.rename(path)


def songs(directory: Path) -> list[Path]:
    """The songs of a bank, in the order of their seeds."""
    return sorted(directory.glob("*.npy"))


def excerpt(path: Path, stem: int, start: int, count: int) -> Array:
    """Part of a stem of a song [2, count] in float32; nothing else of the file is read."""
    part = np.load(path, mmap_mode="r")[stem, :, start : start + count]
    return part.astype(np.float32) / np.float32(FULL_SCALE)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="BANK_DIR")
    parser.add_argument("--songs", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    last = options.first_seed + options.songs
    if last > FIRST_HELD_OUT_SEED:
        parser.error(
            f"seeds from {FIRST_HELD_OUT_SEED:,} up are held out, the last one was {last - 1:,}"
        )
    options.directory.mkdir(parents=True, exist_ok=True)
    for seed in range(options.first_seed, last):
        path = options.directory / f"{seed:07d}.npy"
        if not path.exists():
            store(path, generate(seed, options.seconds, kind_of(seed)))
            print(path, flush=True)


if __name__ == "__main__":
    main()
