"""What a musician does with a song, by real presses of mouse and keys; those of fingers are in test_phone.py. Each task says in how many presses."""
import io

import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from page_test import SongTest, smoke


class Presses:
    """Counts what a test presses; typing into a field is one press."""

    presses = 0

    def mouse(self, selector: str, words: str | None = None):
        """A press of the mouse on an element; on the one with these words, if there are several."""
        def find():
            found = [node for node in self.browser.find_elements("css selector", selector) if node.is_displayed() and words in (None, node.text.strip())]
            return found and found[0]

        ActionChains(self.browser).move_to_element(self.subject.wait_for(find)).click().perform()
        self.presses += 1

    def keys(self, *keys: str):
        self.press(*keys)
        self.presses += len(keys)

    def select(self, selector: str, words: str):
        """A press on a list, and one on a choice: typed, as the browser draws the list itself."""
        self.mouse(selector)
        self.press(words, Keys.ENTER)
        self.presses += 1

    def assert_done(self, most: int):
        self.assertLessEqual(self.presses, most, "presses")


class SongTasks(Presses, SongTest):
    def setUp(self):
        super().setUp()
        self.wait("/^\\d+ BPM · [A-G][♭♯]? (major|minor)$/.test(document.querySelector('.rehearsal .facts').textContent)")

    def saved(self, pattern: str):
        return soundfile.read(io.BytesIO(self.browser.saved(pattern)))

    @smoke
    def test_karaoke_slower_and_lower_as_mp3(self):
        self.mouse(".practice button", "Karaoke")
        self.keys("<", "<", "<", "<", "<", "<", ",", ",")
        self.mouse(".menu summary")
        self.mouse(".sheet button", "MP3")
        sound, rate = self.saved("song - mix (70 %, −2).mp3")
        self.assertAlmostEqual(len(sound) / rate, self.job["duration_seconds"] / 0.7, delta=0.1)
        self.assert_done(11)

    def test_the_mix_is_sent_to_a_bandmate(self):
        # A stand-in for the system's sheet, which refuses the first call, as after a press that is long ago.
        self.script("""
            window.shared = [];
            Navigator.prototype.canShare = () => true;
            Navigator.prototype.share = async ({ files: [file] }) => {
              shared.push(file);
              if (shared.length === 1) throw new DOMException('', 'NotAllowedError');
            };""")
        self.separated("take 2.wav")
        self.mouse(".practice button", "Karaoke")
        self.mouse(".menu summary")
        self.mouse(".sheet button", "Send")
        self.wait("document.querySelector('.sheet > p.facts').textContent.endsWith('Press Send once more')")
        self.mouse(".sheet button", "Send")
        self.wait("document.querySelector('.sheet > p.facts').textContent.endsWith('is handed over')")
        name, kind, is_same = self.value("[shared[1].name, shared[1].type, shared[0] === shared[1]]")
        self.assertEqual((name, kind, is_same), ("take 2 - mix.mp3", "audio/mpeg", True))
        data = bytes(self.page("return [...new Uint8Array(await shared[1].arrayBuffer())]"))
        self.assertAlmostEqual(len(soundfile.read(io.BytesIO(data))[0]) / 44100, 2, delta=0.1)
        self.assert_done(4)

    def test_the_mix_has_the_click_that_is_heard(self):
        self.keys("c")
        self.mouse(".menu summary")
        self.mouse(".sheet button", "WAV")
        with_click, rate = self.saved("song - mix (click).wav")
        self.mouse(".sheet label", "The mix with click")
        self.mouse(".sheet button", "WAV")
        without, _ = self.saved("song - mix.wav")
        beats = self.saved_analysis()["beats"]
        for time in beats:
            part = slice(int(time * rate), int((time + 0.04) * rate))
            self.assertGreater(abs(with_click[part] - without[part]).max(), 0.3)
        part = slice(int((beats[1] + 0.05) * rate), int((beats[2] - 0.01) * rate))
        self.assertLess(abs(with_click[part] - without[part]).max(), 3 / 32768)

    @smoke
    def test_click_and_count_in_then_space_and_other_keys(self):
        self.mouse(".tool button", "Click")
        self.select(".tool select[aria-label='Count-in']", "Count-in: 1")
        self.keys(" ")
        self.wait_for_play_button("Pause")
        self.assertEqual(self.mixer("song.rehearsal").get("countsIn"), 1)
        self.assert_done(4)
        self.press("2", Keys.SHIFT, "L")
        self.assertEqual(self.mixer("strips[1].isMuted"), True)
        self.assertIsNotNone(self.mixer("song.loop.begun"))
        self.mouse(".menu summary")
        self.mouse(".sheet label", "Tempo and key in the names")
        self.press(" ")
        self.wait_for_play_button("Play")
        self.assertEqual(self.value("document.querySelector('.sheet').offsetParent !== null && [...document.querySelectorAll('.sheet label')].at(-1).firstChild.checked"), True)

    def test_bar_1_is_moved_by_a_beat_and_back(self):
        bars = self.mixer("song.grid.bars")
        self.mouse("button[aria-label='Bar 1 begins a beat later']")
        beats = self.saved_analysis()["beats"]
        self.assertAlmostEqual(self.mixer("song.grid.bars")[0] % (beats[4] - beats[0]), beats[beats.index(bars[0]) + 1] % (beats[4] - beats[0]), delta=0.03)
        self.assert_done(1)
        self.mouse(".more summary")
        self.mouse(".more button", "As found")
        self.assertEqual(self.mixer("song.grid.bars"), bars)
        self.mouse(".more button", "¾ tempo")
        self.assertAlmostEqual(self.mixer("song.grid.bpm"), 0.75 * self.saved_analysis()["tempo_bpm"])

    def test_a_waltz(self):
        self.select(".tool select[aria-label='Metre']", "3/4")
        bars, beats = self.mixer("song.grid.bars"), self.saved_analysis()["beats"]
        self.assertEqual([beats.index(bar) - beats.index(bars[0]) for bar in bars[:3]], [0, 3, 6])
        self.assert_done(2)

    def test_a_loop_of_bars_is_a_section_that_gets_faster(self):
        bars = self.mixer("song.grid.bars")
        self.mouse(".tool button", "Snap to bars")
        ruler = self.find(".ruler")
        at = lambda time: int((time / self.job["duration_seconds"] - 0.5) * ruler.size["width"])
        ActionChains(self.browser).move_to_element_with_offset(ruler, at(bars[0] + 0.1), 0).click_and_hold().move_by_offset(at(bars[2] - 0.1) - at(bars[0] + 0.1), 0).release().perform()
        self.presses += 1
        self.assertEqual(self.mixer("loop"), [bars[0], bars[2]])
        self.mouse(".tool button", "+ Section")
        self.assert_done(3)
        self.keys("l")
        self.mouse(".sections button", "A")
        self.assertEqual(self.mixer("loop"), [round(bar, 3) for bar in (bars[0], bars[2])])
        self.mouse(".more summary")
        self.mouse(".more button", "5 % faster each turn")
        self.assertEqual(self.mixer("song.rehearsal.getsFaster"), True)

    @smoke
    def test_only_the_loop_is_saved_and_the_sheet_stays_open(self):
        self.page("stage.mixer.setLoop([1, 2.5])")
        self.mouse(".menu summary")
        self.mouse(".sheet button", "WAV")
        self.assertEqual(len(self.saved("song - mix (0m01s-0m02s).wav")[0]), round(1.5 * 44100))
        self.mouse(".sheet label", "Loop only")
        self.mouse(".sheet button", "WAV")
        self.assertEqual(len(self.saved("song - mix.wav")[0]), len(self.sound(self.job["stems"][0])))
        self.assert_done(4)

    def test_the_place_is_kept_over_a_reload_and_a_change_of_song(self):
        self.play()
        self.page("await sound.advance(1.5)")
        self.browser.refresh()
        self.wait_for_song("song")
        self.assertAlmostEqual(self.mixer("time"), 1.47, delta=0.03)
        self.separated("other.wav")
        self.mouse("#queue .name", "song")
        self.wait_for_song("song")
        self.assertAlmostEqual(self.mixer("time"), 1.47, delta=0.03)
        self.assert_done(1)

    def test_failures_are_seen(self):
        self.expected_messages = "ERR_|Failed to load|net::"
        self.subject.proxy.cut()
        for _ in range(2):
            self.mouse("#queue li button[aria-label*='elete song']")
        self.wait("document.querySelector('#said').textContent.startsWith('No connection to the service')")
        self.assertTrue(self.find("#said").is_displayed())
