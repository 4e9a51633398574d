#!/usr/bin/env python3
"""Tests of the service's page in a real browser, against the service with its demo model.

Between them is a proxy, which records requests and breaks connections off.
"""
import argparse
import base64
import contextlib
import importlib.util
import io
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

os.environ.setdefault("SE_OFFLINE", "true")

import numpy
import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser
from limits import LONGEST_SECONDS
from many_songs import copy_song
from music import SAMPLE_RATE, make_mix
from screenshots import Studio
from subject import BinarySubject, ProxiedSubject

HERE = Path(__file__).resolve().parent
# This package contains axe-core; its Python code is not used.
AXE = Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js"

subject = None
browser = None
folder = None
# Whether limits of time are checked, which only an idle machine can keep.
checks_speed = False

# Shared code of several tests, run in the page. Stems are read here, independent of the page's
# reader; Chromium's own decoder divides positive samples of 16 bits by 32767, so its result differs
# by half a step.
DECODE = """
const decode = async (job, path) => {
  const bytes = await (await fetch(path)).arrayBuffer();
  const view = new DataView(bytes);
  const chunks = {};
  for (let at = 12; at < bytes.byteLength - 8; at += 8 + view.getUint32(at + 4, true))
    chunks[String.fromCharCode(...new Uint8Array(bytes, at, 4))] = at + 8;
  const [channels, bits] = [view.getUint16(chunks["fmt "] + 2, true), view.getUint16(chunks["fmt "] + 14, true)];
  if (bits !== 16) throw new Error(`${path} has ${bits} bits`);
  const samples = new Int16Array(bytes.slice(chunks.data));
  const frames = Math.floor(samples.length / channels);
  return [0, 1].map((channel) => Float32Array.from({ length: frames }, (_, frame) => samples[frame * channels + Math.min(channel, channels - 1)] / 32768));
};
const decodeStems = (job) => Promise.all(job.stems.map((stem) => decode(job, stem.url.replace(/\\.\\w+$/, ".wav"))));
const lead = Math.ceil(0.03 * stage.mixer.job.stem_rate);
const fade = Math.ceil(0.015 * stage.mixer.job.stem_rate);
/** Renders the page's engine offline; `prepare(engine)` turns its controls before it plays from a frame. */
const render = async (seconds, from, prepare) => {
  const { Engine } = await import("/engine.js");
  const { Pieces } = await import("/pieces.js");
  const job = stage.mixer.job;
  const pieces = await Pieces.open(job);
  const context = new OfflineAudioContext(2, Math.round(seconds * job.stem_rate), job.stem_rate);
  const engine = new Engine(context, pieces, job.stems.map(({ name }) => name));
  await prepare(engine);
  await engine.play(from);
  const buffer = await context.startRendering();
  engine.close();
  return [0, 1].map((channel) => buffer.getChannelData(channel));
};
/** The largest difference of rendered samples and a sum of stems; `frameAt(i)` is the song's frame of sample i. */
const difference = (rendered, stems, gains, frameAt, first, end) => {
  let worst = 0;
  for (let channel = 0; channel < 2; channel += 1) {
    for (let i = first; i < end; i += 1) {
      let sum = 0;
      stems.forEach((stem, index) => { sum += gains[index] * (stem[channel][frameAt(i)] ?? 0); });
      worst = Math.max(worst, Math.abs(rendered[channel][i] - sum));
    }
  }
  return worst;
};
"""


TOKEN = "open-sesame-open-sesame"


def token_file() -> str:
    path = Path(folder) / "tokens"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return str(path)


def peak_decibels(samples: numpy.ndarray) -> float:
    return 20 * numpy.log10(numpy.abs(samples).max())


def loudness(samples: numpy.ndarray) -> float:
    """Power of `[samples, 2]`, K-weighted by the response of the two filters that BS.1770 gives for 48 kHz."""
    spectrum = numpy.fft.rfft(samples, axis=0)
    z = numpy.exp(-2j * numpy.pi * numpy.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE) / 48000)
    for b, a in (((1.53512485958697, -2.69169618940638, 1.19839281085285), (1, -1.69065929318241, 0.73248077421585)),
                 ((1, -2, 1), (1, -1.99004745483398, 0.99007225036621))):
        spectrum *= (numpy.polyval(b[::-1], z) / numpy.polyval(a[::-1], z))[:, None]
    return float(numpy.sum(numpy.abs(spectrum) ** 2))


def sound_file(name: str, seconds: float = 8, seed: int = 1) -> str:
    path = Path(folder) / f"songs of {seconds} s, {seed}" / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        soundfile.write(path, make_mix(seconds, seed), SAMPLE_RATE, subtype="PCM_16", format="WAV")
    return str(path)


def long_sound_file(name: str) -> str:
    """A song whose separation takes a few seconds."""
    return sound_file(name, 120)


