#!/usr/bin/env python3
"""Makes a web page with plots from a JSON report of swift-demucs.

    swift-demucs eval true separated/htdemucs --json | reference/bench/plot_report.py -o scores.html
    swift-demucs bench -n demo --layers --json | reference/bench/plot_report.py -o bench.html
    swift-demucs compare a.safetensors b.safetensors --json | reference/bench/plot_report.py -o compare.html
    swift-demucs quantize model.safetensors -o int8.safetensors --report layers.json
    reference/bench/plot_report.py layers.json -o layers.html

The page is one file, which loads no others. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogFormatter

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #d5d5d5; --ground: #fcfcfc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --faint: #444; --ground: #161616; }
  svg { filter: invert(0.9) hue-rotate(180deg); }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid var(--faint); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: 0.9rem; } svg { width: 100%; height: auto; }
"""

# Okabe and Ito's palette for colour-blind people.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
mpl.rcParams.update({
    "axes.prop_cycle": mpl.cycler(color=COLOURS), "axes.axisbelow": True, "svg.fonttype": "none",
    # Names may hold a dollar sign.
    "text.parse_math": False, "axes.grid": True, "grid.color": "#d5d5d5",
})


def figure(caption: str, series: Sequence[str]) -> str:
    """The current plot as an SVG image with a caption; a legend if it has several series."""
    if len(series) > 1:
        plt.figlegend(loc="outside upper center", ncols=len(series))
    text = io.StringIO()
    plt.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    plt.close()
    # The heading is for a file of its own, and the metadata only name matplotlib.
    image = re.sub(r"(?s)^.*?(?=<svg )|<metadata>.*?</metadata>", "", text.getvalue())
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def bars(
    unit: str, groups: dict[str, list[float]], caption: str,
    series: Sequence[str] = ("",), digits: int = 1, ranges: Sequence[Sequence[float]] | None = None,
) -> str:
    """Groups of horizontal bars, with one bar for each series, none for NaN; `ranges` are lines to both sides."""
    rows = (len(series) + 1) * len(groups)
    _, axes = plt.subplots(figsize=(9, 0.8 + 0.16 * rows), layout="constrained")
    # Infinite bars are as long as the longest one.
    edge = max((abs(value) for group in groups.values() for value in group if math.isfinite(value)), default=1) or 1
    height = 0.8 / len(series)
    for number, name in enumerate(series):
        values = [group[number] for group in groups.values()]
        lengths = [value if math.isnan(value) else min(max(value, -edge), edge) for value in values]
        places = [place + height * (number - (len(series) - 1) / 2) for place in range(len(values))]
        drawn = axes.barh(places, lengths, height, xerr=ranges, label=name)
        axes.bar_label(drawn, [decibels(value, digits) for value in values], padding=3)
    axes.set_yticks(range(len(groups)), groups)
    axes.margins(x=0.1)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    return figure(caption, series)


class Point(NamedTuple):
    """A point, its series, and a text beside it."""

    x: float
    y: float
    series: int = 0
    label: str = ""


def points(
    titles: tuple[str, str], dots: Sequence[Point], caption: str,
    bound: Sequence[tuple[float, float]] = (), series: Sequence[str] = ("",), log: bool = False,
) -> str:
    """Points over two axes, with a dashed line for a bound."""
    _, axes = plt.subplots(figsize=(9, 4), layout="constrained")
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
    axes.set(xlabel=titles[0], ylabel=titles[1])
    return figure(caption, series)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is the heading."""

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows[1:])
    return (
        f'<div class="wide"><table><thead>{row(rows[0], "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def number(value: Any) -> float:
    """A number of a report: null is NaN, infinite ones are strings."""
    return math.nan if value is None else float(value)


def decibels(value: float, digits: int = 2) -> str:
    """A number of decibels; a dash for none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


# ---- The pages: a title and the parts below it


