"""Measures RoFormers of published sizes against their reference on one chunk of a real mix.

    python parity.py roformers --audio song.mp3 mel_band_roformer_kim bs_roformer_ep_317
    python parity.py roformers --audio song.mp3 --onnx --precision float32 bfloat16 int8

White noise is added to the mix, 60 dB below full scale by default (--floor, docs/parity.md).

The weights are seeded and fully perturbed (roformer_core.py). `swift-demucs trace` runs one chunk of
the model's own length and writes `mix` and `final`; the reference, audio-separator 0.47.1, runs the
same `mix`. Prints the SNR of the worst stem: ours against PyTorch float32 in each precision, with
--onnx also that of the core in ONNX Runtime between PyTorch's transforms, with --double those of
PyTorch and ours against PyTorch float64. A model fails if ours in float32 is below --min-snr, bfloat16
below 40 dB or INT8 below 36 dB.

Needs requirements-roformer.txt; --onnx also onnxscript.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

import command_line
import native
import roformer_core
import wav_file
from fixture import with_floor
from snr import worst_snr

LEAST = {"bfloat16": 40.0, "int8": 36.0}


def worst(golden: torch.Tensor, found: torch.Tensor) -> float:
    """SNR of the worst stem in dB; ours has the residual after the network's stems."""
    return worst_snr(golden, found[: len(golden)])


def measure(given: argparse.Namespace, name: str, work: Path) -> tuple[bool, str]:
    """Whether all precisions reach their SNR, and the numbers of a model."""
    model = roformer_core.build(name, given.seed, given.gain)
    checkpoint, track = work / f"{name}.safetensors", work / "mix.wav"
    roformer_core.save(model, name, checkpoint)
    samples, rate = wav_file.excerpt(given.audio, given.start, given.seconds)
    wav_file.write(track, with_floor(samples, given.floor), rate)

    def traced(precision: str) -> dict[str, torch.Tensor]:
        out = work / f"{precision}.safetensors"
        words = ["--only", "mix,final", "--precision", precision, "--threads", str(given.threads)]
        return native.trace(given.binary, checkpoint, track, out, *words)

    def stems(model: torch.nn.Module, mix: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model(mix[None]).reshape(-1, *mix.shape)

    ours = {precision: traced(precision) for precision in given.precision}
    mix = next(iter(ours.values()))["mix"]
    golden = stems(model, mix)
    found = {p: worst(golden, tensors["final"]) for p, tensors in ours.items()}
    parameters = sum(p.numel() for p in model.parameters())
    shown = dict(found)
    if given.onnx:
        graph = work / "core.onnx"
        x = roformer_core.core_input(model, mix[None])
        roformer_core.export(name, given.seed, given.gain, x, graph)
        core = roformer_core.onnx_core(graph, given.threads)
        shown["ONNX Runtime"] = worst(golden, stems(roformer_core.with_core(model, core), mix))
    if given.double:
        exact = stems(copy.deepcopy(model).double(), mix.double())
        shown["PyTorch against float64"] = worst(exact, golden)
        shown["ours against float64"] = worst(exact, ours["float32"]["final"])
    text = "  ".join(f"{key} {value:.1f}" for key, value in shown.items())
    least = {**LEAST, "float32": given.min_snr}
    passes = all(value >= least[precision] for precision, value in found.items())
    return passes, f"{parameters / 1e6:.1f} M parameters  {text}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command_line.add(parser, "audio", "start", "seconds", "floor", "binary", "threads", "seed")
    command_line.add(parser, "double", "min-snr")
    parser.set_defaults(min_snr=110.0)
    parser.add_argument("names", nargs="*", help="configurations; all by default")
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--gain", type=float, default=1.0, help="of the weights")
    parser.add_argument("--onnx", action="store_true", help="the core in ONNX Runtime as well")


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """The SNR of each model in dB."""
    torch.set_num_threads(given.threads)
    for name in given.names or roformer_core.CONFIGURATIONS:
        with tempfile.TemporaryDirectory() as folder:
            yield name, *measure(given, name, Path(folder))
