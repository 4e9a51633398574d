"""Names of songs and sections, and sets: with one browser, with two of a user, and with another user."""
import contextlib
import json
import tempfile

from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from page_test import TWO_USERS, PageTest, smoke, with_service
from test_rehearsal import VALUES


class NamingTest(PageTest):
    SECTIONS = "[...document.querySelectorAll('.sections .kept')].map(({ textContent }) => textContent)"
    #: The songs of the open set: name, key and speed.
    SONGS = "[...document.querySelectorAll('#set-songs li:not([hidden])')].map((row) => [row.querySelector('.name').textContent, row.querySelector('.words').textContent.replace(/^[A-G][♭♯]? (major|minor)(?: \\((.+)\\))?/, '$2').replace(/^ · /, '')])"

    def answer(self, *keys: str):
        """Types into the question for a name, in place of what is there."""
        self.wait("document.activeElement.matches('dialog[open] input')")
        self.press(*keys)
        self.wait("!document.querySelector('dialog[open]')")

    def make_set(self, name: str):
        self.press_button("New set", "#sets-region")
        self.answer(name, Keys.ENTER)
        self.wait("[...document.querySelectorAll('#sets [aria-pressed=true]')].some(({ textContent }) => textContent === args[0])", name)

    def add_section(self, edges: list[float]):
        self.page("stage.mixer.setLoop(args[0])", edges)
        self.press_button("+ Section", ".rehearsal")


