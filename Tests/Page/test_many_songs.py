"""The page with a thousand songs."""
import json

from many_songs import copy_song
from page_test import NAMES, PageTest, smoke


class ManySongsTests(PageTest):
    COUNT = 1000

    @classmethod
    def setUpClass(cls):
        """Makes one service with copies of a song, and gives all tests another one."""
        cls.source = cls.subject.another()
        cls.source.start()
        cls.source.separate(cls.songs.wav("Song.wav"))
        cls.source.stop()
        cls.subject = cls.subject.another()
        copy_song(cls.source.data, cls.subject.data, cls.COUNT)
        cls.subject.start()

    @classmethod
    def tearDownClass(cls):
        cls.browser.get("about:blank")
        cls.subject.close()
        cls.source.proxy.close()

    def keeps(self, job: dict) -> bool:
        return job["name"].startswith("Song ")

    def setUp(self):
        super().setUp()
        self.first = len(self.subject.proxy.requests)
        self.open()
        self.wait_for_song(f"Song {self.COUNT}")

    def addresses(self) -> list[str]:
        return [path for path in self.requests_since(self.first) if path.startswith(("/v1/separations?", "/v1/events")) or path == "/v1/separations"]

    @smoke
    def test_nothing_is_loaded_twice(self):
        last_event = json.loads(self.subject.request("GET", "v1/separations?limit=1"))["last_event"]
        self.assertEqual(self.rows(), 100)
        # When this song is there, the page has everything that it has asked for at first.
        self.subject.begin(self.songs.wav("another.wav"))
        self.wait("document.querySelector('#queue li[data-state=done] .name').textContent === 'another'")
        self.assertEqual(self.addresses(), ["/v1/separations?limit=100", "/v1/events"])
        begun = [headers.get("last-event-id") for _, path, headers in self.subject.proxy.requests[self.first:] if path == "/v1/events"]
        self.assertEqual(begun, [str(last_event)])

    def test_older_songs_come_by_scrolling(self):
        def scroll() -> bool:
            self.script("const list = document.querySelector('#queue'); list.scrollTop = list.scrollHeight")
            return self.value(NAMES)[-1] == "Song 1"

        self.subject.wait_for(scroll)
        self.assertEqual(self.value(NAMES), [f"Song {number}" for number in range(self.COUNT, 0, -1)])
        pages = [path for path in self.addresses() if "after" in path]
        self.assertEqual((len(pages), len(set(pages))), (9, 9))
        # A reload opens a song that is on no loaded page.
        self.click("#queue li:last-of-type .open")
        self.wait_for_song("Song 1")
        self.browser.refresh()
        self.wait_for_song("Song 1")

    def test_selecting_reaches_the_songs_that_are_not_loaded(self):
        self.click("#select")
        self.assertEqual(self.press_button("Remove finished", "#library"), "Press again to remove 1000 songs")

    def test_new_songs_do_not_move_what_is_read(self):
        self.script("document.querySelector('#queue').scrollTop = 60 * document.querySelector('#jobs li').offsetHeight")
        self.wait(f"{NAMES}.includes('Song 940')")
        row = "[...document.querySelectorAll('#queue li')].find((row) => row.querySelector('.name').textContent === 'Song 940')"
        before = self.value(f"{row}.getBoundingClientRect().top")
        self.subject.begin(self.songs.wav("another.wav"))
        self.subject.begin(self.songs.wav("one more.wav"))
        self.wait("document.querySelector('#queue .name').textContent === 'one more'")
        self.assertEqual(self.value(f"{row}.getBoundingClientRect().top"), before)

    def test_a_stream_that_is_too_far_behind_begins_again(self):
        self.expected_messages = "ERR_|404"
        job = self.subject.separate(self.songs.wav("another.wav"))
        self.open_song("another")
        self.first = len(self.subject.proxy.requests)
        self.subject.proxy.cut()
        self.subject.request("DELETE", f"v1/separations/{job['id']}")
        # A service that was started again doesn't have the events of before.
        self.subject.stop()
        self.subject.start()
        self.subject.proxy.join()
        self.wait("document.querySelector('#queue .name').textContent === 'Song 1000'")
        # The newest songs came with the stream.
        self.assertEqual(self.addresses().count("/v1/separations?limit=100"), 0)
        self.wait("document.body.innerText.includes('another was deleted')")

