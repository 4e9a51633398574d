"""Style of all pictures: colours, sizes, and their folder.

A script writes pictures to the folder `figures` of engine.OUT; a notebook also shows them.
"""

from __future__ import annotations

import io
import sys

import matplotlib

IS_NOTEBOOK = "ipykernel" in sys.modules
if not IS_NOTEBOOK:
    matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from engine import OUT

STEMS = ("drums", "bass", "other", "vocals")
COLOURS = dict(zip(STEMS, ("#4477aa", "#228833", "#ccbb44", "#aa3377"), strict=True))
COLOURS["mixture"] = "#555555"
GOOD, BAD, GREY = "#4477aa", "#cc3311", "#999999"

plt.rcParams.update(
    {
        "figure.dpi": 90,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "figure.constrained_layout.use": True,
    }
)


def save(figure: plt.Figure, name: str) -> None:
    """Writes figures/NAME.png; the same picture gives the same bytes."""
    folder = OUT / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    raw = io.BytesIO()
    figure.savefig(raw, metadata={"Software": None})
    if IS_NOTEBOOK:
        plt.show()
    plt.close(figure)
    # 128 colours are enough for a colour map, and take a quarter of the space.
    picture = Image.open(raw).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(folder / f"{name}.png", optimize=True)


def spectrogram(sound: np.ndarray, nfft: int = 2048) -> np.ndarray:
    """Magnitudes [frequency, frame] of one channel, for pictures only."""
    hop = nfft // 2
    pieces = np.lib.stride_tricks.sliding_window_view(sound, nfft)[::hop]
    return np.abs(np.fft.rfft(pieces * np.hanning(nfft), axis=1)).T


def draw_spectrogram(
    axis: plt.Axes, sound: np.ndarray, loudest: float, seconds: tuple[float, float], floor: float = -60
) -> None:
    """Draws one channel between two places of a song, in dB below the magnitude `loudest`."""
    levels = 20 * np.log10(np.maximum(spectrogram(sound) / loudest, 1e-4))
    extent = (*seconds, 0, 22.05)
    axis.imshow(levels, origin="lower", aspect="auto", cmap="magma", vmin=floor, vmax=0, extent=extent)
