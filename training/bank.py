"""Makes songs for a training: packs of 50 songs with their true stems (packs.py).

    python bank.py BANK_DIR --songs 1000

Packs appear one after the other, each of them complete and named by its first seed. Packs that are
there already are kept, even with fewer songs, so the same call goes on after an interruption.
"""

import argparse
from pathlib import Path

from generate import generate
from packs import FIRST_HELD_OUT_SEED, write_pack

SONGS_OF_A_PACK = 50


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="BANK_DIR")
    parser.add_argument("--songs", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    last = options.first_seed + options.songs
    if not 0 <= options.first_seed < last <= FIRST_HELD_OUT_SEED:
        parser.error(
            f"seeds {options.first_seed:,} to {last - 1:,}; expected at least one, from 0 to "
            f"{FIRST_HELD_OUT_SEED - 1:,}: later ones are held out"
        )
    for first in range(options.first_seed, last, SONGS_OF_A_PACK):
        path = options.directory / f"{first:07d}.tar"
        if not path.exists():
            seeds = range(first, min(last, first + SONGS_OF_A_PACK))
            write_pack(path, ((seed, generate(seed, options.seconds)) for seed in seeds))
            print(path, flush=True)


if __name__ == "__main__":
    main()
