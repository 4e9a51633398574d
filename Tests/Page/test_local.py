#!/usr/bin/env python3
"""Tests of the static page in Chromium: the browser separates songs by itself, with the demo model.

Each test has an origin of its own, and so begins as a first visit.
"""
import argparse
import base64
import contextlib
import gzip
import hashlib
import importlib.util
import io
import os
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
from selenium.webdriver.common.by import By

from browser import Browser
from limits import LONGEST_SECONDS
from music import SAMPLE_RATE, make_mix
from subject import BinarySubject

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Web"))
from hosts import PageHost

AXE = Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js"
STEMS = ["drums", "bass", "other", "vocals"]

web = None
binary = None
browser = None
folder = None


def song_file(name: str, seconds: float = 20, rate: int = SAMPLE_RATE, seed: int = 1) -> str:
    """A song at the rate, where it sounds lower or higher, in the format of the name's ending."""
    path = Path(folder) / f"songs of {seconds} s, {rate}, {seed}" / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        mix = make_mix(seconds, seed)
        if path.stem == "mono":
            mix = mix.mean(axis=1)
        soundfile.write(path, mix, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return str(path)


def coded_file(name: str, *options: str, seconds: float = 75, rate: int = SAMPLE_RATE) -> str:
    """A song of that length at the rate, as ffmpeg codes it with the options."""
    path = Path(folder) / name
    source = song_file("source.wav", seconds * rate / SAMPLE_RATE, rate)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, *options, str(path)], check=True)
    return str(path)


def garbage_file(name: str, content: bytes) -> str:
    path = Path(folder) / name
    path.write_bytes(content)
    return str(path)


@contextlib.contextmanager
def browser_with(flag: str):
    """Tests go on in a browser that lacks something."""
    global browser
    usual = browser
    browser = Browser(str(Path(folder) / "downloads"), flag)
    try:
        yield
    finally:
        browser.quit()
        browser = usual


class LocalTest(unittest.TestCase):
    #: Whether the host isolates the page from others.
    is_isolated = True

    def setUp(self):
        self.host = PageHost(Path(web), self.is_isolated)
        self.host.start()
        browser.size(1440, 900)
        self.visit()
        browser.serious_messages()

    def tearDown(self):
        messages = browser.serious_messages()
        browser.get("about:blank")
        self.host.stop()
        self.assertEqual(messages, [])

    def visit(self, query: str = ""):
        browser.get(f"{self.host.address}/{query}")
        browser.wait("document.querySelector('#engine').textContent")
        browser.execute_script(
            "window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`))")
        # The demo model needs no download.
        self.choose("model", "demo")

    def choose(self, option: str, value: str):
        browser.execute_script("document.querySelector(`[name='${arguments[0]}']`).value = arguments[1]; document.querySelector('#options').dispatchEvent(new Event('change'))", option, value)

    def drop(self, *paths: str):
        browser.find_element(By.CSS_SELECTOR, "#chooser").send_keys("\n".join(paths))

    def wait_state(self, state: str, row: int = 0):
        return browser.wait("document.querySelectorAll('#queue li')[args[0]]?.dataset.state === args[1]", row, state)

    def words(self, row: int = 0) -> str:
        return browser.execute_script("return document.querySelectorAll('#queue li .words')[arguments[0]].textContent", row)

    def hold_at(self, seconds: float):
        """Lets no pieces that begin there or later be written, until `window.release()` or another page."""
        browser.run("""
            const { openStorage } = await import("/storage.js");
            const storage = await openStorage();
            const released = new Promise((resolve) => { window.release = resolve; });
            storage.append = async (path, bytes) => {
              const [, first] = path.split("/pieces/");
              if (first && Number(first) >= args[0]) await released;
              return Object.getPrototypeOf(storage).append.call(storage, path, bytes);
            };""", seconds * SAMPLE_RATE)

    def jobs(self) -> list[dict]:
        return browser.run("const { json } = await import('/api.js'); return (await json('v1/separations')).separations")

    def stored_files(self) -> list[str]:
        return browser.run("""
            const names = [];
            const walk = async (folder, path) => {
              for await (const [name, entry] of folder.entries()) {
                if (entry.kind === "directory") await walk(entry, `${path}${name}/`);
                else names.push(path + name);
              }
            };
            await walk(await navigator.storage.getDirectory(), "");
            return names.sort();""")


