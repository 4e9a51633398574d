#!/usr/bin/env python3
"""Measures a service under load: many clients, a long list, idle connections, a large body, many jobs, separations
compared with the command, and the attacks of Tests/system/test_service at their large sizes.

Everything happens on this machine: the service listens at 127.0.0.1, on a free port. The exit status is not 0 if a
bound is broken.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "system"))

import service_attacks.heavy
import service_attacks.results
import service_attacks.streams  # noqa: F401  The modules add their attacks to the list.
from service_attacks.attack import Attack, Failed, all_attacks
from service_client import Service, multiply_jobs, tone

# Longest time of 99 % of requests while many clients connect to a long list.
MOST_SECONDS = 0.05
ATTACKS = ("idle-streams", "unread-streams", "unread-zips", "peaks", "bombs")


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


def _probe(service: Service, targets: list[str], is_over: Any, results: Any) -> None:
    """Times requests in a process of its own until told to end, so that the other clients do not delay it."""
    seconds: dict[str, list[float]] = {target: [] for target in targets}
    while not is_over.is_set():
        for target in targets:
            seconds[target] += timed(service, target, 1)
        time.sleep(0.002)
    results.put(seconds)


def _connect_all(service: Service, count: int) -> float:
    """Clients that connect at once, as after a restart with open pages: each loads the newest jobs and then follows the
    events. Returns the seconds until all have them."""
    events = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    page = b"GET /v1/separations?limit=100 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    waiting = selectors.DefaultSelector()
    held = []
    start = time.perf_counter()
    for request in [events, page] * count:
        connection = service.connect()
        connection.sendall(request)
        waiting.register(connection, selectors.EVENT_READ, [request, 0])
        held.append(connection)
    while waiting.get_map():
        ready = waiting.select(timeout=120)
        if not ready:
            raise SystemExit("error: clients get nothing for 120 s")
        for key, _ in ready:
            piece = key.fileobj.recv(1 << 18)
            key.data[1] += piece.count(b"event: job")
            if not piece or key.data[0] is events and key.data[1] >= 100:
                waiting.unregister(key.fileobj)
    seconds = time.perf_counter() - start
    for connection in held:
        connection.close()
    return seconds


def listing(program: str, folder: Path, jobs: int, count: int) -> bool:
    """Requests while many clients connect at once to a service with many jobs. Returns whether the bound holds."""
    service = Service(program, folder / "listing")
    service.start()
    service.done(tone(0.2), "shifts=0&stems=bass")
    service.stop()
    identifiers = multiply_jobs(service.data, jobs)
    start = time.monotonic()
    with service:
        print(f"{jobs} jobs: the service starts in {time.monotonic() - start:.1f} s, {service.memory_megabytes:.0f} MB")
        targets = ["/livez", f"/v1/separations/{identifiers[jobs // 2]}"]
        is_over, results = multiprocessing.Event(), multiprocessing.Queue()
        probe = multiprocessing.Process(target=_probe, args=(service, targets, is_over, results))
        probe.start()
        seconds = []
        for _ in range(5):
            time.sleep(0.5)
            seconds.append(_connect_all(service, count))
        is_over.set()
        latencies = results.get()
        probe.join()
        print(f"{count} clients connect at once: each has its page and the state after at most "
              f"{max(seconds):.2f} s (five times); {service.peak_megabytes:.0f} MB at the peak")
        is_kept = True
        for label, target in zip(("/livez", "a job"), targets):
            values = sorted(latencies[target])
            is_kept = is_kept and values[int(0.99 * (len(values) - 1))] < MOST_SECONDS
            print(f"  {label} meanwhile: {milliseconds(values)}, {len(values)} requests")
    return is_kept


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
    parser.add_argument("--listed", type=int, default=10_000, help="jobs in the list that they load (default: 10000)")
    parser.add_argument("--idle", type=int, default=2000, help="slow connections (default: 2000)")
    parser.add_argument("--body", type=int, default=2048, help="MiB of the large body (default: 2048)")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs one after the other (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, help="separations to compare (default: 5)")
    parser.add_argument(
        "--attacks", nargs="*", default=ATTACKS, choices=ATTACKS, metavar="ATTACK",
        help=f"large attacks (default: {' '.join(ATTACKS)})")
    parser.add_argument(
        "--track", type=Path, default=ROOT / "Models/demo_track.ogg",
        help="track of the compared separations (default: the demo track)")
    parser.add_argument("--model", default="demo", help="their model (default: demo)")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = Path(tempfile.mkdtemp(prefix="service-load-"))
    broken = []
    try:
        if arguments.runs:
            separation(arguments.program, folder, arguments.track, arguments.runs, arguments.model)
        if arguments.clients:
            clients(arguments.program, folder, arguments.clients)
        if arguments.listed and not listing(arguments.program, folder, arguments.listed, arguments.clients or 200):
            broken.append(f"99 % of requests within {1000 * MOST_SECONDS:.0f} ms while clients connect")
        if arguments.idle:
            idle(arguments.program, folder, arguments.idle)
        if arguments.body:
            large_body(arguments.program, folder, arguments.body)
        if arguments.jobs:
            many_jobs(arguments.program, folder, arguments.jobs)
        for name in arguments.attacks:
            own = folder / name
            own.mkdir()
            try:
                print(f"{name}: {all_attacks[name](Attack(arguments.program, own, random.Random(1), True, False))}")
            except Failed as failure:
                print(f"{name}: FAILED: {failure}")
                broken.append(name)
            shutil.rmtree(own)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if broken:
        raise SystemExit(f"error: these bounds are broken: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
