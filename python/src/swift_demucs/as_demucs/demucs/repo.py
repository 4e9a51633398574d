"""``demucs.repo``, by swift_demucs."""

from swift_demucs._missing import missing as __getattr__
from swift_demucs._modules import AnyModel
from swift_demucs.pretrained import ModelLoadingError
