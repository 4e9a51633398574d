"""Fixtures: short tracks, and storages on loopback with injected failures."""

from __future__ import annotations

import contextlib
import functools
import http.client
import http.server
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_demucs_catalogue.job import Job
from swift_demucs_catalogue.store import Store

for _name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ[_name] = "testing"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
for _name in [name for name in os.environ if name.lower() in ("http_proxy", "all_proxy")]:
    del os.environ[_name]


def write_track(path: Path, seconds: float = 0.5) -> Path:
    """Writes stereo noise as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(random.Random(path.name).randbytes(4 * int(seconds * 44_100)))
    return path


PROGRAM = """#!{python}
import json, os, signal, subprocess, sys, time
program = {program!r}
if "--follow" not in sys.argv:
    os.execv(program, [program, *sys.argv[1:]])
{text}
"""


def program(folder: Path, text: str) -> str:
    """A program that runs `text` in the place of the command that separates tracks."""
    path = folder / "program"
    command = shutil.which(Job(out="").program)
    path.write_text(PROGRAM.format(python=sys.executable, program=command, text=text))
    path.chmod(0o700)
    return str(path)


def job(out: object, **more: Any) -> Job:
    """A job with the demo model and without shifts."""
    return Job(
        out=str(out), model="demo", options=("--shifts", "0", "--flac", "--seed", "0"), **more
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


class FaultyProxy(http.server.ThreadingHTTPServer):
    """Proxy to a server; the next requests that store a stem suffer `faults`."""

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        #: Faults `throttle`, `break` or `corrupt`, in the order of use.
        self.faults: list[str] = []
        self.suffered: list[str] = []
        self.lock = threading.Lock()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = ""
        is_copy = "x-amz-copy-source" in self.headers
        if self.command == "PUT" and ".flac" in self.path and not is_copy:
            with self.server.lock:
                if self.server.faults:
                    fault = self.server.faults.pop(0)
                    self.server.suffered.append(fault)
        if fault == "throttle":
            self.answer(503, {}, b"<Error><Code>SlowDown</Code><Message>slow</Message></Error>")
            return
        if fault == "break":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = dict(self.headers)
        if fault == "corrupt":
            body = body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]
            # With a checksum, the server itself would find the damage.
            headers = {k: v for k, v in headers.items() if "checksum" not in k.lower()}
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.target)
        upstream.request(self.command, self.path, body, headers)
        response = upstream.getresponse()
        content = response.read()
        self.answer(response.status, dict(response.getheaders()), content)
        upstream.close()

    def answer(self, code: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(code)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                if name.lower() == "content-length" and self.command != "HEAD":
                    continue
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(port)
    yield port
    server.kill()
    server.wait()


@pytest.fixture
def s3(moto: int) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(moto)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def s3_store(s3: FaultyProxy) -> Store:
    """Store of the proxy, with the bucket `music`."""
    endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
    store = Store({"s3": {"endpoint_url": endpoint, "skip_instance_cache": True}})
    fs, _ = store._at("s3://music")
    if not fs.exists("music"):
        fs.mkdir("music")
    return store


class PlainServer(http.server.ThreadingHTTPServer):
    """HTTP server of a folder, without ETags; sends the time of a file's last change or not."""

    def __init__(self, folder: Path, *, sends_times: bool) -> None:
        handler = functools.partial(_PlainHandler, directory=str(folder))
        super().__init__(("127.0.0.1", 0), handler)
        self.sends_times = sends_times


class _PlainHandler(http.server.SimpleHTTPRequestHandler):
    server: PlainServer

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified" or self.server.sends_times:
            super().send_header(keyword, value)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def plain_http(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a server of `tmp_path`; the parameter says whether it sends times."""
    server = PlainServer(tmp_path, sends_times=request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class SSHServer:
    """Debian's sshd, with its own keys and configuration."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
            )
        shutil.copy(folder / "user.pub", folder / "authorized")
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
            "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
        )
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")],
            stderr=(folder / "log").open("wb"),
        )
        wait_for(self.port)

    def url(self, path: object) -> str:
        return f"sftp://127.0.0.1:{self.port}{path}"

    def storage(self) -> dict[str, Any]:
        import getpass

        user = {"username": getpass.getuser(), "key_filename": str(self.folder / "user")}
        return {"sftp": {**user, "look_for_keys": False, "allow_agent": False}}

    def break_connections(self) -> int:
        """Kills the processes that serve clients."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in children.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), 9)
        return len(children.split())


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    if not Path("/usr/sbin/sshd").exists():
        pytest.skip("needs openssh-server")
    server = SSHServer(tmp_path_factory.mktemp("sshd"))
    yield server
    server.break_connections()
    server.process.terminate()
    server.process.wait()
