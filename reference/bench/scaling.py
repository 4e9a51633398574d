"""Measures how the speed of swift-demucs grows with the number of threads, and prints Markdown tables.

    python reference/bench/scaling.py .build/release/swift-demucs -o scaling.md
    python reference/bench/scaling.py PROGRAM song.flac --threads 1 2 4 8 16 --precision bfloat16

Four tables: a segment of htdemucs with seeded weights, also with more threads than cores; a whole track;
what more cores could reach; two cores, one of which another program uses too (on Linux). PyTorch, and
demucs for the track, run in turn with ours where they are installed (reference/requirements.txt).

Amdahl's law, seconds = serial + parallel / threads, is fitted to the rows with no more threads than
cores: its serial part is all that doesn't get faster, memory and clock included. The track's own serial
part is the time before its first segment (loading, the pass for the statistics) and after its last one
(encoding). The main thread works beside the network: segments take at least its CPU time (0 without /proc).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from bench_song import bench
from bench_song import run as run_process

SPEED = ["speed-up", "of the cores"]
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(os.cpu_count() or 1))


def amdahl(seconds: dict[int, float]) -> tuple[float, float]:
    """Serial and parallel seconds, neither below 0, with the least ∑ ((serial + parallel / n) / t - 1)²."""
    rows = [(1 / t, 1 / (n * t)) for n, t in seconds.items()]
    aa, ab, bb = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b = map(sum, zip(*rows, strict=True))
    if len(rows) < 2 or a * bb < b * ab:
        return 0.0, b / bb
    if b * aa < a * ab:
        return a / aa, 0.0
    return (a * bb - b * ab) / (aa * bb - ab * ab), (b * aa - a * ab) / (aa * bb - ab * ab)


def efficiency(first: float, seconds: float, threads: int, cores: int) -> float:
    """Speed-up against one thread, as a share of the one that the threads' cores allow."""
    return first / seconds / min(threads, cores)


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def speed(times: list[float], first: float, threads: int) -> list[str]:
    """Cells: median and range of the seconds, speed-up, efficiency."""
    share = efficiency(first, median(times), threads, len(CORES))
    spread = f"{median(times):.3f} ({min(times):.3f}–{max(times):.3f})"
    return [spread, f"{first / median(times):.2f}", f"{share:.0%}"]


def cpu_name() -> str:
    command = ["sysctl", "-n", "machdep.cpu.brand_string"] if sys.platform == "darwin" else ["lscpu"]
    lines = subprocess.check_output(command, text=True, env={**os.environ, "LC_ALL": "C"}).splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model name:")), lines[0])


def segment(options: argparse.Namespace, threads: int, *prefix: str) -> dict:
    """A measurement of a segment."""
    engine = ["--precision", options.precision, "--threads", threads, "--runs", options.runs]
    return bench(*prefix, options.program, "bench", "--random-weights", "htdemucs", *engine)


