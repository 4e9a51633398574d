"""Lets programs that import demucs run on swift-demucs, unmodified.

    PYTHONPATH=$(python -m swift_demucs.as_demucs) program ...
    python -m swift_demucs.as_demucs -- program ...
    python -m swift_demucs.as_demucs --install

The first two are for one program and its children. --install is for all programs of this Python
environment, where the package comes before an installed demucs, until --uninstall.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Command line."""
    words = sys.argv[1:]
    if not words:
        print(FOLDER)
    elif words[0] == "--" and words[1:]:
        path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
        try:
            os.execvpe(words[1], words[1:], {**os.environ, "PYTHONPATH": path})
        except OSError as error:
            sys.exit(f"{words[1]} can't be run: {error.strerror}")
    elif words in (["--install"], ["--uninstall"]):
        change(words == ["--install"])
    elif words in (["-h"], ["--help"]):
        print(__doc__)
    else:
        print(f"invalid arguments: {' '.join(words)}\n\n{__doc__}", file=sys.stderr)
        sys.exit(2)


def change(installs: bool) -> None:
    """Writes or removes the file that puts the folder in front of ``sys.path``."""
    own = str(FOLDER.parents[1])
    # A virtual environment may see the system's packages, but only its own folder is its own.
    is_virtual = sys.prefix != sys.base_prefix
    sites = [] if is_virtual else [*site.getsitepackages(), site.getusersitepackages()]
    place = Path(own if own in sites else sysconfig.get_path("purelib"))
    file = place / "swift_demucs_as_demucs.pth"
    try:
        if installs:
            # A path alone would come after an installed demucs; as bytes it suits any locale, while
            # Python doesn't even start with a file that the locale can't decode.
            line = f"import os, sys; sys.path.insert(0, os.fsdecode({os.fsencode(FOLDER)!r}))\n"
            file.write_text(line)
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        sys.exit(f"{file} can't be changed: {error.strerror}; use PYTHONPATH={FOLDER} instead")
    print(f"{'wrote' if installs else 'no longer there:'} {file}")


if __name__ == "__main__":
    main()
