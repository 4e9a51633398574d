"""Compares the tempo, beats, bars and key that the analysis finds with those of songs.

    python reference/bench/beat_quality.py --songs 50

Generates held-out songs (training/generate.py), whose scores are known and all in 4/4, separates them with
the demo model and analyses the stems. A tempo is right within 4 %. Beats and bars have an F-measure, with a
tolerance of 70 ms. Bars are right if the downbeats and the true bar lines coincide: at least 90 % of those of
which there are fewer lie within 70 ms of the others, so that a song whose tempo is found twice or half as
fast can be right. A key is related if it is the relative key, the parallel key, or a fifth away; Dorian counts
as minor and Mixolydian as major.

A setting finds the same bars if its metre is equal, and 90 % of those of which there are more coincide. With
--waltzes, the last beat of each bar is cut out of the mixture, which leaves 3/4. Needs the Python package of
swift-demucs and training/packages.txt.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
import swift_demucs

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from generate import generate
from packs import FIRST_HELD_OUT_SEED
from sampled.palette import TRAINING
from sampled.score import SCALES, Score
from stems import RATE_HZ, mixture_of

NAMES = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
TOLERANCE_SECONDS = 0.07
CLEAR = 0.5  # a confidence
# Name, precision, and options of `analyze`; the first setting is the usual one.
SETTINGS = (
    ("float32", "float32", {"shifts": 0}),
    ("1 shift", "float32", {"shifts": 1, "seed": 1}),
    ("int8", "int8", {"shifts": 0}),
    ("bfloat16", "bfloat16", {"shifts": 0}),
)


def song(
    seed: int, seconds: float, is_waltz: bool
) -> tuple[np.ndarray, list[float], list[float], Score]:
    """The mixture [2, n] of a song, the times of its beats and of its bar lines, and its score."""
    score = Score(seed, round(seconds * RATE_HZ), TRAINING)
    mixture = mixture_of(generate(seed, seconds))
    count = 3 if is_waltz else 4
    bars = range(int(score.length_samples / (16 * score.step_samples)) + 1)
    places = [[score.at(bar, 4 * beat) for beat in range(count + 1)] for bar in bars]
    parts = [mixture[:, beats[0] : beats[-1]] for beats in places]
    lines = np.cumsum([0] + [part.shape[1] for part in parts])[:-1] / RATE_HZ
    beats = [
        line + (beat - bar[0]) / RATE_HZ
        for line, bar in zip(lines, places, strict=True)
        for beat in bar[:-1]
    ]
    cut = np.concatenate(parts, axis=1)
    return cut, [time for time in beats if time < cut.shape[1] / RATE_HZ], list(lines), score


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


def key_of(score: Score) -> str:
    """The key of a song."""
    mode = "minor" if score.scale in (SCALES["minor"], SCALES["dorian"]) else "major"
    return f"{NAMES[mode][score.key]} {mode}"


def are_related(found: str, true: str) -> bool:
    """Whether two keys are relative, parallel, or a fifth apart."""
    (tonic, mode), (other, other_mode) = (
        (NAMES[mode].index(name), mode) for name, mode in (found.split(), true.split())
    )
    steps = (tonic - other) % 12
    return steps in ((5, 7) if mode == other_mode else (0, 9 if other_mode == "major" else 3))


def coincide(some: list[float], others: list[float], of=min) -> bool:
    """Whether 90 % of the times in the list that is shorter, or longer, are in the other too."""
    one, other = (some, others) if of(len(some), len(others)) == len(some) else (others, some)
    near = [min((abs(a - b) for b in other), default=1) <= TOLERANCE_SECONDS for a in one]
    return len(one) > 1 and sum(near) >= 0.9 * len(one)


def tempo_error(found: float, true: float) -> str:
    """The kind of an error of more than 4 %."""
    kinds = {"right": 1, "twice": 2, "half": 0.5}
    return next((k for k, by in kinds.items() if abs(found / true / by - 1) <= 0.04), "other")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--first", type=int, default=FIRST_HELD_OUT_SEED, help="a seed")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--waltzes", action="store_true")
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="the first so many")
    given = parser.parse_args()
    settings = SETTINGS[: given.settings]
    models = {one: swift_demucs.load("demo", precision=one) for one in {s[1] for s in settings}}
    metre = "3/4" if given.waltzes else "4/4"
    totals: dict[str, Counter[str]] = {}
    names = [name for name, _, _ in settings[1:]]
    heads = ["seed", "tempo", "found tempo", "kind", "beats F", "bars F", "key", "found key", "metre"]
    heads += ["confidence", "bars", *names]
    beats, bars = [], []
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    seeds = range(given.first, given.first + given.songs)
    make = partial(song, seconds=given.seconds, is_waltz=given.waltzes)
    with ProcessPoolExecutor(1) as pool:
        for seed, (mixture, times, lines, score) in zip(seeds, pool.map(make, seeds), strict=True):
            first, *others = (
                models[precision].analyze(mixture, RATE_HZ, **options)
                for _, precision, options in settings
            )
            tempo, key = score.beats_per_minute, key_of(score)
            kind = tempo_error(first.tempo_bpm or 0, tempo)
            beats.append(f_measure(list(first.beats), times))
            bars.append(f_measure(list(first.downbeats), lines))
            is_right = first.key == key
            row = {"key right": is_right, "metre right": first.metre == metre}
            row["key related"] = not is_right and bool(first.key) and are_related(first.key, key)
            row["bars right"] = coincide(list(first.downbeats), lines)
            for name, other in zip(names, others, strict=True):
                same = coincide(list(first.downbeats), list(other.downbeats), of=max)
                row[f"the same with {name}"] = same and other.metre == first.metre
            confidence = first.downbeat_confidence or 0
            marks = ["yes" if value else "no" for value in row.values()][3:]
            cells = [seed, f"{tempo:.1f}", f"{first.tempo_bpm or 0:.1f}", kind]
            cells += [f"{beats[-1]:.2f}", f"{bars[-1]:.2f}", key, first.key, first.metre]
            print("|", " | ".join(map(str, [*cells, f"{confidence:.2f}", *marks])), "|", flush=True)
            group = f"confidence {'at least' if confidence >= CLEAR else 'below'} {CLEAR}"
            for of in ("all", f"tempo {kind}", group):
                totals.setdefault(of, Counter())["songs"] += 1
                totals[of].update(name for name, value in row.items() if value)
    columns = ["songs", *row]
    print("\n| |", " | ".join(columns), "|")
    print("|" + "---|" * (1 + len(columns)))
    for key, counts in sorted(totals.items()):
        print(f"| {key} |", " | ".join(str(counts[column]) for column in columns), "|")
    print(f"\nF-measure: beats {mean(beats):.3f}, bars {mean(bars):.3f}")


if __name__ == "__main__":
    main()
