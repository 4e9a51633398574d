"""Measures the whole model against PyTorch on one full segment of a real mix.

    python model_parity.py --audio song.mp3 --double --peers

The model is the real configuration (48 channels, 41,984,456 parameters) with seeded, fully
perturbed weights. The official Separator and our binary separate a float32 WAV of exactly one
segment without shifts, scaled so that every stem stays within ±1 (float32 WAVs are clamped there).
Prints per stem the SNR of ours against PyTorch float32, with --double also of both against PyTorch
float64. --peers adds ONNX Runtime and OpenVINO in float32 on the core's two outputs. Exits with 1
if a stem is below --min-snr.

--configuration hdemucs and demucs are version 3, at the sizes of hdemucs_mmi and the mdx models;
their segment of 44 s takes PyTorch some gigabytes, and --segment makes it shorter. Only models with
a spectrogram have a core.

--work keeps the files: model.safetensors, mix.wav, core.safetensors (`mix`, `core.x`, and PyTorch's
`core.output`, `core.add_67`, as in the fixtures). --core compares our own core's `output` and
`add_67` from a safetensors file.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import compare_stems
import export_onnx
import native
import seeded_model as reference
import tensor_file
import wav_file
from core import OUTPUTS, Core, core_inputs
from fixture import snr
from separate_reference import Options, separate

ONE_SEGMENT = Options(split=False)
PEAK = 0.9

Stems = dict[str, torch.Tensor]


def one_segment(model: reference.HTDemucs, audio: Path, start_seconds: float) -> torch.Tensor:
    """One segment of a file at the model's rate and channels."""
    wav, rate = wav_file.read(audio)
    wav = reference.convert_audio(wav, rate, model.samplerate, model.audio_channels)
    length = int(model.segment * model.samplerate)
    start = int(start_seconds * model.samplerate)
    wav = wav[:, start : start + length]
    if wav.shape[1] < length:
        raise SystemExit(f"{audio} has no {length} samples from {start_seconds} s on")
    return wav.contiguous()


def within_one(
    model: torch.nn.Module, wav: torch.Tensor, rate: int, options: Options
) -> tuple[torch.Tensor, Stems]:
    """The mix, scaled down if its stems would exceed ±1, and the reference's stems."""
    stems = separate(model, wav, rate, options)
    peak = max(float(stem.abs().max()) for stem in stems.values())
    if peak > PEAK:
        wav = wav * (PEAK / peak)
        stems = separate(model, wav, rate, options)
        peak = max(float(stem.abs().max()) for stem in stems.values())
    assert peak < 1, f"stems reach {peak}: a float32 WAV would clamp them"
    return wav, stems


