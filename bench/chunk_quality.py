"""Measures the SDR of the demo model by chunk length and overlap: the cost of short chunks.

    python bench/chunk_quality.py --songs 10 --seconds 12

Makes formula songs that the demo model never heard (training/generate.py, seeds from
1,000,000 up), puts each through `swift-demucs tensors prepare`, `run` and `stems` at every chunk
length and overlap, scores the stems with `swift-demucs eval`, and prints, for each stem, the median
over the songs of the SDR as the Music Demixing Challenge defines it, in dB. The last row is
`swift-demucs separate`. A chunk that is longer than the song is padded with zeros.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_BINARY = ROOT / ".build" / "release" / "swift-demucs"
GENERATE = ROOT / "training" / "generate.py"
STEMS = ("drums", "bass", "other", "vocals")


def call(*words: str | Path | float) -> str:
    """Runs a command; returns its standard output."""
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}\n{run.stderr}")
    return run.stdout


def score(binary: Path, reference: Path, estimate: Path) -> dict[str, float]:
    """The SDR of every stem in dB."""
    text = call(binary, "eval", reference, estimate, "--metrics", "sdr", "--json")
    stems = json.loads(text)["tracks"][0]["stems"]
    return {stem: float(stems[stem]["sdr"]) for stem in STEMS}


def separate(
    binary: Path, song: Path, chunk: float, overlap: float, out: Path, threads: int
) -> Path:
    """Separates a song in chunks; returns the folder of the stems."""
    chunks = out / "chunks"
    words = ["-n", "demo", "--threads", threads, "-q"]
    where = ["--chunk", chunk, "--overlap", overlap]
    call(binary, "tensors", "prepare", song / "mixture.wav", "-o", chunks, *where, *words)
    call(binary, "tensors", "run", chunks, "--threads", threads, "-q")
    stems = out / "stems"
    options = ["--float32", "--clip-mode", "none", "--threads", threads, "-q"]
    call(binary, "tensors", "stems", chunks, "-o", stems, *options)
    return stems


def row(name: str, scores: list[dict[str, float]]) -> str:
    """Row of the table: the stems' medians over the songs, and the median of these."""
    medians = [statistics.median(score[stem] for score in scores) for stem in STEMS]
    values = [*medians, statistics.median(medians)]
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1_000_000, help="seed of the first song")
    parser.add_argument("--chunks", type=float, nargs="+", default=[0.5, 1, 2, 4, 7.8])
    parser.add_argument("--overlaps", type=float, nargs="+", default=[0, 0.25, 0.5])
    parser.add_argument("--work", type=Path, help="keep the songs in this folder")
    parser.add_argument("--binary", type=Path, default=DEFAULT_BINARY)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        songs = []
        for seed in range(options.seed, options.seed + options.songs):
            song = (options.work or Path(folder)) / str(seed)
            if not (song / "vocals.wav").exists():
                call(
                    sys.executable, GENERATE, "--seed", seed, "--seconds", options.seconds,
                    "--kind", "formula", song,
                )  # fmt: skip
            songs.append(song)
        print("| chunk, overlap | " + " | ".join(STEMS) + " | median |")
        print("|---|" + "---|" * (len(STEMS) + 1))
        for chunk in options.chunks:
            for overlap in options.overlaps:
                scores = []
                for song in songs:
                    with tempfile.TemporaryDirectory() as out:
                        stems = separate(
                            options.binary, song, chunk, overlap, Path(out), options.threads
                        )
                        scores.append(score(options.binary, song, stems))
                print(row(f"{chunk:g} s, {overlap:g}", scores), flush=True)
        scores = []
        for song in songs:
            with tempfile.TemporaryDirectory() as out:
                words = ["-n", "demo", "--shifts", "0", "--float32", "--clip-mode", "none", "-q"]
                call(options.binary, "separate", song / "mixture.wav", "-o", out, *words)
                scores.append(score(options.binary, song, Path(out) / "demo" / "mixture"))
        print(row("separate", scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
