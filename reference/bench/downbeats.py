"""Counts the generated songs whose bars the analysis finds, and settings that find the same bars.

    python reference/bench/downbeats.py --songs 50

Generates held-out songs (training/generate.py), which are all in 4/4, separates them with the demo
model and analyses the stems. Bars are right if the downbeats and the true bar lines coincide: at
least 90 % of those of which there are fewer lie within 70 ms of the others, so that a song whose
tempo is found twice or half as fast can be right. A setting finds the same if its metre is equal,
and 90 % of those of which there are more coincide. With --waltzes, the last beat of each bar is cut
out of the mixture, which leaves 3/4. Needs the Python package of swift-demucs and
training/packages.txt.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import swift_demucs

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from generate import generate
from packs import FIRST_HELD_OUT_SEED
from sampled.palette import TRAINING
from sampled.score import Score
from stems import RATE_HZ, mixture_of

TOLERANCE_SECONDS = 0.07
CLEAR = 0.5  # a confidence
# Name, precision, and options of `analyze`; the first setting is the usual one.
SETTINGS = (
    ("float32", "float32", {"shifts": 0}),
    ("1 shift", "float32", {"shifts": 1, "seed": 1}),
    ("int8", "int8", {"shifts": 0}),
    ("bfloat16", "bfloat16", {"shifts": 0}),
)


def song(seed: int, seconds: float, is_waltz: bool) -> tuple[np.ndarray, list[float], float]:
    """The mixture [2, n] of a song, the times of its bar lines, and its beats per minute."""
    score = Score(seed, round(seconds * RATE_HZ), TRAINING)
    mixture = mixture_of(generate(seed, seconds))
    last = 12 if is_waltz else 16  # sixteenths
    bars = range(int(score.length_samples / (16 * score.step_samples)) + 1)
    parts = [mixture[:, score.at(bar, 0) : score.at(bar, last)] for bar in bars]
    lines = np.cumsum([0] + [part.shape[1] for part in parts])[:-1] / RATE_HZ
    return np.concatenate(parts, axis=1), list(lines), score.beats_per_minute


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
    heads = ["seed", "tempo", "found", "kind", "metre", "confidence", "bars", *names]
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    seeds = range(given.first, given.first + given.songs)
    make = partial(song, seconds=given.seconds, is_waltz=given.waltzes)
    with ProcessPoolExecutor(1) as pool:
        for seed, (mixture, lines, tempo) in zip(seeds, pool.map(make, seeds), strict=True):
            first, *others = (
                models[precision].analyze(mixture, RATE_HZ, **options)
                for _, precision, options in settings
            )
            kind = tempo_error(first.tempo_bpm or 0, tempo)
            row = {"metre right": first.metre == metre}
            row["bars right"] = coincide(list(first.downbeats), lines)
            for name, other in zip(names, others, strict=True):
                same = coincide(list(first.downbeats), list(other.downbeats), of=max)
                row[f"the same with {name}"] = same and other.metre == first.metre
            confidence = first.downbeat_confidence or 0
            marks = ["yes" if value else "no" for value in row.values()][1:]
            cells = [seed, f"{tempo:.1f}", f"{first.tempo_bpm or 0:.1f}", kind, first.metre]
            print("|", " | ".join(map(str, [*cells, f"{confidence:.2f}", *marks])), "|", flush=True)
            group = f"confidence {'at least' if confidence >= CLEAR else 'below'} {CLEAR}"
            for key in ("all", f"tempo {kind}", group):
                totals.setdefault(key, Counter())["songs"] += 1
                totals[key].update(name for name, value in row.items() if value)
    columns = ["songs", *row]
    print("\n| |", " | ".join(columns), "|")
    print("|" + "---|" * (1 + len(columns)))
    for key, counts in sorted(totals.items()):
        print(f"| {key} |", " | ".join(str(counts[column]) for column in columns), "|")


if __name__ == "__main__":
    main()
