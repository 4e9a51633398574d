"""Drums: pieces of a kit, each tuned, shaped, placed and sent to a room."""

import numpy as np

from sampled import effects, parts
from sampled.effects import Generator, samples, spread
from sampled.palette import one_shot
from sampled.score import Score, pick
from sampled.soundfont import COARSE_SEMITONES, DRUM_BANK, Note, SoundFont
from sampled.styles import PATTERNS, weights
from stems import Array

# Programs of the drum bank that belong to a family; "studio" and "machine" have samples too.
PROGRAMS = {
    "acoustic": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), "power": (16, 17, 18, 19),
    "electronic": (24,), "808": (25,), "jazz": (32, 33, 34), "brush": (40, 41, 42),
    "orchestra": (48,), "studio": (0, 8), "machine": (25,),
}  # fmt: skip
EXACT = frozenset(("machine", "808", "electronic"))  # families that a machine plays
# MIDI keys, peak level relative to the kick in dB, pan, length in seconds; samples (of
# sonic-pi-samples) of the families "studio" and "machine", which otherwise play a font.
PIECES = {
    "kick": ((36, 35), 0, 0, 0.6, "drum_bass_hard drum_bass_soft drum_heavy_kick",
             "bd_808 bd_ada bd_boom bd_fat bd_gas bd_haus bd_klub bd_mehackit bd_pure bd_sone "
             "bd_tek bd_zome bd_zum elec_hollow_kick elec_soft_kick"),
    "snare": ((38, 40), -1.5, 0, 0.8, "drum_snare_hard drum_snare_soft",
              "sn_dolf sn_dub sn_generic sn_zome elec_snare elec_hi_snare elec_mid_snare "
              "elec_lo_snare elec_filt_snare drum_snare_hard"),
    "side": ((37,), -6, 0.1, 0.8, "", ""),
    "clap": ((39,), -4, -0.05, 0.8, "", "perc_snap perc_snap2 sn_generic elec_filt_snare"),
    "hat": ((42,), -14, 0.35, 0.25, "drum_cymbal_closed",
            "drum_cymbal_closed elec_tick drum_cymbal_pedal"),
    "open": ((46,), -13, 0.35, 0.9, "drum_cymbal_open", "drum_cymbal_open elec_cymbal"),
    "low": ((41, 43), -4, -0.45, 0.8, "drum_tom_lo_hard", "elec_fuzz_tom drum_tom_lo_soft"),
    "middle": ((45, 47), -4, 0, 0.8, "drum_tom_mid_hard", "drum_tom_mid_soft elec_blup"),
    "high": ((48, 50), -4, 0.4, 0.8, "drum_tom_hi_hard", "drum_tom_hi_soft elec_bong"),
    "crash": ((49, 57), -9, -0.4, 2.6, "drum_splash_hard drum_cymbal_hard",
              "drum_splash_soft elec_cymbal"),
    "ride": ((51, 59), -14, -0.45, 1.6, "drum_cymbal_soft", ""),
    "tambourine": ((54,), -13, 0.5, 0.8, "", ""),
    "cowbell": ((56,), -14, 0.25, 0.4, "drum_cowbell", "elec_bell drum_cowbell"),
    "shaker": ((70, 82), -17, -0.5, 0.2, "", "elec_tick drum_cymbal_pedal"),
    "conga": ((63, 64, 62), -10, -0.4, 0.5, "", "tabla_ghe3 tabla_na_s tabla_tas1 elec_wood"),
    "bongo": ((60, 61), -11, 0.45, 0.5, "", "tabla_te1"),
    "timbale": ((65, 66), -11, -0.3, 0.8, "", ""),
    "clave": ((75,), -13, 0.5, 0.3, "", "elec_blip2 elec_wood"),
}  # fmt: skip
PERCUSSION = ("shaker", "tambourine", "conga", "bongo", "cowbell", "clave", "timbale")
VELOCITIES = {"X": 1.0, "x": 0.75, "o": 0.32}
RECORDED = (45.0, 85.0, 122.0)  # velocities at which a font's piece is recorded

