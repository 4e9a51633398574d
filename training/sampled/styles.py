"""Styles of music: tempo, patterns, kits, basses, layers, voices, loudness; all in tables."""

from dataclasses import dataclass, field

# Bars of sixteenths, of which a section uses one. Drums and chords: X accent, x played, o ghost.
# Basses: r root, t third, f fifth, o octave, s seventh, a one below the next bar's root.
PATTERNS = {
    name: tuple(bars.split())
    for name, bars in (
        row.split(":")
        for row in """\
rock kick: X.......X.X..... X.....x.X....... X..x....X.x..... X.x.....x.X...x. X.......X.......
rock snare: ....X.......X... ....X..o.o..X... ....X.......X..o ....X.......X.xx
rock top: X.x.X.x.X.x.X.x. X...X...X...X... xxxxxxxxxxxxxxxx X.X.X.X.X.X.X.X.
metal kick: X.X.X.X.X.X.X.X. XXXXXXXXXXXXXXXX X..X..X.X..X..X. XX.XX.X.XX.XX.X.
metal snare: ....X.......X... ..X...X...X...X. ........X.......
metal top: X...X...X...X... X.X.X.X.X.X.X.X.
pop kick: X......xX....... X.....X.X.....x. X...X...X...X... X..X..X.X.......
pop snare: ....X.......X... ....X.......X..x
pop top: x.x.x.x.x.x.x.x. X.x.X.x.X.x.X.x. xoxoxoxoxoxoxoxo ..X...X...X...X.
ballad kick: X.........x..... X.......X....... X......xX.......
ballad snare: ........X....... ....X.......X...
ballad top: x...x...x...x... x.o.x.o.x.o.x.o. x.x.x.x.x.x.x.x.
funk kick: X..x..x...X..x.. X.x....x..X..x.. X..X......X.x..x X.....xx..X.....
funk snare: ....X..o.o..X..o ....X..o.oo.X... ....X.o..o.oX.o.
funk top: xoxoxoxoxoxoxoxo x.xxx.xxx.xxx.xx X.x.X.x.X.x.X.xx
hiphop kick: X.....x..xX..... X..x......X..x.. X......X..X..... X.x.....X.x.....
hiphop snare: ....X.......X... ....X..o....X...
hiphop top: x.x.x.x.x.x.x.x. x.xxx.x.x.x.x.xx X...X...X...X...
trap kick: X......X..X..... X.....x.......X. X..x......X...x. X.........X.....
trap snare: ........X....... ........X.....x.
trap top: x.x.x.x.x.x.x.xx xxx.x.xxx.x.xxxx x.xxx.x.xxxxx.x.
house kick: X...X...X...X... X...X...X...X.x. X...X...X..xX...
house snare: ....X.......X... ....X..x....X... ................
house top: ..X...X...X...X. x.X.x.X.x.X.x.X. xoXoxoXoxoXoxoXo
break kick: X.X.......XX.... X.....x...X..... X..x......X..x.. X.X....x..X.....
break snare: ....X..o.o..X... ....X.......X..o ....X..x.x..X..x
break top: x.x.x.x.x.x.x.x. X.xxX.xxX.xxX.xx xxxxxxxxxxxxxxxx
reggae kick: ........X....... X...X...X...X... X.......X.......
reggae snare: ........X....... ........X..o...o
reggae top: x.x.x.x.x.x.x.x. x..xx..xx..xx..x ....x.......x...
jazz kick: x..............o x.....o......... ................ x...o...x...o...
jazz snare: ......o......... .o.....o..o..... ..........x.....
jazz top: X...x.xX...x..x. X...X..xX...X..x x...X.x.x...X.x.
latin kick: X.....xxX.....x. X..x..X...X.x... X..X...X..X..X..
latin snare: ...x..x....x.x.. x..x..x...x.x... ....x.......x...
latin top: x.xxx.xxx.xxx.xx xoxoxoxoxoxoxoxo X.x.X.x.X.x.X.x.
country kick: X.......X....... X.....x.X.....x. X.......X.x.....
country snare: ....X.......X... ..o.X.o...o.X.o. xoxoXoxoxoxoXoxo
country top: x.x.x.x.x.x.x.x. x...x...x...x... ................
eighths: r.r.r.r.r.r.r.r. r.r.r.r.r.r.r.a. r.r.r.r.r.r.f.o.
sixteenths: rrrrrrrrrrrrrrrr rrorrrorrrorrror .rrr.rrr.rrr.rrr rrorfrosrrorfros
kick: r.....r...r..... r.......r....... r..r......f..... r......r..r.....
riff: r..r..s.r..f..s. r.r..tf...r.s... r...o.f...t.r...
long: r............... r.......r....... r...........f... r.........o.....
octaves: r.o.r.o.r.o.r.o. rorororororororo
offbeat: ..r...r...r...r. ..rr..rr..rr..rr ..r...r...r..so.
syncopated: r..r..o..rs...f. r..or..r..fs..r. ..r.r.r...t.o.f.
walk: r...t...f...a... r...f...s...a... r...o...f...t..a
two: r.......f....... r.......f...a...
tumbao: ......f.....o... r.....f.....o...
held: X...............
comp: X.......x....... X..x..x...x..... X...x...x...x... X.x.X.x.X.x.X.x. X..X..X.X..X..X.
stab: X..X..X...X..... ..X...X...X...X. X.....X....X.... X..x..X..x..X.x. X.X...X.X.X...X.
strum: X...x.xx..x.x.xx X.x.x.x.X.x.x.x. X...X...X...X.x. x..x..x.x..x..x. X.......X.......
chug: X.xxX.xxX.xxX.xx XxxxXxxxXxxxXxxx X..X..X.X..X..X. X.......X...X... X..xX..xX.x.X.xx
chop: .x.X..xX.x.X..x. ..X...X...X...X. ....X.......X... x.xX.x.xx.xX.x.x
skank: ..X...X...X...X. ..XX..XX..XX..XX ....X.......X...
""".splitlines()
    )
}


