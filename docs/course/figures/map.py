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
# The boxes that a chapter is about, and the shapes of the traced second there.
HERE = {
    "00": (set(BOXES), "two branches, a transformer between them"),
    "01": ({"stems"}, "stems [4, 2, 44100] beside the true ones"),
    "02": ({"STFT"}, "[2, 44100] → [4, 2048, 44]"),
    "03": ({"STFT", "inverse STFT"}, "a way without a network"),
    "04": ({"encoder", "tencoder"}, "[4, 2048, 44] → [128, 8, 44] and [2, 1, 44100] → [128, 1, 173]"),
    "05": ({"encoder", "tencoder", "decoder", "tdecoder"}, "inside each layer of the four stacks"),
    "06": ({"transformer"}, "352 tokens of the spectrogram, 128 channels"),
    "07": ({"transformer"}, "352 tokens ↔ 173 tokens of the waveform"),
    "07b": (set(BOXES) - {"song", "stems"}, "the order of everything"),
    "08": ({"decoder", "tdecoder", "inverse STFT", "+"}, "[128, 8, 44] and [128, 1, 173] → [4, 2, 44100]"),
    "09": ({"song", "stems"}, "[2, N] → [4, 2, N] for any N"),
    "10": (set(BOXES) - {"song", "stems"}, "one of these operations is wrong"),
    "11": (set(BOXES) - {"song", "stems", "STFT", "inverse STFT", "+"}, "where the weights come from"),
    "12": (set(BOXES) - {"song", "stems"}, "the same numbers in a fraction of the time"),
}  # fmt: skip


def here(number: str) -> str:
    """Draws map_NUMBER.png; returns the text for its caption."""
    coloured, shapes = HERE[number]
    figure, axis = plt.subplots(figsize=(9, 1.9))
    for name, (x, y, width) in BOXES.items():
        is_here = name in coloured
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
    return shapes
