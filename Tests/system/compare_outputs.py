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

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

import command_line
import fixture
import seeded_model
import torch
import wav_file

# Fields of a record that change from run to run or from build to build.
VOLATILE = {"program", "modified", "checkpoints"}

REAL = ("htdemucs", "htdemucs_6s")
SMALL = (
    "hybrid", "hybrid_old", "hybrid_decoder", "hybrid_deep", "waveform", "waveform_lstm", "merge",
    "no_transformer", "norm_everywhere", "kernel_4",
)  # fmt: skip

# ---- Cases: the arguments of each run, in the folder of the inputs; OUT stands for the folder of the files it writes
# A model, a track and options, in each precision.
EACH_PRECISION = [
    "demo song.ogg --start 20 --duration 5 --shifts 0 --float32",
    "demo song.ogg --start 20 --duration 5 --shifts 2 --float32",
    *(f"{model} stereo.wav --shifts 0 --float32" for model in REAL),
    *(f"{model} small.wav --float32" for model in SMALL),
    "bag small.wav --shifts 2",
]
FLOAT32 = [
    "demo stereo.wav",
    "demo stereo.wav --threads 1",
    "demo stereo.wav --threads 2 --jobs 2 --overlap 0.1 --segment 2",
    "demo stereo.wav --no-split",
    "demo stereo.wav --two-stems vocals",
    "demo stereo.wav --two-stems vocals --other-method minus",
    "demo stereo.wav --two-stems bass --other-method none",
    "demo stereo.wav --mix karaoke=drums+bass+other --residual --stems karaoke,drums",
    "demo stereo.wav --flac --int24",
    "demo stereo.wav --mp3 --mp3-bitrate 128",
    "demo stereo.wav --gain common",
    "demo stereo.wav --clip-mode clamp --int24",
    "demo stereo.wav --filename {stem}/{track}.{ext}",
    "demo mono.wav --output-rate input --downmix average",
]
SEPARATIONS = [
    *(f"{case} --precision {p}" for p in ("float32", "bfloat16", "int8") for case in EACH_PRECISION),
    *FLOAT32,
]
QUANTIZED = ("merge", "hybrid", "waveform")
CASES = [
    *(f"-o OUT --seed 7 --quiet --repo . -n {case}" for case in SEPARATIONS),
    "trace -q -o OUT/trace.safetensors --repo . -n demo --chunk 1 stereo.wav",
    *(f"trace -q -o OUT/trace.safetensors --repo . -n {model} small.wav" for model in SMALL),
    *(f"quantize -q -o OUT/model.safetensors {model}.safetensors" for model in QUANTIZED),
    *(
        f"quantize -q -o OUT/model.safetensors {model}.safetensors --calibrate small.wav --samples 4"
        for model in QUANTIZED
    ),
    "tensors prepare -q --repo . -n merge -o OUT/chunks small.wav",
    "eval --json stems stems",
    "inspect --json demo.safetensors",
]


def make_inputs(folder: Path) -> None:
    """Writes the models and the sounds."""
    for link, name in (
        ("demo.safetensors", "demo.safetensors"), ("song.ogg", "demo_track.ogg"),
        ("stems", "demo_stems"),
    ):  # fmt: skip
        (folder / link).symlink_to(ROOT / "Models" / name)
    for name in REAL + SMALL:
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


def run(program: Path, words: str, inputs: str) -> dict[str, str]:
    """The exit status, and the checksums of the output and of all files."""
    with tempfile.TemporaryDirectory() as folder:
        call = [program, *words.replace("OUT", folder).split()]
        reply = subprocess.run(call, capture_output=True, check=False, cwd=inputs)
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
    parser = command_line.parser(__doc__)
    parser.add_argument("old", type=Path, help="path of the program to compare with")
    parser.add_argument("new", type=Path, help="path of the program that is compared")
    parser.add_argument("--only", default="", help="run the cases whose words have this text")
    options = parser.parse_args()

    count, files, failures = 0, 0, []
    with tempfile.TemporaryDirectory() as inputs:
        make_inputs(Path(inputs))
        for words in CASES:
            if options.only not in words:
                continue
            old, new = (run(p.resolve(), words, inputs) for p in (options.old, options.new))
            count += 1
            files += len(old) - 2
            if old["status"] != "0":
                failures.append(f"{words}: the old program fails: {old['stderr']}")
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    failures.append(f"{words}: {key}: {old.get(key)} before, {new.get(key)} now")
    for failure in failures:
        print(failure)
    print(f"{count} runs, {files} files: {len(failures)} differences")
    sys.exit(1 if failures or count == 0 else 0)


if __name__ == "__main__":
    main()
