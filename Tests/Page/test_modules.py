"""The page's modules, where they are, and what is loaded of them."""
import re
import unittest
from os.path import dirname, normpath
from pathlib import Path

from page_test import HERE, PageTest, smoke

WEB = HERE.parents[1] / "web"
#: Links by a file to another one. The address of a worker or a worklet that is not a `new URL` is of the document.
LINK = re.compile(r'''(?:[}*] from |\bimport[ (]|\bnew (?:URL|Worker)\(|addModule\(|importScripts\(|@import |\b(?:src|href)=)"([^"#:$]+)"''')
#: Files that tools/build_web makes or copies.
BUILT = {"engine/demo.safetensors", "engine/models.json", "files.js"}


def with_imports(*names: str, folder: Path = WEB / "page") -> set[str]:
    """Modules of the page, and those that they import at once."""
    found, left = set(), set(names)
    while left:
        found |= left
        left = {normpath(f"{dirname(module)}/{path}".lstrip("/")) for module in left for path in re.findall(r'^(?:import|export) .* from "(.+)";$', (folder / module).read_text(), re.MULTILINE)} - found
    return found


class PlaceTests(unittest.TestCase):
    @smoke
    def test_the_links_under_web_name_files_of_the_checkout(self):
        files = [path for path in WEB.rglob("*") if path.suffix in (".css", ".html", ".js", ".ts")]
        links = [Path(normpath(file.parent / link)) for file in files for link in LINK.findall(file.read_text())]
        self.assertGreater(len(links), 200)
        self.assertEqual({str(link.relative_to(WEB)) for link in links if not link.exists()}, BUILT)


class ModuleTests(PageTest):
    @smoke
    def test_pure_modules(self):
        passed = self.browser.run_module_tests(HERE / "modules.js")
        self.assertGreater(len(passed), 15)

    def test_two_scripts_alone_use_the_storage(self):
        users = {path.name for path in (WEB / "page").rglob("*.js") if re.search("(local|session)Storage", path.read_text())}
        self.assertEqual(users, {"kept.js", "theme.js"})

    def test_the_page_has_less_than_100_kB_on_the_way(self):
        sizes = self.value("performance.getEntries().filter(({ name, entryType }) => entryType === 'navigation' || /\\.(js|css|svg)$/.test(name)).map(({ encodedBodySize }) => encodedBodySize)")
        self.assertGreater(sum(sizes), 20_000)
        self.assertLess(sum(sizes), 100_000)

    def test_a_page_with_a_song_does_not_load_the_welcome(self):
        self.separated()
        first = len(self.subject.proxy.requests)
        self.open()
        self.wait("document.querySelector('.mixer .play') && performance.getEntriesByType('resource').some(({ name }) => name.includes('/peaks'))")
        self.assertEqual(self.loaded_since(first) & {"/parts.svg", "/demo_track.ogg"}, set())

    @smoke
    def test_the_first_load_asks_for_nothing_else(self):
        self.browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        first = len(self.subject.proxy.requests)
        self.open()
        expected = {"/", "/logo.svg", "/parts.svg", "/readyz", "/style.css", "/theme.js", "/v1/events", "/v1/models", "/v1/separations", "/v1/sets"}
        expected |= {f"/{module}" for module in with_imports("main.js")}
        self.subject.wait_for(lambda: self.loaded_since(first) >= expected)
        self.assertEqual(self.loaded_since(first), expected)

    def loaded_since(self, first: int) -> set[str]:
        return {path.partition("?")[0] for path in self.requests_since(first)}
