#!/usr/bin/env python3
"""Compares every file that two builds of swift-demucs write, byte for byte.

    git worktree add ../before REVISION
    swift build -c release --package-path ../before --product swift-demucs
    python3 Tests/system/compare_outputs.py ../before/.build/release/swift-demucs .build/release/swift-demucs

Both programs separate excerpts with the demo model, with models of real size whose weights are drawn
from a seed, and with small models of each architecture: in three precisions, with shifts, bags,
two stems, mixes and every output format. They also write the values inside the networks (`trace`),
quantised checkpoints, chunks of tensors, and scores. Prints the cases whose files differ in SHA-256,
or whose records or scores differ, and fails if there are any.

Needs reference/requirements.txt. Takes about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

import fixture
import seeded_model
import torch
import wav_file

DEMO = str(ROOT / "Models" / "demo.safetensors")
SONG = str(ROOT / "Models" / "demo_track.ogg")

# Fields of a record that change from run to run or from build to build.
VOLATILE = {"program", "modified", "checkpoints"}

PRECISIONS = ("float32", "bfloat16", "int8")


# ---- Cases: a name and the arguments of a program that runs in a folder of its own


REAL = ("htdemucs", "htdemucs_6s")
SMALL = ("hybrid", "hybrid_old", "hybrid_decoder", "hybrid_deep", "waveform", "waveform_lstm")
SMALL_TRANSFORMERS = ("merge", "no_transformer", "norm_everywhere", "kernel_4")


def make_inputs(folder: Path) -> None:
    """Writes the models and the sounds."""
    for name in REAL + SMALL + SMALL_TRANSFORMERS:
        model = seeded_model.build(seeded_model.CONFIGURATIONS[name], 1)
        seeded_model.save_safetensors(model, folder / f"{name}.safetensors", torch.float16)
    (folder / "bag.yaml").write_text(
        "models: [merge, no_transformer]\nweights: [[1, 0.25], [0, 2]]\nsegment: 0.2\n"
    )
    for name, seconds, channels, rate in (
        ("mono", 2.5, 1, 48000), ("stereo", 2.5, 2, 44100), ("small", 1.3, 2, 1600),
    ):
        samples = fixture.noise(name, channels, int(seconds * rate), deviation=0.1)
        wav_file.write(folder / f"{name}.wav", samples, rate)


def cases(inputs: Path) -> Iterator[tuple[str, list[str]]]:
    """The name and the arguments of each run; `OUT` stands for the folder of its files."""

    def separate(name: str, model: str, track: str, *options: str) -> tuple[str, list[str]]:
        place = model if model == DEMO else str(inputs / model)
        sound = track if track == SONG else str(inputs / track)
        return name, ["-n", place, "-o", "OUT", "--seed", "7", "--quiet", *options, sound]

    excerpt = ("--start", "20", "--duration", "5")
    for precision in PRECISIONS:
        own = ("--precision", precision)
        for shifts in ("0", "2"):
            yield separate(
                f"demo {precision}, {shifts} shifts", DEMO, SONG, *excerpt, *own, "--shifts",
                shifts, "--float32",
            )
        for model in REAL:
            yield separate(
                f"{model} {precision}", f"{model}.safetensors", "stereo.wav", *own, "--shifts",
                "0", "--float32",
            )
        for model in SMALL + SMALL_TRANSFORMERS:
            yield separate(
                f"{model} {precision}", f"{model}.safetensors", "small.wav", *own, "--float32"
            )
        yield separate(f"bag {precision}", "bag.yaml", "small.wav", *own, "--shifts", "2")

    for name, options in {
        "defaults": (),
        "one thread": ("--threads", "1"),
        "jobs": ("--threads", "2", "--jobs", "2", "--overlap", "0.1", "--segment", "2"),
        "no split": ("--no-split",),
        "two stems": ("--two-stems", "vocals"),
        "two stems minus": ("--two-stems", "vocals", "--other-method", "minus"),
        "two stems none": ("--two-stems", "bass", "--other-method", "none"),
        "mixes": ("--mix", "karaoke=drums+bass+other", "--residual", "--stems", "karaoke,drums"),
        "flac": ("--flac", "--int24"),
        "mp3": ("--mp3", "--mp3-bitrate", "128"),
        "common gain": ("--gain", "common"),
        "clamp": ("--clip-mode", "clamp", "--int24"),
        "template": ("--filename", "{stem}/{track}.{ext}"),
    }.items():
        yield separate(name, DEMO, "stereo.wav", *options)
    yield separate("mono", DEMO, "mono.wav", "--output-rate", "input", "--downmix", "average")

    trace = ["trace", "-q", "-o", "OUT/trace.safetensors", "-n"]
    yield "trace demo", [*trace, DEMO, "--chunk", "1", str(inputs / "stereo.wav")]
    for model in SMALL + SMALL_TRANSFORMERS:
        place = str(inputs / f"{model}.safetensors")
        yield f"trace {model}", [*trace, place, str(inputs / "small.wav")]
    quantize = ["quantize", "-q", "-o", "OUT/model.safetensors"]
    for model in ("merge", "hybrid", "waveform"):
        place = str(inputs / f"{model}.safetensors")
        yield f"quantize {model}", [*quantize, place]
        yield (
            f"quantize {model}, calibrated",
            [*quantize, place, "--calibrate", str(inputs / "small.wav"), "--samples", "4"],
        )
    yield (
        "chunks",
        [
            "tensors", "prepare", "-q", "-n", str(inputs / "merge.safetensors"), "-o", "OUT/chunks",
            str(inputs / "small.wav"),
        ],
    )
    stems = ROOT / "Models" / "demo_stems"
    yield "eval", ["eval", "--json", str(stems), str(stems)]
    yield "inspect", ["inspect", "--json", DEMO]


# ---- Running and comparing


def stable(value: Any) -> Any:
    """JSON without the fields that change from run to run."""
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if key not in VOLATILE}
    return [stable(item) for item in value] if isinstance(value, list) else value


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, of a JSON file without what changes."""
    content = path.read_bytes()
    if path.suffix == ".json":
        content = json.dumps(stable(json.loads(content)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def run(program: str, arguments: list[str]) -> dict[str, str]:
    """The exit status, and the checksums of the output and of all files."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [argument.replace("OUT", folder) for argument in arguments]
        reply = subprocess.run([program, *arguments], capture_output=True, check=False)
        output = reply.stdout.replace(folder.encode(), b"OUT")
        result = {
            "status": str(reply.returncode),
            "stdout": hashlib.sha256(output).hexdigest(),
        }
        if reply.returncode != 0:
            result["stderr"] = reply.stderr.replace(folder.encode(), b"OUT").decode()
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                result[str(path.relative_to(folder))] = fingerprint(path)
        return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", help="the program to compare with")
    parser.add_argument("new", help="the program that is compared")
    parser.add_argument("--only", default="", help="run the cases whose name has this text")
    options = parser.parse_args()

    count, files, failures = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        for name, arguments in cases(Path(folder)):
            if options.only not in name:
                continue
            old, new = run(options.old, arguments), run(options.new, arguments)
            count += 1
            files += len(old) - 2
            if old["status"] != "0":
                failures.append(f"{name}: the old program fails: {old['stderr']}")
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    failures.append(f"{name}: {key}: {old.get(key)} before, {new.get(key)} now")
    for failure in failures:
        print(failure)
    print(f"{count} runs, {files} files: {len(failures)} differences")
    sys.exit(1 if failures or count == 0 else 0)


if __name__ == "__main__":
    main()
