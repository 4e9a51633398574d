"""Command lines of the scripts: the docstring as help, and the options that several have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import program

ROOT = Path(__file__).resolve().parents[1]
SHARED: dict[str, dict[str, Any]] = {
    "audio": {"type": Path, "required": True, "help": "real music"},
    "start": {"type": float, "default": 0.0, "help": "seconds into the music"},
    "seconds": {"type": float, "default": 30.0, "help": "of the music"},
    "floor": {"type": float, "default": -60.0, "help": "dB of the noise (-60)"},
    "model": {"type": Path, "default": ROOT / "Models" / "demo.safetensors"},
    "binary": {"type": Path, "default": program.default(), "help": "swift-demucs"},
    "threads": {"type": int, "default": 2},
    "seed": {"type": int, "default": 1, "help": "of the weights"},
    "double": {"action": "store_true", "help": "float64 as well"},
    "min-snr": {"type": float, "default": 100.0, "help": "dB"},
}


def add(parser: argparse._ActionsContainer, *shared: str) -> None:
    """Adds some of the shared options."""
    for name in shared:
        parser.add_argument(f"--{name}", **SHARED[name])


def parser(docstring: str | None, *shared: str) -> argparse.ArgumentParser:
    """A parser that shows a script's docstring, with some of the shared options."""
    found = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add(found, *shared)
    return found


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs a script. Bad input ends it with a sentence; `python -X dev` shows the traceback."""
    try:
        sys.exit(main())
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        text = " ".join(str(error).split())[:500]
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        raise SystemExit(f"{command}: {type(error).__name__}: {text}") from None
