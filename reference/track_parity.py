"""Measures whole tracks against the official package, sample by sample.

    python track_parity.py --audio song.ogg
    python track_parity.py --audio song.ogg --model htdemucs-seeded.safetensors --cases plain
    python track_parity.py --audio song.ogg --bag mdx --seconds 60 --cases plain shifts_2
    python track_parity.py --audio song.ogg --configuration htdemucs --double

The cases are half a minute of real music, unchanged, in mono at 48 kHz, with four channels, shorter
than a segment, ten samples long, with several overlaps, segments and shifts, and silence. Each case
is written as a float32 WAV, scaled so that every stem stays within ±1 (float32 WAVs are clamped
there), and separated with the official `convert_audio` and `Separator` and with our binary. Prints
the SNR of each stem: minus infinity for another length, or for silence that isn't exact zeros.
Exits with 1 if a case fails.

A case below --min-snr runs again in the official package, with its input multiplied by 1 + 2^-23.
The floor is the reference's SNR against itself after this change in the last bit. The floor is
printed, and the case passes if ours is at most 3 dB below it (two independent roundings, not one).

The default model is the demo model of Models/; a checkpoint of the real size takes minutes per
case.

--configuration takes a model of that configuration with seeded, fully perturbed weights (htdemucs
is the real one, with 48 channels and 41,984,456 parameters), and the case one_segment: exactly one
segment of the track without shifts, whose SNR must be 110 dB. --double prints the SNR of ours and
of PyTorch float32 against PyTorch float64 too. hdemucs and demucs are version 3, at the sizes of
hdemucs_mmi and the mdx models; their segment of 44 s takes PyTorch some gigabytes, and --segment
makes it shorter. run_core.py runs the core in other runtimes.

--bag takes a bag of version 3 instead. Its YAML file (models, weights, segment) comes from the
official package. Each member is a model of the published size with seeded, fully perturbed
weights: time-only Demucs, or Hybrid Demucs with or without `hybrid_old`. The kind of each
published signature does not matter here; a bag mixes both kinds if the published one is said to.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import demucs
import julius
import torch
import yaml

import command_line
import compare_stems
import native
import seeded_model as reference
import wav_file
from separate_reference import Options, separate, within_one

ROOT = Path(__file__).resolve().parents[1]
REMOTE = Path(demucs.__file__).parent / "remote"

Track = tuple[torch.Tensor, int]
Prepare = Callable[[torch.Tensor, int], Track]

TIME: dict[str, Any] = {"klass": reference.Demucs, "sources": reference.SOURCES}
HYBRID: dict[str, Any] = {"klass": reference.HDemucs, "sources": reference.SOURCES}
OLD: dict[str, Any] = {**HYBRID, "hybrid_old": True}

# Configurations of the members of each bag, in its order.
BAGS: dict[str, list[dict[str, Any]]] = {
    "hdemucs_mmi": [HYBRID],
    "mdx": [TIME, TIME, OLD, OLD],
    "mdx_extra": [OLD, OLD, OLD, OLD],
    "repro_mdx_a": [TIME, TIME, HYBRID, HYBRID],
}


@dataclass(frozen=True)
class Case:
    """Preparation of the track, and the options of its separation."""

    prepare: Prepare
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


def cut(seconds: float) -> Prepare:
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
    "one_segment": Case(as_is, Options(split=False)),
}


def make_bag(name: str, folder: Path) -> tuple[Path, reference.BagOfModels]:
    """Writes a bag's file and its members; returns the file and the bag of the official package."""
    bag = yaml.safe_load((REMOTE / f"{name}.yaml").read_text())
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(bag))
    members = []
    for seed, (signature, configuration) in enumerate(
        zip(bag["models"], BAGS[name], strict=True), start=1
    ):
        path = folder / f"{signature}.safetensors"
        reference.save_safetensors(reference.build(configuration, seed), path)
        members.append(reference.load(path))
    model = reference.BagOfModels(members, bag.get("weights"), bag.get("segment"))
    return folder / f"{name}.yaml", model


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


