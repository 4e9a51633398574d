"""The core of the reference model: the network between its STFT and its inverse STFT.

The real `HTDemucs.forward` runs, with only its four signal methods replaced on the instance, so no
part of the network is written again. ONNX exports of this model are split at the same place, with
the inputs `input` (waveform) and `x` (spectrogram, complex as channels), and the outputs `output`
(spectrogram) and `add_67` (waveform), both denormalised.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn

from seeded_model import HTDemucs

INPUTS = ("input", "x")
OUTPUTS = ("output", "add_67")


class Core(nn.Module):
    """The core: [1, A, N] and [1, 2A, F, T] to [1, S, 2A, F, T] and [1, S, A, N]."""

    def __init__(self, model: HTDemucs, any_length: bool = False) -> None:
        """With `any_length`, chunks are not padded to the training length."""
        super().__init__()
        self.model = copy.deepcopy(model)
        if any_length:
            self.model.use_train_segment = False

    def forward(self, mix: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the core; the mix must already have the length that the network needs."""
        spectrogram: list[torch.Tensor] = []

        def mask(_: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            spectrogram.append(value)
            return value

        self.model._spec = lambda _: x
        self.model._magnitude = lambda z: z
        self.model._mask = mask
        # Zero, so that nothing is added to the waveform branch.
        self.model._ispec = lambda *_: 0.0
        waveform = self.model(mix)
        return spectrogram[0], waveform


class Wrapped(nn.Module):
    """The core with other inputs or outputs: a function of it and the inputs."""

    def __init__(self, core: Core, function: Callable) -> None:
        super().__init__()
        self.core, self.function = core, function

    def forward(self, *inputs: torch.Tensor) -> Sequence[torch.Tensor]:
        """The function's outputs."""
        return self.function(self.core, *inputs)


def core_inputs(model: HTDemucs, mix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of the reference's core for a mix [1, A, n]: the padded mix and its spectrogram."""
    if getattr(model, "use_train_segment", False):
        mix = nn.functional.pad(mix, (0, model.valid_length(mix.shape[-1]) - mix.shape[-1]))
    with torch.no_grad():
        return mix, model._magnitude(model._spec(mix))
