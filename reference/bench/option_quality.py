"""Measures the effect of --shifts, --overlap and --precision on the SDR of the demo model.

    python reference/bench/option_quality.py --songs 12 --seconds 12

Separates songs that the demo model never heard (training/generate.py), scores them with
`swift-demucs eval`, and prints the SDR of each stem as the Music Demixing Challenge defines it: the
median over the songs in dB, and in brackets the mean change from a separation without shifts, with
overlap 0.25, in float32. The last column is the mean of the changes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

import command_line
import program

STEMS = ("drums", "bass", "other", "vocals")
CASES: dict[str, list[str]] = {
    "`--shifts 0`": ["--shifts", "0"],
    "`--shifts 1`, the default": ["--shifts", "1", "--seed", "1"],
    "`--shifts 2`": ["--shifts", "2", "--seed", "1"],
    "`--shifts 5`": ["--shifts", "5", "--seed", "1"],
    "`--shifts 10`": ["--shifts", "10", "--seed", "1"],
    "`--shifts 0 --overlap 0.1`": ["--shifts", "0", "--overlap", "0.1"],
    "`--shifts 0 --overlap 0.5`": ["--shifts", "0", "--overlap", "0.5"],
    "`--shifts 0 --precision bfloat16`": ["--shifts", "0", "--precision", "bfloat16"],
    "`--shifts 0 --precision int8`": ["--shifts", "0", "--precision", "int8"],
}


def make_songs(folder: Path, count: int, seconds: float) -> list[Path]:
    """Folders of held-out songs with their mixture and stems."""
    script = ROOT / "training" / "generate.py"
    options = ["--seed", "1000000", "--songs", str(count), "--seconds", str(seconds)]
    subprocess.run([sys.executable, script, folder, *options], check=True)
    return sorted(folder.iterdir())


def separated(binary: Path, song: Path, *options: str) -> dict[str, float]:
    """The SDR in dB of every stem of a separation with options of `swift-demucs separate`."""
    with tempfile.TemporaryDirectory() as out:
        written = ["-o", out, "--float32", "--clip-mode", "none", "-q"]
        program.run(binary, "separate", song / "mixture.wav", "-n", "demo", *options, *written)
        stems = Path(out) / "demo" / "mixture"
        text = program.run(binary, "eval", song, stems, "--metrics", "sdr", "--json")
    found = json.loads(text)["tracks"][0]["stems"]
    return {stem: float(found[stem]["sdr"]) for stem in STEMS}


def row(name: str, scores: list[dict[str, float]], plain: list[dict[str, float]]) -> str:
    """Row of the table: median SDR and mean change of each stem, in dB."""
    cells, changes = [], []
    for stem in STEMS:
        found = [song[stem] for song in scores]
        change = statistics.mean(s - p[stem] for s, p in zip(found, plain, strict=True))
        cells.append(f"{statistics.median(found):.2f} ({change:+.3f})")
        changes.append(change)
    return f"| {name} | " + " | ".join(cells) + f" | {statistics.mean(changes):+.3f} |"


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary")
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        songs = make_songs(Path(folder), options.songs, options.seconds)
        print("| options | " + " | ".join(STEMS) + " | change |")
        print("|---|" + "---|" * (len(STEMS) + 1))
        plain: list[dict[str, float]] = []
        for name, words in CASES.items():
            scores = [separated(options.binary, song, *words) for song in songs]
            plain = plain or scores
            print(row(name, scores, plain), flush=True)


if __name__ == "__main__":
    main()
