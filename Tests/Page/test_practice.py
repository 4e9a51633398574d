"""The tools for a musician: by samples, positions and words."""

import numpy
import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from music import SAMPLE_RATE
from page_test import SongTest, smoke


def peak_decibels(samples: numpy.ndarray) -> float:
    return 20 * numpy.log10(numpy.abs(samples).max())


class PracticeTests(SongTest):
    def assert_heard(self, gains: list[float], words: str = ""):
        self.assertLess(self.page("return await heardDifference(args[0])", gains), 1e-5, words)

    # Loops

    def test_loop_edges_are_dragged_and_moved_by_keys(self):
        self.page("stage.mixer.setLoop([2, 6]); await drawn()")
        second = self.find(".ruler").size["width"] / 8
        start, end = self.browser.find_elements(By.CSS_SELECTOR, ".loop-handle")
        ActionChains(self.browser).click_and_hold(start).move_by_offset(int(2 * second), 0).release().perform()
        loop = self.mixer("loop")
        self.assertAlmostEqual(loop[0], 2 + int(2 * second) / second, delta=1.5 / second)
        self.assertEqual(loop[1], 6)
        end.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        self.assertAlmostEqual(self.mixer("loop[1]"), 5.9, 6)
        self.assertEqual(end.get_attribute("aria-valuetext"), "5 seconds 90 hundredths")
        # The sound follows: it is never outside.
        self.play()
        self.page("await stage.mixer.seek(5.6); await until(() => !stage.mixer.engine.isWaiting)")
        times = self.page("const times = []; for (let i = 0; i < 10; i += 1) { await sound.advance(0.1); times.push(stage.mixer.time); } return times")
        self.assertTrue(all(loop[0] - 0.01 <= time <= 5.91 for time in times), times)
        self.assertNotEqual(times, sorted(times))
        # The other edge never passes this one.
        start.send_keys(*[Keys.PAGE_UP] * 9)
        edges = self.mixer("loop")
        self.assertAlmostEqual(edges[1] - edges[0], 0.05, 6)

    def test_a_finger_loops_on_the_ruler(self):
        self.resize(390)
        self.script("document.querySelector('.ruler').scrollIntoView({ block: 'center' })")
        # The waveform of the mix scrolls when it is zoomed, and loops too when it is not.
        for surface in (".ruler", ".whole"):
            self.touch(*(self.point(surface, share) for share in (0.25, 0.3, 0.4, 0.5)))
            loop = self.mixer("loop")
            self.assertAlmostEqual(loop[0], 0.25 * 8, delta=0.1)
            self.assertAlmostEqual(loop[1], 0.5 * 8, delta=0.1)
            self.mixer("setLoop(null)")
        self.touch(self.point(".whole", 0.75))
        self.assertAlmostEqual(self.mixer("time"), 0.75 * 8, delta=0.1)

    # Mixes

    @smoke
    def test_presets_are_heard(self):
        self.play()
        for words, gains in [("Karaoke", [1, 1, 1, 0]), ("No drums", [0, 1, 1, 1]), ("Bass alone", [0, 1, 0, 0]), ("All stems", [1, 1, 1, 1])]:
            self.press_button(words, ".practice")
            self.assertEqual(self.value("[...document.querySelectorAll('.practice [aria-pressed=true]')].map(({ textContent }) => textContent)"), [words])
            self.assert_heard(gains, words)
        self.choose(".practice select", "other")
        self.assert_heard([1, 1, 0, 1])
        # The instrument is remembered for other songs.
        self.open()
        self.wait("[...document.querySelectorAll('.practice button')].some(({ textContent }) => textContent === 'Without other')")

    def test_the_mix_is_reset(self):
        self.assertTrue(self.value("[...document.querySelectorAll('.practice button')].at(-1).disabled"))
        self.page("stage.mixer.toggleStrip(1, 'isSolo'); stage.mixer.changeVolume(0, -7); stage.mixer.strips[2].pan = 40")
        self.set_slider("master volume", -6)
        self.wait("location.hash.includes('master=-6')")
        self.open()
        self.wait_for_song("song")
        self.assertEqual(self.page("return [stage.mixer.mix.master.volume, stage.mixer.strips.map(({ volume, pan, isSolo }) => [volume, pan, isSolo])]"),
                         [-6, [[-7, 0, False], [0, 0, True], [0, 40, False], [0, 0, False]]])
        self.press_button("Reset mix", ".practice")
        self.play()
        self.assert_heard([1, 1, 1, 1])
        self.wait("!location.hash.includes('mix.') && !location.hash.includes('master')")

    def test_the_original_is_the_stems_and_what_they_leave_out_as_loud_as_the_mix(self):
        job = self.subject.separate(self.songs.wav("whole.wav", 8), residual="true")
        self.open_song("whole")
        self.assertEqual(self.mixer("names"), ["drums", "bass", "other", "vocals", "residual"])
        self.assertEqual(self.mixer("mix.gains.map(([gain]) => gain)"), [1, 1, 1, 1, 0])
        # The residual has no strip; a preset lets it be heard.
        self.assertEqual(self.mixer("stripViews.map(({ name }) => name)"), ["drums", "bass", "other", "vocals"])
        self.press_button("What is left", ".practice")
        self.assertEqual(self.mixer("mix.gains.map(([gain]) => gain)"), [0, 0, 0, 0, 1])
        self.press_button("All stems", ".practice")
        # The sum of all files is the song that was sent, but for a step of 16 bits in each of five files.
        stems = [self.sound(stem) for stem in job["stems"]]
        worst = self.page("""
            const stems = await decodeStems();
            const rendered = await render(2, 50000, (engine) => stage.mixer.mix.originalGains.forEach(([value], index) => engine.setGain(index, value)));
            return difference(rendered, stems, stems.map(() => 1), (i) => i - lead + 50000, lead + fade + 1);""")
        self.assertLess(worst, 1e-6)
        song, _ = soundfile.read(self.songs.wav("whole.wav", 8))
        gains = {stem["gain"] for stem in job["stems"]}
        self.assertEqual(len(gains), 1)
        # A whole step each where the stems are just below zero; 1e-7 is the rounding of floats.
        self.assertLess(numpy.abs(sum(stems)[:len(song)] - gains.pop() * song).max(), 5 / 32768 + 1e-7)
        # The mix is the original at −6 dB.
        self.page("const { mixer } = stage; mixer.strips[4].isMuted = false; mixer.strips.forEach((_, index) => mixer.changeVolume(index, -6)); await mixer.seek(4)")
        self.press("o")
        self.wait("[...document.querySelectorAll('.practice button')].some(({ textContent }) => textContent === 'Back to the mix')")
        self.assertIn("The original, at −6 dB to be as loud as your mix", self.words())
        heard = "mix.heard.map(([value]) => Number(value.toFixed(3)))"
        self.assertEqual(self.mixer(heard), [0.501] * 5)
        # A change of the mix is heard at once.
        self.press("1")
        self.assertEqual(self.mixer(heard), [0] + [0.501] * 4)

    def test_meters_show_what_sounds_and_the_light_tells_of_clipping(self):
        self.page("stage.mixer.toggleStrip(1, 'isMuted'); stage.mixer.setLoop([2, 3])")
        self.play()
        # More than a turn of the loop, and the highest level that each meter shows; a meter reads 2048 samples in each frame.
        turn = """
            let most = [0, 0, 0, 0];
            for (let i = 0; i < 28; i += 1) {
              await sound.advance(0.04);
              await drawn();
              const bars = [...document.querySelectorAll(".strip .meter")].map((meter) => [...meter.children].map((bar) => new DOMMatrix(getComputedStyle(bar).transform).a));
              most = most.map((level, stem) => Math.max(level, ...bars[stem]));
            }
            return most;"""
        levels = self.page(turn)
        self.assertEqual(levels.pop(1), 0)
        self.assertGreater(min(levels), 0.02)
        self.assertTrue(self.find(".clip").get_property("disabled"))
        # The peak in words is that of the samples.
        stems = [self.sound(stem)[2 * SAMPLE_RATE:3 * SAMPLE_RATE] for stem in self.job["stems"]]
        shown = lambda: float(self.find(".master .value[title]").text.replace("−", "-").removesuffix(" dB"))
        self.assertAlmostEqual(shown(), peak_decibels(sum(stems) - stems[1]), delta=0.1)
        self.page("stage.mixer.toggleStrip(1, 'isMuted'); stage.mixer.strips.forEach((_, index) => stage.mixer.changeVolume(index, 6))")
        self.set_slider("master volume", 6)
        self.page(turn)
        self.assertGreater(peak_decibels(sum(stems)) + 12, 0, "the song is loud enough to clip")
        self.assertAlmostEqual(shown(), peak_decibels(sum(stems)) + 12, delta=0.1)
        self.assertRegex(self.find(".clip").get_attribute("aria-label"), r"^\d+\.\d dB over: too loud for loudspeakers; files are safe\.")
        self.click(".play")
        # The meters have shown the last sound.
        self.page("await sound.advance(1); await drawn()")
        self.click(".clip")
        self.page("await drawn()")
        self.assertEqual(self.find(".clip").get_attribute("aria-label"), "No clipping")

    # Pictures

    def test_a_close_window_shows_each_sample(self):
        self.expected_messages = "willReadFrequently"
        lines = self.page("""
            const { mixer } = stage;
            await mixer.seek(5);
            mixer.zoom(8 * rate / 40);
            await until(() => mixer.board.waveforms.of(2, mixer.timeline).planes);
            await drawn();
            const { canvas } = mixer.stripViews[2];
            const context = canvas.getContext("2d");
            const stems = await decodeStems();
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

    def test_a_spectrogram_is_complete_and_true_to_the_stem(self):
        worst, loudest = self.page("""
            const { mixer } = stage;
            await mixer.toggleSpectrogram();
            await until(() => mixer.board.spectrograms?.isComplete);
            const { bands, spectrogram } = await import("/mixer/spectrum.js");
            const { canvas: { width }, canvas, start, hop } = mixer.board.spectrograms.picture(1);
            const [left, right] = (await decodeStems())[1];
            const read = (first, count) => Float32Array.from({ length: count }, (_, i) => ((left[first + i] ?? 0) + (right[first + i] ?? 0)) / 2);
            const expected = spectrogram(read, rate, { centre: start + hop / 2, hop, count: width });
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, bands);
            // The highest band stands above.
            const shown = Array.from(expected, (_, i) => data[((bands - 1 - (i % bands)) * width + Math.floor(i / bands)) * 4 + 3]);
            return [Math.max(...shown.map((level, i) => Math.abs(level - expected[i]))), Math.max(...shown)];""")
        self.assertLessEqual(worst, 1)
        self.assertGreater(loudest, 120)

    # Files

    def test_a_stem_is_dragged_out(self):
        dragged = self.page("""
            const dataTransfer = new DataTransfer();
            document.querySelector('.stem-name').dispatchEvent(new DragEvent('dragstart', { dataTransfer, bubbles: true }));
            const [, type, name, address] = /^([^:]+):([^:]+):(.+)$/.exec(dataTransfer.getData('DownloadURL'));
            const reply = await fetch(address);
            return [document.querySelector('.stem-name').draggable, type, name, [...new Uint8Array(await reply.arrayBuffer()).slice(0, 4)], dataTransfer.getData('text/uri-list') === address];""")
        self.assertEqual(dragged, [True, "audio/wav", "song - drums.wav", list(b"RIFF"), True])

    def test_share_says_where_the_link_works(self):
        self.press_button("Share", ".actions")
        self.wait("document.querySelector('#said').textContent.includes('It works on this computer only, as long as the song is kept.')")
        # It is announced once, and moves nothing.
        self.assertEqual(self.value("[...document.querySelectorAll('[role=status], [role=alert], [aria-live]')].filter((node) => node.textContent.includes('works')).length"), 1)
