"""Measures the whole model against PyTorch on one full segment of a real mix.

    python model_parity.py --audio song.mp3 --double --peers

The model is the real configuration (48 channels, 41,984,456 parameters) with seeded, fully
perturbed weights. The official Separator and our binary separate a float32 WAV of exactly one
segment without shifts, scaled so that every stem stays within ±1 (float32 WAVs are clamped there).
Prints per stem the SNR of ours against PyTorch float32, with --double also of both against PyTorch
float64. --peers compares the core's two outputs: ours (`swift-demucs trace`), ONNX Runtime and
OpenVINO in float32. Exits with 1 if a stem is below --min-snr.

--configuration hdemucs and demucs are version 3, at the sizes of hdemucs_mmi and the mdx models;
their segment of 44 s takes PyTorch some gigabytes, and --segment makes it shorter. Only models with
a spectrogram have a core.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import command_line
import compare_stems
import export_onnx
import native
import seeded_model as reference
import wav_file
from core import OUTPUTS, Core, core_inputs
from fixture import snr
from separate_reference import Options, separate, within_one

ONE_SEGMENT = Options(split=False)


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


def row(name: str, values: Iterable[float]) -> str:
    """Line of a table, with values in dB."""
    return f"{name:30}" + "".join(f"{value:12.1f}" for value in values)


def core_table(
    options: argparse.Namespace, model: reference.HTDemucs, checkpoint: Path, work: Path
) -> None:
    """Prints every implementation's SNR on the core's two outputs."""
    words = ["--only", ",".join(("mix", *OUTPUTS)), "--threads", str(options.threads)]
    trace = work / "trace.safetensors"
    ours = native.trace(options.binary, checkpoint, work / "mix.wav", trace, *words)
    padded, x = core_inputs(model, ours["mix"][None])
    with torch.no_grad():
        golden = Core(model)(padded, x)
    found = {"ours": [ours[name][None] for name in OUTPUTS]}
    graph = work / "core.onnx"
    export_onnx.export(model, graph)
    for name, run in {"ONNX Runtime": export_onnx.run_onnx, "OpenVINO": run_openvino}.items():
        found[name] = run(graph, padded, x, options.threads)
    print("\ncore, SNR in dB against PyTorch float32")
    print(f"{'':30}{'spectrogram':>12}{'waveform':>12}")
    for name, values in found.items():
        print(row(name, map(snr, golden, values)))
    if options.double:
        with torch.no_grad(), float64():
            exact = Core(copy.deepcopy(model).double())(padded.double(), x.double())
        print(row("PyTorch (vs float64)", map(snr, exact, golden)))


def measure(options: argparse.Namespace, work: Path) -> int:
    """Runs everything and prints the tables; returns the exit code."""
    checkpoint = options.model
    if not checkpoint:
        checkpoint = work / "model.safetensors"
        chosen = reference.CONFIGURATIONS[options.configuration]
        changes = {"segment": options.segment} if options.segment else {}
        reference.save_safetensors(reference.build({**chosen, **changes}, options.seed), checkpoint)
    model = reference.load(checkpoint)
    mix = one_segment(model, options.audio, options.start)
    mix, golden = within_one(model, mix, model.samplerate, ONE_SEGMENT)
    wav_file.write(work / "mix.wav", mix, model.samplerate)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters, {mix.shape[1]:,} samples; SNR in dB")
    arguments = ("--shifts", "0", "--no-split", "--threads", str(options.threads))
    out = work / "out"
    ours = native.separate(options.binary, checkpoint, work / "mix.wav", out, *arguments)
    found = compare_stems.compare_all(golden, ours)
    print(f"{'':30}" + "".join(f"{name:>12}" for name in found))
    print(row("ours", found.values()))
    if options.double:
        with float64():
            double = copy.deepcopy(model).double()
            exact = separate(double, mix.double(), model.samplerate, ONE_SEGMENT)
        for name, stems in {"ours": ours, "PyTorch float32": golden}.items():
            print(row(f"{name} (vs float64)", compare_stems.compare_all(exact, stems).values()))
    if options.peers:
        core_table(options, model, checkpoint, work)
    worst = min(found.values())
    if worst < options.min_snr:
        print(f"\nworst stem {worst:.1f} dB, below {options.min_snr:g} dB")
        return 1
    return 0


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "audio", "start", "seed", "binary", "threads")
    parser.add_argument("--model", type=Path, help="a checkpoint instead of the seeded real one")
    parser.add_argument("--configuration", default="htdemucs", choices=reference.CONFIGURATIONS)
    parser.add_argument("--segment", type=float, help="segment of that configuration, in seconds")
    parser.add_argument("--double", action="store_true", help="float64 as well")
    parser.add_argument("--peers", action="store_true", help="the core, in other runtimes as well")
    parser.add_argument("--min-snr", type=float, default=110.0, help="dB")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
