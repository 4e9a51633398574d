"""The loss of the training: the error of the waveforms relative to the level of the mixture."""

from __future__ import annotations

import torch

# The level below which an excerpt counts for less, as a standard deviation.
QUIET = 0.01


def waveform_loss(estimate: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of stems [batch, 4, 2, n] relative to the level of each mixture.

    HTDemucs normalises each mixture, and the SDR is independent of level. Without the division,
    loud excerpts would dominate the gradient.
    """
    level = stems.sum(1).std((1, 2)).clamp(min=QUIET)[:, None, None, None]
    return ((estimate - stems) / level).abs().mean()
