"""Rules of accessibility, checked by axe in the states of the page."""
import importlib.util
from pathlib import Path

from page_test import PageTest, smoke, with_service
from test_service import token_file

# This package contains axe-core; its Python code is not used.
AXE = Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js"


class AccessibilityTests(PageTest):
    def check(self, what: str):
        if not self.value("'axe' in window"):
            self.script(AXE.read_text())
        # Colours on their way from one to another.
        self.wait("document.getAnimations().every((each) => !(each instanceof CSSTransition))")
        found = self.page("return await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })")
        problems = [
            f"{what}: {item['id']}: {node['html'][:120]} {node['failureSummary']} {[[related['html'][:120] for related in check['relatedNodes']] for check in node['any']]}"
            for item in found["violations"] for node in item["nodes"][:1]
        ]
        self.assertEqual(problems, [])

    def test_axe_finds_nothing_on_the_empty_page(self):
        for is_dark in (False, True):
            self.browser.dark(is_dark)
            self.check("empty")
        self.browser.dark(False)

    @smoke
    def test_axe_finds_nothing_in_the_mixer(self):
        self.separated()
        for is_dark in (True, False):
            self.browser.dark(is_dark)
            self.page("await drawn()")
            self.check("mixer")
        self.script("document.querySelector('.menu').open = true; document.querySelector('.drop details').open = true; document.querySelectorAll('.strip .solo, .strip .toggle').forEach((button) => button.click())")
        self.check("menu, options and pressed buttons")
        self.click("#help")
        self.check("help")
        self.script("document.querySelector('#help-dialog').close()")
        self.resize(390)
        self.check("phone")

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
            self.check(f"row {row}")
        self.click("#select")
        self.check("selecting")

    @with_service("-n", "hdemucs_mmi", "--offline", is_ready=False)
    def test_axe_finds_nothing_without_a_model(self):
        self.expected_messages = "Failed to load resource.* 503"
        self.wait("!document.querySelector('#banner').hidden")
        self.check("no model")

    @with_service("--token-file", token_file)
    def test_axe_finds_nothing_in_the_question_for_a_token(self):
        self.expected_messages = "Failed to load resource.* 401|ERR_"
        self.wait("document.querySelector('#token-dialog').open")
        self.check("token")
