"""Measures the SDR of the demo model by chunk length and overlap: the cost of short chunks.

    python bench/chunk_quality.py --songs 10 --seconds 12

Makes formula songs that the demo model never heard (training/evaluate.py), puts each through
`swift-demucs tensors prepare`, `run` and `stems` at every chunk length and overlap, scores the stems
with `swift-demucs eval`, and prints, for each stem, the median over the songs of the SDR as the
Music Demixing Challenge defines it, in dB. The last row is `swift-demucs separate`. A chunk that is
longer than the song is padded with zeros.
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
sys.path.insert(0, str(ROOT / "reference"))

import program

CHUNKS = (0.5, 1, 2, 4, 7.8)  # seconds
OVERLAPS = (0, 0.25, 0.5)
STEMS = ("drums", "bass", "other", "vocals")


def call(*words: str | Path | float) -> str:
    """Runs a command; returns its standard output."""
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}\n{run.stderr}")
    return run.stdout


def make_songs(folder: Path, count: int, seconds: float, kind: str) -> list[Path]:
    """Folders of held-out songs with their mixture and stems."""
    script = ROOT / "training" / "evaluate.py"
    options = ["--songs", count, "--seconds", seconds, "--kind", kind]
    call(sys.executable, script, "--write", folder, *options)
    return sorted(folder.iterdir())


def score(binary: Path, reference: Path, estimate: Path) -> dict[str, float]:
    """The SDR of every stem in dB."""
    text = call(binary, "eval", reference, estimate, "--metrics", "sdr", "--json")
    stems = json.loads(text)["tracks"][0]["stems"]
    return {stem: float(stems[stem]["sdr"]) for stem in STEMS}


def separated(binary: Path, song: Path, *options: str) -> dict[str, float]:
    """The SDR of every stem of a separation with options of `swift-demucs separate`."""
    with tempfile.TemporaryDirectory() as out:
        written = ["-o", out, "--float32", "--clip-mode", "none", "-q"]
        call(binary, "separate", song / "mixture.wav", "-n", "demo", *options, *written)
        return score(binary, song, Path(out) / "demo" / "mixture")


def in_chunks(binary: Path, song: Path, chunk: float, overlap: float) -> dict[str, float]:
    """The SDR of every stem of a song that is separated in chunks."""
    with tempfile.TemporaryDirectory() as out:
        chunks, stems = Path(out) / "chunks", Path(out) / "stems"
        where = ["-o", chunks, "--chunk", chunk, "--overlap", overlap]
        call(binary, "tensors", "prepare", song / "mixture.wav", *where, "-n", "demo", "-q")
        call(binary, "tensors", "run", chunks, "-q")
        written = ["-o", stems, "--float32", "--clip-mode", "none", "-q"]
        call(binary, "tensors", "stems", chunks, *written)
        return score(binary, song, stems)


def row(name: str, scores: list[dict[str, float]]) -> str:
    """Row of the table: the stems' medians over the songs, and the median of these."""
    medians = [statistics.median(score[stem] for score in scores) for stem in STEMS]
    values = [*medians, statistics.median(medians)]
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--binary", type=Path, default=program.default())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        songs = make_songs(Path(folder), options.songs, options.seconds, "formula")
        print("| chunk, overlap | " + " | ".join(STEMS) + " | median |")
        print("|---|" + "---|" * (len(STEMS) + 1))
        for chunk in CHUNKS:
            for overlap in OVERLAPS:
                scores = [in_chunks(options.binary, song, chunk, overlap) for song in songs]
                print(row(f"{chunk:g} s, {overlap:g}", scores), flush=True)
        scores = [separated(options.binary, song, "--shifts", "0") for song in songs]
        print(row("separate", scores))


if __name__ == "__main__":
    main()
