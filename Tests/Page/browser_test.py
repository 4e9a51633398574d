"""What all tests of pages have in common."""
import argparse
import importlib.util
import unittest
from pathlib import Path
from typing import Iterator

from selenium.webdriver.common.by import By

from browser import Browser


class PageUser:
    """What tests and pictures do with a page."""

    #: Set by the program that runs them.
    browser: Browser

    def wait(self, expression: str, *arguments):
        """Waits until an expression with `args` is true; returns its value."""
        return self.browser.wait(expression, *arguments)

    def script(self, text: str, *arguments):
        """Runs a script with `arguments`."""
        return self.browser.execute_script(text, *arguments)

    def value(self, expression: str, *arguments):
        """The value of an expression with `arguments`."""
        return self.script(f"return {expression}", *arguments)

    def find(self, selector: str):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector: str):
        self.find(selector).click()

    def check_access(self, what: str):
        """Compares the page with rules of accessibility, by axe-core; its package has Python code, too, which is not used."""
        self.wait("document.getAnimations().every((each) => !(each instanceof CSSTransition))")
        self.script((Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js").read_text())
        found = self.browser.execute_async_script("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(arguments[0])")
        problems = [
            f"{what}: {item['id']}: {node['html'][:120]} {node['failureSummary']} {[[related['html'][:120] for related in check['relatedNodes']] for check in node['any']]}"
            for item in found["violations"] for node in item["nodes"][:1]
        ]
        assert not problems, problems
        assert self.value("document.documentElement.scrollWidth <= innerWidth"), f"{what} is wider than the window"

    def upload(self, *paths: str):
        self.find("#chooser").send_keys("\n".join(paths))

    def wait_state(self, state: str, row: int = 0):
        self.wait("document.querySelectorAll('#queue li')[args[0]]?.dataset.state === args[1]", row, state)


def named_tests(modules: list[str], names: list[str], parser: argparse.ArgumentParser) -> list[unittest.TestCase]:
    """The tests of modules that have one of the names, or are in a class that has; without names all. Unknown names end the program."""

    def cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
        for part in suite:
            if isinstance(part, unittest.TestSuite):
                yield from cases(part)
            else:
                yield part

    tests = list(cases(unittest.defaultTestLoader.loadTestsFromNames(modules)))
    known = {part for case in tests for part in case.id().split(".")}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no test or class is called {', '.join(unknown)}")
    return [case for case in tests if not names or set(names) & set(case.id().split("."))]
