#!/usr/bin/env python3
"""Check that a stem file (TRACK.stem.mp4, TRACK.stem.mka) follows the rules of DJ software.

The rules of Mixxx (src/track/steminfoimporter.cpp, src/sources/soundsourcestem.cpp): every sound
stream is stereo; the first is the mix; four stems follow, with one codec and one sample rate; the
box moov.udta.stem is JSON with a version above 0 and four stems, each with a name and a colour. The
rule of Native Instruments: in MP4 the mix is enabled and the stems are not. All five streams have
the same length.

This script parses the boxes itself, without code of the program; ffprobe reads the streams.

    Tests/system/check_stem_file.py song.stem.mp4
    Tests/system/check_stem_file.py song.stem.mp4 --stems stems/song          # equal samples, too
    Tests/system/check_stem_file.py song.stem.mp4 --stems stems/song --snr 20 # AAC, in dB
    Tests/system/check_stem_file.py song.stem.mp4 --tag title=Song --cover
"""

import argparse
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
from array import array

CONTAINERS = {b"moov", b"trak", b"udta", b"mdia", b"minf", b"stbl"}


class Broken(Exception):
    """The file breaks a rule."""


def require(condition, text):
    if not condition:
        raise Broken(text)


def boxes(data, start, end, depth=0):
    """Yield (path, content) of all boxes, in the order of the file."""
    require(depth < 10, "boxes are nested too deep")
    while start < end:
        require(end - start >= 8, f"{end - start} stray bytes at {start}")
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            require(end - start >= 16, f"no room for the long size of {kind} at {start}")
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        elif size == 0:
            size = end - start
        require(head <= size <= end - start, f"{kind} at {start} has an impossible size of {size}")
        yield (kind,), data[start + head : start + size]
        if kind in CONTAINERS:
            for path, content in boxes(data, start + head, start + size, depth + 1):
                yield (kind, *path), content
        start += size


def check_boxes(path):
    data = path.read_bytes()
    found = list(boxes(data, 0, len(data)))
    manifests = [content for where, content in found if where == (b"moov", b"udta", b"stem")]
    require(len(manifests) == 1, f"expected one box moov.udta.stem, found {len(manifests)}")
    manifest = json.loads(manifests[0].rstrip(b"\0"))
    require(type(manifest["version"]) is int and manifest["version"] > 0, "version is not above 0")
    require(len(manifest["stems"]) == 4, f"{len(manifest['stems'])} stems in the box instead of 4")
    for stem in manifest["stems"]:
        require(stem["name"], "a stem without a name")
        require(re.fullmatch("#[0-9A-Fa-f]{6}", stem["color"]), f"no colour: {stem['color']}")
    for effect, keys in {
        "compressor": "enabled ratio output_gain release attack input_gain threshold hp_cutoff "
        "dry_wet",
        "limiter": "enabled release threshold ceiling",
    }.items():
        missing = set(keys.split()) - set(manifest["mastering_dsp"][effect])
        require(not missing, f"{effect} lacks {missing}")
    flags = [content[3] & 1 for where, content in found if where == (b"moov", b"trak", b"tkhd")]
    require(flags == [1, 0, 0, 0, 0], f"enabled flags are {flags}, not those of the mix alone")
    # Each chunk begins inside the media data.
    media = []
    start = 0
    while start < len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        size = (
            struct.unpack_from(">Q", data, start + 8)[0] if size == 1 else size or len(data) - start
        )
        if kind == b"mdat":
            media.append(range(start, start + size))
        start += size
    for where, content in found:
        width = {b"stco": 4, b"co64": 8}.get(where[-1])
        if width:
            count = struct.unpack_from(">I", content, 4)[0]
            for offset in struct.unpack_from(f">{count}{'I' if width == 4 else 'Q'}", content, 8):
                require(any(offset in part for part in media), f"a chunk at {offset} is outside")
    return [stem["name"] for stem in manifest["stems"]]


