"""A singer: syllables of a spoken voice on the notes of a melody, by the WORLD vocoder."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from oscillators import RATE_HZ, Array, Generator
from sampled.voices import APERIODICITY_BINS, BINS, FRAME_HZ, TOP_HZ, Line, lines

FFT_BINS = 1025  # bins of an envelope at 44.1 kHz for WORLD's synthesis
CONSONANT_SECONDS = 0.16  # longest consonants before the beat
CODA_SECONDS = 0.12
WOMEN = frozenset(("flite:slt", "festival:cmu_us_slt_arctic_hts"))
_F = np.linspace(0, RATE_HZ / 2, FFT_BINS)


@dataclass(frozen=True)
class Sung:
    """A note: start and end in seconds, MIDI pitch; if it begins a phrase, prolongs a syllable."""

    start: float
    end: float
    pitch: float
    first: bool
    tied: bool


@dataclass(frozen=True)
class Singer:
    """A voice and a manner of singing."""

    voice: str
    lowest: int
    warp: float  # factor on the formants' frequencies
    contrast: float  # factor on the formants' depth in log power
    tilt: float  # exponent that is added to the power above 300 Hz
    presence_db: float  # gain around 1.5 kHz
    ring_db: float  # the singer's formant
    ring_hz: float
    breath: float
    vibrato_hz: float
    vibrato: float  # semitones
    glide_seconds: float
    scoop: float  # semitones
    drift: float
    growl: float

    @staticmethod
    def drawn(random: Generator, voices: tuple[str, ...]) -> Singer:
        """Draws a singer."""
        voice = str(random.choice(voices))
        woman = voice in WOMEN
        high = woman if random.random() < 0.75 else not woman
        warp = random.uniform(0.94, 1.12) if woman else random.uniform(0.92, 1.08)
        if woman and not high:
            warp = random.uniform(0.8, 0.92)
        elif high and not woman:
            warp = random.uniform(1.1, 1.26)
        tuned = random.random() < 0.2  # corrected pitch, as in much of pop
        return Singer(
            voice=voice,
            lowest=int(random.integers(54, 62)) if high else int(random.integers(42, 52)),
            warp=warp,
            contrast=random.uniform(1.0, 1.35),
            tilt=random.uniform(-0.1, 0.8),
            presence_db=random.uniform(2, 11),
            ring_db=random.uniform(0, 9),
            ring_hz=random.uniform(2500, 3700),
            breath=random.uniform(-0.3, 0.8),
            vibrato_hz=random.uniform(4.5, 6.8),
            vibrato=0.0 if tuned else random.choice([0, 0.15, 0.3, 0.5]) * random.uniform(0.7, 1.2),
            glide_seconds=0.004 if tuned else random.uniform(0.015, 0.06),
            scoop=0.0 if tuned else max(0.0, random.uniform(-1, 2)),
            drift=0.02 if tuned else random.uniform(0.05, 0.25),
            growl=max(0.0, random.uniform(-0.6, 0.5)),
        )

    def like(self, random: Generator) -> Singer:
        """The same singer in another take, for a double."""
        return replace(
            self,
            warp=self.warp * random.uniform(0.98, 1.02),
            tilt=self.tilt + random.uniform(-0.15, 0.15),
            breath=self.breath + random.uniform(-0.1, 0.3),
            drift=self.drift * random.uniform(0.8, 1.5),
        )


Words = list[tuple[int, int] | None]  # line and syllable of each note; None: the one before


def words(random: Generator, singer: Singer, notes: list[Sung]) -> Words:
    """Draws the syllable of each note."""
    spoken = lines(singer.voice)
    line, place = int(random.integers(len(spoken))), 0
    chosen: Words = []
    for note in notes:
        if note.tied and chosen:
            chosen.append(None)
            continue
        if note.first and random.random() < 0.7:
            line, place = int(random.integers(len(spoken))), 0
        if place >= len(spoken[line].syllables):
            line, place = (line + 1) % len(spoken), 0
        chosen.append((line, place))
        place += 1
    return chosen


class _Frames:
    """Input of WORLD for each frame, filled in while notes are laid out."""

    def __init__(self, seconds: float) -> None:
        self.count = int(seconds * FRAME_HZ) + 1
        self.line = np.full(self.count, -1)
        self.source = np.zeros(self.count)  # frame of the spoken line
        self.voiced = np.zeros(self.count, dtype=bool)
        self.pitch = np.full(self.count, np.nan)
        self.loud = np.zeros(self.count)
        self.age = np.zeros(self.count)
        self.left = np.full(self.count, 9.0)

    def span(self, start: float, end: float) -> slice:
        """Frames from one time in seconds to another."""
        first = min(max(0, int(start * FRAME_HZ)), self.count)
        return slice(first, max(first, min(self.count, int(end * FRAME_HZ))))

    def put(self, start: float, end: float, line: int, spoken: Line, first: float, last: float
            ) -> None:  # fmt: skip
        """Puts frames `first` to `last` of a spoken line between two times, stretched."""
        where = self.span(start, end)
        length = where.stop - where.start
        if length:
            place = np.linspace(first, last, length)
            self.source[where] = place
            self.line[where] = line
            nearest = np.clip(np.rint(place).astype(int), 0, len(spoken.pitch_hz) - 1)
            self.voiced[where] = spoken.pitch_hz[nearest] > 0


def _lay(frames: _Frames, notes: list[Sung], chosen: Words, singer: Singer, random: Generator
         ) -> None:  # fmt: skip
    """Lays syllables out: consonants before the beat, the vowel stretched to the note."""
    spoken = lines(singer.voice)
    heads = [k for k, word in enumerate(chosen) if word is not None]
    for head, after in zip(heads, [*heads[1:], len(notes)], strict=True):
        word = chosen[head]
        if word is None:
            continue
        line = spoken[word[0]]
        syllable = line.syllables[word[1]]
        start, end = notes[head].start, notes[after - 1].end
        before = min((syllable.vowel - syllable.onset) / FRAME_HZ * 1.1, CONSONANT_SECONDS)
        coda = min((syllable.end - syllable.coda) / FRAME_HZ, CODA_SECONDS)
        following = chosen[after] if after < len(notes) else None
        if following is not None:  # room for the next consonants
            coming = spoken[following[0]].syllables[following[1]]
            need = min((coming.vowel - coming.onset) / FRAME_HZ * 1.1, CONSONANT_SECONDS)
            end = min(end, max(start + 0.05, notes[after].start - need))
        open_end = max(start + 0.03, end - coda)
        natural = (syllable.coda - syllable.vowel) / FRAME_HZ
        held = open_end - start
        if before > 0.004:
            frames.put(start - before, start, word[0], line, syllable.onset, syllable.vowel)
        span = syllable.coda - syllable.vowel
        marks = (syllable.vowel, syllable.vowel + 0.45 * span, syllable.vowel + 0.65 * span)
        if held <= natural:
            frames.put(start, open_end, word[0], line, syllable.vowel, syllable.coda)
        else:  # edges at their own pace, the middle held
            first, last = start + 0.45 * natural, open_end - 0.35 * natural
            frames.put(start, first, word[0], line, marks[0], marks[1])
            frames.put(first, last, word[0], line, marks[1], marks[2])
            frames.put(last, open_end, word[0], line, marks[2], syllable.coda)
        frames.voiced[frames.span(start, open_end)] = True
        if coda > 0.004:
            frames.put(open_end, end, word[0], line, syllable.coda, syllable.end)
        frames.loud[frames.span(start - before, end)] = 10 ** (random.normal(0, 2) / 20)
        for k in range(head, after):
            early = before if k == head else 0.0
            frames.pitch[frames.span(notes[k].start - early, notes[k].end + 0.1)] = notes[k].pitch
            where = frames.span(notes[k].start, notes[k].end)
            length = where.stop - where.start
            frames.age[where] = np.arange(length) / FRAME_HZ
            frames.left[where] = np.arange(length, 0, -1) / FRAME_HZ
            if notes[k].first and singer.scoop > 0.1:
                where = frames.span(notes[k].start, notes[k].start + 0.12)
                rise = 1 - np.linspace(0, 1, where.stop - where.start)
                frames.pitch[where] -= singer.scoop * rise**2


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


def _timbre(lined: Array, source: Array, voiced: Array, singer: Singer) -> tuple[Array, Array]:
    """Log power and aperiodicity [frames, FFT_BINS] with the singer's timbre.

    Arguments for each frame: the spoken line, the position in it, whether it is voiced.
    """
    spoken = lines(singer.voice)
    count = len(lined)
    power = np.full((count, BINS), -25, dtype=np.float32)
    noise = np.ones((count, APERIODICITY_BINS), dtype=np.float32)
    for k in np.unique(lined[lined >= 0]):
        line = spoken[k]
        where = np.nonzero(lined == k)[0]
        place = np.clip(source[where], 0, len(line.pitch_hz) - 1.001)
        first = place.astype(int)
        part = (place - first)[:, None].astype(np.float32)
        for target, table in ((power, line.power), (noise, line.aperiodicity)):
            target[where] = table[first] * (1 - part) + table[first + 1] * part
        usual = np.median(line.aperiodicity[line.pitch_hz > 0].astype(np.float32), axis=0)
        sung = where[voiced[where]]
        noise[sung] = np.minimum(noise[sung], np.maximum(usual * 1.5, 0.02))
    envelope = ndimage.uniform_filter1d(power, 36, axis=1)
    power = envelope + (power - envelope) * np.float32(singer.contrast)

    def resampled(table: Array, warp: float) -> Array:
        place = np.minimum(_F / warp / TOP_HZ * (table.shape[1] - 1), table.shape[1] - 1.001)
        first = place.astype(int)
        part = (place - first).astype(np.float32)
        return table[:, first] * (1 - part) + table[:, first + 1] * part

    power, noise = resampled(power, singer.warp), resampled(noise, singer.warp)
    colour = singer.tilt * np.log(np.maximum(_F, 300) / 300)
    colour += singer.presence_db / 4.34 * np.exp(
        -((np.log(np.maximum(_F, 50) / 1500) / 0.45) ** 2)
    )  # fmt: skip
    colour += singer.ring_db / 4.34 * np.exp(-(((_F - singer.ring_hz) / 700) ** 2))
    colour -= np.maximum(0, _F - 9000) / 1000 * 0.4
    share = np.where(voiced, 1.0, 0.3)[:, None].astype(np.float32)
    power += share * colour.astype(np.float32)
    loud = np.log(np.exp(power[:, 5:400]).mean(1) + 1e-12)
    usual = np.median(loud[voiced]) if voiced.any() else 0.0
    excess = np.clip(_smooth(np.where(voiced, loud - usual, 0), 0.04), -4, 4)
    power -= (0.6 * excess)[:, None].astype(np.float32)  # vowels of about one loudness
    quiet = np.clip(noise ** np.exp(-singer.breath), 0.001, 1)
    return power, np.where(voiced[:, None], quiet, 1)


def _growled(sound: Array, pitch: Array, singer: Singer, random: Generator) -> Array:
    """Adds growl: every second and third period is weaker in places, and all is driven."""
    at = np.arange(len(pitch)) * (RATE_HZ / FRAME_HZ)
    where = np.arange(len(sound))
    cycles = np.cumsum(np.interp(where, at, pitch)) / RATE_HZ
    wobble = 0.6 * np.sin(np.pi * cycles) + 0.4 * np.sin(2 * np.pi * cycles / 3)
    places = _smooth(random.random(len(pitch)), 0.3) ** 2 * 2
    sound = sound * (1 + singer.growl * wobble * np.interp(where, at, places))
    amount = 1 + 4 * singer.growl
    peak = np.abs(sound).max() + 1e-9
    return np.tanh(amount * sound / peak) * peak / np.tanh(amount)


def sing(
    random: Generator, singer: Singer, notes: list[Sung], chosen: Words, count: int,
    loose_seconds: float = 0.0, pitches: list[float] | None = None,
) -> Array:  # fmt: skip
    """Sings notes as [n]; `pitches` replaces theirs, `loose_seconds` is the deviation in time."""
    import pyworld

    if not notes:
        return np.zeros(count, dtype=np.float32)
    moved = []
    for k, note in enumerate(notes):
        late = random.normal(0, loose_seconds) if loose_seconds else 0.0
        pitch = pitches[k] if pitches else note.pitch
        moved.append(replace(note, start=note.start + late, end=note.end + late, pitch=pitch))
    frames = _Frames(count / RATE_HZ)
    _lay(frames, moved, chosen, singer, random)
    if not np.isfinite(frames.pitch).any():
        return np.zeros(count, dtype=np.float32)
    pitch, swing = _pitch(frames, singer, random)
    active = (frames.line >= 0) & frames.voiced
    loud = _smooth(frames.loud, 0.012) * (1 + 0.12 * swing)
    loud *= 1 - 0.25 * np.clip(1 - frames.left / 0.15, 0, 1)
    pitched = np.where(active, np.clip(pitch, 50, 1100), 0.0)
    sound = np.zeros(count)
    for where in _phrases(frames):
        power, noise = _timbre(frames.line[where], frames.source[where], active[where], singer)
        spectrum = np.exp(np.clip(power, -30, 5)).astype(np.float64)
        spectrum *= (np.maximum(loud[where], 1e-4) ** 2)[:, None]
        sung = pyworld.synthesize(
            np.ascontiguousarray(pitched[where]),
            np.ascontiguousarray(np.maximum(spectrum, 1e-13)),
            np.ascontiguousarray(noise, dtype=np.float64),
            RATE_HZ,
            1000 / FRAME_HZ,
        )
        start = where.start * RATE_HZ // FRAME_HZ
        sung = sung[: count - start]
        sound[start : start + len(sung)] += sung
    if singer.growl > 0:
        sound = _growled(sound, pitch, singer, random)
    level = float(np.sqrt(np.square(sound[np.abs(sound) > 1e-5]).mean() + 1e-18))
    return (sound * (0.1 / max(level, 1e-6))).astype(np.float32)