class SeparationTests(LocalTest):
    def test_a_song_is_heard_before_its_second_segment_is_done(self):
        browser.execute_script("""
            window.heard = new Promise((resolve) => {
              const poll = setInterval(async () => {
                const { stage } = await import("/main.js");
                const { mixer } = stage;
                if (!mixer) return;
                if (!mixer.isPlaying && !mixer.engine) mixer.toggle();
                if (!(mixer.time > 0.05)) return;
                clearInterval(poll);
                resolve({ ready: mixer.job.ready_seconds, state: mixer.job.state });
              }, 10);
            })""")
        self.hold_at(2)
        self.drop(song_file("song.wav", 60))
        heard = browser.run("return await window.heard")
        self.assertEqual(heard["state"], "running")
        # The first segment of the demo model finishes this much: it has 4 s, and the next one overlaps a quarter of it.
        self.assertLessEqual(heard["ready"], 3)
        browser.execute_script("release()")
        self.wait_state("done")
        # The sound goes on where it was.
        self.assertTrue(browser.run("return stage.mixer.isPlaying && stage.mixer.time > 0.05"))

    def largest_difference(self, path: str, shifts: int) -> float:
        """Between the files of the newest job, and what the engine gives on the page by itself; their analyses must be equal."""
        return browser.run("""
            const { request, json } = await import("/api.js");
            const { load } = await import("/swift-demucs.js");
            const { openStorage } = await import("/storage.js");
            const { parseHeader, decodeFrames } = await import("/wav.js");
            const [job] = (await json("v1/separations")).separations;
            const { seed } = await (await openStorage()).readJSON(`jobs/${job.id}/job.json`);
            const song = Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0)).buffer;
            const header = parseHeader(song, song.byteLength);
            const channels = decodeFrames(song.slice(header.dataOffset), header);
            const engine = await load("demo");
            const { stems, analysis } = await engine.separate({ channels, sampleRate: 44100 }, { shifts: args[1], seed, analyze: true });
            engine.close();
            const [expected, found] = [analysis, await json(`v1/separations/${job.id}/analysis`)].map((value) => JSON.stringify(value));
            if (found !== expected) throw new Error(`the analysis is ${found}, not ${expected}`);
            let largest = 0;
            for (const { name, url, bytes } of job.stems) {
              const file = await (await request(url)).arrayBuffer();
              if (file.byteLength !== bytes) throw new Error(`${name} has ${file.byteLength} bytes`);
              const planes = decodeFrames(file.slice(44), parseHeader(file, file.byteLength));
              planes.forEach((plane, channel) => plane.forEach((sample, i) => { largest = Math.max(largest, Math.abs(sample - stems[name][channel][i])); }));
              if (planes[0].length !== channels[0].length) throw new Error(`${name} has ${planes[0].length} samples`);
            }
            return largest;""", base64.b64encode(Path(path).read_bytes()).decode(), shifts)

    def test_the_files_are_the_engine_s_samples(self):
        path = song_file("song.wav", 12)
        self.choose("shifts", "2")
        self.drop(path)
        self.wait_state("done")
        self.assertEqual(self.largest_difference(path, 2), 0)

    def test_downloads(self):
        self.choose("two-stems", "vocals")
        path = song_file("song.wav", 8)
        self.drop(path)
        self.wait_state("done")
        browser.execute_script("document.querySelector('.menu summary').click()")
        for button in browser.find_elements(By.CSS_SELECTOR, ".menu .sheet button"):
            button.click()
        mix, vocals, rest = (soundfile.read(io.BytesIO(browser.saved(f"song - {name}.wav")))[0] for name in ("mix", "vocals", "no_vocals"))
        self.assertEqual(len(vocals), 8 * SAMPLE_RATE)
        # Rounding of float32 alone.
        self.assertLess(numpy.abs(mix - vocals - rest).max(), 1e-6)
        with zipfile.ZipFile(io.BytesIO(browser.saved("song.zip"))) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["vocals.wav", "no_vocals.wav"])
            self.assertTrue(all(file.compress_type == zipfile.ZIP_DEFLATED for file in archive.infolist()))
            zipped = soundfile.read(io.BytesIO(archive.read("vocals.wav")))[0]
        self.assertTrue(numpy.array_equal(zipped, vocals))

    def test_each_format_reaches_the_engine_at_its_own_rate(self):
        for row, (name, rate) in enumerate([("song.flac", 44100), ("song.ogg", 48000), ("song.mp3", 22050), ("mono.wav", 32000)]):
            with self.subTest(name=name):
                self.drop(song_file(name, 4, rate))
                browser.wait("document.querySelectorAll('#queue li').length === args[0]", row + 1)
                self.wait_state("done")
                job = self.jobs()[0]
                self.assertEqual(job["sample_rate"], rate)
                self.assertEqual(job["stem_rate"], SAMPLE_RATE)
                # Encoders add up to a few thousand samples of silence.
                self.assertAlmostEqual(job["duration_seconds"], 4 * SAMPLE_RATE / rate, delta=0.2)

    def decoded(self, path: str) -> dict:
        """The sound of a file decoded in pieces, with the largest differences from the browser's decoding of the whole, and the number of pieces."""
        return browser.run("""
            const { decode, inspect } = await import("/local_track.js");
            const { MemoryStorage } = await import("/storage.js");
            const { decodeFrames } = await import("/wav.js");
            const { decodedPlanes } = await import("/convert.js");
            const file = new File([Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0))], "song");
            const { prototype } = OfflineAudioContext;
            const { decodeAudioData } = BaseAudioContext.prototype;
            const sizes = [];
            prototype.decodeAudioData = function (bytes) { sizes.push(bytes.byteLength); return decodeAudioData.call(this, bytes); };
            const facts = await inspect(file);
            const { file: sound, header, sampleRate } = await decode(file, facts, { storage: new MemoryStorage(), path: "decoded" }).finally(() => delete prototype.decodeAudioData);
            const planes = decodeFrames(await sound.arrayBuffer(), header);
            const whole = await decodedPlanes(file, sampleRate);
            const differences = planes.map((plane, channel) => plane.reduce((most, sample, i) => Math.max(most, Math.abs(sample - whole[channel][i])), 0));
            const integers = Int16Array.from({ length: planes.length * planes[0].length }, (_, i) => planes[i % planes.length][Math.floor(i / planes.length)] * 32768);
            const hash = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", integers))));
            return { sampleRate, lengths: planes.map(({ length }) => length), wholeLengths: whole.map(({ length }) => length), difference: Math.max(...differences), hash,
              pieces: sizes.length, isWhole: sizes.includes(file.size) };""", base64.b64encode(Path(path).read_bytes()).decode())

    def check_pieces(self, path: str, bound: float = 0) -> dict:
        """Decodes a file of 75 s, whose pieces have about 30 s."""
        found = self.decoded(path)
        self.assertGreaterEqual(found["pieces"], 3, found)
        self.assertFalse(found["isWhole"], found)
        self.assertEqual(found["lengths"], found["wholeLengths"])
        self.assertLessEqual(found["difference"], bound, found)
        return found

    def test_pieces_of_MP3_decode_as_the_whole(self):
        for name, rate, options in [
            # Bits of other frames, a tag in front with a large picture, and one at the end.
            ("cbr.mp3", 44100, ["-b:a", "128k", "-id3v2_version", "3", "-metadata", "comment=" + "x" * 100_000, "-write_id3v1", "1"]),
            ("vbr.mp3", 48000, ["-q:a", "4"]),
            ("mono.mp3", 22050, ["-ac", "1", "-b:a", "16k"]),
            ("untagged.mp3", 32000, ["-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0"]),
            ("low.mp3", 8000, ["-b:a", "8k"]),
        ]:
            with self.subTest(name=name):
                found = self.check_pieces(coded_file(name, *options, rate=rate))
                self.assertEqual(found["sampleRate"], rate)

    def test_pieces_of_FLAC_decode_as_the_whole_and_as_the_samples(self):
        path = coded_file("16.flac", "-sample_fmt", "s16")
        samples = soundfile.read(path, dtype="int16")[0]
        found = self.check_pieces(path)
        self.assertEqual(found["hash"], base64.b64encode(hashlib.sha256(samples.tobytes()).digest()).decode())
        self.check_pieces(coded_file("24.flac", "-sample_fmt", "s32", "-ac", "1", rate=96000))

    def test_pieces_of_Ogg_decode_as_the_whole(self):
        self.check_pieces(coded_file("vorbis.ogg", "-c:a", "libvorbis", "-q:a", "5"))
        self.check_pieces(coded_file("flac.ogg", "-c:a", "flac"))
        # Its decoder goes on for ever from what it knew; after two seconds that is less than the rounding of 16 bits.
        self.check_pieces(coded_file("opus.opus", "-c:a", "libopus", "-b:a", "96k", rate=48000), 1 / 65536)
        self.check_pieces(coded_file("speech.ogg", "-c:a", "libopus", "-b:a", "12k", "-application", "voip", "-ac", "1", rate=16000), 1 / 65536)

    def test_pieces_of_MP4_decode_as_the_whole(self):
        """Without the noise that AAC's decoders draw, which goes on from what they drew before."""
        self.check_pieces(coded_file("aac.m4a", "-c:a", "aac", "-b:a", "128k", "-aac_pns", "0"))
        self.check_pieces(coded_file("mono.m4a", "-c:a", "aac", "-b:a", "48k", "-ac", "1", "-aac_pns", "0", "-movflags", "+faststart", rate=22050))
        self.check_pieces(coded_file("video.mp4", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=5", "-t", "75", "-c:v", "mpeg4", "-c:a", "aac", "-aac_pns", "0"))

    def test_a_file_that_can_t_be_cut_is_decoded_whole(self):
        song = coded_file("16.flac", "-sample_fmt", "s16")
        damaged = bytearray(Path(song).read_bytes())
        damaged[len(damaged) // 2:len(damaged) // 2 + 20_000] = bytes(20_000)
        chained = Path(coded_file("vorbis.ogg", "-c:a", "libvorbis", seconds=40)).read_bytes() * 2
        for name, content in [("damaged.flac", bytes(damaged)), ("chained.ogg", chained)]:
            with self.subTest(name=name):
                found = self.decoded(garbage_file(name, content))
                self.assertTrue(found["isWhole"], found)
                self.assertEqual(found["lengths"], found["wholeLengths"])
                self.assertEqual(found["difference"], 0)

    def analysis(self, job: str) -> dict:
        return browser.run("const { json } = await import('/api.js'); return await json(`v1/separations/${args[0]}/analysis`)", job)

    def test_a_finished_song_has_its_tempo_and_its_key(self):
        self.choose("shifts", "0")
        self.drop(song_file("song.wav", 20))
        self.wait_state("done")
        [job] = self.jobs()
        found = self.analysis(job["id"])
        # The generator's tempo, or an octave of it.
        self.assertTrue(any(abs(found["tempo_bpm"] / 112 / octave - 1) < 0.04 for octave in (0.5, 1, 2)), found["tempo_bpm"])
        self.assertEqual((job["tempo_bpm"], job["key"]), (found["tempo_bpm"], found["key"]))
        self.assertEqual(found["beats"], sorted(found["beats"]))
        self.assertTrue(0 < len(found["downbeats"]) < len(found["beats"]) < 20 * 4)
        self.assertRegex(found["key"], r"^[A-G]#? (major|minor)$")
        browser.wait_equal("document.querySelector('.rehearsal .facts').textContent", f"{round(found['tempo_bpm'])} BPM · {found['key']}")

    def test_a_cancelled_song_keeps_what_is_finished_until_it_is_removed(self):
        self.hold_at(2)
        self.drop(song_file("song.wav", 60))
        browser.wait("document.querySelector('.strip canvas')")
        browser.execute_script("document.querySelector('.song .actions button').click(); release()")
        self.wait_state("cancelled")
        browser.wait("document.querySelector('.song .facts')?.textContent.includes('cancelled here')")
        # The part is there after a reload, too.
        self.visit()
        self.wait_state("cancelled")
        browser.wait("document.querySelector('.song .facts')?.textContent.includes('cancelled here')")
        part = browser.run("""
            const { request, json } = await import("/api.js");
            const { job } = stage.mixer;
            const file = await (await request(job.stems[0].url)).arrayBuffer();
            const [{ channels: [{ max }] }] = (await json(`v1/separations/${job.id}/peaks?points=10`)).stems;
            await request(`v1/separations/${job.id}`, { method: "DELETE" });
            return { seconds: job.duration_seconds, bytes: job.stems[0].bytes, fileBytes: file.byteLength, named: new DataView(file).getUint32(40, true), max: Math.max(...max) };""")
        self.assertTrue(2 <= part["seconds"] < 60, part)
        self.assertEqual((part["fileBytes"], part["named"]), (part["bytes"], part["bytes"] - 44))
        self.assertEqual(part["bytes"], 44 + round(part["seconds"] * SAMPLE_RATE) * 8)
        self.assertGreater(part["max"], 0)
        deadline = time.monotonic() + LONGEST_SECONDS
        while (files := [name for name in self.stored_files() if "jobs/" in name]) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(files, [])
        # The engine goes on with the next song.
        self.drop(song_file("next.wav", 4))
        self.wait_state("done")

    def first_piece_written(self, job: str) -> int:
        return browser.run("const { openStorage } = await import('/storage.js'); return (await (await openStorage()).file(`jobs/${args[0]}/pieces/000000000`))?.lastModified ?? 0", job)

    def test_after_a_reload_finished_songs_are_there_and_an_interrupted_one_goes_on(self):
        self.drop(song_file("done.wav", 4))
        self.wait_state("done")
        path = song_file("interrupted.wav", 60)
        self.hold_at(9.1)
        self.drop(path)
        self.wait_state("running")
        before = browser.run("""
            for (;;) {
              const { job } = stage.mixer ?? {};
              if (job?.name === "interrupted.wav" && (job.state !== "running" || job.ready_seconds > 9)) return job;
              await new Promise((resolve) => setTimeout(resolve, 20));
            }""")
        self.assertEqual(before["state"], "running")
        written = self.first_piece_written(before["id"])
        self.visit()
        browser.wait("document.querySelectorAll('#queue li').length === 2")
        self.wait_state("done", 1)
        self.wait_state("done", 0)
        interrupted = self.jobs()[0]
        self.assertEqual(interrupted["warnings"], [])
        self.assertEqual(interrupted["duration_seconds"], 60)
        self.assertEqual(self.first_piece_written(before["id"]), written)
        self.assertEqual(self.largest_difference(path, 1), 0)
        found = self.analysis(interrupted["id"])
        self.visit()
        self.wait_state("done", 0)
        self.assertEqual(self.analysis(interrupted["id"]), found)
        peaks = browser.run("const { json } = await import('/api.js'); return await json(`v1/separations/${args[0]}/peaks?points=100`)", interrupted["id"])
        self.assertEqual(peaks["duration_seconds"], 60)
        self.assertGreater(max(peaks["stems"][0]["channels"][0]["max"]), 0)

    def test_a_second_tab_waits_for_the_first(self):
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        try:
            browser.get(f"{self.host.address}/")
            browser.wait("document.querySelector('#banner').innerText.includes('open in another tab')")
            # Songs that are chosen here wait, too.
            browser.execute_script("const { model } = document.querySelector('#options').elements; model.add(new Option('demo')); model.value = 'demo'")
            self.drop(song_file("song.wav", 4))
            self.wait_state("waiting")
            browser.switch_to.window(first)
            browser.get("about:blank")
            browser.switch_to.window(browser.window_handles[1])
            browser.wait("document.querySelector('#banner').hidden && document.querySelector('#engine').textContent")
            self.wait_state("done")
        finally:
            browser.close()
            browser.switch_to.window(first)


class RefusalTests(LocalTest):
    def test_a_browser_without_SIMD(self):
        with browser_with("--js-flags=--no-enable-sse4-1"):
            browser.get(f"{self.host.address}/")
            browser.wait("document.querySelector('#banner').innerText.includes('separate songs')")
            self.assertIn("has no WebAssembly SIMD", browser.execute_script("return document.querySelector('#banner').innerText"))

    def test_a_memory_that_is_too_small_is_refused_before_the_start(self):
        # 131 MB.
        with browser_with("--js-flags=--wasm-max-mem-pages=2000"):
            self.visit()
            self.drop(song_file("song.wav", 4))
            self.wait_state("failed")
            self.assertIn("This model needs about", self.words())
            self.assertIn("choose a smaller model", self.words())

    def test_files_that_are_no_songs(self):
        for name, content, words in [
            ("notes.txt", b"la la la\n" * 100, "can't decode"),
            ("cut.wav", Path(song_file("song.wav", 4)).read_bytes()[:40], "can't decode"),
            ("empty.wav", b"", "empty"),
        ]:
            with self.subTest(name=name):
                self.drop(garbage_file(name, content))
                browser.wait("[...document.querySelectorAll('#queue li')].some((row) => row.dataset.state === 'failed' && row.textContent.includes(args[0]))", name.removesuffix(".wav"))
                self.assertIn(words, self.words())

    def test_a_song_that_is_too_long_to_decode(self):
        # Silence is small, but has 540 MB decoded; and this format isn't cut.
        path = Path(folder) / "long.webm"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "1410", "-c:a", "libopus", "-b:a", "6k", str(path)], check=True)
        self.drop(str(path))
        self.wait_state("failed")
        self.assertIn("too long for the browser to decode", self.words())

    def test_a_full_storage(self):
        # Chromium's protocol can't change the quota of these files.
        browser.execute_script("const { estimate } = navigator.storage; window.free = () => { navigator.storage.estimate = estimate; }; navigator.storage.estimate = async () => ({ quota: 60_000_000, usage: 0 })")
        self.drop(song_file("song.wav", 20))
        self.wait_state("failed")
        self.assertIn("room for 10 MB", self.words())
        browser.execute_script("free(); document.querySelector('#uploads button[aria-label^=Remove]').click()")
        # The disk can also become full in the middle.
        browser.run("const { openStorage, StorageFull } = await import('/storage.js'); const storage = await openStorage(); "
                    "storage.append = (path, bytes) => { if (!path.includes('pieces/')) return Object.getPrototypeOf(storage).append.call(storage, path, bytes); "
                    "return Promise.reject(new StorageFull(path, 8e6, 1e6)); }")
        self.drop(song_file("song.wav", 20))
        self.wait_state("failed")
        self.assertIn("storage is full", self.words())
        browser.run("delete (await (await import('/storage.js')).openStorage()).append")
        self.drop(song_file("next.wav", 4))
        self.wait_state("done")

    def test_a_song_that_is_cancelled_while_it_is_copied_leaves_nothing(self):
        browser.run("""
            const { openStorage } = await import("/storage.js");
            const storage = await openStorage();
            const released = new Promise((resolve) => { window.release = resolve; });
            storage.append = async (path, bytes) => {
              window.isCopying = path.endsWith("/song");
              await released;
              return Object.getPrototypeOf(storage).append.call(storage, path, bytes);
            };""")
        self.drop(song_file("song.wav", 4))
        browser.wait("window.isCopying")
        browser.execute_script("document.querySelector('#uploads button[aria-label^=Cancel]').click(); release()")
        browser.wait("document.querySelectorAll('#queue li').length === 0")
        browser.run("delete (await (await import('/storage.js')).openStorage()).append")
        deadline = time.monotonic() + LONGEST_SECONDS
        while (files := [name for name in self.stored_files() if "jobs/" in name]) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual((files, self.jobs()), ([], []))

    def test_a_broken_model_fails_and_the_next_song_goes_on(self):
        self.drop(garbage_file("broken.safetensors", b"\xff" * 1000))
        browser.wait("[...document.querySelector('[name=model]').options].some(({ value }) => value === 'broken.safetensors')")
        self.assertEqual(browser.execute_script("return document.querySelector('[name=model]').value"), "broken.safetensors")
        self.drop(song_file("song.wav", 4))
        self.wait_state("failed")
        self.assertIn("broken.safetensors", self.words())
        browser.execute_script("document.querySelector('#options').closest('details').open = true; document.querySelector('#stored-models button').click()")
        browser.wait("document.querySelector('#stored-models').hidden")
        self.choose("model", "demo")
        self.drop(song_file("next.wav", 4))
        self.wait_state("done")


class PageTests(LocalTest):
    def test_a_model_file_of_the_user(self):
        self.drop(str(Path(web) / "demo.safetensors"))
        browser.wait("document.querySelector('[name=model]').value === 'demo.safetensors'")
        self.drop(song_file("song.wav", 4))
        self.wait_state("done")
        self.assertEqual(self.jobs()[0]["model"], "demo.safetensors")

    def test_the_stems_of_a_chosen_model_are_remembered(self):
        self.choose("model", "htdemucs_6s")
        self.choose("two-stems", "guitar")
        browser.get("about:blank")
        browser.get(self.host.address)
        browser.wait("document.querySelector('#engine').textContent")
        chosen = browser.execute_script("const { elements } = document.querySelector('#options'); return [elements.model.value, elements['two-stems'].value, elements['two-stems'].options.length]")
        self.assertEqual(chosen, ["htdemucs_6s", "guitar", 7])

    def test_the_example_song_leaves_out_a_stem_that_its_model_lacks(self):
        self.choose("model", "htdemucs_6s")
        self.choose("two-stems", "guitar")
        browser.execute_script("document.querySelector('#example').click()")
        self.wait_state("done")
        self.assertEqual([stem["name"] for stem in self.jobs()[0]["stems"]], STEMS)

    def test_a_stem_that_the_model_lacks_is_refused(self):
        found = browser.run("""
            const { json } = await import("/api.js");
            const form = new FormData();
            form.append("model", "demo");
            form.append("two-stems", "guitar");
            form.append("file", new File([await (await fetch("demo_track.ogg")).blob()], "song.ogg"));
            return json("v1/separations", { method: "POST", body: form }).then(() => "taken", ({ status, kind, message }) => [status, kind, message]);""")
        self.assertEqual(found, [422, "invalid-option", "The value 'guitar' is invalid for 'two-stems': expected one of drums, bass, other, vocals"])
        self.assertEqual(self.jobs(), [])

    def test_the_page_weighs_at_most_130_kB(self):
        """Without the engine, the models, the example, and what only songs of one format load; each module by itself. The service sends one script."""
        formats = ("local_flac.js", "local_mp3.js", "local_mp4.js", "local_ogg.js")
        names = [path for path in Path(web).iterdir() if path.suffix in (".html", ".js", ".css", ".svg", ".webmanifest", ".json") and path.name not in formats]
        weight = sum(len(gzip.compress(path.read_bytes(), 9)) for path in names)
        self.assertLess(weight, 130_000)

    def test_the_policy_lets_nothing_out(self):
        self.drop(song_file("song.wav", 4))
        self.wait_state("done")
        self.assertEqual(browser.execute_script("return window.violations"), [])
        self.assertEqual(browser.run("return await fetch('https://example.org/').then(() => 'sent', () => 'refused')"), "refused")
        browser.wait("window.violations.length === 1")
        browser.serious_messages()

    def test_axe_finds_nothing(self):
        self.hold_at(2)
        self.drop(song_file("song.wav", 20))
        browser.wait("document.querySelector('.strip canvas')")
        self.check_access("running")
        browser.execute_script("release()")
        self.check_access("done")

    def check_access(self, state: str):
        self.wait_state(state)
        browser.execute_script("document.querySelector('#options').closest('details').open = true")
        for width in (1440, 390):
            browser.size(width, 844)
            browser.execute_script(AXE.read_text())
            found = browser.execute_async_script("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(arguments[0])")
            self.assertEqual([(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]], [], f"{state}, {width}")
            self.assertTrue(browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), f"{state}, {width}")

    def test_pure_modules(self):
        passed = browser.run_module_tests(HERE / "local_modules.js")
        self.assertGreaterEqual(len(passed), 5)


