"""Compares the scores of two models, and fails if a mean of the second one is lower.

    python compare_scores.py OUT_DIR/scores/before OUT_DIR/scores/after [--write README.md]

Both folders have the files NAME.json that `evaluate.py --json` writes, for the same songs. Prints
the SDR of each stem in dB, before and after: the median over the songs, or the only song's. The
last columns are the mean of the stems and its change. A pair of names NAME and NAME-int8 also
gives the cost of INT8.

The exit code is 1 if the mean of a file has fallen, or if INT8 costs more than 0.02 dB. Otherwise
`--write` replaces the rows of the second model's scores in the table of Models/README.md.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

from stems import STEMS

INT8 = "-int8"
LARGEST_INT8_COST = 0.02  # dB
# Rows of the table in Models/README.md: file of scores, and measure.
ROWS = {
    "sampled instruments and singing vocoders": ("sampled", "sdr"),
    "the same, the mixture itself": ("sampled", "mixture"),
    "held-out instruments and voice": ("heldout", "sdr"),
    "one recording, without vocals": ("multitrack", "sdr"),
}


def stems(path: Path, measure: str = "sdr") -> dict[str, float]:
    """The score of each stem in a file of scores."""
    found = json.loads(path.read_text())["medians"][measure]
    return {name: found[name] for name in STEMS if name in found}


def row(name: str, before: dict[str, float], after: dict[str, float]) -> tuple[str, float]:
    """A row of the table, and the change of the mean."""
    cells = [f"{before[stem]:.2f} → {after[stem]:.2f}" if stem in after else "–" for stem in STEMS]
    means = statistics.mean(before.values()), statistics.mean(after.values())
    change = means[1] - means[0]
    cells += [f"{means[0]:.2f} → {means[1]:.2f}", f"{change:+.2f}"]
    return f"| {name} | " + " | ".join(cells) + " |", change


def write(readme: Path, folder: Path) -> None:
    """Replaces the rows of the scores in a page."""
    text = readme.read_text()
    for name, (file, measure) in ROWS.items():
        found = stems(folder / f"{file}.json", measure)
        cells = [f"{found[stem]:.2f}" if stem in found else "–" for stem in STEMS]
        cells.append(f"{statistics.median(found.values()):.2f}")
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
    parser.add_argument("before", type=Path, metavar="BEFORE_DIR")
    parser.add_argument("after", type=Path, metavar="AFTER_DIR")
    parser.add_argument("--write", type=Path, metavar="README", help="put the scores there")
    options = parser.parse_args()
    files = sorted(path.stem for path in options.after.glob("*.json"))
    if not files:
        parser.error(f"{options.after}: no scores")
    found = {
        name: (stems(options.before / f"{name}.json"), stems(options.after / f"{name}.json"))
        for name in files
    }
    print("| songs | " + " | ".join(STEMS) + " | mean | change |")
    print("|---|" + "---|" * (len(STEMS) + 2))
    failures = []
    for name, (before, after) in found.items():
        text, change = row(name, before, after)
        print(text)
        if change < 0:
            failures.append(f"{name}: the mean fell by {-change:.2f} dB")
    for name in files:
        exact = name.removesuffix(INT8)
        if exact == name or exact not in found:
            continue
        cost = statistics.mean(found[exact][1][stem] - found[name][1][stem] for stem in STEMS)
        print(f"INT8 costs {cost:.3f} dB on {exact}")
        if cost > LARGEST_INT8_COST:
            failures.append(f"INT8 costs {cost:.3f} dB, more than {LARGEST_INT8_COST} dB")
    for failure in failures:
        print(f"worse: {failure}")
    if options.write and not failures:
        write(options.write, options.after)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
