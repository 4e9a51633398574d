"""Styles of music: tempo, grooves, kits, basses, layers, voices, loudness.

A choice is a dictionary of names with their weights; a name that is missing is never drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# A bar of sixteenths: X accent, x played, o ghost.
# For each groove: patterns of kicks, snares (or claps) and cymbals; a section uses one of each.
GROOVES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "rock": (
        ("X.......X.X.....", "X.....x.X.......", "X..x....X.x.....", "X.x.....x.X...x.",
         "X.......X.......", "X...X...X...X...", "X.....X...X.X..."),
        ("....X.......X...", "....X..o.o..X...", "....X.......X..o", "....X.......X.xx"),
        ("X.x.X.x.X.x.X.x.", "X...X...X...X...", "xxxxxxxxxxxxxxxx", "X.X.X.X.X.X.X.X."),
    ),
    "metal": (
        ("X.X.X.X.X.X.X.X.", "XXXXXXXXXXXXXXXX", "X..X..X.X..X..X.", "XX.XX.X.XX.XX.X."),
        ("....X.......X...", "..X...X...X...X.", "........X......."),
        ("X...X...X...X...", "X.X.X.X.X.X.X.X."),
    ),
    "pop": (
        ("X......xX.......", "X.....X.X.....x.", "X...X...X...X...", "X..X..X.X......."),
        ("....X.......X...", "....X.......X..x"),
        ("x.x.x.x.x.x.x.x.", "X.x.X.x.X.x.X.x.", "xoxoxoxoxoxoxoxo", "..X...X...X...X."),
    ),
    "ballad": (
        ("X.........x.....", "X.......X.......", "X......xX......."),
        ("........X.......", "....X.......X..."),
        ("x...x...x...x...", "x.o.x.o.x.o.x.o.", "x.x.x.x.x.x.x.x."),
    ),
    "funk": (
        ("X..x..x...X..x..", "X.x....x..X..x..", "X..X......X.x..x", "X.....xx..X....."),
        ("....X..o.o..X..o", "....X..o.oo.X...", "....X.o..o.oX.o."),
        ("xoxoxoxoxoxoxoxo", "x.xxx.xxx.xxx.xx", "X.x.X.x.X.x.X.xx"),
    ),
    "hiphop": (
        ("X.....x..xX.....", "X..x......X..x..", "X......X..X.....", "X.x.....X.x....."),
        ("....X.......X...", "....X..o....X..."),
        ("x.x.x.x.x.x.x.x.", "x.xxx.x.x.x.x.xx", "X...X...X...X..."),
    ),
    "trap": (
        ("X......X..X.....", "X.....x.......X.", "X..x......X...x.", "X.........X....."),
        ("........X.......", "........X.....x."),
        ("x.x.x.x.x.x.x.xx", "xxx.x.xxx.x.xxxx", "x.xxx.x.xxxxx.x."),
    ),
    "house": (
        ("X...X...X...X...", "X...X...X...X.x.", "X...X...X..xX..."),
        ("....X.......X...", "....X..x....X...", "................"),
        ("..X...X...X...X.", "x.X.x.X.x.X.x.X.", "xoXoxoXoxoXoxoXo"),
    ),
    "break": (
        ("X.X.......XX....", "X.....x...X.....", "X..x......X..x..", "X.X....x..X....."),
        ("....X..o.o..X...", "....X.......X..o", "....X..x.x..X..x"),
        ("x.x.x.x.x.x.x.x.", "X.xxX.xxX.xxX.xx", "xxxxxxxxxxxxxxxx"),
    ),
    "reggae": (
        ("........X.......", "X...X...X...X...", "X.......X......."),
        ("........X.......", "........X..o...o"),
        ("x.x.x.x.x.x.x.x.", "x..xx..xx..xx..x", "....x.......x..."),
    ),
    "jazz": (
        ("x..............o", "x.....o.........", "................", "x...o...x...o..."),
        ("......o.........", ".o.....o..o.....", "..........x....."),
        ("X...x.xX...x..x.", "X...X..xX...X..x", "x...X.x.x...X.x."),
    ),
    "latin": (
        ("X.....xxX.....x.", "X..x..X...X.x...", "X..X...X..X..X.."),
        ("...x..x....x.x..", "x..x..x...x.x...", "....x.......x..."),
        ("x.xxx.xxx.xxx.xx", "xoxoxoxoxoxoxoxo", "X.x.X.x.X.x.X.x."),
    ),
    "country": (
        ("X.......X.......", "X.....x.X.....x.", "X.......X.x....."),
        ("....X.......X...", "..o.X.o...o.X.o.", "xoxoXoxoxoxoXoxo"),
        ("x.x.x.x.x.x.x.x.", "x...x...x...x...", "................"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Ranges and weights of one style."""

    tempo: tuple[float, float]
    groove: str
    kits: dict[str, float]
    basses: dict[str, float]
    lines: dict[str, float]  # bass lines
    layers: dict[str, float]  # layers of the other instruments
    voices: dict[str, float]
    swing: tuple[float, ...] = (0.0,)
    level_db: tuple[float, float] = (-16, -10)  # root mean square of the mixture
    pump: float = 0.0  # probability of ducking under the kick
    rooms: tuple[float, float] = (0.3, 1.2)
    scales: tuple[str, ...] = ("major", "minor", "dorian", "mixolydian")
    layer_count: tuple[int, int] = (2, 5)
    favours: dict[str, float] = field(default_factory=dict)  # dB on a stem


