"""What the tests of the page have in common, with either back end."""
import io
import json
import re
import unittest
from pathlib import Path

import numpy
import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from browser_test import PageUser
from songs import Songs
from subject import GatedSubject, LocalSubject

HERE = Path(__file__).resolve().parent
PAGE_SCRIPTS = (HERE / "page_scripts.js").read_text()
#: The titles of the songs in the list.
NAMES = "[...document.querySelectorAll('#queue .name')].map(({ textContent }) => textContent)"
#: Options of a service with two users.
TWO_USERS = "--token-file", lambda test: test.songs.text("tokens", "anna:the-token-of-anna\nben:the-token-of-ben-1\n")


def smoke(test):
    """Marks a test of the short set, which touches each part of the page once."""
    test.is_smoke = True
    return test


def with_service(*options, is_ready: bool = True):
    """Gives a test a service of its own with these options; a function makes an option of the test."""

    def mark(test):
        test.service = options, is_ready
        return test

    return mark


class SongPageUser(PageUser):
    """What tests and pictures do with the page."""

    def page(self, body: str, *arguments):
        """Runs the body of an asynchronous function with `args` and page_scripts.js; returns its result."""
        return self.browser.run(f"{PAGE_SCRIPTS}\n{{ {body} }}", *arguments)

    def press_button(self, words: str, within: str) -> str:
        """Presses the button or box with these words; returns what it says then."""
        nodes = "[...document.querySelectorAll(`${args[1]} button, ${args[1]} label.check`)]"
        self.wait(f"{nodes}.find(({{ textContent, disabled }}) => textContent === args[0] && !disabled)", words, within)
        return self.script(f"""
            const args = arguments;
            const node = {nodes}.find(({{ textContent }}) => textContent === args[0]);
            (node.matches('label') ? node.firstChild : node).click();
            return node.textContent;""", words, within)

    def set_slider(self, label: str, value: float):
        self.script("""
            const slider = document.querySelector(`input[aria-label="${arguments[0]}"]`);
            slider.value = arguments[1];
            slider.dispatchEvent(new Event('input', { bubbles: true }));""", label, value)

    def wait_for_song(self, title: str):
        """Waits until a song is open and drawn."""
        self.wait("document.querySelector('.song h1')?.textContent === args[0] && document.querySelector('.mixer .play')", title)
        self.page("await until(() => stage.mixer?.board.waveforms.scale)")

    def select_song(self, title: str):
        self.wait(f"{NAMES}.includes(args[0])", title)
        self.script("[...document.querySelectorAll('#queue .open')].find((row) => row.querySelector('.name').textContent === arguments[0]).click()", title)

    def open_song(self, title: str):
        self.select_song(title)
        self.wait_for_song(title)


