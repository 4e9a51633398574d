"""Compares swift_demucs with demucs: the same calls, sample by sample, callback by callback.

    pip install dist/swift_demucs-*.whl
    python parity.py python --audio song.ogg
    python parity.py python --audio song.ogg --cases shifts bag --seconds 10

Each case constructs both `Separator`s with the same arguments, seeds Python's `random`, and
separates the track twice without seeding again, so that the generator's state must agree too.
Prints the worst SNR over both runs and all stems, and whether the callbacks had the same values, in
any order. For mono and for other rates, the converted input is compared too. The cases of
`apply_model` give it a batch of two tracks, without callbacks. Other functions are then called with
the same arguments (`CALLS`).

The model is the demo model; bags are a folder with the demo model under two names.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import julius
import torch
from demucs import audio as official_audio
from swift_demucs import api as ours
from swift_demucs import apply, pretrained, read
from swift_demucs.as_demucs.demucs import audio

import command_line
import seeded_model as reference
from parity_tracks import Prepare, Track, as_is, cut, mono_48k
from snr import worst_snr

RATE = 44_100


def at_rate(new_rate: int) -> Prepare:
    """Both channels at another rate."""
    return lambda wav, rate: (julius.resample_frac(wav, rate, new_rate), new_rate)


def transposed(wav: torch.Tensor, rate: int) -> Track:
    """The same samples, interleaved in memory."""
    return wav.T.contiguous().T, rate


@dataclass(frozen=True)
class Case:
    """Preparation of the track, and the separators' arguments."""

    prepare: Prepare = as_is
    options: dict[str, Any] = field(default_factory=dict)
    members: int = 1
    applies: bool = False


CASES = {
    "defaults": Case(),
    "no_shift": Case(options={"shifts": 0}),
    "shifts": Case(options={"shifts": 3}),
    "overlap": Case(options={"overlap": 0.1}),
    "segment": Case(options={"segment": 2, "shifts": 2}),
    "no_split": Case(cut(3.4), {"split": False, "shifts": 2}),
    "jobs": Case(options={"jobs": 2, "shifts": 0}),
    "bag": Case(members=2),
    "bag_shifts": Case(options={"shifts": 2, "segment": 3}, members=2),
    "mono_48k": Case(mono_48k),
    "22050": Case(at_rate(22_050)),
    "transposed": Case(transposed, {"shifts": 0}),
    "apply": Case(options={"shifts": 0}, applies=True),
    "apply_shifts": Case(options={"shifts": 2, "segment": 3}, members=2, applies=True),
    "apply_overlap": Case(
        options={"shifts": 0, "overlap": 0.5, "transition_power": 2.0}, applies=True
    ),
    "apply_whole": Case(cut(3.4), {"shifts": 0, "split": False}, applies=True),
}


