"""Times whole processes on a whole song: the reference's command and ours, alternating.

    python reference/bench/bench_song.py --runs 5

Writes a checkpoint of the real size (htdemucs's configuration, seeded weights) and a song made by formulas into a temporary
folder. Then runs `python -m demucs` and `swift-demucs` in float32, bfloat16 and INT8, with the same number of threads, without
shifts, with float32 WAVs as output; the time is that of the whole process. After each run of ours, `swift-demucs bench` times
one segment. Prints medians and ranges of the seconds, the time of the song's segments, the ratio of the whole process to that
time, the peak memory of the process, and the SNR of the worst stem against the reference's.
Needs reference/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# htdemucs's segment of 7.8 s at 44.1 kHz, and the reference's distance between segments.
STRIDE_SAMPLES = int(0.75 * 343980)
ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "demucs 4.1.0"

# Run in separate processes: a child's peak memory starts at that of its parent.
PREPARE = """
import math, sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
import seeded_model, wav_file
folder, seconds = Path(sys.argv[2]), int(sys.argv[3])
seeded_model.save_package(seeded_model.build(seeded_model.REAL, 1), folder, "real")
generator = torch.Generator().manual_seed(3)
time = torch.arange(seconds * 44100) / 44100
tones = sum(torch.sin(2 * math.pi * f * time + f) for f in (55.0, 220.0, 933.0, 4100.0))
beat = torch.exp(-8 * (time % 0.5)) * torch.randn(2, len(time), generator=generator)
wav_file.write(folder / "song.wav", 0.05 * tones + 0.1 * beat, 44100)
"""
COMPARE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import native
from snr import snr_of_each
print(min(snr_of_each(*(native.stems(Path(path)) for path in sys.argv[2:4])).values()))
"""


def python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, str(ROOT / "reference"), *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(command: list[str], threads: int) -> tuple[float, float]:
    """Seconds of a process, and its peak memory in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr
    errors = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"error: {' '.join(command)} failed:\n{errors}")
    return seconds, usage.ru_maxrss / 1000


def bench(*command: object) -> dict:
    """The measurement of `swift-demucs bench` with these words."""
    words = [*map(str, command), "--json", "--quiet"]
    return json.loads(subprocess.check_output(words))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / ".build/release/swift-demucs", help="our program")
    parser.add_argument("--seconds", type=int, default=240, help="length of the song (default: 240)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python(PREPARE, folder, options.seconds)
        common = ["-n", "real", "--repo", name, "--shifts", "0", "--float32", "--clip-mode", "none"]
        song = str(folder / "song.wav")
        commands = {REFERENCE: [sys.executable, "-m", "demucs", *common, "-d", "cpu", "-o", f"{name}/reference", song]}
        benches: dict[str, list[str]] = {}
        for precision in ("float32", "bfloat16", "int8"):
            engine = ["--threads", str(options.threads), "--precision", precision]
            label = f"swift-demucs {precision}"
            commands[label] = [str(options.binary), *common, *engine, "-o", f"{name}/{precision}", song]
            benches[label] = [str(options.binary), "bench", "-n", "real", "--repo", name, *engine, "--runs", "5"]
        measured: dict[str, list[tuple[float, float]]] = {label: [] for label in commands}
        segments: dict[str, list[float]] = {label: [] for label in benches}
        for _ in range(options.runs):
            for label, command in commands.items():
                measured[label].append(run(command, options.threads))
                if label in benches:
                    segments[label].append(bench(*benches[label])["seconds_per_segment"]["median"])

        stems = {label: next(Path(command[-2]).rglob("vocals.wav")).parent for label, command in commands.items()}
        first = statistics.median(seconds for seconds, _ in measured[REFERENCE])
        count = -(-options.seconds * 44100 // STRIDE_SAMPLES)
        print(f"{options.seconds} s of music, {options.threads} threads, {options.runs} runs\n")
        print(
            f"| | median s | range s | time / demucs | {count} segments alone s | process / segments "
            "| peak memory MB | worst stem against demucs, SNR dB |")
        print("|---|---|---|---|---|---|---|---|")
        for label, results in measured.items():
            seconds = [one for one, _ in results]
            median = statistics.median(seconds)
            memory = statistics.median(one for _, one in results)
            alone, ratio, snr = "", "", ""
            if label in segments:
                total = count * statistics.median(segments[label])
                alone, ratio = f"{total:.1f}", f"{median / total:.3f}"
                snr = f"{float(python(COMPARE, stems[REFERENCE], stems[label])):.1f}"
            print(
                f"| {label} | {median:.1f} | {min(seconds):.1f} to {max(seconds):.1f} | {median / first:.2f} | {alone} | {ratio} "
                f"| {memory:.0f} | {snr} |")


if __name__ == "__main__":
    main()
