#!/usr/bin/env python3
"""Separations by the static page in Firefox, of songs in several formats.

Speaks Firefox's own protocol, Marionette, because Debian 12 has no geckodriver. A message is its length in
bytes, a colon and JSON: [0, id, command, parameters], answered by [1, id, error, result].
"""
import argparse
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests/Web"))
from hosts import PageHost

from limits import LONGEST_SECONDS, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SONGS = ["song.wav", "song.flac", "song.mp3"]
SECONDS = 8
RATE = 44100


class Firefox:
    def __init__(self, folder: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (Path(folder) / "user.js").write_text(f'user_pref("marionette.port", {port});\nuser_pref("media.autoplay.default", 0);\n')
        self.process = subprocess.Popen(["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ids = itertools.count(1)
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                self.connection = socket.create_connection(("127.0.0.1", port), timeout=LONGEST_SECONDS)
                break
            except OSError:
                if time.monotonic() > deadline:
                    self.process.kill()
                    raise SystemExit("error: firefox-esr does not start")
                time.sleep(0.2)
        self._receive()
        self.call("WebDriver:NewSession", {})
        self.call("WebDriver:SetTimeouts", {"script": LONGEST_SECONDS * 1000})

    def call(self, command: str, parameters: dict):
        text = json.dumps([0, next(self.ids), command, parameters]).encode()
        self.connection.sendall(str(len(text)).encode() + b":" + text)
        _, _, error, result = self._receive()
        if error:
            raise AssertionError(f"{command}: {error['message']}")
        return result

    def run(self, body: str, *arguments):
        """The result of an asynchronous function's body, with `args`."""
        script = f"const done = arguments[arguments.length - 1]; const args = arguments; (async () => {{ {body} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error) }}))"
        reply = self.call("WebDriver:ExecuteAsyncScript", {"script": script, "args": list(arguments)})["value"]
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply.get("value")

    def wait(self, expression: str):
        wait_until(lambda: self.run(f"return Boolean({expression})"), lambda: f"{expression}\n{self.run('return document.body.innerText')}")

    def choose_file(self, selector: str, path: str):
        found = self.call("WebDriver:FindElement", {"using": "css selector", "value": selector})["value"][ELEMENT]
        self.call("WebDriver:ElementSendKeys", {"id": found, "text": path})

    def close(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait(30)

    def _receive(self):
        size = b""
        while not size.endswith(b":"):
            size += self.connection.recv(1)
        text = b""
        while len(text) < int(size[:-1]):
            text += self.connection.recv(int(size[:-1]) - len(text))
        return json.loads(text)


def separate(firefox: Firefox, song: Path):
    t = numpy.arange(SECONDS * RATE) / RATE
    soundfile.write(song, 0.3 * numpy.stack([numpy.sin(440 * 2 * numpy.pi * t), numpy.sin(110 * 2 * numpy.pi * t)], axis=1), RATE)
    firefox.choose_file("#chooser", str(song))
    firefox.wait(f"document.querySelector('#queue li[data-state=done] [title=\\'{song.name}\\']')")
    # Marionette's scripts don't share the page's modules, so the stored files are read.
    shape, peaks = firefox.run("""
        const jobs = await (await (await navigator.storage.getDirectory()).getDirectoryHandle("swift-demucs")).getDirectoryHandle("jobs");
        for await (const folder of jobs.values()) {
          const { shape, job } = JSON.parse(await (await (await folder.getFileHandle("job.json")).getFile()).text());
          if (job.name !== args[0]) continue;
          const pieces = await folder.getDirectoryHandle("pieces");
          const peaks = [];
          for (const [start] of shape.pieces) {
            const piece = await (await (await pieces.getFileHandle(String(start).padStart(9, "0"))).getFile()).arrayBuffer();
            peaks.push(new Float32Array(piece).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0));
          }
          return [shape, peaks];
        }""", song.name)
    assert len(shape["names"]) == 4, shape
    assert shape["samples"] == sum(count for _, count in shape["pieces"]), shape
    # Encoders of MP3 add up to a few thousand samples of silence.
    assert 0 <= shape["samples"] - SECONDS * RATE <= (4000 if song.suffix == ".mp3" else 0), shape
    # The tones go on to the last piece.
    assert min(peaks) > 0.05, peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", required=True, help="the folder of the static build, dist/web")
    host = PageHost(Path(parser.parse_args().web), is_isolated=True)
    host.start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        firefox = Firefox(folder)
        try:
            firefox.call("WebDriver:Navigate", {"url": host.address})
            firefox.wait("document.querySelector('#engine').textContent")
            firefox.run("document.querySelector('[name=residual]').value = ''; document.querySelector('#options').dispatchEvent(new Event('change'))")
            for name in SONGS:
                separate(firefox, Path(folder) / name)
            threads = firefox.run("return document.querySelector('#engine').textContent")
            print(f"Firefox separated {', '.join(SONGS)}: {threads}")
        finally:
            firefox.close()
            host.stop()


if __name__ == "__main__":
    main()