def samples(path, stream):
    """32-bit integers of a stream, decoded by ffmpeg."""
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", f"file:{path}", "-map", f"0:a:{stream}"]
        + ["-f", "s32le", "-c:a", "pcm_s32le", "-"],
        check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    values = array("i")
    values.frombytes(decoded.stdout)
    return values


def snr(reference, other):
    signal = sum(float(a) ** 2 for a in reference)
    noise = sum((float(a) - b) ** 2 for a, b in zip(reference, other))
    return math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf


def check_samples(path, names, folder, least):
    for number, name in enumerate(names, 1):
        wav = folder / f"{name.lower()}.wav"
        if not wav.exists():
            wav = folder / f"{name}.wav"
        expected, found = samples(wav, 0), samples(path, number)
        if least is None:
            require(expected == found, f"{name}: other samples than {wav}")
            print(f"{name}: the {len(found) // 2} samples of {wav.name}, exactly")
        else:
            # Decoders don't cut the last AAC frame, which has 1024 samples of two channels.
            padding = len(found) - len(expected)
            require(0 <= padding < 2048, f"{name}: {len(found)} values, not {len(expected)}")
            decibels = snr(expected, found)
            require(decibels >= least, f"{name}: SNR {decibels:.1f} dB against {wav}")
            print(f"{name}: SNR {decibels:.1f} dB against {wav.name}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--stems", type=pathlib.Path, help="folder of WAV stems to compare with")
    parser.add_argument("--snr", type=float, help="least SNR in dB; default: equal samples")
    parser.add_argument("--tag", action="append", default=[], help="key=value that it must have")
    parser.add_argument("--cover", action="store_true", help="it must have a picture")
    arguments = parser.parse_args()
    path = arguments.file
    listing = json.loads(
        subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-show_format"]
            + ["-of", "json", f"file:{path}"],
            check=True, stdout=subprocess.PIPE,
        ).stdout
    )  # fmt: skip
    sound = [s for s in listing["streams"] if s["codec_type"] == "audio"]
    require(len(sound) == 5, f"{len(sound)} sound streams instead of 5")
    for index, stream in enumerate(sound):
        require(stream["index"] == index, "a stream that is no sound comes before a stem")
        require(stream["channels"] == 2, f"stream {index} has {stream['channels']} channels")
        require(
            stream["disposition"]["default"] == (index == 0), "only the mix is a default stream"
        )
    for key in (
        "codec_name",
        "sample_rate",
        "duration_ts" if path.suffix == ".mp4" else "codec_name",
    ):
        values = {stream[key] for stream in sound}
        require(len(values) == 1, f"the streams differ in {key}: {values}")
    if path.suffix == ".mp4":
        names = check_boxes(path)
    else:
        names = [stream["tags"]["title"] for stream in sound][1:]
    lengths = {len(samples(path, index)) for index in range(5)}
    require(len(lengths) == 1, f"the streams have different lengths: {lengths}")
    tags = {key.lower(): value for key, value in listing["format"].get("tags", {}).items()}
    for tag in arguments.tag:
        key, value = tag.split("=", 1)
        require(tags.get(key) == value, f"the tag {key} is {tags.get(key)!r}, not {value!r}")
    if arguments.cover:
        pictures = [s for s in listing["streams"] if s["disposition"]["attached_pic"]]
        require(len(pictures) == 1, f"{len(pictures)} pictures instead of 1")
    if arguments.stems:
        check_samples(path, names, arguments.stems, arguments.snr)
    print(
        f"{path}: {sound[0]['codec_name']}, {sound[0]['sample_rate']} Hz, "
        f"{lengths.pop() // 2} samples, the mix and {', '.join(names)}"
    )


if __name__ == "__main__":
    try:
        main()
    except (Broken, KeyError, ValueError, struct.error, subprocess.CalledProcessError) as error:
        sys.exit(f"{sys.argv[1]}: {error!r}")