class PageTest(SongPageUser, unittest.TestCase):
    """Begins with a page without songs, whose sound stands still until a test moves it: see page_start.js."""

    #: Set by test_page.py.
    songs: Songs
    #: The back end of all tests, or that of one test or class.
    subject: GatedSubject | LocalSubject
    #: Pattern of the console messages that a test causes.
    expected_messages = "$^"

    def setUp(self):
        # The page of the test before would keep its song, and send its notes, when it is left.
        self.script("if (location.protocol === 'http:') { Storage.prototype.setItem = () => {}; window.fetch = async () => new Response(null, { status: 503 }); localStorage.clear(); }")
        self.browser.get("about:blank")
        options, is_ready = getattr(getattr(self, self._testMethodName), "service", (None, True))
        if options is None:
            self.subject.clear(self.keeps)
        else:
            self.use_service(*[option(self) if callable(option) else option for option in options], is_ready=is_ready)
        self.browser.size(1440, 900)
        self.browser.serious_messages()
        self.open()

    def tearDown(self):
        for message in self.browser.serious_messages():
            # Browsers slow down tests that change the address more often than people.
            if not re.search(f"{self.expected_messages}|Throttling navigation", message):
                self.fail(f"console: {message}")

    def keeps(self, job: dict) -> bool:
        """Whether a job stays for the next test."""
        return False

    def use_service(self, *options: str, is_ready: bool):
        """Goes on with a service of its own until the end of the test."""
        self.subject = self.subject.another(*options)
        self.addCleanup(self.subject.close)
        self.addCleanup(self.browser.get, "about:blank")
        self.subject.start(is_ready)

    # The page

    def open(self, fragment: str = ""):
        # The same address with another fragment would load nothing.
        self.browser.get("about:blank")
        self.browser.get(self.subject.url + fragment)
        self.wait("document.querySelector('#engine')?.textContent || document.querySelector('dialog[open]')")

    def enter(self, token: str):
        """Answers the question for a token."""
        self.wait("document.querySelector('#token-dialog').open")
        self.find("#token").send_keys(token, Keys.ENTER)
        self.wait("!document.querySelector('#token-dialog').open")

    def wait_equal(self, expression: str, expected):
        self.browser.wait_equal(expression, expected)

    def mixer(self, expression: str):
        """The value of a property of the mixer, or the result of its method."""
        return self.page(f"return await stage.mixer.{expression}")

    def rows(self) -> int:
        return self.value("document.querySelectorAll('#queue li').length")

    def point(self, selector: str, x: float = 0.5, y: float = 0.5) -> list[float]:
        """A place in an element, in shares of its size."""
        return self.script("const { left, top, width, height } = document.querySelector(arguments[0]).getBoundingClientRect(); return [left + arguments[1] * width, top + arguments[2] * height]", selector, x, y)

    def touch(self, *points: list[float]):
        """A finger comes down at the first point, goes on to the others, and leaves."""
        for kind, place in [("touchStart", points[0]), *(("touchMove", point) for point in points[1:]), ("touchEnd", None)]:
            self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": place[0], "y": place[1]}] if place else []})

    def press(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def choose(self, selector: str, value: str):
        self.script("const select = document.querySelector(arguments[0]); select.value = arguments[1]; select.dispatchEvent(new Event('change', { bubbles: true }))", selector, value)

    def resize(self, width: int, height: int = 844):
        self.browser.size(width, height)
        self.wait("innerWidth === args[0]", width)
        self.page("await drawn()")

    def words(self) -> str:
        return self.value("document.body.innerText")

    def row_words(self) -> str:
        return self.find("#queue li .words").text

    # Songs

    def separated(self, name: str = "song.wav", seconds: float = 2) -> dict:
        """Uploads a song, and opens it when it is done; returns its job."""
        self.upload(self.songs.wav(name, seconds))
        self.wait_for_song(Path(name).stem)
        self.wait_state("done")
        return self.subject.jobs()[0]

    def let_cancel(self):
        """A browser ends a song that was cancelled when it has stored what was held."""
        self.script("window.release?.()")

    def play(self):
        """Plays; the sound is scheduled, but its time stands still."""
        self.click(".play")
        self.page("await until(() => stage.mixer.isPlaying && !stage.mixer.engine.isWaiting)")

    def wait_for_play_button(self, label: str):
        self.wait("document.querySelector('.play').getAttribute('aria-label') === args[0]", label)

    def sound(self, stem: dict) -> numpy.ndarray:
        """The samples of a job's stem, [frame, channel]."""
        return soundfile.read(io.BytesIO(self.subject.request("GET", stem["url"].lstrip("/"))))[0]

    def requests_since(self, first: int) -> list[str]:
        return [path for _, path, _ in self.subject.proxy.requests[first:]]


class SongTest(PageTest):
    """Begins with a song's page; all tests of a class share the separated song."""

    job: dict

    @classmethod
    def setUpClass(cls):
        cls.subject.clear()
        cls.job = cls.subject.separate(cls.songs.wav("song.wav", 8))

    def keeps(self, job: dict) -> bool:
        return job["id"] == self.job["id"]

    def setUp(self):
        super().setUp()
        self.wait_for_song("song")

    def saved_analysis(self) -> dict:
        return json.loads(self.subject.request("GET", f"v1/separations/{self.job['id']}/analysis"))
