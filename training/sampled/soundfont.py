"""Notes played by a sound font, as float32 [2, n]: libfluidsynth through ctypes.

The library is Debian's libfluidsynth3 (LGPL 2.1). Its reverb and chorus are off; `effects` has
others.
"""

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stems import RATE_HZ, Array

# Numbers of SoundFont 2.04 generators, whose values are added to the font's.
FILTER_CENTS, ATTACK_TIMECENTS, COARSE_SEMITONES, FINE_CENTS = 8, 34, 51, 52
BEND_SEMITONES = 12  # range of the pitch wheel in each direction
DRUM_BANK = 128

_WARNINGS = 2  # a level of fluidsynth's log


class _Pointer(ctypes.c_void_p):
    """A pointer that ctypes does not turn into a number, which it would pass on as an int."""


@dataclass(frozen=True)
class Note:
    """A note: first sample and the sample of its release, MIDI key, velocity 1...127."""

    start: int
    end: int
    key: int
    velocity: float


@functools.cache
def _library() -> ctypes.CDLL:
    """The library; its other functions return ints and get what is passed."""
    library = ctypes.CDLL("libfluidsynth.so.3")
    for name in ("new_fluid_settings", "new_fluid_synth", "fluid_synth_get_sfont_by_id"):
        getattr(library, name).restype = _Pointer
    # Off, since it warns of every channel without a program, and only one has a program.
    library.fluid_set_log_function(_WARNINGS, None, None)
    return library


def _events(notes: list[Note], bends: list[tuple[int, float]]) -> list[tuple]:
    """All events in their order, releases before attacks: sample, order, function, arguments."""
    events: list[tuple] = []
    for note in notes:
        velocity = int(np.clip(note.velocity, 1, 127))
        events.append((note.start, 2, "fluid_synth_noteon", note.key, velocity))
        events.append((max(note.end, note.start + 64), 0, "fluid_synth_noteoff", note.key))
    for at, semitones in bends:
        wheel = int(np.clip(8192 + semitones / BEND_SEMITONES * 8192, 0, 16383))
        events.append((at, 1, "fluid_synth_pitch_bend", wheel))
    return sorted(events)


@functools.cache
class SoundFont:
    """A font, loaded once. Each render has its own synthesiser: renders don't affect each other."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SystemExit(f"{path}: no such sound font; README.md lists the Debian packages")
        library = self.library = _library()
        settings = self.settings = library.new_fluid_settings()
        library.fluid_settings_setnum(settings, b"synth.sample-rate", ctypes.c_double(RATE_HZ))
        library.fluid_settings_setnum(settings, b"synth.gain", ctypes.c_double(0.5))
        for name in (b"synth.reverb.active", b"synth.chorus.active"):
            library.fluid_settings_setint(settings, name, 0)
        library.fluid_settings_setint(settings, b"synth.dynamic-sample-loading", 1)
        self.owner = library.new_fluid_synth(settings)
        self.number = library.fluid_synth_sfload(self.owner, bytes(path), 0)
        if self.number < 0:
            raise SystemExit(f"{path}: fluidsynth cannot read this sound font")
        self.font = library.fluid_synth_get_sfont_by_id(self.owner, self.number)
        # A pinned preset's samples stay in memory; else every render would read them again. These
        # two are on the channels of each new synthesiser.
        for preset in ((0, 0), (DRUM_BANK, 0)):
            library.fluid_synth_pin_preset(self.owner, self.number, *preset)

    def render(self, preset: tuple[int, int], notes: list[Note], count: int,
               shape: dict[int, float], bends: list[tuple[int, float]]) -> Array:  # fmt: skip
        """The notes on a preset (bank, program) as [2, count]; silence if the font lacks it.

        `shape` offsets generators of the font (see the numbers above); `bends` are pairs of
        sample and semitones.
        """
        library = self.library
        library.fluid_synth_pin_preset(self.owner, self.number, *preset)
        synth = library.new_fluid_synth(self.settings)
        number = library.fluid_synth_add_sfont(synth, self.font)
        channel = 9 if preset[0] == DRUM_BANK else 0
        sound = np.zeros((count, 2), dtype=np.float32)
        try:
            if library.fluid_synth_program_select(synth, channel, number, *preset) == 0:
                library.fluid_synth_pitch_wheel_sens(synth, channel, BEND_SEMITONES)
                for generator, value in shape.items():
                    library.fluid_synth_set_gen(synth, channel, generator, ctypes.c_float(value))
                self._play(synth, channel, _events(notes, bends), sound)
        finally:
            library.fluid_synth_remove_sfont(synth, self.font)
            library.delete_fluid_synth(synth)
        return np.ascontiguousarray(sound.T)

    def _play(self, synth: _Pointer, channel: int, events: list[tuple], sound: Array) -> None:
        """Plays sorted events into the sound [n, 2], up to its end."""
        at, base = 0, sound.ctypes.data
        for when, _, function, *values in [*events, (len(sound), 3, "")]:
            until = max(at, min(when, len(sound)))
            if until > at:
                place = _Pointer(base + at * 8)
                self.library.fluid_synth_write_float(synth, until - at, place, 0, 2, place, 1, 2)
                at = until
            if until >= len(sound):
                break
            getattr(self.library, function)(synth, channel, *values)
