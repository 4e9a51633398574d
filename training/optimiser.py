"""The optimisers of the training."""

import torch
from torch import nn


def optimisers(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for matrices and convolutions, Adam for vectors.

    Muon replaces the momentum of a matrix by the nearest orthogonal matrix, so that all directions
    learn at the same pace; a convolution counts as a matrix with a row for each output. It gets
    views of these parameters and of their gradients, so the gradients must stay where they are:
    `zero_grad` needs `set_to_none=False`.
    """
    matrices, vectors = [], []
    for parameter in model.parameters():
        rows = parameter.shape[0]
        if parameter.ndim >= 2 and 1 < rows < parameter.numel():
            parameter.grad = torch.zeros_like(parameter)
            matrices.append(nn.Parameter(parameter.data.view(rows, -1)))
            matrices[-1].grad = parameter.grad.view(rows, -1)
        else:
            vectors.append(parameter)
    return [
        torch.optim.Muon(matrices, rate, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(vectors, rate, fused=True),
    ]
