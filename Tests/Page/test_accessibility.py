"""Rules of accessibility, checked by axe in the states of the page."""
from page_test import PageTest, smoke, with_service
from test_service import token_file


class AccessibilityTests(PageTest):
    def test_axe_finds_nothing_on_the_empty_page(self):
        for is_dark in (False, True):
            self.browser.dark(is_dark)
            self.check_access("empty")
        self.browser.dark(False)

    @smoke
    def test_axe_finds_nothing_in_the_mixer(self):
        self.separated()
        for is_dark in (True, False):
            self.browser.dark(is_dark)
            self.page("await drawn()")
            self.check_access("mixer")
        self.script("document.querySelector('.menu').open = true; document.querySelector('.drop details').open = true; document.querySelectorAll('.strip .solo, .strip .toggle').forEach((button) => button.click())")
        self.check_access("menu, options and pressed buttons")
        self.click("#help")
        self.check_access("help")
        self.script("document.querySelector('#help-dialog').close()")
        self.resize(390)
        self.check_access("phone")


    def test_all_that_takes_the_focus_has_a_name(self):
        self.separated()
        self.script("for (const menu of document.querySelectorAll('details')) menu.open = true")
        nodes = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        focusable = [node for node in nodes if not node["ignored"] and any(each["name"] == "focusable" and each["value"]["value"] for each in node.get("properties", []))]
        self.assertGreater(len(focusable), 60)
        self.assertEqual([node["role"]["value"] for node in focusable if not node["name"]["value"].strip()], [])


class ServiceAccessibilityTests(PageTest):
    def test_axe_finds_nothing_in_states_of_trouble(self):
        self.expected_messages = "Failed to load resource"
        self.upload(self.songs.text("notes.txt"))
        self.wait_state("failed")
        self.subject.hold(0)
        self.upload(*[self.songs.wav(f"{name}.wav") for name in ("running", "waiting", "later")])
        self.wait("document.querySelectorAll('#jobs li').length === 3 && document.querySelector('#jobs li[data-state=running]')")
        self.click("#jobs li:last-of-type button:last-of-type")
        self.wait("document.querySelector('#jobs li[data-state=cancelled]')")
        for row in range(3):
            self.script("document.querySelectorAll('#jobs .open')[arguments[0]].click()", row)
            self.check_access(f"row {row}")
        self.click("#select")
        self.check_access("selecting")

    @with_service("-n", "hdemucs_mmi", "--offline", is_ready=False)
    def test_axe_finds_nothing_without_a_model(self):
        self.expected_messages = "Failed to load resource.* 503"
        self.wait("!document.querySelector('#banner').hidden")
        self.check_access("no model")

    @with_service("--token-file", token_file)
    def test_axe_finds_nothing_in_the_question_for_a_token(self):
        self.expected_messages = "Failed to load resource.* 401|ERR_"
        self.wait("document.querySelector('#token-dialog').open")
        self.check_access("token")
