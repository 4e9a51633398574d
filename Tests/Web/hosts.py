"""Two servers on this machine: a plain static host of the page, and a host of models, which is another origin."""
import hashlib
import http.server
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Host:
    """A server that can be stopped and started again at its address."""

    port = 0

    def start(self) -> None:
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                host.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class PageHost(Host):
    """Sends a folder's files, with the headers that isolate a page from others or without."""

    TYPES = {".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".webmanifest": "application/manifest+json",
             ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".ogg": "audio/ogg"}
    ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}

    def __init__(self, folder: Path, is_isolated: bool = False):
        self.folder = folder
        self.is_isolated = is_isolated
        self.requests: list[str] = []

    def answer(self, handler) -> None:
        path = handler.path.split("?")[0]
        self.requests.append(path)
        file = self.folder / path.strip("/")
        if file.is_dir():
            file /= "index.html"
        content = file.read_bytes() if file.is_file() else b""
        handler.send_response(200 if file.is_file() else 404)
        handler.send_header("Content-Type", self.TYPES.get(file.suffix, "application/octet-stream"))
        handler.send_header("Content-Length", str(len(content)))
        for name, value in self.ISOLATION.items() if self.is_isolated else ():
            handler.send_header(name, value)
        # A connection that stays open would let a page work after its host has stopped.
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(content)


class ModelHost(Host):
    """Sends files to pages of any origin, whole or from a byte on. `pause_after` lets a reply rest after so many bytes."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.pause_after: int | None = None
        # Name and first byte of each request; the headers of the last one.
        self.requests: list[tuple[str, int]] = []
        self.headers = None

    def answer(self, handler) -> None:
        name = handler.path.strip("/")
        content = self.files.get(name)
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        self.requests.append((name, start))
        self.headers = handler.headers
        handler.send_response(404 if content is None else 206 if match else 200)
        handler.send_header("Access-Control-Allow-Origin", "*")
        rest = (content or b"")[start:]
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        pause_after = self.pause_after
        try:
            if pause_after is None:
                handler.wfile.write(rest)
                return
            handler.wfile.write(rest[:pause_after])
            while self.pause_after is not None:
                time.sleep(0.05)
            # Not the rest: the connection breaks.
            handler.close_connection = True
        except ConnectionError:
            pass


def torch_file(signature: str, content: bytes) -> str:
    """The published name of a file."""
    return f"{signature}-{hashlib.sha256(content).hexdigest()[:8]}.th"


class Page:
    """The page's modules with a list of one small model."""

    def __init__(self, folder: Path, models: list[dict]):
        self.folder = folder
        shutil.copytree(ROOT / "web/engine", folder / "engine", ignore=lambda _, names: [name for name in names if not name.endswith(".js")])
        (folder / "page").mkdir()
        for name in ("service_worker.js", "manifest.webmanifest", "page/logo.svg"):
            shutil.copy(ROOT / "web" / name, folder / name)
        (folder / "engine/demo.safetensors").write_bytes(b"a model")
        self.program = folder.parent / "program"
        # The lists' tool asks a program for the published models; this one has its own.
        (folder.parent / "models.json").write_text(json.dumps({"models": models}))
        self.program.write_text(f"#!/bin/sh\ncat '{folder.parent}/models.json'\n")
        self.program.chmod(0o755)
        self.write("first")

    def write(self, text: str) -> None:
        """Writes the page with a text, and its lists."""
        (self.folder / "index.html").write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{text}</title><link rel=manifest href=manifest.webmanifest><script type=module src=start.js></script>")
        (self.folder / "start.js").write_text(
            'import { workOffline } from "./engine/offline.js";\n'
            "sessionStorage.visits = Number(sessionStorage.visits ?? 0) + 1;\n"
            "window.offline = await workOffline();\n")
        subprocess.run([ROOT / "tools/web_lists", self.folder, "--program", self.program], check=True)
