from swift_demucs.apply import HTDemucs as Demucs
from swift_demucs.as_demucs import missing as __getattr__
