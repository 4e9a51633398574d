"""Fixtures of the separation tests.

Runs the reference's own `Separator.separate_tensor` and `apply_model` on a tiny model, so that everything
around the network (normalisation, shifts, segments, padding, overlap-add, averaging) is recorded exactly.
The model is an `HTDemucs` whose `forward` is replaced by simple arithmetic that shows the position of a sample
in the network's input, and its neighbour there.

One file, Tests/Fixtures/separation/separation.safetensors:

    mix.<name>            [channels, samples]           input tracks, drawn
    stems.<case>          [sources, channels, samples]  output of each case
    draws.<seed>.<max>    [40]                          random.seed(seed), then random.randint(0, max)
    weights.<power>       [segment samples]             weights of one segment
    strides.<length>      [overlaps]                    int((1 - overlap) * length)
"""

from __future__ import annotations

import random
import warnings
from fractions import Fraction
from typing import Any

import torch

import draw
from fixture import SEED, origin, write
from seeded_model import HTDemucs, apply_model
from official import Options, separate

GROUP = "separation"
SAMPLERATE = 100
SEGMENT = Fraction(2)
SOURCES = ["low", "high"]
SEEDS = [0, 1, 42, 2**32 - 1, 2**32, 2**63 + 12345, 2**64 - 1]
MAXIMA = [0, 1, 50, 22050]
OVERLAPS = [0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 0.99]

MIXES: dict[str, tuple[tuple[int, int], draw.Rule]] = {
    "stereo": ((2, 531), draw.normal(0.3, 0.05)),
    "whole-strides": ((2, 450), draw.normal(0.3)),
    "mono": ((1, 333), draw.normal(0.2, -0.1)),
    "ten": ((2, 10), draw.normal(0.5)),
    "short": ((2, 149), draw.normal(0.3)),
    "silence": ((2, 260), draw.normal(0)),
}

# case: (mix, options)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("stereo", {"shifts": 0}),
    "overlap-0": ("stereo", {"shifts": 0, "overlap": 0.0}),
    "overlap-0.1": ("stereo", {"shifts": 0, "overlap": 0.1}),
    "overlap-0.9": ("stereo", {"shifts": 0, "overlap": 0.9}),
    "segment-1.3": ("stereo", {"shifts": 0, "segment": 1.3}),
    "segment-0.57": ("stereo", {"shifts": 0, "segment": 0.57, "overlap": 0.6}),
    "segment-0.57-any-length": (
        "stereo", {"shifts": 0, "segment": 0.57, "use_train_segment": False}),
    "any-length": ("stereo", {"shifts": 0, "use_train_segment": False}),
    "power-2": ("stereo", {"shifts": 0, "transition_power": 2.0}),
    "power-2.5": ("stereo", {"shifts": 0, "transition_power": 2.5}),
    "shifts-1": ("stereo", {"shifts": 1, "seed": 7}),
    "shifts-2": ("stereo", {"shifts": 2, "seed": 42}),
    "shifts-3": ("stereo", {"shifts": 3, "seed": 2**40 + 5, "overlap": 0.9}),
    "shifts-5-short-segments": ("stereo", {"shifts": 5, "seed": 3, "segment": 0.21}),
    "whole-strides": ("whole-strides", {"shifts": 0}),
    "mono": ("mono", {"shifts": 2, "seed": 1}),
    "ten-samples": ("ten", {"shifts": 0}),
    "ten-samples-shifts": ("ten", {"shifts": 2, "seed": 9}),
    "no-split": ("short", {"shifts": 0, "split": False}),
    "no-split-shifts": ("short", {"shifts": 3, "seed": 5, "split": False}),
    "no-split-any-length": (
        "stereo", {"shifts": 0, "split": False, "use_train_segment": False}),
    "silence": ("silence", {"shifts": 1, "seed": 2}),
}


class PositionModel(HTDemucs):
    """Adds to each sample its neighbour, its position and the input's length, scaled by source.

    All constants are powers of two, so that other implementations can repeat the float32 arithmetic.
    """

    def __init__(self, channels: int, use_train_segment: bool = True) -> None:
        with warnings.catch_warnings():
            # The smallest model has tensors without elements; its weights are never used.
            warnings.simplefilter("ignore")
            super().__init__(
                sources=SOURCES, audio_channels=channels, channels=4, depth=2, nfft=64, t_layers=0,
                samplerate=SAMPLERATE, segment=SEGMENT, use_train_segment=use_train_segment)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        length = mix.shape[-1]
        before = torch.nn.functional.pad(mix, (1, 0))[..., :length]
        ramp = torch.arange(length, dtype=torch.float32) / 1024
        y = mix + before * 0.5 + ramp
        return torch.stack([y * (s + 1) + length / 4096 for s in range(len(SOURCES))], dim=1)


def stems(mix: torch.Tensor, use_train_segment: bool = True, **options: Any) -> torch.Tensor:
    """Stems of a mix, [sources, channels, samples]."""
    model = PositionModel(mix.shape[0], use_train_segment)
    found = separate(model, mix, SAMPLERATE, Options(**options))
    return torch.stack([found[name] for name in SOURCES])


def weights(power: float) -> torch.Tensor:
    """Weights of one segment, captured where `apply_model` raises them to a power."""
    model = PositionModel(1)
    caught: list[torch.Tensor] = []
    original = torch.Tensor.__pow__

    def catching(self: torch.Tensor, exponent: float) -> torch.Tensor:
        caught.append(original(self, exponent))
        return caught[-1]

    torch.Tensor.__pow__ = catching
    apply_model(model, torch.zeros(1, 1, 10), shifts=0, transition_power=power)
    torch.Tensor.__pow__ = original
    return caught[0]


def draws(seed: int, maximum: int) -> torch.Tensor:
    """The first and last 20 of 700 draws, more than the generator's state has words."""
    random.seed(seed)
    values = [random.randint(0, maximum) for _ in range(700)]
    return torch.tensor(values[:20] + values[-20:]).float()


def make() -> None:
    """Writes Tests/Fixtures/separation."""
    drawn = draw.Draws(SEED)
    mixes = {
        name: drawn(f"mix.{name}", *shape, rule=rule) for name, (shape, rule) in MIXES.items()
    }
    tensors = {}
    for case, (mix, options) in CASES.items():
        tensors[f"stems.{case}"] = stems(mixes[mix], **options)
    for seed in SEEDS:
        for maximum in MAXIMA:
            tensors[f"draws.{seed}.{maximum}"] = draws(seed, maximum)
    for power in [1.0, 2.0, 3.0, 2.5]:
        tensors[f"weights.{power}"] = weights(power)
    for length in [343980, 132300, 200]:
        strides = [int((1 - overlap) * length) for overlap in OVERLAPS]
        tensors[f"strides.{length}"] = torch.tensor(strides).float()
    # Every fifth sample of long tracks is enough: an error in the position, weight or neighbours of
    # a segment changes more samples than that.
    every = {
        name: 5 for name, value in tensors.items() if value.shape[-1] > 500 and value.dim() > 1
    }
    write(GROUP, "separation", tensors, origin(GROUP), drawn, every)
