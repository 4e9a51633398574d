"""The loss of the training: error of the waveforms, and of compressed spectrograms."""

from __future__ import annotations

import functools

import torch

# The level below which an excerpt counts for less, as a standard deviation.
QUIET = 0.01
# The level of a stem relative to its mixture's below which the stem counts for less.
QUIET_STEM = 0.1
# Windows of the spectrograms in samples: 12 ms for attacks, 46 ms, and 186 ms for bass notes.
WINDOWS = (512, 2048, 8192)
# The power of a bin, relative to the stem's mean, below which compression becomes linear.
SMALL_POWER = 1e-5


@functools.cache
def _window(size: int, device: torch.device) -> torch.Tensor:
    """A window for the STFT, scaled so that white noise of power one has bins of power one."""
    window = torch.hann_window(size, device=device)
    return window / window.square().sum().sqrt()


def _compressed(sound: torch.Tensor, size: int) -> torch.Tensor:
    """Spectrogram of [rows, n] as [rows, bins, frames, 2]: phases stay, and magnitudes become
    their square roots.
    """
    bins = torch.view_as_real(
        torch.stft(sound, size, window=_window(size, sound.device), return_complex=True)
    )
    return bins / (bins.square().sum(-1, keepdim=True) + SMALL_POWER) ** 0.25


def waveform_loss(estimate: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of stems [batch, 4, 2, n] relative to the level of each mixture.

    HTDemucs normalises each mixture, and the SDR is independent of level. Without the division,
    loud excerpts would dominate the gradient.
    """
    return loss_of(estimate, stems, 0.0, 0.0)


def loss_of(
    estimate: torch.Tensor, stems: torch.Tensor, balance: float, spectral: float
) -> torch.Tensor:
    """The loss of estimated stems [batch, 4, 2, n].

    `balance` is the share of a stem's own level in the level that its error is divided by: with 0
    that is the level of the mixture, so that loud stems have most of the gradient; with 1 it is the
    level of the stem, and all stems count alike, as in the mean of their SDR. Between them it is
    the geometric mean with that weight. `spectral` is the weight of the mean absolute error of
    compressed spectrograms, in which quiet bins count for more than in the waveform.
    """
    mixture = stems.sum(1).std((1, 2)).clamp(min=QUIET)[:, None]
    own = torch.maximum(stems.square().mean((2, 3)).sqrt(), QUIET_STEM * mixture)
    level = mixture ** (1 - balance) * own**balance
    estimate, stems = estimate / level[..., None, None], stems / level[..., None, None]
    loss = (estimate - stems).abs().mean()
    if spectral:
        rows = (-1, stems.shape[-1])
        for size in WINDOWS:
            error = _compressed(estimate.reshape(rows), size) - _compressed(
                stems.reshape(rows), size
            )
            loss = loss + spectral / len(WINDOWS) * error.abs().mean()
    return loss