class SetTests(NamingTest):
    def values(self) -> list[str]:
        return self.value(VALUES)

    @smoke
    def test_a_set_is_made_put_in_order_and_played_by_keys_and_touch(self):
        self.assertFalse(self.find("#sets-region").is_displayed())
        self.separated("one.wav")
        self.separated("two.wav")
        self.press("<", "<", ",")
        self.make_set("Advent")
        self.open_song("one")
        self.press_button("Add this song", "#sets-region")
        self.wait_equal(self.SONGS, [["two", "−1 · 90 %"], ["one", "100 %"]])
        self.click("#set-songs [aria-label='Move one up']")
        self.wait_equal(self.SONGS, [["one", "100 %"], ["two", "−1 · 90 %"]])
        # Nothing is above the first row.
        self.assertEqual(self.value("document.activeElement.querySelector('.name').textContent"), "one")
        self.open_song("two")
        self.press(">", ">", ".")
        self.press_button("Add this song", "#sets-region")
        self.wait_equal(f"{self.SONGS}.at(-1)", ["two", "100 %"])

        self.open_song("one")
        for values in (["90 %", "−1"], ["100 %", "0"]):
            self.press("n")
            self.wait_for_song("two")
            self.assertEqual(self.values(), values)
        self.press("n")
        self.assertEqual(self.find("#said").text, "That was the last song of Advent.")
        self.press(Keys.PAGE_UP)
        self.wait_equal(VALUES, ["90 %", "−1"])
        self.press(Keys.SHIFT, "N")
        self.wait_for_song("one")
        # With Caps Lock.
        self.script("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'N', bubbles: true }))")
        self.wait_for_song("two")
        self.press(Keys.PAGE_UP)
        self.wait_for_song("one")

        # What plays goes on with the next song.
        self.press(Keys.NULL)
        self.play()
        self.press(Keys.PAGE_DOWN)
        self.wait_for_song("two")
        self.wait_for_play_button("Pause")
        self.click(".play")

        # A reload, and the link on a phone.
        link = self.value("location.hash")
        self.open(link)
        self.wait_for_song("two")
        self.wait_equal("document.querySelector('#set-songs [aria-current] .mark')?.textContent", "2")
        self.assertEqual(self.values(), ["90 %", "−1"])
        self.check_access("a set")
        self.resize(390)
        self.wait("document.querySelector('.transport [aria-label=\"Next song: two (N)\"]')")
        self.touch(self.point(".transport [aria-label^='Next song']"))
        self.wait_equal(VALUES, ["100 %", "0"])
        self.wait("document.querySelector('.transport [aria-label=\"No next song in the set\"]')")
        self.touch(self.point("#songs-button"))
        self.wait("document.querySelector('#songs').matches(':popover-open')")
        self.assertEqual(self.value("[...document.querySelectorAll('#sets-region button')].filter((button) => button.offsetParent && (button.offsetWidth < 36 || button.offsetHeight < 36)).length"), 0)
        self.check_access("a set on a phone")

    def test_the_key_of_a_song_in_a_set_is_changed_and_it_is_taken_out(self):
        self.separated("one.wav")
        self.make_set("A")
        keep = "#set button:nth-child(2)"
        self.assertFalse(self.find(keep).is_displayed())
        self.press(".", ".")
        self.wait("document.querySelector(args[0]).checkVisibility()", keep)
        self.click(keep)
        self.wait_equal(self.SONGS, [["one", "+2 · 100 %"]])
        self.assertFalse(self.find(keep).is_displayed())
        self.press_button("Rename or remove", "#set")
        self.answer("Passion", Keys.ENTER)
        self.open(self.value("location.hash"))
        self.wait_equal("document.querySelector('#sets [aria-pressed=true]')?.textContent", "Passion")
        self.wait_equal(self.SONGS, [["one", "+2 · 100 %"]])
        self.click("#set-songs [aria-label='Take one out of the set']")
        self.wait_equal(self.SONGS, [])
        self.press_button("Rename or remove", "#set")
        self.wait("document.activeElement.matches('dialog[open] input')")
        self.click("dialog[open] [value=remove]")
        self.wait_equal("document.querySelectorAll('#sets .chips button').length", 0)
        self.assertNotIn("set=", self.value("location.hash"))

    @smoke
    def test_names_of_songs_and_sections_are_kept(self):
        job = self.separated("song.wav", 4)
        self.click(".song [aria-label='Rename the song']")
        self.answer("Live at 5.mp3", Keys.ENTER)
        self.wait_for_song("Live at 5.mp3")
        self.assertEqual(self.subject.jobs()[0]["name"], "Live at 5.mp3.wav")
        self.add_section([2, 3])
        self.add_section([0, 1])
        self.assertEqual(self.value(self.SECTIONS), ["B", "A"])
        ActionChains(self.browser).context_click(self.find(".sections button")).perform()
        self.answer("Verse", Keys.ENTER)
        self.press(Keys.TAB, Keys.F2)
        self.answer(Keys.END, "men", Keys.ENTER)
        self.subject.wait_for(lambda: self.subject.jobs()[0]["notes"].get("sections") == [{"name": "Verse", "from": 0, "to": 1}, {"name": "Amen", "from": 2, "to": 3}])
        self.script("localStorage.clear(); Storage.prototype.setItem = () => {}")
        self.open(f"#song={job['id']}")
        self.wait_for_song("Live at 5.mp3")
        self.wait_equal(self.SECTIONS, ["Verse", "Amen"])
        self.assertEqual(self.mixer("loop"), [0, 1])
        # A finger that stays.
        x, y = self.point(".sections button")
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        self.wait("document.activeElement.matches('dialog[open] input')")
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        self.answer(Keys.ESCAPE)
        self.press_button("Amen", ".sections")
        self.assertEqual([self.mixer("loop"), self.mixer("time")], [[2, 3], 2])
        self.find(".sections button:last-child").send_keys(Keys.DELETE)
        self.wait("document.activeElement.matches('dialog[open] input')")
        self.click("dialog[open] [value=remove]")
        self.wait_equal(self.SECTIONS, ["Verse"])


