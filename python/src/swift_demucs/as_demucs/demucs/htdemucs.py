from swift_demucs.apply import HTDemucs
from swift_demucs.as_demucs import missing as __getattr__