def run_openvino(
    graph: Path, mix: torch.Tensor, x: torch.Tensor, threads: int
) -> list[torch.Tensor]:
    """The core's outputs from OpenVINO in float32 on the CPU."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(graph), "CPU", settings)
    found = compiled([mix.numpy(), x.numpy()])
    return [torch.from_numpy(found[name].copy()) for name in OUTPUTS]


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Makes float64 the type of new tensors: `double()` leaves the position embedding, which the
    model makes as it runs, in float32."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def row(name: str, values: list[float]) -> str:
    """Line of a table, with values in dB."""
    return f"{name:22}" + "".join(f"{value:12.1f}" for value in values)


def core_table(
    options: argparse.Namespace, model: reference.HTDemucs, work: Path, mix: torch.Tensor
) -> None:
    """Prints every implementation's SNR on the core's two outputs."""
    track = (mix - mix.mean(0).mean()) / (mix.mean(0).std() + 1e-8)
    padded, x = core_inputs(model, track[None])
    with torch.no_grad():
        golden = Core(model)(padded, x)
    named = {"mix": padded, "core.x": x, "core.output": golden[0], "core.add_67": golden[1]}
    tensor_file.write(work / "core.safetensors", {k: v[0] for k, v in named.items()}, {})
    print("\ncore, SNR in dB against PyTorch float32")
    print(f"{'':22}{'spectrogram':>12}{'waveform':>12}")
    if options.core:
        ours = tensor_file.read(options.core)[0]
        print(row("ours", [snr(g[0], ours[n]) for g, n in zip(golden, OUTPUTS, strict=True)]))
    if options.peers:
        graph = work / "core.onnx"
        export_onnx.export(model, graph)
        for name, run in {"ONNX Runtime": export_onnx.run_onnx, "OpenVINO": run_openvino}.items():
            found = run(graph, padded, x, options.threads)
            print(row(name, [snr(g, f) for g, f in zip(golden, found, strict=True)]))
    if options.double:
        with torch.no_grad(), float64():
            exact = Core(copy.deepcopy(model).double())(padded.double(), x.double())
        values = [snr(e, g) for e, g in zip(exact, golden, strict=True)]
        print(row("PyTorch (vs float64)", values))


def configuration(options: argparse.Namespace) -> dict[str, Any]:
    """The named configuration, with another segment if one is given."""
    chosen = reference.CONFIGURATIONS[options.configuration]
    return chosen if options.segment is None else {**chosen, "segment": options.segment}


def measure(options: argparse.Namespace, work: Path) -> int:
    """Runs everything and prints the tables; returns the exit code."""
    if options.model:
        checkpoint = options.model
    else:
        checkpoint = work / "model.safetensors"
        reference.save_safetensors(
            reference.build(configuration(options), options.seed), checkpoint
        )
    model = reference.load(checkpoint)
    mix = one_segment(model, options.audio, options.start)
    mix, golden = within_one(model, mix, model.samplerate, ONE_SEGMENT)
    wav_file.write(work / "mix.wav", mix, model.samplerate)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters, {mix.shape[1]:,} samples")

    exact: Stems = {}
    if options.double:
        double = copy.deepcopy(model).double()
        with float64():
            exact = separate(double, mix.double(), model.samplerate, ONE_SEGMENT)

    worst = math.inf
    ours: Stems = {}
    if not options.reference_only:
        arguments = ("--shifts", "0", "--no-split", "--threads", str(options.threads))
        with tempfile.TemporaryDirectory() as out:
            ours, _ = native.separate(
                options.binary, checkpoint, work / "mix.wav", Path(out), *arguments
            )
        found = compare_stems.compare_all(golden, ours)
        print(compare_stems.table(found))
        worst = min(c.snr_db if c.shape == c.reference_shape else -math.inf for c in found)
    if exact:
        print("\nstems, SNR in dB against PyTorch float64")
        print(f"{'':22}" + "".join(f"{name:>12}" for name in exact))
        print(row("PyTorch float32", [snr(exact[n], golden[n]) for n in exact]))
        if ours:
            print(row("ours", [snr(exact[n], ours[n]) for n in exact]))
    if options.peers or options.core or options.work:
        core_table(options, model, work, mix)
    if worst < options.min_snr:
        print(f"\nworst stem {worst:.1f} dB, below {options.min_snr:g} dB")
        return 1
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, required=True, help="a real mix")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the mix")
    parser.add_argument("--model", type=Path, help="a checkpoint instead of the seeded real one")
    parser.add_argument("--configuration", default="htdemucs", choices=reference.CONFIGURATIONS)
    parser.add_argument("--segment", type=float, help="segment of that configuration, in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--reference-only", action="store_true", help="do not run our binary")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--double", action="store_true", help="float64 as well")
    parser.add_argument("--peers", action="store_true", help="ONNX Runtime and OpenVINO as well")
    parser.add_argument("--core", type=Path, help="our core's outputs")
    parser.add_argument("--work", type=Path, help="keep what was made in this folder")
    parser.add_argument("--min-snr", type=float, default=110.0, help="dB")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
        return measure(options, options.work)
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
