#!/usr/bin/env python3
"""Tests a running service under faults: kill -9, mutated requests, a full disk, clients that disconnect.

Everything happens on this machine: the service listens at 127.0.0.1, on a free port.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import socket
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from service_client import Service, tone

STEM_BYTES = 44 + 4 * 44100


def check(is_true: bool, text: str) -> None:
    if not is_true:
        raise SystemExit(f"error: {text}")


def kills(program: str, folder: Path, count: int, draw: random.Random) -> None:
    """Killing the service loses no accepted job, and no broken stem is served."""
    service = Service(program, folder / "kills")
    accepted: list[str] = []
    service.start()
    for turn in range(count):
        for _ in range(2):
            status, job = service.upload(tone(1, draw.uniform(100, 900)))
            check(status == 202, f"upload: {status} {job}")
            accepted.append(job["id"])
        # A job of 1 s of audio takes a few tenths of a second: it is queued, running or finishing.
        time.sleep(draw.uniform(0, 0.4))
        service.kill()
        service.start()
        for identifier in accepted:
            job = service.job(identifier)
            check(job.get("state") in ("queued", "running", "done"), f"after kill {turn + 1}: {job}")
            for stem in job["stems"]:
                status, body = service.get(stem["url"])
                check(
                    (status, len(body)) == (200, STEM_BYTES) == (200, stem["bytes"]),
                    f"after kill {turn + 1}: {stem['url']} has status {status}, {len(body)} bytes")
    for identifier in accepted:
        check(service.wait(identifier)["state"] == "done", f"the job {identifier} is not done")
    left = sorted(path.name for path in (folder / "kills/results").iterdir())
    check(left == sorted(accepted), "the results' folder holds other things than results")
    check(not list((folder / "kills/inputs").iterdir()), "sounds of finished jobs were left behind")
    seconds = service.stop()
    check(seconds < 5, f"SIGTERM took {seconds:.1f} s")
    print(f"{count} kills: {len(accepted)} jobs, none lost; the last end took {seconds:.2f} s")


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """A request with a few changes."""
    pieces = [
        b"..", b"%00", b"%2e%2e%2f", b"\r\n", b"\x00", b"\xff\xfe", b"A" * 5000, b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Range: bytes=9-1\r\n", b"--", b'"', b";", b"HEAD ", b"/", b"?",
        b"&", b"=", b"9" * 30, b"-1", b"NaN", b"\xc3\x28", b"Host: x\r\n", b" ", b"\t",
    ]
    data = bytearray(seed)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            data[at:at] = draw.choice(pieces)
        elif kind == 1:
            del data[at : at + draw.randint(1, 20)]
        elif kind == 2 and at < len(data):
            data[at] = draw.randrange(256)
        else:
            data[at : at + draw.randint(0, 8)] = draw.choice(pieces)
    return bytes(data)


def mutations(program: str, folder: Path, count: int, draw: random.Random) -> None:
    """No mutated request crashes the service, or has a status above 499 other than 503 and 505."""
    statuses: dict[int, int] = {}
    with Service(program, folder / "mutations", "--max-queue", "5", "--disk-quota", "100MB") as service:
        job = service.upload(tone(1))[1]["id"]
        service.wait(job)
        host = f"Host: 127.0.0.1:{service.port}\r\n"
        end = "Connection: close\r\n\r\n"
        base = f"/v1/separations/{job}"
        form = (
            '--b\r\nContent-Disposition: form-data; name="shifts"\r\n\r\n0\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        ).encode() + tone(0.02) + b"\r\n--b--\r\n"
        seeds = [
            f"GET {target} HTTP/1.1\r\n{host}{extra}{end}".encode()
            for target, extra in (
                ("/", ""), ("/livez", ""), ("/metrics", ""), ("/openapi.json", ""), ("/v1/models", ""),
                ("/v1/separations", ""), (base, ""), (f"{base}/stems/bass.wav", "Range: bytes=0-99\r\n"),
                (f"{base}/stems/bass.flac", 'If-None-Match: "x"\r\n'), (f"{base}/stems.zip?format=wav", ""),
                (f"{base}/mix?vocals=0&drums=0.5&format=wav", ""), (f"{base}/peaks?points=10", ""),
                ("/v1/separations?x=%C3%A9", "Origin: http://127.0.0.1\r\n"),
            )
        ]
        seeds.append(f"DELETE {base}0 HTTP/1.1\r\n{host}{end}".encode())
        head = f"POST /v1/separations?stems=bass HTTP/1.1\r\n{host}Content-Type: multipart/form-data; boundary=b\r\n"
        seeds.append(f"{head}Content-Length: {len(form)}\r\n{end}".encode() + form)
        seeds.append(
            f"POST /v1/separations?shifts=0&mix=a=bass HTTP/1.1\r\n{host}X-Filename: a%20b.wav\r\n"
            f"Content-Length: {len(tone(0.02))}\r\n{end}".encode() + tone(0.02))
        for index in range(count):
            request = mutated(draw.choice(seeds), draw)
            reply = b""
            with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
                try:
                    connection.sendall(request)
                    connection.shutdown(socket.SHUT_WR)
                    while piece := connection.recv(1 << 16):
                        # Event streams do not end: only their beginning is kept.
                        if len(reply) < 100:
                            reply += piece
                except (ConnectionError, TimeoutError):
                    pass
            words = reply.split(b" ", 2)
            status = int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else 0
            statuses[status] = statuses.get(status, 0) + 1
            assert service.process
            check(service.process.poll() is None, f"request {index} ended the service: {request[:300]!r}")
            # 505 is the HTTP library's reply to versions other than HTTP/1.
            is_expected = status in (503, 505) or status < 500
            check(is_expected, f"request {index} has status {status}: {request[:300]!r}")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    text = ", ".join(f"{count} × {status or 'closed'}" for status, count in sorted(statuses.items()))
    print(f"{count} mutated requests: {text}")


def full_disk(program: str, folder: Path) -> None:
    """The service reports a full disk, and goes on when there is room again."""
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True).returncode:
        print("full disk: left out, because a small file system can't be mounted here")
        return
    try:
        with Service(program, disk / "data", log=folder / "full.log") as service:
            done = service.upload(tone(10))[1]["id"]
            check(service.wait(done)["state"] == "done", "there was no room for the first job")
            # Receiving: the body is larger than the room on the disk.
            status, problem = service.upload(tone(120))
            check(status == 503 and "room" in problem["detail"], f"upload: {status} {problem}")
            # Separating: four stems and their spools of 10 MB do not fit.
            status, job = service.upload(tone(30))
            check(status == 202, f"upload: {status} {job}")
            job = service.wait(job["id"])
            check(job["state"] == "failed", f"the job is {job['state']}")
            check(job["error"]["status"] == 503, f"{job['error']}")
            # Packing and mixing: new files do not fit; existing stems are still served.
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                except OSError:
                    pass
            status, problem = service.get(f"/v1/separations/{done}/stems.zip?format=flac")
            check(status == 503, f"archive on a full disk: {status}")
            status, body = service.get(f"/v1/separations/{done}/stems.zip")
            check(zipfile.ZipFile(io.BytesIO(body)).testzip() is None, "the archive is broken")
            check(service.get(f"/v1/separations/{done}/mix")[0] == 503, "mix on a full disk")
            check(service.upload(tone(1))[0] == 503, "upload on a full disk")
            filler.unlink()
            status, job = service.upload(tone(1))
            check(service.wait(job["id"])["state"] == "done", "the service does not go on")
            check(service.get(f"/v1/separations/{done}/mix")[0] == 200, "no mix when there is room again")
    finally:
        subprocess.run(["umount", disk], check=True)
    print("full disk: reported while receiving, separating, packing and mixing")


def gone_clients(program: str, folder: Path) -> None:
    """Clients that disconnect leave no files behind."""
    data = folder / "gone"
    with Service(program, data) as service:
        host = f"Host: localhost\r\nContent-Length: {len(tone(60))}\r\n\r\n".encode()
        for sent in (0, 1000, 500_000):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(b"POST /v1/separations HTTP/1.1\r\n" + host + tone(60)[:sent])
        # A client that waits for its stem disconnects: its job is cancelled.
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(b"PUT /v1/separate/bass.wav?shifts=0 HTTP/1.1\r\n" + host + tone(60))
            deadline = time.time() + 20
            while b'"running"' not in service.get("/v1/separations")[1] and time.time() < deadline:
                time.sleep(0.02)
        done = service.upload(tone(1))[1]["id"]
        check(service.wait(done)["state"] == "done", "the job after the one that nobody waits for")
        states = service.get("/v1/separations")[1]
        check(b'"cancelled"' in states, "the job that nobody waits for was not cancelled")
        for target in ("stems.zip", "stems/bass.wav", "events", "mix"):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(
                    f"GET /v1/separations/{done}/{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                connection.recv(10)
        deadline = time.time() + 10
        while list((data / "uploads").iterdir()) and time.time() < deadline:
            time.sleep(0.1)
        check(not list((data / "uploads").iterdir()), "unfinished uploads were left behind")
        check(not list((data / "inputs").iterdir()), "sounds of finished jobs were left behind")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    print("clients that go away: nothing left behind")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="swift-demucs")
    parser.add_argument("--kills", type=int, default=4, help="how often the service is killed (default: 4)")
    parser.add_argument("--mutations", type=int, default=500, help="mutated requests (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: 1)")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="service-faults-"))
    try:
        draw = random.Random(arguments.seed)
        gone_clients(arguments.program, folder)
        full_disk(arguments.program, folder)
        mutations(arguments.program, folder, arguments.mutations, draw)
        kills(arguments.program, folder, arguments.kills, draw)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
