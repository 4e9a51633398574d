"""Compares whole tracks of RoFormers with `demix` of Music-Source-Separation-Training.

    python roformer_track_parity.py CHECKOUT --audio song.wav

The models have the bands, frames and chunks of published ones (8 s, num_overlap 2), but few channels
and one pair of transformers, so that PyTorch takes seconds for a chunk; roformer_parity.py measures the
published sizes. The weights are seeded. Both programs separate the first 40 s of a mix at 44.1 kHz,
with the noise that roformer_parity.py explains. Prints the SNR of ours for each stem, and exits
with 1 if one is below --min-snr.

Needs requirements-roformer.txt, and a checkout of
https://github.com/ZFTurbo/Music-Source-Separation-Training at commit ccc011a.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from ml_collections import ConfigDict

import command_line
import draw
import native
import wav_file
from fixture import SEED, snr, with_floor
from roformer_core import COMMON
from roformer_file_fixtures import demixed
from roformer_fixtures import build, sections

SMALL = {**COMMON, "dim": 64, "depth": 1, "heads": 2, "dim_head": 32, "stft_hop_length": 441}
CHUNK = 352_800

# Class, arguments, stem of a network that gives one.
MODELS = {
    "mel_band": ("mel_band_roformer.MelBandRoformer", {**SMALL, "num_bands": 60}, "vocals"),
    "band_split": ("bs_roformer.BSRoformer", SMALL, "vocals"),
    "two_stems": ("bs_roformer.BSRoformer", {**SMALL, "num_stems": 2}, None),
}


def measure(given: argparse.Namespace, name: str, mix: torch.Tensor, work: Path) -> float:
    """Prints a row for each stem; returns the lowest SNR."""
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
    found = native.separate(given.binary, checkpoint, track, work / name)
    values = {stem: snr(expected, found[stem]) for stem, expected in golden.items()}
    for stem, value in values.items():
        print(f"| {name} | {stem} | {value:.1f} |", flush=True)
    return min(values.values())


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "audio", "binary")
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT")
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--level", type=float, default=0.2, help="the factor for the mix")
    parser.add_argument("--floor", type=float, default=-60.0, help="dB of the added noise (-60)")
    parser.add_argument("--min-snr", type=float, default=100.0, help="dB")
    given = parser.parse_args()
    sys.path.insert(0, str(given.checkout))
    samples, rate = wav_file.read(given.audio)
    assert rate == 44_100 and samples.shape[0] == 2, "expected stereo at 44.1 kHz"
    mix = with_floor(given.level * samples[:, : given.seconds * rate].contiguous(), given.floor)
    print("| model | stem | SNR in dB |\n|---|---|---|")
    lowest = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            lowest.append(measure(given, name, mix, Path(folder)))
    return 0 if min(lowest) >= given.min_snr else 1


if __name__ == "__main__":
    command_line.run(main)
