"""A singer: syllables of a spoken voice on the notes of a melody, by the WORLD vocoder."""

import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import ndimage

from sampled.effects import Generator, drive, normal
from sampled.voices import APERIODICITY_BINS, BINS, FRAME_HZ, TOP_HZ, Line, Syllable, lines
from stems import RATE_HZ, Array

CONSONANT_SECONDS = 0.16  # longest consonants before the beat
CODA_SECONDS = 0.12
WOMEN = frozenset(("flite:slt", "festival:cmu_us_slt_arctic_hts"))
# Factors on the formants' frequencies, by the voice (a woman's) and the range (high).
WARPS = {(True, True): (0.94, 1.12), (True, False): (0.8, 0.92),
         (False, True): (1.1, 1.26), (False, False): (0.92, 1.08)}  # fmt: skip
_HERTZ = np.linspace(0, RATE_HZ / 2, 1025)  # bins of an envelope for WORLD's synthesis


@dataclass(frozen=True)
class Sung:
    """A syllable: its time in seconds, and MIDI pitches from seconds after its start on."""

    start: float
    end: float
    pitches: tuple[tuple[float, float], ...]
    first: bool  # whether it begins a phrase
    word: tuple[int, int] = (0, 0)  # a line of the voice, and a syllable of that line


class Singer:
    """A voice and a manner of singing, drawn."""

    def __init__(self, random: Generator, voices: tuple[str, ...]) -> None:
        self.voice = str(random.choice(voices))
        woman = self.voice in WOMEN
        high = woman if random.random() < 0.75 else not woman
        tuned = random.random() < 0.2  # corrected pitch, as in much of pop
        self.lowest = int(random.integers(54, 62)) if high else int(random.integers(42, 52))
        self.warp = random.uniform(*WARPS[woman, high])
        self.contrast = random.uniform(1.0, 1.35)  # factor on the formants' depth in log power
        self.tilt = random.uniform(-0.1, 0.8)  # exponent that is added to the power above 300 Hz
        self.presence_db = random.uniform(2, 11)  # gain around 1.5 kHz
        self.ring_db = random.uniform(0, 9)  # the singer's formant
        self.ring_hz = random.uniform(2500, 3700)
        self.breath = random.uniform(-0.3, 0.8)
        self.vibrato_hz = random.uniform(4.5, 6.8)
        vibrato = 0.0 if tuned else random.choice([0, 0.15, 0.3, 0.5]) * random.uniform(0.7, 1.2)
        self.vibrato = vibrato  # semitones
        self.glide_seconds = 0.004 if tuned else random.uniform(0.015, 0.06)
        self.scoop = 0.0 if tuned else max(0.0, random.uniform(-1, 2))  # semitones
        self.drift = 0.02 if tuned else random.uniform(0.05, 0.25)
        self.growl = max(0.0, random.uniform(-0.6, 0.5))

    def like(self, random: Generator) -> Self:
        """The same singer in another take, for a double."""
        other = copy.copy(self)
        other.warp *= random.uniform(0.98, 1.02)
        other.tilt += random.uniform(-0.15, 0.15)
        other.breath += random.uniform(-0.1, 0.3)
        other.drift *= random.uniform(0.8, 1.5)
        return other

    def worded(self, random: Generator, notes: list[Sung]) -> list[Sung]:
        """Draws the syllable of each note; a phrase often begins with a line's first one."""
        spoken = lines(self.voice)
        line, place = int(random.integers(len(spoken))), 0
        result = []
        for note in notes:
            if note.first and random.random() < 0.7:
                line, place = int(random.integers(len(spoken))), 0
            if place >= len(spoken[line].syllables):
                line, place = (line + 1) % len(spoken), 0
            result.append(replace(note, word=(line, place)))
            place += 1
        return result


class _Frames:
    """Input of WORLD for each frame, filled in while notes are laid out."""

    def __init__(self, seconds: float) -> None:
        self.count = int(seconds * FRAME_HZ) + 1
        self.line = np.full(self.count, -1)
        self.source = np.zeros(self.count)  # frame of the spoken line
        self.voiced = np.zeros(self.count, dtype=bool)
        self.pitch = np.full(self.count, np.nan)
        self.loud = np.zeros(self.count)
        self.age = np.zeros(self.count)  # seconds since the note began
        self.left = np.full(self.count, 9.0)  # until it ends

    def span(self, start: float, end: float) -> slice:
        """Frames from one time in seconds to another."""
        first = min(max(0, int(start * FRAME_HZ)), self.count)
        return slice(first, max(first, min(self.count, int(end * FRAME_HZ))))

    def put(self, number: int, spoken: Line, knots: list[tuple[float, float]]) -> None:
        """Puts a spoken line between the knots: pairs of seconds and frames of the line."""
        at, place = zip(*knots, strict=True)
        where = self.span(at[0], at[-1])
        source = np.interp(np.arange(where.start, where.stop) / FRAME_HZ, at, place)
        self.source[where], self.line[where] = source, number
        nearest = np.clip(np.rint(source).astype(int), 0, len(spoken.pitch) - 1)
        self.voiced[where] = spoken.pitch[nearest] > 0


