"""``demucs.separate``, by swift_demucs."""

from swift_demucs._missing import missing as __getattr__
from swift_demucs.separate import *

if __name__ == "__main__":
    from swift_demucs.separate import command

    command()
