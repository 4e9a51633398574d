"""The stems bass and other: instruments of the fonts or the synthesiser, their effects, layers."""

from dataclasses import dataclass, field

import numpy as np

from sampled import effects, parts, synthesiser
from sampled.effects import Generator, spread
from sampled.score import Score, pick, pick_many
from sampled.soundfont import ATTACK_TIMECENTS, FILTER_CENTS, FINE_CENTS, Note, SoundFont
from stems import Array


@dataclass(frozen=True)
class Instrument:
    """What an instrument plays, on what, and through which effects."""

    part: str = ""  # patterns, "arpeggio" or "melody", with weights
    programs: tuple[int, ...] = ()  # without one, the synthesiser's patch of the same name
    lowest: int = 55
    level_db: float = 0.0
    kind: str = "close"  # of chords
    held: tuple[float, float] = (0.7, 1.0)  # share of the time to the next note
    effects: dict[str, float] = field(default_factory=dict)  # with their probabilities
    doubled: float = 0.0  # probability of two takes, left and right
    bent: float = 0.0  # largest vibrato in semitones; with slides


_CLEAN = {"cabinet": 0.8, "chorus": 0.35, "tremolo": 0.25, "echo": 0.35}
_SYNTH = {"echo": 0.5}
BASSES = {
    "upright": Instrument(programs=(32,)), "fingered": Instrument(programs=(33, 37)),
    "picked": Instrument(programs=(34,), effects={"grit": 0.3}),
    "fretless": Instrument(programs=(35,), bent=0.2),
    "slap": Instrument(programs=(36, 37), effects={"scoop": 0.8}),
    "driven": Instrument(programs=(33, 34), effects={"grit": 1}),
    "bowed": Instrument(programs=(43,), bent=0.1),
}  # fmt: skip
LAYERS = {
    "piano": Instrument("comp 1", (0, 0, 1, 3), 52),
    "epiano": Instrument("comp 1", (2, 4, 5), 52, effects={"chorus": 0.4, "tremolo": 0.4}),
    "clav": Instrument("stab 1", (7, 7, 6), 52, held=(0.3, 0.9), effects={"drive": 0.8}),
    "organ": Instrument("held 4 comp 1", (16, 17, 18),
                        effects={"drive": 0.6, "chorus": 0.5, "tremolo": 0.4}),
    "pad": Instrument("held 1", (88, 89, 90, 92, 93, 94, 95, 50, 51), 52, -2,
                      effects={"chorus": 0.4}),
    "strings": Instrument("held 1", (48, 49, 48, 50, 51, 44), level_db=-1,
                          effects={"chorus": 0.3}),
    "brass": Instrument("stab 1", (61, 61, 62, 63, 56, 57), 52, -1, held=(0.3, 0.9)),
    "horns": Instrument("held 1", (60, 61, 57), 48),
    "winds": Instrument("melody 1", (65, 66, 73, 71, 68, 56, 59, 64, 22), 60, bent=0.35),
    "fiddle": Instrument("melody 1", (40, 110, 41), 62, bent=0.35),
    "solo": Instrument("melody 1", (27, 29, 30), 59, bent=0.35,
                       effects={"amplifier": 1, "echo": 1}),
    "bells": Instrument("arpeggio 1", (9, 10, 11, 12, 8, 108, 98, 14), 64, -2, held=(1, 3)),
    "harp": Instrument("arpeggio 1", (46, 45, 104, 107), held=(1, 3)),
    "mandolin": Instrument("arpeggio 1", (105, 25, 24), 62, held=(1, 2)),
    "accordion": Instrument("comp 1", (21, 23), 57),
    "montuno": Instrument("stab 1", (0, 1, 4), 57, held=(0.3, 0.9)),
    "power": Instrument("chug 1", (27, 28, 29), 38, kind="power", held=(0.3, 1.2), doubled=0.75,
                        effects={"amplifier": 1}),
    "crunch": Instrument("chug 1 strum 1", (27, 28), 40, kind="fretted", doubled=0.75,
                         effects={"crunch": 1}),
    "strum": Instrument("strum 1", (25,), 40, kind="fretted", doubled=0.75),
    "clean": Instrument("arpeggio 7 strum 3", (27,), 42, kind="fretted", held=(0.8, 3),
                        effects=_CLEAN),
    "picking": Instrument("arpeggio 7 strum 3", (25,), 42, kind="fretted", held=(0.9, 4)),
    "nylon": Instrument("arpeggio 7 strum 3", (24,), 42, kind="fretted", held=(0.9, 4)),
    "chops": Instrument("chop 1", (27,), 47, kind="high", held=(0.15, 0.5), effects=_CLEAN),
    "skank": Instrument("skank 1", (27,), 47, kind="high", held=(0.2, 0.5), effects=_CLEAN),
    "jazz_guitar": Instrument("strum 2 comp 1", (26,), 42, kind="fretted", effects=_CLEAN),
    "supersaw": Instrument("held 3 stab 2", effects={"chorus": 0.4, **_SYNTH}),
    "stabs": Instrument("stab 1", held=(0.2, 0.6), effects=_SYNTH),
    "synth_pluck": Instrument("arpeggio 1", lowest=60, held=(0.5, 1.5), effects=_SYNTH),
    "synth_lead": Instrument("melody 1", lowest=62, effects=_SYNTH),
}  # fmt: skip


