#!/usr/bin/env python3
"""Measures a service under load: many clients, idle connections, a large body, many jobs, and separations compared with
the command.

Everything happens on this machine: the service listens at 127.0.0.1, on a free port.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

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


def idle(program: str, folder: Path, count: int) -> None:
    """Slow connections send headers now and then, but never the end of a request's head."""
    with Service(program, folder / "idle") as service:
        sockets = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(count)]
        start = time.time()
        latencies = []
        while time.time() - start < 14:
            for connection in sockets:
                try:
                    connection.send(b"GET / HTTP/1.1\r\n" if time.time() - start < 1 else b"X-a: b\r\n")
                except OSError:
                    pass
            latencies += timed(service, "/livez", 5)
        left = float(service.get("/metrics")[1].decode().split("\nswift_demucs_connections ")[1].split("\n")[0])
        for connection in sockets:
            connection.close()
        print(f"{count} slow connections: {left:.0f} open after 14 s; /livez meanwhile {milliseconds(latencies)}; "
              f"{service.memory_megabytes:.0f} MB")


def large_body(program: str, folder: Path, megabytes: int) -> None:
    """A large body of silence is received, decoded and refused for its length."""
    with Service(program, folder / "body", "--max-length", "60s") as service:
        before = service.memory_megabytes
        header = tone(0.1)[:44]
        piece = bytes(1 << 20)
        start = time.time()
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            length = len(header) + megabytes * len(piece)
            connection.sendall(
                f"POST /v1/separations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode() + header)
            most = before
            for _ in range(megabytes):
                connection.sendall(piece)
                most = max(most, service.memory_megabytes)
            status = connection.recv(100).split(b" ")[1].decode()
        print(f"a body of {megabytes} MiB: status {status} after {time.time() - start:.1f} s; "
              f"memory from {before:.0f} to at most {most:.0f} MB")


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
        small = service.wait(service.upload(tone(5))[1]["id"])
        stem = small["stems"][0]["url"]
        for run in range(runs):
            start = time.perf_counter()
            subprocess.run(
                [program, "-n", model, "--offline", "--shifts", "1", "--gain", "common", "-q", "-o",
                 str(folder / f"out{run}"), str(track)], check=True, stdout=subprocess.DEVNULL)
            by_command.append(time.perf_counter() - start)
            start = time.perf_counter()
            job = service.wait(service.upload(track.read_bytes(), f"shifts=1&seed={run}")[1]["id"])
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
    parser.add_argument("--idle", type=int, default=2000, help="slow connections (default: 2000)")
    parser.add_argument("--body", type=int, default=2048, help="MiB of the large body (default: 2048)")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs one after the other (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, help="separations to compare (default: 5)")
    parser.add_argument(
        "--track", type=Path, default=Path(__file__).parent.parent / "Models/demo_track.ogg",
        help="track of the compared separations (default: the demo track)")
    parser.add_argument("--model", default="demo", help="their model (default: demo)")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="service-load-"))
    try:
        if arguments.runs:
            separation(arguments.program, folder, arguments.track, arguments.runs, arguments.model)
        if arguments.clients:
            clients(arguments.program, folder, arguments.clients)
        if arguments.idle:
            idle(arguments.program, folder, arguments.idle)
        if arguments.body:
            large_body(arguments.program, folder, arguments.body)
        if arguments.jobs:
            many_jobs(arguments.program, folder, arguments.jobs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
