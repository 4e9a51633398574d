from swift_demucs.api import *
from swift_demucs.apply import apply_model
from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.audio import AudioFile, convert_audio
from swift_demucs.pretrained import get_model
