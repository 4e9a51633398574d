"""Draws the plots of the model card: training curve, spectrograms of true and estimated stems.

python plots.py curve OUT_DIR/log.jsonl ../docs/images/training_curve.png
python plots.py song ../Models/demo.safetensors ../docs/images/spectrograms.png --seed 1000000
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

mpl.use("Agg")
import matplotlib.pyplot as plt

from evaluate import Separation
from generate import generate
from packs import FIRST_HELD_OUT_SEED
from stems import RATE_HZ, STEMS, Array, mdx_sdr, mixture_of


def curve(log: Path, picture: Path) -> None:
    """Plots the loss of training and validation, and the SDR in validation, over the steps."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [entry["step"] for entry in entries]
    checks = [entry["validation"] for entry in entries]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(steps, [entry["loss"] for entry in entries], color="0.75", label="training")
    left.plot(steps, [check["loss"] for check in checks], label="validation")
    left.set(xlabel="step", ylabel="L1 loss relative to the mixture's level", ylim=(0, None))
    for name in STEMS:
        right.plot(steps, [check["sdr"].get(name, np.nan) for check in checks], label=name)
    right.set(xlabel="step", ylabel="SDR in dB, validation songs, moving average of weights")
    right.yaxis.label.set_size(8)
    for axes in (left, right):
        axes.legend(loc="lower right")
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture, dpi=75)


def spectrogram(axes: plt.Axes, sound: Array, title: str) -> None:
    """Plots the power in dB of the mean of both channels, with a logarithmic frequency axis."""
    axes.set_facecolor("black")
    with np.errstate(divide="ignore"):  # silence is minus infinity, which is not drawn
        scale = {"vmin": -125, "vmax": -35, "cmap": "magma"}
        axes.specgram(sound.mean(0), NFFT=2048, noverlap=1024, Fs=RATE_HZ, **scale)
    axes.set_yscale("symlog", linthresh=500)
    axes.set(
        ylim=(0, 16_000), yticks=[100, 500, 2_000, 8_000], yticklabels=["100", "500", "2k", "8k"]
    )
    axes.minorticks_off()
    axes.set_title(title, fontsize=9)


def song(checkpoint: Path, picture: Path, seed: int, seconds: float) -> None:
    """Plots the mixture on top; below, each true stem beside its estimate."""
    stems = generate(seed, seconds)
    mixture = mixture_of(stems)
    estimates = Separation(checkpoint)(mixture)
    figure = plt.figure(figsize=(11, 13))
    grid = figure.add_gridspec(5, 2)
    spectrogram(figure.add_subplot(grid[0, :]), mixture, f"mixture (seed {seed:,})")
    for k, name in enumerate(STEMS):
        score = mdx_sdr(stems[k], estimates[k])
        spectrogram(figure.add_subplot(grid[k + 1, 0]), stems[k], f"{name}, true")
        title = f"{name}, estimate: {score:.1f} dB SDR"
        spectrogram(figure.add_subplot(grid[k + 1, 1]), estimates[k], title)
    figure.tight_layout()
    figure.savefig(picture, dpi=60)
    # Few colours keep the picture small enough for the repository.
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(32, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("curve", help="the training curve")
    one.add_argument("log", type=Path)
    one.add_argument("picture", type=Path)
    two = kinds.add_parser("song", help="spectrograms of a song, its stems and their estimates")
    two.add_argument("checkpoint", type=Path)
    two.add_argument("picture", type=Path)
    two.add_argument("--seed", type=int, default=FIRST_HELD_OUT_SEED)
    two.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    if options.kind == "curve":
        curve(options.log, options.picture)
    else:
        song(options.checkpoint, options.picture, options.seed, options.seconds)


if __name__ == "__main__":
    main()
