"""Links to a song, the browser's history, and what the browser remembers of each song."""
import json

from selenium.webdriver import ActionChains

from page_test import SongTest, smoke


class LinkTests(SongTest):
    TURNED = "strips.map(({ volume, pan, isMuted }) => [volume, pan, isMuted]).concat([stage.mixer.loop])"
    PLAIN = [[0, 0, False]] * 4 + [None]

    def turn(self):
        self.set_slider("bass pan", 40)
        self.page("""
            const { mixer } = stage;
            mixer.toggleStrip(3, 'isMuted');
            mixer.changeVolume(0, -7);
            mixer.setLoop([2, 6]);""")
        return [[-7, 0, False], [0, 40, False], [0, 0, False], [0, 0, True], [2, 6]]

    @smoke
    def test_a_link_survives_a_reload(self):
        self.page("await stage.mixer.seek(3.5); stage.mixer.setLoop([2, 6]); stage.mixer.toggleStrip(3, 'isSolo'); stage.mixer.changeVolume(0, -7)")
        self.wait("location.hash.includes('loop=2,6') && location.hash.includes('mix.drums=-7') && location.hash.includes('mix.vocals=0,0,s')")
        self.browser.refresh()
        self.wait("document.querySelector('.mixer .play')")
        state = self.page("return [stage.mixer.time, stage.mixer.loop, stage.mixer.strips[0].volume, stage.mixer.strips[3].isSolo, stage.mixer.job.id]")
        self.assertEqual(state, [3.5, [2, 6], -7, True, self.job["id"]])

    def test_a_link_to_a_song_that_is_gone_says_so(self):
        self.expected_messages = "Failed to load resource.* 404"
        self.open("#song=000000000000000000000000")
        self.wait("document.body.innerText.includes('no longer here')")
        self.assertNotIn("kept for", self.words())

    def test_a_song_that_is_deleted_elsewhere_says_so_and_keeps_its_place(self):
        self.expected_messages = "Failed to load resource|ERR_"
        for name, is_connected in (("take one", True), ("take two", False)):
            job = self.separated(f"{name}.wav")
            self.mixer("seek(1.5)")
            self.wait("location.hash.includes('t=1.5')")
            if not is_connected:
                self.subject.proxy.cut()
            self.subject.request("DELETE", f"v1/separations/{job['id']}")
            self.subject.proxy.join()
            self.wait_equal("document.querySelector('.message:not([hidden]) h1')?.textContent", f"{name} was deleted")
            self.assertEqual(self.value("location.hash"), f"#song={job['id']}&t=1.5")
        self.open_song("song")
        # The page's own deletion leads on.
        job = self.separated("take three.wav")
        for _ in range(2):
            self.click(f"#jobs li[data-id='{job['id']}'] button:last-of-type")
        self.wait_for_song("song")

    def test_a_song_that_the_service_is_too_busy_to_show_comes_later(self):
        self.expected_messages = "Failed to load resource.* 503"
        # As if there were many newer songs.
        jobs = json.loads(self.subject.request("GET", "v1/separations?limit=100"))
        listed, one = "/v1/separations?limit=100", f"/v1/separations/{self.job['id']}"
        self.subject.proxy.reply(listed, "200 OK", {**jobs, "separations": []})
        self.subject.proxy.reply(one, "503 Service Unavailable", {"title": "Busy", "status": 503, "detail": "Too many connections."})
        self.script("localStorage.setItem('songs', JSON.stringify([arguments]))", self.job["id"], f"song={self.job['id']}&loop=2-6")
        first = len(self.subject.proxy.requests)
        self.open(f"#song={self.job['id']}")
        self.subject.wait_for(lambda: self.requests_since(first).count(one) >= 2)
        self.assertNotIn("no longer here", self.words())
        self.assertIn(self.job["id"], self.value("localStorage.getItem('songs')"))
        self.subject.proxy.reply_no_more(one)
        self.wait_for_song("song")

    def test_each_song_keeps_its_mix_and_its_loop(self):
        turned = self.turn()
        # At once, before the address bar follows.
        self.separated("other.wav")
        self.assertEqual(self.mixer(self.TURNED), self.PLAIN)
        self.open_song("song")
        self.assertEqual(self.mixer(self.TURNED), turned)
        self.open_song("other")
        self.assertEqual(self.mixer(self.TURNED), self.PLAIN)
        self.open()
        self.open_song("song")
        self.assertEqual(self.mixer(self.TURNED), turned)

    def test_a_storage_that_others_have_damaged_or_filled_keeps_no_song_from_playing(self):
        self.separated("other.wav")
        for damage in (None, 0, 1e308, "x", [[]], "full"):
            with self.subTest(damage=damage):
                # The page that is left can't keep its own.
                self.script("""
                    const [song, damage] = arguments;
                    localStorage.clear();
                    for (const key of ["options", "my instrument", "sound delay", "theme"]) localStorage[key] = JSON.stringify(damage);
                    localStorage.songs = JSON.stringify([damage, [song, `song=${song}`, { speed: damage, sections: damage, countsIn: damage, correction: damage }]]);
                    if (damage === "full") for (let size = 1 << 24; size >= 1; size /= 2) try { localStorage[size] = "x".repeat(size); } catch {}
                    Storage.prototype.setItem = () => {};""", self.job["id"], damage)
                self.open()
                for name in ("song", "other"):
                    ActionChains(self.browser).click(self.find(f"#jobs .open:has([title^='{name}'])")).perform()
                    self.wait_for_song(name)
                    self.play()
                    self.press(">")

    def test_back_opens_the_song_before(self):
        turned = self.turn()
        self.mixer("seek(3.5)")
        self.separated("other.wav")
        self.browser.back()
        self.wait_for_song("song")
        self.assertEqual(self.mixer(self.TURNED), turned)
        self.assertEqual(self.mixer("time"), 3.5)
        self.browser.forward()
        self.wait_for_song("other")

    def test_the_address_of_a_song_that_was_just_opened_is_its_own(self):
        other = self.subject.separate(self.songs.wav("other.wav"))
        fragment = self.page("""
            const { uploads } = await import("/main.js");
            // The address follows a change of the mixer by this timer.
            const due = [];
            const { setTimeout } = window;
            window.setTimeout = (work, delay) => (delay === 400 ? due.push(work) : setTimeout(work, delay));
            stage.mixer.setLoop([2, 6]);
            window.setTimeout = setTimeout;
            uploads.onJob(args[0]);
            for (const work of due) work();
            return [due.length, location.hash];""", other)
        self.assertEqual(fragment, [1, f"#song={other['id']}"])

    def test_the_skip_link_keeps_the_song(self):
        self.separated("other.wav")
        self.open_song("song")
        self.script("document.querySelector('.skip').click()")
        self.wait("location.hash.startsWith('#song=')")
        self.assertEqual(self.find(".song h1").text, "song")
