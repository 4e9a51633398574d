"""``demucs.htdemucs``, by swift_demucs."""

from swift_demucs._missing import missing as __getattr__
from swift_demucs.apply import HTDemucs
