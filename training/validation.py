"""Validation during the training: loss and SDR on songs that are used for nothing else."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from evaluate import mdx_sdr
from generate import generate
from loss import waveform_loss
from oscillators import RATE_HZ, Array
from song import STEMS

# Seeds and kinds of the songs for validation, used neither for training nor for the scores.
VALIDATION_SONGS = [
    *((seed, "sampled") for seed in range(2_000_000, 2_000_012)),
    *((seed, "formula") for seed in range(2_000_012, 2_000_015)),
]


class Validation:
    """Loss and SDR on a few songs, generated at first use and kept in the working folder."""

    def __init__(self, work: Path, seconds: float) -> None:
        self.path = work / "validation.npy"
        self.seconds = seconds

    @functools.cached_property
    def stems(self) -> Array:
        """The stems of all songs [songs, 4, 2, n]."""
        if not self.path.exists():
            pending = self.path.with_name("validation.pending.npy")
            np.save(
                pending, np.stack([generate(seed, 12.0, kind) for seed, kind in VALIDATION_SONGS])
            )
            pending.rename(self.path)
        return np.load(self.path, mmap_mode="r")

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Mean loss, and median SDR of each stem, over an excerpt from the middle of each song."""
        count = int(self.seconds * RATE_HZ)
        device = next(model.parameters()).device
        losses: list[float] = []
        scores: dict[str, list[float]] = {name: [] for name in STEMS}
        for stems in self.stems:
            start = (stems.shape[2] - count) // 2
            truth = torch.from_numpy(stems[None, :, :, start : start + count].copy()).to(device)
            estimate = model(truth.sum(1))
            losses.append(float(waveform_loss(estimate, truth)))
            pairs = zip(STEMS, truth[0].cpu().numpy(), estimate[0].cpu().numpy(), strict=True)
            for name, reference, guess in pairs:
                if np.square(reference).mean() > 1e-6:
                    scores[name].append(mdx_sdr(reference, guess))
        medians = {name: round(float(np.median(found)), 2) for name, found in scores.items()}
        return {"loss": float(np.mean(losses)), "sdr": medians}
