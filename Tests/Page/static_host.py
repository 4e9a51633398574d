"""A host of static files, with or without the headers that isolate a page from others."""
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    # Python's table comes from the system's, which differ.
    extensions_map = {
        ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm",
        ".json": "application/json", ".webmanifest": "application/manifest+json", ".ogg": "audio/ogg", "": "application/octet-stream",
    }

    def end_headers(self):
        if self.server.is_isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        pass


class StaticHost:
    """Each has a port, and so an origin with files of its own in the browser."""

    def __init__(self, folder: str, is_isolated: bool = True):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.server.is_isolated = is_isolated
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
