"""What the tests of the static page alone have in common."""
from page_test import PageTest
from subject import LocalSubject


class LocalTest(PageTest):
    """Begins with a first visit: each test has an origin of its own."""

    subject: LocalSubject
    is_isolated = True

    def setUp(self):
        self.subject.is_isolated = self.is_isolated
        self.addCleanup(setattr, self.subject, "is_isolated", True)
        super().setUp()

    def use_browser(self, flag: str):
        """Goes on in a browser that lacks something until the end of the test."""
        self.browser = type(self.browser)(str(self.browser.downloads), flag)
        self.addCleanup(self.browser.quit)

    def page(self, body: str, *arguments):
        return super().page('const storage = await (await import("./engine/storage.js")).openStorage();' + body, *arguments)

    def option(self, name: str, value: str):
        self.choose(f"[name={name}]", value)

    def wait_until_nothing_is_stored(self):
        """Waits until no file of a job is left."""
        self.page("await until(async () => !(await storage.list('jobs')).length)")
