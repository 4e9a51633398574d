"""What separates songs under test: the service, or the page itself."""
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Callable

from browser import Browser
from hosts import PageHost
from limits import LONGEST_SECONDS, wait_until
from music import SAMPLE_RATE
from proxy import Proxy


class GatedSubject:
    """A `gated-service` with the demo model and its own data folder, whose jobs can be held.

    A proxy is what a browser sees; `request` asks the service itself.
    """

    wait_for = staticmethod(wait_until)
    #: The most that a finished song's files differ from what is heard before: 16 bits, written at 1/32767 and read at 1/32768.
    rounding = 2.1 / 32768

    def __init__(self, binary: str, *options: str):
        self.binary, self.options = binary, options
        self.folder = tempfile.TemporaryDirectory()
        self.data = Path(self.folder.name) / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.proxy = Proxy(self.port)
        #: Where a browser finds the page.
        self.url = f"http://127.0.0.1:{self.proxy.port}/"
        self.service_url = f"http://127.0.0.1:{self.port}/"
        self.process = None

    def start(self, is_ready: bool = True) -> None:
        """Starts the service and waits for its model; with `is_ready` false, until it says that it has none."""
        log = Path(self.folder.name) / "log"
        model = [] if "-n" in self.options else ["-n", "demo"]
        with open(log, "ab") as output:
            command = [self.binary, *model, "--port", str(self.port), "--data", str(self.data), *self.options]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True)
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

    def another(self, *options: str) -> "GatedSubject":
        """One of the same program with other options, not started."""
        return GatedSubject(self.binary, *options)

    def close(self) -> None:
        self.stop()
        self.proxy.close()

    def hold(self, segment: int) -> None:
        """Lets each job wait before one of its segments, of which 0 is the first, until `open`."""
        self._command(f"hold {segment}")

    def open(self) -> None:
        self._command("open")

    def _command(self, line: str) -> None:
        print(line, file=self.process.stdin, flush=True)
        if (answer := self.process.stdout.readline()) != "ok\n":
            raise AssertionError(f"the service answers '{line}' with '{answer}'")

    def reply_not_ready(self) -> None:
        """Replies as a service that loads its model, until `proxy.reply_no_more("/readyz")`: the demo model is loaded before anybody could look."""
        self.proxy.reply("/readyz", "503 Service Unavailable", {
            "type": "urn:swift-demucs:problem:not-ready", "title": "The service is not ready", "status": 503,
            "detail": "The model 'demo' is being loaded.", "instance": "/readyz"}, "Retry-After: 5\r\n")

    def begin(self, path: str, **options: str) -> str:
        """Begins a job with options that the page doesn't offer; returns its identifier."""
        query = urllib.parse.urlencode({"filename": Path(path).name, **options})
        return json.loads(self.request("POST", f"v1/separations?{query}", Path(path).read_bytes()))["id"]

    def separate(self, path: str, **options: str) -> dict:
        """A finished job."""
        job_id = self.begin(path, **options)
        return wait_until(lambda: (job := json.loads(self.request("GET", f"v1/separations/{job_id}")))["state"] == "done" and job)

    def clear(self, keeps: Callable[[dict], bool] = lambda job: False) -> None:
        """Ends all faults, and deletes all sets, all jobs but those to keep (a running one is cancelled first), and the notes of these."""
        self.proxy.mend()
        self.open()
        for each in json.loads(self.request("GET", "v1/sets"))["sets"]:
            self.request("DELETE", f"v1/sets/{each['id']}")
        for job in filter(keeps, self.jobs()):
            self.request("PATCH", f"v1/separations/{job['id']}", b'{"notes": {}}', {"Content-Type": "application/json"})

        def is_clear() -> bool:
            jobs = [job for job in self.jobs() if not keeps(job)]
            for job in jobs:
                try:
                    self.request("DELETE", f"v1/separations/{job['id']}")
                except urllib.error.HTTPError:
                    # The job has been removed in the meantime.
                    pass
            return not jobs

        wait_until(is_clear)


class LocalSubject:
    """The static page, whose jobs the browser separates and tells of."""

    wait_for = staticmethod(wait_until)
    rounding = 0
    #: Whether the host isolates the page from others.
    is_isolated = True
    host = None

    def __init__(self, binary: str, web: Path, browser: Browser):
        self.binary, self.web, self.browser = binary, web, browser

    def another(self, *options: str) -> GatedSubject:
        """A service that hands out the static page, too."""
        return GatedSubject(self.binary, "--web", str(self.web), *options)

    def clear(self, keeps: Callable | None = None) -> None:
        """Goes on with a first visit: a page of another origin."""
        self.browser.get("about:blank")
        self.close()
        self.host = PageHost(self.web, self.is_isolated)
        self.host.start()
        self.url = f"{self.host.address}/"

    def close(self) -> None:
        if self.host:
            self.host.stop()

    def page(self, body: str, *arguments):
        """Runs a script with the page's `backend` and `storage`."""
        return self.browser.run('const { backend } = await import("./page/backend.js"); const storage = await (await import("./engine/storage.js")).openStorage();' + body, *arguments)

    def hold_paths(self, is_held: str, *arguments) -> None:
        """Lets nothing be appended to a `path` for which the expression is true until `open`, or on another page."""
        self.page("""
            const released = new Promise((resolve) => { window.release = resolve; });
            storage.append = async (path, bytes) => {
              if (%s) {
                window.isHeld = true;
                await released;
              }
              return Object.getPrototypeOf(storage).append.call(storage, path, bytes);
            };""" % is_held, *arguments)

    def hold(self, segment: int) -> None:
        """Holds the stems from one of a job's segments on: the demo model's begin 3 s apart, and up to half a second earlier by the shift."""
        self.hold_paths("Number(path.split('/pieces/')[1] ?? -1) >= args[0]", max(0, 3 * segment - 0.6) * SAMPLE_RATE)

    def open(self) -> None:
        self.page("window.release?.()")

    def jobs(self) -> list[dict]:
        return self.page("return (await backend.list({ limit: 100 })).separations")

    def begin(self, path: str) -> str:
        known = len(self.jobs())
        self.browser.find_element("css selector", "#chooser").send_keys(path)
        return wait_until(lambda: (jobs := self.jobs())[known:] and jobs[0]["id"])

    def separate(self, path: str) -> dict:
        job_id = self.begin(path)
        return wait_until(lambda: next((job for job in self.jobs() if job["id"] == job_id and job["state"] == "done"), None), lambda: str(self.jobs()))
