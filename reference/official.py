"""Separates a track with the official package, from decoded samples to unclamped float32 stems.

    python parity.py separate model.safetensors mix.wav OUT --shifts 2 --seed 1234

The track is a file that libsndfile decodes; float32 WAV keeps decoders out of a comparison. The
official `convert_audio` and `Separator` process it. The stems are written as OUT/<stem>.wav.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import torch

import command_line
import seeded_model as reference
import wav_file

PEAK = 0.9


@dataclass(frozen=True)
class Options:
    """Options of a separation, with the reference's defaults except for its random shift."""

    shifts: int = 0
    seed: int = 0
    overlap: float = 0.25
    segment: float | None = None
    split: bool = True
    transition_power: float = 1.0

    def text(self) -> str:
        """The options as JSON."""
        return json.dumps(asdict(self), sort_keys=True)


class Separator(reference.Separator):
    """The official separator with a model that is already loaded."""

    def __init__(self, model: torch.nn.Module, options: Options) -> None:
        self.given = model
        taken = ("shifts", "overlap", "split", "segment")
        super().__init__(device="cpu", **{name: getattr(options, name) for name in taken})

    def _load_model(self) -> None:
        self._model = self.given
        self._audio_channels = self.given.audio_channels
        self._samplerate = self.given.samplerate


def separate(
    model: torch.nn.Module, wav: torch.Tensor, rate: int, options: Options
) -> dict[str, torch.Tensor]:
    """Separates a track [C, n] at any rate into stems [A, n] at the model's rate."""
    separator = Separator(model, options)
    wav = reference.convert_audio(wav, rate, separator.samplerate, separator.audio_channels)
    random.seed(options.seed)
    powered = partial(reference.apply_model, transition_power=options.transition_power)
    with mock.patch("demucs.api.apply_model", powered):
        return separator.separate_tensor(wav, separator.samplerate)[1]


def within_one(
    model: torch.nn.Module, wav: torch.Tensor, rate: int, options: Options
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The track, scaled down if its stems would exceed ±1, and the reference's stems."""
    stems = separate(model, wav, rate, options)
    peak = max(float(stem.abs().max()) for stem in stems.values())
    if peak > PEAK:
        wav = wav * (PEAK / peak)
        stems = separate(model, wav, rate, options)
        peak = max(float(stem.abs().max()) for stem in stems.values())
    assert peak < 1, f"stems reach {peak}: a float32 WAV would clamp them"
    return wav, stems


def add_separation(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a separation."""
    parser.add_argument("--shifts", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of Python's random, for the shifts")
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--segment", type=float, help="seconds")
    parser.add_argument("--no-split", dest="split", action="store_false")
    parser.add_argument("--transition-power", type=float, default=1.0)


def parsed(words: list[str]) -> Options:
    """The options of a command."""
    parser = argparse.ArgumentParser()
    add_separation(parser)
    return Options(**vars(parser.parse_args(words)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("track", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT")
    command_line.add(parser, "threads")
    add_separation(parser)


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """The file of each stem."""
    torch.set_num_threads(given.threads)
    options = Options(**{name: getattr(given, name) for name in Options.__dataclass_fields__})
    model = reference.load(given.checkpoint)
    for name, stem in separate(model, *wav_file.read(given.track), options).items():
        path = given.out / f"{name}.wav"
        wav_file.write(path, stem, model.samplerate)
        yield name, True, str(path)