def _early(syllable: Syllable) -> float:
    """Seconds by which a syllable begins before its note."""
    return min((syllable.vowel - syllable.onset) / FRAME_HZ * 1.1, CONSONANT_SECONDS)


def _lay(frames: _Frames, notes: list[Sung], singer: Singer, random: Generator) -> None:
    """Lays syllables out: consonants before the beat, the vowel stretched to the note."""
    spoken = lines(singer.voice)
    syllables = [spoken[note.word[0]].syllables[note.word[1]] for note in notes]
    for k, (note, syllable) in enumerate(zip(notes, syllables, strict=True)):
        start, end, before = note.start, note.end, _early(syllable)
        if k + 1 < len(notes):  # room for the next consonants
            end = min(end, max(start + 0.05, notes[k + 1].start - _early(syllables[k + 1])))
        coda = min((syllable.end - syllable.coda) / FRAME_HZ, CODA_SECONDS)
        closing, span = max(start + 0.03, end - coda), syllable.coda - syllable.vowel
        knots = [(start - before, syllable.onset), (start, syllable.vowel)]
        if closing - start > span / FRAME_HZ:  # edges at their own pace, the middle held
            knots += [(start + 0.45 * span / FRAME_HZ, syllable.vowel + 0.45 * span),
                      (closing - 0.35 * span / FRAME_HZ, syllable.vowel + 0.65 * span)]  # fmt: skip
        knots += [(closing, syllable.coda), (max(end, closing), syllable.end)]
        frames.put(note.word[0], spoken[note.word[0]], knots)
        frames.voiced[frames.span(start, closing)] = True
        frames.loud[frames.span(start - before, end)] = 10 ** (random.normal(0, 2) / 20)
        ends = [start + late for late, _ in note.pitches[1:]] + [note.end]
        for (late, pitch), stop in zip(note.pitches, ends, strict=True):
            early = 0.0 if late else before
            frames.pitch[frames.span(start + late - early, stop + 0.1)] = pitch
            where = frames.span(start + late, stop)
            age = np.arange(where.stop - where.start) / FRAME_HZ
            frames.age[where], frames.left[where] = age, age[::-1]
            if note.first and not late:
                frames.pitch[where] -= singer.scoop * np.maximum(0, 1 - age / 0.12) ** 2


def _smooth(values: Array, seconds: float) -> Array:
    """Gaussian smoothing along the frames."""
    return ndimage.gaussian_filter1d(values, max(0.3, seconds * FRAME_HZ), mode="nearest")


def _pitch(frames: _Frames, singer: Singer, random: Generator) -> tuple[Array, Array]:
    """Pitch in hertz for each frame, and the swing of the vibrato."""
    count = frames.count
    known = np.where(np.isfinite(frames.pitch), np.arange(count), 0)
    np.maximum.accumulate(known, out=known)
    notes = frames.pitch[known]
    notes = np.where(np.isfinite(notes), notes, notes[np.isfinite(notes)][0])
    wander = _smooth(random.normal(0, 1, count), 0.15) * singer.drift * 5.0
    notes = _smooth(notes, singer.glide_seconds) + wander
    notes += _smooth(random.normal(0, 1, count), 0.008) * 0.05
    rate = singer.vibrato_hz + _smooth(random.normal(0, 1, count), 0.2) * 1.5
    swing = np.sin(2 * np.pi * np.cumsum(rate) / FRAME_HZ)
    swing *= np.clip((frames.age - 0.15) / 0.35, 0, 1)
    return 440 * 2 ** ((notes + singer.vibrato * swing - 69) / 12), swing


