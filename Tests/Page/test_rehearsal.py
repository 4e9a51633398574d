"""Speed, pitch, beats and loops that get faster."""
import io

import numpy
import soundfile
from selenium.webdriver.common.keys import Keys

from page_test import SongTest, smoke


#: Speed and pitch as they are shown.
VALUES = "[...document.querySelectorAll('.tool .value')].map(({ value }) => value)"


class RehearsalTests(SongTest):
    #: What `Stretch` makes of the job's stems, rendered on the page's own thread: `[left, right]` of their sum.
    STRETCHED = """
        const { Stretch } = await import("/stretch/stretch.js");
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

    #: Records when clicks and stems begin, in seconds of the context.
    RECORD = """
        window.begun = { clicks: [], stems: [] };
        const { start } = AudioBufferSourceNode.prototype;
        AudioBufferSourceNode.prototype.start = function (when) {
          begun[this.buffer.duration < 0.05 ? "clicks" : "stems"].push(when);
          return start.call(this, when);
        };"""

    def setUp(self):
        super().setUp()
        self.wait("document.querySelector('.rehearsal .facts').textContent !== ''")
        self.script("document.querySelector('.rehearsal .more').open = true")

    def facts(self) -> str:
        return self.find(".rehearsal .facts").text

    def values(self) -> list[str]:
        return self.value(VALUES)

    def counted(self, place: float) -> tuple[list[float], float]:
        """The clicks of a count before a place, in seconds of the song's time, and the bar line where it ends."""
        self.mixer(f"seek({place})")
        self.script("begun.clicks = []; begun.stems = []")
        self.play()
        self.page("await sound.advance(2.5)")
        begun = self.value("begun")
        self.click(".play")
        return [when - begun["stems"][0] + place for when in begun["clicks"]], next(bar for bar in self.saved_analysis()["downbeats"] if bar > place - 0.03)

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
        self.click(".menu summary")
        self.press_button("WAV", ".sheet")
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
        self.wait("document.querySelector('#said').textContent.includes('pages with https, or on localhost')")
        self.set_slider("Speed", 100)
        self.play()

    def test_speed_changes_while_it_plays(self):
        self.play()
        before = self.page("await sound.advance(0.5); return stage.mixer.time")
        self.set_slider("Speed", 50)
        self.assertEqual(self.values()[0], "50 %")
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
                  engine.clicks.grid = { clicks: [0.1, 0.4, 0.6].map((time) => ({ time, strength: 1 })) };
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
        self.press("<", "<", "<", "<", ".")
        key = self.page("return (await import('/words.js')).keyWords(args[0], 1)", analysis["key"])
        self.assertEqual(self.facts(), f"{round(analysis['tempo_bpm'] * 0.8)} BPM · {key}")
        self.press_button("Double tempo", ".rehearsal")
        doubled = f"{round(analysis['tempo_bpm'] * 1.6)} BPM"
        self.assertIn(doubled, self.facts())
        self.browser.refresh()
        self.wait("document.querySelector('.rehearsal .facts')?.textContent.includes(args[0])", doubled)
        self.assertEqual(self.values(), ["80 %", "+1"])
        self.script("document.querySelector('.rehearsal .more').open = true")
        self.press_button("As found", ".rehearsal")
        self.assertNotIn(doubled, self.facts())

    def test_a_loop_gets_faster_turn_by_turn_and_sections_keep_loops(self):
        self.set_slider("Speed", 90)
        self.page("stage.mixer.setLoop([2, 2.8])")
        self.press_button("+ Section", ".rehearsal")
        self.press_button("5 % faster each turn", ".rehearsal")
        self.play()
        speeds = self.page("""
            const seen = [];
            for (let turn = 0; turn < 3; turn += 1) {
              await sound.advance(0.5);
              seen.push(document.querySelector('.tool .value').value);
              await sound.advance(0.3);
            }
            return seen;""")
        self.assertEqual(speeds, ["90 %", "95 %", "100 %"])
        self.page("stage.mixer.setLoop(null)")
        self.press_button("A", ".rehearsal")
        self.assertEqual(self.mixer("loop"), [2, 2.8])

    @smoke
    def test_a_count_ends_on_the_next_bar_line(self):
        self.script(self.RECORD)
        self.choose("select[aria-label='Count-in']", "1")
        beats = self.saved_analysis()["beats"]
        for place in (0, beats[6] + 0.2):
            clicks, bar = self.counted(place)
            self.assertEqual(len(clicks), 4, (place, clicks))
            for click, expected in zip(clicks, range(-4, 0)):
                self.assertAlmostEqual(click, bar + expected * (beats[7] - beats[6]), delta=0.04)

    def test_each_turn_is_counted_in_at_any_speed(self):
        bars = self.saved_analysis()["downbeats"]
        self.choose("select[aria-label='Count-in']", "1")
        self.press_button("Count in each turn", ".rehearsal")
        for speed in (100, 80):
            self.set_slider("Speed", speed)
            self.page("stage.mixer.setLoop(args[0]); await stage.mixer.seek(args[0][0])", bars[:2])
            self.play()
            turn = (bars[1] - bars[0]) * 100 / speed
            # A bar is counted, one sounds, and so on.
            times = self.page("const times = []; for (const share of [0.5, 1, 1, 1]) { await sound.advance(share * args[0]); times.push(stage.mixer.time); } return times", turn)
            middle = (bars[0] + bars[1]) / 2
            for time, expected in zip(times, [bars[0], middle, bars[0], middle]):
                self.assertAlmostEqual(time, expected, delta=0.06, msg=f"{speed} % {times}")
            self.click(".play")

    def test_the_playhead_and_taps_are_what_is_heard(self):
        self.play()
        self.page("await sound.advance(1)")
        before = self.mixer("time")
        self.set_slider("Sound delay", 200)
        self.assertAlmostEqual(self.mixer("time"), before - 0.2, delta=0.001)
        heard, bar = self.page("""
            const heard = stage.mixer.time;
            for (let tap = 0; tap < 4; tap += 1) {
              stage.mixer.rehearsal.tap();
              await sound.advance(0.4);
            }
            return [heard, stage.mixer.song.grid.correction.bar];""")
        self.assertAlmostEqual(bar, heard, delta=0.02)

    def test_speed_is_typed_and_pitch_in_cents(self):
        for label, text, shown in [("Speed", "70", "70 %"), ("Speed", "1.25", "125 %"), ("Speed", "0,6", "60 %"), ("Speed", "1", "100 %"), ("Speed", "x", "100 %"), ("Speed", "45 %", "45 %"),
                                   ("Pitch", "-0.3", "−0.3"), *(("Pitch", f"{dash}{step}", f"−{step}") for step, dash in enumerate("−–—‒﹣－", 1)), ("Pitch", "1.5", "+1.5")]:
            self.click(f"input[aria-label='{label}, typed']")
            self.press(text, Keys.ENTER)
            self.assertIn(shown, self.values(), (label, text))
        self.assertEqual(self.mixer("song.tuning"), {"speed": 0.45, "semitones": 1.5, "keepsFormants": True})