def weights(text: str) -> dict[str, float]:
    """Names with their weights, from "name weight name weight"."""
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


@dataclass(frozen=True)
class Style:
    """Ranges of one style, and names with their weights; a name that is missing is never drawn."""

    tempo: tuple[float, float]
    groove: str
    kits: str
    basses: str
    lines: str  # bass lines
    layers: str  # layers of the other instruments
    voices: str
    swing: tuple[float, ...] = (0.0,)
    level_db: tuple[float, float] = (-16, -10)  # root mean square of the mixture
    pump: float = 0.0  # probability of ducking under the kick
    rooms: tuple[float, float] = (0.3, 1.2)
    scales: tuple[str, ...] = ("major", "minor", "dorian", "mixolydian")
    layer_count: tuple[int, int] = (2, 5)
    favours: dict[str, float] = field(default_factory=dict)  # dB on a stem


SUNG = "sung 8 choir 0.7 spoken 0.3"
STYLES: dict[str, Style] = {
    "rock": Style((90, 165), "rock", "acoustic 6 studio 2 power 2", "picked 5 fingered 3 driven 4",
        "eighths 5 kick 3 riff 3", "power 5 crunch 3 solo 2 organ 1.5 clean 2 piano 1.5 strum 2",
        SUNG, level_db=(-14, -8.5)),
    "metal": Style((90, 190), "metal", "acoustic 4 power 3", "picked 3 driven 6",
        "eighths 4 riff 4 kick 3", "power 8 solo 3 strings 1 pad 0.5", "sung 6 shout 5 choir 1",
        level_db=(-13, -8), scales=("minor", "dorian"), layer_count=(2, 3)),
    "pop": Style((86, 130), "pop", "machine 3 studio 2 acoustic 2 electronic 3",
        "swept 4 sub 3 fingered 3 pluck 2 reese 1", "eighths 3 long 3 kick 3 riff 2 octaves 1",
        "piano 3 pad 3 synth_pluck 3 clean 2 strings 2 supersaw 2 strum 2 epiano 2 bells 1",
        "sung 9 rap 0.7 choir 0.6", level_db=(-14, -9), pump=0.2),
    "ballad": Style((60, 84), "ballad", "acoustic 4 studio 2 brush 2",
        "fingered 5 fretless 2 upright 2 sub 1", "long 6 kick 2 walk 1",
        "piano 5 strings 4 pad 2 nylon 3 strum 2 winds 1 epiano 2", "sung 9 choir 1",
        level_db=(-18, -12), rooms=(0.8, 2.4)),
    "funk": Style((92, 122), "funk", "acoustic 4 studio 3", "slap 5 fingered 4 swept 2",
        "syncopated 7 riff 3 octaves 2", "chops 5 clav 3 brass 4 epiano 2 organ 2 synth_lead 1",
        "sung 7 rap 1 shout 1", swing=(0.0, 0.1, 0.2)),
    "soul": Style((68, 104), "hiphop", "acoustic 3 studio 3 brush 1 808 2",
        "fingered 5 sub 3 fretless 1 swept 1", "syncopated 4 long 3 walk 1",
        "epiano 5 organ 3 strings 2 brass 2 clean 3 pad 2 winds 1", "sung 9 choir 1",
        swing=(0.0, 0.15, 0.3)),
    "hiphop": Style((80, 104), "hiphop", "machine 4 studio 2 808 3 acoustic 1",
        "808 3 sub 4 fingered 2 upright 1 swept 1 fm 1", "kick 4 long 3 riff 3",
        "piano 3 epiano 3 strings 2 pad 2 bells 2 brass 1 clean 1", "rap 8 sung 2 spoken 1",
        swing=(0.0, 0.12, 0.25), level_db=(-14, -9), layer_count=(2, 3), favours={"bass": 1.5}),
    "trap": Style((64, 80), "trap", "808 6 machine 4 electronic 1", "808 8 sub 2", "kick 7 long 2",
        "bells 3 pad 3 synth_pluck 3 piano 2 winds 1 strings 1 synth_lead 1", "rap 6 sung 4",
        level_db=(-13, -8.5), scales=("minor",), layer_count=(2, 3), favours={"bass": 2}),
    "house": Style((116, 130), "house", "machine 5 electronic 4 808 2",
        "swept 6 sub 2 fm 2 pluck 3 slap 0.5 acid 1.5", "offbeat 5 octaves 3 riff 3 syncopated 2",
        "stabs 4 piano 2 pad 3 synth_pluck 3 strings 2 organ 1 supersaw 1",
        "sung 6 chops 2 spoken 1 none 1", level_db=(-13, -8.5), pump=0.7),
    "techno": Style((122, 146), "house", "machine 6 electronic 4",
        "acid 5 swept 3 sub 2 reese 2 fm 2", "sixteenths 5 offbeat 4 riff 3",
        "stabs 4 synth_pluck 4 pad 3 synth_lead 2", "chops 2 spoken 2 sung 3 none 2",
        level_db=(-12, -8), pump=0.7, scales=("minor", "dorian")),
    "drum and bass": Style((164, 178), "break", "studio 3 machine 4 acoustic 3",
        "reese 6 wobble 3 sub 3 fm 2 swept 1", "long 4 riff 4 syncopated 2",
        "pad 4 stabs 3 strings 2 piano 2 synth_lead 1", "sung 6 rap 2 chops 2 none 1",
        level_db=(-12, -8), pump=0.3, layer_count=(1, 3)),
    "dubstep": Style((136, 146), "trap", "machine 5 electronic 3 power 1",
        "wobble 7 reese 2 fm 2 sub 1", "long 4 riff 4 kick 2",
        "supersaw 3 pad 3 synth_lead 3 stabs 2", "sung 5 chops 3 none 1", level_db=(-11, -7.5),
        pump=0.4, scales=("minor",), layer_count=(1, 3)),
    "synthwave": Style((80, 118), "pop", "electronic 7 machine 2 power 1",
        "swept 7 fm 2 pluck 2 acid 0.5", "sixteenths 4 eighths 5 octaves 4",
        "pad 4 synth_pluck 5 synth_lead 3 supersaw 2 stabs 1 solo 1 bells 1", "sung 7 none 1",
        pump=0.4, rooms=(0.8, 2.2)),
    "reggae": Style((66, 92), "reggae", "acoustic 4 studio 3", "fingered 5 sub 4 fretless 1",
        "syncopated 5 riff 4", "skank 7 organ 4 brass 2 clean 2 piano 1", SUNG,
        swing=(0.0, 0.2, 0.33), favours={"bass": 1.5}),
    "country": Style((84, 140), "country", "acoustic 5 brush 2 studio 1",
        "upright 3 fingered 5 picked 1", "two 6 eighths 2 walk 1",
        "strum 5 picking 4 clean 2 fiddle 2 piano 2 organ 1 mandolin 1", SUNG,
        swing=(0.0, 0.0, 0.2), scales=("major", "mixolydian")),
    "jazz": Style((90, 200), "jazz", "jazz 6 brush 4", "upright 8 fretless 1", "walk 8 two 2",
        "piano 5 jazz_guitar 3 brass 2 winds 4 organ 1 bells 1", "sung 6 none 1",
        swing=(0.33, 0.5, 0.6), level_db=(-21, -15), rooms=(0.4, 1.4), layer_count=(2, 3)),
    "latin": Style((84, 132), "latin", "acoustic 8 brush 1",
        "upright 3 fingered 4 fretless 1 slap 1", "tumbao 6 two 2 syncopated 3",
        "montuno 4 nylon 4 brass 4 winds 2 strings 1 bells 1 accordion 1",
        "sung 8 choir 1 shout 0.5"),
    "disco": Style((108, 128), "house", "acoustic 5 studio 2 electronic 1",
        "fingered 4 slap 2 swept 2 picked 1", "octaves 6 syncopated 4",
        "strings 4 chops 5 brass 3 epiano 2 piano 2 clav 1", SUNG, level_db=(-15, -10),
        layer_count=(3, 5)),
    "indie": Style((100, 160), "rock", "acoustic 5 studio 3",
        "picked 5 fingered 2 swept 1 driven 1", "eighths 6 riff 3 kick 1",
        "clean 5 crunch 3 strum 3 pad 2 synth_lead 1 piano 1 bells 1", "sung 8 shout 1",
        rooms=(0.6, 2.0)),
    "cinematic": Style((60, 140), "ballad", "orchestra 5 machine 2 acoustic 1",
        "sub 3 upright 3 reese 2 bowed 3", "long 7 eighths 2",
        "strings 6 horns 4 piano 3 winds 2 pad 3 harp 2", "choir 4 sung 5 spoken 1",
        level_db=(-20, -12), rooms=(1.2, 2.5)),
}  # fmt: skip
# Weight of each style.
SHARES = {name: 2.0 if name in ("rock", "pop", "hiphop", "indie") else 1.0 for name in STYLES}
