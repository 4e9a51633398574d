"""Compares whole tracks of RoFormers with `demix` of Music-Source-Separation-Training.

    python parity.py roformer-tracks CHECKOUT --audio song.wav

The models have the bands, frames and chunks of published ones (8 s, num_overlap 2), but few
channels and one pair of transformers, so that PyTorch takes seconds for a chunk; `parity.py
roformers` measures the published sizes. The weights are seeded. Both programs separate the first
40 s of a mix at 44.1 kHz, with white noise (--floor). Prints the SNR of ours for each stem.

Needs requirements-roformer.txt, and a checkout of
https://github.com/ZFTurbo/Music-Source-Separation-Training at commit ccc011a.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from ml_collections import ConfigDict

import command_line
import draw
import native
import wav_file
from fixture import SEED, with_floor
from roformer_core import COMMON
from roformer_file_fixtures import demixed
from roformer_fixtures import build, sections
from snr import snr

SMALL = {**COMMON, "dim": 64, "depth": 1, "heads": 2, "dim_head": 32, "stft_hop_length": 441}
CHUNK = 352_800

# Class, arguments, stem of a network that gives one.
MODELS = {
    "mel_band": ("mel_band_roformer.MelBandRoformer", {**SMALL, "num_bands": 60}, "vocals"),
    "band_split": ("bs_roformer.BSRoformer", SMALL, "vocals"),
    "two_stems": ("bs_roformer.BSRoformer", {**SMALL, "num_stems": 2}, None),
}


def measure(binary: Path, name: str, mix: torch.Tensor, work: Path) -> dict[str, float]:
    """The SNR of each stem in dB."""
    of_class, arguments, target = MODELS[name]
    model = build(of_class, arguments, draw.Draws(SEED))
    content = sections(arguments, chunk=CHUNK, target=target)
    checkpoint, track = work / f"{name}.ckpt", work / "mix.wav"
    torch.save(model.state_dict(), checkpoint)
    (work / f"{name}.yaml").write_text(yaml.dump(content, sort_keys=False))
    golden = demixed(model, ConfigDict(content), mix)
    # Float32 WAV files are clamped to ±1.
    peak = max(float(stem.abs().max()) for stem in golden.values())
    assert peak < 1, f"stems reach {peak}"
    wav_file.write(track, mix, 44_100)
    found = native.separate(binary, checkpoint, track, work / name)
    return {stem: snr(expected, found[stem]) for stem, expected in golden.items()}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command_line.add(parser, "audio", "seconds", "floor", "binary", "min-snr")
    parser.set_defaults(seconds=40.0)
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT")
    parser.add_argument("--level", type=float, default=0.2, help="the factor for the mix")


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """The SNR of each stem of each model."""
    sys.path.insert(0, str(given.checkout))
    samples, rate = wav_file.excerpt(given.audio, 0, given.seconds)
    assert rate == 44_100 and samples.shape[0] == 2, "expected stereo at 44.1 kHz"
    mix = with_floor(given.level * samples, given.floor)
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            for stem, value in measure(given.binary, name, mix, Path(folder)).items():
                yield f"{name} {stem}", value >= given.min_snr, f"{value:.1f} dB"
