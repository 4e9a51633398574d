from swift_demucs.as_demucs import missing as __getattr__
from swift_demucs.separate import fatal
