from swift_demucs._modules import AnyModel
from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.pretrained import ModelLoadingError