_SUNG = {"sung": 8, "choir": 0.7, "spoken": 0.3}
_BAND = {"acoustic": 6, "studio": 2, "power": 2}
STYLES: dict[str, Style] = {
    "rock": Style(
        (90, 165), "rock", _BAND, {"picked": 4, "fingered": 3, "driven": 4, "string": 1},
        {"eighths": 5, "kick": 3, "riff": 3},
        {"power": 5, "crunch": 3, "solo": 2, "organ": 1.5, "clean": 2, "piano": 1.5, "strum": 2},
        _SUNG, level_db=(-14, -8.5),
    ),
    "metal": Style(
        (90, 190), "metal", {"acoustic": 4, "power": 3}, {"picked": 3, "driven": 6},
        {"eighths": 4, "riff": 4, "kick": 3}, {"power": 8, "solo": 3, "strings": 1, "pad": 0.5},
        {"sung": 6, "shout": 5, "choir": 1}, scales=("minor", "dorian"), level_db=(-13, -8),
        layer_count=(2, 3),
    ),
    "pop": Style(
        (86, 130), "pop", {"machine": 3, "studio": 2, "acoustic": 2, "electronic": 2, "synth": 1},
        {"swept": 4, "sub": 3, "fingered": 3, "pluck": 2, "reese": 1},
        {"eighths": 3, "long": 3, "kick": 3, "riff": 2, "octaves": 1},
        {"piano": 3, "pad": 3, "synth_pluck": 3, "clean": 2, "strings": 2, "supersaw": 2,
         "strum": 2, "epiano": 2, "synth_lead": 1, "bells": 1},
        {"sung": 9, "rap": 0.7, "choir": 0.6}, level_db=(-14, -9), pump=0.2, layer_count=(2, 5),
    ),
    "ballad": Style(
        (60, 84), "ballad", {"acoustic": 4, "studio": 2, "brush": 2},
        {"fingered": 5, "fretless": 2, "upright": 2, "sub": 1}, {"long": 6, "kick": 2, "walk": 1},
        {"piano": 5, "strings": 4, "pad": 2, "nylon": 3, "strum": 2, "winds": 1, "epiano": 2},
        {"sung": 9, "choir": 1}, rooms=(0.8, 2.4), level_db=(-18, -12),
    ),
    "funk": Style(
        (92, 122), "funk", {"acoustic": 4, "studio": 3}, {"slap": 5, "fingered": 4, "swept": 2},
        {"syncopated": 7, "riff": 3, "octaves": 2},
        {"chops": 5, "clav": 3, "brass": 4, "epiano": 2, "organ": 2, "synth_lead": 1},
        {"sung": 7, "rap": 1, "shout": 1}, (0.0, 0.1, 0.2),
    ),
    "soul": Style(
        (68, 104), "hiphop", {"acoustic": 3, "studio": 3, "brush": 1, "808": 2},
        {"fingered": 5, "sub": 3, "fretless": 1, "swept": 1}, {"syncopated": 4, "long": 3,
        "walk": 1},
        {"epiano": 5, "organ": 3, "strings": 2, "brass": 2, "clean": 3, "pad": 2, "winds": 1},
        {"sung": 9, "choir": 1}, (0.0, 0.15, 0.3),
    ),
    "hiphop": Style(
        (80, 104), "hiphop", {"machine": 4, "studio": 2, "808": 3, "acoustic": 1},
        {"808": 3, "sub": 4, "fingered": 2, "upright": 1, "swept": 1, "fm": 1},
        {"kick": 4, "long": 3, "riff": 3},
        {"piano": 3, "epiano": 3, "strings": 2, "pad": 2, "bells": 2, "brass": 1, "texture": 1,
         "clean": 1},
        {"rap": 8, "sung": 2, "spoken": 1}, (0.0, 0.12, 0.25), level_db=(-14, -9),
        layer_count=(2, 3), favours={"bass": 1.5},
    ),
    "trap": Style(
        (64, 80), "trap", {"808": 6, "machine": 4, "electronic": 1}, {"808": 8, "sub": 2},
        {"kick": 7, "long": 2}, {"bells": 3, "pad": 3, "synth_pluck": 3, "piano": 2, "winds": 1,
        "strings": 1, "synth_lead": 1}, {"rap": 6, "sung": 4}, level_db=(-13, -8.5),
        scales=("minor",), layer_count=(2, 3), favours={"bass": 2},
    ),
    "house": Style(
        (116, 130), "house", {"machine": 5, "electronic": 3, "808": 2, "synth": 1},
        {"swept": 6, "sub": 2, "fm": 2, "pluck": 3, "slap": 0.5, "acid": 1.5},
        {"offbeat": 5, "octaves": 3, "riff": 3, "syncopated": 2},
        {"stabs": 4, "piano": 2, "pad": 3, "synth_pluck": 3, "strings": 2, "organ": 1,
         "supersaw": 1, "texture": 1},
        {"sung": 6, "chops": 2, "spoken": 1, "none": 1}, level_db=(-13, -8.5), pump=0.7,
    ),
    "techno": Style(
        (122, 146), "house", {"machine": 6, "electronic": 2, "synth": 2},
        {"acid": 5, "swept": 3, "sub": 2, "reese": 2, "fm": 2}, {"sixteenths": 5, "offbeat": 4,
        "riff": 3}, {"stabs": 4, "synth_pluck": 4, "pad": 3, "texture": 2, "synth_lead": 2},
        {"chops": 2, "spoken": 2, "sung": 3, "none": 2}, level_db=(-12, -8), pump=0.7,
        scales=("minor", "dorian"),
    ),
    "drum and bass": Style(
        (164, 178), "break", {"studio": 3, "machine": 4, "acoustic": 3}, {"reese": 6, "wobble": 3,
        "sub": 3, "fm": 2, "swept": 1}, {"long": 4, "riff": 4, "syncopated": 2},
        {"pad": 4, "stabs": 3, "strings": 2, "piano": 2, "synth_lead": 1, "texture": 1},
        {"sung": 6, "rap": 2, "chops": 2, "none": 1}, level_db=(-12, -8), pump=0.3,
        layer_count=(1, 3),
    ),
    "dubstep": Style(
        (136, 146), "trap", {"machine": 5, "electronic": 3, "power": 1}, {"wobble": 7, "reese": 2,
        "fm": 2, "sub": 1}, {"long": 4, "riff": 4, "kick": 2}, {"supersaw": 3, "pad": 3,
        "synth_lead": 3, "stabs": 2, "texture": 1}, {"sung": 5, "chops": 3, "none": 1},
        level_db=(-11, -7.5), pump=0.4, scales=("minor",), layer_count=(1, 3),
    ),
    "synthwave": Style(
        (80, 118), "pop", {"electronic": 5, "machine": 2, "synth": 2, "power": 1},
        {"swept": 7, "fm": 2, "pluck": 2, "acid": 0.5}, {"sixteenths": 4, "eighths": 5,
        "octaves": 4}, {"pad": 4, "synth_pluck": 5, "synth_lead": 3, "supersaw": 2, "stabs": 1,
        "solo": 1, "bells": 1}, {"sung": 7, "none": 1}, pump=0.4, rooms=(0.8, 2.2),
    ),
    "reggae": Style(
        (66, 92), "reggae", {"acoustic": 4, "studio": 3}, {"fingered": 5, "sub": 4, "fretless": 1},
        {"syncopated": 5, "riff": 4}, {"skank": 7, "organ": 4, "brass": 2, "clean": 2, "piano": 1},
        _SUNG, (0.0, 0.2, 0.33), favours={"bass": 1.5},
    ),
    "country": Style(
        (84, 140), "country", {"acoustic": 5, "brush": 2, "studio": 1},
        {"upright": 3, "fingered": 5, "string": 1}, {"two": 6, "eighths": 2, "walk": 1},
        {"strum": 5, "picking": 4, "clean": 2, "fiddle": 2, "piano": 2, "organ": 1, "mandolin": 1},
        _SUNG, (0.0, 0.0, 0.2), scales=("major", "mixolydian"),
    ),
    "jazz": Style(
        (90, 200), "jazz", {"jazz": 6, "brush": 4}, {"upright": 8, "fretless": 1},
        {"walk": 8, "two": 2}, {"piano": 5, "jazz_guitar": 3, "brass": 2, "winds": 4, "organ": 1,
        "bells": 1}, {"sung": 6, "none": 1}, (0.33, 0.5, 0.6), level_db=(-21, -15),
        rooms=(0.4, 1.4), layer_count=(2, 3),
    ),
    "latin": Style(
        (84, 132), "latin", {"acoustic": 4, "brush": 1, "latin": 4}, {"upright": 3, "fingered": 4,
        "fretless": 1, "slap": 1}, {"tumbao": 6, "two": 2, "syncopated": 3},
        {"montuno": 4, "nylon": 4, "brass": 4, "winds": 2, "strings": 1, "bells": 1,
         "accordion": 1},
        {"sung": 8, "choir": 1, "shout": 0.5},
    ),
    "disco": Style(
        (108, 128), "house", {"acoustic": 5, "studio": 2, "electronic": 1},
        {"fingered": 4, "slap": 2, "swept": 2, "picked": 1}, {"octaves": 6, "syncopated": 4},
        {"strings": 4, "chops": 5, "brass": 3, "epiano": 2, "piano": 2, "clav": 1}, _SUNG,
        level_db=(-15, -10), layer_count=(3, 5),
    ),
    "indie": Style(
        (100, 160), "rock", {"acoustic": 5, "studio": 3}, {"picked": 5, "fingered": 2, "swept": 1,
        "driven": 1}, {"eighths": 6, "riff": 3, "kick": 1},
        {"clean": 5, "crunch": 3, "strum": 3, "pad": 2, "synth_lead": 1, "piano": 1, "bells": 1},
        {"sung": 8, "shout": 1}, rooms=(0.6, 2.0),
    ),
    "cinematic": Style(
        (60, 140), "ballad", {"orchestra": 5, "machine": 2, "acoustic": 1}, {"sub": 3, "upright": 3,
        "reese": 2, "bowed": 3}, {"long": 7, "eighths": 2}, {"strings": 6, "horns": 4, "piano": 3,
        "winds": 2, "pad": 3, "harp": 2, "texture": 2}, {"choir": 4, "sung": 5, "spoken": 1},
        rooms=(1.2, 2.5), level_db=(-20, -12),
    ),
}  # fmt: skip
# Weight of each style.
SHARES = {name: 2.0 if name in ("rock", "pop", "hiphop", "indie") else 1.0 for name in STYLES}
