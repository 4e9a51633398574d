"""All other instruments: two to five layers, each a part and a sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import effects
from oscillators import Array, Generator, envelope, hertz, samples, times
from sampled import chain, guitar, synthesiser
from sampled.palette import one_shot
from sampled.score import Score, pick_many, voicing
from sampled.soundfont import ATTACK_TIMECENTS, FILTER_CENTS, Note, sound_font

GUITARS = frozenset(
    ("power", "crunch", "strum", "clean", "picking", "nylon", "chops", "skank", "jazz_guitar")
)
COMPS = ("X.......x.......", "X..x..x...x.....", "X...x...x...x...", "X.......X...x.x.",
         "X.x.X.x.X.x.X.x.", "..X...X...X...X.", "X..X..X.X..X..X.")  # fmt: skip
STABS = ("X..X..X...X.....", "..X...X...X...X.", "X.....X....X....", "X..x..X..x..X.x.",
         "...X......X.....", "X.X...X.X.X...X.")  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """Programs of a font, kind of part, lowest key, and loudness in the stem in dB."""

    programs: tuple[int, ...]
    part: str
    lowest: int
    level_db: float = 0.0


LAYERS = {
    "piano": Layer((0, 0, 1, 3), "comp", 52), "epiano": Layer((2, 4, 5), "comp", 52),
    "clav": Layer((7, 7, 6), "riff", 52), "organ": Layer((16, 17, 18), "held", 55),
    "pad": Layer((88, 89, 90, 92, 93, 94, 95, 50, 51), "held", 52, -2),
    "strings": Layer((48, 49, 48, 50, 51, 44), "held", 55, -1),
    "brass": Layer((61, 61, 62, 63, 56, 57), "stabs", 55, -1),
    "horns": Layer((60, 61, 57), "held", 48), "winds": Layer((65, 66, 73, 71, 68, 56, 59, 64, 22),
    "melody", 60), "fiddle": Layer((40, 110, 41), "melody", 62), "solo": Layer((27, 29, 30),
    "melody", 59), "bells": Layer((9, 10, 11, 12, 8, 108, 98, 14), "arpeggio", 64, -2),
    "harp": Layer((46, 45, 104, 107), "arpeggio", 55), "mandolin": Layer((105, 25, 24), "arpeggio",
    62), "accordion": Layer((21, 23), "comp", 57), "montuno": Layer((0, 1, 4), "riff", 57),
}  # fmt: skip
SYNTHESISED = frozenset(("supersaw", "synth_pluck", "synth_lead", "stabs", "texture"))


def _strokes(score: Score, random: Generator, texts: tuple[str, ...], lowest: int, length: float
             ) -> list[Note]:  # fmt: skip
    """Chords in a rhythm; each kind of section has its own rhythm."""
    chosen: dict[str, str] = {}
    roll = random.uniform(0, 0.012)
    bass = random.random() < 0.5
    notes = []
    for section, bar in score.bars("other"):
        text = chosen.setdefault(section.name, texts[random.integers(len(texts))])
        keys = voicing(score, score.chord(section, bar), lowest)
        steps = [k for k, mark in enumerate(text) if mark != "."]
        for step, until in zip(steps, [*steps[1:], 16], strict=True):
            loud = random.uniform(82, 108) if text[step] == "X" else random.uniform(62, 84)
            start = max(0, score.at(bar, step) + samples(random.normal(0, 0.005)))
            end = start + int((until - step) * length * score.step_samples)
            low = [keys[0] - 12] if bass and step in (0, 8) else []
            for k, key in enumerate(low + keys):
                notes.append(Note(start + samples(k * roll), end, key, loud))
    return notes


def _held(score: Score, random: Generator, lowest: int) -> list[Note]:
    """One chord for each bar, held for its whole length."""
    notes: list[Note] = []
    for section, bar in score.bars("other"):
        start, end = score.at(bar, 0), score.at(bar + 1, 0)
        for key in voicing(score, score.chord(section, bar), lowest):
            notes.append(Note(start, end + samples(0.03), key, random.uniform(70, 100)))
    return notes


def _arpeggio(score: Score, random: Generator, lowest: int, ring: float) -> list[Note]:
    """A figure over the chord, the same in every bar."""
    pace = int(random.choice([1, 1, 2, 2, 4]))
    order = random.permutation(8)
    rest = random.random(16) < random.choice([0.0, 0.25])
    notes = []
    for section, bar in score.bars("other"):
        keys = voicing(score, score.chord(section, bar), lowest)
        keys = [*keys, *(key + 12 for key in keys), *(key + 24 for key in keys)]
        for k, step in enumerate(range(0, 16, pace)):
            if not rest[step]:
                start = score.at(bar, step)
                end = start + int(pace * ring * score.step_samples)
                key = keys[order[k % 8] % len(keys)]
                notes.append(Note(start, end, key, random.uniform(65, 105)))
    return notes


def melody(score: Score, random: Generator, lowest: int, share: float) -> list[Note]:
    """Phrases of single notes in some of the bars, one voice."""
    notes = []
    degree = int(random.integers(0, 7))
    for section, bar in score.bars("other"):
        if random.random() > share:
            continue
        step = float(random.choice([0, 2, 4, 8]))
        chord = score.chord(section, bar)
        while step < 15:
            length = float(random.choice([1, 1, 2, 2, 3, 4, 6]))
            degree += int(random.choice([-2, -1, -1, 1, 1, 2, 3, -3]))
            if step % 4 == 0:
                degree = min(
                    (c + 7 * o for c in chord for o in (-1, 0, 1, 2)), key=lambda d: abs(d - degree)
                )
            key = lowest + (score.degree(degree, 0) - lowest) % 19
            start = score.at(bar, step)
            end = start + int(length * score.step_samples * 0.95)
            notes.append(Note(start, end, key, random.uniform(75, 115)))
            step += length + float(random.choice([0, 0, 0, 2]))
    return notes


def _part(score: Score, random: Generator, layer: Layer) -> list[Note]:
    """The notes of a layer."""
    lowest = layer.lowest + int(random.integers(-4, 5))
    if layer.part == "held":
        return _held(score, random, lowest)
    if layer.part == "arpeggio":
        return _arpeggio(score, random, lowest, random.uniform(1, 3))
    if layer.part == "melody":
        return melody(score, random, lowest, random.uniform(0.4, 0.9))
    texts = COMPS if layer.part == "comp" else STABS
    length = random.uniform(0.3, 0.9) if layer.part != "comp" else random.uniform(0.7, 1.0)
    return _strokes(score, random, texts, lowest, length)


def _bends(random: Generator, notes: list[Note], depth: float) -> list[tuple[int, float]]:
    """Bends for a growing vibrato, and for slides into some notes."""
    rate = random.uniform(4.5, 6.5)
    bends = []
    for note in notes:
        slide = random.choice([0, 0, 1, 2]) * random.random()
        for at in range(note.start, note.end, 512):
            age = (at - note.start) / 44_100
            swing = depth * min(1.0, age / 0.4) * np.sin(2 * np.pi * rate * age)
            bends.append((at, float(swing - slide * np.exp(-age / 0.05))))
    return bends


def _sampled(score: Score, random: Generator, name: str) -> Array:
    """A layer played by a font."""
    layer = LAYERS[name]
    fonts = score.palette.fonts
    font = sound_font(fonts[random.integers(len(fonts))])
    program = int(random.choice(layer.programs))
    notes = _part(score, random, layer)
    shape = {FILTER_CENTS: random.uniform(-1200, 900), ATTACK_TIMECENTS: random.uniform(-100, 500)}
    single = layer.part == "melody"
    bends = _bends(random, notes, random.uniform(0, 0.35)) if single else None
    swells = None
    if layer.part == "held" and random.random() < 0.6:
        pace = random.uniform(0.05, 0.5)
        phase = random.random() * 6.28
        swells = [
            (at, 0.75 + 0.25 * np.sin(phase + 2 * np.pi * pace * at / 44_100))
            for at in range(0, score.length_samples, 4096)
        ]
    count = score.length_samples
    track = font.render((0, program), notes, count, shape=shape, bends=bends,
                        swells=swells)  # fmt: skip
    if name == "brass" and random.random() < 0.6:  # a section of more than one instrument
        low = [Note(n.start + 200, n.end, n.key - 12, n.velocity) for n in notes]
        track = track + font.render((0, int(random.choice([57, 66, 61]))), low, count)
    if name == "solo":
        mono = np.repeat(track.mean(0, keepdims=True), 2, axis=0)
        track = chain.amplifier(random, mono, random.uniform(8, 40))
        track = effects.echo(track, score.beat_seconds * 0.75, 0.4, random.uniform(0.1, 0.35))
    elif name == "organ" and random.random() < 0.7:
        track = chain.rotary(random, chain.drive(track, random.uniform(0.5, 3.0)))
    elif name == "clav":
        track = chain.drive(track, random.uniform(0.5, 2.5))
    elif name == "epiano" and random.random() < 0.5:
        track = chain.tremolo(track, random.uniform(3, 7), random.uniform(0.2, 0.5))
    return track


def _synthesised(score: Score, random: Generator, name: str) -> Array:
    """A layer on a synthesiser with a moving filter."""
    count = score.length_samples
    lowest = int(random.integers(50, 63))
    if name == "supersaw":
        notes = _held(score, random, lowest) if random.random() < 0.6 else _strokes(
            score, random, STABS, lowest, 0.9)  # fmt: skip
    elif name == "stabs":
        notes = _strokes(score, random, STABS, lowest, random.uniform(0.2, 0.6))
    elif name == "synth_lead":
        notes = melody(score, random, lowest + 8, random.uniform(0.5, 1.0))
    else:
        notes = _arpeggio(score, random, lowest + 6, random.uniform(0.5, 1.5))
    kind = str(random.choice(["saw", "saw", "square", "pulse", "organ"]))
    voices = {"supersaw": 5, "stabs": 3, "synth_lead": 2}.get(name, int(random.choice([1, 2])))
    kind = "saw" if name == "supersaw" else kind
    cutoff = float(np.exp(random.uniform(*np.log([400, 4000]))))
    octaves, seconds = random.uniform(0.5, 4), float(np.exp(random.uniform(*np.log([0.05, 0.6]))))
    resonance, detune = random.uniform(0, 0.7), random.uniform(5, 22)
    slow, depth = random.uniform(0.03, 0.3), random.uniform(0, 1.5)
    decay, sustain = (0.3, 0.2) if name in ("stabs", "synth_pluck") else (1.0, 0.8)
    attack = random.uniform(0.002, 0.2) if name == "supersaw" else 0.003
    modulated = name in ("synth_pluck", "stabs") and random.random() < 0.25
    ratio, index = float(random.choice([1, 2, 3, 3.5, 7])), random.uniform(0.5, 4)
    track = np.zeros((2, count), dtype=np.float32)
    for note in notes:
        room = min(count - note.start, note.end - note.start + samples(0.3))
        if room < 64:
            continue
        t = times(room)
        pitch = np.full(room, float(hertz(note.key)))
        if name == "synth_lead":
            pitch = pitch * 2 ** (0.02 * np.sin(2 * np.pi * 5.5 * t) * np.minimum(1, 3 * t))
        fall = np.exp(-t / np.float32(seconds))
        if modulated:
            mono = synthesiser.modulated(random, pitch, index * fall, ratio, 0.0)
            tone = np.stack([mono, mono])
        else:
            at = note.start / 44_100 + t
            sweep = octaves * fall + depth * np.sin(2 * np.pi * slow * at)
            tone = synthesiser.swept(random, kind, pitch, np.clip(cutoff * 2.0**sweep, 80, 18_000),
                                     resonance, voices=voices, detune_cents=detune)  # fmt: skip
        shape = envelope(room, attack, decay, sustain, 0.08, min(room, note.end - note.start))
        gain = np.float32(note.velocity / 100)
        track[:, note.start : note.start + room] += tone * shape * gain
    return track


def _texture(score: Score, random: Generator) -> Array:
    """A drone or a sound without pitch, now and then."""
    names = ("ambi_dark_woosh", "ambi_drone", "ambi_glass_hum", "ambi_haunted_hum",
             "ambi_lunar_land", "ambi_piano", "ambi_soft_buzz", "ambi_swoosh", "guit_em9",
             "guit_harmonics", "guit_e_fifths", "vinyl_hiss", "perc_swash")  # fmt: skip
    sound = one_shot(str(random.choice(names)))
    sound = chain.at_pace(sound[:, : samples(6)], 2 ** (random.uniform(-7, 5) / 12))
    track = np.zeros((2, score.length_samples), dtype=np.float32)
    for _, bar in score.bars("other"):
        if random.random() < 0.5:
            start = score.at(bar, 0)
            room = min(sound.shape[1], score.length_samples - start)
            track[:, start : start + room] += sound[:, :room]
    return track


def _layer(score: Score, random: Generator, name: str) -> Array:
    """One layer, with its own stereo position and room."""
    if name in GUITARS:
        track = guitar.render(score, random, name)
    elif name == "texture":
        track = _texture(score, random)
    elif name in SYNTHESISED:
        track = _synthesised(score, random, name)
    else:
        track = _sampled(score, random, name)
    if not track.any():
        return track
    track = effects.equalise(track, random, 2.5)
    track = effects.high_pass(track, float(np.exp(random.uniform(*np.log([60, 300])))))
    if name in SYNTHESISED and random.random() < 0.5:
        track = effects.echo(track, score.beat_seconds * 0.75, 0.45, random.uniform(0.1, 0.4))
    if name in ("pad", "strings", "epiano", "supersaw") and random.random() < 0.4:
        track = effects.chorus(track, random.uniform(0.2, 0.8), 0.002, 0.6)
    track = effects.width(track, random.uniform(0.4, 1.5))
    if name not in GUITARS:
        turn = random.uniform(-0.5, 0.5)
        track = track * np.array([[1 - max(0, turn)], [1 + min(0, turn)]], dtype=np.float32)
    wet = float(random.choice([0.0, 0.1, 0.2, 0.35])) * random.uniform(0.5, 1.2)
    if wet:
        track = chain.room(random, track, random.uniform(*score.style.rooms), wet, 0.015)
    return track


def render(score: Score) -> Array:
    """The stem of all other instruments [2, n]."""
    random = score.generator("other")
    low, high = score.style.layer_count
    names = pick_many(random, score.style.layers, int(random.integers(low, high + 1)))
    total = np.zeros((2, score.length_samples), dtype=np.float32)
    for place, name in enumerate(names):
        track = chain.normal(_layer(score, score.generator(f"other {place}"), name))
        loud = LAYERS[name].level_db if name in LAYERS else 0.0
        loud += random.normal(0, 2.5) - (2.0 * place if place else 0.0)
        gain = np.full(score.length_samples, 10 ** (loud / 20), dtype=np.float32)
        for section in score.sections:  # the first layer always plays, the others come and go
            if place and random.random() > 0.35 + 0.5 * section.intensity:
                start = max(0, score.at(section.first_bar, 0))
                stop = score.at(section.first_bar + section.bars, 0)
                gain[start:stop] = 0
        total += track * effects.low_pass(gain[None], 20, 1)[0]
    return effects.compress(total, random.uniform(1.0, 2.5), 0.2)