class ServiceSetTests(NamingTest):
    @contextlib.contextmanager
    def phone(self):
        """Another browser, with a storage of its own."""
        with tempfile.TemporaryDirectory() as folder:
            own, self.browser = self.browser, type(self.browser)(folder)
            try:
                yield
            finally:
                self.browser.quit()
                self.browser = own

    def address(self, job: dict) -> str:
        return f"/v1/separations/{job['id']}"

    def changes_of(self, job: dict) -> int:
        """How often browsers have changed a song."""
        return sum(method == "PATCH" and path == self.address(job) for method, path, _ in self.subject.proxy.requests)

    def sets(self) -> list[dict]:
        return json.loads(self.subject.request("GET", "v1/sets"))["sets"]

    @smoke
    def test_two_browsers_agree_on_notes_and_the_name_of_an_open_song(self):
        job = self.separated("song.wav", 8)
        self.wait("document.querySelector('.rehearsal .facts').textContent")
        self.add_section([1, 2])
        with self.phone():
            self.open(f"#song={job['id']}&loop=3,4")
            self.wait_for_song("song")
            self.wait_equal(self.SECTIONS, ["A"])
            # That of the link.
            self.assertEqual(self.mixer("loop"), [3, 4])
            self.press_button("+ Section", ".rehearsal")
            self.script("document.querySelector('.rehearsal .more').open = true")
            self.press_button("Double tempo", ".rehearsal")
            self.click(".song [aria-label='Rename the song']")
            self.answer("Amen", Keys.ENTER)
            facts = self.find(".rehearsal .facts").text
            # Sent when the page is left.
            self.browser.get("about:blank")
            self.subject.wait_for(lambda: len(self.subject.jobs()[0]["notes"]["sections"]) == 2)
        changes = self.changes_of(job)
        self.wait_equal(self.SECTIONS, ["A", "B"])
        self.wait_for_song("Amen")
        self.wait_equal("document.querySelector('.rehearsal .facts').textContent", facts)
        self.assertEqual(self.mixer("loop"), [3, 4])
        # Nothing is sent back.
        self.page("await new Promise((resolve) => setTimeout(resolve, 1500))")
        self.assertEqual(self.changes_of(job), changes)

    def test_notes_that_could_not_be_sent_are_sent_later(self):
        self.expected_messages = "Failed to load resource|ERR_"
        job = self.separated("song.wav", 4)
        address = self.address(job)
        self.subject.proxy.reply(address, "503 Service Unavailable", {"title": "Busy", "status": 503, "detail": "Too many connections."})
        first = len(self.subject.proxy.requests)
        self.add_section([1, 2])
        self.subject.wait_for(lambda: self.requests_since(first).count(address) >= 1)
        self.subject.proxy.reply_no_more(address)
        # Closed before the next attempt.
        self.separated("other.wav")
        self.subject.wait_for(lambda: any(job["notes"].get("loop") == [1, 2] for job in self.subject.jobs()))
        sent = [method for method, path, _ in self.subject.proxy.requests[first:] if (method, path) in (("PATCH", address), ("POST", "/v1/separations"))]
        self.assertEqual(sent, ["PATCH", "POST", "PATCH"])

    def test_a_set_keeps_its_new_name_when_its_songs_change_before_the_reply(self):
        self.separated("one.wav")
        self.make_set("A")
        path = "/v1/sets/" + self.value("location.hash").split("&")[0].removeprefix("#set=")
        self.subject.proxy.hold(path, 0)
        self.press_button("Rename or remove", "#set")
        self.answer("Passion", Keys.ENTER)
        self.press_button("Add this song", "#sets-region")
        self.wait_equal(f"{self.SONGS}.length", 2)
        self.subject.proxy.release(path)
        self.subject.wait_for(lambda: [(each["name"], len(each["songs"])) for each in self.sets()] == [("Passion", 2)])

    def test_sets_that_could_not_be_loaded_or_made_are_no_open_sets(self):
        self.expected_messages = "Failed to load resource|ERR_"
        self.separated("one.wav")
        self.make_set("A")
        link = self.value("location.hash")
        self.subject.proxy.reply("/v1/sets", "503 Service Unavailable", {"title": "Busy", "status": 503, "detail": "Too many connections."})
        self.open(link)
        self.wait_for_song("one")
        self.assertFalse(self.find("#set").is_displayed())
        self.script("crypto.getRandomValues = (bytes) => bytes.fill(1)")
        self.subject.proxy.reply(f"/v1/sets/{'01' * 12}", "507 Insufficient Storage", {"title": "Full", "status": 507, "detail": "The disk is full."})
        self.press_button("New set", "#sets-region")
        self.answer("B", Keys.ENTER)
        self.wait_equal("document.querySelector('#said').textContent", "The disk is full.")
        self.assertIn(link.split("&")[0], self.value("location.hash"))
        # The sets come with the next connection.
        self.subject.proxy.reply_no_more("/v1/sets")
        self.subject.proxy.drop("/v1/events")
        self.wait_equal("document.querySelector('#sets [aria-pressed=true]')?.textContent", "A")

    def test_a_section_that_another_page_has_removed_is_not_renamed(self):
        job = self.separated("song.wav", 4)
        self.add_section([0, 1])
        self.subject.wait_for(lambda: self.subject.jobs()[0]["notes"].get("sections"))

        def change(notes: dict):
            self.subject.request("PATCH", self.address(job).lstrip("/"), json.dumps({"notes": notes}).encode(), {"Content-Type": "application/json"})

        self.press(Keys.TAB)
        self.find(".sections button").send_keys(Keys.F2)
        self.wait("document.activeElement.matches('dialog[open] input')")
        change({"sections": [{"name": "A", "from": 0, "to": 1}], "loop": [2, 3]})
        self.page("await until(() => stage.mixer.loop?.[0] === 2)")
        self.answer("Verse", Keys.ENTER)
        self.wait_equal(self.SECTIONS, ["Verse"])
        self.subject.wait_for(lambda: self.subject.jobs()[0]["notes"]["sections"][0]["name"] == "Verse")
        self.find(".sections button").send_keys(Keys.F2)
        self.wait("document.activeElement.matches('dialog[open] input')")
        change({"sections": None})
        self.wait_equal(self.SECTIONS, [])
        self.answer("Chorus", Keys.ENTER)
        self.wait_equal("document.querySelector('#said').textContent", "Section Verse was changed or removed on another page.")

    @with_service(*TWO_USERS)
    def test_a_set_of_another_user_is_played_and_not_changed(self):
        self.expected_messages = "Failed to load resource.* (401|404)|ERR_"
        anna = {"Authorization": "Bearer the-token-of-anna", "Content-Type": "application/json"}
        self.enter("the-token-of-anna")
        for name in ("one.wav", "two.wav"):
            self.upload(self.songs.wav(name))
            self.wait_for_song(name[:3])
            self.wait_state("done")
            if name == "one.wav":
                self.make_set("Mass")
                self.click("#set [aria-pressed]")
                self.wait("document.querySelector('#said').textContent === 'The set is open for all users of this service, and so is 1 song of it.'")
        self.press("<")
        self.add_section([0, 1])
        self.press_button("Add this song", "#sets-region")
        self.wait("document.querySelector('#said').textContent === 'two is in the set, and open for all users as the set is.'")
        link = self.value("location.hash")
        with self.phone():
            self.open(link)
            self.enter("the-token-of-ben-1")
            self.wait_equal(self.SONGS, [["one", "100 %"], ["two", "95 %"]])
            self.assertEqual(self.value("[...document.querySelectorAll('#set-songs .quiet, #set button, .song .titled button')].filter((button) => button.checkVisibility()).length"), 0)
            self.press(Keys.PAGE_UP)
            self.wait_for_song("one")
            self.press("n")
            self.wait_for_song("two")
            self.assertEqual(self.value(VALUES), ["95 %", "0"])
            self.wait_equal(self.SECTIONS, ["A"])
            # Ben's own section stays with him.
            self.add_section([1, 2])
            self.page("await new Promise((resolve) => setTimeout(resolve, 1500))")
            self.assertEqual([method for method, _, _ in self.subject.proxy.requests].count("PATCH"), 1)
            one = next(job["id"] for job in json.loads(self.subject.request("GET", "v1/separations", headers=anna))["separations"] if job["name"] == "one.wav")
            self.subject.request("DELETE", f"v1/separations/{one}", headers=anna)
            self.wait_equal(f"{self.SONGS}.map(([name]) => name)", ["A song that is gone", "two"])
            self.click("#set-songs li:last-child .open")
            self.press("N")
            self.wait_equal("document.querySelector('#said').textContent", "That is the first song of Mass.")
            # Anna takes the set back.
            self.subject.request("DELETE", f"v1/sets/{link.split('&')[0].removeprefix('#set=')}/shared", headers=anna)
            self.wait_equal("document.querySelectorAll('#sets .chips button').length", 0)
