"""Measures the whole model against PyTorch on one full segment of a real mix.

    python model_parity.py --audio song.mp3 --double

The model is the real configuration (48 channels, 41,984,456 parameters) with seeded, fully
perturbed weights. The official Separator and our binary separate a float32 WAV of exactly one
segment without shifts, scaled so that every stem stays within ±1 (float32 WAVs are clamped there).
Prints per stem the SNR of ours against PyTorch float32, with --double also of both against PyTorch
float64. Exits with 1 if a stem is below --min-snr. run_core.py runs the core in other runtimes.

--configuration hdemucs and demucs are version 3, at the sizes of hdemucs_mmi and the mdx models;
their segment of 44 s takes PyTorch some gigabytes, and --segment makes it shorter.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import command_line
import compare_stems
import native
import seeded_model as reference
import wav_file
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
    parser.add_argument("--min-snr", type=float, default=110.0, help="dB")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, Path(folder))


if __name__ == "__main__":
    command_line.run(main)
