"""Compares the speed of two builds of swift-demucs, in alternating pairs of runs.

    git worktree add ../before REVISION
    swift build -c release --package-path ../before --product swift-demucs
    python reference/bench/bench_pairs.py ../before/.build/release/swift-demucs .build/release/swift-demucs

Each run is `swift-demucs bench` with seeded weights in the real configuration. A pair is a run of
each build; the order alternates from pair to pair, so that a drift of the machine's speed affects
both. Prints for every precision and number of threads the medians of both builds, the median and
the range of the pairs' ratios (after / before), and the ratio of peak memory.
"""

from __future__ import annotations

import argparse
import statistics

from bench_song import bench

PRECISIONS = ("float32", "bfloat16", "int8")


def segment(program: str, precision: str, threads: int, runs: int) -> tuple[float, float]:
    """Median seconds of a segment, and peak resident bytes."""
    engine = ["--precision", precision, "--threads", threads, "--runs", runs]
    measurement = bench(program, "bench", "--random-weights", "htdemucs", *engine)
    return measurement["seconds_per_segment"]["median"], measurement["peak_rss_bytes"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", help="the program to compare with")
    parser.add_argument("after", help="the program that is compared")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of runs (default: 7)")
    parser.add_argument("--runs", type=int, default=5, help="timed segments of a run (default: 5)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    options = parser.parse_args()

    print("| precision | threads | before s | after s | ratio | range | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for precision in options.precision:
        for threads in options.threads:
            before: list[tuple[float, float]] = []
            after: list[tuple[float, float]] = []
            for pair in range(options.pairs):
                turns = [(options.before, before), (options.after, after)]
                for program, results in turns if pair % 2 == 0 else reversed(turns):
                    results.append(segment(program, precision, threads, options.runs))
            ratios = [new[0] / old[0] for old, new in zip(before, after)]
            memory = statistics.median(new[1] / old[1] for old, new in zip(before, after))
            seconds = [statistics.median(run[0] for run in runs) for runs in (before, after)]
            print(
                f"| {precision} | {threads} | {seconds[0]:.3f} | {seconds[1]:.3f} "
                f"| {statistics.median(ratios):.3f} | {min(ratios):.3f} – {max(ratios):.3f} "
                f"| {memory:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
