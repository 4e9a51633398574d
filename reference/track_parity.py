"""Measures whole tracks against the official package, sample by sample.

    python track_parity.py --audio song.ogg
    python track_parity.py --audio song.ogg --model htdemucs-seeded.safetensors --cases plain

The cases are half a minute of real music, unchanged, in mono at 48 kHz, with four channels, shorter
than a segment, ten samples long, with several overlaps, segments and shifts, and silence. Each case
is written as a float32 WAV, scaled so that every stem stays within ±1 (float32 WAVs are clamped
there), and separated with the official `convert_audio` and `Separator` and with our binary. Prints
the SNR of each stem; lengths must be equal and silence must give exact zeros. Exits with 1 if a
case fails.

A case below --min-snr runs again in the official package, with its input multiplied by 1 + 2^-23.
The floor is the reference's SNR against itself after this change in the last bit. The floor is
printed, and the case passes if ours is at most 3 dB below it (two independent roundings, not one).

The default model is the demo model of Models/; a checkpoint of the real size takes minutes per
case.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import julius
import torch

import compare_stems
import native
import seeded_model as reference
import wav_file
from model_parity import within_one
from separate_reference import Options, separate

ROOT = Path(__file__).resolve().parents[1]

Track = tuple[torch.Tensor, int]


@dataclass(frozen=True)
class Case:
    """Preparation of the track, and the options of its separation."""

    prepare: Callable[[torch.Tensor, int], Track]
    options: Options = field(default_factory=Options)


def as_is(wav: torch.Tensor, rate: int) -> Track:
    """The track itself."""
    return wav, rate


def mono_48k(wav: torch.Tensor, rate: int) -> Track:
    """One channel at 48 kHz."""
    return julius.resample_frac(wav.mean(0, keepdim=True), rate, 48_000), 48_000


def four_channels(wav: torch.Tensor, rate: int) -> Track:
    """Two more channels, which must not change the stems."""
    return torch.cat([wav[:2], -0.5 * wav[:2].flip(1)]), rate


def cut(seconds: float) -> Callable[[torch.Tensor, int], Track]:
    """The middle of the track, of some seconds."""

    def prepare(wav: torch.Tensor, rate: int) -> Track:
        start = wav.shape[1] // 2
        return wav[:, start : start + max(1, round(seconds * rate))], rate

    return prepare


def silence(wav: torch.Tensor, rate: int) -> Track:
    """Zeros of the track's length."""
    return torch.zeros_like(wav), rate


CASES = {
    "plain": Case(as_is),
    "mono_48k": Case(mono_48k),
    "four_channels": Case(four_channels),
    "three_seconds": Case(cut(3.0)),
    "ten_samples": Case(cut(10 / 44_100)),
    "ten_samples_shifts_2": Case(cut(10 / 44_100), Options(shifts=2, seed=1234)),
    "overlap_0.1": Case(as_is, Options(overlap=0.1)),
    "overlap_0.9": Case(as_is, Options(overlap=0.9)),
    "segment_3": Case(as_is, Options(segment=3)),
    "shifts_2": Case(as_is, Options(shifts=2, seed=1234)),
    "shifts_2_segment_3": Case(cut(8.0), Options(shifts=2, seed=99, segment=3)),
    "no_split": Case(cut(3.5), Options(split=False)),
    "silence": Case(silence),
    "silence_shifts_1": Case(silence, Options(shifts=1, seed=5)),
}


def arguments(options: Options) -> list[str]:
    """The same options for our binary."""
    found = ["--shifts", str(options.shifts), "--overlap", str(options.overlap)]
    if options.shifts:
        found += ["--seed", str(options.seed)]
    if options.segment is not None:
        found += ["--segment", f"{options.segment:g}"]
    if not options.split:
        found += ["--no-split"]
    return found


def measure(
    case: Case, model: torch.nn.Module, track: Track, given: argparse.Namespace
) -> tuple[bool, str]:
    """Runs one case; returns whether it passes, and a line about it."""
    wav, rate = case.prepare(*track)
    wav, golden = within_one(model, wav.contiguous(), rate, case.options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "track.wav"
        wav_file.write(file, wav, rate)
        options = [*arguments(case.options), "--threads", str(given.threads)]
        out = Path(folder) / "out"
        ours, _ = native.separate(given.binary, given.model, file, out, *options)
    found = compare_stems.compare_all(golden, ours)
    same = all(c.shape == c.reference_shape for c in found) and ours.keys() == golden.keys()
    worst = min((c.snr_db for c in found), default=-math.inf)
    if wav.abs().max() == 0:
        same = same and all(bool((stem == 0).all()) for stem in ours.values())
    line = f"{wav.shape[1]:>9,} × {wav.shape[0]}  {'same' if same else 'DIFFER':7} "
    line += "  ".join(f"{c.stem} {c.snr_db:.1f}" for c in found)
    bound = given.min_snr
    if worst < bound:
        nudged = separate(model, wav * (1 + 2**-23), rate, case.options)
        floor = min(c.snr_db for c in compare_stems.compare_all(golden, nudged))
        line += f"  (the reference's own floor: {floor:.1f})"
        bound = min(bound, floor - 3)
    return same and worst >= bound, line


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, required=True, help="real music")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the file")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", type=Path, default=ROOT / "Models" / "demo.safetensors")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--min-snr", type=float, default=100.0, help="dB")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = reference.load(given.model)
    wav, rate = wav_file.read(given.audio)
    start = int(given.start * rate)
    wav = wav[:, start : start + int(given.seconds * rate)]
    if wav.shape[1] == 0:
        parser.error(f"{given.audio} has nothing from {given.start} s on")
    print(f"{'case':22}{'':6}{'samples × channels':>13}  lengths SNR in dB")
    failed = []
    for name in given.cases:
        passed, line = measure(CASES[name], model, (wav, rate), given)
        print(f"{name:22}{'ok' if passed else 'FAIL':6}{line}", flush=True)
        if not passed:
            failed.append(name)
    if failed:
        print(f"below {given.min_snr:g} dB or not alike: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