def eval_page(report: dict[str, Any]) -> tuple[str, list[str]]:
    """The scores of `eval --json`."""
    medians = report["medians"]
    metrics = list(next(iter(medians.values())))

    def scores(stems: dict[str, Any]) -> dict[str, list[float]]:
        return {name: [number(values[key]) for key in metrics] for name, values in stems.items()}

    caption = "The median of each score over the tracks."
    parts = [bars("dB", scores(medians), caption, metrics, 2)]
    tracks = report["tracks"]
    if len(tracks) > 1:
        first = {
            track["name"]: [
                scores(track["stems"])[name][0] if name in track["stems"] else math.nan
                for name in medians
            ]
            for track in tracks
        }
        parts.append(bars(f"{metrics[0]}, dB", first, f"{metrics[0]} by track.", list(medians), 2))
    rows = [["track, stem", *metrics]]
    for name, stems in [*((track["name"], track["stems"]) for track in tracks), ("median", medians)]:
        for stem, values in scores(stems).items():
            rows.append([f"{name}, {stem}", *map(decibels, values)])
    return "Scores of separated stems", [*parts, table(rows)]


def bench_page(report: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The measurements of `bench --json`."""
    groups: dict[str, list[float]] = {}
    ranges: list[list[float]] = [[], []]
    rows = [["precision", "threads", "segment s", "× real time", "GFLOP/s", "peak MB", "SNR dB"]]
    for row in report:
        seconds = row["seconds_per_segment"]
        median = seconds["median"]
        name = row["precision"] + (f" of {row['widened_from']}" if "widened_from" in row else "")
        groups[name] = [median]
        ranges[0].append(median - seconds["min"])
        ranges[1].append(seconds["max"] - median)
        rows.append([
            name, str(row["threads"]), f"{median:.3f}", f"{row['realtime_factor']:.2f}",
            f"{row['gflops']:.1f}", f"{row['peak_rss_bytes'] / 1e6:.0f}",
            decibels(number(row["snr_db"]), 1),
        ])
    caption = "Median of the runs; the line goes from the fastest to the slowest."
    parts = [bars("seconds for a segment", groups, caption, digits=3, ranges=ranges), table(rows)]
    for name, row in zip(groups, report):
        layers = row.get("layers", [])
        if not layers:
            continue
        times = {layer["name"]: [layer["seconds"] * 1e3] for layer in layers}
        heading = f"<h2>Blocks in {escape(name)}</h2>"
        parts += [heading, bars("milliseconds", times, "Where the time goes."), roofline(row, layers)]
    return "Speed", parts


def roofline(row: dict[str, Any], layers: list[dict[str, Any]]) -> str:
    """Blocks by operations per byte and per second (Williams, Waterman, Patterson 2009)."""
    peak, rate = row["gflops"] / row["share_of_peak"], row["memory_bytes_per_second"] / 1e9
    dots = [
        Point(
            layer["gflops"] * 1e9 * layer["seconds"] / layer["bytes"], layer["gflops"],
            0, layer["name"] if layer["share"] > 0.05 else "",
        )
        for layer in layers
        if layer["gflops"] > 0 and layer["bytes"] > 0
    ]
    ridge = peak / rate
    least = min([ridge, *(dot.x for dot in dots)]) / 2
    greatest = max([ridge, *(dot.x for dot in dots)]) * 2
    return points(
        ("operations per byte", "GFLOP/s"), dots,
        "Roofline: the dashed line is what memory (left) and arithmetic (right) allow. Operations "
        "are those of the definition: convolutions by Winograd's method need fewer and may lie "
        "above. Blocks that take more than a twentieth of the time have their names.",
        bound=[(least, least * rate), (ridge, peak), (greatest, peak)], log=True,
    )


def compare_page(report: dict[str, Any]) -> tuple[str, list[str]]:
    """The tensors of `compare --json`."""
    tensors = [tensor for tensor in report["tensors"] if "found_shape" in tensor]
    values = [number(tensor.get("own_snr_db", tensor["snr_db"])) for tensor in tensors]
    # Equal tensors have no finite SNR; they lie at the top.
    greatest = max((value for value in values if math.isfinite(value)), default=100) + 10
    wrong = {tensor["name"] for tensor in report["wrong"]}
    dots = [
        Point(
            place, max(0, min(value, greatest)),
            int(tensor["name"] in wrong), tensor["name"] if tensor["name"] in wrong else "",
        )
        for place, (tensor, value) in enumerate(zip(tensors, values), 1)
    ]
    bounds = [(place, tensor["bound_db"]) for place, tensor in enumerate(tensors, 1)]
    plot = points(
        ("tensor, in the order of computation", "SNR, dB"), dots,
        "SNR of each tensor, from the port's own inputs if the model is known. Wrong ones have their "
        "names and right ones lie above the line; the table has their numbers. Equal tensors lie at "
        "the top, those below 0 dB at the bottom.",
        bound=bounds, series=("right", "wrong"),
    )
    rows = [["tensor", "SNR dB", "shape"]]
    for place, (tensor, value) in enumerate(zip(tensors, values), 1):
        shape = "×".join(map(str, tensor["shape"]))
        rows.append([f"{place}. {tensor['name']}", decibels(value, 1), shape])
    lines = [
        f"wrong: {tensor['name']} has {decibels(number(tensor['snr_db']), 1)} dB"
        for tensor in report["wrong"]
    ]
    count = f"{report['compared']} of {report['expected']} compared"
    summary = [f"<p>{escape(line)}</p>" for line in lines or [f"{count}, all right"]]
    return f"Comparison of {len(dots)} tensors", [*summary, plot, table(rows)]


def quantize_page(report: dict[str, Any]) -> tuple[str, list[str]]:
    """The layers of `quantize --report`."""
    layers = report["layers"]
    forms = sorted({layer["form"] for layer in layers})
    dots = [
        Point(place, number(layer["weights_snr_db"]), forms.index(layer["form"]))
        for place, layer in enumerate(layers, 1)
    ]
    parts = [
        points(
            ("tensor, in the order of the model", "SNR of the weights, dB"), dots,
            "SNR of each tensor after rounding to INT8, and the form it is kept in.", series=forms,
        )
    ]
    measured = [layer for layer in layers if layer["output_snr_db"] is not None]
    measured.sort(key=lambda layer: float(layer["output_snr_db"]))
    if measured:
        groups = {layer["tensor"]: [float(layer["output_snr_db"])] for layer in measured[:20]}
        caption = "The layers that cost most, at most twenty, each alone in INT8."
        parts.append(bars("SNR of the worst stem, dB", groups, caption))
    rows = [["tensor, form", "bytes", "weights dB", "output dB"]]
    for place, layer in enumerate(layers, 1):
        snr = [decibels(number(layer[key]), 1) for key in ("weights_snr_db", "output_snr_db")]
        rows.append([f"{place}. {layer['tensor']}, {layer['form']}", str(layer["bytes"]), *snr])
    return f"INT8 weights of {report['source']}", [*parts, table(rows)]


# The key that only the reports of one command have.
PAGES: dict[str, Callable[[dict[str, Any]], tuple[str, list[str]]]] = {
    "medians": eval_page,
    "wrong": compare_page,
    "source_bytes": quantize_page,
}


def page(report: Any) -> str:
    """The page of a report."""
    if isinstance(report, list):
        title, parts = bench_page(report)
    else:
        kind = next((PAGES[key] for key in PAGES if key in report), None)
        if kind is None:
            sys.exit("expected the JSON report of eval, bench, compare or quantize")
        title, parts = kind(report)
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", nargs="?", help="a JSON report (default: standard input)")
    parser.add_argument("-o", "--out", required=True, help="the page to write")
    options = parser.parse_args()
    source = Path(options.report).read_text("utf-8") if options.report else sys.stdin.read()
    Path(options.out).write_text(page(json.loads(source)), "utf-8")


if __name__ == "__main__":
    main()
