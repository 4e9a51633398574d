"""What a small screen shows at once, fingers, the drawer, and the controls of the system."""
from selenium.webdriver.common.keys import Keys

from page_test import SongTest, smoke

UPRIGHT, SIDEWAYS = (390, 844), (844, 390)
LONG = "a title that says everything about the song, its singer, the place of the recording and the year"


class PhoneTests(SongTest):
    def hidden(self, selector: str, floor: str | None = None) -> list[str]:
        """The elements that are not whole on the screen, above another element."""
        return self.script("""
            const floor = document.querySelector(arguments[1])?.getBoundingClientRect().top ?? innerHeight;
            return [...document.querySelectorAll(arguments[0])].map((node) => [node.className, node.getBoundingClientRect()])
              .filter(([, { top, bottom, height }]) => !height || top < 0 || bottom > floor + 0.5).map(([name, { top, bottom }]) => `${name} ${top} ${bottom} ${floor}`)""", selector, floor)

    @smoke
    def test_all_stems_are_on_one_screen_with_the_transport(self):
        self.expected_messages = "willReadFrequently"
        self.subject.separate(self.songs.wav(f"{LONG}.wav"))
        self.open_song(LONG)
        # As of a model of six stems.
        self.script("for (const count of [1, 2]) document.querySelector('.strip').before(document.querySelector('.strip').cloneNode(true))")
        for size in (UPRIGHT, SIDEWAYS):
            self.resize(*size)
            self.assertEqual(self.hidden(".song h1, .ruler, .whole, .strip:not(.master) .controls", ".transport"), [], size)
            if size == UPRIGHT:
                self.assertEqual(self.hidden(".practice button:nth-child(2)"), [], "Karaoke")
            lines = self.script("const title = document.querySelector('.song h1'); return Math.round(title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight))")
            self.assertEqual(lines, 2 if size == UPRIGHT else 1)
            painted = self.page("""
                await drawn();
                const canvas = document.querySelector('.whole');
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return data.filter((value, index) => index % 4 === 3 && value > 20).length / (data.length / 4);""")
            self.assertGreater(painted, 0.05)

    def test_a_number_pad_without_a_minus_can_give_any_pitch(self):
        self.resize(*UPRIGHT)
        self.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setTouchEmulationEnabled", {"enabled": False})
        self.script("document.querySelector('.tool[aria-label=Key]').scrollIntoView({ block: 'center' })")
        self.click("input[aria-label='Pitch, typed']")
        self.press("0.3")
        for expected in (-0.3, 0.3):
            self.touch(self.point("button[aria-label='Pitch, other sign']"))
            self.wait("document.querySelector('input[aria-label=\"Pitch, typed\"]').value === args[0]", f"{expected:+}".replace("-", "−"))
            self.assertEqual(self.mixer("song.tuning.semitones"), expected)

    def test_the_tab_key_goes_from_above_to_below(self):
        self.resize(*UPRIGHT)
        reached = []
        while "Speed" not in reached and len(reached) < 60:
            self.press(Keys.TAB)
            reached.append(self.value("document.activeElement.getAttribute('aria-label')"))
        self.assertIn("Mute vocals", reached)

    def test_the_master_is_in_view_on_a_laptop(self):
        self.subject.separate(self.songs.wav("whole.wav", 8), residual="true")
        self.open_song("whole")
        for size in ((1366, 768), (1440, 900)):
            self.resize(*size)
            self.assertEqual(self.hidden(".strip:not(.master)", ".master") + self.hidden(".master"), [], size)

    # Fingers

    def test_a_slider_moves_with_a_finger_that_goes_sideways(self):
        self.resize(390, 600)
        slider = self.find(".strip .fader input")
        x, y = self.point(".strip .fader input", 0.9)
        self.touch(*([x - step, y] for step in (0, 8, 20, 8 + slider.size["width"] / 3)))
        self.assertEqual([self.mixer("strips[0].volume"), slider.get_property("value")], [-18, "-18"])
        slider.send_keys(Keys.ARROW_RIGHT)
        self.assertEqual(self.mixer("strips[0].volume"), -17)

        x, y = self.point(".position", 0.25)
        self.touch([x, y], [x + 20, y], [x + self.find(".position").size["width"] / 2, y])
        self.assertAlmostEqual(self.mixer("time"), 6, delta=0.5)

    def test_a_finger_that_goes_up_scrolls_and_changes_nothing(self):
        self.resize(390, 600)
        for selector in (".strip .fader input", ".position", ".ruler", ".whole"):
            self.script("scrollTo(0, 0)")
            x, y = self.point(selector, 0.9)
            self.touch(*([x + step % 2, y - 20 * step] for step in range(8)))
            self.wait("scrollY > 20")
            self.assertEqual([self.mixer(part) for part in ("time", "loop", "strips[0].volume")], [0, None, 0], selector)

    def test_the_list_of_songs_is_a_drawer(self):
        other = self.subject.separate(self.songs.wav("other.wav"))
        shown = lambda: [self.find(selector).is_displayed() for selector in ("#songs", "#songs-button")]
        self.assertEqual(shown(), [True, False])
        self.resize(*UPRIGHT)
        self.assertEqual(shown(), [False, True])
        is_open = "document.querySelector('#songs').matches(':popover-open')"
        self.touch(self.point("#songs-button"))
        self.wait(is_open)
        nodes = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        button = next(node for node in nodes if node["role"]["value"] == "button" and node["name"]["value"] == "Songs")
        self.assertIn({"name": "expanded", "value": {"type": "booleanOrUndefined", "value": True}}, button["properties"])
        self.click("#search")
        self.press(Keys.ESCAPE)
        self.wait(f"!{is_open} && document.activeElement.id === 'songs-button'")
        self.press(Keys.ENTER)
        self.wait(is_open)
        self.touch([380, 400])
        self.wait(f"!{is_open}")
        self.touch(self.point("#songs-button"))
        self.touch(self.point(f"#jobs li[data-id='{other['id']}'] .open"))
        self.wait_for_song("other")
        self.assertFalse(self.value(is_open))

    # The system

    def test_the_lock_screen_plays_the_song_and_the_screen_stays_on(self):
        self.script("""
            window.handlers = {}, window.held = 0, window.states = [];
            navigator.mediaSession.setActionHandler = (action, handler) => { handlers[action] = handler; };
            navigator.mediaSession.setPositionState = (state) => states.push(state);
            window.Audio = class extends Audio { play() { window.silence = this; return super.play(); } };
            navigator.wakeLock.request = async () => { held += 1; return { release: async () => { held -= 1; } }; };""")
        self.separated("other.wav")
        self.open_song("song")
        self.assertEqual(self.value("navigator.mediaSession.metadata.title"), "song")
        self.script("handlers.play()")
        self.wait("navigator.mediaSession.playbackState === 'playing' && held === 1 && !silence.paused && silence.duration > 5")
        self.script("handlers.seekto({ seekTime: 6 })")
        self.wait("states.some(({ duration, position, playbackRate }) => duration === 8 && position === 6 && playbackRate === 1)")
        self.script("handlers.seekbackward({}), handlers.pause()")
        self.wait("navigator.mediaSession.playbackState === 'paused' && held === 0 && silence.paused")
        self.assertAlmostEqual(self.mixer("time"), 1, 1)
        self.script("handlers.previoustrack()")
        self.assertEqual(self.mixer("time"), 0)
