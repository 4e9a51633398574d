"""Sources of the sounds, and which are held out; README.md has the packages and licences."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sampled import effects
from stems import RATE_HZ, Array

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3")
CSOUND = Path("/usr/share/sounds/sf2/sf_GMbank.sf2")
SAMPLES = Path("/usr/share/sonic-pi/samples")


@dataclass(frozen=True)
class Palette:
    """The sounds that a song may use."""

    fonts: tuple[Path, ...]
    drum_fonts: tuple[Path, ...]
    kits: frozenset[str]  # families; see drums.py
    voices: tuple[str, ...]  # see voices.py


TRAINING = Palette(
    fonts=(FLUID, MUSESCORE),
    drum_fonts=(FLUID, MUSESCORE),
    kits=frozenset(
        ("acoustic", "electronic", "808", "jazz", "brush", "orchestra", "studio", "machine")
    ),
    voices=("flite:slt", "flite:rms", "flite:kal16", "festival:cmu_us_slt_arctic_hts",
            "festival:ked_diphone"),
)  # fmt: skip
# Melodic instruments, a kit and a singer that training never hears.
HELD_OUT = Palette(
    fonts=(CSOUND,),
    drum_fonts=(FLUID,),
    kits=frozenset(("power",)),
    voices=("flite:awb",),
)


@functools.cache
def one_shot(name: str) -> Array:
    """A sample of sonic-pi-samples as [2, n] at 44.1 kHz."""
    import soundfile

    path = SAMPLES / f"{name}.flac"
    if not path.exists():
        raise SystemExit(f"{path}: no such sample; README.md lists the Debian packages")
    sound, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    sound = np.repeat(sound.T, 2, axis=0)[:2] if sound.shape[1] == 1 else sound.T[:2]
    return effects.at_pace(sound, rate / RATE_HZ) if rate != RATE_HZ else sound
