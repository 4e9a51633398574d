"""What the tests of the static page have in common."""
import subprocess
from pathlib import Path

import soundfile

from browser import Browser
from browser_test import BrowserTest
from hosts import PageHost
from music import SAMPLE_RATE, make_mix


class LocalTest(BrowserTest):
    """Begins with a first visit: each test has an origin of its own."""

    #: Set by test_local.py: the folder of the static build, the program, a folder for files.
    web: Path
    binary: str
    folder: Path
    #: Whether the host isolates the page from others.
    is_isolated = True

    def setUp(self):
        self.host = PageHost(self.web, self.is_isolated)
        self.host.start()
        self.browser.size(1440, 900)
        self.visit()
        self.browser.serious_messages()

    def tearDown(self):
        messages = self.browser.serious_messages()
        self.browser.get("about:blank")
        self.host.stop()
        self.assertEqual(messages, [])

    def use_browser(self, flag: str):
        """Goes on in a browser that lacks something until the end of the test."""
        self.browser = Browser(str(self.folder / "downloads"), flag)
        self.addCleanup(self.browser.quit)

    # The page

    def visit(self):
        self.browser.get(f"{self.host.address}/")
        self.wait("document.querySelector('#engine').textContent")
        self.script("window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`))")
        # The demo model needs no download.
        self.choose("model", "demo")

    def page(self, body: str, *arguments):
        """Runs the body of an asynchronous function with `args` and the page's `stage`, `backend` and `storage`; returns its result."""
        return self.browser.run("""
            const { stage } = await import("./main.js");
            const { backend } = await import("./backend.js");
            const storage = await (await import("./storage.js")).openStorage();
            """ + body, *arguments)

    def choose(self, option: str, value: str):
        self.script("document.querySelector(`[name='${arguments[0]}']`).value = arguments[1]; document.querySelector('#options').dispatchEvent(new Event('change'))", option, value)

    def separate(self, name: str = "song.wav", seconds: float = 4):
        self.upload(self.song(name, seconds))
        self.wait_state("done")

    def words(self) -> str:
        return self.script("return document.querySelector('#queue li .words').textContent")

    def jobs(self) -> list[dict]:
        return self.page("return (await backend.list({ limit: 100 })).separations")

    # The storage

    def hold(self, is_held: str):
        """Lets nothing be appended to a `path` for which the expression is true until `window.release()`, or on another page."""
        self.page("""
            const released = new Promise((resolve) => { window.release = resolve; });
            storage.append = async (path, bytes) => {
              if (%s) {
                window.isHeld = true;
                await released;
              }
              return Object.getPrototypeOf(storage).append.call(storage, path, bytes);
            };""" % is_held)

    def hold_pieces(self, seconds: float):
        """Holds the pieces of stems that begin there or later. The demo model's segments begin 3 s apart."""
        self.hold(f"Number(path.split('/pieces/')[1] ?? -1) >= {seconds * SAMPLE_RATE}")

    def wait_until_ready(self, seconds: float):
        """Waits until the song that is open is finished beyond this time."""
        self.page("while (!(stage.mixer?.job.ready_seconds > args[0])) await new Promise((resolve) => setTimeout(resolve, 5));", seconds)

    def wait_until_nothing_is_stored(self):
        """Waits until no file of a job is left."""
        self.page("while ((await storage.list('jobs')).length) await new Promise((resolve) => setTimeout(resolve, 5));")

    # Songs

    def song(self, name: str, seconds: float, rate: int = SAMPLE_RATE) -> str:
        """A song at the rate, where it sounds lower or higher, in the format of the name's ending."""
        path = self.folder / f"songs of {seconds} s, {rate}" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            mix = make_mix(seconds, 1)
            if path.stem == "mono":
                mix = mix.mean(axis=1)
            soundfile.write(path, mix, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
        return str(path)

    def coded(self, name: str, *options: str, source: list[str]) -> str:
        """A source as ffmpeg codes it with the options."""
        path = self.folder / name
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *source, *options, str(path)], check=True)
        return str(path)

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)
