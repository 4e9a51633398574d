#!/usr/bin/env python3
"""Reads odd and damaged sound files, with and without ffmpeg on PATH, and compares the sound with what players decode.

field: odd files from public reports. The reference is the format's own player, or ffmpeg if they differ. FAILED: ffmpeg
has no complaint, but the reading with ffmpeg has other samples or a warning; "look": the same where ffmpeg complains.

crafted: files whose headers ask for much work. A reading without ffmpeg fails if it takes over
a second of CPU time, and a thousandth of the time that the sound lasts.

mutated: damaged music in 14 formats. A reading fails if it takes over 5 s of CPU time, crashes or hangs; if it loses or
moves sound without a warning; or if it warns though ffmpeg decodes all without a complaint. "undetectable?" is no
failure: valid frames throughout, in a format without counts. Needs NumPy, `swift build -c release --product
swiftdemucs`, and Debian's ffmpeg flac vorbis-tools opus-tools mpg123 lame twolame wavpack."""
import argparse, logging, os, pickle, signal, struct, subprocess, sys, tempfile, zlib  # noqa: E401
from pathlib import Path
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "src"))
import swift_demucs
HANG_SECONDS, CPU_SECONDS, MAX_DIFFERENCE, SEED, FILES = 60, 5, 1e-4, 1, 5  # FILES: damaged ones of a kind and format
PLAYERS = {".opus": "opusdec --quiet --float --rate 48000 {0} {1}", ".ogg": "oggdec -Q -o {1} {0}", ".flac":
           "flac -s -d -f -o {1} {0}", ".mp3": "mpg123 -q -e f32 -w {1} {0}", ".mp2": "mpg123 -q -e f32 -w {1} {0}"}

class Sound:
    """What a reader makes of a file: samples [channels, samples], and warnings, or what ffmpeg printed."""
    def __init__(self, samples=np.zeros((1, 0), np.float32), rate: int = 0, messages: list | tuple = (), error=""):
        self.samples, self.rate, self.messages, self.error, self.cpu_seconds = samples, rate, [*messages], error, 0.0
    count = property(lambda self: self.samples.shape[1])
    is_clean = property(lambda self: not self.error and not self.messages)

