"""Speed, pitch, beats and loops that get faster."""
import io

import numpy
import soundfile
from selenium.webdriver import ActionChains

from page_test import SongTest, smoke


class RehearsalTests(SongTest):
    #: What `Stretch` makes of the job's stems, rendered on the page's own thread: `[left, right]` of their sum.
    STRETCHED = """
        const { Stretch } = await import("/stretch.js");
        const stretched = async (tuning, from, count) => {
          const stems = await decodeStems();
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
        self.wait("document.querySelector('.rehearsal .facts').textContent !== ''")
        self.script("document.querySelector('.rehearsal .more').open = true")

    def facts(self) -> str:
        return self.find(".rehearsal .facts").text

    @smoke
    def test_what_plays_is_what_the_stretcher_makes_in_one_clock(self):
        found = self.page(self.STRETCHED + """
            const rendered = await render(2, 100000, (engine) => { engine.tuning = tuning; });
            const expected = await stretched(tuning, 100000, 2 * rate);
            return { worst: difference(rendered, [expected], [1], (i) => i - lead, lead + fade + 1), loudest: loudest(expected[0]) };""")
        self.assertGreater(found["loudest"], 0.05)
        self.assertLess(found["worst"], 1e-5)

    def test_a_file_has_the_speed_and_pitch_that_sound(self):
        self.set_slider("Speed", 70)
        self.set_slider("Pitch", 2)
        self.script("[...document.querySelectorAll('.rehearsal .group button')].find(({ title }) => title === 'Save the mix as a WAV file').click()")
        sound, rate = soundfile.read(io.BytesIO(self.browser.saved("song - mix (70*.wav")))
        frames = self.page("return (await stage.mixer.player.pieces()).frames")
        self.assertEqual([len(sound), rate], [int(frames / 0.7), self.job["stem_rate"]])
        expected = self.page(self.STRETCHED + "return [...(await stretched(tuning, 0, 132300))[0].slice(88200)]")
        self.assertLess(numpy.abs(numpy.array(expected) - sound[88200:132300, 0]).max(), 1e-5)

    def test_a_page_without_worklets_says_what_they_need(self):
        self.set_slider("Speed", 50)
        # As on pages without https.
        self.script("Object.defineProperty(BaseAudioContext.prototype, 'audioWorklet', { get: () => undefined, configurable: true })")
        self.click(".play")
        self.wait("document.querySelector('.mixer').innerText.includes('pages with https, or on localhost')")
        self.set_slider("Speed", 100)
        self.play()

    def test_speed_changes_while_it_plays(self):
        self.play()
        before = self.page("await sound.advance(0.5); return stage.mixer.time")
        self.set_slider("Speed", 50)
        self.wait_equal("document.querySelector('.rehearsal .dial .value').textContent", "50 %")
        self.page("await until(() => !stage.mixer.engine.isWaiting)")
        heard = self.page("await sound.advance(0.8); return loudest((await hear()).samples)")
        self.assertGreater(heard, 0.02)
        self.assertAlmostEqual(self.mixer("time"), before + (1 - 0.03) / 2, delta=0.01)

    def test_clicks_are_on_the_beats_at_any_speed(self):
        for speed in (1, 0.5):
            places = self.page("""
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

    @smoke
    def test_tempo_and_key_follow_speed_and_pitch_and_are_remembered(self):
        analysis = self.saved_analysis()
        self.assertIn(f"{round(analysis['tempo_bpm'])} BPM", self.facts())
        self.assertIn(analysis["key"], self.facts())
        self.press("<", "<", "<", "<", ".")
        notes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
        note, mode = analysis["key"].split()
        self.assertEqual(self.facts(), f"{round(analysis['tempo_bpm'] * 0.8)} BPM · {notes[(notes.index(note) + 1) % 12]} {mode}")
        self.press_button("Double", ".rehearsal")
        self.assertIn(f"{round(analysis['tempo_bpm'] * 1.6)} BPM", self.facts())
        self.browser.refresh()
        self.wait("document.querySelector('.rehearsal .facts')?.textContent.includes(args[0])", f"{round(analysis['tempo_bpm'] * 1.6)} BPM")
        self.assertEqual(self.value("[...document.querySelectorAll('.rehearsal .dial .value')].map(({ textContent }) => textContent)"), ["80 %", "+1"])

    def test_loops_lie_on_bars_if_asked_to(self):
        self.press_button("Snap to bars", ".rehearsal")
        ruler = self.find(".ruler")
        width = ruler.size["width"]
        ActionChains(self.browser).move_to_element_with_offset(ruler, int(-width * 0.2), 0).click_and_hold().move_by_offset(int(width * 0.4), 0).release().perform()
        for edge in self.mixer("loop"):
            self.assertLess(min(abs(edge - bar) for bar in self.saved_analysis()["downbeats"]), 1e-6)

    def test_a_loop_gets_faster_turn_by_turn_and_sections_keep_loops(self):
        self.set_slider("Speed", 90)
        self.page("stage.mixer.setLoop([2, 2.8])")
        self.press_button("A", ".rehearsal")
        self.press_button("5 % faster each turn", ".rehearsal")
        self.play()
        speeds = self.page("""
            const seen = [];
            for (let turn = 0; turn < 3; turn += 1) {
              await sound.advance(0.5);
              seen.push(document.querySelector('.rehearsal .dial .value').textContent);
              await sound.advance(0.3);
            }
            return seen;""")
        self.assertEqual(speeds, ["90 %", "95 %", "100 %"])
        self.page("stage.mixer.setLoop(null)")
        self.press_button("A", ".rehearsal")
        self.assertEqual(self.mixer("loop"), [2, 2.8])

    def test_a_count_in_comes_before_the_sound(self):
        self.press_button("Count-in", ".rehearsal")
        self.play()
        beats = self.saved_analysis()["beats"]
        bar = 4 * (beats[1] - beats[0])
        before, after = self.page("""
            await sound.advance(0.75 * args[0]);
            const before = stage.mixer.time;
            await sound.advance(0.5 * args[0]);
            return [before, stage.mixer.time];""", bar)
        self.assertEqual(before, 0)
        self.assertAlmostEqual(after, 0.25 * bar, delta=0.1 * bar)
