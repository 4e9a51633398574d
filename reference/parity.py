"""Compares the engine with its references, case by case.

    python parity.py COMMAND --help

    tracks           whole tracks with every option, and the official package
    python           the Python package, and demucs: the same calls
    commands         the reference's command and ours with every option, file by file
    roformers        RoFormers of published sizes on a chunk, and PyTorch
    roformer-tracks  whole tracks of small RoFormers, and Music-Source-Separation-Training
    separate         writes the stems of the official package

Prints a line for each case, and exits with 1 if one fails.
"""

from __future__ import annotations

import importlib
import sys

import command_line

MODULES = {
    "tracks": "parity_tracks",
    "python": "parity_python",
    "commands": "parity_commands",
    "roformers": "parity_roformers",
    "roformer-tracks": "parity_roformer_tracks",
    "separate": "official",
}


def main() -> int:
    """Command line. A module has `add_options`, and `cases`: a name, whether it passes, a text."""
    parser = command_line.parser(__doc__)
    parser.add_argument("command", choices=MODULES, metavar="COMMAND")
    command = parser.parse_args(sys.argv[1:2]).command
    # Only this one: each needs other packages.
    module = importlib.import_module(MODULES[command])
    parser = command_line.parser(module.__doc__)
    parser.prog += f" {command}"
    module.add_options(parser)
    count, failed = 0, []
    for name, passes, text in module.cases(parser.parse_args(sys.argv[2:])):
        print(f"{'ok' if passes else 'FAIL':6}{name:32}  {text}", flush=True)
        count += 1
        if not passes:
            failed.append(name)
    if not count:
        parser.error("no case has such a name")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
