"""The page when its service is lost, not ready, or wants a token."""
import json

from selenium.webdriver.common.keys import Keys

from page_test import TWO_USERS, PageTest, smoke, with_service

TOKEN = "open-sesame-open-sesame"


def token_file(test: PageTest) -> str:
    return test.songs.text("tokens", f"{TOKEN}\n")


class ServiceTests(PageTest):
    expected_messages = "Failed to load resource|ERR_"

    @smoke
    def test_the_page_shows_a_lost_connection_and_reconnects(self):
        self.subject.hold(1)
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_state("running")
        self.subject.stop()
        self.wait("document.body.innerText.includes('No connection to the service')")
        self.subject.start()
        self.wait("document.querySelector('#banner').hidden")
        self.wait_for_song("song")

    def test_a_stream_that_breaks_goes_on_where_it_was(self):
        first = len(self.subject.proxy.requests)
        streams = lambda: [headers["last-event-id"] for _, path, headers in self.subject.proxy.requests[first:] if path == "/v1/events"]
        self.open()
        self.subject.hold(0)
        job = self.subject.begin(self.songs.wav("long.wav"))
        self.wait_state("running")
        for count in (2, 3):
            self.subject.proxy.drop("/v1/events")
            self.subject.wait_for(lambda: len(streams()) == count)
        # Events without a connection come with the next one, though the page doesn't load its songs again.
        self.subject.proxy.cut()
        self.subject.request("DELETE", f"v1/separations/{job}")
        self.subject.wait_for(lambda: self.subject.jobs()[0]["state"] == "cancelled")
        self.subject.proxy.join()
        self.wait_state("cancelled")
        ids = [int(number) for number in streams()]
        self.assertEqual(ids, sorted(ids))
        self.assertGreater(ids[-1], ids[0])
        self.assertEqual(self.requests_since(first).count("/v1/separations?limit=100"), 1)

    # A page that waits for the service looks again after this time, in milliseconds.
    POLL = 2000

    def test_a_service_that_gets_ready_says_so(self):
        self.subject.reply_not_ready()
        self.open()
        self.wait("document.querySelector('#banner').innerText.includes('being loaded')")
        self.assertIn(self.POLL, self.value("delays"))
        self.subject.proxy.reply_no_more("/readyz")
        self.wait("document.querySelector('#banner').hidden")

    def test_the_small_model_in_place_of_the_wanted_one_is_named_with_the_cure(self):
        self.assertTrue(self.value("document.querySelector('#replacement').hidden"))
        models = json.loads(self.subject.request("GET", "v1/models"))
        models["engine"]["replaces"] = "htdemucs"
        self.subject.proxy.reply("/v1/models", "200 OK", models)
        self.open()
        self.wait("!document.querySelector('#replacement').hidden")
        self.assertIn("swift-demucs models fetch htdemucs", self.find("#replacement").text)
        self.subject.proxy.reply_no_more("/v1/models")

    @with_service("-n", "hdemucs_mmi", "--offline", is_ready=False)
    def test_without_a_model_the_page_says_how_to_fetch_one_though_there_is_another(self):
        self.wait("document.querySelector('#banner').innerText.includes('There is no model yet.')")
        self.assertIn("swift-demucs models fetch hdemucs_mmi", self.find("#banner").text)
        # The banner lies over the page: nothing moves.
        self.assertEqual(self.value("document.querySelector('.columns').getBoundingClientRect().top"), self.find(".top").size["height"])
        # Nobody can fetch it from here, so the page doesn't look again.
        self.assertNotIn(self.POLL, self.value("delays"))

    @with_service("--keep", "30d")
    def test_the_page_shows_how_long_songs_are_kept(self):
        self.open("#song=000000000000000000000000")
        self.wait("document.body.innerText.includes('Songs are kept for 30 days.')")

    @smoke
    @with_service("--token-file", token_file)
    def test_a_token_is_asked_for_once(self):
        self.expected_messages = "Failed to load resource.* 401|ERR_"
        self.wait("document.querySelector('#token-dialog').open")
        self.press(Keys.ESCAPE, Keys.ESCAPE)
        self.wait("document.querySelector('#token-dialog').open")
        refused = "document.querySelector('#token-dialog').open && !document.querySelector('#token-refused').hidden"
        # A request can't carry these quotation marks.
        self.find("#token").send_keys("\u201copen\u201d", Keys.ENTER)
        self.wait(refused)
        # The service refuses this one, and the page asks again.
        self.find("#token").send_keys("a-wrong-token", Keys.ENTER)
        self.wait(f"{refused} && document.querySelector('#token').value === ''")
        self.enter(TOKEN)
        self.wait("document.querySelector('#empty').hidden === false")
        self.upload(self.songs.wav("song.wav"))
        self.wait("document.querySelector('.menu summary')")
        self.play()
        self.assertTrue(self.mixer("isPlaying"))
        self.click(".menu summary")
        self.click(".menu .entry")
        self.assertEqual(self.browser.saved("song - drums*.wav")[:4], b"RIFF")
        self.wait("document.querySelector('.sheet > p.facts').textContent.endsWith('is saved')")
        self.upload(self.songs.wav("second.wav"))
        self.wait("document.querySelectorAll('#queue li[data-state=done]').length === 2")
        self.browser.refresh()
        self.wait("document.querySelector('.mixer .play')")
        self.assertFalse(self.value("performance.getEntries().some(({ name }) => name.includes(arguments[0]))", TOKEN))

    @with_service(*TWO_USERS)
    def test_a_song_that_is_open_for_all_is_shared_with_the_others(self):
        def enter(token: str, fragment: str = ""):
            self.script("sessionStorage.clear(); localStorage.clear()")
            self.open(fragment)
            self.enter(token)

        def said(words: str):
            self.wait("document.querySelector('#said').textContent.includes(args[0])", words)

        enter("the-token-of-anna")
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_for_song("song")
        self.wait_state("done")
        self.press_button("Share", ".actions")
        said("It works for you alone. “For all” opens the song for the other users.")
        link = self.page("return location.hash")
        enter("the-token-of-ben-1", link)
        self.wait("document.body.innerText.includes('It was deleted, or it belongs to another user who has not opened it for all.')")
        enter("the-token-of-anna", link)
        self.wait_for_song("song")
        self.click(".actions [aria-pressed='false']")
        said("open for all users of this service")
        self.wait("document.querySelector('.actions [aria-pressed=true]')")
        enter("the-token-of-ben-1")
        self.wait_for_song("song")
        self.assertEqual(self.value("[...document.querySelectorAll('#queue h2:not([hidden]), #shared .name, #jobs .name')].map(({ textContent }) => textContent)"), ["Shared with you", "song"])
        self.assertEqual(self.value("document.querySelectorAll('#shared .quiet:not([hidden]), .actions [aria-pressed]:not([hidden])').length"), 0)
        self.play()
        self.press_button("Share", ".actions")
        said("It works for all users of this service, on this computer only, as long as the song is kept.")
        self.click(".menu summary")
        self.click(".menu .entry")
        self.assertEqual(self.browser.saved("song - drums*.wav")[:4], b"RIFF")
        # The page of the owner does the same at a second press.
        self.subject.request("DELETE", f"v1/separations/{link.removeprefix('#song=')}/shared", headers={"Authorization": "Bearer the-token-of-anna"})
        self.wait_equal("document.querySelector('.message:not([hidden]) h1')?.textContent", "song is not shared any more")
        self.assertTrue(self.value("document.querySelector('#queue-region').hidden"))
