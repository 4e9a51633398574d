#!/usr/bin/env python3
"""Measures a service under load: many clients at once, many jobs, and separations compared with the command.

Everything happens on this machine: the service listens at 127.0.0.1, on a free port. `Tests/system/test_service --large`
tests that it withstands attacks.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "system"))

from service_client import Service, tone


def milliseconds(values: list[float]) -> str:
    values = sorted(values)
    return (f"median {1000 * statistics.median(values):.1f} ms, "
            f"99 % {1000 * values[int(0.99 * (len(values) - 1))]:.1f} ms, most {1000 * values[-1]:.1f} ms")


def timed(service: Service, target: str, count: int, headers: dict[str, str] | None = None) -> list[float]:
    """Seconds of each of `count` requests."""
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        status = service.request("GET", target, headers=headers)[0]
        if status not in (200, 206):
            raise SystemExit(f"error: {target} has status {status}")
        seconds.append(time.perf_counter() - start)
    return seconds


def clients(program: str, folder: Path, count: int) -> None:
    """Many clients upload, watch and download at the same time."""
    with Service(program, folder / "clients", "--max-queue", str(count)) as service:
        problems: list[str] = []

        def client(index: int) -> None:
            try:
                status, job = service.upload(tone(1, 100 + index))
                if status != 202:
                    raise OSError(f"upload: {status} {job}")
                # Jobs run one after the other, so this takes longer than a request.
                done = service.wait(job["id"], 600)
                for stem in done["stems"]:
                    status, body = service.get(stem["url"])
                    if status != 200 or len(body) != stem["bytes"]:
                        raise OSError(f"{stem['url']}: {status}")
            except (OSError, SystemExit, ValueError, KeyError) as error:
                problems.append(f"client {index}: {error}")

        threads = [threading.Thread(target=client, args=(index,)) for index in range(count)]
        start = time.time()
        for thread in threads:
            thread.start()
        latencies = []
        while any(thread.is_alive() for thread in threads):
            latencies += timed(service, "/readyz", 1)
            time.sleep(0.05)
        if problems:
            raise SystemExit(f"error: {len(problems)} clients failed; {problems[0]}")
        print(f"{count} clients: all done after {time.time() - start:.1f} s; /readyz meanwhile {milliseconds(latencies)}; "
              f"{service.memory_megabytes:.0f} MB")


def many_jobs(program: str, folder: Path, count: int) -> None:
    """Memory after ten jobs, and after all jobs."""
    with Service(program, folder / "jobs", "--disk-quota", "1GB") as service:
        for index in range(count):
            service.wait(service.upload(tone(0.2, 100 + index / 10), "shifts=0&stems=bass")[1]["id"])
            if index in (9, count - 1):
                print(f"memory after {index + 1} jobs: {service.memory_megabytes:.0f} MB")


def separation(program: str, folder: Path, track: Path, runs: int, model: str) -> None:
    """Times separations of the service and of the command in turns, and requests during a separation."""
    by_command, by_service, itself, ready, ranged = [], [], [], [], []
    with Service(program, folder / "separation", model=model) as service:
        small = service.wait(service.upload(tone(5))[1]["id"], 600)
        stem = small["stems"][0]["url"]
        for run in range(runs):
            start = time.perf_counter()
            subprocess.run(
                [program, "-n", model, "--offline", "--shifts", "1", "--gain", "common", "-q", "-o",
                 str(folder / f"out{run}"), str(track)], check=True, stdout=subprocess.DEVNULL)
            by_command.append(time.perf_counter() - start)
            start = time.perf_counter()
            job = service.wait(service.upload(track.read_bytes(), f"shifts=1&seed={run}")[1]["id"], 600)
            by_service.append(time.perf_counter() - start)
            began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "finished"))
            itself.append((ended - began).total_seconds())
        job = service.upload(track.read_bytes(), "shifts=4&seed=99")[1]["id"]
        while service.job(job)["state"] != "done":
            ready += timed(service, "/readyz", 5)
            ranged += timed(service, stem, 5, {"Range": "bytes=100000-200000"})
    command = statistics.median(by_command)
    print(f"the command: {command:.2f} s ({min(by_command):.2f} to {max(by_command):.2f})")
    for label, seconds in (("the service's separation", itself), ("with upload and check", by_service)):
        median = statistics.median(seconds)
        print(f"{label}: {median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), {100 * (median / command - 1):+.1f} %")
    print(f"while a separation runs: /readyz {milliseconds(ready)}; 100 kB of a stem {milliseconds(ranged)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="swift-demucs")
    parser.add_argument("--clients", type=int, default=200, help="clients at once (default: 200)")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs one after the other (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, help="separations to compare (default: 5)")
    parser.add_argument(
        "--track", type=Path, default=ROOT / "Models/demo_track.ogg",
        help="track of the compared separations (default: the demo track)")
    parser.add_argument("--model", default="demo", help="their model (default: demo)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="service-load-") as name:
        folder = Path(name)
        separation(arguments.program, folder, arguments.track, arguments.runs, arguments.model)
        clients(arguments.program, folder, arguments.clients)
        many_jobs(arguments.program, folder, arguments.jobs)


if __name__ == "__main__":
    main()
