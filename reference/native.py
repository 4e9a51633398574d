"""Runs our binary, for the scripts that compare it with the reference."""

from __future__ import annotations

from pathlib import Path

import tensor_file
import wav_file
from fixture import Tensors
from program import run


def stems(out: Path) -> Tensors:
    """The stems [C, n] of the one track that was separated into a folder."""
    files = sorted(out.rglob("*.wav"))
    if len(folders := {path.parent for path in files}) != 1:
        raise SystemExit(f"{out} should hold the stems of one track, found {len(folders)} folders")
    return {path.stem: wav_file.read(path)[0] for path in files}


def separate(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> Tensors:
    """Separates one track to unclipped float32 stems."""
    words = ("-n", checkpoint, "-o", out, "--float32", "--clip-mode", "none", *options)
    run(binary, track, *words)
    return stems(out)


def trace(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> Tensors:
    """The values inside the network for one chunk of a track."""
    run(binary, "trace", track, "-n", checkpoint, "-o", out, "-q", *options)
    return tensor_file.read(out)[0]