def saved(of: Any, wav: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
    """The samples of a file that `save_audio` writes."""
    with tempfile.TemporaryDirectory() as folder:
        of.save_audio(2.5 * wav, Path(folder, "a.wav"), RATE, *given, **named)
        return torch.from_numpy(read(Path(folder, "a.wav"))[0])


# Functions of `demucs.audio`, the track's file and its samples. Files keep their rate, which
# demucs converts by ffmpeg there, and by julius for a track, as this package does.
CALLS: dict[str, Any] = {
    "read": lambda of, path, _: of.AudioFile(path).read(seek_time=1, duration=2, streams=0),
    "read_streams": lambda of, path, _: of.AudioFile(path).read(),
    "read_before": lambda of, path, _: of.AudioFile(path).read(seek_time=-0.5),
    "read_mono": lambda of, path, _: of.AudioFile(path).read(streams=0, channels=1),
    "convert": lambda of, _, wav: of.convert_audio(wav[None], RATE, 32_000, 1),
    "convert_mono": lambda of, _, wav: of.convert_audio(wav[:1], 22_050, RATE, 2),
    "channels": lambda of, _, wav: of.convert_audio_channels(wav.expand(3, -1, -1), 1),
    "rescale": lambda of, _, wav: of.prevent_clip(3 * wav),
    "clamp": lambda of, _, wav: of.prevent_clip(3 * wav, "clamp"),
    "tanh": lambda of, _, wav: of.prevent_clip(3 * wav, "tanh"),
    "pcm": lambda of, _, wav: of.f32_pcm(of.i16_pcm(3 * wav)),
    "save": lambda of, _, wav: saved(of, wav),
    "save_24": lambda of, _, wav: saved(of, wav, clip="clamp", bits_per_sample=24),
    "save_float": lambda of, _, wav: saved(of, wav, clip="tanh", as_float=True),
}


def compare_calls(path: Path, wav: torch.Tensor, checkpoint: Path) -> dict[str, float]:
    """SNR of each call, and of a model's on a segment, on less, and with `segment` set.

    Models of Demucs v3 run on any length. Time-only ones pad it to their `valid_length` before they
    normalise it in this engine, and after that in demucs.
    """
    found = {
        name: worst_snr([call(official_audio, path, wav)], [call(audio, path, wav)])
        for name, call in CALLS.items()
    }
    golden, mine = reference.load(checkpoint).eval(), pretrained.get_model(str(checkpoint))
    for name, seconds, frames in (("model", 4, 4 * RATE), ("model_short", 2, RATE)):
        golden.segment = mine.segment = seconds
        mix = torch.stack([wav[:, :frames], 0.1 * wav[:, -frames:]])
        with torch.no_grad():
            found[name] = worst_snr([golden(mix)], [mine(mix)])
    batch = wav[None, :, : 6 * RATE]
    stems = reference.apply_model(golden, batch, shifts=0)
    found["model_segment"] = worst_snr([stems], [apply.apply_model(mine, batch, shifts=0)])
    for name in ("hybrid", "waveform"):
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            file = Path(folder, "v3.safetensors")
            golden = reference.saved(reference.CONFIGURATIONS[name], 1, file)
            mix = wav[None, :, : getattr(golden, "valid_length", int)(1000)]
            found[name] = worst_snr([golden(mix)], [pretrained.get_model(str(file))(mix)])
    return found


def run(separator: Any, track: Track, calls: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Separates twice; returns all signals, and Python's next random numbers."""
    random.seed(7)
    found = []
    for _ in range(2):
        mix, stems = separator.separate_tensor(*track)
        calls.append({"state": "separated"})
        found += [mix, *stems.values()]
    return found, [random.random() for _ in range(3)]


def run_applied(apply_model: Any, model: Any, track: Track, **options: Any) -> tuple[Any, Any]:
    """The stems of a batch of the track and of a quiet part of it, and Python's next numbers."""
    wav, _ = track
    random.seed(7)
    found = apply_model(model, torch.stack([wav, 0.1 * wav.flip(1)]), **options)
    return list(found.flatten(0, 1)), [random.random() for _ in range(3)]


def compare(case: Case, wav: torch.Tensor, checkpoint: Path) -> tuple[float, bool, str]:
    """Worst SNR, whether everything else is equal, and the number of callbacks as text."""
    track = case.prepare(wav, RATE)
    calls: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    arguments = [{"callback_arg": {"name": "x"}, "callback": each.append} for each in calls]
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        model = reference.load(checkpoint)
        name = "one"
        (repo / "one.safetensors").symlink_to(checkpoint)
        if case.members > 1:
            name = "bag"
            (repo / "two.safetensors").symlink_to(checkpoint)
            weights = [[1.0, 0.0, 0.5, 0.3], [0.5, 1.0, 0.5, 0.9]]
            model = reference.BagOfModels([model, reference.load(checkpoint)], weights)
            (repo / "bag.yaml").write_text(f"models: ['one', 'two']\nweights: {weights}\n")
        model.eval()
        if case.applies:
            golden = run_applied(reference.apply_model, model, track, **case.options)
            mine = pretrained.get_model(name, repo)
            found = run_applied(apply.apply_model, mine, track, **case.options)
        else:
            with mock.patch("demucs.api.get_model", return_value=model):
                official = reference.Separator(**arguments[0], **case.options)
            golden = run(official, track, calls[0])
            separator = ours.Separator(name, repo=repo, **arguments[1], **case.options)
            found = run(separator, track, calls[1])
    for call in calls[1]:
        call.pop("progress", None)
    # With us, shifts and models advance together.
    for each in calls:
        each.sort(key=lambda call: sorted(map(str, call.items())))
    same = calls[0] == calls[1] and golden[1] == found[1]
    return worst_snr(golden[0], found[0]), same, f"{len(calls[0])} calls"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command_line.add(parser, "audio", "seconds", "model", "min-snr")
    parser.set_defaults(seconds=15.0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """The lowest SNR of each case and each call, and how it compares otherwise."""
    samples, _ = read(given.audio, sample_rate=RATE, channels=2)
    wav = torch.from_numpy(samples[:, : int(given.seconds * RATE)].copy())
    checkpoint = given.model.resolve()
    for name in given.cases:
        lowest, same, text = compare(CASES[name], wav, checkpoint)
        passes = lowest >= given.min_snr and same
        yield name, passes, f"{lowest:8.1f} dB   {text:10} {'the same' if same else 'DIFFER'}"
    for name, lowest in compare_calls(given.audio, wav, checkpoint).items():
        yield name, lowest >= given.min_snr, f"{lowest:8.1f} dB"