def read(path: Path, has_ffmpeg: bool) -> Sound:
    """Reads a file with the project's reader, in a child process that may crash or hang."""
    result, child = path.with_name("result.pickle"), os.fork()
    if child == 0:
        os.setpgrp()
        signal.alarm(HANG_SECONDS)  # ends this process
        os.dup2(os.open(path.with_name("stderr.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os.environ["PATH"] = os.environ["PATH"] if has_ffmpeg else "/nonexistent"
        sound, handler = Sound(), logging.Handler()
        handler.emit = lambda record: sound.messages.append(record.getMessage())
        logging.getLogger("swift_demucs").addHandler(handler)
        try:
            sound.samples, sound.rate = swift_demucs.read(path)
        except swift_demucs.InputError as error:
            sound.error = str(error)
        result.write_bytes(pickle.dumps(sound))
        os._exit(0)
    _, status, usage = os.wait4(child, 0)  # the usage includes that of ffmpeg
    os.system(f"kill -KILL -{child} 2> /dev/null")  # an ffmpeg that hangs
    sound = Sound(error=f"CRASH OR HANG: wait status {status}") if status else pickle.loads(result.read_bytes())
    sound.cpu_seconds = usage.ru_utime + usage.ru_stime
    return sound

def ffmpeg(path: Path) -> Sound:
    command = f"ffmpeg -nostdin -loglevel error -i {path} -map_metadata -1 -f wav -c:a pcm_f32le -".split()
    done = subprocess.run(command, capture_output=True)
    messages, (_, _, values) = done.stderr.decode(errors="replace").splitlines(), done.stdout.partition(b"data")
    if done.returncode or len(values) <= 4:
        return Sound(messages=messages, error=f"exit status {done.returncode}, {len(values)} bytes")
    channels, rate = struct.unpack_from("<HI", done.stdout, done.stdout.find(b"fmt ") + 10)
    values = np.frombuffer(values[4 : 4 + (len(values) - 4) // (4 * channels) * 4 * channels], "<f4")
    return Sound(values.reshape(-1, channels).T, rate, messages)

def difference(one: Sound, other: Sound, lag: int | None = None) -> float:
    """The largest difference of two sounds of the same length, or of what overlaps if the other is later by `lag`."""
    if one.rate != other.rate or len(one.samples) != len(other.samples) or (lag is None and one.count != other.count):
        return np.inf
    first, second = one.samples[:, max(0, -(lag or 0)) :], other.samples[:, max(0, lag or 0) :]
    count = min(first.shape[1], second.shape[1])
    return float(np.abs(first[:, :count] - second[:, :count]).max(initial=0))

def lag_of(original: Sound, other: Sound, at_end: bool) -> int | None:
    """How much later a second of the middle, or near the end, comes in the other sound; None if it is not found."""
    count = min(original.rate, original.count // 4)
    start = original.count - count - count // 10 if at_end else original.count // 2  # decoders may end early
    template, mix = original.samples.mean(axis=0)[start : start + count], other.samples.mean(axis=0)
    if original.rate != other.rate or not 0 < count <= len(mix):
        return None
    size = 1 << (len(mix) + count).bit_length()
    product = np.fft.irfft(np.fft.rfft(mix, size) * np.conj(np.fft.rfft(template, size)), size)[: len(mix) - count + 1]
    sums, energy = np.cumsum(np.append(0, mix.astype(float) ** 2)), float((template**2).sum()) + 1e-9
    score = product / np.sqrt(energy * np.maximum(sums[count:] - sums[:-count], 1e-3 * energy))
    padded = np.concatenate(([-1], score, [-1]))  # joined files have equal peaks, of which the nearest counts
    is_peak = (score >= padded[:-2]) & (score >= padded[2:]) & (score > max(0.5, 0.98 * score.max()))
    return min(map(int, np.flatnonzero(is_peak) - start), key=abs, default=None)

FIELD = r"""set -e; F() { ffmpeg -nostdin -y -loglevel error "$@"; }; TAG() { printf TAG; head -c 125 /dev/zero; }
W="0.1*(random(0)-0.5)|0.3*sin(2*PI*331*t)+0.1*(random(1)-0.5)"; L() { lame --quiet -t "$@"; }; B=-bitexact
F -f lavfi -i "aevalsrc='0.3*sin(2*PI*220*t)+$W':s=44100:d=8" $B a.wav; flac -s -f a.wav -o f.flac; rm -f F09*
opusenc --quiet --bitrate 128 a.wav o.opus; F -i a.wav -c:a libopus y.opus; F -i a.wav -c:a libvorbis -q:a 5 y.ogg
oggenc -Q -q 5 a.wav -o e.ogg; twolame --quiet -b 384 a.wav h.mp2; twolame --quiet -b 64 a.wav l.mp2
(head -c 50120 h.mp2; cat l.mp2 l.mp2 l.mp2) > F02-rate-falls.mp2; cat l.mp2 h.mp2 > F02-rate-rises.mp2
for s in 3 5; do F -ss $s -i y.ogg -c copy F03-cut-at-$s.ogg; F -ss $s -i e.ogg -c copy F03-oggenc-cut-at-$s.ogg; done
F -i a.wav -ac 1 $B mono.wav; F -i a.wav -ar 32000 $B slow.wav; F -ss 3 -i f.flac -c copy F06-cut-at-3.flac
F -stream_loop 8 -i a.wav $B long.wav; flac -s -f mono.wav slow.wav long.wav; printf "file y.opus\nfile y.opus\n" > list
for s in 59 61; do F -ss $s -i long.flac -c copy F06-cut-at-$s.flac; done; F -f concat -i list -c copy F07-joined.opus
L -b 128 a.wav s.mp3; L -m m -b 128 a.wav m.mp3; cat s.mp3 m.mp3 s.mp3 > F09-joined.mp3; lame --quiet -V0 a.wav v.mp3
for i in 0 1 2 3 4 5 6 7; do F -ss $i -t 0.4 -i a.wav -ac $((i%2 + 1)) p.wav; L --nores -b 128 p.wav p.mp3
    cat p.mp3 >> F09-alternating.mp3; done; head -c -300 v.mp3 > F10-cut.mp3; (cat F10-cut.mp3; TAG) > F10-cut-tag.mp3
(head -c 4500 v.mp3; TAG) > F10-short-tag.mp3; for x in ac3 aac m4a tta; do F -i a.wav k.$x; done
wavpack -q -y a.wav -o k.wv; for k in k.*; do (cat $k; TAG) > F11-tag.${k#k.}; done
printf '#EXTM3U\na.wav\n' > F14-list.m3u; F -i a.wav -c:a dca -strict -2 -b:a 1411200 -f dts dts.raw
(printf 'ID3\3\0\0\0\0\0\17TIT2\0\0\0\5\0\0\0Song'; head -c 3000 /dev/zero; cat f.flac) > F13-id3-zeros.flac
F -i a.wav -af aformat=dbl,volume=0.7 -c:a pcm_s32le $B w.wav; flac -s -f w.wav -o F14-32-bit.flac
printf 'FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n' > F14-sheet.cue; F -i k.ac3 -c copy -f spdif ac3.raw
for x in dts ac3; do F -f s16le -ar 44100 -ac 2 -i $x.raw -c copy F15-$x.wav; done"""

def with_pages(data: bytes, where: slice, place: int, layout: str, change) -> bytes:
    """An Ogg file with another value (of the old one) at a place of some pages."""
    pages, at, mirrored = [], 0, bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    while at < len(data):
        body = at + 27 + data[at + 26]
        pages.append(bytearray(data[at : body + sum(data[at + 27 : body])]))
        at += len(pages[-1])
    for page in pages[where]:
        struct.pack_into(layout, page, place, change(*struct.unpack_from(layout, page, place)))
        page[22:26] = bytes(4)
        # Ogg's CRC has zlib's polynomial (0x04C11DB7), but begins with the high bits and inverts nothing.
        checksum = ~zlib.crc32(page.translate(mirrored), 0xFFFFFFFF) & 0xFFFFFFFF
        page[22:26] = int(f"{checksum:032b}"[::-1], 2).to_bytes(4, "little")
    return b"".join(pages)

def make_field(folder: Path) -> list[Path]:
    subprocess.run(["sh", "-c", FIELD], cwd=folder, check=True)
    put, old = lambda name, data: (folder / name).write_bytes(data), lambda name: (folder / name).read_bytes()
    flac, mono, slow = (old(f"{name}.flac") for name in ("f", "mono", "slow"))
    # Frames state number (byte 4), rate and channels. Bytes 22 to 25 of a file are the total, 26 to 41 an MD5 sum.
    start = lambda data, n: next(i for i in range(42, len(data)) if data[i : i + 2] == b"\xff\xf8" and data[i + 4] == n)
    total = lambda data, more: data[:22] + (int.from_bytes(data[22:26], "big") + more).to_bytes(4, "big") + data[26:]
    for name, one, other in (("more-channels", mono, flac), ("fewer-channels", flac, mono), ("other-rate", flac, slow)):
        put(f"F05-{name}.flac", one[:22] + bytes(20) + one[42:] + other[start(other, 0) :])
    late = total(flac, -4096)[:26] + bytes(16) + flac[42 : start(flac, 0)] + flac[start(flac, 1) :]
    junk = np.random.default_rng(1).integers(0, 128, 100_000, np.uint8).tobytes()
    for name, data in (("F06-from-frame-1.flac", late), ("F11-after-junk.mp3", junk + old("v.mp3")),
                       ("F12-total-high.flac", total(flac, 1)), ("F13-after-junk.flac", junk[:500] + flac),
                       ("F13-after-junk.opus", junk[:500] + old("o.opus"))):
        put(name, data)
    for rate in 0, 8000, 16000, 22050:
        put(f"F01-rate-{rate}.opus", with_pages(old("o.opus"), slice(1), 40, "<I", lambda _: rate))
    for name in "o.opus", "y.opus", "y.ogg", "e.ogg":  # o and e by the formats' own encoders, y by ffmpeg
        for title, where, place, layout, change in (
                ("F04-late", slice(2, None), 6, "<q", lambda time: time + 1_000_000),
                ("F08-times-fall", slice(5, None), 6, "<q", lambda time: time - 2000),  # F7 if Opus
                ("F08-low-time", slice(5, 6), 6, "<q", lambda time: time - 2000),
                ("F08-no-end-flag", slice(-1, None), 5, "<B", lambda flags: flags & ~4),
                ("F12-end-32-late", slice(-1, None), 6, "<q", lambda time: time + 32),
                ("F12-end-700-late", slice(-1, None), 6, "<q", lambda time: time + 700),  # later than the last sample
                ("F12-pages-0", slice(None), 18, "<I", lambda _: 0)):
            put(f"{title}-{name}", with_pages(old(name), where, place, layout, change))
    return sorted(folder.glob("F*-*"))

def check_field(folder: Path, only: str) -> int:
    failures, row = 0, "{:27}{:23}" + "{:>15}{:>9}{:>9}{:>8}" * 2 + "  {}"
    print(row.format("", "reference", "with ffmpeg", *(head := ["lag", "at end", "differs"]), "without", *head, ""))
    for path in (path for path in make_field(folder) if only in path.name):
        player, output, cells, right = "ffmpeg", folder / "player.wav", [], (by_ffmpeg := ffmpeg(path))
        if command := PLAYERS.get(path.suffix, "").format(path, output).split():
            own = Sound(error="failed") if subprocess.run(command, capture_output=True).returncode else ffmpeg(output)
            # Two decoders of Opus differ by more than MAX_DIFFERENCE (either is right), but by less than a shift makes.
            if not own.error and (by_ffmpeg.error or difference(own, by_ffmpeg) < 1e-2):
                player, right = command[0], own
        texts = [f"ffmpeg itself: {text}" for text in [by_ffmpeg.error, *by_ffmpeg.messages[:1]] if text]
        for label in "without", "with":
            sound = read(path, label == "with")
            lags = [lag_of(right, sound, at_end) for at_end in (False, True)]
            cells[:0] = ["error" if sound.error else f"{sound.count}@{sound.rate}", *lags,
                         None if lags[0] is None else f"{difference(right, sound, lags[0]):.0e}"]
            texts += [f"{label}: {text}" for text in [sound.error, *sound.messages] if text]
        # A file that is cut is said to be, also where ffmpeg says nothing.
        is_clean = sound.is_clean or path.name.startswith("F10") and "is cut short" in sound.messages[0]
        is_right = is_clean and min(difference(one, sound) for one in (right, by_ffmpeg)) <= MAX_DIFFERENCE
        verdict = "" if is_right else "FAILED" if by_ffmpeg.is_clean else "look"
        failures += verdict == "FAILED"
        print(row.format(path.name, f"{player} {right.count}@{right.rate}", *map(str, cells), verdict))
        print("".join(f"    {text.replace(f'{path}: ', '')[:100]}\n" for text in texts), end="", flush=True)
    return failures

MUSIC = r"""set -e; F() { ffmpeg -nostdin -y -loglevel error "$@"; }; L() { lame --quiet "$@"; }
F -ss 20 -t 4 -i "$0" -ar 44100 -ac 2 -map_metadata -1 -bitexact wav.wav; twolame --quiet wav.wav raw2.mp2
flac -s -f wav.wav -o flac.flac; wavpack -q -y wav.wav -o wavpack.wv; opusenc --quiet --bitrate 128 wav.wav opus.opus
L -b 128 wav.wav cbr.mp3; L -V2 wav.wav vbr.mp3; L -t -b 128 wav.wav rawcbr.mp3; F -i wav.wav -c:a wmav2 wma.wma
F -i vbr.mp3 -c copy -write_xing 0 -id3v2_version 0 rawvbr.mp3; oggenc -Q -q 5 wav.wav -o vorbis.ogg
for x in raw.aac aac.m4a raw.ac3; do F -i wav.wav $x; done"""
# Samples of a frame, which may be lost unnoticed; 0 where each sample is counted. A Vorbis packet has up to 1,024;
# eight bytes behind the samples of a WAV file may be anything.
FRAME = {"flac.flac": 0, "vorbis.ogg": 1024, "opus.opus": 960, "cbr.mp3": 1152, "vbr.mp3": 1152, "rawcbr.mp3": 1152,
         "rawvbr.mp3": 1152, "raw.aac": 1024, "aac.m4a": 1024, "raw2.mp2": 1152, "wav.wav": 2, "wma.wma": 2048,
         "raw.ac3": 1536, "wavpack.wv": 0}  # nothing is counted in the raw ones
KINDS = "whole", "zeros", "deletion", "doubling", "flip", "swap", "insert", "cut"

def frame_sizes(path: Path) -> list[int]:
    return [*map(int, os.popen(f"ffprobe -v 0 -show_entries packet=size -of default=nk=1:nw=1 {path}").read().split())]

def mutate(data: bytes, kind: str, number: int, rng: np.random.Generator) -> tuple[bytes, int]:
    """Damaged bytes, and where the damage ends."""
    size = int(5000 ** rng.uniform())
    at = int(((number + rng.uniform()) / FILES) ** 3 * (len(data) - 2 * size))  # the cube: the first hit the headers
    end, other = at + size, int(rng.integers(at + size, min(at + size + 5000, len(data) - size) + 1))
    before, piece, after = data[:at], data[at:end], data[end:]
    flipped = bytes([piece[0] ^ 1 << int(rng.integers(8))]) + piece[1:]
    swapped = data[other : other + size] + data[end:other] + piece + data[other + size :]
    changed = {"whole": piece + after, "zeros": bytes(size) + after, "deletion": after, "doubling": piece * 2 + after,
               "flip": flipped + after, "swap": swapped, "insert": rng.bytes(size) + piece + after, "cut": b""}
    return before + changed[kind], {"swap": other + size, "cut": len(data), "whole": 0}.get(kind, end)

def judge(path: Path, name: str, has_tail: bool, wholes: list[Sound], sound: Sound, by_ffmpeg: Sound) -> list[str]:
    """The failures of a reading. `wholes`: the unharmed file by the same reader, and by ffmpeg."""
    (whole, right), frame = wholes, FRAME[name]
    found = [f"{sound.cpu_seconds:.1f} s of CPU time"] * (sound.cpu_seconds > CPU_SECONDS)
    if sound.error or whole.error:
        return found + [sound.error] * sound.error.startswith("CRASH")
    if sound.messages:
        is_whole = by_ffmpeg.is_clean and difference(right, by_ffmpeg) <= MAX_DIFFERENCE
        is_whole = is_whole and {lag_of(right, by_ffmpeg, at_end) for at_end in (False, True)} == {0}
        return found + [f"false alarm: {text}" for text in sound.messages if is_whole]
    lost = [f"{whole.count - sound.count} samples are lost"] * (sound.count < whole.count - frame)
    lag = lag_of(whole, sound, True) if has_tail else 0
    lost += [f"the end is {'not found' if lag is None else f'{lag} samples late'}"] * (lag is None or abs(lag) > frame)
    is_zero = np.concatenate(([False], ~sound.samples.any(axis=0), [False]))
    for begin, end in np.flatnonzero(np.diff(is_zero)).reshape(-1, 2):
        if end - begin > whole.rate / 10 and (whole.samples[:, begin:end] ** 2).sum() > 1e-6 * (end - begin):
            lost.append(f"{end - begin} samples from {begin} on are zero")
    lost += ["other samples"] * (not lost and name == "flac.flac" and difference(whole, sound) > 0)
    # ffprobe counts bytes between frames to one of them, whose size then is none of the whole file's.
    is_undetectable = name.startswith("raw") and by_ffmpeg.is_clean and sum(frame_sizes(path)) == path.stat().st_size
    is_undetectable = is_undetectable and set(frame_sizes(path)) <= set(frame_sizes(path.with_name(name)))
    return found + [("undetectable? " if is_undetectable else "silent loss: ") + text for text in lost]

def check_mutated(folder: Path, only: str) -> int:
    subprocess.run(["sh", "-c", MUSIC, str(ROOT / "Models" / "demo_track.ogg")], cwd=folder, check=True)
    row, cells, found = "{:13}" * (len(KINDS) + 1), {(name, kind): "" for name in FRAME for kind in KINDS}, []
    for name in FRAME:
        data, ffmpeg_whole = (folder / name).read_bytes(), ffmpeg(folder / name)
        wholes = {label: read(folder / name, label == "with") for label in ("with", "without")}
        for kind, number in ((kind, number) for kind in KINDS for number in range(FILES if kind != "whole" else 1)):
            path = folder / name.replace(".", f"-{kind}-{number}.")
            if only not in path.name:
                continue
            damaged, end = mutate(data, kind, number, np.random.default_rng([SEED, zlib.crc32(path.name.encode())]))
            path.write_bytes(damaged)
            by_ffmpeg, has_tail = ffmpeg(path), end < 0.65 * len(data)  # the last 1.1 s of 4 s, as bit rates vary
            for label, whole in wholes.items():
                sound = read(path, label == "with")
                failures = judge(path, name, has_tail, [whole, ffmpeg_whole], sound, by_ffmpeg)
                found += [f"{path} {label} ffmpeg: {text.replace(f'{path}: ', '')}" for text in failures]
                mark = "!" * any(not text.startswith("undetectable") for text in failures)
                cells[name, kind] += ("e" if sound.error else "w" if sound.messages else "s") + mark
    print(*found, "e: error, w: warning, s: neither, !: failure; both readings", row.format("", *KINDS), sep="\n")
    for name in FRAME:
        texts = [cells[name, kind] for kind in KINDS]
        print(row.format(name, *(" ".join(f"{text.count(x)}{x}" for x in "ews!" if x in text) for text in texts)))
    return sum(text.count("!") for text in cells.values())

def crafted(folder: Path):
    """Files whose headers ask for much work, by name."""
    wav = lambda size, middle=b"", tail=b"": b"".join((
        b"RIFF", struct.pack("<I", 0xFFFFFFFF), b"WAVE", middle, b"fmt ", struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176400, 4, 16),
        b"data", struct.pack("<I", size), bytes(4000), tail))
    chunks = {"LIST": b"LIST" + bytes(4), "data": b"abcd" + bytes(4)}
    for name, chunk in chunks.items():
        for size in 4000, 2000, 0, 0xFFFFFFFF:
            for odd in b"", b"z" * 14:
                yield f"{name}-{size:x}-{len(odd)}.wav", wav(size, tail=chunk * 131072 + odd)
    yield "before-fmt.wav", wav(4000, chunks["LIST"] * 2_000_000)
    aiff = b"COMM" + struct.pack(">IHIH", 18, 2, 1000, 16) + bytes.fromhex("400eac44000000000000") + b"SSND"
    yield "chunks.aiff", b"FORM" + bytes(4) + b"AIFF" + aiff + struct.pack(">I", 4008) + bytes(4008) + chunks["LIST"] * 131072
    description = struct.pack(">d4sIIIII", 44100, b"lpcm", 0, 4, 1, 2, 16)
    yield "chunks.caf", (b"caff\0\1\0\0desc" + struct.pack(">Q", 32) + description + b"data" + struct.pack(">QI", 4004, 0) + bytes(4000)
                         + (b"free" + bytes(8)) * 87381)
    guid = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    yield "chunks.w64", (b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + bytes(8) + b"wave" + guid + b"fmt " + guid
                         + struct.pack("<QHHIIHH", 40, 1, 2, 44100, 176400, 4, 16) + b"data" + guid + struct.pack("<Q", 4024)
                         + bytes(4000) + (b"LIST" + guid + struct.pack("<Q", 24)) * 43690)
    os.system(f"cd {folder} && ffmpeg -v error -y -f lavfi -i sine=d=2 -ac 2 a.wav && lame --quiet -t -b 32 a.wav a.mp3 && flac -s -f a.wav")
    mp3 = (folder / "a.mp3").read_bytes()
    yield "gaps.mp3", (mp3[: 2 * mp3.find(mp3[:2], 50)] + b"gap") * 100_000
    flac = (folder / "a.flac").read_bytes()
    yield "gaps.flac", flac + b"\xff\xf8\xc9\x18" * 3_500_000
    yield "pages.ogg", b"OggS" * 1_000_000
    yield "sync.mp3", b"\xff\xfb" * 4_000_000

def check_crafted(folder: Path, only: str) -> int:
    failures = 0
    for name, data in crafted(folder):
        if only in name:
            (folder / name).write_bytes(data)
            sound = read(folder / name, False)
            failures += sound.cpu_seconds > 1 + sound.count / max(1, sound.rate) / 1000  # what is decoded takes time
            print(f"{name:22}{len(data):>10} bytes{sound.cpu_seconds:6.2f} s  {(sound.error or str(sound.count))[:90]}", flush=True)
    return failures

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("field", "mutated", "crafted"))
    parser.add_argument("--only", metavar="SUBSTRING", default="", help="only files with this in their names")
    parser.add_argument("--folder", type=Path, help="for the files, without spaces; default a new temporary one")
    parser.add_argument("--library", type=Path, default=ROOT / ".build" / "release" / "libswiftdemucs.so")
    options = parser.parse_args()
    os.makedirs(folder := (options.folder or Path(tempfile.mkdtemp())).resolve() / options.part, exist_ok=True)
    swift_demucs._library.LIBRARY = options.library.resolve(strict=True)
    failures = {"field": check_field, "mutated": check_mutated, "crafted": check_crafted}[options.part](folder, options.only)
    print(f"{failures} failures; the files are in {folder}")
    sys.exit(failures > 0)
