"""Notes played by a sound font, as float32 [2, n]: libfluidsynth through ctypes.

The library is Debian's libfluidsynth3 (LGPL 2.1). Its reverb and chorus are off; `effects` has
others.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oscillators import RATE_HZ, Array

# Numbers of SoundFont 2.04 generators, whose values are added to the font's.
FILTER_CENTS, ATTACK_TIMECENTS, COARSE_SEMITONES, FINE_CENTS = 8, 34, 51, 52
BEND_SEMITONES = 12  # range of the pitch wheel in each direction
EXPRESSION = 11  # a controller
DRUM_BANK = 128
KEPT = 64  # presets whose samples stay in memory; fluidsynth wants a multiple of 16

_POINTER, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
_WARNINGS = 2  # a level of fluidsynth's log
_FUNCTIONS = {
    "fluid_set_log_function": (_POINTER, [_INT, _POINTER, _POINTER]),
    "new_fluid_settings": (_POINTER, []),
    "new_fluid_synth": (_POINTER, [_POINTER]),
    "delete_fluid_synth": (None, [_POINTER]),
    "fluid_synth_get_sfont_by_id": (_POINTER, [_POINTER, _INT]),
    "fluid_synth_add_sfont": (_INT, [_POINTER, _POINTER]),
    "fluid_synth_remove_sfont": (_INT, [_POINTER, _POINTER]),
    "fluid_settings_setnum": (_INT, [_POINTER, ctypes.c_char_p, ctypes.c_double]),
    "fluid_settings_setint": (_INT, [_POINTER, ctypes.c_char_p, _INT]),
    "fluid_synth_sfload": (_INT, [_POINTER, ctypes.c_char_p, _INT]),
    "fluid_synth_program_select": (_INT, [_POINTER] + [_INT] * 4),
    "fluid_synth_noteon": (_INT, [_POINTER] + [_INT] * 3),
    "fluid_synth_noteoff": (_INT, [_POINTER] + [_INT] * 2),
    "fluid_synth_cc": (_INT, [_POINTER] + [_INT] * 3),
    "fluid_synth_set_gen": (_INT, [_POINTER, _INT, _INT, _FLOAT]),
    "fluid_synth_pitch_bend": (_INT, [_POINTER] + [_INT] * 2),
    "fluid_synth_pitch_wheel_sens": (_INT, [_POINTER] + [_INT] * 2),
    "fluid_synth_write_float": (_INT, [_POINTER, _INT] + [_POINTER, _INT, _INT] * 2),
}


@dataclass(frozen=True)
class Note:
    """A note: first sample and the sample of its release, MIDI key, velocity 1...127."""

    start: int
    end: int
    key: int
    velocity: float


@functools.cache
def _library() -> ctypes.CDLL:
    """The library with the types of the functions used here."""
    library = ctypes.CDLL(ctypes.util.find_library("fluidsynth") or "libfluidsynth.so.3")
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    # Off, since it warns of every channel without a program, and only one has a program.
    library.fluid_set_log_function(_WARNINGS, None, None)
    return library


Event = tuple  # sample, order, action, its arguments


def _events(
    notes: list[Note], bends: list[tuple[int, float]], swells: list[tuple[int, float]]
) -> list[Event]:
    """All events in their order: releases before attacks at the same sample."""
    events: list[Event] = []
    for note in notes:
        events.append((note.start, 2, "on", note.key, int(np.clip(note.velocity, 1, 127))))
        events.append((max(note.end, note.start + 64), 0, "off", note.key))
    for at, semitones in bends:
        wheel = int(np.clip(8192 + semitones / BEND_SEMITONES * 8192, 0, 16383))
        events.append((at, 1, "bend", wheel))
    for at, level in swells:
        events.append((at, 1, "swell", EXPRESSION, int(np.clip(level * 127, 0, 127))))
    return sorted(events)


class SoundFont:
    """One font. Every render has its own synthesiser, so that renders don't affect each other."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SystemExit(f"{path}: no such sound font; README.md lists the Debian packages")
        library = self.library = _library()
        self.settings = library.new_fluid_settings()
        library.fluid_settings_setnum(self.settings, b"synth.sample-rate", float(RATE_HZ))
        library.fluid_settings_setnum(self.settings, b"synth.gain", 0.5)
        for name in (b"synth.reverb.active", b"synth.chorus.active"):
            library.fluid_settings_setint(self.settings, name, 0)
        library.fluid_settings_setint(self.settings, b"synth.dynamic-sample-loading", 1)
        keeping = library.new_fluid_settings()
        library.fluid_settings_setint(keeping, b"synth.midi-channels", KEPT)
        library.fluid_settings_setint(keeping, b"synth.dynamic-sample-loading", 1)
        self.keeper = library.new_fluid_synth(keeping)
        number = library.fluid_synth_sfload(self.keeper, bytes(path), 0)
        if number < 0:
            raise SystemExit(f"{path}: fluidsynth cannot read this sound font")
        self.number = number
        self.font = library.fluid_synth_get_sfont_by_id(self.keeper, number)
        self.kept: dict[tuple[int, int], int] = {}  # their channels, oldest first
        # Presets of a new synthesiser's channels, which every render would read again if not kept.
        for channel, preset in enumerate(((0, 0), (DRUM_BANK, 0))):
            library.fluid_synth_program_select(self.keeper, channel, number, *preset)

    def _keep(self, preset: tuple[int, int]) -> None:
        """Keeps the samples of the last presets in memory, since reading them takes long."""
        if preset in self.kept:
            return
        channel = len(self.kept) + 2
        if channel == KEPT:
            channel = self.kept.pop(next(iter(self.kept)))
        self.library.fluid_synth_program_select(self.keeper, channel, self.number, *preset)
        self.kept[preset] = channel

    def render(
        self,
        preset: tuple[int, int],
        notes: list[Note],
        count: int,
        *,
        shape: dict[int, float] | None = None,
        bends: list[tuple[int, float]] | None = None,
        swells: list[tuple[int, float]] | None = None,
    ) -> Array:
        """The notes on a preset (bank, program) as [2, count]; silence if the font lacks it.

        `shape` offsets generators of the font (see the numbers above); `bends` are pairs of
        sample and semitones, `swells` pairs of sample and loudness 0...1.
        """
        library = self.library
        self._keep(preset)
        synth = library.new_fluid_synth(self.settings)
        number = library.fluid_synth_add_sfont(synth, self.font)
        channel = 9 if preset[0] == DRUM_BANK else 0
        sound = np.zeros((count, 2), dtype=np.float32)
        try:
            if library.fluid_synth_program_select(synth, channel, number, *preset) == 0:
                library.fluid_synth_pitch_wheel_sens(synth, channel, BEND_SEMITONES)
                for generator, value in (shape or {}).items():
                    library.fluid_synth_set_gen(synth, channel, generator, value)
                self._play(synth, channel, _events(notes, bends or [], swells or []), sound)
        finally:
            library.fluid_synth_remove_sfont(synth, self.font)
            library.delete_fluid_synth(synth)
        return np.ascontiguousarray(sound.T)

    def _play(self, synth: int, channel: int, events: list[Event], sound: Array) -> None:
        """Plays sorted events into the sound [n, 2], up to its end."""
        library, count = self.library, len(sound)
        actions = {
            "on": library.fluid_synth_noteon,
            "off": library.fluid_synth_noteoff,
            "bend": library.fluid_synth_pitch_bend,
            "swell": library.fluid_synth_cc,
        }
        at = 0
        base = sound.ctypes.data
        for when, _, action, *values in [*events, (count, 3, "end")]:
            until = max(at, min(when, count))
            if until > at:
                place = base + at * 8
                library.fluid_synth_write_float(synth, until - at, place, 0, 2, place, 1, 2)
                at = until
            if until >= count:
                break
            actions[action](synth, channel, *values)


@functools.cache
def sound_font(path: Path) -> SoundFont:
    """The font at a path, loaded once."""
    return SoundFont(path)
