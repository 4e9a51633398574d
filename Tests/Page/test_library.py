"""Many songs at once: found, sorted, selected, moved in line."""
from selenium.webdriver.common.by import By

from page_test import NAMES, PageTest, smoke


class LibraryTests(PageTest):
    def press_twice(self, words: str, question: str):
        self.assertEqual(self.press_button(words, "#library"), question)
        self.press_button(question, "#library")

    def search(self, text: str):
        self.script("const search = document.querySelector('#search'); search.value = arguments[0]; search.dispatchEvent(new Event('input'))", text)

    @smoke
    def test_songs_are_found_sorted_and_deleted_together(self):
        for name, seconds in (("Beta 10.wav", 2), ("alpha.wav", 3), ("Beta 9.wav", 1)):
            self.subject.separate(self.songs.wav(name, seconds))
        self.wait_equal(NAMES, ["Beta 9", "alpha", "Beta 10"])
        self.choose("#order", "name")
        self.wait_equal(NAMES, ["alpha", "Beta 9", "Beta 10"])
        self.choose("#order", "longest")
        self.wait_equal(NAMES, ["alpha", "Beta 10", "Beta 9"])
        self.choose("#order", "name")
        self.search("gamma")
        self.wait("document.body.innerText.includes('No song has “gamma” in its name.')")
        self.search("beta")
        self.wait_equal(NAMES, ["Beta 9", "Beta 10"])
        self.click("#select")
        for box in self.browser.find_elements(By.CSS_SELECTOR, "#queue .pick"):
            box.click()
        self.press_twice("Delete 2", "Press again to delete 2 songs")
        self.search("")
        self.wait_equal(NAMES, ["alpha"])
        self.assertEqual([job["name"] for job in self.subject.jobs()], ["alpha.wav"])

    @smoke
    def test_the_queue_stands_as_it_runs_and_finished_songs_are_removed(self):
        self.subject.hold(0)
        for name in ("first", "second", "third"):
            self.subject.begin(self.songs.wav(f"{name}.wav"))
        self.wait("document.querySelector('#jobs li[data-state=running]')")
        self.wait_equal(NAMES, ["first", "second", "third"])
        self.wait_equal("[...document.querySelectorAll('#queue .words')].slice(1).map(({ textContent }) => textContent)", ["Next in line", "2nd in line"])
        self.click("[aria-label='Separate third sooner']")
        self.wait_equal(NAMES, ["first", "third", "second"])
        self.wait_equal("document.querySelectorAll('[aria-label=\"Separate third sooner\"]:not([hidden])').length", 0)
        places = {job["name"]: job["queue_position"] for job in self.subject.jobs()}
        self.assertEqual(places, {"first.wav": None, "third.wav": 1, "second.wav": 2})
        # Cancelled songs have ended.
        self.click("#jobs li:last-of-type button:last-of-type")
        self.wait("document.querySelector('#jobs li[data-state=cancelled]')")
        self.click("#select")
        self.press_twice("Remove finished", "Press again to remove 1 song")
        self.wait_equal(NAMES, ["first", "third"])
        # Songs in line are cancelled and removed.
        self.click("#select")
        self.press_button("All", "#library")
        self.press_twice("Delete 2", "Press again to delete 2 songs")
        self.let_cancel()
        self.wait_equal("document.querySelector('#announcer').textContent", "2 songs removed")
        self.assertEqual(self.subject.jobs(), [])
        self.wait_equal(NAMES, [])
