"""Draws the network with the shape of every block: docs/images/htdemucs.svg.

    python docs/images/model_diagram.py docs/images/htdemucs.svg

Sizes are those of the published htdemucs, computed here from its hyperparameters. The picture has
colours for light and dark pages, and a background of its own, so that it is readable on both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

CHANNELS, GROWTH, DEPTH, STRIDE = 48, 2, 4, 4
AUDIO, SOURCES, SAMPLES, NFFT, BOTTOM, LAYERS = 2, 4, 343_980, 4096, 512, 5
FRAMES = -(-SAMPLES // (NFFT // 4))

WIDTH, BOX, HIGH, STEP = 920, 240, 44, 66
LEFT, RIGHT = 150, 530
STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e }
  .freq { fill: #dbeafe; stroke: #2563eb } .time { fill: #dcfce7; stroke: #15803d }
  .both { fill: #fef3c7; stroke: #b45309 }
  .line { fill: none; stroke: #59636e; stroke-width: 1.5 }
  .skip { fill: none; stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 5 4 }
  .head { fill: #59636e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .soft { fill: #9da7b3 }
    .freq { fill: #172a4d; stroke: #6ea8fe } .time { fill: #12301f; stroke: #56d37f }
    .both { fill: #3d2c0a; stroke: #e3a73b }
    .line, .skip { stroke: #9da7b3 } .head { fill: #9da7b3 }
  }
  text { font: 14px system-ui, sans-serif; text-anchor: middle }
  .soft { font-size: 12px }
"""


class Drawing:
    """Lines of SVG."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "text") -> None:
        """Text centred at x."""
        self.lines.append(f'<text class="{kind}" x="{x}" y="{y}">{words}</text>')

    def box(self, x: float, y: float, kind: str, title: str, shape: str, width: int = BOX) -> None:
        """A block with its name and the shape of its output."""
        self.lines.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{HIGH}" rx="6"/>'
        )
        self.text(x + width / 2, y + 18, title)
        self.text(x + width / 2, y + 36, shape, "soft")

    def path(self, steps: str, kind: str = "line") -> None:
        """An arrow along SVG's path commands."""
        self.lines.append(f'<path class="{kind}" marker-end="url(#head)" d="{steps}"/>')

    def down(self, x: float, y: float, to: float) -> None:
        """An arrow from one box to the next."""
        self.path(f"M{x} {y} V{to - 2}")


def shape(*sizes: int) -> str:
    """Sizes as text for people, such as 4 × 2,048 × 336."""
    return " × ".join(f"{size:,}" for size in sizes)


def network() -> str:
    """The picture as SVG."""
    drawing = Drawing()
    freq, time = LEFT + BOX / 2, RIGHT + BOX / 2
    middle = (freq + time) / 2
    y = 16
    drawing.box(middle - BOX / 2, y, "both", "mix", shape(AUDIO, SAMPLES))
    branch = y + HIGH + 14
    drawing.path(f"M{middle} {y + HIGH} V{branch} H{freq} V{y + STEP + 16}")
    drawing.path(f"M{middle} {y + HIGH} V{branch} H{time} V{y + STEP + 16}")
    y += STEP + 18
    frequencies = NFFT // 2
    drawing.box(LEFT, y, "freq", "STFT, normalise", shape(2 * AUDIO, frequencies, FRAMES))
    drawing.box(RIGHT, y, "time", "normalise", shape(AUDIO, SAMPLES))

    freq_in, time_in = [(2 * AUDIO, frequencies)], [(AUDIO, SAMPLES)]
    rows = []
    for layer in range(DEPTH):
        drawing.down(freq, y + HIGH, y + STEP)
        drawing.down(time, y + HIGH, y + STEP)
        y += STEP
        rows.append(y)
        channels = CHANNELS * GROWTH**layer
        freq_in.append((channels, freq_in[-1][1] // STRIDE))
        time_in.append((channels, -(-time_in[-1][1] // STRIDE)))
        title = ", + embedding" if layer == 0 else ""
        drawing.box(LEFT, y, "freq", f"encoder {layer}{title}", shape(*freq_in[-1], FRAMES))
        drawing.box(RIGHT, y, "time", f"tencoder {layer}", shape(*time_in[-1]))

    drawing.down(freq, y + HIGH, y + STEP)
    drawing.down(time, y + HIGH, y + STEP)
    y += STEP
    tokens = freq_in[-1][1] * FRAMES
    drawing.box(
        LEFT,
        y,
        "both",
        f"cross-domain transformer: {LAYERS} layers, self · cross · self · cross · self",
        f"{freq_in[-1][0]} → {BOTTOM} channels; {shape(tokens, BOTTOM)} and "
        f"{shape(time_in[-1][1], BOTTOM)} tokens; {BOTTOM} → {freq_in[-1][0]}",
        RIGHT + BOX - LEFT,
    )

    for layer in range(DEPTH):
        drawing.down(freq, y + HIGH, y + STEP)
        drawing.down(time, y + HIGH, y + STEP)
        y += STEP
        level = DEPTH - 1 - layer
        last = level == 0
        freq_out = (SOURCES * 2 * AUDIO, frequencies) if last else freq_in[level]
        time_out = (SOURCES * AUDIO, SAMPLES) if last else time_in[level]
        drawing.box(LEFT, y, "freq", f"decoder {layer}", shape(*freq_out, FRAMES))
        drawing.box(RIGHT, y, "time", f"tdecoder {layer}", shape(*time_out))
        start, end, reach = rows[level] + HIGH / 2, y + HIGH / 2, 24 + 26 * layer
        drawing.path(f"M{LEFT} {start} H{LEFT - reach} V{end} H{LEFT - 2}", "skip")
        edge = RIGHT + BOX
        drawing.path(f"M{edge} {start} H{edge + reach} V{end} H{edge + 2}", "skip")
    drawing.text(LEFT - 70, rows[0] + 14, "skips", "soft")
    drawing.text(RIGHT + BOX + 70, rows[0] + 14, "skips", "soft")

    drawing.down(freq, y + HIGH, y + STEP)
    drawing.down(time, y + HIGH, y + STEP)
    y += STEP
    drawing.box(LEFT, y, "freq", "denormalise, inverse STFT", shape(SOURCES, AUDIO, SAMPLES))
    drawing.box(RIGHT, y, "time", "denormalise", shape(SOURCES, AUDIO, SAMPLES))
    join = y + HIGH + 14
    drawing.path(f"M{freq} {y + HIGH} V{join} H{middle} V{y + STEP + 16}")
    drawing.path(f"M{time} {y + HIGH} V{join} H{middle} V{y + STEP + 16}")
    y += STEP + 18
    drawing.box(middle - BOX / 2, y, "both", "sum: the stems", shape(SOURCES, AUDIO, SAMPLES))
    height = y + HIGH + 16
    body = "\n".join(drawing.lines)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
     width="{WIDTH}" height="{height}" aria-label="HTDemucs: two U-Nets with a transformer between">
<style>{STYLE}</style>
<defs><marker id="head" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">
<path class="head" d="M0 0 L6 3 L0 6 z"/></marker></defs>
<rect class="page" width="{WIDTH}" height="{height}"/>
{body}
</svg>
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_text(network(), encoding="utf-8")


if __name__ == "__main__":
    main()
