"""A synthesiser: a wave through a ladder filter that moves at every sample, or modulated sines.

The filter is applied to the partials, so that nothing aliases: a note has a grid of wavetables for
several cutoffs, and every sample is interpolated between two of them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from sampled.effects import Generator, add, drive, samples, sides, silence, spread, times
from sampled.soundfont import Note
from stems import RATE_HZ, Array

TABLE_SAMPLES = 4096
TABLES = 12
TOP_HZ = 16_000.0  # of the highest partial, below half the sample rate

Range = tuple[float, float]


@dataclass(frozen=True)
class Patch:
    """What a song draws for a sound. Sine waves are modulated in frequency, others filtered."""

    waves: str = "saw saw square pulse triangle"
    cutoff_hz: Range = (120, 900)
    octaves: Range = (0.5, 4.5)  # of the filter's sweep; the index of a modulated sine
    seconds: Range = (0.04, 0.5)  # of the sweep
    turns: tuple[float, ...] = ()  # sweeps in a beat, if the filter goes up and down
    resonance: Range = (0, 0.8)
    voices: int = 1
    cents: Range = (4, 18)  # of voices
    attack: Range = (0.002, 0.015)  # seconds
    decay: Range = (0.15, 1.5)  # a time constant in seconds, as the release
    sustain: Range = (0.2, 1.0)
    release: float = 0.06
    ratios: tuple[float, ...] = (0.5, 1, 1, 2, 3, 1.41)  # of the modulator's frequency
    fall: float = 0.0  # octaves above the pitch at which a note begins
    glide: float = 0.0  # probability of sliding from the last note
    vibrato: float = 0.0  # semitones
    low: Range = (0, 0)  # level of a sine below
    drive: Range = (0, 0)


_LEAD = {"cutoff_hz": (400, 4000), "octaves": (0.5, 4), "seconds": (0.05, 0.6), "cents": (5, 22),
         "resonance": (0, 0.7), "release": 0.08}  # fmt: skip
PATCHES = {
    "swept": Patch(glide=0.35, low=(0, 0.45), voices=2, drive=(-6, 6)),
    "pluck": Patch(decay=(0.2, 0.4), sustain=(0.05, 0.06), voices=2, drive=(-6, 6)),
    "acid": Patch("saw saw square", resonance=(0.6, 0.95), glide=0.5, drive=(-3, 6)),
    "reese": Patch("saw", turns=(0.125, 0.25, 0.5), voices=3, cents=(16, 30), low=(0.1, 0.5)),
    "wobble": Patch("saw", turns=(0.5, 1, 1.5, 2, 3, 4), voices=2, cents=(16, 30), low=(0, 0.5)),
    "fm": Patch("sine", octaves=(1, 6)),
    "sub": Patch("sine", octaves=(0.05, 0.5), seconds=(2, 4), ratios=(1, 2), glide=0.35),
    "808": Patch("sine", octaves=(0.05, 0.3), ratios=(1, 2), decay=(0.6, 1.2), sustain=(0.2, 0.3),
                 release=0.15, fall=1.3, glide=0.35, drive=(-2, 4)),
    "supersaw": Patch("saw", voices=5, attack=(0.002, 0.2), decay=(1, 1), sustain=(0.8, 0.8),
                      **_LEAD),
    "stabs": Patch("saw square pulse organ sine", voices=3, decay=(0.3, 0.3), **_LEAD),
    "synth_pluck": Patch("saw square pulse organ sine", decay=(0.3, 0.3), ratios=(1, 2, 3, 3.5, 7),
                         sustain=(0.1, 0.3), **_LEAD),
    "synth_lead": Patch("saw saw square pulse organ", voices=2, vibrato=0.3, decay=(1, 1),
                        sustain=(0.8, 0.8), **_LEAD),
}  # fmt: skip


def swept(random: Generator, kind: str, pitch_hz: Array, cutoff_hz: Array, resonance: float,
          voices: int = 1, cents: float = 0.0, width: float = 0.25) -> Array:  # fmt: skip
    """A note [2, n] whose pitch and cutoff are given for every sample.

    Several voices are detuned around the pitch and spread from left to right.
    """
    highest = float(pitch_hz.max()) * 2 ** (cents / 1200)
    numbers = np.arange(1.0, 1 + np.clip(TOP_HZ // highest, 1, 400))
    low, high = max(20.0, float(cutoff_hz.min())), min(20_000.0, float(cutoff_hz.max()) + 1)
    high = max(high, low * 1.01)
    cutoffs = np.geomspace(low, high, TABLES)
    # Gain of a four-pole ladder low pass.
    ratio, feedback = numbers * highest / cutoffs[:, None], 3.6 * resonance
    gain = (1 + 0.6 * feedback) / ((1 + 1j * ratio) ** 4 + feedback)
    spectrum = np.zeros((TABLES, TABLE_SAMPLES // 2 + 1), dtype=np.complex128)
    amplitudes = {
        "saw": 1 / numbers,
        "square": (numbers % 2) / numbers,
        "pulse": np.abs(np.sin(np.pi * numbers * width)) / numbers,
        "triangle": (numbers % 2) / numbers**2,
        "organ": np.isin(numbers, (1, 2, 3, 4, 6, 8)) / np.sqrt(numbers),
    }
    partials = -1j * amplitudes[kind] * gain * (TABLE_SAMPLES / 2)
    spectrum[:, 1 : 1 + len(numbers)] = partials
    tables = fft.irfft(spectrum, TABLE_SAMPLES, axis=1).astype(np.float32).reshape(-1)
    place = np.log(np.clip(cutoff_hz, low, high) / low) * ((TABLES - 1) / np.log(high / low))
    row = np.minimum(place.astype(np.int64), TABLES - 2)
    blend = (place - row).astype(np.float32)
    row *= TABLE_SAMPLES
    turns = np.cumsum(pitch_hz, dtype=np.float64) * (TABLE_SAMPLES / RATE_HZ)
    sound = silence(len(pitch_hz))
    for k in range(voices):
        offset = 2 * k / (voices - 1) - 1 if voices > 1 else 0.0
        pace = 2 ** (cents * offset / 1200)
        index = (turns * pace + random.random() * TABLE_SAMPLES).astype(np.int64)
        index = (index & (TABLE_SAMPLES - 1)) + row
        tone = tables[index] * (1 - blend) + tables[index + TABLE_SAMPLES] * blend
        sound += sides(0.8 * offset * (-1) ** k) * tone
    return sound * np.float32(1.2 / np.sqrt(voices))


def play(random: Generator, name: str, notes: list[Note], count: int, beat_seconds: float
         ) -> Array:  # fmt: skip
    """Notes on a patch, whose settings are drawn once, as [2, count]."""
    patch = PATCHES[name]
    kind, width = str(random.choice(patch.waves.split())), random.uniform(0.1, 0.45)
    cutoff, seconds = spread(random, *patch.cutoff_hz), np.float32(spread(random, *patch.seconds))
    octaves, resonance, cents, attack, decay, sustain, low, hot = (
        random.uniform(*range)
        for range in (patch.octaves, patch.resonance, patch.cents, patch.attack, patch.decay,
                      patch.sustain, patch.low, patch.drive)
    )  # fmt: skip
    turns = random.choice(patch.turns, size=3) if patch.turns else ()
    ratio, feedback = float(random.choice(patch.ratios)), random.uniform(0, 0.8)
    slow_hz, slow = random.uniform(0.03, 0.5), max(0.0, random.uniform(-1, 1.5))
    glide = random.uniform(0.005, 0.05) if random.random() < patch.glide else 0.0
    track = silence(count)
    before = None
    for note in notes:
        held = note.end - note.start
        length = min(count - note.start, held + samples(4 * patch.release))
        if length < 64:
            continue
        t = times(length)
        slide = before.key - note.key if before and glide and before.end > note.start - 400 else 0
        bend = slide * np.exp(-t / np.float32(max(glide, 1e-3)))
        bend += 12 * patch.fall * np.exp(-t * 45)
        bend += patch.vibrato * np.sin(2 * np.pi * 5.5 * t) * np.minimum(1, 3 * t)
        pitch = 440.0 * 2.0 ** ((note.key + bend - 69) / 12)
        phase = 2 * np.pi / RATE_HZ * np.cumsum(pitch, dtype=np.float64)
        fall = np.exp(-t / seconds)
        if kind == "sine":
            inner = np.sin(ratio * phase + feedback * np.sin(ratio * phase))
            tone = np.sin(phase + octaves * (0.1 + fall) * inner)[None]
        else:
            if patch.turns:
                pace = 2 * np.pi * float(random.choice(turns)) / beat_seconds
                fall = 0.5 - 0.5 * np.cos(pace * t)
            sweep = octaves * fall + slow * np.sin(2 * np.pi * slow_hz * (note.start / RATE_HZ + t))
            moving = np.clip(cutoff * 2.0**sweep, 50, 18_000)
            tone = swept(random, kind, pitch, moving, resonance, patch.voices, cents, width)
        if low:
            tone = tone + low * np.sin(phase if note.key < 37 else phase / 2)
        shape = sustain + (1 - sustain) * np.exp(-t / np.float32(decay))
        shape *= np.minimum(1, t / np.float32(max(attack, 1e-4)))
        shape *= np.exp(-np.maximum(0, t - np.float32(held / RATE_HZ)) / np.float32(patch.release))
        shape *= np.minimum(1, np.arange(length, 0, -1, dtype=np.float32) / 256)
        add(track, note.start, np.float32(note.velocity / 100) * (tone * shape).astype(np.float32))
        before = note
    return drive(track, hot) if hot > 0.5 else track
