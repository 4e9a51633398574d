"""Draws the README's picture: spectrograms of the demo track and of the four stems that the program separates.

    python docs/images/draw_separation.py [--binary PATH]

Writes docs/images/separation-light.png and docs/images/separation-dark.png. Needs NumPy, SciPy, soundfile and matplotlib.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile
from PIL import Image
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import ConnectionPatch

ROOT = Path(__file__).resolve().parents[2]
# The page's colours (web/page/dom.js).
STEMS = {"drums": "#009E73", "bass": "#D55E00", "other": "#CC79A7", "vocals": "#56B4E9"}
THEMES = {"light": ("#ffffff", "#1f2328", "#57606a"), "dark": ("#0d1117", "#e6edf3", "#8d96a0")}
FIRST_SECOND, SECONDS = 15, 15
BANDS = 256
LOWEST_HZ, HIGHEST_HZ = 40, 16_000


def spectrogram(sound: np.ndarray, rate: int) -> np.ndarray:
    """Spectrogram `[bands, frames]` in dB; all bands have the same width in octaves."""
    transform = ShortTimeFFT(hann(4096), 512, rate, scale_to="magnitude")
    power = transform.spectrogram(sound)
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    rows = []
    for low, high in zip(edges, edges[1:]):
        inside = (transform.f >= low) & (transform.f < high)
        # A narrow band may hold no frequency of the transform: then the nearest one is used.
        rows.append(power[inside].max(0) if inside.any() else power[np.abs(transform.f - (low + high) / 2).argmin()])
    return 10 * np.log10(np.array(rows) + 1e-12)


def draw(pictures: dict[str, np.ndarray], theme: str, path: Path) -> None:
    ground, text, faint = THEMES[theme]
    figure = plt.figure(figsize=(12, 5.2), facecolor=ground, dpi=110)
    grid = figure.add_gridspec(4, 2, width_ratios=(1, 1.05), wspace=0.16, hspace=0.14, left=0.055, right=0.925, top=0.93, bottom=0.09)
    top = pictures["mixture"].max()

    def show(place, name: str, colour: str):
        axes = figure.add_subplot(place)
        ramp = [ground, text]
        if colour != text:
            ramp[1:1] = [tuple(0.5 * (a + b) for a, b in zip(to_rgb(ground), to_rgb(colour))), colour]
        colours = LinearSegmentedColormap.from_list(name, ramp)
        axes.imshow(
            pictures[name], origin="lower", aspect="auto", cmap=colours, vmin=top - 65, vmax=top,
            extent=(FIRST_SECOND, FIRST_SECOND + SECONDS, 0, 1))
        for spine in axes.spines.values():
            spine.set_color(faint)
            spine.set_linewidth(0.6)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    mixture = show(grid[:, 0], "mixture", text)
    mixture.set_title("the demo track", color=text, fontsize=15, loc="left", pad=8)
    hertz = (50, 200, 1000, 5000, 15_000)
    mixture.set_yticks(
        [np.log(f / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ) for f in hertz],
        [f"{f} Hz" if f < 1000 else f"{f // 1000} kHz" for f in hertz])
    seconds = range(FIRST_SECOND, FIRST_SECOND + SECONDS + 1, 5)
    mixture.set_xticks(seconds, [f"{second} s" for second in seconds])
    mixture.tick_params(colors=faint, labelsize=10, length=3)
    for row, (name, colour) in enumerate(STEMS.items()):
        axes = show(grid[row, 1], name, colour)
        axes.text(1.025, 0.5, name, transform=axes.transAxes, color=text, fontsize=15, va="center")
        figure.add_artist(ConnectionPatch(
            (1.01, 0.5), (-0.012, 0.5), coordsA="axes fraction", coordsB="axes fraction", axesA=mixture, axesB=axes,
            color=colour, linewidth=1.6, connectionstyle="arc3,rad=0", arrowstyle="-|>"))
    figure.canvas.draw()
    # A palette makes the file a third as large.
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    picture.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / ".build/release/swift-demucs", help="our program")
    options = parser.parse_args()
    (track,) = (ROOT / "Models").glob("demo_track.*")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [options.binary, "-n", "demo", "--float32", "--shifts", "0", "-q", "-o", folder, track], check=True, stdout=subprocess.DEVNULL)
        files = {"mixture": track, **{name: next(Path(folder).rglob(f"{name}.wav")) for name in STEMS}}
        pictures = {}
        for name, file in files.items():
            sound, rate = soundfile.read(file, start=FIRST_SECOND * 44_100, frames=SECONDS * 44_100)
            pictures[name] = spectrogram(sound.mean(1), rate)
    for theme in THEMES:
        draw(pictures, theme, ROOT / f"docs/images/separation-{theme}.png")


if __name__ == "__main__":
    main()
