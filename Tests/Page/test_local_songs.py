"""Tests of songs that the browser separates: their files, and what is left when a tab is closed or a song cancelled."""
import base64
import io
import zipfile
from pathlib import Path

import numpy
import soundfile

from local_test import LocalTest
from music import SAMPLE_RATE
from selenium.webdriver.common.by import By


class SeparationTests(LocalTest):
    def largest_difference(self, path: str, shifts: int) -> float:
        """Between the files of the newest job, and what the engine gives on the page by itself; their analyses must be equal."""
        return self.page("""
            const { load } = await import("/engine/swift-demucs.js");
            const { parseHeader, decodeFrames } = await import("/engine/wav.js");
            const { separations: [job] } = await backend.list({ limit: 1 });
            const { seed } = await storage.readJSON(`jobs/${job.id}/job.json`);
            const song = Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0)).buffer;
            const header = parseHeader(song, song.byteLength);
            const channels = decodeFrames(song.slice(header.dataOffset), header);
            const engine = await load("demo");
            const { stems, analysis } = await engine.separate({ channels, sampleRate: 44100 }, { shifts: args[1], seed, analyze: true });
            engine.close();
            const [expected, found] = [analysis, await backend.analysis(job.id)].map((value) => JSON.stringify(value));
            if (found !== expected) throw new Error(`the analysis is ${found}, not ${expected}`);
            let largest = 0;
            for (const stem of job.stems) {
              const { name, bytes } = stem;
              const file = await backend.whole(job.id, stem);
              if (file.byteLength !== bytes) throw new Error(`${name} has ${file.byteLength} bytes`);
              const planes = decodeFrames(file.slice(44), parseHeader(file, file.byteLength));
              planes.forEach((plane, channel) => plane.forEach((sample, i) => { largest = Math.max(largest, Math.abs(sample - stems[name][channel][i])); }));
              if (planes[0].length !== channels[0].length) throw new Error(`${name} has ${planes[0].length} samples`);
            }
            return largest;""", base64.b64encode(Path(path).read_bytes()).decode(), shifts)

    def test_the_files_are_the_engine_s_samples(self):
        self.option("shifts", "2")
        self.separated(seconds=6)
        self.assertEqual(self.largest_difference(self.songs.wav("song.wav", 6), 2), 0)

    def test_downloads(self):
        self.option("two-stems", "vocals")
        self.option("residual", "true")
        self.separated(seconds=4)
        self.script("document.querySelector('.menu summary').click()")
        buttons = [button for button in self.browser.find_elements(By.CSS_SELECTOR, ".menu .sheet button") if button.is_displayed()]
        buttons.pop(1).click()
        small = soundfile.SoundFile(io.BytesIO(self.browser.saved("song - mix.wav")))
        for button in buttons:
            button.click()
        mix, vocals, rest = (soundfile.read(io.BytesIO(self.browser.saved(f"song - {name}.wav")))[0] for name in ("mix", "vocals", "no_vocals"))
        self.assertEqual(len(vocals), 4 * SAMPLE_RATE)
        # Rounding of float32 alone.
        self.assertLess(numpy.abs(mix - vocals - rest).max(), 1e-6)
        self.assertEqual(small.subtype, "PCM_16")
        self.assertLess(numpy.abs(mix - small.read()).max(), 1 / 32768)
        with zipfile.ZipFile(io.BytesIO(self.browser.saved("song.zip"))) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["vocals.wav", "no_vocals.wav", "residual.wav"])
            self.assertTrue(all(file.compress_type == zipfile.ZIP_DEFLATED for file in archive.infolist()))
            zipped, residual = (soundfile.read(io.BytesIO(archive.read(f"{name}.wav")))[0] for name in ("vocals", "residual"))
        self.assertTrue(numpy.array_equal(zipped, vocals))
        self.assertGreater(numpy.abs(residual).max(), 1e-4)
        self.assertLess(numpy.abs(vocals + rest + residual - soundfile.read(self.songs.wav("song.wav", 4))[0]).max(), 1e-6)

    def test_each_format_reaches_the_engine_at_its_own_rate(self):
        for row, (name, rate) in enumerate([("song.flac", 44100), ("song.ogg", 48000), ("song.mp3", 22050), ("mono.wav", 32000)]):
            with self.subTest(name=name):
                self.upload(self.songs.song(name, 4, rate))
                self.wait("document.querySelectorAll('#queue li').length === args[0]", row + 1)
                self.wait_state("done")
                job = self.subject.jobs()[0]
                self.assertEqual(job["sample_rate"], rate)
                self.assertEqual(job["stem_rate"], SAMPLE_RATE)
                # Encoders add up to a few thousand samples of silence.
                self.assertAlmostEqual(job["duration_seconds"], 4 * SAMPLE_RATE / rate, delta=0.2)

    def test_a_FLAC_file_reaches_the_engine_as_its_samples(self):
        path = self.songs.song("song.flac", 4)
        bits = soundfile.info(path).subtype
        found = self.page("""
            const { inspect, soundOf } = await import("./engine/track.js");
            const song = new File([Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0))], "song");
            const { file, header, sampleRate } = await soundOf(song, await inspect(song));
            const samples = new Float32Array(await file.slice(header.dataOffset).arrayBuffer());
            return { sampleRate, channels: header.channels, frames: header.frames, samples: [...samples].map((sample) => Math.round(sample * 32768)) };""", base64.b64encode(Path(path).read_bytes()).decode())
        samples, rate = soundfile.read(path, dtype="int16")
        self.assertEqual(bits, "PCM_16")
        self.assertEqual((found["sampleRate"], found["channels"], found["frames"]), (rate, samples.shape[1], len(samples)))
        self.assertTrue(numpy.array_equal(numpy.array(found["samples"]).reshape(-1, 2), samples))

    def analysis(self, job: str) -> dict:
        return self.page("return await backend.analysis(args[0])", job)

    def test_a_finished_song_has_its_tempo_and_its_key(self):
        self.option("shifts", "0")
        self.separated(seconds=20)
        [job] = self.subject.jobs()
        found = self.analysis(job["id"])
        # The generator's tempo, or an octave of it.
        self.assertTrue(any(abs(found["tempo_bpm"] / 112 / octave - 1) < 0.04 for octave in (0.5, 1, 2)), found["tempo_bpm"])
        self.assertEqual((job["tempo_bpm"], job["key"]), (found["tempo_bpm"], found["key"]))
        self.assertEqual(found["beats"], sorted(found["beats"]))
        self.assertTrue(0 < len(found["downbeats"]) < len(found["beats"]) < 20 * 4)
        self.assertRegex(found["key"], r"^[A-G]#? (major|minor)$")
        self.browser.wait_equal("document.querySelector('.rehearsal .facts').textContent", f"{round(found['tempo_bpm'])} BPM · {found['key'].replace('b ', '♭ ').replace('# ', '♯ ')}")

    def test_the_part_of_a_cancelled_song_stays_until_it_is_removed(self):
        self.subject.hold(1)
        self.upload(self.songs.wav("song.wav", 12))
        self.wait("document.querySelector('.strip canvas')")
        self.script("document.querySelector('.song .actions button').click()")
        self.let_cancel()
        self.wait_state("cancelled")
        self.open()
        self.wait_state("cancelled")
        self.wait("document.querySelector('.song .facts')?.textContent.includes('cancelled here')")
        part = self.page("""
            const { job } = stage.mixer;
            const file = await backend.whole(job.id, job.stems[0]);
            const [{ channels: [{ max }] }] = (await backend.peaks(job.id, { points: 10 })).stems;
            await backend.remove(job.id);
            return { seconds: job.duration_seconds, bytes: job.stems[0].bytes, fileBytes: file.byteLength, named: new DataView(file).getUint32(40, true), max: Math.max(...max) };""")
        self.assertTrue(2 <= part["seconds"] < 12, part)
        self.assertEqual((part["fileBytes"], part["named"]), (part["bytes"], part["bytes"] - 44))
        self.assertEqual(part["bytes"], 44 + round(part["seconds"] * SAMPLE_RATE) * 8)
        self.assertGreater(part["max"], 0)
        self.wait_until_nothing_is_stored()
        # The engine goes on with the next song.
        self.separated("next.wav")

    def first_piece_written(self, job: str) -> int:
        return self.page("return (await storage.file(`jobs/${args[0]}/pieces/000000000`))?.lastModified ?? 0", job)

    def test_after_a_reload_finished_songs_are_there_and_an_interrupted_one_goes_on(self):
        self.separated("done.wav")
        path = self.songs.wav("interrupted.wav", 11)
        # In the second segment.
        self.subject.hold(2)
        self.upload(path)
        self.wait("document.querySelector('.song h1')?.textContent === 'interrupted'")
        self.page("await until(() => stage.mixer?.job.ready_seconds > 3)")
        before = self.subject.jobs()[0]
        self.assertEqual((before["name"], before["state"]), ("interrupted.wav", "running"))
        written = self.first_piece_written(before["id"])
        self.open()
        self.wait("document.querySelectorAll('#queue li').length === 2")
        self.wait_state("done", 1)
        self.wait_state("done", 0)
        interrupted = self.subject.jobs()[0]
        self.assertEqual(interrupted["warnings"], [])
        self.assertEqual(interrupted["duration_seconds"], 11)
        self.assertEqual(self.first_piece_written(before["id"]), written)
        self.assertEqual(self.largest_difference(path, 1), 0)
        found = self.analysis(interrupted["id"])
        self.open()
        self.wait_state("done", 0)
        self.assertEqual(self.analysis(interrupted["id"]), found)
        peaks = self.page("return await backend.peaks(args[0], { points: 100 })", interrupted["id"])
        self.assertEqual(peaks["duration_seconds"], 11)
        self.assertGreater(max(peaks["stems"][0]["channels"][0]["max"]), 0)

    def test_a_second_tab_waits_for_the_first(self):
        first = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        try:
            self.browser.get(f"{self.subject.url}")
            self.wait("document.querySelector('#banner').innerText.includes('open in another tab')")
            # Songs that are chosen here wait, too.
            self.upload(self.songs.wav("song.wav", 4))
            self.wait_state("waiting")
            self.browser.switch_to.window(first)
            self.browser.get("about:blank")
            self.browser.switch_to.window(self.browser.window_handles[1])
            self.wait("document.querySelector('#banner').hidden && document.querySelector('#engine').textContent")
            self.wait_state("done")
        finally:
            self.browser.close()
            self.browser.switch_to.window(first)
