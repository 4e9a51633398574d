"""Lets programs that import demucs run on swift-demucs, unmodified.

    PYTHONPATH=$(python -m swift_demucs.as_demucs) program ...
    python -m swift_demucs.as_demucs -- program ...
    python -m swift_demucs.as_demucs --install

The first two are for one program and its children. --install is for all programs of this Python
environment, where the package comes before an installed demucs, until --uninstall.
"""

from __future__ import annotations

import argparse
import os
import site
import sys
import sysconfig
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Command line."""
    own, dashes, program = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(
        "python -m swift_demucs.as_demucs", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--install", action="store_true", help="for all programs")
    group.add_argument("--uninstall", action="store_true", help="undo --install")
    given = parser.parse_args(own)
    if dashes and (not program or own):
        parser.error("expected a program after '--', and nothing before it")
    if program:
        path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
        try:
            os.execvpe(program[0], program, {**os.environ, "PYTHONPATH": path})
        except OSError as error:
            sys.exit(f"{program[0]} can't be run: {error.strerror}")
    elif given.install or given.uninstall:
        _change(given.install)
    else:
        print(FOLDER)


def _split(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    index = words.index("--") if "--" in words else len(words)
    return words[:index], words[index : index + 1], words[index + 1 :]


def _change(installs: bool) -> None:
    """Writes or removes the file that puts the folder in front of ``sys.path``."""
    own = str(FOLDER.parents[1])
    sites = [*site.getsitepackages(), site.getusersitepackages()]
    place = Path(own if own in sites else sysconfig.get_path("purelib"))
    file = place / "swift_demucs_as_demucs.pth"
    try:
        if installs:
            # A path alone would come after an installed demucs.
            file.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n")
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        sys.exit(f"{file} can't be changed: {error.strerror}; use PYTHONPATH={FOLDER} instead")
    print(f"{'wrote' if installs else 'no longer there:'} {file}")


if __name__ == "__main__":
    main()
