"""Music of sampled instruments, synthesisers and singing vocoders, with its true stems.

libfluidsynth reads sound fonts with the libsndfile that was loaded first. It is loaded here, with
Debian's, because soundfile's libsndfile decodes them to other bits.
"""

import contextlib
import ctypes

with contextlib.suppress(OSError):  # without it soundfont.py fails
    ctypes.CDLL("libfluidsynth.so.3")
