"""Fixtures of scores.

Each file holds short stems and estimates of them (`reference.<stem>`, `estimate.<stem>`,
[channels, samples]). Their scores are in the metadata, float64 as text: `sdr.<stem>` from
demucs.evaluate's own function, `si-sdr.<stem>` from torchmetrics. Samples are rounded to float16 before scoring, so that the files
are small and exact.
"""

from __future__ import annotations

import json
import sys
import types
from importlib.metadata import version

import numpy as np
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

import fixture
import tensor_file

# Packages that demucs.evaluate imports for training, not needed here.
for unneeded in ("dora", "dora.log", "demucs.distrib", "musdb", "museval"):
    sys.modules[unneeded] = types.ModuleType(unneeded)
sys.modules["dora.log"].LogProgress = None
from demucs import evaluate  # noqa: E402

GROUP = "evaluation"
RATE_HZ = 2000
STEMS = ["bass", "drums", "vocals"]


def stems(
    random: np.random.Generator, seconds: float, channels: int, names: list[str]
) -> dict[str, np.ndarray]:
    """Coloured noise with a slow envelope; each stem has its own spectrum and stereo position."""
    samples = int(seconds * RATE_HZ)
    found = {}
    for index, name in enumerate(names):
        noise = random.standard_normal((2, samples + 64))
        taps = np.hanning(9 + 8 * index) * np.cos(np.arange(9 + 8 * index) * (0.3 + 0.7 * index))
        shaped = np.stack([np.convolve(row, taps, mode="valid")[:samples] for row in noise])
        envelope = 0.6 + 0.4 * np.sin(np.arange(samples) / RATE_HZ * (3 + 2 * index) + index)
        pan = (
            np.array([[1.0, 0.25], [0.35, 0.8]]) if index % 2 else np.array([[0.9, 0.1], [0.2, 1]])
        )
        signal = pan @ shaped * envelope
        found[name] = 0.3 * signal[:channels] / np.abs(signal).max()
    return found


def leaking(
    random: np.random.Generator, true: dict[str, np.ndarray], amount: float
) -> dict[str, np.ndarray]:
    """Estimates with every kind of error: filtering, a change of position, leakage, noise."""
    mix = sum(true.values())
    found = {}
    for index, (name, signal) in enumerate(true.items()):
        echo = np.roll(signal, 3 + index, axis=1) * 0.1
        crossed = signal[::-1] * 0.05
        noise = random.standard_normal(signal.shape) * 0.01 * (1 + index)
        found[name] = (1 - 0.05 * index) * signal + amount * (
            echo + crossed + 0.12 * (mix - signal) + noise
        )
    return found


def half(signals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signals rounded to float16, as float64."""
    return {name: signal.astype(np.float16).astype(np.float64) for name, signal in signals.items()}


def text(values: np.ndarray) -> list[str]:
    """Exact text of float64 values, with NaN and infinities."""
    return [repr(float(value)) for value in values.reshape(-1)]


def write(name: str, true: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
    """Scores one track and writes its file."""
    true, found = half(true), half(found)
    names = list(true)
    reference = np.stack([true[key] for key in names])
    estimate = np.stack([found[key] for key in names])
    scores: dict[str, list[str]] = {}
    x, y = torch.from_numpy(reference), torch.from_numpy(estimate)
    sdr = evaluate.new_sdr(x[None], y[None])[0]
    for row, key in enumerate(names):
        scores[f"sdr.{key}"] = text(sdr[row].numpy())
        if float((x[row] ** 2).sum()) > 0 and float((y[row] ** 2).sum()) > 0:
            value = scale_invariant_signal_distortion_ratio(y[row].reshape(-1), x[row].reshape(-1))
            scores[f"si-sdr.{key}"] = text(value.numpy())
    tensors = {f"reference.{key}": torch.from_numpy(true[key]).half() for key in names}
    tensors |= {f"estimate.{key}": torch.from_numpy(found[key]).half() for key in names}
    versions = json.loads(tensor_file.versions())
    versions["torchmetrics"] = version("torchmetrics")
    metadata = {
        "command": f"{fixture.COMMAND} {GROUP}",
        "versions": json.dumps(versions, sort_keys=True),
        "rate_hz": str(RATE_HZ),
        "stems": json.dumps(names),
        "scores": json.dumps(scores, sort_keys=True),
    }
    fixture.write(GROUP, name, tensors, metadata)


def make() -> None:
    """Writes Tests/Fixtures/evaluation."""
    random = np.random.default_rng(2040)

    three = stems(random, 2.2, 2, STEMS)
    write("stereo", three, leaking(random, three, 1))

    two = {name: three[name] for name in STEMS[:2]}
    write("stereo_good", two, leaking(random, two, 0.01))

    mono = stems(random, 4.2, 1, STEMS[:2])
    write("mono", mono, leaking(random, mono, 1))

    short = stems(random, 0.9, 1, STEMS[:2])
    silent = {"bass": np.zeros_like(short["bass"]), "drums": short["drums"]}
    write("silent_stem", silent, leaking(random, silent, 1))
