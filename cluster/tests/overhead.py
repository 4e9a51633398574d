"""Measures the overhead of swift-demucs-catalogue: over the command alone, and for empty tracks.

overhead.py command --tracks 80 --seconds 60    # the same tracks both ways, on all cores
overhead.py empty 1000 100000                   # time and memory by number of tracks
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"

from conftest import program, write_track

from swift_demucs_catalogue.job import Job
from swift_demucs_catalogue.run import run, start_ray

# Answers each line at once, without stems.
EMPTY = """
line = {"event": "result", "status": "done", "error": None, "error_class": None, "outputs": [],
    "seconds": 0.001, "duration_seconds": 1.0, "realtime_factor": 1000.0, "warnings": [],
    "peak_memory_bytes": 1, "seed": 0, "engine_version": "0", "checkpoint_sha256": [],
    "parameters": {}}
for text in sys.stdin:
    print(json.dumps({**line, "id": json.loads(text)["id"]}), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("command")
    command.add_argument("--tracks", type=int, default=80)
    command.add_argument("--seconds", type=float, default=60.0)
    command.add_argument("--runs", type=int, default=5)
    command.add_argument("--model", default="demo")
    empty = commands.add_parser("empty")
    empty.add_argument("counts", type=int, nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-overhead-") as name:
        if arguments.command == "command":
            against_command(Path(name), arguments)
        else:
            without_work(Path(name), arguments.counts)


def against_command(folder: Path, arguments: argparse.Namespace) -> None:
    """Times the same tracks with a process of the command on each core, and with Ray's workers.

    Each process and each worker has its own core, as on a busy node: the threads that decode and
    encode find no idle core.
    """
    cores = sorted(os.sched_getaffinity(0))
    lines = make_tracks(folder, arguments)
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(lines))
    options = ("--shifts", "0", "--flac", "--seed", "0")
    # Starting Ray is not timed: it happens once for the many tracks of a catalogue.
    start_ray(None)
    alone, on_ray = [], []
    for pair in range(arguments.runs):
        job = Job(out=str(folder / f"ray-{pair}"), model=arguments.model, options=options)
        start = time.monotonic()
        processes = []
        for index, core in enumerate(cores):
            part = folder / f"part-{index}.jsonl"
            part.write_text("".join(lines[index :: len(cores)]))
            processes.append(
                subprocess.Popen(
                    [
                        *("taskset", "--cpu-list", str(core), *job.command, "--manifest", part),
                        *("--threads", "1", "--quiet", "--json", "-o", folder / f"alone-{pair}"),
                    ],
                    stdout=subprocess.DEVNULL,
                )
            )
        codes = [process.wait() for process in processes]
        assert not any(codes), codes
        alone.append(time.monotonic() - start)
        start = time.monotonic()
        counts = run(str(manifest), job, workers=len(cores)).counts
        on_ray.append(time.monotonic() - start)
        assert counts == {"done": arguments.tracks}, counts
        print(f"alone {alone[-1]:.2f} s, on Ray {on_ray[-1]:.2f} s", flush=True)
    first, second = statistics.median(alone), statistics.median(on_ray)
    # The ratio of each pair, since a machine's speed drifts over minutes.
    ratio = statistics.median(its / other for its, other in zip(on_ray, alone))
    print(
        f"medians: alone {first:.2f} s, on Ray {second:.2f} s, "
        f"median of the pairs {100 * (ratio - 1):+.1f} %"
    )


def make_tracks(folder: Path, arguments: argparse.Namespace) -> list[str]:
    """Writes tracks of white noise; returns the lines of their manifest."""
    lines = []
    for index in range(arguments.tracks):
        path = write_track(folder / f"{index}.wav", arguments.seconds)
        lines.append(json.dumps({"id": f"track-{index}", "path": str(path)}) + "\n")
    return lines


def without_work(folder: Path, counts: list[int]) -> None:
    """Measures each count in its own process, to know its memory; a second run skips all tracks."""
    if os.environ.get("CLUSTER_OVERHEAD_PART"):
        measure_empty(folder, counts[0])
        return
    for count in counts:
        subprocess.run(
            [sys.executable, __file__, "empty", str(count)],
            check=True,
            env={**os.environ, "CLUSTER_OVERHEAD_PART": "1"},
        )


def measure_empty(folder: Path, count: int) -> None:
    (folder / "track.wav").write_bytes(b"RIFF")
    manifest = folder / "manifest.jsonl"
    with manifest.open("w") as lines:
        for index in range(count):
            path = str(folder / "track.wav")
            lines.write(json.dumps({"id": f"track-{index}", "path": path}) + "\n")
    job = Job(
        out=str(folder / "stems"),
        model="demo",
        options=("--seed", "0"),
        program=program(folder, EMPTY),
    )
    start_ray(None)
    times = []
    for expected in ("done", "skipped"):
        start = time.monotonic()
        found = run(str(manifest), job).counts
        times.append(time.monotonic() - start)
        assert found == {expected: count}, found
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in (folder / "stems/demo.results").iterdir())
    print(
        f"{count} tracks: {times[0]:.1f} s ({1000 * times[0] / count:.2f} ms each), again "
        f"{times[1]:.1f} s, driver {megabytes:.0f} MB, table {size / 1e6:.1f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