Stroke = tuple[str, float, float]  # piece, step (may be fractional), velocity 0...1
Hit = tuple[str, int, float]  # piece, sample, velocity


class Kit:
    """Pieces of one family, made at their first stroke."""

    def __init__(self, score: Score, random: Generator) -> None:
        self.random = random
        usual = {k: w for k, w in weights(score.style.kits).items() if k in score.palette.kits}
        self.family = pick(random, usual or dict.fromkeys(sorted(score.palette.kits), 1.0))
        fonts = score.palette.drum_fonts
        self.font = SoundFont(fonts[random.integers(len(fonts))])
        self.program = int(random.choice(PROGRAMS[self.family]))
        self.tuning = random.normal(0, 1.5)
        self.spread = random.choice([-1, 1]) * random.uniform(0.3, 1.1)
        self.wet = random.uniform(0.3, 1.0)
        self.pieces: dict[str, tuple[list[Array], float]] = {}

    def _takes(self, name: str) -> list[Array]:
        """Takes [2, n] of a piece before shaping."""
        keys, _, _, seconds, studio, machine = PIECES[name]
        tuning, count = self.tuning + self.random.normal(0, 1.0), samples(seconds)
        names = {"studio": studio, "machine": machine}.get(self.family, "").split()
        if names:
            sound = one_shot(str(self.random.choice(names)))[:, :count]
            return [effects.at_pace(sound, 2 ** (tuning / 12))]
        key, preset = int(self.random.choice(keys)), (DRUM_BANK, self.program)
        shape = {COARSE_SEMITONES: float(np.clip(tuning, -5, 5))}
        notes = [[Note(0, count, key, velocity)] for velocity in RECORDED]
        return [self.font.render(preset, note, count, shape, []) for note in notes]

    def piece(self, name: str) -> tuple[list[Array], float]:
        """Takes [2, n] of a piece from soft to loud, made once, and their share sent to a room."""
        if name in self.pieces:
            return self.pieces[name]
        random, (_, level_db, pan, *_) = self.random, PIECES[name]
        takes, bumps = self._takes(name), effects.tone(random, 2.5)
        tight = name in ("kick", "snare", "low", "middle", "high", "clap") and random.random() < 0.4
        decay = spread(random, 0.08, 1.2) if tight else 9.0
        dirt = random.uniform(1.5, 5.0) if random.random() < 0.3 else 0.0
        gain = 1.414 * 10 ** ((level_db + random.normal(0, 2.0)) / 20)
        gains = np.float32(gain) * effects.sides(pan * self.spread)
        shaped = []
        for take in takes:
            sound = effects.equalised(take, bumps) * np.exp(-effects.times(take.shape[1]) / decay)
            sound = effects.faded(effects.drive(sound, dirt) if dirt else sound)
            peak = max(float(np.abs(sound).max()), 1e-6)
            shaped.append((gains * sound / peak).astype(np.float32))
        send = self.wet * random.uniform(0.1, 0.4) * (0.25 if name == "kick" else 1.0)
        self.pieces[name] = shaped, send
        return self.pieces[name]


def _bar(score: Score, random: Generator, part: str, piece: str) -> list[Stroke]:
    """Strokes of a pattern of the style's groove, on a piece."""
    text = str(random.choice(PATTERNS[f"{score.style.groove} {part}"]))
    return [(piece, float(step), VELOCITIES[mark]) for step, _, mark in parts.strokes(text)]


