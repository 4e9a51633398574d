"""``demucs.separate`` (demucs 4.1.0): the command, as a function.

swift_demucs.separate.main(["--mp3", "--two-stems", "vocals", "-n", "htdemucs", "song.mp3"])
"""

from __future__ import annotations

import signal
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
    if isinstance(opts, str):
        raise TypeError(f"the arguments are {opts!r}, expected a list of texts")
    command = subprocess.Popen([PROGRAM, *(sys.argv[1:] if opts is None else opts)])
    try:
        code = command.wait()
    except KeyboardInterrupt:
        # In a notebook only this process gets the signal; the command removes its unfinished files.
        command.send_signal(signal.SIGINT)
        command.wait()
        raise
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
