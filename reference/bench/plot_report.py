#!/usr/bin/env python3
"""Plots a JSON report of swift-demucs.

    swift-demucs eval true separated/htdemucs --json | reference/bench/plot_report.py -o scores.svg
    swift-demucs bench -n demo --layers --json | reference/bench/plot_report.py -o bench.svg
    swift-demucs compare a.safetensors b.safetensors --json | reference/bench/plot_report.py -o compare.svg
    swift-demucs quantize model.safetensors -o int8.safetensors --report layers.json
    reference/bench/plot_report.py layers.json -o layers.svg

The file's ending is its format: svg, pdf, png. The numbers themselves are in the tables that the commands
print without --json. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

# Okabe and Ito's palette for colour-blind people.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
mpl.rcParams.update({
    "axes.prop_cycle": mpl.cycler(color=COLOURS), "axes.axisbelow": True, "svg.fonttype": "none",
    # For equal bytes of equal reports.
    "svg.hashsalt": "swift-demucs",
    # Names may hold a dollar sign.
    "text.parse_math": False, "axes.grid": True, "grid.color": "#d5d5d5", "axes.titlesize": "medium",
})  # fmt: skip

# The height of a plot in inches, and what draws it.
Plot = tuple[float, Callable[[Axes], object]]


def bars(
    unit: str, groups: dict[str, list[float]], title: str,
    series: Sequence[str] = ("",), digits: int = 1, ranges: Sequence[Sequence[float]] | None = None,
) -> Plot:  # fmt: skip
    """Groups of horizontal bars, with one bar for each series, none for NaN; `ranges` are lines to both sides."""

    def draw(axes: Axes) -> None:
        # Infinite bars are as long as the longest one.
        finite = [abs(value) for group in groups.values() for value in group if math.isfinite(value)]
        edge = max(finite, default=1) or 1
        height = 0.8 / len(series)
        for number, name in enumerate(series):
            values = [group[number] for group in groups.values()]
            lengths = [value if math.isnan(value) else min(max(value, -edge), edge) for value in values]
            places = [place + height * (number - (len(series) - 1) / 2) for place in range(len(values))]
            drawn = axes.barh(places, lengths, height, xerr=ranges, label=name)
            texts = ["–" if math.isnan(value) else f"{value:.{digits}f}" for value in values]
            axes.bar_label(drawn, texts, padding=3)
        axes.set_yticks(range(len(groups)), groups)
        axes.margins(x=0.1)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=unit, title=title)
        if len(series) > 1:
            axes.legend()

    return 1 + 0.16 * (len(series) + 1) * len(groups), draw


class Point(NamedTuple):
    """A point, its series, and a text beside it."""

    x: float
    y: float
    series: int = 0
    label: str = ""


def points(
    titles: tuple[str, str], dots: Sequence[Point], title: str,
    bound: Sequence[tuple[float, float]] = (), series: Sequence[str] = ("",), log: bool = False,
) -> Plot:  # fmt: skip
    """Points over two axes, with a dashed line for a bound."""

    def draw(axes: Axes) -> None:
        for number, name in enumerate(series):
            own = [dot for dot in dots if dot.series == number]
            axes.scatter([dot.x for dot in own], [dot.y for dot in own], 16, label=name, gid=f"series{number}")
        for dot in dots:
            axes.annotate(dot.label, (dot.x, dot.y), (5, 3), textcoords="offset points")
        if bound:
            axes.plot(*zip(*bound), "--", color="black", gid="bound")
        if log:
            axes.loglog()
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(LogFormatter())
                axis.set_minor_formatter(LogFormatter())
        axes.set(xlabel=titles[0], ylabel=titles[1], title=title)
        if len(series) > 1:
            axes.legend()

    return 4, draw


def number(value: Any) -> float:
    """A number of a report: null is NaN, infinite ones are strings."""
    return math.nan if value is None else float(value)


# ---- The plots of each report


def eval_plots(report: dict[str, Any]) -> Iterator[Plot]:
    """The scores of `eval --json`."""
    medians, tracks = report["medians"], report["tracks"]
    metrics = list(next(iter(medians.values())))
    scores = {name: [number(values[key]) for key in metrics] for name, values in medians.items()}
    yield bars("dB", scores, "The median of each score over the tracks", metrics, 2)
    if len(tracks) > 1:
        first = {
            track["name"]: [number(track["stems"].get(name, {}).get(metrics[0])) for name in medians]
            for track in tracks
        }
        yield bars("dB", first, f"{metrics[0]} by track", list(medians), 2)


def bench_plots(report: list[dict[str, Any]]) -> Iterator[Plot]:
    """The measurements of `bench --json`."""
    rows = {
        row["precision"] + (f" of {row['widened_from']}" if "widened_from" in row else ""): row
        for row in report
    }
    times = [row["seconds_per_segment"] for row in report]
    ranges = [[t["median"] - t["min"] for t in times], [t["max"] - t["median"] for t in times]]
    groups = {name: [row["seconds_per_segment"]["median"]] for name, row in rows.items()}
    title = "Median of the runs; the line goes from the fastest to the slowest"
    yield bars("seconds for a segment", groups, title, digits=3, ranges=ranges)
    for name, row in rows.items():
        if layers := row.get("layers", []):
            blocks = {layer["name"]: [layer["seconds"] * 1e3] for layer in layers}
            yield bars("milliseconds", blocks, f"Blocks in {name}")
            yield roofline(name, row, layers)


def roofline(name: str, row: dict[str, Any], layers: list[dict[str, Any]]) -> Plot:
    """Blocks by operations per byte and per second (Williams, Waterman, Patterson 2009).

    The dashed line is what memory (left) and arithmetic (right) allow. Operations are those of the definition:
    convolutions by Winograd's method need fewer and may lie above. Blocks that take more than a twentieth of
    the time have their names.
    """
    peak, rate = row["gflops"] / row["share_of_peak"], row["memory_bytes_per_second"] / 1e9
    dots = [
        Point(
            layer["gflops"] * 1e9 * layer["seconds"] / layer["bytes"], layer["gflops"],
            0, layer["name"] if layer["share"] > 0.05 else "",
        )
        for layer in layers
        if layer["gflops"] > 0 and layer["bytes"] > 0
    ]  # fmt: skip
    ridge = peak / rate
    least = min([ridge, *(dot.x for dot in dots)]) / 2
    greatest = max([ridge, *(dot.x for dot in dots)]) * 2
    bound = [(least, least * rate), (ridge, peak), (greatest, peak)]
    return points(("operations per byte", "GFLOP/s"), dots, f"Roofline in {name}", bound, log=True)


def compare_plots(report: dict[str, Any]) -> Iterator[Plot]:
    """The tensors of `compare --json`: wrong ones with their names, right ones above the line.

    Equal tensors lie at the top, those below 0 dB at the bottom.
    """
    tensors = [tensor for tensor in report["tensors"] if "found_shape" in tensor]
    values = [number(tensor.get("own_snr_db", tensor["snr_db"])) for tensor in tensors]
    greatest = max((value for value in values if math.isfinite(value)), default=100) + 10
    wrong = {tensor["name"] for tensor in report["wrong"]}
    dots = [
        Point(
            place, max(0, min(value, greatest)),
            int(tensor["name"] in wrong), tensor["name"] if tensor["name"] in wrong else "",
        )
        for place, (tensor, value) in enumerate(zip(tensors, values), 1)
    ]  # fmt: skip
    bounds = [(place, tensor["bound_db"]) for place, tensor in enumerate(tensors, 1)]
    title = f"{report['compared']} of {report['expected']} tensors, {len(wrong)} wrong"
    axes = ("tensor, in the order of computation", "SNR, dB")
    yield points(axes, dots, title, bounds, ("right", "wrong"))


def quantize_plots(report: dict[str, Any]) -> Iterator[Plot]:
    """The layers of `quantize --report`."""
    layers = report["layers"]
    forms = sorted({layer["form"] for layer in layers})
    dots = [
        Point(place, number(layer["weights_snr_db"]), forms.index(layer["form"]))
        for place, layer in enumerate(layers, 1)
    ]
    axes = ("tensor, in the order of the model", "SNR of the weights, dB")
    yield points(axes, dots, "SNR of each tensor after rounding to INT8, and its form", series=forms)
    measured = [layer for layer in layers if layer["output_snr_db"] is not None]
    measured.sort(key=lambda layer: float(layer["output_snr_db"]))
    if measured:
        groups = {layer["tensor"]: [float(layer["output_snr_db"])] for layer in measured[:20]}
        title = "The layers that cost most, at most twenty, each alone in INT8"
        yield bars("SNR of the worst stem, dB", groups, title)


# The key that only the reports of one command have.
PLOTS: dict[str, Callable[[dict[str, Any]], Iterator[Plot]]] = {
    "medians": eval_plots,
    "wrong": compare_plots,
    "source_bytes": quantize_plots,
}


def plots(report: Any) -> list[Plot]:
    """The plots of a report."""
    if isinstance(report, list):
        return list(bench_plots(report))
    kind = next((PLOTS[key] for key in PLOTS if key in report), None)
    if kind is None:
        sys.exit("expected the JSON report of eval, bench, compare or quantize")
    return list(kind(report))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", nargs="?", help="a JSON report (default: standard input)")
    parser.add_argument("-o", "--out", required=True, help="the picture to write")
    options = parser.parse_args()
    source = Path(options.report).read_text("utf-8") if options.report else sys.stdin.read()
    heights, draws = zip(*plots(json.loads(source)))
    figure, grid = plt.subplots(
        len(draws), squeeze=False, figsize=(9, sum(heights)), height_ratios=heights, layout="constrained"
    )
    for (axes,), draw in zip(grid, draws):
        draw(axes)
    # Without the time.
    figure.savefig(options.out, metadata={"Date": None} if options.out.endswith(".svg") else None)


if __name__ == "__main__":
    main()