def _groove(score: Score, random: Generator, name: str, kit: Kit) -> list[Stroke]:
    """The bar that a section repeats."""
    groove = score.style.groove
    clap = 4.0 if kit.family in EXACT else 0.4
    hits = _bar(score, random, "kick", "kick")
    hits += _bar(score, random, "snare", pick(random, {"snare": 6.0, "clap": clap, "side": 0.8}))
    is_ride = groove == "jazz" or (name == "chorus" and random.random() < 0.3)
    tops = _bar(score, random, "top", "ride" if is_ride else "hat")
    if not is_ride and name in ("chorus", "build") and random.random() < 0.25:
        tops = [("open", step, loud) for _, step, loud in tops if step % 4 == 0]
    elif not is_ride and random.random() < 0.4:
        opened = float(random.choice([2, 6, 10, 14]))
        tops = [hit for hit in tops if hit[1] != opened] + [("open", opened, 0.8)]
    hits += tops
    if groove == "trap":
        for step in random.choice(16, size=2, replace=False):  # rolls of thirty-seconds
            hits += [("hat", float(step) + part, 0.55) for part in (0.33, 0.67)]
    for piece in PERCUSSION:
        if random.random() < (0.35 if groove in ("latin", "house") else 0.1):
            steps = range(16) if piece == "shaker" else random.permutation(16)[:5]
            hits += [(piece, float(step), random.uniform(0.4, 0.9)) for step in steps]
    return hits


def _fill(random: Generator, start: int) -> list[Stroke]:
    """A run to the end of the bar."""
    pieces = ("snare", "snare", "high", "middle", "low", "kick")
    steps = np.arange(start, 16, random.choice([1, 1, 2, 0.5]))
    order = np.sort(random.integers(len(pieces), size=len(steps)))
    return [
        (pieces[piece], float(step), 0.5 + 0.5 * k / len(steps))
        for k, (step, piece) in enumerate(zip(steps, order, strict=True))
        if random.random() < 0.85
    ]


def plan(score: Score) -> list[Hit]:
    """All strokes of the song, from their own generator, since other stems duck under the kick."""
    random = score.generator("strokes")
    kit = Kit(score, score.generator("kit"))
    grooves: dict[str, list[Stroke]] = {}
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
        hits += [(piece, score.at(bar, step), velocity) for piece, step, velocity in strokes]
    return hits


def render(score: Score, hits: list[Hit]) -> Array:
    """The drum stem [2, n]."""
    random = score.generator("drums")
    kit = Kit(score, score.generator("kit"))
    count = score.length_samples
    dry, sent = effects.silence(count), effects.silence(count)
    exact = kit.family in EXACT
    loose = random.uniform(0, 0.002) if exact else random.uniform(0.002, 0.009)
    steady = random.uniform(0.85, 1.0) if exact else random.uniform(0.65, 0.95)
    played = [
        (max(0, at + samples(random.normal(0, loose))), name, velocity)
        for name, at, velocity in hits
    ]
    closing = sorted(at for at, name, _ in played if name == "hat")
    for at, name, loud in sorted(played, key=lambda hit: hit[0]):
        takes, send = kit.piece(name)
        velocity = loud * random.uniform(steady, 1.0)
        sound = takes[min(len(takes) - 1, int(velocity * len(takes)))]
        if name == "open":  # the closed hat ends it
            after = next((other for other in closing if other > at), count)
            sound = effects.faded(sound[:, : after - at + 400])
        sound = sound * np.float32(velocity**1.5)
        effects.add(dry, at, sound)
        effects.add(sent, at, np.float32(send) * sound)
    if not dry.any():
        return dry
    seconds = random.uniform(0.2, 0.6) if exact else random.uniform(0.3, 1.4)
    track = dry + effects.room(random, sent, seconds, 1.0, random.uniform(0, 0.02)) - sent
    if random.random() < 0.5:  # compression beside the dry sound
        squeezed = effects.compress(track, random.uniform(6, 12), random.uniform(0.05, 0.15))
        squeezed = effects.drive(squeezed, random.uniform(1.5, 5.0))
        track = track + np.float32(random.uniform(0.1, 0.5)) * squeezed
    track = effects.equalised(track, effects.tone(random, 1.5))
    if random.random() < 0.1:  # an old recording
        track = effects.low_pass(track, random.uniform(3500, 8000))
    track = effects.compress(track, random.uniform(1.2, 3.0), 0.1)
    if random.random() < 0.5:
        track = effects.drive(track, random.uniform(0.8, 3.0))
    return track