def _phrases(frames: _Frames) -> list[slice]:
    """Ranges of frames with sound: WORLD takes twice as long for silence as for singing."""
    active = ndimage.binary_dilation(frames.line >= 0, iterations=FRAME_HZ // 10)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.view(np.int8), [0]])))
    return [slice(first, last) for first, last in edges.reshape(-1, 2)]


def _between(table: Array, place: Array) -> Array:
    """Rows of a table at places between them."""
    place = np.clip(place, 0, len(table) - 1.001)
    first = place.astype(int)
    part = (place - first)[:, None].astype(np.float32)
    return table[first] * (1 - part) + table[first + 1] * part


def _timbre(lined: Array, source: Array, voiced: Array, singer: Singer) -> tuple[Array, Array]:
    """Log power and aperiodicity [frames, bins of _HERTZ] with the singer's timbre.

    Arguments for each frame: the spoken line, the position in it, whether it is voiced.
    """
    power = np.full((len(lined), BINS), -25, dtype=np.float32)
    noise = np.ones((len(lined), APERIODICITY_BINS), dtype=np.float32)
    for k in np.unique(lined[lined >= 0]):
        line, where = lines(singer.voice)[k], np.nonzero(lined == k)[0]
        power[where], noise[where] = (
            _between(table, source[where]) for table in (line.power, line.noise)
        )
        usual = np.median(line.noise[line.pitch > 0].astype(np.float32), axis=0)
        sung = where[voiced[where]]
        noise[sung] = np.minimum(noise[sung], np.maximum(usual * 1.5, 0.02))
    envelope = ndimage.uniform_filter1d(power, 36, axis=1)
    power = envelope + (power - envelope) * np.float32(singer.contrast)
    place = _HERTZ / singer.warp / TOP_HZ
    power, noise = (_between(x.T, place * (x.shape[1] - 1)).T for x in (power, noise))
    octaves = np.log(np.maximum(_HERTZ, 50))
    colour = singer.tilt * np.maximum(0, octaves - np.log(300))
    colour += singer.presence_db / 4.34 * np.exp(-(((octaves - np.log(1500)) / 0.45) ** 2))
    colour += singer.ring_db / 4.34 * np.exp(-(((_HERTZ - singer.ring_hz) / 700) ** 2))
    colour -= np.maximum(0, _HERTZ - 9000) / 1000 * 0.4
    power += np.where(voiced, 1.0, 0.3)[:, None].astype(np.float32) * colour.astype(np.float32)
    loud = np.log(np.exp(power[:, 5:400]).mean(1) + 1e-12)
    usual = np.median(loud[voiced]) if voiced.any() else 0.0
    excess = np.clip(_smooth(np.where(voiced, loud - usual, 0), 0.04), -4, 4)
    power -= (0.6 * excess)[:, None].astype(np.float32)  # vowels of about one loudness
    quiet = np.clip(noise ** np.exp(-singer.breath), 0.001, 1)
    return power, np.where(voiced[:, None], quiet, 1)


def _growled(sound: Array, pitch: Array, growl: float, random: Generator) -> Array:
    """Adds growl: every second and third period is weaker in places, and all is driven."""
    at, where = np.arange(len(pitch)) * (RATE_HZ / FRAME_HZ), np.arange(len(sound))
    cycles = np.cumsum(np.interp(where, at, pitch)) / RATE_HZ
    wobble = 0.6 * np.sin(np.pi * cycles) + 0.4 * np.sin(2 * np.pi * cycles / 3)
    places = _smooth(random.random(len(pitch)), 0.3) ** 2 * 2
    return drive(
        (sound * (1 + growl * wobble * np.interp(where, at, places)))[None], 1 + 4 * growl
    )[0]


def sing(random: Generator, singer: Singer, notes: list[Sung], count: int,
         loose_seconds: float = 0.0) -> Array:  # fmt: skip
    """Sings notes as [n]; `loose_seconds` is the deviation in time."""
    import pyworld

    late = random.normal(0, 1, len(notes)) * loose_seconds
    notes = [
        replace(note, start=note.start + t, end=note.end + t)
        for note, t in zip(notes, late, strict=True)
    ]
    frames = _Frames(count / RATE_HZ)
    _lay(frames, notes, singer, random)
    sound = np.zeros(count)
    if not np.isfinite(frames.pitch).any():
        return sound.astype(np.float32)
    pitch, swing = _pitch(frames, singer, random)
    active = (frames.line >= 0) & frames.voiced
    loud = _smooth(frames.loud, 0.012) * (1 + 0.12 * swing)
    loud *= 1 - 0.25 * np.clip(1 - frames.left / 0.15, 0, 1)
    pitched = np.where(active, np.clip(pitch, 50, 1100), 0.0)
    for where in _phrases(frames):
        power, noise = _timbre(frames.line[where], frames.source[where], active[where], singer)
        spectrum = np.exp(np.clip(power, -30, 5)).astype(np.float64)
        spectrum *= (np.maximum(loud[where], 1e-4) ** 2)[:, None]
        inputs = pitched[where], np.maximum(spectrum, 1e-13), noise.astype(np.float64)
        contiguous = (np.ascontiguousarray(x) for x in inputs)
        sung = pyworld.synthesize(*contiguous, RATE_HZ, 1000 / FRAME_HZ)
        start = where.start * RATE_HZ // FRAME_HZ
        sung = sung[: count - start]
        sound[start : start + len(sung)] += sung
    if singer.growl > 0:
        sound = _growled(sound, pitch, singer.growl, random)
    return normal(sound[None].astype(np.float32))[0]