def one_segment(model: reference.HTDemucs, wav: torch.Tensor, rate: int) -> Track:
    """One segment of the track at the model's rate and channels."""
    wav = reference.convert_audio(wav, rate, model.samplerate, model.audio_channels)
    length = int(model.segment * model.samplerate)
    if wav.shape[1] < length:
        raise SystemExit(f"the music has {wav.shape[1]} samples, a segment {length}")
    return wav[:, :length], model.samplerate


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Makes float64 the type of new tensors: `double()` leaves the position embedding, which the
    model makes as it runs, in float32."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def text(found: dict[str, float]) -> str:
    """The SNR of each stem."""
    return "  ".join(f"{stem} {value:.1f}" for stem, value in found.items())


def measure(
    name: str, path: Path, model: torch.nn.Module, track: Track, given: argparse.Namespace
) -> tuple[bool, str]:
    """Runs one case; returns whether it passes, and a line about it."""
    case, (wav, rate) = CASES[name], track
    if name == "one_segment":
        wav, rate = one_segment(model, wav, rate)
    else:
        wav, rate = case.prepare(wav[:, : int(given.seconds * rate)], rate)
    wav, golden = within_one(model, wav.contiguous(), rate, case.options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "track.wav"
        wav_file.write(file, wav, rate)
        options = [*arguments(case.options), "--threads", str(given.threads)]
        ours = native.separate(given.binary, path, file, Path(folder) / "out", *options)
    found = compare_stems.compare_all(golden, ours)
    line = f"{wav.shape[1]:>9,} × {wav.shape[0]}  {text(found)}"
    worst, bound = min(found.values()), given.min_snr or (110 if name == "one_segment" else 100)
    if worst < bound and name != "one_segment":
        nudged = separate(model, wav * (1 + 2**-23), rate, case.options)
        floor = min(compare_stems.compare_all(golden, nudged).values())
        line += f"  (the reference's own floor: {floor:.1f})"
        bound = min(bound, floor - 3)
    if given.double:
        with float64():
            exact = separate(copy.deepcopy(model).double(), wav.double(), rate, case.options)
        for name, stems in {"ours": ours, "PyTorch float32": golden}.items():
            line += f"\n{name} (vs float64): {text(compare_stems.compare_all(exact, stems))}"
    return worst >= bound, line


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "audio", "start", "seed", "binary", "threads")
    parser.add_argument("--seconds", type=float, default=30.0)
    models = parser.add_mutually_exclusive_group()
    models.add_argument("--model", type=Path, default=ROOT / "Models" / "demo.safetensors")
    models.add_argument("--bag", choices=BAGS, help="a bag of version 3 instead of a model")
    models.add_argument("--configuration", choices=reference.CONFIGURATIONS, help="one segment")
    parser.add_argument("--segment", type=float, help="segment of that configuration, in seconds")
    parser.add_argument("--double", action="store_true", help="float64 as well")
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="CASE")
    parser.add_argument("--min-snr", type=float, help="dB (100; 110 for one_segment)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    wav, rate = wav_file.read(given.audio)
    wav = wav[:, int(given.start * rate) :]
    if wav.shape[1] == 0:
        parser.error(f"{given.audio} has nothing from {given.start} s on")
    cases = ["one_segment"] if given.configuration else list(CASES)[:-1]
    print(f"{'case':22}{'':6}{'samples × channels':>13}  SNR in dB")
    failed = []
    with tempfile.TemporaryDirectory() as work:
        if given.configuration:
            path = Path(work) / "model.safetensors"
            changes = {"segment": given.segment} if given.segment else {}
            chosen = {**reference.CONFIGURATIONS[given.configuration], **changes}
            reference.save_safetensors(reference.build(chosen, given.seed), path)
            model = reference.load(path)
        elif given.bag:
            path, model = make_bag(given.bag, Path(work))
        else:
            path, model = given.model, reference.load(given.model)
        for name in given.cases or cases:
            passed, line = measure(name, path, model, (wav, rate), given)
            print(f"{name:22}{'ok' if passed else 'FAIL':6}{line}", flush=True)
            if not passed:
                failed.append(name)
    if failed:
        print(f"too low: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
