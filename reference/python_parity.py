"""Compares swift_demucs with demucs: the same calls, sample by sample, callback by callback.

    pip install dist/swift_demucs-*.whl
    python python_parity.py TRACK...
    python python_parity.py --cases shifts bag --seconds 10 TRACK...

Each case constructs both `Separator`s with the same arguments, seeds Python's `random`, and
separates the track twice without seeding again, so that the generator's state must agree too.
Prints the worst SNR over both runs and all stems, and whether the callbacks had the same values, in
any order.
Exits with 1 for a case below --min-snr, or one that differs. For mono and for other rates, the
converted input is compared too. The cases of `apply_model` give it a batch of two tracks, without
callbacks. Other functions are then called with the same arguments (`CALLS`).

The model is the demo model; bags are a folder with the demo model under two names.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import julius
import numpy as np
import torch
from demucs import audio as official_audio
from swift_demucs import api as ours
from swift_demucs import apply, pretrained, read
from swift_demucs.as_demucs.demucs import audio

import command_line
import seeded_model as reference
from fixture import snr
from track_parity import ROOT, Prepare, Track, as_is, cut, mono_48k

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
        name: worst([call(official_audio, path, wav)], [call(audio, path, wav)])
        for name, call in CALLS.items()
    }
    golden, mine = reference.load(checkpoint).eval(), pretrained.get_model(str(checkpoint))
    for name, seconds, frames in (("model", 4, 4 * RATE), ("model_short", 2, RATE)):
        golden.segment = mine.segment = seconds
        mix = torch.stack([wav[:, :frames], 0.1 * wav[:, -frames:]])
        with torch.no_grad():
            found[name] = worst([golden(mix)], [mine(mix)])
    batch = wav[None, :, : 6 * RATE]
    stems = reference.apply_model(golden, batch, shifts=0)
    found["model_segment"] = worst([stems], [apply.apply_model(mine, batch, shifts=0)])
    for name in ("hybrid", "waveform"):
        golden = reference.build(reference.CONFIGURATIONS[name], 1)
        mix = wav[None, :, : getattr(golden, "valid_length", int)(1000)]
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            file = Path(folder, "v3.safetensors")
            reference.save_safetensors(golden, file)
            found[name] = worst([golden(mix)], [pretrained.get_model(str(file))(mix)])
    return found


def worst(golden: list[Any], found: list[Any]) -> float:
    """The lowest SNR of signals; −∞ for other shapes."""
    return min(
        snr(a, b) if a.shape == b.shape else -math.inf for a, b in zip(golden, found, strict=True)
    )


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


def results(
    path: Path, wav: torch.Tensor, checkpoint: Path, cases: list[str]
) -> Iterator[tuple[str, float, str]]:
    """The name of each case and each call, its SNR, and how it compares otherwise."""
    for name in cases:
        lowest, same, text = compare(CASES[name], wav, checkpoint)
        yield name, lowest, f"   {text:10} {'the same' if same else 'DIFFER'}"
    for name, lowest in compare_calls(path, wav, checkpoint).items():
        yield name, lowest, ""


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
            from demucs.apply import BagOfModels

            name = "bag"
            (repo / "two.safetensors").symlink_to(checkpoint)
            weights = [[1.0, 0.0, 0.5, 0.3], [0.5, 1.0, 0.5, 0.9]]
            model = BagOfModels([model, reference.load(checkpoint)], weights)
            (repo / "bag.yaml").write_text(f"models: ['one', 'two']\nweights: {weights}\n")
        model.eval()
        if case.applies:
            golden, golden_random = run_applied(reference.apply_model, model, track, **case.options)
            mine = pretrained.get_model(name, repo)
            found, found_random = run_applied(apply.apply_model, mine, track, **case.options)
            return worst(golden, found), golden_random == found_random, "no calls"
        with mock.patch("demucs.api.get_model", return_value=model):
            official = reference.Separator(**arguments[0], **case.options)
        golden, golden_random = run(official, track, calls[0])
        separator = ours.Separator(name, repo=repo, **arguments[1], **case.options)
        found, found_random = run(separator, track, calls[1])
    for call in calls[1]:
        call.pop("progress", None)
    # With us, shifts and models advance together.
    for each in calls:
        each.sort(key=lambda call: sorted(map(str, call.items())))
    same = calls[0] == calls[1] and golden_random == found_random
    return worst(golden, found), same, f"{len(calls[0])} calls"


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("tracks", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=ROOT / "Models" / "demo.safetensors")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--min-snr", type=float, default=100.0, help="dB")
    given = parser.parse_args()
    failed = []
    for path in given.tracks:
        samples, _ = read(path, sample_rate=RATE, channels=2)
        wav = torch.from_numpy(np.ascontiguousarray(samples[:, : int(given.seconds * RATE)]))
        print(path.name)
        for name, lowest, text in results(path, wav, given.model.resolve(), given.cases):
            passed = lowest >= given.min_snr and not text.endswith("DIFFER")
            print(f"  {'ok' if passed else 'FAIL':5}{name:14}{lowest:8.1f} dB{text}", flush=True)
            if not passed:
                failed.append(f"{path.name} {name}")
    if failed:
        print(f"below {given.min_snr:g} dB or different: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