def affected(score: Score, random: Generator, effect: str, track: Array) -> Array:
    """The track after an effect, whose settings are drawn."""
    match effect:
        case "amplifier" | "crunch":
            gain = spread(random, 8, 60) if effect == "amplifier" else spread(random, 3, 12)
            return effects.amplifier(random, effects.mono(track), gain)
        case "cabinet":
            bent = effects.drive(effects.mono(track), random.uniform(0.3, 2.0))
            return effects.cabinet(random, bent)
        case "grit":  # an amplifier above a clean bass
            dirty = effects.normal(effects.amplifier(random, track, spread(random, 3, 25)))
            clean = effects.low_pass(effects.normal(track), 250)
            return clean + np.float32(random.uniform(0.3, 0.9)) * dirty
        case "scoop":
            bright = (6000, 1.5, random.uniform(0, 6))
            return effects.equalised(track, [(random.uniform(500, 900), 0.8, -5), bright])
        case "drive":
            return effects.drive(track, random.uniform(0.5, 3.0))
        case "chorus":
            rate = float(random.choice([random.uniform(0.2, 1.1), 6.5]))
            return effects.chorus(track, rate, random.uniform(0.0005, 0.002), 0.7)
        case "tremolo":
            return effects.tremolo(track, random.uniform(3, 8), random.uniform(0.15, 0.6))
        case _:
            return effects.echo(track, score.beat_seconds * 0.75, random.uniform(0.1, 0.4))


def part(score: Score, random: Generator, instrument: Instrument) -> list[Note]:
    """The notes of a layer."""
    name, held = pick(random, instrument.part), random.uniform(*instrument.held)
    lowest = instrument.lowest + int(random.integers(0 if instrument.kind != "close" else -4, 5))
    if name == "melody":
        return parts.melody(score, random, lowest)
    if name == "arpeggio":
        return parts.arpeggio(score, random, instrument.kind, lowest, held)
    held = 1.0 if name == "held" else min(1.0, held)
    return parts.chords(score, random, name, instrument.kind, lowest, held)


