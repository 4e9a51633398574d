#!/usr/bin/env python3
"""Tests of the page in Chromium, with the demo model and one of its back ends. Prints the seconds of each test.

Between the browser and the service is a proxy, which records requests and breaks connections off.
"""
import argparse
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "Web")]

from browser import Browser
from browser_test import named_tests
from page_test import HERE, PageTest
from screenshots import Studio
from songs import Songs
from subject import GatedSubject, LocalSubject

#: Modules and classes of tests: those of both back ends, and of each alone.
BOTH = ["queue.QueueTests", "growing", "library", "sets.SetTests", "accessibility.AccessibilityTests"]
SERVICE = ["modules", "queue.ServiceQueueTests", "sets.ServiceSetTests", "sound", "rehearsal", "tasks", "mixer", "phone", "links", "practice", "many_songs", "service", "accessibility.ServiceAccessibilityTests"]
LOCAL = ["local_songs", "local_page", "explain"]


class TimedResult(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok, {time.monotonic() - self.began:.1f} s")


def is_smoke(case: unittest.TestCase) -> bool:
    return hasattr(getattr(case, case._testMethodName), "is_smoke")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the gated-service to test")
    parser.add_argument("--web", type=Path, metavar="FOLDER", help="test the static build there, dist/web, which separates in the browser")
    parser.add_argument("--smoke", action="store_true", help="only the short set, which touches each part of the page once")
    parser.add_argument("--slow", type=float, metavar="TIMES", help="the page's scripts take this many times as long: no test may depend on speed")
    parser.add_argument("--screenshots", metavar="FOLDER", help="only make the documentation's pictures")
    parser.add_argument("tests", nargs="*", help="names of tests or classes; default: all")
    options = parser.parse_args()
    tests = named_tests([f"test_{name}" for name in BOTH + (LOCAL if options.web else SERVICE)], options.tests, parser)
    if options.smoke:
        tests = [case for case in tests if is_smoke(case)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "downloads").mkdir()
        browser = Browser(str(Path(folder) / "downloads"))
        songs = Songs(Path(folder))
        try:
            if options.screenshots and not options.web:
                Studio(browser).documentation(options.binary, Path(options.screenshots), songs)
                return 0
            if options.web:
                subject = LocalSubject(options.binary, options.web.resolve(), browser)
                if options.screenshots:
                    subject.clear()
                    Studio(browser).explainer(subject.url, Path(options.screenshots) / "../howto/inside.md")
                    return 0
            else:
                subject = GatedSubject(options.binary)
                subject.start()
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": (HERE / "page_start.js").read_text()})
            if options.slow:
                browser.slow_down(options.slow)
            PageTest.browser, PageTest.songs, PageTest.subject = browser, songs, subject
            result = unittest.TextTestRunner(verbosity=2, resultclass=TimedResult).run(unittest.TestSuite(tests))
            subject.close()
            return 0 if result.wasSuccessful() else 1
        finally:
            browser.quit()


if __name__ == "__main__":
    sys.exit(main())
