"""``python -m swift_demucs`` and the script ``swift-demucs``: the native command."""

from __future__ import annotations

import os
import sys

from ._library import PROGRAM


def main() -> None:
    """Replaces this process with the native command."""
    os.execv(PROGRAM, ["swift-demucs", *sys.argv[1:]])


if __name__ == "__main__":
    main()
