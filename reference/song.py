"""The reference model from mix to stems in real numbers, as most published graphs have it."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn
from torch.nn.functional import conv1d, conv_transpose1d, pad

from seeded_model import HTDemucs


class Song(nn.Module):
    """A model from mix to stems, whose transforms are convolutions or matrices of real numbers."""

    def __init__(self, model: HTDemucs, convolves: bool) -> None:
        super().__init__()
        self.model, self.convolves = copy.deepcopy(model), convolves
        self.model.use_train_segment = False
        self.hop, count = model.hop_length, model.nfft
        times = torch.arange(count)
        angles = 2 * math.pi / count * (times[: count // 2, None] * times % count).double()
        window = torch.hann_window(count, dtype=torch.float64)
        waves = torch.cat([angles.cos(), -angles.sin()]) * window / math.sqrt(count)
        twice = torch.full((count, 1), 2.0)
        twice[0] = 1
        self.register_buffer("window", window.float())
        self.register_buffer("waves", waves.float())
        self.register_buffer("inverse", (waves * twice).float())
        self.model._spec, self.model._ispec = self.spectrum, self.waveform
        self.model._magnitude = lambda z: z
        self.model._mask = lambda _, value: value

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """[B, A, N] to [B, S, A, N]."""
        return self.model(mix)

    def spectrum(self, mix: torch.Tensor) -> torch.Tensor:
        """[B, A, N] to [B, 2A, F, T]."""
        count, more = len(self.waves), self.hop // 2 * 3
        frames = math.ceil(mix.shape[-1] / self.hop)
        x = pad(mix.flatten(0, 1), (more, more + frames * self.hop - mix.shape[-1]), "reflect")
        x = pad(x, (count // 2, count // 2), "reflect")
        if self.convolves:
            z = conv1d(x[:, None], self.waves[:, None], stride=self.hop)
        else:
            hops = x.unflatten(-1, (-1, self.hop))
            last = hops.shape[1] - 3
            overlapping = torch.cat([hops[:, i : i + last] for i in range(4)], -1)
            z = self.waves @ overlapping.transpose(1, 2)
        z = z[..., 2 : 2 + frames].unflatten(0, mix.shape[:2])
        return z.unflatten(2, (2, -1)).flatten(1, 2)

    def waveform(self, z: torch.Tensor, length: int) -> torch.Tensor:
        """[B, S, 2A, F, T] to [B, S, A, N]."""
        shape = z.shape
        z = pad(z.unflatten(2, (-1, 2)).flatten(0, 2).flatten(1, 2), (2, 2))
        if self.convolves:
            x = conv_transpose1d(z, self.inverse[:, None], stride=self.hop)[:, 0]
        else:
            x = self.added(z.transpose(1, 2) @ self.inverse)
        norm = self.added(self.window.square().expand(1, z.shape[-1], -1))
        first = len(self.window) // 2 + self.hop // 2 * 3
        return (x / norm)[:, first : first + length].reshape(*shape[:2], -1, length)

    def added(self, frames: torch.Tensor) -> torch.Tensor:
        """Overlapping frames [n, T, nfft] to their sum [n, (T + 3) hop]."""
        parts = frames.unflatten(-1, (4, self.hop)).unbind(2)
        return sum(pad(part, (0, 0, i, 3 - i)) for i, part in enumerate(parts)).flatten(1)
