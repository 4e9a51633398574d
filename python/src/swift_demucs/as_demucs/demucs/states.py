"""``demucs.states``, by swift_demucs."""

from swift_demucs._missing import missing as __getattr__
from swift_demucs.pretrained import get_model as load_model
