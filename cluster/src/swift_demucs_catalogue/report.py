"""One HTML page about a table: numbers, plots as SVG, and the tracks that failed."""

from __future__ import annotations

import html
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .status import status
from .table import Table

WIDTH, HEIGHT, MARGIN = 640, 220, 46
BINS = 40
LISTED_FAILURES = 1000

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }
h1, h2 { line-height: 1.2 } table { border-collapse: collapse } figure { margin: 1.5rem 0 }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.failures td { border-top: 1px solid #ddd; overflow-wrap: anywhere }
svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: #444 }
.bar, .dot { fill: #2a6f97 } .line { fill: none; stroke: #2a6f97; stroke-width: 2 }
.axis { stroke: #999 } figcaption { font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 }
  svg text { fill: #bbb } .bar, .dot { fill: #7fb7d6 } .line { stroke: #7fb7d6 } }
"""


def report(table: Table) -> str:
    """Makes the HTML page. Raises :class:`Failure` if the table can't be read."""
    rows = list(table.latest().values())
    now = status(table)
    done = [row for row in rows if row["status"] == "done"]
    speeds = [row["realtime_factor"] for row in done if row["realtime_factor"]]
    core_hours = sum(row["seconds"] or 0.0 for row in rows) / 3600
    facts: list[tuple[str, str]] = [
        ("Run", now.state),
        ("Tracks", f"{now.tracks}"),
        *((name.capitalize(), f"{count}") for name, count in sorted(now.statuses.items())),
        ("Audio", f"{now.audio_seconds / 3600:.2f} h"),
        ("Time of separation", f"{core_hours:.2f} worker-hours"),
        ("Stems", f"{sum(o['bytes'] for row in done for o in row['outputs']) / 1e9:.3f} GB"),
        ("Nodes", f"{now.nodes}"),
        ("Engine", ", ".join(sorted({row["engine_version"] or "" for row in done}))),
        ("Checkpoints", ", ".join(sorted({c for r in done for c in r["checkpoint_sha256"] or []}))),
    ]
    body = [
        f"<h1>Stems in {html.escape(table.folder)}</h1>",
        "<table>",
        *(f"<tr><th>{name}<td>{html.escape(value)}" for name, value in facts),
        "</table>",
        _progress(done),
        _histogram("Speed of a track", speeds, "times real time"),
        _histogram("Peak memory", [(row["peak_memory_bytes"] or 0) / 1e6 for row in done], "MB"),
        _histogram("Length of a track", [row["duration_seconds"] or 0 for row in done], "s"),
        _bars("Failures by class", now.errors),
        _bars("Tracks by node", Counter(str(row["node"])[:8] for row in done)),
        _failures(rows),
    ]
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Stems: {now.done} of {now.tracks}</title><style>{STYLE}</style>\n"
        + "\n".join(part for part in body if part)
        + f"\n<p>Made {made} by swift-demucs-catalogue.</p></html>\n"
    )


def _figure(title: str, content: str) -> str:
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"{content}</svg></figure>"
    )


def _axes(left: str, right: str, top: str, unit: str) -> str:
    base = HEIGHT - MARGIN
    return (
        f'<path class="axis" d="M{MARGIN} 10V{base}H{WIDTH - 10}" fill="none"/>'
        f'<text x="{MARGIN}" y="{base + 18}">{left}</text>'
        f'<text x="{WIDTH - 10}" y="{base + 18}" text-anchor="end">{right} {unit}</text>'
        f'<text x="{MARGIN - 6}" y="20" text-anchor="end">{top}</text>'
    )


def _progress(done: Sequence[dict[str, Any]]) -> str | None:
    """Plot of the hours of audio over time."""
    if len(done) < 2:
        return None
    events = sorted((row["finished_at"], row["duration_seconds"] or 0.0) for row in done)
    first, last = events[0][0], events[-1][0]
    total = sum(seconds for _, seconds in events)
    points, sum_ = [], 0.0
    # About one point for each unit of the plot's width.
    step = max(1, len(events) // WIDTH)
    for index, (moment, seconds) in enumerate(events):
        sum_ += seconds
        if index % step == 0 or index == len(events) - 1:
            x = MARGIN + (WIDTH - MARGIN - 10) * (moment - first) / max(last - first, 1e-9)
            y = HEIGHT - MARGIN - (HEIGHT - MARGIN - 10) * sum_ / max(total, 1e-9)
            points.append(f"{x:.1f},{y:.1f}")
    axes = _axes("0", f"{(last - first) / 3600:.2f}", f"{total / 3600:.1f}", "h")
    line = f'<polyline class="line" points="{" ".join(points)}"/>'
    return _figure("Hours of audio done, over time", axes + line)


def _histogram(title: str, values: Sequence[float], unit: str) -> str | None:
    if not values:
        return None
    low, high = min(values), max(values)
    width = (high - low) / BINS or 1.0
    counts = Counter(min(BINS - 1, math.floor((value - low) / width)) for value in values)
    most = max(counts.values())
    step = (WIDTH - MARGIN - 10) / BINS
    bars = "".join(
        f'<rect class="bar" x="{MARGIN + index * step:.1f}" width="{step - 1:.1f}" '
        f'y="{HEIGHT - MARGIN - size:.1f}" height="{size:.1f}"/>'
        for index, count in sorted(counts.items())
        for size in [(HEIGHT - MARGIN - 10) * count / most]
    )
    return _figure(title, _axes(f"{low:.4g}", f"{low + width * BINS:.4g}", str(most), unit) + bars)


def _bars(title: str, counts: dict[str, int]) -> str | None:
    if not counts:
        return None
    most = max(counts.values())
    rows = "".join(
        f"<tr><td>{html.escape(name)}<td class=number>{count}"
        f'<td><svg viewBox="0 0 300 12" style="width:300px;height:12px">'
        f'<rect class="bar" width="{300 * count / most:.1f}" height="12"/></svg>'
        for name, count in sorted(counts.items())
    )
    return f"<h2>{html.escape(title)}</h2><table>{rows}</table>"


def _failures(rows: Sequence[dict[str, Any]]) -> str | None:
    failed = sorted(
        (row for row in rows if row["error_class"]), key=lambda row: (row["error_class"], row["id"])
    )
    if not failed:
        return None
    lines = "".join(
        f"<tr><td>{html.escape(row['id'])}<td>{html.escape(row['status'])}"
        f"<td>{html.escape(row['error_class'])}<td>{html.escape(row['error'] or '')}"
        for row in failed[:LISTED_FAILURES]
    )
    rest = len(failed) - LISTED_FAILURES
    more = f"<p>And {rest} more; the table has them all.</p>" if rest > 0 else ""
    return f'<h2>Tracks that failed</h2><table class="failures">{lines}</table>{more}'
