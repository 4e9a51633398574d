"""What the tests of the static page have in common."""
import unittest
from pathlib import Path

from browser import Browser
from browser_test import PageUser
from hosts import PageHost
from music import SAMPLE_RATE
from songs import Songs


class LocalTest(PageUser, unittest.TestCase):
    """Begins with a first visit: each test has an origin of its own."""

    #: Set by test_local.py: the folder of the static build, and the program.
    web: Path
    binary: str
    songs: Songs
    #: Whether the host isolates the page from others.
    is_isolated = True

    def setUp(self):
        self.host = PageHost(self.web, self.is_isolated)
        self.host.start()
        self.browser.size(1440, 900)
        self.visit()
        self.browser.serious_messages()

    def tearDown(self):
        # Browsers slow down tests that change the address more often than people.
        messages = [each for each in self.browser.serious_messages() if "Throttling navigation" not in each]
        self.browser.get("about:blank")
        self.host.stop()
        self.assertEqual(messages, [])

    def use_browser(self, flag: str):
        """Goes on in a browser that lacks something until the end of the test."""
        self.browser = Browser(str(self.songs.folder / "downloads"), flag)
        self.addCleanup(self.browser.quit)

    # The page

    def visit(self):
        self.browser.get(f"{self.host.address}/")
        self.wait("document.querySelector('#engine').textContent")
        self.script("window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`))")
        # Four stems; one test is about the original.
        self.choose("residual", "")

    def page(self, body: str, *arguments):
        """Runs the body of an asynchronous function with `args`, the page's `stage`, `backend` and `storage`, and `until`; returns its result."""
        return self.browser.run("""
            const { stage } = await import("./main.js");
            const { backend } = await import("./backend.js");
            const storage = await (await import("./storage.js")).openStorage();
            const until = async (isTrue) => {
              while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 5));
            };
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
        self.page("await until(() => stage.mixer?.job.ready_seconds > args[0])", seconds)

    def wait_until_nothing_is_stored(self):
        """Waits until no file of a job is left."""
        self.page("await until(async () => !(await storage.list('jobs')).length)")

    # Files

    def song(self, name: str, seconds: float, rate: int = SAMPLE_RATE) -> str:
        return self.songs.song(name, seconds, rate, "FLOAT" if name.endswith(".wav") else None)

    def coded(self, name: str, *options: str, source: list[str]) -> str:
        return self.songs.coded(name, *source, *options)

    def file(self, name: str, content: bytes) -> str:
        return self.songs.file(name, content)
