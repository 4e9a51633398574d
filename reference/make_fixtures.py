"""Makes the golden tensors under Tests/Fixtures from the reference implementation.

    python reference/make_fixtures.py                # all of them
    python reference/make_fixtures.py layers blocks  # some groups

The reference's own modules compute every golden tensor. Inputs and parameters are drawn from a seed
(see draw.py and seeded_model.py); a file has their seed and rules, not their values. The same
versions on the same CPU write the same bytes; another CPU may change the last bits.
"""

from __future__ import annotations

import torch

import block_fixtures
import command_line
import layer_fixtures
import model_fixtures
import port_fixtures
import support_fixtures
import track_fixtures

GROUPS = {
    "layers": layer_fixtures.make,
    "blocks": block_fixtures.make,
    "models": model_fixtures.make,
    "tracks": track_fixtures.make,
    "ports": port_fixtures.make,
    "support": support_fixtures.make,
}


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    options = parser.parse_args()
    for group in options.groups:
        if group not in GROUPS:
            parser.error(f"no group {group}; there are {', '.join(GROUPS)}")
    torch.set_num_threads(1)
    for group in options.groups or GROUPS:
        GROUPS[group]()


if __name__ == "__main__":
    main()
