"""The picture of the whole model, with the part that a chapter builds in colour."""

from __future__ import annotations

import matplotlib.pyplot as plt

from .style import GOOD, GREY, save

# Name, x, y, width; the two branches are the upper and the lower row.
BOXES = {
    "song": (0.0, 1.0, 0.9),
    "STFT": (1.2, 1.6, 0.9),
    "encoder": (2.4, 1.6, 1.3),
    "tencoder": (2.4, 0.4, 1.3),
    "transformer": (4.1, 1.0, 1.5),
    "decoder": (6.0, 1.6, 1.3),
    "tdecoder": (6.0, 0.4, 1.3),
    "inverse STFT": (7.6, 1.6, 1.3),
    "+": (9.2, 1.0, 0.4),
    "stems": (9.9, 1.0, 0.9),
}
ARROWS = [
    ("song", "STFT"), ("STFT", "encoder"), ("song", "tencoder"), ("encoder", "transformer"),
    ("tencoder", "transformer"), ("transformer", "decoder"), ("transformer", "tdecoder"),
    ("decoder", "inverse STFT"), ("inverse STFT", "+"), ("tdecoder", "+"), ("+", "stems"),
]  # fmt: skip
# The boxes that a chapter is about.
HERE = {
    "00": set(BOXES),
    "01": {"stems"},
    "02": {"STFT"},
    "03": {"STFT", "inverse STFT"},
    "04": {"encoder", "tencoder"},
    "05": {"encoder", "tencoder", "decoder", "tdecoder"},
    "06": {"transformer"},
    "07": {"transformer"},
    "08b": set(BOXES) - {"song", "stems"},
    "08": {"decoder", "tdecoder", "inverse STFT", "+"},
    "09": {"song", "stems"},
    "10": set(BOXES) - {"song", "stems"},
    "11": set(BOXES) - {"song", "stems", "STFT", "inverse STFT", "+"},
    "12": set(BOXES) - {"song", "stems"},
}  # fmt: skip


def draw(number: str) -> None:
    """Draws map_NUMBER.png."""
    figure, axis = plt.subplots(figsize=(9, 1.9))
    for name, (x, y, width) in BOXES.items():
        is_here = name in HERE[number]
        axis.add_patch(plt.Rectangle((x, y - 0.25), width, 0.5, fc=GOOD if is_here else "white",
                                     ec=GOOD if is_here else GREY))  # fmt: skip
        axis.text(x + width / 2, y, name, ha="center", va="center", fontsize=8,
                  color="white" if is_here else "black")  # fmt: skip
    arrow = {"arrowstyle": "->", "color": GREY}
    for start, end in ARROWS:
        (x, y, width), (to_x, to_y, _) = BOXES[start], BOXES[end]
        axis.annotate("", (to_x, to_y), (x + width, y), arrowprops=arrow)
    skip = arrow | {"ls": ":", "connectionstyle": "arc3,rad=-0.25"}
    axis.annotate("", (6.3, 1.85), (3.4, 1.85), arrowprops=skip)
    axis.annotate("", (6.3, 0.15), (3.4, 0.15), arrowprops=skip | {"connectionstyle": "arc3,rad=0.25"})
    axis.text(4.85, 2.35, "skips", ha="center", fontsize=7, color=GREY)
    axis.set_xlim(-0.1, 11)
    axis.set_ylim(-0.5, 2.6)
    axis.axis("off")
    save(figure, f"map_{number}")
