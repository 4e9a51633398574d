"""Runs our binary, for the scripts that compare it with the reference."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import torch

import compare_stems

DEFAULT = Path(__file__).resolve().parents[1] / ".build" / "release" / "swift-demucs"


def separate(
    binary: Path, checkpoint: Path, track: Path, out: Path, *options: str
) -> tuple[dict[str, torch.Tensor], float]:
    """Separates one track to unclipped float32 stems; returns them and the seconds it took."""
    command = [str(binary), str(track), "-n", str(checkpoint), "-o", str(out)]
    command += ["--float32", "--clip-mode", "none", *options]
    start = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nexited with {run.returncode}:\n{run.stderr}")
    folders = {path.parent for path in out.rglob("*.wav")}
    if len(folders) != 1:
        raise SystemExit(f"{out} should hold the stems of one track, found {len(folders)} folders")
    return compare_stems.read(folders.pop()), elapsed
