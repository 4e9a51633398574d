"""Runs our binary, for the scripts that compare it with the reference."""

from __future__ import annotations

from pathlib import Path

import compare_stems
import tensor_file
from fixture import Tensors
from program import run


def command(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> list[str]:
    """The command that separates one track to unclipped float32 stems."""
    found = [str(binary), str(track), "-n", str(checkpoint), "-o", str(out)]
    return [*found, "--float32", "--clip-mode", "none", *options]


def stems(out: Path) -> Tensors:
    """The stems of the one track that was separated into a folder."""
    folders = {path.parent for path in out.rglob("*.wav")}
    if len(folders) != 1:
        raise SystemExit(f"{out} should hold the stems of one track, found {len(folders)} folders")
    return compare_stems.read(folders.pop())


def separate(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> Tensors:
    """Separates one track to unclipped float32 stems."""
    run(*command(binary, checkpoint, track, out, *options))
    return stems(out)


def trace(binary: Path, checkpoint: Path, track: Path, out: Path, *options: str) -> Tensors:
    """The values inside the network for one chunk of a track."""
    run(binary, "trace", track, "-n", checkpoint, "-o", out, "-q", *options)
    return tensor_file.read(out)[0]
