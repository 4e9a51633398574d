#!/usr/bin/env python3
"""Tests of the page's storage, models and service worker in Chromium, from a plain static host."""
import hashlib
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests/Page"))

from browser import Browser
from hosts import ModelHost, Page, PageHost, torch_file

MODEL = os.urandom(6_000_000)
CHECKSUM = hashlib.sha256(MODEL).hexdigest()
FILE = torch_file("aa", MODEL)


class StoreTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        member = {"signature": "aa", "hubAddress": "https://hub.invalid/resolve/main/aa.safetensors", "torchAddress": f"https://first.invalid/{FILE}", "torchChecksum": CHECKSUM}
        model = {"name": "small", "summary": "one", "sources": ["drums"], "downloadMegabytes": 6, "members": [member]}
        cls.page = Page(folder / "page", [model])
        cls.host = PageHost(cls.page.folder)
        cls.models = ModelHost()
        for host in (cls.host, cls.models):
            host.start()
            cls.addClassCleanup(host.stop)
        cls.browser = Browser(str(folder))
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.prelude = """
            const models = await import("/engine/models.js");
            const storage = await (await import("/engine/storage.js")).openStorage();
        """

    def setUp(self):
        self.models.files = {FILE: MODEL}
        self.models.pause_after = None
        self.models.requests = []
        self.browser.execute_cdp_cmd("Storage.overrideQuotaForOrigin", {"origin": self.host.address})
        # Each test has a new browser: no files, no service worker.
        self.forget()
        self.visit()
        self.browser.execute_script("sessionStorage.clear()")

    def forget(self):
        """Leaves the page, and removes all that the browser keeps of it."""
        self.browser.get("about:blank")
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.host.address, "storageTypes": "all"})

    def visit(self):
        self.browser.get(self.host.address + "/")
        self.browser.wait("self.crossOriginIsolated && window.offline !== undefined")

    def open_model(self):
        return self.browser.run(
            """
            const states = [];
            const base = args[0];
            const { files } = await models.openNamedModel("small", { base, onProgress: ({ state }) => states.includes(state) || states.push(state) });
            const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await files[0].blob.arrayBuffer()));
            return { name: files[0].name, hash: Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join(""), states };
            """, self.models.address)

    def refusal(self, body: str, *arguments) -> dict:
        return self.browser.run(f"try {{ {body} }} catch (error) {{ return {{ name: error.name, message: error.message }}; }} return null;", *arguments)

    def entry(self) -> dict:
        return self.browser.run('return (await models.listModels()).find(({ name }) => name === "small")')

    # The service worker

    def test_a_plain_host_gives_an_isolated_page_after_one_reload(self):
        self.forget()
        self.browser.get(self.host.address + "/")
        self.browser.wait("self.crossOriginIsolated && window.offline === null")
        self.assertEqual(self.browser.execute_script("return sessionStorage.visits"), "2")
        self.assertTrue(self.browser.run("return new SharedArrayBuffer(1).byteLength === 1"))
        # Workers of an isolated page need the headers too: the storage's worker is one.
        self.assertIsNone(self.browser.run("return storage.words"))

    def test_the_page_works_without_its_host(self):
        self.host.stop()
        try:
            self.visit()
            self.assertEqual(self.browser.run('return (await (await models.openNamedModel("demo")).files[0].blob.text())'), "a model")
            self.assertEqual(self.browser.run("return (await models.listModels()).length"), 2)
        finally:
            self.host.start()

    def test_the_page_can_be_installed(self):
        self.assertEqual(self.browser.execute_cdp_cmd("Page.getInstallabilityErrors", {}), {"installabilityErrors": []})
        manifest = self.browser.execute_cdp_cmd("Page.getAppManifest", {})
        self.assertEqual((manifest["errors"], manifest["url"]), ([], self.host.address + "/manifest.webmanifest"))

    def test_a_page_with_a_wrong_file_works_without_the_service_worker(self):
        self.addCleanup(self.page.write, "first")
        (self.page.folder / "engine/demo.safetensors").write_bytes(b"another model")
        self.addCleanup((self.page.folder / "engine/demo.safetensors").write_bytes, b"a model")
        self.forget()
        self.browser.get(self.host.address + "/")
        words = self.browser.wait("window.offline")
        self.assertEqual(words, "The page can't be kept for use without a network (a file of it can't be loaded or kept).")
        self.assertFalse(self.browser.execute_script("return crossOriginIsolated"))
        self.assertEqual(self.browser.execute_script("return sessionStorage.visits"), "1")
        self.assertEqual(self.open_model()["hash"], CHECKSUM)

    def test_a_new_version_replaces_the_old_one_when_its_tabs_are_closed(self):
        self.addCleanup(self.page.write, "first")
        self.page.write("second")
        self.host.requests = []
        self.visit()
        self.assertEqual(self.browser.title, "first")
        until = "while (!(%s)) await new Promise((resolve) => setTimeout(resolve, 5));"
        self.browser.run(until % "(await navigator.serviceWorker.getRegistration()).waiting")
        # A file that no service worker serves keeps none alive.
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setBypassServiceWorker", {"bypass": True})
        self.browser.get(self.host.address + "/page/logo.svg")
        self.browser.run(until % "!(await navigator.serviceWorker.getRegistration()).waiting")
        self.browser.execute_cdp_cmd("Network.setBypassServiceWorker", {"bypass": False})
        self.visit()
        self.assertEqual(self.browser.title, "second")
        self.browser.run(until % "(await caches.keys()).length === 1")
        names = self.browser.run("return caches.keys()")
        self.assertTrue(names[0].startswith("swift-demucs page "))
        # Files that both versions have are not loaded again.
        self.assertIn("/index.html", self.host.requests)
        self.assertNotIn("/engine/demo.safetensors", self.host.requests)

    def test_other_hosts_learn_nothing_and_nothing_of_them_is_kept(self):
        self.open_model()
        self.assertEqual([self.models.headers[name] for name in ("Referer", "Cookie")], [None, None])
        addresses = self.browser.run(
            "return (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)))).flat()")
        self.assertIn("start.js", " ".join(addresses))
        self.assertEqual([address for address in addresses if not address.startswith(self.host.address)], [])

    # Models

    def test_a_model_is_kept_until_it_is_removed(self):
        model = self.open_model()
        self.assertEqual(model, {"name": FILE, "hash": CHECKSUM, "states": ["downloading", "verifying"]})
        self.visit()
        self.assertEqual(self.entry()["storedBytes"], len(MODEL))
        self.assertEqual(self.open_model()["hash"], CHECKSUM)
        self.assertEqual(self.models.requests, [(FILE, 0)])
        self.browser.run('await models.removeModel("small")')
        self.assertEqual((self.entry()["isStored"], self.entry()["storedBytes"]), (False, 0))

    def test_a_download_goes_on_after_a_reload(self):
        self.models.pause_after = 4_000_000
        self.browser.execute_script(
            'import("/engine/models.js").then((models) => models.openNamedModel("small", { base: arguments[0], onProgress: ({ receivedBytes }) => { window.received = receivedBytes; } }))',
            self.models.address)
        self.browser.wait("window.received >= 4_000_000")
        self.visit()
        kept = self.entry()["storedBytes"]
        self.assertGreater(kept, 2_000_000)
        self.assertFalse(self.entry()["isStored"])
        self.models.pause_after = None
        self.assertEqual(self.open_model()["hash"], CHECKSUM)
        self.assertEqual(self.models.requests, [(FILE, 0), (FILE, kept)])

    def test_a_full_storage_is_refused_in_words(self):
        self.browser.execute_cdp_cmd("Storage.overrideQuotaForOrigin", {"origin": self.host.address, "quotaSize": 3_000_000})
        download = self.refusal('await models.openNamedModel("small", { base: args[0] });', self.models.address)
        self.assertEqual(download["name"], "StorageFull")
        self.assertRegex(download["message"], r"^The browser's storage is full: \d\.\d MB more are needed.*\. Remove songs or models from this page, or free space")
        self.browser.run('await models.removeModel("small"); await storage.append("jobs/1/drums", new Uint8Array(1000))')
        piece = self.refusal('await storage.append("jobs/1/drums", new Uint8Array(5_000_000))')
        self.assertEqual(piece["name"], "StorageFull")
        # The file stays as it was.
        self.assertEqual(self.browser.run('return storage.size("jobs/1/drums")'), 1000)

    def test_a_dropped_file_is_kept(self):
        name = self.browser.run('return models.keepModelFile(new File([new Uint8Array(5_000_000).fill(7)], "mine.th"))')
        self.assertEqual(name, "mine.th")
        self.visit()
        self.assertEqual(self.browser.run('return (await models.openNamedModel("mine.th")).files[0].blob.size'), 5_000_000)
        self.browser.run('await models.removeModel("mine.th")')
        self.assertRegex(self.refusal('await models.openNamedModel("mine.th")')["message"], "No model is called mine.th")

    # The storage

    def test_files_grow_shrink_and_are_read_by_ranges(self):
        result = self.browser.run(
            """
            await storage.append("jobs/1/bass", Uint8Array.of(1, 2, 3));
            const before = await storage.file("jobs/1/bass");
            const size = await storage.append("jobs/1/bass", Uint8Array.of(4, 5, 6).buffer);
            await storage.truncate("jobs/1/bass", 5);
            await storage.append("jobs/2/other", Float32Array.of(1.5));
            return {
              size, sizeBefore: before.size,
              bytes: [...new Uint8Array(await storage.read("jobs/1/bass", 1, 99))],
              missing: await storage.file("jobs/3/bass"),
              jobs: await storage.list("jobs"), none: await storage.list("nothing"),
              free: await storage.freeBytes(),
            };
            """)
        free = result.pop("free")
        self.assertGreater(free, 1_000_000)
        self.assertEqual(result, {"size": 6, "sizeBefore": 3, "bytes": [2, 3, 4, 5], "missing": None, "jobs": ["1", "2"], "none": []})
        self.visit()
        self.assertEqual(self.browser.run('await storage.remove("jobs/1"); await storage.remove("jobs/9"); return storage.list("jobs")'), ["2"])

    def test_a_record_is_replaced_as_a_whole(self):
        self.browser.run('await storage.writeJSON("jobs/1/job.json", { state: "running" }); await storage.writeJSON("jobs/1/job.json", { state: "done" });')
        self.visit()
        self.assertEqual(self.browser.run('return storage.readJSON("jobs/1/job.json")'), {"state": "done"})
        self.assertEqual(self.browser.run('return storage.list("jobs/1")'), ["job.json"])
        self.browser.run('await storage.append("jobs/2/job.json", new TextEncoder().encode("{"))')
        self.assertIsNone(self.browser.run('return storage.readJSON("jobs/2/job.json")'))
        self.assertIsNone(self.browser.run('return storage.readJSON("jobs/3/job.json")'))
        # A record that can't be read is not one that is missing.
        failure = self.browser.run("""
            storage.file = async () => ({ text: () => Promise.reject(new DOMException("", "NotReadableError")) });
            return storage.readJSON("jobs/1/job.json").then(() => null, ({ name }) => name);""")
        self.assertEqual(failure, "NotReadableError")

    def test_without_a_file_system_the_storage_is_memory_and_says_so(self):
        self.browser.execute_script("navigator.storage.getDirectory = () => Promise.reject(new DOMException('', 'SecurityError'))")
        self.assertRegex(self.browser.run("return storage.words"), "lost when the tab is closed.*open this page in an ordinary window")
        self.assertEqual(self.open_model()["hash"], CHECKSUM)
        self.visit()
        self.assertEqual(self.entry()["storedBytes"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
