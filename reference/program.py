"""Finds and runs `swift-demucs`, for scripts that need nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

VARIABLE = "SWIFT_DEMUCS"


def default() -> Path:
    """The program of SWIFT_DEMUCS; else the one built here; else the one of PATH."""
    built = Path(__file__).resolve().parents[1] / ".build" / "release" / "swift-demucs"
    installed = shutil.which("swift-demucs")
    given = os.environ.get(VARIABLE)
    return Path(given or (built if built.exists() or not installed else installed))


def run(binary: Path, *words: str | Path) -> str:
    """Runs the program; returns its standard output."""
    command = [str(binary), *map(str, words)]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(
            f"{binary}: {error.strerror}. Build it (swift build -c release), or name it by "
            f"--binary or {VARIABLE}"
        ) from None
    if found.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nexited with {found.returncode}:\n{found.stderr}")
    return found.stdout
