"""``demucs.separate`` (demucs 4.1.0): the command, as a function.

swift_demucs.separate.main(["--mp3", "--two-stems", "vocals", "-n", "htdemucs", "song.mp3"])
"""

from __future__ import annotations

import subprocess
import sys
from typing import Optional, Sequence

from ._library import PROGRAM

__all__ = ["main"]


def main(opts: Optional[Sequence[str]] = None) -> None:
    """Runs ``swift-demucs`` with these arguments, or with those of this process.

    Raises :class:`SystemExit` with the command's exit code, unless that is 0: 2 for invalid
    arguments, 1 for a track that failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    code = subprocess.run([PROGRAM, *(sys.argv[1:] if opts is None else opts)]).returncode
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
