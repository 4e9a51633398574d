"""Runs our binary, for the scripts that compare it with the reference."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import torch

import compare_stems

DEFAULT = Path(__file__).resolve().parents[1] / ".build" / "release" / "swift-demucs"


def command(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> list[str]:
    """The command that separates one track to unclipped float32 stems."""
    found = [str(binary), str(track), "-n", str(checkpoint), "-o", str(out)]
    return [*found, "--float32", "--clip-mode", "none", *options]


def stems(out: Path) -> dict[str, torch.Tensor]:
    """The stems of the one track that was separated into a folder."""
    folders = {path.parent for path in out.rglob("*.wav")}
    if len(folders) != 1:
        raise SystemExit(f"{out} should hold the stems of one track, found {len(folders)} folders")
    return compare_stems.read(folders.pop())


def separate(
    binary: Path, checkpoint: Path, track: Path, out: Path, *options: str
) -> tuple[dict[str, torch.Tensor], float]:
    """Separates one track to unclipped float32 stems; returns them and the seconds it took."""
    given = command(binary, checkpoint, track, out, *options)
    start = time.perf_counter()
    run = subprocess.run(given, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(given)}\nexited with {run.returncode}:\n{run.stderr}")
    return stems(out), elapsed
