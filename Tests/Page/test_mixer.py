"""The mixer of a song: files, keys, strips and drawings."""
import io
import json
import subprocess
import zipfile

import numpy
import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from page_test import PageTest, SongTest, smoke, with_service


class MixerTests(SongTest):
    @smoke
    def test_downloads(self):
        self.script("document.querySelectorAll('.strip .toggle:not(.solo)')[0].click()")
        self.click(".menu summary")
        self.click(".menu .choices button")
        mix, rate = soundfile.read(io.BytesIO(self.browser.saved("song - mix*.wav")))
        stems = [self.sound(stem) for stem in self.job["stems"][1:]]
        self.assertEqual(rate, self.job["stem_rate"])
        self.assertLess(numpy.abs(numpy.clip(sum(stems), -1, 1) - mix).max(), 2.5 / 32768)
        self.click(".menu .entry")
        self.assertEqual(self.browser.saved("song - drums*.wav")[:4], b"RIFF")
        self.choose(".sheet select", "flac")
        self.click(".menu .entry")
        flac, _ = soundfile.read(io.BytesIO(self.browser.saved("song - drums*.flac")))
        self.assertTrue(numpy.array_equal(flac, self.sound(self.job["stems"][0])))
        self.click(".sheet > .entry:last-of-type")
        names = zipfile.ZipFile(io.BytesIO(self.browser.saved("song*.zip"))).namelist()
        self.assertEqual(sorted(name.split(".")[-1] for name in names), ["flac"] * 4)
        self.find(".menu summary").send_keys(Keys.ESCAPE)
        self.assertFalse(self.find(".menu").get_property("open"))

    # Keys

    def test_the_tab_key_reaches_the_controls_in_their_order(self):
        reached = []
        for _ in range(60):
            self.press(Keys.TAB)
            reached.append(self.page("const node = document.activeElement; return node.getAttribute('aria-label') || node.textContent.trim() || node.tagName"))
        order = ["Choose files", "song", "Play", "Position", "Mute drums", "Solo drums", "drums volume", "drums pan", "Mute bass", "vocals pan"]
        places = [next(index for index, label in enumerate(reached) if label.startswith(name)) for name in order]
        self.assertEqual(places, sorted(places), reached)

    @smoke
    def test_keys_play_seek_mix_and_loop(self):
        self.press(" ")
        self.wait_for_play_button("Pause")
        self.press(" ")
        self.wait_for_play_button("Play")
        self.press(Keys.HOME, Keys.ARROW_RIGHT)
        self.assertAlmostEqual(self.mixer("time"), 5, 1)
        self.press(Keys.ARROW_LEFT)
        self.assertAlmostEqual(self.mixer("time"), 0, 1)
        self.press(Keys.END)
        self.assertAlmostEqual(self.mixer("time"), 8, 1)
        self.press("2")
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys("34").key_up(Keys.SHIFT).perform()
        self.assertEqual(self.mixer("strips.map(({ isMuted, isSolo }) => [isMuted, isSolo])"), [[False, False], [True, False], [False, True], [False, True]])
        self.script("document.querySelector('.strip .solo').focus()")
        self.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        slider = self.find(".strip input")
        self.assertEqual(slider.get_attribute("aria-valuetext"), "−3 decibels")
        self.assertEqual(slider.get_attribute("aria-label"), "drums volume")
        self.press(Keys.HOME, "l")
        self.mixer("seek(2)")
        self.press("l")
        self.assertEqual(self.mixer("loop"), [0, 2])
        self.press("l")
        self.assertIsNone(self.mixer("loop"))
        self.press("?")
        self.wait("document.querySelector('#help-dialog').open")
        self.press(Keys.ESCAPE)
        self.wait("!document.querySelector('#help-dialog').open")

    def test_space_plays_after_a_click(self):
        for selector in (".open", ".strip .toggle", "#theme", ".menu summary"):
            self.click(selector)
            muted = self.mixer("strips[0].isMuted")
            self.press(" ")
            self.wait_for_play_button("Pause")
            self.assertEqual(self.mixer("strips[0].isMuted"), muted, selector)
            self.press(" ")
            self.wait_for_play_button("Play")

    def test_space_presses_a_button_that_tab_has_reached(self):
        self.click(".strip .toggle")
        self.press(Keys.TAB)
        self.assertEqual(self.value("document.activeElement.getAttribute('aria-label')"), "Solo drums")
        self.press(" ")
        self.assertEqual(self.page("return [stage.mixer.strips[0].isSolo, stage.mixer.isPlaying]"), [True, False])

    # Strips

    def test_a_long_name_stays_in_its_strip(self):
        self.subject.separate(self.songs.wav("long.wav"), mix="everything but the singer=drums+bass+other")
        self.open_song("long")
        for width in (1440, 390):
            self.resize(width)
            outside = self.script("""
                const controls = document.querySelectorAll('.controls')[4];
                return [...controls.querySelectorAll('*')].filter((node) => node.getBoundingClientRect().right > controls.getBoundingClientRect().right).length""")
            self.assertEqual(outside, 0)

    def test_the_pan_of_a_muted_stem_is_not_filled(self):
        fill = "getComputedStyle(document.querySelector('.strip .pan input')).getPropertyValue('--fill')"
        before = self.value(fill)
        self.click(".strip .toggle")
        self.wait("document.querySelector('.strip.silent')")
        self.assertEqual(self.value(fill), before)

    def test_a_sum_is_silent_beside_its_parts(self):
        self.subject.separate(self.songs.wav("mixed.wav"), mix="karaoke=drums+bass+other")
        self.open_song("mixed")
        self.assertEqual(self.mixer("names"), ["drums", "bass", "other", "vocals", "karaoke"])
        self.assertIn("karaoke is a sum of other stems", self.words())
        gains = lambda: self.page("const { gain } = await import('/sound/mix.js'); return stage.mixer.strips.map((strip) => gain(strip, stage.mixer.strips))")
        self.assertEqual(gains(), [1, 1, 1, 1, 0])
        plain, page = self.page("""
            const { job } = stage.mixer;
            const [plain, page] = await Promise.all([decode(`v1/separations/${job.id}/mix?format=wav`), decode(await mixAddress())]);
            return [plain, page].map((planes) => planes[0].reduce((sum, value) => sum + Math.abs(value), 0));""")
        self.assertAlmostEqual(plain, page, delta=1e-3 * plain)
        self.script("document.querySelectorAll('.strip .solo')[4].click()")
        self.assertEqual(gains(), [0, 0, 0, 0, 1])
        self.script("document.querySelectorAll('.strip .solo')[4].click(); document.querySelectorAll('.strip .toggle:not(.solo)')[4].click()")
        self.assertEqual(gains(), [1, 1, 1, 1, 1])
        self.wait("location.hash.includes('mix.karaoke=0,0,')")
        link = self.value("location.hash")
        self.script("localStorage.clear()")
        self.open(link)
        self.wait("document.querySelector('.mixer .play')")
        self.assertEqual(gains(), [1, 1, 1, 1, 1])

    # What is seen

    def test_zoom_by_wheel_keys_and_buttons(self):
        box = self.find(".strip .wave").rect
        self.script("""
            document.querySelector('.strip .wave').dispatchEvent(new WheelEvent('wheel', { deltaY: -300, ctrlKey: true, bubbles: true, cancelable: true, clientX: arguments[0], clientY: arguments[1] }))""",
            box["x"] + box["width"] / 2, box["y"] + 10)
        view = self.page("return [stage.mixer.timeline.start, stage.mixer.timeline.end]")
        self.assertAlmostEqual(sum(view) / 2, 4, 1)
        self.assertLess(view[1] - view[0], 3.5)
        self.click(".view button")
        self.click(".view button")
        self.assertEqual(self.page("const { start, end, duration } = stage.mixer.timeline; return [start, end - duration]"), [0, 0])

    @smoke
    def test_waveforms_and_spectrograms_are_drawn(self):
        self.expected_messages = "willReadFrequently"
        painted = """
            await drawn();
            const canvas = document.querySelector('.strip .wave');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let i = 3; i < data.length; i += 4) if (data[i] > 20) count += 1;
            return count / (data.length / 4);"""
        wave = self.page(painted)
        self.assertGreater(wave, 0.02)
        self.click(".view button:last-child")
        self.wait("document.querySelector('.view button:last-child').getAttribute('aria-pressed') === 'true'")
        self.page("await until(() => stage.mixer.board.spectrograms?.isComplete)")
        self.assertGreater(abs(self.page(painted) - wave), 0.01)
        self.assertEqual(self.value("violations"), [])

    @smoke
    def test_a_phone_has_everything_within_its_width(self):
        self.set_slider("Speed", 150)
        for width in (390, 320):
            self.resize(width)
            self.assertEqual(self.value("[...document.querySelectorAll('.value')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length"), 0)
            wide = self.script("""
                return [...document.querySelectorAll('body *')].filter((node) => node.offsetParent && node.getBoundingClientRect().right > innerWidth + 0.5 && !node.closest('.sheet, .unseen, .skip'))
                  .map((node) => `${node.tagName}.${node.className}`)""")
            self.assertEqual(wide, [])
            self.assertLessEqual(self.value("document.documentElement.scrollWidth"), width)
            small = self.script("""
                return [...document.querySelectorAll('button, summary, select')].filter((node) => node.offsetParent && !node.closest('dialog, .drop details') && (node.offsetHeight < 32 || node.offsetWidth < 40)).map((node) => node.outerHTML.slice(0, 80))""")
            self.assertEqual(small, [])
            bottom = self.script("const box = document.querySelector('.transport').getBoundingClientRect(); return innerHeight - box.bottom")
            self.assertEqual(bottom, 0)

    def test_dark_and_light_are_remembered(self):
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        before = self.value(ground)
        self.click("#theme")
        after = self.value(ground)
        self.assertNotEqual(before, after)
        self.open()
        self.assertEqual(self.value(ground), after)

    def test_signs_are_keys_where_the_layout_has_them(self):
        alt, control, shift = 1, 2, 8
        # German and French Mac, Windows as some browsers tell it, Swiss, Spanish Mac, and a letter that is the browser's.
        for key, code, modifiers, loop in [
            ("[", "Digit5", alt, [3, 8]), ("]", "Digit6", alt, [0, 3]), ("[", "Digit5", alt | shift, [3, 8]), ("]", "Digit9", alt | control, [0, 3]),
            ("[", "BracketLeft", alt | control, [3, 8]), ("]", "BracketRight", alt, [0, 3]), ("l", "KeyL", alt, None), ("[", "BracketLeft", control, None)]:
            self.page("stage.mixer.setLoop(null); await stage.mixer.seek(3)")
            for kind in ("keyDown", "keyUp"):
                self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": code, "modifiers": modifiers})
            self.assertEqual(self.mixer("loop"), loop, (key, code, modifiers))
        self.assertEqual(self.mixer("strips.filter(({ isMuted, isSolo }) => isMuted || isSolo)"), [])


