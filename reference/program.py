"""Finds and runs `swift-demucs`, for scripts that need nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

VARIABLE = "SWIFT_DEMUCS"


def default() -> Path:
    """The program of SWIFT_DEMUCS; else the one built here; else the one of PATH."""
    built = Path(__file__).resolve().parents[1] / ".build" / "release" / "swift-demucs"
    installed = shutil.which("swift-demucs")
    given = os.environ.get(VARIABLE)
    return Path(given or (built if built.exists() or not installed else installed))


def run(binary: Path, *words: str | Path, codes: Collection[int] = (0,)) -> str:
    """Runs the program, which must exit with one of some codes; returns its standard output."""
    command = [str(binary), *map(str, words)]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(
            f"{binary}: {error.strerror}. Build it (swift build -c release), or name it by "
            f"--binary or {VARIABLE}"
        ) from None
    if found.returncode not in codes or (found.returncode and not found.stdout):
        raise SystemExit(f"{' '.join(command)}\nexited with {found.returncode}:\n{found.stderr}")
    return found.stdout


def compare(binary: Path, reference: Path, found: Path, *options: str) -> dict[str, Any]:
    """What `swift-demucs compare` says of a port's values; it exits with 1 if they are wrong."""
    words = ("compare", reference, found, "--json", *options)
    return json.loads(run(binary, *words, codes=(0, 1)))