def m4a_file(name: str, seconds: float) -> str:
    """A song as phones record it, which the service can't read without ffmpeg."""
    path = Path(folder) / name
    source = ["-i", sound_file("source.wav", seconds)] if seconds < 60 else ["-f", "lavfi", "-t", str(seconds), "-i", "anullsrc=r=44100:cl=mono"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-c:a", "aac", "-b:a", "192k", str(path)], check=True)
    return str(path)


@contextlib.contextmanager
def another_service(*options: str, is_ready: bool = True, prepare=lambda data: None):
    """A service of its own with these options, in place of the one that the tests share; `prepare` fills its data folder."""
    global subject
    shared = subject
    own = ProxiedSubject(shared.binary, *options, delay=shared.proxy.delay)
    prepare(own.data)
    own.start(is_ready)
    subject = own
    try:
        yield
        browser.get("about:blank")
    finally:
        subject = shared
        own.close()


def with_another(*options, is_ready: bool = True):
    """Runs a test with a service of its own that has these options."""

    def decorate(test):
        def run(self):
            with another_service(*[option() if callable(option) else option for option in options], is_ready=is_ready):
                self.open()
                test(self)

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


def wait_until(is_true) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {LONGEST_SECONDS} s")
        time.sleep(0.02)


class PageTest(unittest.TestCase):
    #: Pattern of the console messages that a test causes.
    expected_messages = None

    def setUp(self):
        subject.clear()
        browser.size(1440, 900)
        browser.get(subject.url)
        # Four stems; other tests are about the original.
        browser.execute_script("localStorage.clear(); sessionStorage.clear(); localStorage.setItem('options', JSON.stringify({ residual: '' }))")
        browser.serious_messages()
        self.open()

    def tearDown(self):
        for message in browser.serious_messages():
            if self.expected_messages is None or not re.search(self.expected_messages, message):
                self.fail(f"console: {message}")

    def open(self, fragment: str = ""):
        browser.get("about:blank")
        browser.get(subject.url + fragment)
        browser.wait("document.querySelector('#engine').textContent !== '' || document.querySelector('dialog[open]')")
        # Violations of the content security policy are reported to the page too.
        browser.execute_script("window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + ' ' + event.blockedURI))")

    def find(self, selector: str):
        return browser.find_element(By.CSS_SELECTOR, selector)

    def upload(self, *paths: str):
        self.find("#chooser").send_keys("\n".join(paths))

    def upload_for_long(self, *names: str):
        """Uploads songs of two minutes whose separation takes long, also where the browser is slow: ten passes."""
        browser.execute_script("document.querySelector('#options').elements.shifts.value = '10'")
        self.upload(*[long_sound_file(name) for name in names])

    def wait_state(self, state: str, row: int = 0):
        return browser.wait("document.querySelectorAll('#queue li')[args[0]]?.dataset.state === args[1]", row, state)

    def separated(self, name: str = "song.wav", seconds: float = 8) -> dict:
        """Opens a finished job."""
        self.upload(sound_file(name, seconds))
        browser.wait("document.querySelector('.mixer .play') && document.querySelector('.song h1').textContent + '.wav' === args[0]", name)
        self.wait_state("done")
        browser.run("while (!stage.mixer?.board.waveforms.scale) await new Promise((resolve) => setTimeout(resolve, 25))")
        return subject.jobs()[0]

    def begin(self, name: str, seconds: float = 8, **options) -> str:
        """Begins a job with options that the page doesn't offer; returns its identifier."""
        edge = "the-edge-of-a-part"
        part = f"--{edge}\r\nContent-Disposition: form-data; name="
        fields = "".join(f'{part}"{key.replace("_", "-")}"\r\n\r\n{value}\r\n' for key, value in options.items())
        head = f'{fields}{part}"file"; filename="{name}"\r\nContent-Type: audio/wav\r\n\r\n'
        body = head.encode() + Path(sound_file(name, seconds)).read_bytes() + f"\r\n--{edge}--\r\n".encode()
        created = subject.request("POST", "v1/separations", body, {"Content-Type": f"multipart/form-data; boundary={edge}"})
        return json.loads(created)["id"]

    def separated_with(self, name: str, **options) -> dict:
        """A finished job with options that the page doesn't offer."""
        job_id = self.begin(name, **options)
        job = lambda: json.loads(subject.request("GET", f"v1/separations/{job_id}"))
        wait_until(lambda: job()["state"] == "done")
        return job()

    def select_song(self, title: str):
        browser.wait("[...document.querySelectorAll('#queue .name')].some(({ textContent }) => textContent === args[0])", title)
        browser.execute_script("[...document.querySelectorAll('#queue .open')].find((row) => row.querySelector('.name').textContent === arguments[0]).click()", title)

    def open_song(self, title: str):
        self.select_song(title)
        browser.wait("document.querySelector('.song h1')?.textContent === args[0] && document.querySelector('.mixer .play')", title)
        browser.run("while (!stage.mixer?.board.waveforms.scale) await new Promise((resolve) => setTimeout(resolve, 25))")

    def press(self, *keys):
        ActionChains(browser).send_keys(*keys).perform()

    def play(self):
        self.find(".play").click()
        browser.run(self.UNTIL_IT_SOUNDS)

    UNTIL_IT_SOUNDS = "while (!(stage.mixer.isPlaying && stage.mixer.engine.position > 2000 && !stage.mixer.engine.isWaiting)) await new Promise((resolve) => setTimeout(resolve, 25));"
    #: Goes on from the third second, also where the song has ended in the meantime.
    PLAY_ON = "await stage.mixer.seek(3); if (!stage.mixer.isPlaying) await stage.mixer.toggle();" + UNTIL_IT_SOUNDS

    def words(self) -> str:
        return browser.execute_script("return document.body.innerText")


class ModuleTests(PageTest):
    def test_pure_modules(self):
        passed = browser.run_module_tests(HERE / "modules.js")
        self.assertGreater(len(passed), 15)

    def test_the_page_has_less_than_90_kB_on_the_way(self):
        sizes = browser.execute_script(
            "return performance.getEntries().filter(({ name, entryType }) => entryType === 'navigation' || /\\.(js|css|svg)$/.test(name)).map(({ encodedBodySize }) => encodedBodySize)")
        self.assertGreater(sum(sizes), 20_000)
        self.assertLess(sum(sizes), 90_000)


class QueueTests(PageTest):
    def test_the_empty_page_says_what_it_is_for(self):
        self.assertIn("Take a song apart", self.words())
        browser.wait("!document.querySelector('#example').hidden")

    def test_the_example_song_is_separated(self):
        browser.wait("!document.querySelector('#example').hidden")
        self.find("#example").click()
        browser.wait("document.querySelector('.mixer .play')")
        self.assertIn("Example song", self.find(".song h1").text)

    def test_an_upload_shows_its_progress_and_ends_in_the_mixer(self):
        browser.execute_script("""
            window.seen = new Set();
            new MutationObserver(() => {
              for (const row of document.querySelectorAll('#queue li')) seen.add(`${row.dataset.state} ${row.querySelector('.words').textContent}`);
            }).observe(document.querySelector('#queue'), { subtree: true, childList: true, characterData: true, attributes: true });""")
        self.upload(long_sound_file("long.wav"))
        self.wait_state("done")
        browser.wait("document.querySelector('.mixer .play')")
        seen = browser.execute_script("return [...seen]")
        self.assertTrue(any(text.startswith("uploading") for text in seen), seen)
        self.assertTrue(any(re.match(r"running Separating, .* left", text) for text in seen), seen)
        self.assertTrue(any(re.match(r"done \d+:\d\d", text) for text in seen), seen)
        self.assertEqual(browser.execute_script("return violations"), [])

    def test_quarters_are_announced(self):
        browser.execute_script("""
            window.announced = [];
            new MutationObserver(() => announced.push(document.querySelector('#announcer').textContent)).observe(document.querySelector('#announcer'), { childList: true });""")
        self.upload(long_sound_file("long.wav"))
        browser.wait("announced.some((text) => text.endsWith('is done'))")
        announced = browser.execute_script("return announced")
        self.assertLessEqual(len(announced), 5, announced)
        self.assertIn("long, half done", announced)

    def test_dropped_files_are_taken(self):
        browser.execute_script("""
            window.carried = new DataTransfer();
            carried.items.add(new File(['not a sound'], 'notes.txt'));
            document.dispatchEvent(new DragEvent('dragenter', { dataTransfer: carried, cancelable: true }));""")
        browser.wait("getComputedStyle(document.querySelector('.veil')).visibility === 'visible'")
        self.expected_messages = "Failed to load resource"
        browser.execute_script("document.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, cancelable: true }))")
        browser.wait("document.querySelector('#queue li')?.textContent.includes('notes.txt')")
        self.assertEqual(browser.execute_script("return getComputedStyle(document.querySelector('.veil')).visibility"), "hidden")

    def test_a_file_without_sound_says_so_and_the_next_one_goes_on(self):
        self.expected_messages = "Failed to load resource.* 4(15|22)"
        notes = Path(folder) / "notes.txt"
        notes.write_text("nothing to hear here\n" * 50)
        self.upload(str(notes), sound_file("song.wav"))
        browser.wait("[...document.querySelectorAll('#queue li')].some((row) => row.dataset.state === 'done')")
        failed = browser.wait("document.querySelector('#queue li[data-state=failed] .words')?.textContent")
        self.assertGreater(len(failed), 15)
        self.find("#queue li[data-state=failed] button:last-of-type").click()
        browser.wait("document.querySelectorAll('#queue li').length === 1")

    def test_an_empty_file_is_not_sent(self):
        empty = Path(folder) / "empty.wav"
        empty.write_bytes(b"")
        self.upload(str(empty))
        self.wait_state("failed")
        self.assertIn("This file is empty", self.words())

    @with_another()
    def test_a_failed_separation_can_be_tried_again(self):
        # As on a full disk: the song of 1.4 MB is stored, and the service fails at its stems, which take 2.8 MB each at first.
        limit = lambda size: resource.prlimit(subject.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        limit(2_000_000)
        self.upload(sound_file("song.wav"))
        self.wait_state("failed")
        self.assertIn("The service can't use its files (File too large).", self.find("main").text)
        limit(resource.RLIM_INFINITY)
        self.find("main .message:not(#empty) .primary").click()
        browser.wait("document.querySelector('.mixer .play')")
        browser.wait("document.querySelectorAll('#queue li').length === 1")

    @with_another("--max-queue", "1")
    def test_a_full_queue_is_waited_for(self):
        self.expected_messages = "Failed to load resource.* 429|ERR_CONNECTION"
        self.upload(*[long_sound_file(f"{name}.wav") for name in ("one", "two", "three")])
        browser.wait("document.body.innerText.includes('jobs are waiting. Try again when some are done. Trying again by itself.')")
        browser.wait("document.querySelectorAll('#queue li[data-state=done]').length === 3")

    @with_another("--disk-quota", "10MB")
    def test_a_song_without_room_shows_the_service_s_message_without_a_retry(self):
        self.expected_messages = "Failed to load resource.* (422|503)|ERR_CONNECTION"
        self.upload(long_sound_file("large.wav"))
        self.wait_state("failed")
        words = self.find("#queue li .words").text
        self.assertRegex(words, r"MB|kB|bytes")
        self.assertFalse(words.startswith("large"))
        self.assertEqual(subject.jobs(), [])
        self.assertEqual([button.get_attribute("aria-label") for button in browser.find_elements(By.CSS_SELECTOR, "#queue li button.quiet") if button.is_displayed()], ["Remove large"])

    def test_a_song_that_only_the_browser_can_decode_is_converted(self):
        self.expected_messages = "Failed to load resource.* 415|ERR_CONNECTION"
        browser.execute_script("localStorage.clear()")
        self.open()
        self.upload(m4a_file("Phone memo.m4a", 8))
        browser.wait("document.querySelector('.mixer .play')")
        self.assertEqual(self.find(".song h1").text, "Phone memo")
        self.wait_state("done")
        job = subject.jobs()[0]
        self.assertEqual(job["name"], "Phone memo.m4a")
        # The stems and what they leave out are the song that was sent.
        sent = sum(soundfile.read(io.BytesIO(subject.request("GET", stem["url"].lstrip("/"))))[0] for stem in job["stems"])
        song, rate = soundfile.read(sound_file("source.wav", 8))
        self.assertEqual((job["sample_rate"], sent.shape[1]), (rate, 2))
        # AAC is lossy (1 % of the energy), but aligned with the original.
        count = min(len(sent), len(song))
        sent, song = sent[:count], song[:count]
        gain = numpy.sum(sent * song) / numpy.sum(song ** 2)
        self.assertLess(numpy.sum((sent / gain - song) ** 2) / numpy.sum(song ** 2), 0.05)

    def test_a_song_that_is_too_long_for_the_browser_says_so(self):
        self.expected_messages = "Failed to load resource.* 415|ERR_CONNECTION"
        self.upload(m4a_file("Concert.m4a", 21 * 60))
        self.wait_state("failed")
        self.assertIn("The browser can convert it only up to 20 minutes.", self.find("#queue li .words").text)
        self.assertEqual(subject.jobs(), [])

    def test_the_upload_itself_is_shown_and_can_be_cancelled(self):
        browser.execute_cdp_cmd("Network.enable", {})
        self.addCleanup(browser.execute_cdp_cmd, "Network.disable", {})
        self.addCleanup(browser.execute_cdp_cmd, "Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
        # The upload takes minutes, so that it is still under way when a slow page has been clicked.
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000})
        self.upload(sound_file("large.wav", 120))
        self.wait_state("uploading")
        browser.wait("document.querySelector('#queue .percent').textContent !== ''")
        self.find("#queue li button:last-of-type").click()
        browser.wait("document.querySelectorAll('#queue li').length === 0")
        self.assertEqual(subject.jobs(), [])

    def test_an_upload_without_a_connection_can_be_tried_again(self):
        browser.execute_script("""
            const { send } = XMLHttpRequest.prototype;
            XMLHttpRequest.prototype.send = function () { setTimeout(() => this.onerror()); };
            window.connect = () => { XMLHttpRequest.prototype.send = send; };""")
        self.upload(sound_file("song.wav"))
        self.wait_state("failed")
        self.assertIn("The connection was lost.", self.words())
        browser.execute_script("connect(); document.querySelector('#queue [aria-label=\"Try song again\"]').click()")
        self.wait_state("done")

    def test_cancel(self):
        self.upload_for_long("one.wav", "two.wav")
        browser.wait("document.querySelectorAll('#queue li[data-state=running], #queue li[data-state=queued]').length === 2")
        browser.wait("document.querySelector('#queue li[data-state=running]')")
        self.assertIn("Next in line", self.words())
        self.find("#queue li[data-state=queued] button:last-of-type").click()
        browser.wait("!document.querySelector('#queue li[data-state=queued]')")
        self.find(".mixer .actions .plain").click()
        browser.wait("!document.querySelector('#queue li[data-state=running]')")
        self.assertFalse([job for job in subject.jobs() if job["state"] in ("queued", "running")])

    def test_a_reload_in_the_middle_goes_on(self):
        self.upload_for_long("long.wav")
        self.wait_state("running")
        self.open()
        browser.wait("document.querySelector('#queue li')")
        browser.wait("document.querySelector('.mixer .play')")

    def test_two_tabs_show_the_same(self):
        # The first page may be loading the waveforms or the beats of the song that the second one deletes.
        self.expected_messages = r"/(peaks\?|analysis).*404"
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        try:
            browser.get(subject.url)
            second = browser.current_window_handle
            browser.switch_to.window(first)
            self.upload(long_sound_file("long.wav"))
            browser.switch_to.window(second)
            browser.wait("document.querySelector('#queue li[data-state=running]')")
            browser.wait("document.querySelector('#queue li[data-state=done]')")
            # Deleted on one page, gone on the other.
            self.find("#queue li button:last-of-type").click()
            self.assertIn("Press again to delete", self.words())
            self.find("#queue li button:last-of-type").click()
            browser.switch_to.window(first)
            browser.wait("document.querySelectorAll('#queue li').length === 0")
            browser.wait("!document.querySelector('#empty').hidden")
        finally:
            for handle in browser.window_handles:
                if handle != first:
                    browser.switch_to.window(handle)
                    browser.close()
            browser.switch_to.window(first)

    def test_a_page_with_a_song_does_not_load_the_welcome(self):
        self.separated()
        first = len(subject.proxy.requests)
        self.open()
        browser.wait("document.querySelector('.mixer .play') && performance.getEntriesByType('resource').some(({ name }) => name.includes('/peaks'))")
        self.assertEqual(self.loaded_since(first) & {"/parts.svg", "/demo_track.ogg"}, set())

    def test_the_first_load_takes_ten_requests(self):
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        first = len(subject.proxy.requests)
        self.open()
        expected = {"/", "/logo.svg", "/main.js", "/parts.svg", "/readyz", "/style.css", "/theme.js", "/v1/events", "/v1/models", "/v1/separations"}
        wait_until(lambda: self.loaded_since(first) >= expected)
        self.assertEqual(self.loaded_since(first), expected)

    def loaded_since(self, first: int) -> set[str]:
        return {path.partition("?")[0] for _, path, _ in subject.proxy.requests[first:]}

    def test_options_reach_the_service_and_are_remembered(self):
        self.find(".drop summary").click()
        browser.wait("document.querySelector('#options [name=two-stems]').options.length > 2")
        browser.execute_script("""
            const form = document.querySelector('#options');
            form.elements['two-stems'].value = 'vocals';
            form.elements.format.value = 'flac';
            form.dispatchEvent(new Event('change', { bubbles: true }));""")
        self.open()
        browser.wait("document.querySelector('#options-summary').textContent === 'vocals and the rest, flac'")
        job = self.separated()
        self.assertEqual({stem["name"] for stem in job["stems"]}, {"vocals", "no_vocals"})
        self.assertTrue(all(stem["url"].endswith(".flac") for stem in job["stems"]))
        self.play()
        self.assertTrue(browser.run("return stage.mixer.isPlaying"))

    def test_markup_in_a_file_name_stays_text(self):
        browser.execute_script("""
            const carried = new DataTransfer();
            carried.items.add(new File([arguments[0]], '<img src=x onerror=alert(1)>.txt'));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, cancelable: true }));""", "text")
        self.expected_messages = "Failed to load resource.* 4(15|22)"
        browser.wait("document.querySelector('#queue li')?.textContent.includes('<img src=x onerror=alert(1)>')")
        path = sound_file("name.wav")
        browser.run("""
            const bytes = Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], '<b onclick=x>"bold" & more.wav'));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, cancelable: true }));""",
            base64.b64encode(Path(path).read_bytes()).decode())
        browser.wait("document.querySelector('.mixer .play')")
        self.assertEqual(browser.execute_script("return document.querySelectorAll('#queue img, #queue b, #stage .mixer b, #stage .mixer img').length"), 0)
        self.assertIn("<b onclick=x>", self.find(".song h1").text)


class SoundTests(PageTest):
    def setUp(self):
        super().setUp()
        self.job = self.separated(seconds=14)

    def difference_of_the_first_pieces(self) -> float:
        return browser.run(DECODE + """
            const stems = await decodeStems(stage.mixer.job);
            const rendered = await render(9, 0, () => {});
            return difference(rendered, stems, stems.map(() => 1), (i) => i - lead, lead, rendered[0].length);""")

    def test_rendered_samples_are_the_sum_of_the_stems_across_pieces(self):
        self.assertLess(self.difference_of_the_first_pieces(), 1e-6)

    def test_a_seek_is_exact_to_the_sample(self):
        worst = browser.run(DECODE + """
            const stems = await decodeStems(stage.mixer.job);
            let worst = 0;
            for (const from of [1, 100001, 262143, 262144, 262145]) {
              const rendered = await render(2, from, () => {});
              worst = Math.max(worst, difference(rendered, stems, stems.map(() => 1), (i) => i - lead + from, lead + fade + 1, rendered[0].length));
            }
            return worst;""")
        self.assertLess(worst, 1e-6)

    def test_mute_solo_and_volume_are_heard(self):
        worst = browser.run(DECODE + """
            const { gain, newStrip } = await import("/mix.js");
            const stems = await decodeStems(stage.mixer.job);
            let worst = 0;
            const mixes = [{ 0: { isMuted: true } }, { 1: { isSolo: true } }, { 0: { isSolo: true }, 3: { isSolo: true, volume: -6 } }, { 0: { isSolo: true, isMuted: true } }];
            for (const changes of mixes) {
              const strips = stems.map((_, index) => ({ ...newStrip(), ...changes[index] }));
              const gains = strips.map((strip) => gain(strip, strips));
              const rendered = await render(2, 50000, (engine) => gains.forEach((value, index) => engine.setGain(index, value)));
              worst = Math.max(worst, difference(rendered, stems, gains, (i) => i - lead + 50000, lead + fade + 1, rendered[0].length));
            }
            return worst;""")
        self.assertLess(worst, 1e-6)

    def test_a_loop_joins_sample_to_sample(self):
        worst = browser.run(DECODE + """
            const stems = await decodeStems(stage.mixer.job);
            const [start, end, from] = [250000, 290000, 240000];
            const rendered = await render(4, from, (engine) => { engine.loop = { start, end }; });
            const frameAt = (i) => { const at = i - lead + from; return at < end ? at : start + (at - end) % (end - start); };
            return difference(rendered, stems, stems.map(() => 1), frameAt, lead + fade + 1, rendered[0].length);""")
        self.assertLess(worst, 1e-6)

    def test_pan_moves_a_stem_to_one_side(self):
        left, right = browser.run(DECODE + """
            const rendered = await render(2, 50000, (engine) => stage.mixer.names.forEach((_, index) => engine.setPan(index, -1)));
            return rendered.map((plane) => plane.slice(lead + fade + 100).reduce((most, value) => Math.max(most, Math.abs(value)), 0));""")
        self.assertGreater(left, 0.05)
        self.assertLess(right, 1e-6)

    def test_the_mix_of_the_service_pans_as_what_is_heard(self):
        worst = browser.run(DECODE + """
            const { mixer } = stage;
            const places = [-60, 35, -100, 0];
            mixer.strips.forEach((strip, index) => { strip.pan = places[index]; strip.volume = -6; });
            const path = mixer.mixPath("wav");
            mixer.strips.forEach((strip) => { strip.pan = 0; strip.volume = 0; });
            const mix = await decode(mixer.job, path);
            const gains = mixer.names.map(() => 10 ** (-6 / 20));
            const rendered = await render(2, 50000, (engine) => mixer.names.forEach((_, index) => {
              engine.setPan(index, places[index] / 100);
              engine.setGain(index, gains[index]);
            }));
            let worst = 0;
            for (let i = lead + fade + 2000; i < rendered[0].length; i++)
              for (const channel of [0, 1]) worst = Math.max(worst, Math.abs(rendered[channel][i] - mix[channel][i - lead + 50000]));
            return worst;""")
        self.assertLess(worst, 2 / 32768)

    def test_the_mix_of_the_service_is_the_sum_of_what_is_heard(self):
        worst = browser.run(DECODE + """
            const job = stage.mixer.job;
            const [stems, mix] = await Promise.all([decodeStems(job), decode(job, stage.mixer.mixPath("wav"))]);
            return difference(mix, stems, stems.map(() => 1), (i) => i, 0, mix[0].length);""")
        self.assertLess(worst, 2 / 32768)

    def test_a_server_without_ranges_is_played_too(self):
        # A proxy may drop the header. Chromium decodes the whole files: an error of half a 16-bit step for each of four stems.
        browser.run("const fetched = fetch; window.fetch = (path, { headers: { Range, ...headers } = {}, ...options } = {}) => fetched(path, { ...options, headers })")
        self.assertLess(self.difference_of_the_first_pieces(), 4 * 0.5 / 32768)

    # Tests of the playing page

    HEARD = DECODE + """
        const job = stage.mixer.job;
        const engine = stage.mixer.engine;
        const analyser = engine.output.context.createAnalyser();
        analyser.fftSize = 4096;
        engine.output.connect(analyser);
        // A turned control is heard after the next frame. A busy machine may need several attempts for sound without a gap.
        for (let calm = 0; calm < 20; calm = engine.isWaiting ? 0 : calm + 1) {
          await new Promise(requestAnimationFrame);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const block = new Float32Array(4096);
        analyser.getFloatTimeDomainData(block);
        const about = engine.position;
        engine.output.disconnect(analyser);
        const loudness = Math.max(...block.map(Math.abs));
        const stems = await decodeStems(job);
        /** The largest difference to a sum of stems, wherever it fits best near the playhead. */
        const distance = (gains) => {
          const mono = new Float32Array(stems[0][0].length);
          stems.forEach(([left, right], index) => { for (let i = 0; i < mono.length; i += 1) mono[i] += gains[index] * (left[i] + right[i]) / 2; });
          let best = Infinity;
          let bestAt = 0;
          for (let at = Math.max(0, Math.round(about) - 40000); at < Math.min(mono.length - 4096, about + 40000); at += 1) {
            let sum = 0;
            for (let i = 0; i < 4096 && sum < best; i += 64) sum += Math.abs(block[i] - mono[at + i]);
            if (sum < best) { best = sum; bestAt = at; }
          }
          return block.reduce((worst, value, i) => Math.max(worst, Math.abs(value - mono[bestAt + i])), 0);
        };
    """

    def test_the_buttons_change_what_sounds(self):
        self.play()
        for solo in (0, 3):
            browser.execute_script("document.querySelectorAll('.strip .solo')[arguments[0]].click()", solo)
            gains = [1 if index == 0 or index == solo else 0 for index in range(4)]
            heard = browser.run(self.PLAY_ON + self.HEARD + "return { loudness, distance: distance(args[0]) }", gains)
            self.assertLess(heard["distance"], 1e-5, heard)
        browser.execute_script("document.querySelectorAll('.strip .toggle:not(.solo)').forEach((button) => button.click())")
        silent = browser.run(self.PLAY_ON + self.HEARD + "return loudness")
        self.assertLess(silent, 1e-7)

    def test_play_seek_and_pause(self):
        self.play()
        wave = self.find(".strip .wave")
        ActionChains(browser).move_to_element(wave).click().perform()
        browser.wait("document.querySelector('.transport .time').textContent.match(/0:0[789]/)")
        heard = browser.run(self.HEARD + "return { loudness, distance: distance(args[0]), about }", [1, 1, 1, 1])
        self.assertLess(heard["distance"], 1e-5)
        self.assertGreater(heard["about"], 6.9 * SAMPLE_RATE)
        browser.run(self.PLAY_ON)
        self.find(".play").click()
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Play'")
        before = browser.run("return stage.mixer.time")
        time.sleep(0.3)
        self.assertEqual(before, browser.run("return stage.mixer.time"))
        self.find(".play").click()
        browser.run("await stage.mixer.seek(13.5); while (stage.mixer.isPlaying) await new Promise((resolve) => setTimeout(resolve, 25))")
        self.assertEqual(self.find(".play").get_attribute("aria-label"), "Play")
        self.assertAlmostEqual(browser.run("return stage.mixer.time"), self.job["duration_seconds"], 2)

    def test_a_drag_loops_and_the_sound_stays_inside(self):
        self.play()
        ruler = self.find(".ruler")
        width = ruler.size["width"]
        ActionChains(browser).move_to_element_with_offset(ruler, int(-width * 0.1), 0).click_and_hold().move_by_offset(int(width * 0.05), 0).release().perform()
        loop = browser.run("return stage.mixer.loop")
        self.assertAlmostEqual(loop[0], 0.4 * 14, 1)
        browser.run("await stage.mixer.seek(args[0])", loop[0])
        for _ in range(8):
            time.sleep(0.2)
            self.assertTrue(loop[0] - 0.01 <= browser.run("return stage.mixer.time") <= loop[1] + 0.01)

    def test_a_click_on_play_answers_at_once(self):
        self.play()
        self.find(".play").click()
        milliseconds = browser.run("const start = performance.now(); document.querySelector('.play').click(); const answer = performance.now() - start; while (!stage.mixer.isPlaying) await new Promise((resolve) => setTimeout(resolve, 25)); return answer")
        if checks_speed:
            self.assertLess(milliseconds, 50)

    def test_only_what_is_heard_is_fetched(self):
        self.separated("longer.wav", 90)
        self.open()
        browser.wait("document.querySelector('.song h1')?.textContent === 'longer' && document.querySelector('.mixer .play')")
        self.play()
        time.sleep(0.5)
        fetched = browser.execute_script("return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/stems/')).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)")
        self.assertGreater(fetched, 4 * 6 * SAMPLE_RATE * 4)
        self.assertLess(fetched, 0.4 * 4 * 90 * SAMPLE_RATE * 4)


class GrowingTests(PageTest):
    """Stems that are heard while the service separates them."""

    def setUp(self):
        super().setUp()
        # With this overlap it takes long, also where the browser is slow.
        self.begin("long.wav", 120, overlap=0.8)
        self.select_song("long")
        browser.run("while (!stage.mixer) await new Promise((resolve) => setTimeout(resolve, 10))")

    def test_a_song_is_heard_before_it_is_separated(self):
        found = browser.run("""
            const { mixer } = stage;
            const soon = () => new Promise((resolve) => setTimeout(resolve, 10));
            const found = { state: mixer.job.state, ready: mixer.job.ready_seconds };
            mixer.toggle();
            while (!(mixer.time > 0.05)) await soon();
            found.heard = mixer.job.state;
            while (!mixer.board.waveforms.scale) await soon();
            const { max } = mixer.board.waveforms.of(0, mixer.timeline).channels[0];
            found.first = Math.max(...max.slice(0, Math.ceil(max.length / 120)));
            found.last = max.at(-1);
            mixer.seek(119);
            await soon();
            found.words = document.querySelector(".mixer").innerText;
            return found;""")
        self.assertEqual((found["state"], found["heard"]), ("running", "running"))
        self.assertGreaterEqual(found["ready"], 2)
        self.assertLess(found["ready"], 119)
        # The lanes are filled from the left.
        self.assertGreater(found["first"], 0)
        self.assertEqual(found["last"], 0)
        self.assertIn("This part is not separated yet", found["words"])
        self.wait_state("done")
        compared = browser.run("""
            const { mixer } = stage;
            while (!(mixer.time > 119.05)) await new Promise((resolve) => setTimeout(resolve, 10));
            const { Pieces } = await import("/pieces.js");
            const { job } = mixer;
            const pieces = await mixer.player.pieces();
            const files = await Pieces.open(job);
            const first = pieces.pieceFrames * 2;
            // A piece of the growing stems, and one of the files.
            const [before, after, whole] = [await pieces.get(0), await pieces.get(2), await files.get(0)];
            let worst = 0;
            job.stems.forEach(({ gain }, index) => {
              for (const channel of [0, 1]) {
                const samples = whole[index].getChannelData(channel);
                for (const [part, start] of [[before, 0], [after, first]]) {
                  part[index].getChannelData(channel).forEach((sample, i) => {
                    if (start + i < samples.length) worst = Math.max(worst, Math.abs(sample * gain - samples[start + i]));
                  });
                }
              }
            });
            return { worst, words: document.querySelector(".mixer").innerText };""")
        # Rounding to 16 bits, written at 1/32767 and read at 1/32768.
        self.assertLess(compared["worst"], 2.1 / 32768)
        # A file at another speed has the level of the files.
        levels = browser.run("const { job, player } = stage.mixer; return [player.levels, job.stems.map(({ gain }) => gain)]")
        self.assertEqual(levels[0], levels[1])
        self.assertNotIn("not separated yet", compared["words"])

    def test_a_spectrogram_grows_with_the_song(self):
        levels = """
            const spectrograms = () => mixer.board.spectrograms;
            const soon = () => new Promise((resolve) => setTimeout(resolve, 10));
            const { mixer } = stage;
            /** The greatest level in the first and the last eighth of the song. */
            const edges = () => {
              const { canvas } = spectrograms().picture(0);
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              const found = new Array(8).fill(0);
              for (let i = 3; i < data.length; i += 4) {
                const eighth = Math.floor((8 * (((i - 3) / 4) % canvas.width)) / canvas.width);
                found[eighth] = Math.max(found[eighth], data[i]);
              }
              return [found[0], found[7]];
            };"""
        # While the song is separated, nothing is asked for that isn't there.
        state = browser.run(levels + """
            await mixer.toggleSpectrogram();
            await new Promise((resolve) => setTimeout(resolve, 500));
            return mixer.job.state;""")
        self.assertEqual(state, "running")
        self.wait_state("done")
        found = browser.run(levels + "while (!spectrograms().isComplete) await soon(); return edges();")
        self.assertGreater(min(found), 60)

    def test_the_part_of_a_cancelled_song_can_be_heard(self):
        browser.run("stage.mixer.toggleStrip(0, 'isMuted'); stage.mixer.setLoop([0.5, 1.5]); await stage.mixer.seek(1)")
        self.find(".mixer .actions .plain").click()
        self.wait_state("cancelled")
        browser.wait("document.querySelector('.song .facts').textContent.includes('cancelled here')")
        # Its mix, loop and place stay.
        self.assertEqual(browser.run("const { strips, loop, time } = stage.mixer; return [strips.map(({ isMuted }) => isMuted), loop, time]"), [[True, False, False, False], [0.5, 1.5], 1])
        browser.run("stage.mixer.toggleStrip(0, 'isMuted'); stage.mixer.setLoop(null)")
        duration = browser.run("return stage.mixer.timeline.duration")
        self.assertTrue(2 <= duration < 120, duration)
        self.play()
        self.assertTrue(browser.run("return stage.mixer.isPlaying"))



class RehearsalTests(PageTest):
    """Speed, pitch, beats and loops that get faster."""

    #: What `Stretch` makes of the job's stems, rendered on the page's own thread: `[left, right]` of their sum.
    STRETCHED = DECODE + """
        const { Stretch } = await import("/stretch.js");
        const stretched = async (tuning, from, count) => {
          const stems = await decodeStems(stage.mixer.job);
          const stretch = new Stretch(stage.mixer.names, (stem, first, length, ...planes) => planes.forEach((plane, channel) => {
            for (let i = 0; i < length; i += 1) plane[i] = stems[stem][channel][first + i] ?? 0;
          }));
          stretch.tuning = tuning;
          stretch.seek(from);
          const outputs = stems.map(() => [new Float32Array(count), new Float32Array(count)]);
          stretch.render(outputs, count);
          return [0, 1].map((channel) => Float32Array.from({ length: count }, (_, i) => outputs.reduce((sum, planes) => sum + planes[channel][i], 0)));
        };
        const tuning = { speed: 0.7, semitones: 2, keepsFormants: true };
    """

    def setUp(self):
        super().setUp()
        self.job = self.separated(seconds=14)
        browser.wait("document.querySelector('.rehearsal .facts').textContent !== ''")

    def set(self, label: str, value: int):
        browser.execute_script("""
            const slider = document.querySelector(`.rehearsal input[aria-label="${arguments[0]}"]`);
            slider.value = arguments[1];
            slider.dispatchEvent(new Event('input', { bubbles: true }));""", label, value)

    def facts(self) -> str:
        return self.find(".rehearsal .facts").text

    def test_what_plays_is_what_the_stretcher_makes_in_one_clock(self):
        found = browser.run(self.STRETCHED + """
            const count = 4 * stage.mixer.job.stem_rate;
            const rendered = await render(4, 100000, (engine) => { engine.tuning = tuning; });
            const expected = await stretched(tuning, 100000, count);
            // A message to the audio thread may come a few blocks late.
            const start = rendered[0].findIndex((value) => value !== 0);
            const first = expected[0].findIndex((value) => value !== 0);
            let best = Infinity;
            for (let late = -fade; late < 4096; late += 1) {
              let worst = 0;
              for (let i = lead + late + 4096; i < rendered[0].length - 4096 && worst < best; i += 1) {
                if (i - lead - late >= 0) worst = Math.max(worst, Math.abs(rendered[0][i] - expected[0][i - lead - late]), Math.abs(rendered[1][i] - expected[1][i - lead - late]));
              }
              best = Math.min(best, worst);
            }
            return { best, start, loudest: expected[0].reduce((most, value) => Math.max(most, Math.abs(value)), 0) };""")
        self.assertGreater(found["loudest"], 0.05)
        self.assertLess(found["best"], 1e-5, found)

    def test_a_file_has_the_speed_and_pitch_that_sound(self):
        self.set("Speed", 70)
        self.set("Pitch", 2)
        browser.execute_script("document.querySelector('.rehearsal .more').open = true")
        browser.execute_script("[...document.querySelectorAll('.rehearsal .group button')].find(({ title }) => title === 'Save the mix as a WAV file').click()")
        sound, rate = soundfile.read(io.BytesIO(browser.saved("song - mix (70*.wav")))
        frames = browser.run("return (await stage.mixer.player.pieces()).frames")
        self.assertEqual([len(sound), rate], [int(frames / 0.7), self.job["stem_rate"]])
        expected = browser.run(self.STRETCHED + "return [...(await stretched(tuning, 0, 132300))[0].slice(88200)]")
        self.assertLess(numpy.abs(numpy.array(expected) - sound[88200:132300, 0]).max(), 1e-5)

    def test_a_page_without_worklets_says_what_they_need(self):
        self.set("Speed", 50)
        # As on pages without https.
        browser.execute_script("Object.defineProperty(BaseAudioContext.prototype, 'audioWorklet', { get: () => undefined, configurable: true })")
        self.find(".play").click()
        browser.wait("document.querySelector('.mixer').innerText.includes('pages with https, or on localhost')")
        self.set("Speed", 100)
        self.play()

    def test_speed_changes_while_it_plays(self):
        self.play()
        self.set("Speed", 50)
        browser.wait("document.querySelector('.rehearsal .dial .value').textContent === '50 %'")
        moved = browser.run("""
            // A second without a gap, which a busy machine may need several attempts for.
            const rate = stage.mixer.job.stem_rate;
            for (let attempt = 1; ; attempt += 1) {
              """ + self.PLAY_ON + """
              const { engine } = stage.mixer;
              const clock = engine.output.context;
              const begin = [clock.currentTime, engine.position];
              while (clock.currentTime < begin[0] + 1) await new Promise((resolve) => setTimeout(resolve, 10));
              const moved = (engine.position - begin[1]) / (clock.currentTime - begin[0]) / rate;
              if (Math.abs(moved - 0.5) < 0.005 || attempt === 20) return moved;
            }""")
        self.assertAlmostEqual(moved, 0.5, 2)
        loudest = browser.run(self.PLAY_ON + """
            const { engine } = stage.mixer;
            const analyser = engine.output.context.createAnalyser();
            analyser.fftSize = 16384;
            engine.output.connect(analyser);
            await new Promise((resolve) => setTimeout(resolve, 500));
            const block = new Float32Array(16384);
            analyser.getFloatTimeDomainData(block);
            return block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);""")
        self.assertGreater(loudest, 0.02)

    def test_clicks_are_on_the_beats_at_any_speed(self):
        for speed in (1, 0.5):
            places = browser.run(DECODE + """
                const rate = stage.mixer.job.stem_rate;
                const rendered = await render(1.4, 0, (engine) => {
                  engine.output.disconnect();
                  engine.tuning = { speed: args[0], semitones: 0, keepsFormants: true };
                  engine.clicks.beats = [0.1, 0.4, 0.6].map((time) => ({ time, isDownbeat: false }));
                  engine.clicks.isOn = true;
                });
                const found = [];
                rendered[0].forEach((value, i) => { if (Math.abs(value) > 1e-3 && !(i - found.at(-1) < 3000)) found.push(i); });
                return found.map((i) => (i - lead) / rate);""", speed)
            self.assertEqual(len(places), 3, places)
            for place, beat in zip(places, (0.1, 0.4, 0.6)):
                self.assertAlmostEqual(place, beat / speed, delta=0.0003)

    def test_tempo_and_key_follow_speed_and_pitch_and_are_remembered(self):
        analysis = json.loads(subject.request("GET", f"v1/separations/{self.job['id']}/analysis"))
        self.assertIn(f"{round(analysis['tempo_bpm'])} BPM", self.facts())
        self.assertIn(analysis["key"], self.facts())
        self.press("<", "<", "<", "<", ".")
        notes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
        note, mode = analysis["key"].split()
        expected = f"{round(analysis['tempo_bpm'] * 0.8)} BPM · {notes[(notes.index(note) + 1) % 12]} {mode}"
        self.assertEqual(self.facts(), expected)
        browser.execute_script("document.querySelector('.rehearsal .more').open = true")
        browser.execute_script("[...document.querySelectorAll('.rehearsal button')].find(({ textContent }) => textContent === 'Double').click()")
        self.assertIn(f"{round(analysis['tempo_bpm'] * 1.6)} BPM", self.facts())
        browser.refresh()
        browser.wait("document.querySelector('.rehearsal .facts')?.textContent.includes(args[0])", f"{round(analysis['tempo_bpm'] * 1.6)} BPM")
        self.assertEqual(browser.execute_script("return [...document.querySelectorAll('.rehearsal .dial .value')].map(({ textContent }) => textContent)"), ["80 %", "+1"])

    def test_loops_lie_on_bars_if_asked_to(self):
        analysis = json.loads(subject.request("GET", f"v1/separations/{self.job['id']}/analysis"))
        browser.execute_script("[...document.querySelectorAll('.rehearsal .check')].find((label) => label.textContent === 'Snap to bars').firstChild.click()")
        ruler = self.find(".ruler")
        width = ruler.size["width"]
        ActionChains(browser).move_to_element_with_offset(ruler, int(-width * 0.2), 0).click_and_hold().move_by_offset(int(width * 0.4), 0).release().perform()
        for edge in browser.run("return stage.mixer.loop"):
            self.assertLess(min(abs(edge - bar) for bar in analysis["downbeats"]), 1e-6)

    def test_a_loop_gets_faster_turn_by_turn_and_sections_keep_loops(self):
        self.set("Speed", 90)
        browser.execute_script("document.querySelector('.rehearsal .more').open = true")
        browser.run("stage.mixer.setLoop([2, 2.8])")
        browser.execute_script("document.querySelectorAll('.rehearsal .section')[0].click()")
        browser.execute_script("[...document.querySelectorAll('.rehearsal .check')].find((label) => label.textContent.includes('faster')).firstChild.click()")
        self.find(".play").click()
        speeds = browser.run("""
            const seen = new Set();
            while (!seen.has('100 %')) {
              seen.add(document.querySelector('.rehearsal .dial .value').textContent);
              await new Promise((resolve) => setTimeout(resolve, 25));
            }
            return [...seen];""")
        self.assertEqual(speeds, ["90 %", "95 %", "100 %"])
        browser.run("stage.mixer.setLoop(null)")
        browser.execute_script("document.querySelectorAll('.rehearsal .section')[0].click()")
        self.assertEqual(browser.run("return stage.mixer.loop"), [2, 2.8])

    def test_a_count_in_comes_before_the_sound(self):
        browser.execute_script("[...document.querySelectorAll('.rehearsal .check')].find((label) => label.textContent === 'Count-in').firstChild.click()")
        self.find(".play").click()
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Pause'")
        times = browser.run("""
            const { engine } = stage.mixer;
            const clock = engine.output.context;
            const wait = async (isOver) => { while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 10)); return clock.currentTime; };
            const begin = await wait(() => engine.isPlaying && !engine.isWaiting);
            return (await wait(() => engine.position > 0)) - begin;""")
        beats = json.loads(subject.request("GET", f"v1/separations/{self.job['id']}/analysis"))["beats"]
        self.assertGreater(times, 3 * (beats[1] - beats[0]))


class MixerTests(PageTest):
    def setUp(self):
        super().setUp()
        self.job = self.separated()

    def test_downloads(self):
        browser.execute_script("document.querySelectorAll('.strip .toggle:not(.solo)')[0].click()")
        self.find(".menu summary").click()
        self.find(".menu .choices button").click()
        mix, rate = soundfile.read(io.BytesIO(browser.saved("song - mix*.wav")))
        stems = [soundfile.read(io.BytesIO(subject.request("GET", stem["url"].lstrip("/"))))[0] for stem in self.job["stems"][1:]]
        self.assertEqual(rate, self.job["stem_rate"])
        self.assertLess(numpy.abs(numpy.clip(sum(stems), -1, 1) - mix).max(), 2.5 / 32768)
        self.find(".menu .entry").click()
        self.assertEqual(browser.saved("song - drums*.wav")[:4], b"RIFF")
        self.find(".sheet > .entry:last-of-type").click()
        names = zipfile.ZipFile(io.BytesIO(browser.saved("song*.zip"))).namelist()
        self.assertEqual(len(names), len(self.job["stems"]))
        self.find(".menu summary").send_keys(Keys.ESCAPE)
        self.assertFalse(self.find(".menu").get_property("open"))

    def test_keyboard_alone(self):
        reached = []
        for _ in range(60):
            ActionChains(browser).send_keys(Keys.TAB).perform()
            label = browser.execute_script("const a = document.activeElement; return a.getAttribute('aria-label') || a.textContent.trim() || a.tagName")
            reached.append(label)
        order = ["Choose files", "song", "Play", "Position", "Mute drums", "Solo drums", "drums volume", "drums pan", "Mute bass", "vocals pan"]
        places = [next(index for index, label in enumerate(reached) if label.startswith(name)) for name in order]
        self.assertEqual(places, sorted(places), reached)
        browser.execute_script("document.activeElement.blur()")
        press = lambda *keys: ActionChains(browser).send_keys(*keys).perform()
        press(" ")
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Pause'")
        press(" ")
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Play'")
        press(Keys.HOME, Keys.ARROW_RIGHT)
        self.assertAlmostEqual(browser.run("return stage.mixer.time"), 5, 1)
        press(Keys.ARROW_LEFT)
        self.assertAlmostEqual(browser.run("return stage.mixer.time"), 0, 1)
        press(Keys.END)
        self.assertAlmostEqual(browser.run("return stage.mixer.time"), 8, 1)
        press("2")
        ActionChains(browser).key_down(Keys.SHIFT).send_keys("4").key_up(Keys.SHIFT).perform()
        self.assertEqual(browser.run("return stage.mixer.strips.map(({ isMuted, isSolo }) => [isMuted, isSolo])"), [[False, False], [True, False], [False, False], [False, True]])
        browser.execute_script("document.querySelector('.strip .solo').focus()")
        press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        slider = self.find(".strip input")
        self.assertEqual(slider.get_attribute("aria-valuetext"), "−3 decibels")
        self.assertEqual(slider.get_attribute("aria-label"), "drums volume")
        press(Keys.HOME, "l")
        browser.run("await stage.mixer.seek(2)")
        press("l")
        self.assertEqual(browser.run("return stage.mixer.loop"), [0, 2])
        press("l")
        self.assertIsNone(browser.run("return stage.mixer.loop"))
        press("?")
        browser.wait("document.querySelector('#help-dialog').open")
        press(Keys.ESCAPE)
        browser.wait("!document.querySelector('#help-dialog').open")

    def test_a_link_survives_a_reload(self):
        browser.run("await stage.mixer.seek(3.5); stage.mixer.setLoop([2, 6]); stage.mixer.toggleStrip(3, 'isSolo'); stage.mixer.changeVolume(0, -7)")
        browser.wait("location.hash.includes('loop=2,6') && location.hash.includes('mix.drums=-7') && location.hash.includes('mix.vocals=0,0,s')")
        browser.refresh()
        browser.wait("document.querySelector('.mixer .play')")
        state = browser.run("return [stage.mixer.time, stage.mixer.loop, stage.mixer.strips[0].volume, stage.mixer.strips[3].isSolo, stage.mixer.job.id]")
        self.assertEqual(state, [3.5, [2, 6], -7, True, self.job["id"]])

    def test_a_link_to_a_song_that_is_gone_says_so(self):
        self.expected_messages = "Failed to load resource.* 404"
        self.open("#song=000000000000000000000000")
        browser.wait("document.body.innerText.includes('no longer here')")
        self.assertNotIn("kept for", self.words())

    def test_a_song_that_the_service_is_too_busy_to_show_comes_later(self):
        self.expected_messages = "Failed to load resource.* 503"
        # As if there were many newer songs.
        jobs = json.loads(subject.request("GET", "v1/separations?limit=100"))
        listed, one = "/v1/separations?limit=100", f"/v1/separations/{self.job['id']}"
        subject.proxy.reply(listed, "200 OK", {**jobs, "separations": []})
        subject.proxy.reply(one, "503 Service Unavailable", {"title": "Busy", "status": 503, "detail": "Too many connections."})
        try:
            browser.execute_script("localStorage.setItem('mixes', JSON.stringify([arguments[0]]))", f"song={self.job['id']}&loop=2-6")
            first = len(subject.proxy.requests)
            self.open(f"#song={self.job['id']}")
            wait_until(lambda: sum(path == one for _, path, _ in subject.proxy.requests[first:]) >= 2)
            self.assertNotIn("no longer here", self.words())
            self.assertIn(self.job["id"], browser.execute_script("return localStorage.getItem('mixes')"))
        finally:
            subject.proxy.reply_no_more(one)
            browser.wait("document.querySelector('.mixer .play')")
            subject.proxy.reply_no_more(listed)

    @with_another("--keep", "30d")
    def test_the_page_shows_how_long_songs_are_kept(self):
        self.expected_messages = "Failed to load resource.* 404"
        self.open("#song=000000000000000000000000")
        browser.wait("document.body.innerText.includes('Songs are kept for 30 days.')")

    # Remembered settings

    TURNED = "return stage.mixer.strips.map(({ volume, pan, isMuted }) => [volume, pan, isMuted]).concat([stage.mixer.loop])"

    def turn(self):
        browser.run("""
            const { mixer } = stage;
            mixer.toggleStrip(3, 'isMuted');
            mixer.changeVolume(0, -7);
            const { slider } = mixer.stripViews[1].pan;
            slider.value = 40;
            slider.dispatchEvent(new Event('input'));
            mixer.setLoop([2, 6]);""")
        return [[-7, 0, False], [0, 40, False], [0, 0, False], [0, 0, True], [2, 6]]

    def test_each_song_keeps_its_mix_and_its_loop(self):
        turned = self.turn()
        # At once, before the address bar follows.
        self.separated("other.wav")
        self.assertEqual(browser.run(self.TURNED), [[0, 0, False]] * 4 + [None])
        self.open_song("song")
        self.assertEqual(browser.run(self.TURNED), turned)
        self.open_song("other")
        self.assertEqual(browser.run(self.TURNED), [[0, 0, False]] * 4 + [None])
        self.open()
        self.open_song("song")
        self.assertEqual(browser.run(self.TURNED), turned)

    def test_back_opens_the_song_before(self):
        turned = self.turn()
        browser.run("await stage.mixer.seek(3.5)")
        self.separated("other.wav")
        browser.back()
        browser.wait("document.querySelector('.song h1')?.textContent === 'song' && document.querySelector('.mixer .play')")
        self.assertEqual(browser.run(self.TURNED), turned)
        self.assertEqual(browser.run("return stage.mixer.time"), 3.5)
        browser.forward()
        browser.wait("document.querySelector('.song h1')?.textContent === 'other' && document.querySelector('.mixer .play')")

    def test_the_skip_link_keeps_the_song(self):
        self.separated("other.wav")
        self.open_song("song")
        browser.execute_script("document.querySelector('.skip').click()")
        browser.wait("location.hash.startsWith('#song=')")
        self.assertEqual(self.find(".song h1").text, "song")

    # Strips and transport

    def test_a_long_name_stays_in_its_strip(self):
        self.separated_with("long.wav", mix="everything but the singer=drums+bass+other")
        self.open_song("long")
        for width in (1440, 390):
            browser.size(width, 844)
            time.sleep(0.2)
            outside = browser.execute_script("""
                const controls = document.querySelectorAll('.controls')[4];
                return [...controls.querySelectorAll('*')].filter((node) => node.getBoundingClientRect().right > controls.getBoundingClientRect().right).length""")
            self.assertEqual(outside, 0)

    def test_the_pan_of_a_muted_stem_is_not_filled(self):
        fill = "getComputedStyle(document.querySelector('.strip .pan input')).getPropertyValue('--fill')"
        before = browser.execute_script(f"return {fill}")
        browser.execute_script("document.querySelector('.strip .toggle').click()")
        browser.wait("document.querySelector('.strip.silent')")
        self.assertEqual(browser.execute_script(f"return {fill}"), before)

    def test_the_position_moves_with_the_sound(self):
        self.play()
        places = browser.run("""
            const places = [];
            while (places.length < 6) {
              await new Promise((resolve) => setTimeout(resolve, 60));
              const place = Number(document.querySelector('.position').value);
              if (place !== places.at(-1)) places.push(place);
            }
            return places;""")
        self.assertEqual(places, sorted(places))

    def test_play_begins_inside_the_loop(self):
        browser.run("stage.mixer.setLoop([5, 7])")
        self.find(".play").click()
        browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Pause'")
        browser.run("while (stage.mixer.time < 5) await new Promise((resolve) => setTimeout(resolve, 5))")
        self.assertTrue(5 <= browser.run("return stage.mixer.time") < 7)

    # Sums

    def test_a_sum_is_silent_beside_its_parts(self):
        self.separated_with("mixed.wav", mix="karaoke=drums+bass+other")
        self.open_song("mixed")
        self.assertEqual(browser.run("return stage.mixer.names"), ["drums", "bass", "other", "vocals", "karaoke"])
        self.assertIn("karaoke is a sum of other stems", self.words())
        gains = "const { gain } = await import('/mix.js'); return stage.mixer.strips.map((strip) => gain(strip, stage.mixer.strips))"
        self.assertEqual(browser.run(gains), [1, 1, 1, 1, 0])
        plain, page = browser.run(DECODE + """
            const { job } = stage.mixer;
            const [plain, page] = await Promise.all([decode(job, `v1/separations/${job.id}/mix?format=wav`), decode(job, stage.mixer.mixPath("wav"))]);
            return [plain, page].map((planes) => planes[0].reduce((sum, value) => sum + Math.abs(value), 0));""")
        self.assertAlmostEqual(plain, page, delta=1e-3 * plain)
        browser.execute_script("document.querySelectorAll('.strip .solo')[4].click()")
        self.assertEqual(browser.run(gains), [0, 0, 0, 0, 1])
        browser.execute_script("document.querySelectorAll('.strip .solo')[4].click(); document.querySelectorAll('.strip .toggle:not(.solo)')[4].click()")
        self.assertEqual(browser.run(gains), [1, 1, 1, 1, 1])
        browser.wait("location.hash.includes('mix.karaoke=0,0,')")
        link = browser.execute_script("return location.hash")
        browser.execute_script("localStorage.clear()")
        self.open(link)
        browser.wait("document.querySelector('.mixer .play')")
        self.assertEqual(browser.run(gains), [1, 1, 1, 1, 1])

    # Keys after clicks

    def test_space_plays_after_a_click(self):
        self.separated("other.wav")
        for selector in (".open", ".strip .toggle", "#theme", ".menu summary"):
            self.find(selector).click()
            muted = browser.run("return stage.mixer.strips[0].isMuted")
            self.press(" ")
            browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Pause'")
            self.assertEqual(browser.run("return stage.mixer.strips[0].isMuted"), muted, selector)
            self.press(" ")
            browser.wait("document.querySelector('.play').getAttribute('aria-label') === 'Play'")

    def test_space_presses_a_button_that_tab_has_reached(self):
        self.find(".strip .toggle").click()
        self.press(Keys.TAB)
        self.assertEqual(browser.execute_script("return document.activeElement.getAttribute('aria-label')"), "Solo drums")
        self.press(" ")
        self.assertEqual(browser.run("return [stage.mixer.strips[0].isSolo, stage.mixer.isPlaying]"), [True, False])

    def test_zoom_by_wheel_keys_and_buttons(self):
        wave = self.find(".strip .wave")
        box = wave.rect
        browser.execute_script("""
            document.querySelector('.strip .wave').dispatchEvent(new WheelEvent('wheel', { deltaY: -300, ctrlKey: true, bubbles: true, cancelable: true, clientX: arguments[0], clientY: arguments[1] }))""",
            box["x"] + box["width"] / 2, box["y"] + 10)
        view = browser.run("return [stage.mixer.timeline.start, stage.mixer.timeline.end]")
        self.assertAlmostEqual(sum(view) / 2, 4, 1)
        self.assertLess(view[1] - view[0], 3.5)
        self.find(".view button").click()
        self.find(".view button").click()
        self.assertEqual(browser.run("return [stage.mixer.timeline.start, stage.mixer.timeline.end]"), [0, browser.run("return stage.mixer.timeline.duration")])

    def test_waveforms_and_spectrograms_are_drawn(self):
        self.expected_messages = "willReadFrequently"
        painted = """
            const canvas = document.querySelector('.strip .wave');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let i = 3; i < data.length; i += 4) if (data[i] > 20) count += 1;
            return count / (data.length / 4);"""
        browser.run("await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        wave = browser.run(painted)
        self.assertGreater(wave, 0.02)
        self.find(".view button:last-child").click()
        browser.wait("document.querySelector('.view button:last-child').getAttribute('aria-pressed') === 'true'")
        deadline = time.monotonic() + LONGEST_SECONDS
        while abs(browser.run(painted) - wave) < 0.01 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertGreater(abs(browser.run(painted) - wave), 0.01)
        self.assertEqual(browser.execute_script("return violations"), [])

    def test_a_phone_has_everything_within_its_width(self):
        for width in (390, 320):
            browser.size(width, 844)
            time.sleep(0.2)
            wide = browser.execute_script("""
                return [...document.querySelectorAll('body *')].filter((node) => node.offsetParent && node.getBoundingClientRect().right > innerWidth + 0.5 && !node.closest('.sheet, .unseen, .skip'))
                  .map((node) => `${node.tagName}.${node.className}`)""")
            self.assertEqual(wide, [])
            self.assertLessEqual(browser.execute_script("return document.documentElement.scrollWidth"), width)
            small = browser.execute_script("""
                return [...document.querySelectorAll('button, summary, select')].filter((node) => node.offsetParent && !node.closest('dialog, .drop details') && (node.offsetHeight < 32 || node.offsetWidth < 40)).map((node) => node.outerHTML.slice(0, 80))""")
            self.assertEqual(small, [])
            bottom = browser.execute_script("const box = document.querySelector('.transport').getBoundingClientRect(); return innerHeight - box.bottom")
            self.assertEqual(bottom, 0)

    def test_dark_and_light_are_remembered(self):
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        before = browser.execute_script(f"return {ground}")
        self.find("#theme").click()
        after = browser.execute_script(f"return {ground}")
        self.assertNotEqual(before, after)
        self.open()
        self.assertEqual(browser.execute_script(f"return {ground}"), after)


class PracticeTests(PageTest):
    """The tools for a musician: by samples, positions and words."""

    def setUp(self):
        super().setUp()
        self.job = self.separated(seconds=14)

    def heard(self, gains) -> dict:
        return browser.run(self.PLAY_ON + SoundTests.HEARD + "return { loudness, distance: distance(args[0]) }", gains)

    def tap(self, words: str):
        browser.execute_script("[...document.querySelectorAll('.practice button')].find(({ textContent }) => textContent === arguments[0]).click()", words)

    def pressed(self) -> list[str]:
        return browser.execute_script("return [...document.querySelectorAll('.practice [aria-pressed=true]')].map(({ textContent }) => textContent)")

    def test_loop_edges_are_dragged_and_moved_by_keys(self):
        browser.run("stage.mixer.setLoop([4, 10]); await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        second = self.find(".ruler").size["width"] / 14
        start, end = browser.find_elements(By.CSS_SELECTOR, ".loop-handle")
        ActionChains(browser).click_and_hold(start).move_by_offset(int(2 * second), 0).release().perform()
        loop = browser.run("return stage.mixer.loop")
        self.assertAlmostEqual(loop[0], 4 + int(2 * second) / second, delta=1.5 / second)
        self.assertEqual(loop[1], 10)
        end.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        self.assertAlmostEqual(browser.run("return stage.mixer.loop[1]"), 9.9, 6)
        self.assertEqual(end.get_attribute("aria-valuetext"), "9 seconds 90 hundredths")
        # The sound follows: it is never outside.
        self.play()
        browser.run("await stage.mixer.seek(9.6)")
        times = browser.run("const times = []; for (let i = 0; i < 20; i += 1) { await new Promise((resolve) => setTimeout(resolve, 50)); times.push(stage.mixer.time); } return times")
        self.assertTrue(all(loop[0] - 0.01 <= time <= 9.91 for time in times), times)
        # The other edge never passes this one.
        start.send_keys(*[Keys.PAGE_UP] * 9)
        edges = browser.run("return stage.mixer.loop")
        self.assertAlmostEqual(edges[1] - edges[0], 0.05, 6)

    def test_a_finger_loops_on_the_ruler(self):
        browser.size(390, 844)
        time.sleep(0.2)
        browser.execute_script("document.querySelector('.ruler').scrollIntoView({ block: 'center' })")
        box = browser.execute_script("const { left, top, width, height } = document.querySelector('.ruler').getBoundingClientRect(); return [left, top + height / 2, width]")
        touch = lambda kind, share: browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if share is None else [{"x": box[0] + share * box[2], "y": box[1]}]})
        touch("touchStart", 0.25)
        for share in (0.3, 0.4, 0.5):
            touch("touchMove", share)
        touch("touchEnd", None)
        loop = browser.run("return stage.mixer.loop")
        self.assertAlmostEqual(loop[0], 0.25 * 14, delta=0.1)
        self.assertAlmostEqual(loop[1], 0.5 * 14, delta=0.1)

    def test_presets_are_heard(self):
        self.play()
        for words, gains in [("Karaoke", [1, 1, 1, 0]), ("No drums", [0, 1, 1, 1]), ("Bass alone", [0, 1, 0, 0]), ("All stems", [1, 1, 1, 1])]:
            self.tap(words)
            self.assertEqual(self.pressed(), [words])
            self.assertLess(self.heard(gains)["distance"], 1e-5, words)
        browser.execute_script("const select = document.querySelector('.practice select'); select.value = 'other'; select.dispatchEvent(new Event('change'))")
        self.assertLess(self.heard([1, 1, 0, 1])["distance"], 1e-5)
        # The instrument is remembered for other songs.
        self.open()
        browser.wait("[...document.querySelectorAll('.practice button')].some(({ textContent }) => textContent === 'Without other')")

    def test_the_mix_is_reset(self):
        self.assertFalse(browser.execute_script("return [...document.querySelectorAll('.practice button')].at(-1).disabled === false"))
        browser.run("stage.mixer.toggleStrip(1, 'isSolo'); stage.mixer.changeVolume(0, -7); stage.mixer.strips[2].pan = 40; const { slider } = stage.mixer.board.master.fader; slider.value = -6; slider.dispatchEvent(new Event('input'))")
        browser.wait("location.hash.includes('master=-6')")
        self.open()
        browser.wait("document.querySelector('.mixer .play')")
        self.assertEqual(browser.run("return [stage.mixer.mix.master.volume, stage.mixer.strips.map(({ volume, pan, isSolo }) => [volume, pan, isSolo])]"),
                         [-6, [[-7, 0, False], [0, 0, True], [0, 40, False], [0, 0, False]]])
        self.tap("Reset mix")
        self.play()
        self.assertLess(self.heard([1, 1, 1, 1])["distance"], 1e-5)
        browser.wait("!location.hash.includes('mix.') && !location.hash.includes('master')")

    def test_the_original_is_the_stems_and_what_they_leave_out_as_loud_as_the_mix(self):
        self.separated_with("whole.wav", residual="true")
        self.open_song("whole")
        self.assertEqual(browser.run("return stage.mixer.names"), ["drums", "bass", "other", "vocals", "residual"])
        self.assertEqual(browser.run("return stage.mixer.mix.gains.map(([gain]) => gain)"), [1, 1, 1, 1, 0])
        # The sum of all files is the song that was sent, but for a step of 16 bits in each of five files.
        rendered = numpy.array(browser.run(DECODE + """
            const rendered = await render(2, 50000, (engine) => stage.mixer.mix.originalGains.forEach(([value], index) => engine.setGain(index, value)));
            return rendered.map((plane) => [...plane.slice(lead + fade + 1)])[0];"""))
        stems = [soundfile.read(io.BytesIO(subject.request("GET", f"v1/separations/{self.newest()['id']}/stems/{name}.wav")))[0] for name in ("drums", "bass", "other", "vocals", "residual")]
        first = 50000 + browser.run(DECODE + "return fade + 1")
        self.assertLess(numpy.abs(sum(stems)[first:first + len(rendered), 0] - rendered).max(), 1e-6)
        song, _ = soundfile.read(sound_file("whole.wav"))
        scale = numpy.sum(song[:, 0] * sum(stems)[:len(song), 0]) / numpy.sum(song[:, 0] ** 2)
        self.assertLess(numpy.abs(sum(stems)[:len(song)] - scale * song).max(), 5 / 32768)
        self.play()
        browser.run("await stage.mixer.seek(3)")
        self.find(".play").click()
        browser.run("stage.mixer.toggleStrip(0, 'isMuted'); stage.mixer.changeVolume(1, -12); await stage.mixer.seek(4)")
        self.press("o")
        browser.wait("[...document.querySelectorAll('.practice button')].some(({ textContent }) => textContent === 'Back to the mix')")
        self.assertIn("to be as loud as your mix", self.words())
        gain = browser.run("return stage.mixer.mix.original")
        part = slice(SAMPLE_RATE, 7 * SAMPLE_RATE)
        mix = sum(stem * level for stem, level in zip(stems, (0, 10 ** (-12 / 20), 1, 1, 0)))
        self.assertAlmostEqual(gain, (loudness(mix[part]) / loudness(sum(stems)[part])) ** 0.5, delta=0.02 * gain)
        self.assertEqual(browser.run("return stage.mixer.mix.heard.map(([value]) => value)"), [gain] * 5)
        # A change of the mix is heard at once.
        self.press("1")
        self.assertEqual(browser.run("return stage.mixer.mix.heard.map(([value]) => Number(value.toFixed(3)))"), [1, 0.251, 1, 1, 0])

    def newest(self) -> dict:
        return subject.jobs()[0]

    def test_meters_show_what_sounds_and_the_light_tells_of_clipping(self):
        levels = "[...document.querySelectorAll('.strip .meter')].map((meter) => Math.max(...[...meter.children].map((bar) => new DOMMatrix(getComputedStyle(bar).transform).a)))"
        browser.run("stage.mixer.toggleStrip(1, 'isMuted'); stage.mixer.setLoop([2, 4])")
        self.play()
        # Not all stems need to sound at the same moment.
        browser.wait(f"(window.heard = {levels}.map((level, index) => Math.max(level, window.heard?.[index] ?? 0))).every((level, index) => index === 1 ? level === 0 : level > 0.02)")
        self.assertTrue(self.find(".clip").get_property("disabled"))
        # The peak in words is that of the samples.
        stems = [soundfile.read(io.BytesIO(subject.request("GET", stem["url"].lstrip("/"))))[0][2 * SAMPLE_RATE:4 * SAMPLE_RATE] for stem in self.job["stems"]]
        shows_peak = "Math.abs(Number(document.querySelector('.master .value[title]').textContent.replace('−', '-').replace(/ dB|\\+/g, '')) - args[0]) < 0.1"
        browser.wait(shows_peak, peak_decibels(sum(stems) - stems[1]))
        browser.run("stage.mixer.toggleStrip(1, 'isMuted'); stage.mixer.strips.forEach((_, index) => stage.mixer.changeVolume(index, 6)); const { slider } = stage.mixer.board.master.fader; slider.value = 6; slider.dispatchEvent(new Event('input'))")
        self.assertGreater(peak_decibels(sum(stems)) + 12, 0, "the song is loud enough to clip")
        browser.wait(shows_peak, peak_decibels(sum(stems)) + 12)
        browser.wait("document.querySelector('.clip').getAttribute('aria-label') === 'The mix has clipped; press to clear'")
        self.find(".play").click()
        # The last sound may light it again.
        browser.wait("document.querySelector('.clip').click() ?? document.querySelector('.clip').getAttribute('aria-label') === 'No clipping'")

    def test_a_close_window_shows_each_sample(self):
        self.expected_messages = "willReadFrequently"
        lines = browser.run(DECODE + """
            const { mixer } = stage;
            const rate = mixer.job.stem_rate;
            await mixer.seek(5);
            mixer.zoom(14 * rate / 40);
            while (!mixer.board.waveforms.of(2, mixer.timeline).planes) await new Promise((resolve) => setTimeout(resolve, 25));
            await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
            const view = mixer.stripViews[2];
            const { canvas } = view;
            const context = canvas.getContext("2d");
            const stems = await decodeStems(mixer.job);
            const reach = (canvas.height / 2 - 3) / mixer.board.waveforms.scale;
            const found = [];
            const first = Math.ceil(mixer.timeline.start * rate) + 1;
            for (let frame = first; frame < first + 38; frame += 1) {
              const x = Math.round(mixer.timeline.share(frame / rate) * canvas.width);
              if (x < 2 || x > canvas.width - 3 || Math.abs(x - mixer.timeline.share(5) * canvas.width) < 4) continue;
              for (const plane of stems[2]) {
                const y = Math.round(canvas.height / 2 - plane[frame] * reach);
                // The dot of the sample.
                found.push(context.getImageData(x, Math.max(0, Math.min(canvas.height - 1, y)), 1, 1).data[3]);
              }
            }
            return found;""")
        self.assertGreater(len(lines), 50)
        self.assertGreater(min(lines), 60)

    def test_a_spectrogram_is_complete_and_true_to_the_scale(self):
        heard = browser.run(DECODE + """
            const { mixer } = stage;
            await mixer.toggleSpectrogram();
            const spectrograms = () => mixer.board.spectrograms;
            while (!spectrograms()?.isComplete) await new Promise((resolve) => setTimeout(resolve, 25));
            const { bands, lowestHz, highestHz } = await import("/spectrum.js");
            const { canvas, start, hop } = spectrograms().picture(1);
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, bands).data;
            const top = highestHz(mixer.job.stem_rate);
            return Array.from({ length: 40 }, (_, i) => {
              const column = Math.floor((i + 0.5) * canvas.width / 40);
              const levels = Array.from({ length: bands }, (_, band) => data[((bands - 1 - band) * canvas.width + column) * 4 + 3]);
              const band = levels.indexOf(Math.max(...levels));
              return [start + (column + 0.5) * hop, levels[band], lowestHz * (top / lowestHz) ** ((band + 0.5) / bands)];
            });""")
        bass, rate = soundfile.read(io.BytesIO(subject.request("GET", self.job["stems"][1]["url"].lstrip("/"))))
        near = 0
        loud = [(frame, hertz) for frame, level, hertz in heard if level > 120]
        self.assertGreater(len(loud), 10)
        for frame, hertz in loud:
            block = numpy.zeros(2048)
            part = bass.mean(axis=1)[max(0, int(frame) - 1024):int(frame) + 1024]
            block[:len(part)] = part
            spectrum = numpy.abs(numpy.fft.rfft(block * numpy.hanning(2048)))
            spectrum[:2] = 0
            near += abs(numpy.argmax(spectrum) * rate / 2048 - hertz) < rate / 2048 * 1.6
        self.assertGreater(near, 0.85 * len(loud))

    # Files

    def test_files_in_another_format(self):
        self.find(".menu summary").click()
        browser.execute_script("const select = document.querySelector('.sheet select'); select.value = 'flac'; select.dispatchEvent(new Event('change'))")
        self.find(".sheet > .entry").click()
        flac, _ = soundfile.read(io.BytesIO(browser.saved("song - drums*.flac")))
        wav, _ = soundfile.read(io.BytesIO(subject.request("GET", self.job["stems"][0]["url"].lstrip("/"))))
        self.assertTrue(numpy.array_equal(flac, wav))
        self.find(".sheet > .entry:last-of-type").click()
        names = zipfile.ZipFile(io.BytesIO(browser.saved("song*.zip"))).namelist()
        self.assertEqual(sorted(name.split(".")[-1] for name in names), ["flac"] * 4)

    def test_the_loop_alone_is_saved(self):
        browser.run("stage.mixer.setLoop([1, 2.5])")
        self.find(".menu summary").click()
        browser.execute_script("[...document.querySelectorAll('.sheet .check')].find(({ textContent }) => textContent === 'Loop only').click()")
        self.find(".sheet > .entry").click()
        part, rate = soundfile.read(io.BytesIO(browser.saved("song - drums (*.wav")))
        whole, _ = soundfile.read(io.BytesIO(subject.request("GET", self.job["stems"][0]["url"].lstrip("/"))))
        self.assertTrue(numpy.array_equal(part, whole[rate:round(2.5 * rate)]))

    def test_a_stem_is_dragged_out(self):
        dragged = browser.run("""
            const dataTransfer = new DataTransfer();
            document.querySelector('.stem-name').dispatchEvent(new DragEvent('dragstart', { dataTransfer, bubbles: true }));
            const [, type, name, address] = /^([^:]+):([^:]+):(.+)$/.exec(dataTransfer.getData('DownloadURL'));
            const reply = await fetch(address);
            return [document.querySelector('.stem-name').draggable, type, name, [...new Uint8Array(await reply.arrayBuffer()).slice(0, 4)], dataTransfer.getData('text/uri-list') === address];""")
        self.assertEqual(dragged, [True, "audio/wav", "song - drums.wav", list(b"RIFF"), True])

    def test_share_says_where_the_link_works(self):
        browser.execute_script("[...document.querySelectorAll('.actions .plain')].find(({ textContent }) => textContent === 'Share').click()")
        browser.wait("document.querySelector('.said').textContent.includes('It works on this computer only, as long as the song is kept.')")
        # It is announced once, and moves nothing.
        self.assertEqual(browser.execute_script("return document.querySelectorAll('[role=status], [role=alert], [aria-live]').length - [...document.querySelectorAll('[role=status], [role=alert], [aria-live]')].filter((node) => !node.textContent.includes('works')).length"), 1)


class LibraryTests(PageTest):
    NAMES = "[...document.querySelectorAll('#queue .name')].map(({ textContent }) => textContent)"

    def press_in_library(self, words: str):
        button = "[...document.querySelectorAll('#library button')].find(({ textContent }) => textContent === args[0])"
        browser.wait(button, words)
        browser.execute_script(f"const args = arguments; {button}.click()", words)

    def search(self, text: str):
        browser.execute_script("const search = document.querySelector('#search'); search.value = arguments[0]; search.dispatchEvent(new Event('input'))", text)

    def test_songs_are_found_sorted_and_deleted_together(self):
        for name, seconds in (("Beta 10.wav", 2), ("alpha.wav", 3), ("Beta 9.wav", 1)):
            self.separated(name, seconds)
        browser.wait_equal(self.NAMES, ["Beta 9", "alpha", "Beta 10"])
        order = lambda value: browser.execute_script("const order = document.querySelector('#order'); order.value = arguments[0]; order.dispatchEvent(new Event('change'))", value)
        order("name")
        browser.wait_equal(self.NAMES, ["alpha", "Beta 9", "Beta 10"])
        order("longest")
        browser.wait_equal(self.NAMES, ["alpha", "Beta 10", "Beta 9"])
        order("name")
        self.search("beta")
        browser.wait("document.querySelectorAll('#queue li').length === 2")
        self.search("gamma")
        browser.wait("document.body.innerText.includes('No song has “gamma” in its name.')")
        self.search("beta")
        self.find("#select").click()
        for box in browser.find_elements(By.CSS_SELECTOR, "#queue .pick"):
            box.click()
        self.press_in_library("Delete 2")
        self.press_in_library("Press again to delete 2 songs")
        self.search("")
        browser.wait("document.querySelectorAll('#queue li').length === 1")
        browser.wait_equal(self.NAMES, ["alpha"])
        self.assertEqual([job["name"] for job in subject.jobs()], ["alpha.wav"])

    def test_the_queue_stands_as_it_runs_and_finished_songs_are_removed(self):
        for name in ("first", "second", "third"):
            # With this overlap it takes long.
            self.begin(f"{name}.wav", 120, overlap=0.9)
        browser.wait("document.querySelector('#jobs li[data-state=running]')")
        browser.wait_equal(self.NAMES, ["first", "second", "third"])
        browser.wait_equal("[...document.querySelectorAll('#queue .words')].slice(1).map(({ textContent }) => textContent)", ["Next in line", "2nd in line"])
        self.find("[aria-label='Separate third sooner']").click()
        browser.wait_equal(self.NAMES, ["first", "third", "second"])
        browser.wait_equal("document.querySelectorAll('[aria-label=\"Separate third sooner\"]:not([hidden])').length", 0)
        places = {job["name"]: job["queue_position"] for job in subject.jobs()}
        self.assertEqual(places, {"first.wav": None, "third.wav": 1, "second.wav": 2})
        # Cancelled songs have ended.
        self.find("#jobs li:last-of-type button:last-of-type").click()
        browser.wait("document.querySelector('#jobs li[data-state=cancelled]')")
        self.find("#select").click()
        self.press_in_library("Remove finished")
        self.press_in_library("Press again to remove 1 song")
        browser.wait_equal(self.NAMES, ["first", "third"])
        # Songs in line are cancelled and removed.
        self.find("#select").click()
        self.press_in_library("All")
        self.press_in_library("Delete 2")
        self.press_in_library("Press again to delete 2 songs")
        browser.wait_equal("document.querySelector('#announcer').textContent", "2 songs removed")
        self.assertEqual(subject.jobs(), [])
        browser.wait_equal(self.NAMES, [])


class ManySongsTests(PageTest):
    """The page with thousands of songs."""

    @classmethod
    def setUpClass(cls):
        cls.source = BinarySubject(subject.binary)
        cls.source.start()
        cls.source.request("POST", "v1/separations", Path(sound_file("Song.wav", 5)).read_bytes(), {"X-Filename": "Song.wav"})
        wait_until(lambda: cls.source.jobs()[0]["state"] == "done")
        cls.source.stop()

    @property
    def attempts(self) -> int:
        """Other processes stretch every task, so the best of several attempts counts."""
        return 5 if checks_speed else 1

    def setUp(self):
        super().setUp()
        script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            window.tasks = [];
            window.shownAt = null;
            new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration]))).observe({ type: 'longtask', buffered: true });
            new MutationObserver(() => {
              if (shownAt === null && document.querySelector('#queue li') && document.querySelector('#stage .song')) shownAt = performance.now();
            }).observe(document, { subtree: true, childList: true });"""})["identifier"]
        self.addCleanup(browser.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})

    @contextlib.contextmanager
    def many_songs(self, are_waiting: bool = False):
        """A service with 3,000 songs and the page with them; without a model if they are waiting."""
        options = ["-n", "hdemucs_mmi", "--offline"] if are_waiting else []
        with another_service(*options, is_ready=not are_waiting, prepare=lambda data: copy_song(self.source.data, data, 3000, are_waiting)):
            self.open()
            browser.wait("shownAt !== null")
            yield

    def addresses(self) -> list[str]:
        return [path for _, path, _ in subject.proxy.requests if path.startswith(("/v1/separations?", "/v1/events")) or path == "/v1/separations"]

    def rows(self) -> int:
        return browser.execute_script("return document.querySelectorAll('#queue li').length")

    def test_3000_songs_are_there_at_once(self):
        with self.many_songs():
            shown = []
            for _ in range(self.attempts):
                self.open()
                browser.wait("shownAt !== null")
                shown.append(browser.execute_script("return shownAt"))
                if min(shown) < 1000:
                    break
            self.assertEqual(self.find("#queue .name").text, "Song 3000")
            if checks_speed:
                self.assertLess(min(shown), 1000)

    def test_nothing_is_loaded_twice(self):
        with self.many_songs():
            last_event = json.loads(subject.request("GET", "v1/separations?limit=1"))["last_event"]
            # When this song is there, the page has everything that it has asked for at first.
            self.begin("another.wav", 2)
            browser.wait("document.querySelector('#queue li[data-state=done] .name').textContent === 'another'")
            self.assertEqual(self.addresses(), ["/v1/separations?limit=100", "/v1/events"])
            begun = [headers.get("last-event-id") for _, path, headers in subject.proxy.requests if path == "/v1/events"]
            self.assertEqual(begun, [str(last_event)])

    def test_older_songs_come_by_scrolling_and_rows_stay_few(self):
        with self.many_songs():
            most = 0
            names = []

            def scroll() -> bool:
                nonlocal most, names
                browser.execute_script("const list = document.querySelector('#queue'); list.scrollTop = list.scrollHeight")
                most = max(most, self.rows())
                names = browser.execute_script("return [...document.querySelectorAll('#queue .name')].map(({ textContent }) => textContent)")
                return names[-1] == "Song 1"

            wait_until(scroll)
            self.assertEqual(names, [f"Song {number}" for number in range(len(names), 0, -1)])
            self.assertLess(most, 80)
            pages = [path for path in self.addresses() if "after" in path]
            self.assertEqual(len(pages), 29)
            self.assertEqual(len(set(pages)), 29)
            # A reload opens a song that is on no loaded page.
            self.find("#queue li:last-of-type .open").click()
            browser.wait("document.querySelector('.song h1')?.textContent === 'Song 1'")
            browser.refresh()
            browser.wait("document.querySelector('.song h1')?.textContent === 'Song 1'")

    def test_selecting_reaches_the_songs_that_are_not_loaded(self):
        with self.many_songs():
            self.find("#select").click()
            finished = "[...document.querySelectorAll('#library button')].find(({ textContent }) => textContent === 'Remove finished')"
            browser.wait(f"{finished} && !{finished}.disabled")
            browser.execute_script(f"{finished}.click()")
            browser.wait("document.querySelector('#library').textContent.includes('Press again to remove 3000 songs')")

    def test_news_of_all_songs_at_once_does_not_block_the_page(self):
        self.expected_messages = "Failed to load resource.* 503"
        with self.many_songs(are_waiting=True):
            # The newest song is open: the last one to change.
            words = "document.querySelector('#stage .song .facts').textContent"
            browser.wait(f"{words} === '3000th in line'")
            browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})

            def work() -> float:
                return next(metric["value"] for metric in browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"] if metric["name"] == "TaskDuration")

            longest, seconds = [], []
            try:
                for attempt in range(self.attempts):
                    browser.execute_script("tasks.length = 0")
                    before = work()
                    # All others move up.
                    subject.request("DELETE", f"v1/separations/{attempt + 1:024x}")
                    browser.wait(f"{words} === '{2999 - attempt}th in line'")
                    seconds.append(work() - before)
                    longest.append(max([duration for _, duration in browser.execute_script("return tasks")], default=0))
                    self.assertLess(self.rows(), 80)
                    if longest[-1] <= 50:
                        break
            finally:
                browser.execute_cdp_cmd("Performance.disable", {})
            if checks_speed:
                self.assertLess(min(longest), 50.5, f"longest tasks in milliseconds; CPU seconds {seconds}")
                self.assertLess(min(seconds), 0.5)

    def test_new_songs_do_not_move_what_is_read(self):
        with self.many_songs():
            browser.execute_script("document.querySelector('#queue').scrollTop = 60 * document.querySelector('#jobs li').offsetHeight")
            browser.wait("[...document.querySelectorAll('#queue .name')].some(({ textContent }) => textContent === 'Song 2940')")
            row = "[...document.querySelectorAll('#queue li')].find((row) => row.querySelector('.name').textContent === 'Song 2940')"
            before = browser.execute_script(f"return {row}.getBoundingClientRect().top")
            self.begin("another.wav", 2)
            self.begin("one more.wav", 2)
            browser.wait(f"{row}?.getAttribute('aria-posinset') === '63'")
            self.assertEqual(browser.execute_script(f"return {row}.getBoundingClientRect().top"), before)

    def test_a_stream_that_is_too_far_behind_begins_again(self):
        self.expected_messages = "ERR_|404"
        with self.many_songs():
            subject.proxy.cut()
            subject.request("DELETE", f"v1/separations/{3000:024x}")
            # A service that was started again doesn't have the events of before.
            subject.stop()
            subject.start()
            subject.proxy.join()
            browser.wait("document.querySelector('#queue .name').textContent === 'Song 2999'")
            # The newest songs came with the stream.
            self.assertEqual(self.addresses().count("/v1/separations?limit=100"), 1)
            browser.wait("document.body.innerText.includes('no longer here')")


class ServiceTests(PageTest):
    expected_messages = "Failed to load resource|ERR_"

    def test_the_page_shows_a_lost_connection_and_reconnects(self):
        self.upload_for_long("long.wav")
        self.wait_state("running")
        subject.stop()
        try:
            browser.wait("document.body.innerText.includes('No connection to the service')")
        finally:
            subject.start()
        browser.wait("document.querySelector('#banner').hidden")
        browser.wait("document.querySelector('.mixer .play')")

    def test_a_stream_that_breaks_goes_on_where_it_was(self):
        streams = lambda: [headers["last-event-id"] for _, path, headers in subject.proxy.requests[first:] if path == "/v1/events"]
        first = len(subject.proxy.requests)
        self.open()
        job = self.begin("long.wav", 120, overlap=0.9)
        self.wait_state("running")
        for count in range(2, 6):
            subject.proxy.drop("/v1/events")
            wait_until(lambda: len(streams()) == count)
        # Events without a connection come with the next one, though the page doesn't load its songs again.
        subject.proxy.cut()
        subject.request("DELETE", f"v1/separations/{job}")
        wait_until(lambda: subject.jobs()[0]["state"] == "cancelled")
        subject.proxy.join()
        self.wait_state("cancelled")
        ids = [int(number) for number in streams()]
        self.assertEqual(ids, sorted(ids))
        self.assertGreater(ids[-1], ids[0])
        self.assertEqual([path for _, path, _ in subject.proxy.requests[first:]].count("/v1/separations?limit=100"), 1)

    def test_a_service_that_gets_ready_says_so(self):
        # The demo model is loaded before a test could look.
        subject.proxy.reply("/readyz", "503 Service Unavailable", {
            "type": "urn:swift-demucs:problem:not-ready", "title": "The service is not ready", "status": 503,
            "detail": "The model 'demo' is being loaded.", "instance": "/readyz"}, "Retry-After: 5\r\n")
        try:
            self.open()
            browser.wait("document.querySelector('#banner').innerText.includes('being loaded')")
        finally:
            subject.proxy.reply_no_more("/readyz")
        browser.wait("document.querySelector('#banner').hidden")

    @with_another("-n", "hdemucs_mmi", "--offline", is_ready=False)
    def test_without_a_model_the_page_says_how_to_fetch_one_though_there_is_another(self):
        browser.wait("document.querySelector('#banner').innerText.includes('There is no model yet.')")
        self.assertIn("swift-demucs models fetch hdemucs_mmi", self.find("#banner").text)
        # The banner lies over the page: nothing moves.
        self.assertEqual(browser.execute_script("return document.querySelector('.columns').getBoundingClientRect().top"), self.find(".top").size["height"])
        # Nobody can fetch it from here, so the page doesn't ask again, which it does every two seconds while a model is loaded.
        asked = lambda: [path for _, path, _ in subject.proxy.requests].count("/readyz")
        before = asked()
        browser.run("await new Promise((resolve) => setTimeout(resolve, 3000))")
        self.assertEqual(asked(), before)

    @with_another("--token-file", lambda: token_file())
    def test_a_token_is_asked_for_once(self):
        self.expected_messages = "Failed to load resource.* 401|ERR_"
        browser.wait("document.querySelector('#token-dialog').open")
        self.press(Keys.ESCAPE, Keys.ESCAPE)
        browser.wait("document.querySelector('#token-dialog').open")
        # A request can't carry these quotation marks.
        self.find("#token").send_keys("\u201copen\u201d", Keys.ENTER)
        browser.wait("document.querySelector('#token-dialog').open && !document.querySelector('#token-refused').hidden")
        self.find("#token").send_keys("a-wrong-token", Keys.ENTER)
        browser.wait("document.querySelector('#token-dialog').open && !document.querySelector('#token-refused').hidden")
        self.find("#token").send_keys(TOKEN, Keys.ENTER)
        browser.wait("!document.querySelector('#token-dialog').open && document.querySelector('#empty').hidden === false")
        self.upload(sound_file("song.wav"))
        browser.wait("document.querySelector('.menu summary')")
        self.play()
        self.assertTrue(browser.run("return stage.mixer.isPlaying"))
        self.find(".menu summary").click()
        self.find(".menu .entry").click()
        self.assertEqual(browser.saved("song - drums*.wav")[:4], b"RIFF")
        browser.wait("document.querySelector('.sheet > p.facts').textContent.endsWith('is saved')")
        self.upload(sound_file("second.wav"))
        browser.wait("document.querySelectorAll('#queue li[data-state=done]').length === 2")
        browser.refresh()
        browser.wait("document.querySelector('.mixer .play')")
        self.assertFalse(browser.execute_script("return performance.getEntries().some(({ name }) => name.includes(arguments[0]))", TOKEN))


class AccessibilityTests(PageTest):
    def check(self, what: str):
        if not browser.execute_script("return 'axe' in window"):
            browser.execute_script(AXE.read_text())
        found = browser.execute_async_script("const done = arguments[0]; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(done)")
        problems = [
            f"{what}: {item['id']}: {node['html'][:120]} {node['failureSummary']} {[[related['html'][:120] for related in check['relatedNodes']] for check in node['any']]}"
            for item in found["violations"] for node in item["nodes"][:1]
        ]
        self.assertEqual(problems, [])

    def test_axe_finds_nothing(self):
        for is_dark in (False, True):
            browser.dark(is_dark)
            self.open()
            self.check("empty")
        self.separated()
        for is_dark in (True, False):
            browser.dark(is_dark)
            time.sleep(0.2)
            self.check("mixer")
        browser.execute_script("document.querySelector('.menu').open = true; document.querySelector('.drop details').open = true; document.querySelectorAll('.strip .solo, .strip .toggle').forEach((button) => button.click())")
        self.check("menu, options and pressed buttons")
        browser.execute_script("document.querySelector('#help').click()")
        self.check("help")
        browser.size(390, 844)
        browser.execute_script("document.querySelector('#help-dialog').close()")
        self.check("phone")

    def test_axe_finds_nothing_in_states_of_trouble(self):
        self.expected_messages = "Failed to load resource"
        notes = Path(folder) / "notes.txt"
        notes.write_text("nothing to hear here\n" * 50)
        self.upload(str(notes))
        self.upload_for_long("running.wav", "waiting.wav", "later.wav")
        browser.wait("document.querySelectorAll('#jobs li').length === 3")
        self.find("#jobs li:last-of-type button:last-of-type").click()
        browser.wait("document.querySelector('#jobs li[data-state=cancelled]')")
        for row in range(3):
            browser.execute_script("document.querySelectorAll('#jobs .open')[arguments[0]].click()", row)
            self.check(f"row {row}")
        self.find("#select").click()
        self.check("selecting")

    @with_another("-n", "hdemucs_mmi", "--offline", is_ready=False)
    def test_axe_finds_nothing_without_a_model(self):
        self.expected_messages = "Failed to load resource.* 503"
        browser.wait("!document.querySelector('#banner').hidden")
        self.check("no model")

    @with_another("--token-file", lambda: token_file())
    def test_axe_finds_nothing_in_the_question_for_a_token(self):
        self.expected_messages = "Failed to load resource.* 401|ERR_"
        browser.wait("document.querySelector('#token-dialog').open")
        self.check("token")


def main():
    global subject, browser, folder, checks_speed
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the swift-demucs to test")
    parser.add_argument("--speed", action="store_true", help="check limits of time too, on an idle machine")
    parser.add_argument("--slow", type=float, metavar="TIMES", help="the page's scripts take this many times as long, and replies come up to half a second late: no test may depend on speed")
    parser.add_argument("--screenshots", metavar="FOLDER", help="only make the documentation's pictures")
    parser.add_argument("--states", metavar="FOLDER", help="only make pictures of every state")
    parser.add_argument("tests", nargs="*", help="names of tests or classes; default: all")
    options = parser.parse_args()
    checks_speed = options.speed
    classes = unittest.TestLoader().loadTestsFromModule(sys.modules["__main__"])
    cases = [case for tests in classes for case in tests]
    known = {part for case in cases for part in case.id().split(".")}
    if unknown := [name for name in options.tests if name not in known]:
        parser.error(f"no test or class is called {', '.join(unknown)}")
    chosen = [case for case in cases if not options.tests or set(options.tests) & set(case.id().split("."))]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "downloads").mkdir()
        browser = Browser(str(Path(folder) / "downloads"))
        try:
            if options.screenshots:
                Studio(browser, options.binary, Path(options.screenshots), sound_file).documentation()
                return 0
            if options.states:
                Studio(browser, options.binary, Path(options.states), sound_file).states()
                return 0
            subject = ProxiedSubject(options.binary, delay=0.5 if options.slow else 0)
            subject.start()
            if options.slow:
                browser.slow_down(options.slow)
            suite = unittest.TestSuite(chosen)
            result = unittest.TextTestRunner(verbosity=2).run(suite)
            subject.close()
            return 0 if result.wasSuccessful() else 1
        finally:
            browser.quit()


if __name__ == "__main__":
    sys.exit(main())