def play(score: Score, random: Generator, name: str, instrument: Instrument, notes: list[Note]
         ) -> Array:  # fmt: skip
    """Notes on an instrument, with its effects, as [2, n]."""
    font = SoundFont(score.palette.fonts[random.integers(len(score.palette.fonts))])
    program = int(random.choice(instrument.programs or (0,)))
    loose = 0.0 if name in synthesiser.PATCHES else random.uniform(0.001, 0.007)
    takes = []
    for _ in range(2 if random.random() < instrument.doubled else 1):
        moved = parts.humanised(random, notes, loose)
        if instrument.programs:
            bent = parts.bends(random, moved, instrument.bent) if instrument.bent else []
            shape = {FILTER_CENTS: random.uniform(-1200, 900), FINE_CENTS: random.normal(0, 4),
                     ATTACK_TIMECENTS: random.uniform(-200, 400)}  # fmt: skip
            take = font.render((0, program), moved, score.length_samples, shape, bent)
        else:
            take = synthesiser.play(random, name, moved, score.length_samples, score.beat_seconds)
        for effect, chance in instrument.effects.items():
            if random.random() < chance:
                take = affected(score, random, effect, take)
        takes.append(effects.normal(take))
    if len(takes) == 1:
        return takes[0]
    both = np.stack([take.mean(0) for take in takes])  # a player on each side
    return effects.width(both, random.uniform(0.5, 1.0))


def bass(score: Score) -> Array:
    """The bass stem [2, n]."""
    random = score.generator("bass")
    kind = pick(random, score.style.basses)
    notes = parts.bass_line(score, random)
    if not notes:
        return effects.silence(score.length_samples)
    track = play(score, random, kind, BASSES.get(kind, Instrument()), notes)
    track = effects.width(track, random.uniform(0, 0.4))  # basses stay near the middle
    if kind not in ("sub", "808") and random.random() < 0.2:  # a deep sine below
        deep = play(score, random, "sub", Instrument(), notes)
        track = effects.high_pass(track, 90) + 0.7 * effects.mono(deep)
    track = effects.equalised(track, effects.tone(random, 2.0))
    track = effects.compress(track, random.uniform(1.5, 5.0), 0.12)
    if random.random() < 0.25:
        wet = random.uniform(0.01, 0.06)
        track = effects.room(random, track, random.uniform(0.2, 0.6), wet, 0.0)
    return effects.high_pass(track, 24)


def _layer(score: Score, random: Generator, name: str) -> Array:
    """One layer, with its own tone, stereo position and room."""
    instrument = LAYERS[name]
    track = play(score, random, name, instrument, part(score, random, instrument))
    if not track.any():
        return track
    track = effects.equalised(track, effects.tone(random, 2.5))
    track = effects.high_pass(track, effects.spread(random, 60, 300))
    track = effects.compress(track, random.uniform(1.0, 3.0), 0.15)
    track = effects.width(track, random.uniform(0.4, 1.5))
    track = track * effects.sides(random.uniform(-0.5, 0.5))
    wet = float(random.choice([0.0, 0.1, 0.2, 0.35])) * random.uniform(0.5, 1.2)
    if wet:
        track = effects.room(random, track, random.uniform(*score.style.rooms), wet, 0.015)
    return effects.normal(track)


def other(score: Score) -> Array:
    """The stem of all other instruments [2, n]."""
    random = score.generator("other")
    low, high = score.style.layer_count
    names = pick_many(random, score.style.layers, int(random.integers(low, high + 1)))
    total = effects.silence(score.length_samples)
    for place, name in enumerate(names):
        loud = LAYERS[name].level_db + random.normal(0, 2.5) - 2.0 * place
        gain = np.full(score.length_samples, 10 ** (loud / 20), dtype=np.float32)
        for section in score.sections:  # the first layer always plays, the others come and go
            if place and random.random() > 0.35 + 0.5 * section.intensity:
                stop = score.at(section.first_bar + section.bars, 0)
                gain[score.at(section.first_bar, 0) : stop] = 0
        track = _layer(score, score.generator(f"other {place}"), name)
        total += track * effects.low_pass(gain[None], 20, 1)[0]
    return effects.compress(total, random.uniform(1.0, 2.5), 0.2)
