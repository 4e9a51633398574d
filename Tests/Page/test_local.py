#!/usr/bin/env python3
"""Tests of the static page in Chromium: the browser separates songs by itself, with the demo model."""
import argparse
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests/Web"))

from browser import Browser
from browser_test import named_tests
from local_test import LocalTest
from songs import Songs

MODULES = ["test_local_songs", "test_local_page", "test_explain"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", type=Path, required=True, help="the folder of the static build, dist/web")
    parser.add_argument("--binary", required=True, help="the native program, swift-demucs")
    parser.add_argument("--slow", type=float, metavar="TIMES", help="the page's scripts take this many times as long: no test may depend on speed")
    parser.add_argument("tests", nargs="*", help="names of tests or classes; default: all")
    options = parser.parse_args()
    tests = named_tests(MODULES, options.tests, parser)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "downloads").mkdir()
        browser = Browser(str(Path(folder) / "downloads"))
        # Each test imports from its own page: that of a service would start within another one.
        browser.prelude = ""
        if options.slow:
            browser.slow_down(options.slow)
        LocalTest.browser, LocalTest.web, LocalTest.binary, LocalTest.songs = browser, options.web.resolve(), options.binary, Songs(Path(folder))
        try:
            return 0 if unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests)).wasSuccessful() else 1
        finally:
            browser.quit()


if __name__ == "__main__":
    sys.exit(main())
