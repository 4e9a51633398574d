"""The optimiser of the training."""

from typing import Any

import torch
from torch import nn


class Optimiser:
    """Muon (Jordan et al. 2024) for matrices and convolutions, Adam for vectors.

    Muon replaces the momentum of a matrix by the nearest orthogonal matrix, so that all directions
    learn at the same pace; a convolution counts as a matrix with a row for each output.
    """

    def __init__(self, model: nn.Module, rate: float) -> None:
        self.pairs = []
        vectors = []
        for parameter in model.parameters():
            rows = parameter.shape[0]
            if parameter.ndim >= 2 and 1 < rows < parameter.numel():
                self.pairs.append((parameter, nn.Parameter(parameter.data.view(rows, -1))))
            else:
                vectors.append(parameter)
        matrices = [view for _, view in self.pairs]
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, rate, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.Adam(vectors, rate, fused=True),
        ]

    def step(self, rate: float) -> None:
        """Takes a step along the gradients with a learning rate."""
        for parameter, view in self.pairs:
            view.grad = parameter.grad.view(view.shape)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def state(self) -> list[dict[str, Any]]:
        """State of the optimiser, for `load`."""
        return [part.state_dict() for part in self.parts]

    def load(self, state: list[dict[str, Any]]) -> None:
        """Restores the state that `state` has returned."""
        for part, its in zip(self.parts, state, strict=True):
            part.load_state_dict(its)
