"""The service under test."""
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from limits import LONGEST_SECONDS
from proxy import Proxy


class BinarySubject:
    """`swift-demucs serve` with the demo model and its own data folder."""

    def __init__(self, binary: str, *options: str):
        self.binary, self.options = binary, options
        self.folder = tempfile.TemporaryDirectory()
        self.data = Path(self.folder.name) / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        #: Where a browser finds the page.
        self.url = self.service_url = f"http://127.0.0.1:{self.port}/"
        self.process = None

    def start(self, is_ready: bool = True) -> None:
        """Starts the service and waits for its model; with `is_ready` false, until it says that it has none."""
        log = Path(self.folder.name) / "log"
        model = [] if "-n" in self.options else ["-n", "demo"]
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [self.binary, "serve", *model, "--port", str(self.port), "--data", str(self.data), *self.options], stderr=output, stdout=output)
        deadline = time.monotonic() + LONGEST_SECONDS
        while (state := self.state()) != ("ready" if is_ready else "no-model"):
            if state == "no-model" or self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"error: the service does not start:\n{log.read_text()}")
            time.sleep(0.05)

    def state(self) -> str | None:
        """`ready`, or the kind of the problem that keeps the service from it; None if it doesn't answer."""
        try:
            self.request("GET", "readyz")
            return "ready"
        except urllib.error.HTTPError as error:
            return json.load(error)["type"].rpartition(":")[2]
        except OSError:
            return None

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LONGEST_SECONDS)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = {}) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.service_url + path, body, headers, method=method), timeout=LONGEST_SECONDS) as reply:
            return reply.read()

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


class ProxiedSubject(BinarySubject):
    """The same behind a proxy, which is what a browser sees; `request` asks the service itself."""

    def __init__(self, binary: str, *options: str, delay: float = 0.0):
        super().__init__(binary, *options)
        self.proxy = Proxy(self.port)
        self.proxy.delay = delay
        self.url = f"http://127.0.0.1:{self.proxy.port}/"

    def close(self) -> None:
        self.stop()
        self.proxy.close()