class TaggedFileTests(PageTest):
    TAGS = {"title": "Über den Wellen", "artist": "Ana & Co", "album": "Märchen = 2"}

    def probed(self, pattern: str) -> tuple[bytes, dict[str, str], list[str]]:
        """A saved file, its tags by names in lower case, and its streams."""
        path = self.songs.file("probed", content := self.browser.saved(pattern))
        found = json.loads(subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags:stream=codec_type", path], check=True, capture_output=True).stdout)
        return content, {name.lower(): text for name, text in found["format"]["tags"].items()}, [stream["codec_type"] for stream in found["streams"]]

    @with_service("--allow-ffmpeg")
    def test_files_that_the_page_renders_keep_the_tags_of_the_song(self):
        cover = self.songs.coded("cover.png", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1")
        tags = [part for tag in {**self.TAGS, "BPM": "300", "INITIALKEY": "Dbm"}.items() for part in ("-metadata", "=".join(tag))]
        self.upload(self.songs.coded("tagged.flac", "-i", self.songs.wav("song.wav", 8), "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", *tags))
        self.wait_for_song("tagged")
        self.wait("/BPM · /.test(document.querySelector('.rehearsal .facts').textContent)")
        self.page("stage.mixer.setLoop([2, 6])")
        self.click(".menu summary")
        formats = self.value("[...document.querySelectorAll('.sheet .choices button')].filter((node) => node.checkVisibility()).map(({ textContent }) => textContent)")
        self.assertEqual(formats, ["WAV", "FLAC", "MP3", "M4A"])
        for keys in ([*"<<<<,,"], ["c"], [*">...", "c"]):
            self.press(*keys)
            tempo, key = self.page("return [stage.mixer.exports.music.bpm, stage.mixer.exports.music.key.replace(' minor', 'm').replace(' major', '')]")
            self.assertIn(f"{tempo} BPM", self.find(".rehearsal .facts").text)
            for name in formats[1:]:
                self.press_button(name, ".sheet")
                content, found, streams = self.probed(f"tagged - mix*.{name.lower()}")
                self.assertEqual(streams, ["audio", "video"], name)
                self.assertEqual({tag: found.get(tag) for tag in self.TAGS}, self.TAGS, name)
                if name == "M4A":
                    # MP4 has no key, and ffprobe shows no tempo of it.
                    heard = [str(int.from_bytes(content[content.index(b"tmpo") + 20:][:2], "big")), key]
                else:
                    heard = [found.get("bpm", found.get("tbpm")), found.get("initialkey", found.get("tkey"))]
                self.assertEqual(heard, [str(tempo), key], name)
        self.press_button("Stem file for DJsstem.mp4", ".sheet")
        _, found, streams = self.probed("tagged - stems*.mp4")
        self.assertEqual([streams, found["title"]], [["audio"] * 5 + ["video"], self.TAGS["title"]])
