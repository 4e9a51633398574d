import contextlib

from swift_demucs.apply import *
from swift_demucs.apply import HTDemucs as Demucs
from swift_demucs.apply import HTDemucs as HDemucs
from swift_demucs.as_demucs import missing as __getattr__

with contextlib.suppress(ImportError):
    import tqdm
