"""A synthesised singing voice: a buzzing source and noise through moving formants.

A lead line, sometimes doubled by a harmony: pitch with portamento, vibrato and jitter; a vowel
for each syllable; consonants as bursts of noise, as a murmur or as a stop; breaths before
phrases. Source and noise are filtered frame by frame in the short-time spectrum, where a spectral
envelope of any shape is one multiplication.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

import effects
from oscillators import RATE_HZ, TABLE_SAMPLES, Array, Generator, hertz, partials, samples
from sampled.score import Score, Section

HOP = 256
FRAME = 1024
FRAME_HZ = RATE_HZ / HOP
MIDDLE = 60  # MIDI note of the C from which scale degrees are counted
FREQUENCIES_HZ = np.arange(FRAME // 2 + 1, dtype=np.float32) * (RATE_HZ / FRAME)

# First four formants in Hz.
VOWELS = np.array([
    (730, 1090, 2440, 3400), (530, 1840, 2480, 3500), (270, 2290, 3010, 3600),
    (570, 840, 2410, 3300), (300, 870, 2240, 3200), (660, 1720, 2410, 3500),
    (500, 1500, 2500, 3400), (440, 1020, 2240, 3300),
])  # fmt: skip
BANDWIDTHS_HZ = (90, 110, 160, 220)
GAINS = (1.0, 0.7, 0.45, 0.3)
# Centre and width in Hz of the noise, length in seconds, loudness; None: a murmur without noise.
CONSONANTS = {
    "s": (7500, 2200, 0.10, 0.55), "sh": (3800, 1500, 0.10, 0.5), "f": (6000, 5000, 0.08, 0.25),
    "t": (5000, 3000, 0.035, 0.7), "k": (2200, 1000, 0.035, 0.7), "p": (1000, 900, 0.03, 0.6),
    "h": (1500, 2500, 0.07, 0.25), "m": None, "l": None,
}  # fmt: skip


@dataclass(frozen=True)
class Syllable:
    """One sung note."""

    start: int  # in samples
    end: int
    note: float
    vowel: int
    consonant: str | None
    first: bool  # whether the syllable begins a phrase


@dataclass(frozen=True)
class Throat:
    """One singer."""

    size: float  # scales formants
    vibrato_hz: float
    vibrato_depth: float  # share of the pitch
    glide_seconds: float
    breath: float
    tilt: float  # exponent of the fall of the source's partials


def _phrase(score: Score, section: Section, bar: int, random: Generator, lowest: int, last: int
            ) -> tuple[list[Syllable], int]:  # fmt: skip
    """Two bars of melody, and the scale degree on which it ends."""
    step = float(random.choice([0, 0, 2, 4]))
    rest = float(random.choice([4, 6, 8]))
    end = min(2, section.first_bar + section.bars - bar) * 16 - rest
    syllables = []
    degree = last
    while step < end:
        length = float(random.choice([2, 2, 3, 4, 4, 6, 8]))
        length = min(length, end - step)
        degree += int(random.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3]))
        if step % 8 == 0:
            chord = score.chord(section, bar + int(step // 16))
            degree = min(
                (c + 7 * o for c in chord for o in range(-4, 3)), key=lambda d: abs(d - degree)
            )
        while score.degree(degree, MIDDLE) > lowest + 17:
            degree -= 3
        while score.degree(degree, MIDDLE) < lowest:
            degree += 3
        held = random.random() < 0.15 and syllables
        syllables.append(
            Syllable(
                start=score.at(bar, step),
                end=score.at(bar, step + length),
                note=float(score.degree(degree, MIDDLE)),
                vowel=syllables[-1].vowel if held else int(random.integers(len(VOWELS))),
                consonant=None
                if held or random.random() < 0.1
                else str(random.choice(list(CONSONANTS))),
                first=not syllables,
            )
        )
        step += length
    return syllables, degree


def _buzz(pitch_hz: Array, numbers: Array, amplitudes: Array, phase: float) -> Array:
    """A tone [n] from partials at a pitch for each sample; `phase` is in periods."""
    spectrum = np.zeros(TABLE_SAMPLES // 2 + 1, dtype=np.complex128)
    turn = np.exp(1j * (0.6 * numbers**0.5))
    spectrum[1 : 1 + len(numbers)] = amplitudes * turn * (TABLE_SAMPLES / 2)
    table = fft.irfft(spectrum, TABLE_SAMPLES).astype(np.float32)
    position = np.cumsum(pitch_hz, dtype=np.float64) * (TABLE_SAMPLES / RATE_HZ)
    position += phase * TABLE_SAMPLES
    return table[position.astype(np.int64) & (TABLE_SAMPLES - 1)]


def _filtered(sound: Array, spectrum_gain: Array) -> Array:
    """Multiplies the spectrum of each frame by gains [frames, FRAME / 2 + 1]."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
    count = len(sound)
    frames = len(spectrum_gain)
    padded = np.zeros(frames * HOP + FRAME, dtype=np.float32)
    padded[FRAME // 2 : FRAME // 2 + count] = sound
    pieces = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[: frames * HOP : HOP] * window
    pieces = fft.irfft(fft.rfft(pieces, axis=1) * spectrum_gain, FRAME, axis=1).astype(np.float32)
    pieces *= window * np.float32(HOP / FRAME * 2)
    result = np.zeros(len(padded), dtype=np.float32).reshape(-1, HOP)
    for part in range(FRAME // HOP):
        result[part : part + frames] += pieces[:, part * HOP : (part + 1) * HOP]
    return result.reshape(-1)[FRAME // 2 : FRAME // 2 + count]


def _formants(centres: Array, murmur: Array) -> Array:
    """Gain [frames, frequencies] of formants at `centres` [frames, 4]; `murmur` lowers treble."""
    gain = np.full((len(centres), len(FREQUENCIES_HZ)), 0.012, dtype=np.float32)
    for k in range(4):
        offset = (FREQUENCIES_HZ - centres[:, k : k + 1]) / np.float32(BANDWIDTHS_HZ[k] / 2)
        gain += np.float32(GAINS[k]) / np.sqrt(1 + offset * offset)
    closed = 1 / (1 + (FREQUENCIES_HZ / np.float32(450)) ** 2)
    return gain * (1 - murmur[:, None] * (1 - closed))


def _smooth(values: Array, seconds: float) -> Array:
    """Gaussian smoothing along the frames."""
    return ndimage.gaussian_filter1d(values, max(0.3, seconds * FRAME_HZ), axis=0, mode="nearest")


def _sing(syllables: list[Syllable], count: int, throat: Throat, random: Generator) -> Array:
    """A mono voice."""
    frames = count // HOP + 4
    notes = np.full(frames, syllables[0].note)
    centres = np.tile(VOWELS[6] * 1.0, (frames, 1))
    voiced, murmur = np.zeros(frames), np.zeros(frames)
    noise = np.zeros((frames, len(FREQUENCIES_HZ)), dtype=np.float32)
    age = np.zeros(frames)
    for syllable in syllables:
        a, b = syllable.start // HOP, min(syllable.end // HOP, frames)
        if a >= frames:
            break
        notes[a:] = syllable.note
        centres[a:] = VOWELS[syllable.vowel]
        gap = 2 if random.random() < 0.5 else 6
        voiced[a : max(a + 1, b - gap)] = random.uniform(0.75, 1.0)
        age[a:b] = np.arange(b - a)
        kind = CONSONANTS.get(syllable.consonant or "")
        if kind is not None:
            centre, spread, length, loud = kind
            n = max(2, int(length * random.uniform(0.8, 1.3) * FRAME_HZ))
            begin = max(0, a - n // 2)
            shape = np.hanning(n + 2)[1:-1] if n > 8 else np.exp(-np.arange(n) / 3)
            band = loud * np.exp(-(((FREQUENCIES_HZ - centre) / spread) ** 2))
            stop = min(frames, begin + n)
            noise[begin:stop] += shape[: stop - begin, None] * band
            voiced[begin:stop] = 0
        elif syllable.consonant:
            murmur[max(0, a - 2) : a + int(0.05 * FRAME_HZ)] = 1
        if syllable.first and throat.breath > 0:
            n = int(random.uniform(0.15, 0.3) * FRAME_HZ)
            begin = max(0, a - n - 6)
            stop = max(begin, a - 6)
            band = np.exp(-(((FREQUENCIES_HZ - 2200) / 2500) ** 2))
            noise[begin:stop] += np.hanning(stop - begin)[:, None] * (throat.breath * band)
    voiced = _smooth(voiced, 0.012)
    centres = (_smooth(centres, 0.03) * throat.size).astype(np.float32)
    gain = _formants(centres, _smooth(murmur, 0.01).astype(np.float32))
    # Aspiration: the voice's own noise, through the same formants.
    noise += gain * (0.04 * throat.breath * voiced[:, None]).astype(np.float32)

    seconds = np.arange(frames) / FRAME_HZ
    onset = np.clip((age / FRAME_HZ - 0.1) / 0.2, 0, 1)
    wobble = np.sin(
        2 * np.pi * (throat.vibrato_hz * seconds + _smooth(random.normal(0, 0.3, frames), 0.2))
    )
    drift = (
        _smooth(random.normal(0, 1, frames), 0.03) * 0.012
        + _smooth(random.normal(0, 1, frames), 0.2) * 0.03
    )
    pitch = hertz(_smooth(notes, throat.glide_seconds) + drift)
    pitch = pitch * (1 + throat.vibrato_depth * onset * wobble)
    at = np.arange(frames) * HOP
    frequency = np.interp(np.arange(count), at, pitch)
    loudness = voiced * (1 + 0.15 * onset * wobble)
    numbers = partials(float(pitch.max()), 70)
    source = _buzz(frequency, numbers, numbers**-throat.tilt, random.random())
    source *= np.interp(np.arange(count), at, loudness).astype(np.float32)
    hiss = random.standard_normal(count).astype(np.float32)
    return _filtered(source, gain) + _filtered(hiss, noise)


def _harmony(
    score: Score, syllables: list[Syllable], move: int, random: Generator
) -> list[Syllable]:
    """A harmony: the same syllables `move` degrees of the scale away, a little early or late."""
    scale = {score.degree(degree, MIDDLE): degree for degree in range(-35, 29)}
    result = []
    for syllable in syllables:
        late = samples(random.normal(0, 0.012))
        note = score.degree(scale[int(syllable.note)] + move, MIDDLE)
        start, end = max(0, syllable.start + late), max(1, syllable.end + late)
        result.append(Syllable(start, end, float(note), syllable.vowel, syllable.consonant, False))
    return result


def render(score: Score) -> Array:
    """The vocal stem [2, n]."""
    random = score.generator("vocals")
    high = random.random() < 0.5
    lowest = int(random.integers(56, 61)) if high else int(random.integers(45, 51))
    size = random.uniform(1.05, 1.22) if high else random.uniform(0.88, 1.02)

    def throat() -> Throat:
        return Throat(
            size=size * random.uniform(0.97, 1.03),
            vibrato_hz=random.uniform(4.6, 6.5),
            vibrato_depth=random.uniform(0.01, 0.03),
            glide_seconds=random.uniform(0.02, 0.06),
            breath=random.uniform(0.2, 0.8),
            tilt=random.uniform(0.5, 0.95),
        )

    lead: list[Syllable] = []
    backed: list[Syllable] = []
    degree = 0
    for section in score.sections:
        if "vocals" not in section.active:
            continue
        for bar in range(section.first_bar, section.first_bar + section.bars, 2):
            phrase, degree = _phrase(score, section, bar, random, lowest, degree)
            lead += phrase
            if section.name == "chorus":
                backed += phrase
    count = score.length_samples
    lead = [syllable for syllable in lead if syllable.start < count]
    backed = [syllable for syllable in backed if syllable.start < count]
    track = np.zeros((2, count), dtype=np.float32)
    if lead:
        pan = random.uniform(-0.1, 0.1)
        track += _sing(lead, count, throat(), random) * np.array([[1 - pan], [1 + pan]], np.float32)
    if backed and random.random() < 0.6:
        for side, move in ((-0.6, 2), (0.6, int(random.choice([-3, 4])))):
            voice = _sing(_harmony(score, backed, move, random), count, throat(), random)
            track += 0.35 * voice * np.array([[1 - side], [1 + side]], dtype=np.float32)
    track = effects.high_pass(track, 90)
    track = effects.equalise(track, random, 1.5)
    track = effects.compress(track, random.uniform(1.5, 4.0), 0.12)
    if random.random() < 0.4:
        track = effects.echo(track, score.beat_seconds * 0.75, 0.4, random.uniform(0.08, 0.25))
    return effects.reverb(track, random, random.uniform(0.4, 1.6), random.uniform(0.03, 0.15))
