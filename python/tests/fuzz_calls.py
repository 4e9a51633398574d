"""Fuzzer: calls public functions with random arguments, valid and invalid.

    python fuzz_calls.py COUNT [SEED]

Exceptions of the package and of ALLOWED are expected. Any other exception ends with 1, a crash with
a signal.
"""

from __future__ import annotations

import random
import sys
import traceback
from typing import Any

import numpy as np

import swift_demucs
from swift_demucs import api

ALLOWED = (swift_demucs.Error, TypeError, KeyError, FileNotFoundError)


def value(draw: random.Random) -> Any:
    """Draws an argument of any kind."""
    shape = (draw.choice([0, 1, 2, 2, 3, 65]), draw.choice([0, 1, 2, 1000]))
    samples = np.zeros(shape, draw.choice(["f4", "f8", "f2", "i2", "c8", "O", ">f4"]))
    return draw.choice(
        [
            None, True, 0, 1, -1, 2, 44_100, 2**31, 2**63, 2**70, 0.5, -0.0, float("nan"),
            float("inf"), 1e300, "", "demo", "vocals", "x\0y", "\udcff", "wav", "a/b", b"x",
            b"\xff", [], ["vocals"], [1], {}, {"a": samples}, (), (0.0, 1.0), object(), print,
            samples, samples.T, samples[:, ::2], samples[::-1], samples[0] if shape[0] else samples,
            np.float32(1), np.int64(3), memoryview(b"12345678"), range(3), draw.random(),
            swift_demucs.Cancellation(), random.Random(1), lambda _: None, lambda: None,
        ]
    )  # fmt: skip


def main() -> int:
    """Command line."""
    count = int(sys.argv[1])
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    model = swift_demucs.load("demo", threads=2)
    separator = api.Separator("demo")
    good = np.zeros((2, 1000), np.float32)
    stems = model.separate(good)
    options = {
        "separate": ["sample_rate", "shifts", "seed", "overlap", "segment", "split", "rate",
                     "transition_power", "order", "progress", "cancellation"],
        "stream": ["sample_rate", "live", "block_frames", "shifts", "seed", "overlap", "segment",
                   "rate", "progress", "cancellation", "temporary_folder"],
        "trace": ["sample_rate", "start", "seconds", "names"],
        "files": ["stems", "mixes", "filename", "format", "clip", "start", "duration", "shifts"],
        "load": ["stems", "precision", "threads", "jobs", "repository"],
        "write": ["sample_format", "clip", "mp3_bit_rate", "mp3_preset"],
        "save": ["bitrate", "clip", "bits_per_sample", "as_float", "preset"],
        "update": ["device", "shifts", "overlap", "split", "segment", "jobs", "callback",
                   "callback_arg"],
    }  # fmt: skip

    def some(name: str) -> dict[str, Any]:
        chosen = draw.sample(options[name], draw.choice([0, 0, 1, 1, 2]))
        return {key: value(draw) for key in chosen}

    def mix() -> Any:
        return draw.choice([good, good, value(draw)])

    def fresh(**arguments: Any) -> Any:
        separator.update_parameter(shifts=1, overlap=0.25, split=True, segment=None, jobs=0,
                                   callback=None, callback_arg=None)  # fmt: skip
        separator.update_parameter(**arguments)
        return separator.separate_tensor(mix(), value(draw))

    calls = [
        lambda: model.separate(mix(), **some("separate")),
        lambda: list(model.stream([mix(), mix()], **some("stream"))),
        lambda: model.trace(mix(), **{"names": "encoder.0", **some("trace")}),
        lambda: model.separate_files([value(draw)], "out", **some("files")),
        lambda: swift_demucs.load("demo", **some("load")).close(),
        lambda: swift_demucs.load(value(draw)),
        lambda: swift_demucs.write(draw.choice(["x.wav", "x.flac", "x.mp3", value(draw)]), mix(),
                                   draw.choice([44_100, value(draw)]), **some("write")),
        lambda: swift_demucs.read(draw.choice(["x.wav", value(draw)]), channels=value(draw)),
        lambda: swift_demucs.evaluate({"a": mix()}, {"a": mix()}, value(draw)),
        lambda: swift_demucs.evaluate(value(draw), value(draw)),
        lambda: api.save_audio(mix(), "y.wav", value(draw), **some("save")),
        lambda: fresh(**some("update")),
        lambda: separator.separate_audio_file(value(draw)),
        lambda: stems.mix(value(draw)),
        lambda: stems[value(draw)],
        lambda: stems.write(draw.choice(["out", value(draw)]), format=value(draw)),
        lambda: swift_demucs.quantize(value(draw), value(draw)),
    ]  # fmt: skip
    raised = 0
    for index in range(count):
        try:
            draw.choice(calls)()
        except ALLOWED:
            raised += 1
        except Exception:
            print(f"call {index} raised")
            traceback.print_exc()
            return 1
    print(f"{count} calls, {raised} of them raised")
    return 0


if __name__ == "__main__":
    sys.exit(main())
