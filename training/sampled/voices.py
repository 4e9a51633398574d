"""Speech of flite and festival, analysed by WORLD once: envelopes, aperiodicity, syllables.

The analysis takes a minute and is kept in $XDG_CACHE_HOME/swift-demucs-voices (or ~/.cache/...),
one file for each voice and RECIPE.
"""

import functools
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from packs import whole_file
from stems import Array

RECIPE = 1  # part of the cache's name: raise it when a change below changes the analysis
FRAME_HZ = 200
BINS = 513  # bins of an envelope, evenly from 0 to TOP_HZ
TOP_HZ = 18_000.0
APERIODICITY_BINS = 65

# Vowels by the names of flite and festival.
VOWELS = frozenset(
    "aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw axr ix ux".split()  # noqa: SIM905
)
# What each voice speaks.
LINES = """\
danger cut storm more please pull shut before mine
desire late way old bridge ocean cut some why
world reach top inside deep move long round yesterday
gold today day hope step forget safe lucky much
whisper sure thousand old worry world dark fade head
one take mine yeah how way power silver first
power strange try top with cut star many send
gold anyway chain wonder up hard line fool desire
today say burn face pain wait you fear quiet
begin each eye lonely honey sister many home walk
ready shine snow home under apart hate down across
you change mad sweet shake today blue moon behind
even throw bring please around head wear heaven head
change spin dust more baby away thousand always man
like cry rise small yeah every water both dead
promise too up smile bad let street never even
""".splitlines()


class Syllable(NamedTuple):
    """Times in frames: start of the first consonant and the vowel, ends of vowel and syllable."""

    onset: float
    vowel: float
    coda: float
    end: float


class Line(NamedTuple):
    """A spoken line at FRAME_HZ: log power [frames, BINS], aperiodicity, pitch (0: unvoiced)."""

    power: Array
    noise: Array
    pitch: Array  # in Hz
    syllables: tuple[Syllable, ...]


def _speak(voice: str, text: str, wav: Path) -> list[tuple[str, float]]:
    """Speaks a text into a file; returns the phones and their end times in seconds."""
    engine, _, name = voice.partition(":")
    if engine == "flite":
        command = ["flite", "-voice", name, "-psdur", "-t", text, "-o", str(wav)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [(p, float(end)) for p, end in re.findall(r"(\w+):([\d.]+)", said)]
    script, times = wav.with_suffix(".scm"), wav.with_suffix(".phones")
    script.write_text(
        f'(voice_{name})\n(set! u (utt.synth (Utterance Text "{text}")))\n'
        f'(utt.save.segs u "{times}")\n(utt.save.wave u "{wav}" \'riff)\n'
    )
    subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
    rows = times.read_text().split("#\n")[1].splitlines()
    return [(row.split()[2], float(row.split()[0])) for row in rows if row.strip()]


def _syllables(phones: list[tuple[str, float]]) -> tuple[Syllable, ...]:
    """One syllable per vowel; of several consonants between two, the first joins the first."""
    begins = [0.0, *(end for _, end in phones[:-1])]
    nuclei = [k for k, (phone, _) in enumerate(phones) if phone in VOWELS]
    result = []
    for place, k in enumerate(nuclei):
        before = nuclei[place - 1] if place else -1
        after = nuclei[place + 1] if place + 1 < len(nuclei) else len(phones)
        onset = [j for j in range(before + 1, k) if phones[j][0] != "pau"]
        coda = [j for j in range(k + 1, after) if phones[j][0] != "pau"]
        if place and len(onset) > 1:
            onset = onset[1:]
        if place + 1 < len(nuclei):
            coda = coda[:1] if len(coda) > 1 else []
        first, last = onset[0] if onset else k, coda[-1] if coda else k
        marks = begins[first], begins[k], phones[k][1], phones[last][1]
        result.append(Syllable(*(FRAME_HZ * mark for mark in marks)))
    return tuple(result)


def _widened(frames: Array, rate: int, voiced: Array, aperiodic: bool) -> Array:
    """Envelopes on the common frequency grid, extended above the band of the voice's sample rate.

    Above the band log power falls, slowly in unvoiced frames, and aperiodicity rises towards one.
    """
    source = np.linspace(0, rate / 2, frames.shape[1])
    bins = APERIODICITY_BINS if aperiodic else BINS
    grid = np.linspace(0, TOP_HZ, bins)
    edge = 0.455 * rate
    mirrored = np.where(grid <= edge, grid, np.maximum(2 * edge - grid, 2500.0))
    wide = np.stack([np.interp(mirrored, source, row) for row in frames])
    over = np.maximum(0, grid - edge) / 1000
    if aperiodic:
        return np.where(grid > edge, np.maximum(wide, 1 - 0.5 * np.exp(-over / 2)), wide)
    fall = np.where(voiced, 0.32, 0.16)[:, None]
    return wide - fall * over


def _analysed(voice: str, text: str) -> Line:
    """Speaks a line and analyses it."""
    import pyworld
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "line.wav"
        phones = _speak(voice, text, wav)
        sound, rate = soundfile.read(str(wav), dtype="float64", always_2d=True)
    sound = np.ascontiguousarray(sound[:, 0])
    period = 1000 / FRAME_HZ
    pitch, at = pyworld.dio(sound, rate, f0_floor=60, f0_ceil=400, frame_period=period)
    pitch = pyworld.stonemask(sound, pitch, at, rate)
    power = np.log(pyworld.cheaptrick(sound, pitch, at, rate) + 1e-12)
    noise = pyworld.d4c(sound, pitch, at, rate)
    voiced = pitch > 0
    return Line(
        power=_widened(power, rate, voiced, False).astype(np.float16),
        noise=np.clip(_widened(noise, rate, voiced, True), 1e-3, 1).astype(np.float16),
        pitch=pitch.astype(np.float32),
        syllables=_syllables(phones),
    )


@functools.cache
def lines(voice: str) -> tuple[Line, ...]:
    """The lines of a voice, from the cache or analysed now."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = home / "swift-demucs-voices" / f"{voice.replace(':', '-')}-{RECIPE}.npz"
    if not path.exists():
        analysed = [_analysed(voice, text)._asdict() for text in LINES]
        arrays = {f"{name}{k}": x for k, line in enumerate(analysed) for name, x in line.items()}
        with whole_file(path) as file:
            np.savez(file, **arrays)
    with np.load(path) as arrays:
        found = [Line(*(arrays[f"{name}{k}"] for name in Line._fields)) for k in range(len(LINES))]
    return tuple(
        line._replace(syllables=tuple(Syllable(*row) for row in line.syllables.tolist()))
        for line in found
    )
