"""A service under test and its client, with Python's standard library alone. Talks to 127.0.0.1 only."""

from __future__ import annotations

import http.client
import json
import math
import signal
import struct
import subprocess
import time
from pathlib import Path


def tone(seconds: float, pitch: float = 220.0) -> bytes:
    """A sine tone as a stereo WAV file."""
    count = int(seconds * 44100)
    period = [int(12000 * math.sin(2 * math.pi * i * pitch / 44100)) for i in range(44100)]
    frames = b"".join(struct.pack("<hh", v, v // 2) for v in period)
    data = (frames * (count // 44100 + 1))[: count * 4]
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, 44100, 176400, 4, 16,
        b"data", len(data)) + data


class Service:
    """A running `swift-demucs serve`."""

    def __init__(
        self, program: str, data: Path, *options: str, log: Path | None = None, model: str = "demo"
    ):
        self.words = [program, "serve", "-n", model, "--offline", "--data", str(data), *options]
        self.log = log or data.parent / "serve.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the service and waits until it is ready."""
        port = str(self.port)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*self.words, "--port", port], stderr=log, stdout=log)
        deadline = time.time() + 30
        while time.time() < deadline:
            text = self.log.read_text(errors="replace")
            if "Listening at" in text:
                self.port = int(text.split("Listening at ")[1].split()[0].rsplit(":", 1)[1])
                try:
                    if self.get("/readyz")[0] == 200:
                        return
                except OSError:
                    pass
            if self.process.poll() is not None:
                raise SystemExit(f"error: the service ended: {text}")
            time.sleep(0.01)
        raise SystemExit("error: the service is not ready after 30 s")

    def kill(self) -> None:
        """Kills the service, as a crash would."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """Stops the service with SIGTERM. Returns the seconds that it took."""
        assert self.process
        start = time.time()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.time() - start

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Sends a request; returns status and body of the reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def get(self, target: str) -> tuple[int, bytes]:
        return self.request("GET", target)

    def upload(self, sound: bytes, query: str = "shifts=0") -> tuple[int, dict]:
        status, body = self.request("POST", f"/v1/separations?{query}", sound)
        return status, json.loads(body)

    def job(self, identifier: str) -> dict:
        return json.loads(self.get(f"/v1/separations/{identifier}")[1])

    def wait(self, identifier: str, seconds: float = 120) -> dict:
        """Waits for the end of a job; returns the job."""
        deadline = time.time() + seconds
        while time.time() < deadline:
            job = self.job(identifier)
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            time.sleep(0.02)
        raise SystemExit(f"error: the job {identifier} does not end")

    @property
    def memory_megabytes(self) -> float:
        """Resident memory in MB."""
        assert self.process
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        return math.nan

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
