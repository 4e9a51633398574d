from swift_demucs.apply import HTDemucs as HDemucs
from swift_demucs.as_demucs import missing as __getattr__
