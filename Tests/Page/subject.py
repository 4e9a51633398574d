"""The service under test: the mock, a running service, or one that the tests start."""
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from limits import LONGEST_SECONDS
from mock_service import Mock


class Subject:
    """A service with a page. `mock` is None for a real one."""

    mock: Mock | None = None
    can_restart = False
    url: str

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = {}) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers, method=method), timeout=LONGEST_SECONDS) as reply:
            return reply.read()

    def answers(self, path: str) -> bool:
        try:
            self.request("GET", path)
        except OSError:
            return False
        return True

    def jobs(self) -> list[dict]:
        return json.loads(self.request("GET", "v1/separations"))["separations"]

    def clear(self) -> None:
        """Deletes all jobs: a running one is cancelled first."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while (jobs := self.jobs()) and time.monotonic() < deadline:
            for job in jobs:
                try:
                    self.request("DELETE", f"v1/separations/{job['id']}")
                except urllib.error.HTTPError:
                    # The job has been removed in the meantime.
                    pass
            time.sleep(0.05)

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class MockSubject(Subject):
    can_restart = True

    def __init__(self):
        self.mock = Mock()

    @property
    def url(self) -> str:
        return self.mock.url

    def start(self) -> None:
        self.mock.start()

    def stop(self) -> None:
        self.mock.stop()


class RunningSubject(Subject):
    def __init__(self, url: str):
        self.url = url.rstrip("/") + "/"


class BinarySubject(Subject):
    """`swift-demucs serve` with the demo model and its own data folder."""

    can_restart = True

    def __init__(self, binary: str, *options: str):
        self.binary, self.options = binary, options
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process = None

    def start(self) -> None:
        log = open(Path(self.folder.name) / "log", "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", *([] if "-n" in self.options else ["-n", "demo"]), "--port", str(self.port), "--data", str(Path(self.folder.name) / "data"), *self.options], stderr=log, stdout=log)
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            # Without its model it lives, but never gets ready.
            if self.answers("livez" if "-n" in self.options else "readyz"):
                return
            time.sleep(0.1)
        raise SystemExit(f"error: the service does not start:\n{Path(log.name).read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LONGEST_SECONDS)
