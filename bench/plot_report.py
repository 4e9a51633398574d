#!/usr/bin/env python3
"""Makes a web page with plots from a JSON report of swift-demucs.

    swift-demucs eval true separated/htdemucs --json | bench/plot_report.py -o scores.html
    swift-demucs bench -n demo --layers --json | bench/plot_report.py -o bench.html
    swift-demucs compare a.safetensors b.safetensors --json | bench/plot_report.py -o compare.html
    swift-demucs quantize model.safetensors -o int8.safetensors --report layers.json
    bench/plot_report.py layers.json -o layers.html

The page is one file, which loads no others. Needs nothing but Python's standard library.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

# Colours of series from Okabe and Ito's palette for colour-blind people.
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #d5d5d5; --ground: #fcfcfc;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --faint: #444; --ground: #161616; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid var(--faint); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: 0.9rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
.grid { stroke: var(--faint); } .mark { stroke: var(--ink); }
.bound { stroke: var(--ink); stroke-dasharray: 5 4; fill: none; }
""" + "".join(f".s{index} {{ fill: var(--c{index}); }}\n" for index in range(6))

WIDTH, HEIGHT = 860, 380


class Axis:
    """Positions of values in pixels, and the values that have a label; a linear axis has zero."""

    def __init__(self, values: Sequence[float], start: float, end: float, log: bool = False):
        self.start, self.end, self.log = start, end, log
        finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        if log:
            powers = [math.log10(value) for value in finite] or [0.0]
            self.low = float(math.floor(min(powers)))
            self.high = max(float(math.ceil(max(powers))), self.low + 1)
            self.ticks = [10.0**power for power in range(int(self.low), int(self.high) + 1)]
        else:
            least, greatest = min([0.0, *finite]), max([1e-9, *finite])
            rough = (greatest - least) / 6
            power = 10.0 ** math.floor(math.log10(rough))
            step = next((size * power for size in (1, 2, 5) if size * power >= rough), 10 * power)
            first, last = math.floor(least / step), math.ceil(greatest / step)
            self.low, self.high = first * step, last * step
            self.ticks = [place * step for place in range(first, last + 1)]

    def pixel(self, value: float) -> float:
        """The pixel of a value; values outside lie on the nearest edge."""
        place = math.log10(max(value, 1e-300)) if self.log else value
        share = (min(max(place, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    """A text of an SVG image."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    """A straight line of an SVG image."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def legend(series: Sequence[str], x: float) -> str:
    """The names of the series beside their colours; empty for a single series."""
    parts = []
    for index, name in enumerate(series if len(series) > 1 else []):
        parts.append(f'<rect class="s{index % 6}" x="{x:.1f}" y="2" width="12" height="12"/>')
        parts.append(text(x + 17, 13, name))
        x += 34 + 7 * len(name)
    return "".join(parts)


def figure(height: float, parts: Sequence[str], caption: str) -> str:
    """An SVG image with a caption."""
    image = "\n".join(parts)
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(caption)}">'
        f"{image}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )


class Bar(NamedTuple):
    """A value, NaN for no bar; its text; and a range that a line marks."""

    value: float
    label: str
    low: float = math.nan
    high: float = math.nan


def bars(unit: str, series: Sequence[str], groups: dict[str, list[Bar]], caption: str) -> str:
    """Groups of horizontal bars, with one bar for each series."""
    names = 30 + 7 * min(48, max(map(len, groups), default=0))
    left, right, top = names + 8, WIDTH - 90, 26 if len(series) > 1 else 0
    step = 16 * len(series) + 10
    bottom = top + step * len(groups)
    values = [max(bar.value, bar.high) for group in groups.values() for bar in group]
    axis = Axis(values, left, right)
    parts = [legend(series, left)]
    for tick in axis.ticks:
        x = axis.pixel(tick)
        parts += [line(x, top, x, bottom), text(x, bottom + 16, f"{tick:.6g}", "middle")]
    for index, (name, group) in enumerate(groups.items()):
        y = top + step * index + 5
        parts.append(text(names, y + (step - 10) / 2 + 4, name, "end"))
        for number, bar in enumerate(group):
            if math.isnan(bar.value):
                continue
            first, last = sorted((axis.pixel(0), axis.pixel(bar.value)))
            place = y + 16 * number
            parts.append(
                f'<rect class="s{number % 6}" x="{first:.1f}" y="{place:.1f}" '
                f'width="{last - first:.1f}" height="14"/>'
            )
            if not math.isnan(bar.high):
                parts.append(
                    line(axis.pixel(bar.low), place + 7, axis.pixel(bar.high), place + 7, "mark")
                )
                last = max(last, axis.pixel(bar.high))
            parts.append(text(last + 5, place + 12, bar.label))
    parts.append(text((left + right) / 2, bottom + 36, unit, "middle"))
    return figure(bottom + 44, parts, caption)


class Point(NamedTuple):
    """A point, the text that is shown under the pointer, its series, and a text beside it."""

    x: float
    y: float
    title: str
    series: int = 0
    label: str = ""


def points(
    titles: tuple[str, str], dots: Sequence[Point], caption: str,
    bound: Sequence[tuple[float, float]] = (), series: Sequence[str] = (), log: bool = False,
) -> str:
    """Points over two axes, with a dashed line for a bound."""
    left, right, top, bottom = 64, WIDTH - 20, 28 if len(series) > 1 else 12, HEIGHT - 52
    across = Axis([dot.x for dot in dots] + [x for x, _ in bound], left, right, log)
    up = Axis([dot.y for dot in dots] + [y for _, y in bound], bottom, top, log)
    parts = [legend(series, left)]
    for tick in across.ticks:
        x = across.pixel(tick)
        parts += [line(x, top, x, bottom), text(x, bottom + 18, f"{tick:.6g}", "middle")]
    for tick in up.ticks:
        y = up.pixel(tick)
        parts += [line(left, y, right, y), text(left - 8, y + 4, f"{tick:.6g}", "end")]
    if bound:
        corners = " ".join(f"{across.pixel(x):.1f},{up.pixel(y):.1f}" for x, y in bound)
        parts.append(f'<polyline class="bound" points="{corners}"/>')
    for dot in dots:
        if math.isnan(dot.y):
            continue
        x, y = across.pixel(dot.x), up.pixel(dot.y)
        parts.append(
            f'<circle class="s{dot.series % 6}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
            f"<title>{escape(dot.title)}</title></circle>"
        )
        parts.append(text(x + 7, y - 5, dot.label) if dot.label else "")
    parts.append(text((left + right) / 2, HEIGHT - 8, titles[0], "middle"))
    middle = (top + bottom) / 2
    turned = f' transform="rotate(-90 14 {middle:.1f})"'
    parts.append(text(14, middle, titles[1], "middle", turned))
    return figure(HEIGHT, parts, caption)


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

    def scores(stems: dict[str, Any]) -> dict[str, list[Bar]]:
        return {
            name: [Bar(number(values[key]), decibels(number(values[key]))) for key in metrics]
            for name, values in stems.items()
        }

    parts = [bars("dB", metrics, scores(medians), "The median of each score over the tracks.")]
    tracks = report["tracks"]
    if len(tracks) > 1:
        first = {
            track["name"]: [
                scores(track["stems"])[name][0] if name in track["stems"] else Bar(math.nan, "")
                for name in medians
            ]
            for track in tracks
        }
        parts.append(bars(f"{metrics[0]}, dB", list(medians), first, f"{metrics[0]} by track."))
    rows = [["track, stem", *metrics]]
    for name, stems in [*((track["name"], track["stems"]) for track in tracks), ("median", medians)]:
        for stem, values in scores(stems).items():
            rows.append([f"{name}, {stem}", *(bar.label for bar in values)])
    return "Scores of separated stems", [*parts, table(rows)]


def bench_page(report: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The measurements of `bench --json`."""
    groups = {}
    rows = [["precision", "threads", "segment s", "× real time", "GFLOP/s", "peak MB", "SNR dB"]]
    for row in report:
        seconds = row["seconds_per_segment"]
        median = seconds["median"]
        name = row["precision"] + (f" of {row['widened_from']}" if "widened_from" in row else "")
        groups[name] = [Bar(median, f"{median:.3f} s", seconds["min"], seconds["max"])]
        rows.append([
            name, str(row["threads"]), f"{median:.3f}", f"{row['realtime_factor']:.2f}",
            f"{row['gflops']:.1f}", f"{row['peak_rss_bytes'] / 1e6:.0f}",
            decibels(number(row["snr_db"]), 1),
        ])
    caption = "Median of the runs; the line goes from the fastest to the slowest."
    parts = [bars("seconds for a segment", ["segment"], groups, caption), table(rows)]
    for name, row in zip(groups, report):
        layers = row.get("layers", [])
        if not layers:
            continue
        times = {
            layer["name"]: [Bar(layer["seconds"] * 1e3, f"{layer['seconds'] * 1e3:.1f}")]
            for layer in layers
        }
        parts += [f"<h2>Blocks in {escape(name)}</h2>"]
        parts += [bars("milliseconds", ["block"], times, "Where the time goes.")]
        parts += [roofline(row, layers)]
    return "Speed", parts


def roofline(row: dict[str, Any], layers: list[dict[str, Any]]) -> str:
    """Blocks by operations per byte and per second (Williams, Waterman, Patterson 2009)."""
    peak, rate = row["gflops"] / row["share_of_peak"], row["memory_bytes_per_second"] / 1e9
    dots = [
        Point(
            layer["gflops"] * 1e9 * layer["seconds"] / layer["bytes"], layer["gflops"],
            layer["name"], 0, layer["name"] if layer["share"] > 0.05 else "",
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
            place, max(0, min(value, greatest)), f"{tensor['name']}: {decibels(value, 1)} dB",
            int(tensor["name"] in wrong), tensor["name"] if tensor["name"] in wrong else "",
        )
        for place, (tensor, value) in enumerate(zip(tensors, values), 1)
    ]
    bounds = [(place, tensor["bound_db"]) for place, tensor in enumerate(tensors, 1)]
    plot = points(
        ("tensor, in the order of computation", "SNR, dB"), dots,
        "SNR of each tensor, from the port's own inputs if the model is known. Wrong ones have their "
        "names and right ones lie above the line; hold the pointer over a point for its name. Equal "
        "tensors lie at the top, those below 0 dB at the bottom.",
        bound=bounds,
    )
    rows = [["tensor", "SNR dB", "shape"]]
    for tensor, value in zip(tensors, values):
        rows.append([tensor["name"], decibels(value, 1), "×".join(map(str, tensor["shape"]))])
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
        Point(
            place, number(layer["weights_snr_db"]), f"{layer['tensor']}, {layer['form']}",
            forms.index(layer["form"]),
        )
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
        groups = {
            layer["tensor"]: [Bar(layer["output_snr_db"], decibels(layer["output_snr_db"], 1))]
            for layer in measured[:20]
        }
        caption = "The layers that cost most, at most twenty, each alone in INT8."
        parts.append(bars("SNR of the worst stem, dB", ["SNR"], groups, caption))
    rows = [["tensor, form", "bytes", "weights dB", "output dB"]]
    for layer in layers:
        snr = [decibels(number(layer[key]), 1) for key in ("weights_snr_db", "output_snr_db")]
        rows.append([f"{layer['tensor']}, {layer['form']}", str(layer["bytes"]), *snr])
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
