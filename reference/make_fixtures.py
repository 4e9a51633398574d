"""Makes the golden tensors under Tests/Fixtures from the reference implementation.

    python reference/make_fixtures.py                # all that need only requirements.txt
    python reference/make_fixtures.py layers blocks  # some of them
    python reference/make_fixtures.py --list

The reference's own code computes every golden tensor. Inputs and parameters are drawn from a seed
(see draw.py and seeded_model.py); a file has their seed and rules, not their values. The same
versions on the same CPU write the same bytes; another CPU may change the last bits.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import NamedTuple

import torch

import command_line
import fixture

ROFORMER = "requirements-roformer.txt"
CHECKOUT = f"{ROFORMER} and --checkout"


class Maker(NamedTuple):
    """A module whose `make` writes fixtures, their folders, and what it needs besides demucs."""

    module: str
    folders: str
    needs: str = ""


MAKERS = {
    "layers": Maker("layer_fixtures", "layers"),
    "blocks": Maker("block_fixtures", "blocks"),
    "models": Maker("model_fixtures", "models"),
    "tracks": Maker("track_fixtures", "tracks"),
    "ports": Maker("port_fixtures", "ports"),
    "support": Maker("support_fixtures", "support"),
    "separation": Maker("separation_fixtures", "separation"),
    "signal": Maker("signal_fixtures", "signal, audio"),
    "evaluation": Maker("evaluation_fixtures", "evaluation"),
    "configurations": Maker("configuration_fixtures", "weights"),
    "formats": Maker("format_fixtures", "weights/formats"),
    "roformer": Maker("roformer_fixtures", "roformer", ROFORMER),
    "roformer_files": Maker("roformer_file_fixtures", "roformer_files", CHECKOUT),
}


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MAKERS))
    parser.add_argument("--list", action="store_true", help="names, folders, and what they need")
    parser.add_argument("--out", type=Path, help="folder to write to instead of Tests/Fixtures")
    parser.add_argument(
        "--checkout", type=Path, help="Music-Source-Separation-Training at commit ccc011a"
    )
    options = parser.parse_args()
    if options.list:
        for name, maker in MAKERS.items():
            print(f"{name:16}{maker.folders:18}{maker.needs}".rstrip())
        return
    for name in options.names:
        if name not in MAKERS:
            parser.error(f"no fixtures {name}; there are {', '.join(MAKERS)}")
        if MAKERS[name].needs == CHECKOUT and not options.checkout:
            parser.error(f"{name} needs {CHECKOUT}")
    if options.checkout:
        if not (options.checkout / "models" / "bs_roformer").is_dir():
            parser.error(f"{options.checkout} has no models/bs_roformer")
        sys.path.insert(0, str(options.checkout))
    if options.out:
        fixture.out = options.out
    torch.set_num_threads(1)
    for name in options.names or [name for name, maker in MAKERS.items() if not maker.needs]:
        importlib.import_module(MAKERS[name].module).make()


if __name__ == "__main__":
    main()
