"""Measures the overhead of Python: the import, and a call compared with the command.

    pip install dist/swift_demucs-*.whl
    python bench/bench_python.py Models/demo_track.ogg
    python bench/bench_python.py --model htdemucs.safetensors --runs 7 song.wav

The import is timed in fresh processes that have imported NumPy. The command is the program in the
wheel and separates a float32 WAV of the same samples, without shifts. Its time is that of the
separation alone, from its first to its last progress event (`--json`), so that loading the model
and writing the stems count on neither side. Both alternate. Prints medians, ranges and the ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import swift_demucs

# The wheel's script of the command.
PROGRAM = Path(sys.executable).with_name("swift-demucs")
IMPORT = """
import time, numpy
began = time.perf_counter()
import MODULE
print(time.perf_counter() - began)
"""


def seconds_of_import(module: str) -> float:
    """Seconds of an import in a fresh process."""
    code = IMPORT.replace("MODULE", module)
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def seconds_of_command(model: str, track: Path, out: Path, threads: list[str]) -> float:
    """Seconds from the command's first to its last progress event."""
    command = [PROGRAM, track, "-n", model, "-o", out, "--shifts", "0", "--float32", "--json"]
    began = None
    last = None
    with subprocess.Popen(
        [*command, *threads], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event.get("event") == "progress":
                last = time.perf_counter()
                began = began or last
    if process.returncode != 0 or began is None or last is None:
        raise SystemExit(f"error: the command failed with {process.returncode}")
    return last - began


def line(name: str, values: list[float]) -> str:
    """Line with median and range."""
    return (
        f"{name:22}{statistics.median(values):8.4f} s   "
        f"({min(values):.4f} to {max(values):.4f}, {len(values)} runs)"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    for module in ("swift_demucs", "swift_demucs.api"):
        print(line(f"import {module}", [seconds_of_import(module) for _ in range(given.runs)]))
    samples, rate = swift_demucs.read(given.track)
    samples = np.ascontiguousarray(samples[:, : int(given.seconds * rate)])
    threads = [] if given.threads is None else ["--threads", str(given.threads)]
    calls: list[float] = []
    commands: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        swift_demucs.load(given.model, threads=given.threads) as model,
    ):
        wav = Path(folder) / "track.wav"
        swift_demucs.write(wav, samples, rate, float32=True, clip_mode="none")

        def call() -> float:
            """Seconds from first to last progress; those of the whole call go to `whole`."""
            moments: list[float] = []
            began = time.perf_counter()
            model.separate(
                samples, rate, shifts=0, progress=lambda _: moments.append(time.perf_counter())
            )
            whole.append(time.perf_counter() - began)
            return moments[-1] - moments[0]

        whole: list[float] = []
        call()
        whole.clear()
        for _ in range(given.runs):
            calls.append(call())
            commands.append(seconds_of_command(given.model, wav, Path(folder) / "out", threads))
    print(line("Python, segments", calls))
    print(line("Python, whole call", whole))
    print(line("command, segments", commands))
    ratio = statistics.median(calls) / statistics.median(commands)
    print(f"Python takes {ratio:.3f} times as long as the command")


if __name__ == "__main__":
    main()
