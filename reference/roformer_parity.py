"""Measures RoFormers of published sizes against their reference on one chunk of a real mix.

    python roformer_parity.py --audio song.mp3 mel_band_roformer_kim bs_roformer_ep_317 bs_roformer_sw
    python roformer_parity.py --audio song.mp3 --onnx --precision float32 bfloat16 int8

White noise is added to the mix, 60 dB below full scale by default (--floor). Without it an MP3 file
has bands that hold nothing but the rounding of the transform, which RMSNorm raises to the level of the
others: PyTorch in float32 then has only 44 dB against itself in float64 (--floor -300 --double).

The weights are seeded and fully perturbed (roformer_core.py). `swift-demucs trace` runs one chunk of
the model's own length and writes `mix` and `final`; the reference, audio-separator 0.47.1, runs the
same `mix`. Prints the SNR of the worst stem: ours against PyTorch float32 in each precision, with
--onnx also that of the core in ONNX Runtime between PyTorch's transforms, with --double those of
PyTorch and ours against PyTorch float64. Exits with 1 if ours in float32 is below --min-snr, bfloat16
below 40 dB or INT8 below 36 dB.

Needs requirements-roformer.txt; --onnx also onnxscript.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from pathlib import Path

import soundfile
import torch

import command_line
import native
import roformer_core
from fixture import snr, with_floor

LEAST = {"bfloat16": 40.0, "int8": 36.0}


def traced(
    given: argparse.Namespace, checkpoint: Path, work: Path, precision: str
) -> dict[str, torch.Tensor]:
    """`mix` [A, N] and `final` [S, A, N] of our network."""
    out = work / f"{precision}.safetensors"
    words = ["--only", "mix,final", "--precision", precision, "--threads", str(given.threads)]
    return native.trace(given.binary, checkpoint, work / "mix.wav", out, *words)


def write_mix(given: argparse.Namespace, path: Path) -> None:
    """Half a minute of the song, with its noise floor."""
    samples, rate = soundfile.read(given.audio, dtype="float32", always_2d=True)
    first = int(given.start * rate)
    samples = torch.from_numpy(samples[first : first + 30 * rate])
    soundfile.write(path, with_floor(samples, given.floor).numpy(), rate, subtype="FLOAT")


def worst(golden: torch.Tensor, found: torch.Tensor) -> float:
    """SNR of the worst stem in dB; ours has the residual after the network's stems."""
    return min(snr(stem, other) for stem, other in zip(golden, found, strict=False))


def measure(given: argparse.Namespace, name: str, work: Path) -> bool:
    """Prints a row of the table; returns whether all precisions reach their SNR."""
    model = roformer_core.build(name, given.seed, given.gain)
    checkpoint = work / f"{name}.safetensors"
    roformer_core.save(model, name, checkpoint)
    write_mix(given, work / "mix.wav")
    ours = {p: traced(given, checkpoint, work, p) for p in given.precision}
    mix = next(iter(ours.values()))["mix"]

    def stems(model: torch.nn.Module, mix: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model(mix[None]).reshape(-1, *mix.shape)

    golden = stems(model, mix)
    parameters = sum(p.numel() for p in model.parameters())
    found = {p: worst(golden, tensors["final"]) for p, tensors in ours.items()}
    cells = [name, f"{parameters / 1e6:.1f} M", *(f"{value:.1f}" for value in found.values())]
    if given.onnx:
        graph = work / "core.onnx"
        x = roformer_core.core_input(model, mix[None])
        roformer_core.export(name, given.seed, given.gain, x, graph)
        core = roformer_core.onnx_core(graph, given.threads)
        cells.append(f"{worst(golden, stems(roformer_core.with_core(model, core), mix)):.1f}")
    if given.double:
        exact = stems(copy.deepcopy(model).double(), mix.double())
        cells.append(f"{worst(exact, golden):.1f}")
        cells.append(f"{worst(exact, ours['float32']['final']):.1f}")
    print("| " + " | ".join(cells) + " |", flush=True)
    least = {**LEAST, "float32": given.min_snr}
    return all(value >= least[precision] for precision, value in found.items())


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "audio", "start", "binary", "threads", "seed")
    parser.add_argument("names", nargs="*", help="configurations; all by default")
    parser.add_argument("--floor", type=float, default=-60.0, help="dB of the noise (-60)")
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--gain", type=float, default=1.0, help="of the weights")
    parser.add_argument("--onnx", action="store_true", help="the core in ONNX Runtime as well")
    parser.add_argument("--double", action="store_true", help="float64 as well")
    parser.add_argument("--min-snr", type=float, default=110.0, help="dB, of float32")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    columns = ["model", "parameters", *given.precision]
    columns += ["ONNX Runtime"] if given.onnx else []
    columns += ["PyTorch against float64", "ours against float64"] if given.double else []
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    reached = []
    for name in given.names or roformer_core.CONFIGURATIONS:
        with tempfile.TemporaryDirectory() as folder:
            reached.append(measure(given, name, Path(folder)))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    command_line.run(main)