def pytorch_segment() -> Callable[[int], Callable[[], float]]:
    """Maker of timers of PyTorch's segment, by the number of threads."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import seeded_model
    from core import Core, core_inputs
    from fixture import noise
    from peer_timers import pytorch

    model = seeded_model.build(seeded_model.REAL, 1)
    inputs = core_inputs(model, noise("bench", 1, 2, int(model.segment * model.samplerate), deviation=0.1))
    return lambda threads: pytorch(Core(model).eval(), inputs, threads)


def segment_table(options: argparse.Namespace) -> tuple[str, dict[int, float]]:
    """The table of a segment; its seconds with no more threads than cores."""
    peer = pytorch_segment() if options.peer else None
    ours, theirs, rows = {}, {}, []
    for threads in options.threads:
        found = segment(options, threads)
        seconds = found["seconds_per_segment"]
        ours[threads] = seconds["median"]
        row = [f"{threads}", f"{found['loop_microseconds']:.1f}", *speed(list(seconds.values()), ours[1], threads)]
        if peer:
            timer = peer(threads)
            times = [timer() for _ in range(options.runs + 1)][1:]
            theirs[threads] = median(times)
            row += speed(times, theirs[1], threads)
        rows.append(row)
    titles = ["threads", "empty loop, µs", "segment, s", *SPEED, *(["PyTorch, s", *SPEED] if peer else [])]
    system = f"{cpu_name()}, {len(CORES)} cores, {platform.system()} {platform.release()}, {platform.machine()}"
    heading = f"{system}; {found['isa']}, {found['blas']} products in {options.precision}; {options.runs} runs each."
    return f"{heading}\n\n## A segment\n\n{table(titles, rows)}", {n: t for n, t in ours.items() if n <= len(CORES)}


def main_thread_seconds(process: int) -> float:
    """CPU time of a process's main thread so far; 0 without /proc."""
    stat = Path(f"/proc/{process}/task/{process}/stat")
    fields = stat.read_text().rpartition(")")[2].split() if stat.exists() else "0" * 13
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def separate(command: list[str]) -> tuple[float, float, float, float, int]:
    """Seconds of our command, before its first segment and after its last; CPU seconds of its main thread in
    between; the number of segments."""
    start = time.perf_counter()
    marks: list[tuple[float, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            if json.loads(line)["event"] == "progress":
                marks.append((time.perf_counter() - start, main_thread_seconds(child.pid)))
    if child.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed")
    total, (first, begin), (last, end) = time.perf_counter() - start, marks[0], marks[-1]
    return total, first, total - last, end - begin, len(marks) - 1


def track_tables(options: argparse.Namespace, segment: dict[int, float], folder: str) -> str:
    """The table of a track, and what more cores could reach."""
    common = ["-n", options.model, *(["--repo", options.repo] if options.repo else []), "--shifts", "0", options.track]
    engine = ["--precision", options.precision, "--json", "--quiet", "-o", f"{folder}/ours"]
    ours, theirs, rows = {}, {}, []
    peer = [sys.executable, "-m", "demucs", *common, "-d", "cpu", "-o", f"{folder}/peer"]
    for threads in segment:
        runs, times = [], []
        for _ in range(options.runs):
            runs.append(separate([options.program, *common, *engine, "--threads", str(threads)]))
            if options.peer:
                times.append(run_process(peer, threads)[0])
        ours[threads], before, after, beside, count = (median(part) for part in zip(*runs, strict=True))
        row = [str(threads), *speed([run[0] for run in runs], ours[1], threads)]
        row += [f"{before:.2f}", f"{after:.2f}", f"{(before + after) / ours[1]:.1%}", f"{beside:.2f}"]
        if options.peer:
            theirs[threads] = median(times)
            row += speed(times, theirs[1], threads)
        rows.append(row)
    titles = ["threads", "track, s", *SPEED, "before, s", "after, s", "serial", "beside, CPU s"]
    text = table(titles + (["demucs, s", *SPEED] if options.peer else []), rows)
    (serial, parallel), (rest, shared), rows = amdahl(segment), amdahl(ours), []
    for cores in (4, 8, 16, 32, 64):
        parts = before + after + max(beside, count * (serial + parallel / cores))
        speeds = [segment[1] / (serial + parallel / cores), ours[1] / (rest + shared / cores), ours[1] / parts]
        rows.append([str(cores), *(f"{value:.1f}" for value in speeds), f"{parts:.2f}"])
    titles = ["cores", "speed-up of a segment", "of the track", "of the track by its parts", "its seconds"]
    shares = f"{serial / (serial + parallel):.1%} of a segment and {rest / (rest + shared):.1%} of the track"
    law = f"Serial by Amdahl's law: {shares} of {count:.0f} segments. More cores could reach:"
    return f"## A track\n\n{text}\n{law}\n\n{table(titles, rows)}"


def load_table(options: argparse.Namespace) -> str:
    """What two threads keep of two cores, one of which another program uses too."""
    heading = "## A core with a load\n\n"
    if sys.platform != "linux" or len(CORES) < 2:
        return f"{heading}Not measured: that takes Linux and two cores.\n"
    first, second = CORES[:2]
    with subprocess.Popen(["taskset", "-c", f"{second}", sys.executable, "-c", "while True: pass"]) as load:
        try:
            places = (f"{first}", f"{second}", f"{first},{second}")
            found = [segment(options, len(place.split(",")), "taskset", "-c", place) for place in places]
        finally:
            load.kill()
    free, loaded, both = (measured["seconds_per_segment"]["median"] for measured in found)
    cells = [f"{free:.3f}", f"{loaded:.3f}", f"{both:.3f}", f"{1 / both / (1 / free + 1 / loaded):.0%}"]
    return heading + table(["a free core, s", "one with a load, s", "both, s", "of the sum of their speeds"], [cells])


def tables(options: argparse.Namespace, folder: str) -> Iterator[str]:
    segments, medians = segment_table(options)
    yield segments
    yield track_tables(options, medians, folder)
    yield load_table(options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="our program")
    parser.add_argument("track", nargs="?", help="a sound file (default: 240 s of noise)")
    parser.add_argument("--threads", type=int, nargs="+", help="default: 1, 2, 4 … 64, and the cores")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "int8"), default="float32")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave PyTorch and demucs out")
    parser.add_argument("--model", default="htdemucs", help="model of the track (default: htdemucs)")
    parser.add_argument("--repo", help="folder with the model")
    parser.add_argument("-o", "--output", type=Path, default=os.devnull, help="file for the printed tables")
    options = parser.parse_args()
    if options.peer and not find_spec("demucs"):
        options.peer = False
        print("PyTorch and demucs are not installed, and left out.\n")
    options.threads = sorted({1, *(options.threads or (2, 4, 8, 16, 32, 64, len(CORES)))})
    with tempfile.TemporaryDirectory() as folder, options.output.open("w") as output:
        if not options.track:
            options.track = f"{folder}/noise.wav"
            with wave.open(options.track, "wb") as file:
                file.setparams((2, 2, 44100, 0, "NONE", ""))
                file.writeframes(os.urandom(4 * 44100 * 240))
        for part in tables(options, folder):
            print(part, flush=True)
            print(part, file=output)


if __name__ == "__main__":
    main()
