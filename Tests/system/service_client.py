"""A service under test and its client, with Python's standard library alone. Talks to 127.0.0.1 only."""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: How long anything is waited for, against hangs alone.
LONGEST_SECONDS = 30


def wait_until(is_reached: Callable[[], object], state: str) -> None:
    """Waits for a state of which there is no event."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not is_reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"error: waited {LONGEST_SECONDS} s in vain for: {state}")
        time.sleep(0.005)


def tone(seconds: float, pitch: float = 220.0) -> bytes:
    """A sine tone as a stereo WAV file."""
    count = int(seconds * 44100)
    period = [int(12000 * math.sin(2 * math.pi * i * pitch / 44100)) for i in range(44100)]
    frames = b"".join(struct.pack("<hh", v, v // 2) for v in period)
    data = (frames * (count // 44100 + 1))[: count * 4]
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, 44100, 176400, 4, 16,
        b"data", len(data)) + data


class Reply(NamedTuple):
    """A reply to a request. The names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The last part of a problem's type; empty for other replies."""
        try:
            return self.json["type"].rsplit(":", 1)[1]
        except (ValueError, KeyError, TypeError):
            return ""

    def __str__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Service:
    """A running `swift-demucs serve`."""

    #: The words of the command after the program.
    command: tuple[str, ...] = ("serve",)

    def __init__(
        self, program: str, data: Path, *options: str, log: Path | None = None,
        environment: dict[str, str] | None = None, descriptors: int | None = None,
        user: int | None = None,
    ):
        self.words = [program, *self.command, "-n", "demo", "--offline", "--data", str(data), *options]
        if descriptors:
            self.words = ["prlimit", f"--nofile={descriptors}", *self.words]
        if user:
            self.words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *self.words]
        self.data = data
        self.log = log or data.parent / f"{data.name}.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {**os.environ, **(environment or {})}

    def start(self, ready: int = 200) -> None:
        """Starts the service and waits until `/readyz` has a status."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.words, "--port", str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=self.environment)
        wait_until(lambda: self._has_status(ready), f"a service whose /readyz is {ready}")

    def _has_status(self, ready: int) -> bool:
        text = self.log.read_text(errors="replace")
        if not self.is_running:
            raise SystemExit(f"error: the service ended: {text}")
        if address := re.search(r"Listening at \S+:(\d+)\n", text):
            self.port = int(address[1])
            return self.get("/readyz")[0] == ready
        return False

    def kill(self) -> None:
        """Kills the service, as a crash would."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Kills the service if it runs."""
        if self.is_running:
            self.kill()

    def stop(self) -> None:
        """Stops the service with SIGTERM."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LONGEST_SECONDS)

    # Requests

    def fetch(
        self, target: str, headers: dict[str, str] | None = None, method: str = "GET",
        body: bytes | None = None,
    ) -> Reply:
        """Sends a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_SECONDS)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, named, reply.read())
        finally:
            connection.close()

    def get(self, target: str) -> tuple[int, bytes]:
        reply = self.fetch(target)
        return reply.status, reply.body

    def post(self, sound: bytes, query: str = "shifts=0", headers: dict[str, str] | None = None) -> Reply:
        """Uploads a sound."""
        return self.fetch(f"/v1/separations?{query}", headers, "POST", sound)

    def upload(self, sound: bytes, query: str = "shifts=0") -> tuple[int, dict]:
        """Uploads a sound; returns status and JSON of the reply."""
        reply = self.post(sound, query)
        return reply.status, reply.json

    def job(self, identifier: str) -> dict:
        return json.loads(self.get(f"/v1/separations/{identifier}")[1])

    def follow(self, target: str, pattern: bytes) -> None:
        """Reads a stream of events until a pattern has come."""
        received = b""
        deadline = time.monotonic() + LONGEST_SECONDS
        with self.ask(self.head("GET", target)) as connection:
            while not re.search(pattern, received):
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                if not (piece := connection.recv(1 << 16)):
                    raise SystemExit(f"error: the events of {target} end without {pattern!r}: {received[-1000:]!r}")
                received += piece

    def wait(self, identifier: str) -> dict:
        """Waits for the end of a job; returns the job."""
        self.follow(f"/v1/separations/{identifier}/events", rb'"state":"(done|failed|cancelled)"')
        return self.job(identifier)

    def wait_until_running(self, identifier: str) -> None:
        """Waits until a job runs, or has ended."""
        self.follow(f"/v1/separations/{identifier}/events", rb'"state":"(running|done|failed|cancelled)"')

    def wait_for_stems(self, identifier: str) -> None:
        """Waits until a running job has its first stems, or has ended."""
        self.follow(f"/v1/separations/{identifier}/events", rb'"ready_seconds":[0-9]|"state":"(done|failed|cancelled)"')

    def done(self, sound: bytes, query: str = "shifts=0") -> dict:
        """Uploads a sound and waits for its job, which must succeed."""
        status, job = self.upload(sound, query)
        if status == 202:
            job = self.wait(job["id"])
        if job.get("state") != "done":
            raise SystemExit(f"error: status {status}, expected a job that succeeds: {job}")
        return job

    def head(self, method: str, target: str, *lines: str) -> bytes:
        """The head of a request, with further lines."""
        first = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        return "\r\n".join([*first, *lines, "", ""]).encode()

    def connect(self, receive_bytes: int | None = None, source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address, with a receive buffer of the given size."""
        connection = socket.socket()
        connection.bind((source, 0))
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(LONGEST_SECONDS)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def ask(
        self, request: bytes, receive_bytes: int | None = None, source: str = "127.0.0.1"
    ) -> socket.socket:
        """A connection that any bytes were sent on."""
        connection = self.connect(receive_bytes, source)
        connection.sendall(request)
        return connection

    def exchange(self, request: bytes) -> bytes:
        """Sends any bytes; returns everything up to the connection's end."""
        reply = b""
        with self.connect() as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                # The service has refused the rest; its reply can still be read.
                pass
            try:
                while piece := connection.recv(1 << 16):
                    reply += piece
            except ConnectionError:
                pass
        return reply

    # Measurements

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _status(self, name: str) -> float:
        assert self.process
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e6
        return math.nan

    @property
    def memory_megabytes(self) -> float:
        """Resident memory in MB."""
        return self._status("VmRSS")

    @property
    def peak_megabytes(self) -> float:
        """The largest resident memory since the start, or since `forget_peak`, in MB."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        assert self.process
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all threads, without that of child processes."""
        assert self.process
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptor_count(self) -> int:
        """Number of open file descriptors."""
        assert self.process
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def unnamed_megabytes(self) -> float:
        """Size of the open files without a name, such as the decoded copy of a sound."""
        assert self.process
        total = 0
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                if os.readlink(link).endswith(" (deleted)"):
                    total += link.stat().st_size
            except OSError:
                pass
        return total / 1e6

    def files(self, *folders: str) -> list[str]:
        """Paths of all files in some folders of the data folder, relative to it; `tracks/*/input` names the sounds."""
        return sorted(
            str(path.relative_to(self.data)) for pattern in folders for folder in self.data.glob(pattern)
            for path in (folder, *folder.rglob("*")) if not path.is_dir())

    def wait_until_empty(self, *folders: str) -> None:
        """Waits until some folders of the data folder have no files: a refused sound is removed after the reply was sent."""
        wait_until(lambda: not self.files(*folders), f"no files in {', '.join(folders)}")

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class GatedService(Service):
    """The same with a gate for jobs: the program `gated-service`, which obeys lines on its standard input."""

    command = ()

    def hold(self, segment: int = 0) -> None:
        """From now on, each job waits before this segment, counted from 0."""
        self._say(f"hold {segment}")

    def open(self) -> None:
        """Lets all jobs go on."""
        self._say("open")

    def _say(self, line: str) -> None:
        assert self.process and self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        if (answer := self.process.stdout.readline()) != b"ok\n":
            raise SystemExit(f"error: the gate answers {answer!r} to '{line}'")


FORM_END = b"--bound--\r\n"


def form_field(name: str, value: bytes) -> bytes:
    """A field of a form with the boundary `bound`."""
    return f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"


def form_file(sound: bytes, name: str = "a.wav") -> bytes:
    """The field `file` of a form with the boundary `bound`."""
    return (
        f'--bound\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode()
        + b"Content-Type: audio/wav\r\n\r\n" + sound + b"\r\n")


def replies(stream: bytes) -> list[Reply]:
    """The replies in the bytes of a connection; an incomplete one is the last."""
    found = []
    while stream.startswith(b"HTTP/"):
        head, _, stream = stream.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        body = b""
        if status >= 200 and status not in (204, 304):
            count = int(headers.get("content-length", 0))
            body, stream = stream[:count], stream[count:]
        found.append(Reply(status, headers, body))
    return found
