"""Compares the tempo, beats, bars and key that `swift-demucs analyze` finds with those of songs.

    python reference/bench/beat_quality.py --songs 50

Generates held-out songs (training/generate.py), whose scores are known and all in 4/4, and analyses
each mixture. Beats and bars are compared as usual: F-measure, with a tolerance of 70 ms. A tempo is
right within 4 %. A key counts as related if it is the relative key, the parallel key, or a fifth
away. Dorian counts as minor and Mixolydian as major.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from generate import generate, write_wav
from packs import FIRST_HELD_OUT_SEED
from sampled.palette import TRAINING
from sampled.score import SCALES, Score
from stems import RATE_HZ, mixture_of

NAMES = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
TOLERANCE_SECONDS = 0.07


def f_measure(found: list[float], true: list[float]) -> float:
    """Harmonic mean of precision and recall; each true time matches at most one that was found."""
    left = sorted(true)
    hits = 0
    for time in found:
        nearest = min(left, key=lambda candidate: abs(candidate - time), default=None)
        if nearest is not None and abs(nearest - time) <= TOLERANCE_SECONDS:
            left.remove(nearest)
            hits += 1
    return 2 * hits / max(1, len(found) + len(true))


def key_of(song: Score) -> tuple[int, str]:
    """Tonic and mode of a song's key."""
    return song.key, "minor" if song.scale in (SCALES["minor"], SCALES["dorian"]) else "major"


def is_related(found: tuple[int, str], true: tuple[int, str]) -> bool:
    """Whether two keys are relative, parallel, or a fifth apart."""
    steps = (found[0] - true[0]) % 12
    if found[1] == true[1]:
        return steps in (5, 7)
    return steps in (0, 9 if true[1] == "major" else 3)


def analyze(program: Path, model: str, track: Path) -> dict:
    """The program's analysis of a track."""
    command = [program, "analyze", "-q", "-n", model, "--json", track]
    reply = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(reply.stdout)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--program", type=Path, default=ROOT / ".build/release/swift-demucs")
    given = parser.parse_args()
    tempi, beats, bars, exact, related = [], [], [], 0, 0
    print("| seed | tempo | found | beats | bars | key | found |")
    print("|---|---|---|---|---|---|---|")
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + given.songs):
        song = Score(seed, round(given.seconds * RATE_HZ), TRAINING)
        with tempfile.TemporaryDirectory() as folder:
            track = Path(folder) / "mixture.wav"
            write_wav(track, mixture_of(generate(seed, given.seconds)))
            found = analyze(given.program, given.model, track)
        count = int(given.seconds / song.beat_seconds) + 1
        true = [song.at(k // 4, 4 * (k % 4)) / RATE_HZ for k in range(count)]
        true = [time for time in true if time < given.seconds]
        key = key_of(song)
        name, mode = (found["key"] or "? major").split()
        found_key = (NAMES[mode].index(name) if name in NAMES[mode] else -1, mode)
        tempo = found["tempo_bpm"] or 0.0
        tempi.append(abs(tempo / song.beats_per_minute - 1) <= 0.04)
        beats.append(f_measure(found["beats"], true))
        bars.append(f_measure(found["downbeats"], true[::4]))
        exact += found_key == key
        related += found_key != key and is_related(found_key, key)
        print(
            f"| {seed} | {song.beats_per_minute:.1f} | {tempo:.1f} | {beats[-1]:.2f} "
            f"| {bars[-1]:.2f} | {NAMES[key[1]][key[0]]} {key[1]} | {found['key']} |",
            flush=True,
        )
    print()
    print(f"tempo right: {sum(tempi)} of {len(tempi)}")
    for what, values in (("beats", beats), ("bars", bars)):
        high = sum(value >= 0.9 for value in values)
        print(
            f"{what}: F-measure mean {statistics.mean(values):.3f}, "
            f"median {statistics.median(values):.3f}, at least 0.9 in {high} of {len(values)}"
        )
    print(f"key: {exact} of {len(beats)} right, {related} related")


if __name__ == "__main__":
    main()
