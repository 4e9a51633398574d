"""Measures whole tracks against the official package, sample by sample.

    python parity.py tracks --audio song.ogg
    python parity.py tracks --audio song.ogg --model htdemucs-seeded.safetensors --cases plain
    python parity.py tracks --audio song.ogg --bag mdx --seconds 60 --cases plain shifts_2
    python parity.py tracks --audio song.ogg --configuration htdemucs --double

The cases are half a minute of real music, unchanged, in mono at 48 kHz, with four channels, shorter
than a segment, ten samples long, with several overlaps, segments and shifts, and silence. Each case
is written as a float32 WAV, scaled so that every stem stays within ±1 (float32 WAVs are clamped
there), and separated with the official `convert_audio` and `Separator` and with our binary. Prints
the SNR of each stem: minus infinity for another length, or for silence that isn't exact zeros.

A case below --min-snr runs again in the official package, with its input multiplied by 1 + 2^-23.
The floor is the reference's SNR against itself after this change in the last bit. The floor is
printed, and the case passes if ours is at most 3 dB below it (two independent roundings, not one).

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
import copy
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import demucs
import julius
import torch
import yaml

import command_line
import native
import official
import seeded_model as reference
import wav_file
from fixture import float64
from snr import snr_of_each

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


# Preparation of the track, and the options of both programs.
CASES: dict[str, tuple[Prepare, str]] = {
    "plain": (as_is, "--shifts 0"),
    "mono_48k": (mono_48k, "--shifts 0"),
    "four_channels": (four_channels, "--shifts 0"),
    "three_seconds": (cut(3.0), "--shifts 0"),
    "ten_samples": (cut(10 / 44_100), "--shifts 0"),
    "ten_samples_shifts_2": (cut(10 / 44_100), "--shifts 2 --seed 1234"),
    "overlap_0.1": (as_is, "--shifts 0 --overlap 0.1"),
    "overlap_0.9": (as_is, "--shifts 0 --overlap 0.9"),
    "segment_3": (as_is, "--shifts 0 --segment 3"),
    "shifts_2": (as_is, "--shifts 2 --seed 1234"),
    "shifts_2_segment_3": (cut(8.0), "--shifts 2 --seed 99 --segment 3"),
    "no_split": (cut(3.5), "--shifts 0 --no-split"),
    "silence": (silence, "--shifts 0"),
    "silence_shifts_1": (silence, "--shifts 1 --seed 5"),
    "one_segment": (as_is, "--shifts 0 --no-split"),
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
        members.append(reference.saved(configuration, seed, path))
    model = reference.BagOfModels(members, bag.get("weights"), bag.get("segment"))
    return folder / f"{name}.yaml", model


def one_segment(model: reference.HTDemucs, wav: torch.Tensor, rate: int) -> Track:
    """One segment of the track at the model's rate and channels."""
    wav = reference.convert_audio(wav, rate, model.samplerate, model.audio_channels)
    length = int(model.segment * model.samplerate)
    if wav.shape[1] < length:
        raise SystemExit(f"the music has {wav.shape[1]} samples, a segment {length}")
    return wav[:, :length], model.samplerate


def text(found: dict[str, float]) -> str:
    """The SNR of each stem."""
    return "  ".join(f"{stem} {value:.1f}" for stem, value in found.items())


def measure(
    name: str, path: Path, model: torch.nn.Module, given: argparse.Namespace
) -> tuple[bool, str]:
    """Runs one case; returns whether it passes, and a line about it."""
    prepare, words = CASES[name][0], CASES[name][1].split()
    options = official.parsed(words)
    if name == "one_segment":
        wav, rate = one_segment(model, *wav_file.excerpt(given.audio, given.start))
    else:
        wav, rate = prepare(*wav_file.excerpt(given.audio, given.start, given.seconds))
    wav, golden = official.within_one(model, wav.contiguous(), rate, options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "track.wav"
        wav_file.write(file, wav, rate)
        words += ["--threads", str(given.threads)]
        ours = native.separate(given.binary, path, file, Path(folder) / "out", *words)
    found = snr_of_each(golden, ours)
    line = f"{wav.shape[1]:>9,} × {wav.shape[0]}  {text(found)}"
    worst, bound = min(found.values()), given.min_snr or (110 if name == "one_segment" else 100)
    if worst < bound and name != "one_segment":
        nudged = official.separate(model, wav * (1 + 2**-23), rate, options)
        floor = min(snr_of_each(golden, nudged).values())
        line += f"  (the reference's own floor: {floor:.1f})"
        bound = min(bound, floor - 3)
    if given.double:
        with float64():
            double = copy.deepcopy(model).double()
            exact = official.separate(double, wav.double(), rate, options)
        for name, stems in {"ours": ours, "PyTorch float32": golden}.items():
            line += f"\n{name} (vs float64): {text(snr_of_each(exact, stems))}"
    return worst >= bound, line


def model_of(given: argparse.Namespace, folder: Path) -> tuple[Path, Any]:
    """The file of the model or bag, and the model of the official package."""
    if given.bag:
        return make_bag(given.bag, folder)
    if not given.configuration:
        return given.model, reference.load(given.model)
    chosen = dict(reference.CONFIGURATIONS[given.configuration])
    if given.segment:
        chosen["segment"] = given.segment
    path = folder / "model.safetensors"
    return path, reference.saved(chosen, given.seed, path)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command_line.add(parser, "audio", "start", "seconds", "seed", "binary", "threads", "double")
    models = parser.add_mutually_exclusive_group()
    command_line.add(models, "model")
    models.add_argument("--bag", choices=BAGS, help="a bag of version 3 instead of a model")
    models.add_argument("--configuration", choices=reference.CONFIGURATIONS, help="one segment")
    parser.add_argument("--segment", type=float, help="segment of that configuration, in seconds")
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="CASE")
    parser.add_argument("--min-snr", type=float, help="dB (100; 110 for one_segment)")


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """Samples × channels of each case, and the SNR of its stems in dB."""
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        path, model = model_of(given, Path(folder))
        for name in given.cases or (["one_segment"] if given.configuration else list(CASES)[:-1]):
            yield name, *measure(name, path, model, given)
