"""Drums: pieces of a kit, each tuned, shaped, placed and sent to a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import effects
from oscillators import Array, Generator, samples
from sampled import chain, drum_synthesiser
from sampled.palette import one_shot
from sampled.score import Score, pick
from sampled.soundfont import COARSE_SEMITONES, DRUM_BANK, Note, sound_font
from sampled.styles import GROOVES

# Programs of the drum bank that belong to a family.
PROGRAMS = {
    "acoustic": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), "power": (16, 17, 18, 19),
    "electronic": (24,), "808": (25,), "jazz": (32, 33, 34), "brush": (40, 41, 42),
    "orchestra": (48,), "latin": (0, 8),
}  # fmt: skip
KEYS = {
    "kick": (36, 35), "snare": (38, 40), "side": (37,), "clap": (39,), "hat": (42,), "pedal": (44,),
    "open": (46,), "low": (41, 43), "middle": (45, 47), "high": (48, 50), "crash": (49, 57),
    "ride": (51, 59), "bell": (53,), "tambourine": (54,), "cowbell": (56,), "shaker": (70, 82),
    "conga": (63, 64, 62), "bongo": (60, 61), "timbale": (65, 66), "clave": (75,),
}  # fmt: skip
SECONDS = {"crash": 2.6, "ride": 1.6, "open": 0.9, "kick": 0.6, "hat": 0.25, "cowbell": 0.4,
           "conga": 0.5, "bongo": 0.5, "clave": 0.3, "shaker": 0.2}  # fmt: skip
# One-shots of sonic-pi-samples by piece: an acoustic drum set, and drum machines.
STUDIO = {
    "kick": ("drum_bass_hard", "drum_bass_soft", "drum_heavy_kick"),
    "snare": ("drum_snare_hard", "drum_snare_soft"), "hat": ("drum_cymbal_closed",),
    "open": ("drum_cymbal_open",), "pedal": ("drum_cymbal_pedal",),
    "crash": ("drum_splash_hard", "drum_cymbal_hard"), "ride": ("drum_cymbal_soft",),
    "low": ("drum_tom_lo_hard",), "middle": ("drum_tom_mid_hard",), "high": ("drum_tom_hi_hard",),
    "cowbell": ("drum_cowbell",),
}  # fmt: skip
MACHINE = {
    "kick": ("bd_808", "bd_ada", "bd_boom", "bd_fat", "bd_gas", "bd_haus", "bd_klub", "bd_mehackit",
             "bd_pure", "bd_sone", "bd_tek", "bd_zome", "bd_zum", "elec_hollow_kick",
             "elec_soft_kick"),
    "snare": ("sn_dolf", "sn_dub", "sn_generic", "sn_zome", "elec_snare", "elec_hi_snare",
              "elec_mid_snare", "elec_lo_snare", "elec_filt_snare", "drum_snare_hard"),
    "clap": ("perc_snap", "perc_snap2", "sn_generic", "elec_filt_snare"),
    "hat": ("drum_cymbal_closed", "elec_tick", "drum_cymbal_pedal"),
    "open": ("drum_cymbal_open", "elec_cymbal"), "crash": ("drum_splash_soft", "elec_cymbal"),
    "low": ("elec_fuzz_tom", "drum_tom_lo_soft"), "middle": ("drum_tom_mid_soft", "elec_blup"),
    "high": ("drum_tom_hi_soft", "elec_bong"), "cowbell": ("elec_bell", "drum_cowbell"),
    "conga": ("tabla_ghe3", "tabla_na_s", "tabla_tas1", "elec_wood"), "bongo": ("tabla_te1",),
    "shaker": ("elec_tick", "drum_cymbal_pedal"), "clave": ("elec_blip2", "elec_wood"),
}  # fmt: skip
PANS = {
    "hat": 0.35, "open": 0.35, "pedal": 0.35, "ride": -0.45, "bell": -0.45, "crash": -0.4,
    "high": 0.4, "middle": 0.0, "low": -0.45, "shaker": -0.5, "tambourine": 0.5, "cowbell": 0.25,
    "conga": -0.4, "bongo": 0.45, "timbale": -0.3, "clave": 0.5, "clap": -0.05, "side": 0.1,
}  # fmt: skip
# Peak level of each piece relative to the kick, in dB.
LEVELS_DB = {
    "kick": 0, "snare": -1.5, "side": -6, "clap": -4, "hat": -14, "pedal": -15, "open": -13,
    "low": -4, "middle": -4, "high": -4, "crash": -9, "ride": -14, "bell": -13, "tambourine": -13,
    "cowbell": -14, "shaker": -17, "conga": -10, "bongo": -11, "timbale": -11, "clave": -13,
}  # fmt: skip
VELOCITIES = {"X": 1.0, "x": 0.75, "o": 0.32}
LAYERS = (45.0, 85.0, 122.0)  # velocities at which a font's piece is recorded
PERCUSSION = ("shaker", "tambourine", "conga", "bongo", "cowbell", "clave", "timbale")


@dataclass(frozen=True)
class Piece:
    """Takes [2, n] from soft to loud with a peak of one, gain, pan, and share sent to the room."""

    takes: list[Array]
    gain: float
    pan: float
    send: float


@dataclass(frozen=True)
class Hit:
    """A stroke: piece, bar, step (may be fractional), velocity 0...1."""

    piece: str
    bar: int
    step: float
    velocity: float


class Kit:
    """Pieces of one family, made at their first stroke."""

    def __init__(self, score: Score, random: Generator) -> None:
        self.random = random
        usual = {k: w for k, w in score.style.kits.items() if k in score.palette.kits}
        self.family = pick(random, usual or dict.fromkeys(sorted(score.palette.kits), 1.0))
        fonts = score.palette.drum_fonts
        self.font = sound_font(fonts[random.integers(len(fonts))])
        programs = PROGRAMS.get(self.family, (0,))
        self.program = int(random.choice(programs))
        self.tuning = random.normal(0, 1.5)
        self.side = float(random.choice([-1, 1]))
        self.spread = random.uniform(0.3, 1.1)
        self.wet = random.uniform(0.3, 1.0)
        self.synthesised = drum_synthesiser.kit(random) if self.family == "synth" else {}
        self.pieces: dict[str, Piece] = {}

    def _takes(self, name: str) -> list[Array]:
        """Takes [2, n] of a piece before shaping."""
        tuning = self.tuning + self.random.normal(0, 1.0)
        table = {"studio": STUDIO, "machine": MACHINE}.get(self.family, {})
        # Pieces for which a machine has no sounds come from a font.
        if name in self.synthesised:
            return [np.repeat(take[None], 2, axis=0) for take in self.synthesised[name]]
        if name in table:
            choice = table[name][self.random.integers(len(table[name]))]
            sound = one_shot(choice)[:, : samples(SECONDS.get(name, 1.2))]
            return [chain.at_pace(sound, 2 ** (tuning / 12))]
        program = 25 if self.family == "machine" else self.program
        keys = KEYS[name]
        key = int(keys[self.random.integers(len(keys))])
        count = samples(SECONDS.get(name, 0.8))
        shape = {COARSE_SEMITONES: float(np.clip(tuning, -5, 5))}
        return [
            self.font.render(
                (DRUM_BANK, program), [Note(0, count, key, velocity)], count, shape=shape
            )
            for velocity in LAYERS
        ]

    def piece(self, name: str) -> Piece:
        """Makes a piece once: takes shaped by decay, equaliser and saturation."""
        if name in self.pieces:
            return self.pieces[name]
        random = self.random
        takes = self._takes(name)
        decay = float(np.exp(random.uniform(np.log(0.08), np.log(1.2))))
        tight = name in ("kick", "snare", "low", "middle", "high", "clap") and random.random() < 0.4
        sections = [
            effects.shelf("low", random.uniform(90, 220), random.normal(0, 2.0)),
            effects.bell(np.exp(random.uniform(*np.log([250, 5000]))), random.normal(0, 3.0), 1.0),
            effects.shelf("high", random.uniform(4000, 9000), random.normal(0, 2.5)),
        ]
        bite = random.normal(0, 0.3)
        dirt = random.uniform(1.5, 5.0) if random.random() < 0.3 else 0.0
        shaped = []
        for take in takes:
            sound = effects.filtered(take, sections)
            if tight:
                sound = sound * np.exp(-np.arange(sound.shape[1]) / samples(decay)).astype("f4")
            if name in ("kick", "snare", "low", "high"):
                sound = chain.transients(sound, bite)
            if dirt:
                sound = effects.saturate(sound, dirt)
            fade = min(400, sound.shape[1])
            sound[:, sound.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
            peak = float(np.abs(sound).max())
            shaped.append((sound / max(peak, 1e-6)).astype(np.float32))
        gain = 10 ** ((LEVELS_DB[name] + random.normal(0, 2.0)) / 20)
        pan = PANS.get(name, 0.0) * self.side * self.spread
        send = self.wet * random.uniform(0.1, 0.4) * (0.25 if name == "kick" else 1.0)
        self.pieces[name] = Piece(shaped, gain, pan, send)
        return self.pieces[name]


def _bar(random: Generator, text: str, piece: str) -> list[tuple[str, float, float]]:
    """Strokes of a bar from its pattern: piece, step, velocity."""
    return [(piece, float(k), VELOCITIES[mark]) for k, mark in enumerate(text) if mark != "."]


def _groove(score: Score, random: Generator, name: str, kit: Kit) -> list[tuple[str, float, float]]:
    """The bar that a section repeats."""
    kicks, snares, cymbals = GROOVES[score.style.groove]
    hits = _bar(random, kicks[random.integers(len(kicks))], "kick")
    electronic = kit.family in ("machine", "808", "electronic", "synth")
    back = {"snare": 6.0, "clap": 4.0 if electronic else 0.4, "side": 0.8}
    snare = pick(random, back)
    text = snares[random.integers(len(snares))]
    hits += _bar(random, text, snare)
    if snare == "clap" and random.random() < 0.4:
        hits += _bar(random, text, "snare")
    top = "hat"
    if score.style.groove == "jazz" or (name == "chorus" and random.random() < 0.3):
        top = "ride"
    strokes = _bar(random, cymbals[random.integers(len(cymbals))], top)
    if top == "hat" and name in ("chorus", "build") and random.random() < 0.25:
        strokes = [("open", step, loud) for _, step, loud in strokes if step % 4 == 0]
    hits += strokes
    if top == "hat" and random.random() < 0.4:
        step = float(random.choice([2, 6, 10, 14]))
        hits = [hit for hit in hits if hit[:2] != ("hat", step)] + [("open", step, 0.8)]
    if score.style.groove == "trap":
        for step in random.choice(16, size=2, replace=False):  # rolls of thirty-seconds
            hits += [("hat", float(step) + part, 0.55) for part in (0.33, 0.67)]
    for piece in PERCUSSION:
        share = 0.35 if score.style.groove in ("latin", "house") else 0.1
        if random.random() < share:
            steps = range(16) if piece == "shaker" else random.permutation(16)[:5]
            hits += [(piece, float(step), random.uniform(0.4, 0.9)) for step in steps]
    return hits


def _fill(random: Generator, start: int) -> list[tuple[str, float, float]]:
    """A run to the end of the bar."""
    pieces = ("snare", "snare", "high", "middle", "low", "kick")
    pace = float(random.choice([1, 1, 2, 0.5]))
    steps = np.arange(start, 16, pace)
    order = np.sort(random.integers(len(pieces), size=len(steps)))
    return [
        (pieces[int(p)], float(step), 0.5 + 0.5 * k / len(steps))
        for k, (step, p) in enumerate(zip(steps, order, strict=True))
        if random.random() < 0.85
    ]


def plan(score: Score) -> list[Hit]:
    """All strokes of the song, from their own generator, since other stems duck under the kick."""
    random = score.generator("strokes")
    kit = Kit(score, score.generator("kit"))
    grooves: dict[str, list[tuple[str, float, float]]] = {}
    hits = []
    previous = None
    for section, bar in score.bars("drums"):
        groove = grooves.setdefault(section.name, _groove(score, random, section.name, kit))
        strokes = [hit for hit in groove if random.random() > 0.03]
        if section.name in ("intro", "break") and random.random() < 0.5:
            strokes = [hit for hit in strokes if hit[0] in ("hat", "kick", *PERCUSSION)]
        if section is not previous and random.random() < 0.6:
            strokes.append(("crash", 0.0, random.uniform(0.7, 1.0)))
        last = bar == section.first_bar + section.bars - 1
        if last and random.random() < 0.6:
            start = int(random.choice([8, 10, 12, 12, 14]))
            strokes = [hit for hit in strokes if hit[1] < start] + _fill(random, start)
        elif last and section.name == "build":
            strokes = [("snare", float(k), 0.3 + 0.04 * k) for k in range(16)]
        previous = section
        hits += [Hit(piece, bar, step, velocity) for piece, step, velocity in strokes]
    return hits


def kicks(score: Score, hits: list[Hit]) -> list[int]:
    """The samples at which the kick sounds."""
    return [score.at(hit.bar, hit.step) for hit in hits if hit.piece == "kick"]


def render(score: Score, hits: list[Hit]) -> Array:
    """The drum stem [2, n]."""
    random = score.generator("drums")
    kit = Kit(score, score.generator("kit"))
    count = score.length_samples
    dry = np.zeros((2, count), dtype=np.float32)
    sent = np.zeros((2, count), dtype=np.float32)
    exact = kit.family in ("machine", "808", "electronic", "synth")
    loose = random.uniform(0, 0.002) if exact else random.uniform(0.002, 0.009)
    steady = random.uniform(0.85, 1.0) if exact else random.uniform(0.65, 0.95)
    starts = [(max(0, score.at(h.bar, h.step) + samples(random.normal(0, loose))), h) for h in hits]
    closing = sorted(at for at, hit in starts if hit.piece in ("hat", "pedal"))
    for at, hit in sorted(starts, key=lambda pair: pair[0]):
        if at >= count:
            continue
        piece = kit.piece(hit.piece)
        velocity = hit.velocity * random.uniform(steady, 1.0)
        layer = min(len(piece.takes) - 1, int(velocity * len(piece.takes)))
        sound = piece.takes[layer]
        if hit.piece == "open":  # the closed hat ends it
            after = next((other for other in closing if other > at), count)
            if after - at < sound.shape[1]:
                sound = sound[:, : after - at + 400].copy()
                sound[:, -400:] *= np.linspace(1, 0, 400, dtype=np.float32)
        room = min(sound.shape[1], count - at)
        sides = chain.sides(np.clip(piece.pan, -1, 1)) * np.float32(1.414)
        struck = sound[:, :room] * (sides * np.float32(piece.gain * velocity**1.5))
        dry[:, at : at + room] += struck
        sent[:, at : at + room] += np.float32(piece.send) * struck
    if not dry.any():
        return dry
    seconds = random.uniform(0.2, 0.6) if exact else random.uniform(0.3, 1.4)
    track = dry + chain.room(random, sent, seconds, 1.0, random.uniform(0, 0.02)) - sent
    if random.random() < 0.5:  # compression beside the dry sound
        squeezed = effects.compress(track, random.uniform(6, 12), random.uniform(0.05, 0.15))
        squeezed = effects.saturate(squeezed, random.uniform(1.5, 5.0))
        track = track + np.float32(random.uniform(0.1, 0.5)) * squeezed
    track = effects.equalise(track, random, 1.5)
    if random.random() < 0.1:  # an old recording
        track = effects.low_pass(track, random.uniform(3500, 8000))
        track = chain.drive(track, random.uniform(1.5, 4))
    track = effects.compress(track, random.uniform(1.2, 3.0), 0.1)
    if random.random() < 0.4:
        track = effects.saturate(track, random.uniform(0.8, 2.5))
    return track
