"""Speech of flite and festival, analysed by WORLD once: envelopes, aperiodicity, syllables.

The analysis takes some minutes and is kept in $XDG_CACHE_HOME/swift-demucs-voices (or
~/.cache/...), one file for each voice and RECIPE.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oscillators import Array

RECIPE = 1  # part of the cache's name: raise it when a change below changes the analysis
LINES = 16  # lines that each voice speaks
WORDS_OF_A_LINE = 9
FRAME_HZ = 200
BINS = 513  # bins of an envelope, evenly from 0 to TOP_HZ
TOP_HZ = 18_000.0
APERIODICITY_BINS = 65

# Vowels by the names of flite and festival.
VOWELS = frozenset(
    "aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw axr ix ux".split()  # noqa: SIM905
)
WORDS = tuple(
    """
above across alone always angel another anyway apart around away baby bad before begin behind
believe below better between beyond bird black blood blue body born both break breathe bridge
bring broken burn call carry chain chance change child city clean clear climb close cloud cold
colour come cool corner crazy cross crowd cry cut dance danger dark day dead dear deep desire
devil do door doubt down dream drink drive drop dust each early earth easy empty end enough even
ever every evil eye face fade fall far fast father fear feel fever few fight fill find fire
first fly fool foot forever forget found free friend from full game ghost girl give glass go
gold gone good grass great green grow gun hair half hand happy hard hate head hear heart heaven
heavy hell hello here hey hide high hold hole home honest honey hope hour house how hungry hurry
hurt ice in inside iron jump just keep kill kind king kiss knee know lady land last late laugh
lay lead learn leave less let lie life light like line lion listen little live lonely long look
lose loud love low lucky mad make man many maybe mean memory mercy mile mind mine miracle mirror
miss money moon more morning mother mountain mouth move much music my name near need never new
night no none nothing now ocean oh old once one only open over pain paper past pay people
perfect phone picture piece place play please power pray pretty promise pull push queen question
quick quiet race radio rain reach ready real reason red remember rest ride right ring rise river
road rock roll room rose round run sad safe same say scream sea secret see send shadow shake
shame shape shine ship shoot shore short show shut side sign silence silver sing sister skin sky
sleep slow small smile smoke snow so soft soldier some song soon sorry soul sound space speak
spin stand star start stay steal step still stone stop storm story strange street strong sugar
summer sun sure sweet swim take talk taste tear tell thing think thousand through throw thunder
tide time tired today together tomorrow tonight too top touch town train tree trouble true trust
try turn under until up voice wait wake walk wall want war warm waste watch water wave way weak
wear wheel when where whisper white who why wild wind window wine wing winter wish with woman
wonder word work world worry yeah year yellow yes yesterday you young
""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Syllable:
    """Times in frames: start of the first consonant and the vowel, ends of vowel and syllable."""

    onset: float
    vowel: float
    coda: float
    end: float


@dataclass(frozen=True)
class Line:
    """A spoken line at FRAME_HZ: log power [frames, BINS], aperiodicity, pitch (0: unvoiced)."""

    power: Array
    aperiodicity: Array
    pitch_hz: Array
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
        result.append(
            Syllable(
                onset=FRAME_HZ * (begins[onset[0]] if onset else begins[k]),
                vowel=FRAME_HZ * begins[k],
                coda=FRAME_HZ * phones[k][1],
                end=FRAME_HZ * (phones[coda[-1]][1] if coda else phones[k][1]),
            )
        )
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
        aperiodicity=np.clip(_widened(noise, rate, voiced, True), 1e-3, 1).astype(np.float16),
        pitch_hz=pitch.astype(np.float32),
        syllables=_syllables(phones),
    )


def _cache(voice: str) -> Path:
    """Cache file of a voice."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "swift-demucs-voices" / f"{voice.replace(':', '-')}-{RECIPE}.npz"


def _analyse_voice(voice: str, path: Path) -> None:
    """Speaks and analyses all lines of a voice, and writes the file, whole or not at all."""
    random = np.random.default_rng(11)
    arrays: dict[str, Array] = {}
    for k in range(LINES):
        line = _analysed(voice, " ".join(random.choice(WORDS, size=WORDS_OF_A_LINE)))
        arrays[f"power{k}"] = line.power
        arrays[f"noise{k}"] = line.aperiodicity
        arrays[f"pitch{k}"] = line.pitch_hz
        arrays[f"syllables{k}"] = np.array(
            [(s.onset, s.vowel, s.coda, s.end) for s in line.syllables]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez(pending, **arrays)
    pending.rename(path)


@functools.cache
def lines(voice: str) -> tuple[Line, ...]:
    """The lines of a voice, from the cache or analysed now."""
    path = _cache(voice)
    if not path.exists():
        _analyse_voice(voice, path)
    with np.load(path) as arrays:
        return tuple(
            Line(
                arrays[f"power{k}"],
                arrays[f"noise{k}"],
                arrays[f"pitch{k}"],
                tuple(Syllable(*row) for row in arrays[f"syllables{k}"].tolist()),
            )
            for k in range(LINES)
        )