class PlainHostTests(LocalTest):
    """On a host that doesn't send the headers, a service worker does."""

    is_isolated = False

    def test_a_song_is_separated_with_shared_memory(self):
        browser.wait("crossOriginIsolated")
        self.choose("model", "demo")
        self.drop(song_file("song.wav", 4))
        self.wait_state("done")

    def test_songs_that_are_chosen_before_the_page_is_isolated_are_separated(self):
        # A new origin, whose service worker waits.
        self.host.stop()
        self.host = PageHost(Path(web), self.is_isolated)
        self.host.start()
        script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            const { register } = ServiceWorkerContainer.prototype;
            ServiceWorkerContainer.prototype.register = async function (...options) {
              await new Promise((resolve) => { window.install = resolve; });
              return register.apply(this, options);
            };"""})["identifier"]
        self.addCleanup(browser.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
        browser.get(f"{self.host.address}/")
        browser.wait("window.install !== undefined")
        # Until the page listens.
        browser.run("")
        browser.execute_script("const { model } = document.querySelector('#options').elements; model.add(new Option('demo')); model.value = 'demo'")
        self.drop(song_file("song.wav", 4))
        self.wait_state("waiting")
        browser.execute_script("install()")
        self.wait_state("done")
        self.assertFalse(browser.execute_script("return crossOriginIsolated"))

    def test_without_the_host_the_page_opens_again(self):
        browser.wait("crossOriginIsolated")
        self.choose("model", "demo")
        self.host.stop()
        self.visit()
        self.drop(song_file("song.wav", 4))
        self.wait_state("done")
        self.host.start()


class ServiceTests(LocalTest):
    """The page of a service that hands out the static page, too."""

    def setUp(self):
        self.host = BinarySubject(binary, "--web", web)
        self.host.start()
        # It would start the service's page within the other one.
        browser.prelude = ""
        self.addCleanup(lambda: delattr(browser, "prelude"))
        browser.size(1440, 900)
        browser.get(self.host.url)

    def separate(self, name: str):
        """In float32 and without a shift, so that both back ends give the same stems."""
        browser.wait("document.querySelector('#engine').textContent")
        for option, value in [("model", "demo"), ("precision", "float32"), ("shifts", "0")]:
            self.choose(option, value)
        self.drop(song_file(name, 8))
        self.wait_state("done")

    def switch(self, where: str):
        # Chromium tells of the page that is left only when the next one has come.
        browser.execute_script("window.isLeft = true")
        self.choose("where", where)
        browser.execute_script("document.querySelector('[name=where]').dispatchEvent(new Event('change'))")
        browser.wait("!window.isLeft && document.querySelector('#engine').textContent")

    def wait_names(self, *names: str):
        browser.wait_equal("[...document.querySelectorAll('#queue li .name')].map((name) => name.textContent)", list(names))

    def test_songs_are_separated_on_this_computer_or_by_the_service(self):
        self.separate("song.wav")
        [job] = self.host.jobs()
        [url] = [stem["url"] for stem in job["stems"] if stem["name"] == "vocals"]
        by_service = soundfile.read(io.BytesIO(self.host.request("GET", url.lstrip("/"))))[0]
        self.switch("browser")
        self.assertIn("/web/", browser.current_url)
        self.assertTrue(browser.execute_script("return crossOriginIsolated"))
        self.wait_names()
        self.separate("own.wav")
        self.assertEqual(len(self.host.jobs()), 1)
        samples = browser.run("""
            const { json, request } = await import("/web/api.js");
            const { separations: [job] } = await json("v1/separations");
            const { url } = job.stems.find(({ name }) => name === "vocals");
            const bytes = new Uint8Array(await (await request(url)).arrayBuffer());
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);""")
        in_browser = soundfile.read(io.BytesIO(base64.b64decode(samples)))[0]
        self.assertEqual(in_browser.shape, by_service.shape)
        # The service's files have 16 bits.
        self.assertLess(numpy.abs(in_browser - by_service).max(), 1.5 / 32768)
        self.switch("service")
        self.wait_names("song")
        self.switch("browser")
        self.wait_names("own")


def main():
    global web, binary, browser, folder
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", required=True, help="the folder of the static build, dist/web")
    parser.add_argument("--binary", required=True, help="the native program, swift-demucs")
    parser.add_argument("--slow", type=float, metavar="TIMES", help="the page's scripts take this many times as long: no test may depend on speed")
    parser.add_argument("tests", nargs="*", help="names of tests or classes; default: all")
    options = parser.parse_args()
    web = str(Path(options.web).resolve())
    binary = options.binary
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "downloads").mkdir()
        browser = Browser(str(Path(folder) / "downloads"))
        if options.slow:
            browser.slow_down(options.slow)
        try:
            suite = unittest.TestSuite()
            for test in unittest.TestLoader().loadTestsFromModule(sys.modules["__main__"])._tests:
                for case in test:
                    if not options.tests or any(name in case.id().split(".") for name in options.tests):
                        suite.addTest(case)
            return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1
        finally:
            browser.quit()


if __name__ == "__main__":
    sys.exit(main())
