"""Tests of the static page: what it refuses, its options, its hosts, and the service that hands it out."""
import base64
import gzip
import io
from pathlib import Path

import numpy
import soundfile

from local_test import LocalTest
from music import SAMPLE_RATE
from page_test import NAMES, PageTest, with_service
from test_modules import with_imports


class RefusalTests(LocalTest):
    def test_a_browser_without_SIMD(self):
        self.use_browser("--js-flags=--no-enable-sse4-1")
        self.browser.get(self.subject.url)
        self.wait("document.querySelector('#banner').innerText.includes('separate songs')")
        self.assertIn("has no WebAssembly SIMD", self.script("return document.querySelector('#banner').innerText"))

    def test_a_memory_that_is_too_small_is_refused_before_the_start(self):
        # 131 MB.
        self.use_browser("--js-flags=--wasm-max-mem-pages=2000")
        self.open()
        self.upload(self.songs.wav("song.wav", 4))
        self.wait_state("failed")
        self.assertIn("This model needs about", self.row_words())
        self.assertIn("choose a smaller model", self.row_words())

    def test_a_song_that_is_too_long_to_decode(self):
        silence = ["-f", "lavfi", "-i", f"anullsrc=r={SAMPLE_RATE}:cl=mono", "-t", str(21 * 60)]
        self.upload(self.songs.coded("long.mp3", *silence, "-b:a", "32k"))
        self.wait_state("failed")
        self.assertIn("too long for the browser to decode: 20 minutes are the most", self.row_words())
        self.assertIn("other songs 20 minutes", self.find(".drop").text)

    def test_a_full_storage(self):
        # Chromium's protocol can't change the quota of these files.
        self.script("const { estimate } = navigator.storage; window.free = () => { navigator.storage.estimate = estimate; }; navigator.storage.estimate = async () => ({ quota: 60_000_000, usage: 0 })")
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_state("failed")
        self.assertIn("room for 10 MB", self.row_words())
        self.script("free(); document.querySelector('#uploads button[aria-label^=Remove]').click()")
        # The disk can also become full in the middle.
        self.page("const { StorageFull } = await import('/engine/storage.js'); "
                  "storage.append = (path, bytes) => { if (!path.includes('pieces/')) return Object.getPrototypeOf(storage).append.call(storage, path, bytes); "
                  "return Promise.reject(new StorageFull(path, 8e6, 1e6)); }")
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_state("failed")
        self.assertIn("storage is full", self.row_words())
        self.page("delete storage.append")
        self.separated("next.wav")

    def test_a_song_that_is_cancelled_while_it_is_copied_leaves_nothing(self):
        self.subject.hold_paths("path.endsWith('/song')")
        self.upload(self.songs.wav("song.wav", 4))
        self.wait("window.isHeld")
        self.script("document.querySelector('#uploads button[aria-label^=Cancel]').click(); release()")
        self.wait("document.querySelectorAll('#queue li').length === 0")
        self.wait_until_nothing_is_stored()
        self.assertEqual(self.subject.jobs(), [])

    def test_a_broken_model_fails_and_the_next_song_goes_on(self):
        self.upload(self.songs.file("broken.safetensors", b"\xff" * 1000))
        self.wait("[...document.querySelector('[name=model]').options].some(({ value }) => value === 'broken.safetensors')")
        self.assertEqual(self.script("return document.querySelector('[name=model]').value"), "broken.safetensors")
        self.upload(self.songs.wav("song.wav", 4))
        self.wait_state("failed")
        self.assertIn("broken.safetensors", self.row_words())
        self.script("document.querySelector('#options').closest('details').open = true; document.querySelector('#stored-models button').click()")
        self.wait("document.querySelector('#stored-models').hidden")
        self.separated("next.wav")


class PageTests(LocalTest):
    def test_a_model_file_of_the_user(self):
        self.upload(str(self.subject.web / "engine/demo.safetensors"))
        self.wait("document.querySelector('[name=model]').value === 'demo.safetensors'")
        self.separated()
        self.assertEqual(self.subject.jobs()[0]["model"], "demo.safetensors")
        # The stems of such a model are known when it is loaded.
        self.page("""
            const song = new File([await backend.example("demo_track.ogg")], "song.ogg");
            await backend.add(song, { model: "demo.safetensors", "two-stems": "guitar" }, {});""")
        self.wait_state("failed")
        self.assertEqual(self.subject.jobs()[0]["error"]["status"], 422)

    def test_the_stems_of_a_chosen_model_are_remembered(self):
        self.option("model", "htdemucs_6s")
        self.option("two-stems", "guitar")
        self.open()
        chosen = self.script("const { elements } = document.querySelector('#options'); return [elements.model.value, elements['two-stems'].value, elements['two-stems'].options.length]")
        self.assertEqual(chosen, ["htdemucs_6s", "guitar", 7])

    def test_the_small_model_separates_at_once_and_the_better_one_is_offered(self):
        self.script("""
            const { fetch } = window;
            window.hub = () => Promise.reject(new TypeError("Failed to fetch"));
            window.fetch = (address, options) => (new URL(address, location).origin === location.origin ? fetch(address, options) : hub(String(address)));""")
        self.wait("document.querySelector('#replacement').innerText.includes('htdemucs gives cleaner stems: 84 MB, fetched once.')")
        self.separated()
        self.wait("document.querySelector('#replacement button').textContent === 'Separate again with htdemucs'")
        self.click("#replacement button")
        self.wait("/^htdemucs was not fetched. huggingface.co can't be reached.(?!.*[/][/])/.test(document.querySelector('#options-note').textContent)")
        # Who chooses it nevertheless can go on with the small model.
        self.option("model", "htdemucs")
        self.upload(self.songs.wav("other.wav", 4))
        self.wait_state("failed")
        self.click("main .message:not(#empty) .plain")
        self.wait("document.querySelectorAll('#jobs li[data-state=done]').length === 2")
        self.option("model", "")
        # The demo model's file takes the place of the better one's.
        self.page("""
            const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await (await fetch("engine/demo.safetensors")).arrayBuffer()));
            const digits = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
            window.hub = (address) => (address.includes("/raw/") ? Promise.resolve(new Response(`oid sha256:${digits}\n`)) : fetch("engine/demo.safetensors"));""")
        self.script("new MutationObserver(() => { window.fetching = document.querySelector('#replacement:has(progress[value])').innerText; }).observe(document.querySelector('progress'), { attributeFilter: ['value'] })")
        self.click("#replacement button")
        self.wait("document.querySelectorAll('#jobs li[data-state=done]').length === 3")
        self.assertEqual([job["model"] for job in self.subject.jobs()], ["htdemucs", "demo", "demo"])
        self.assertRegex(self.value("fetching"), "^Fetching htdemucs, [0-9.]+ MB of [0-9.]+ MB")
        # It separates all later songs.
        self.wait("document.querySelector('#engine').textContent.startsWith('htdemucs') && document.querySelector('#replacement').hidden")

    def test_a_stem_that_the_model_lacks_is_refused(self):
        found = self.page("""
            const song = new File([await backend.example("demo_track.ogg")], "song.ogg");
            return backend.add(song, { model: "demo", "two-stems": "guitar" }, {}).then(() => "taken", ({ status, message }) => [status, message]);""")
        self.assertEqual(found, [422, "The value 'guitar' is invalid for 'two-stems': expected one of drums, bass, other, vocals. Choose again under Options."])
        self.assertEqual(self.subject.jobs(), [])

    def test_the_page_with_a_song_weighs_at_most_130_kB(self):
        """Without the engine, the models and what is loaded when it is needed; each module by itself."""
        modules = [self.subject.web / name for name in with_imports("browser/main.js", "page/main.js", "page/mixer/mixer.js", folder=self.subject.web)]
        others = [path for place in ("*", "page/*", "engine/*") for path in self.subject.web.glob(place) if path.suffix in (".html", ".css", ".svg", ".webmanifest", ".json")]
        weight = sum(len(gzip.compress(path.read_bytes(), 9)) for path in [*modules, *others])
        self.assertLess(weight, 130_000)

    def test_the_policy_lets_nothing_out(self):
        self.separated()
        self.assertEqual(self.script("return violations"), [])
        self.assertEqual(self.page("return await fetch('https://example.org/').then(() => 'sent', () => 'refused')"), "refused")
        self.wait("window.violations.length === 1")
        self.browser.serious_messages()

    def test_pure_modules(self):
        passed = self.browser.run_module_tests(Path(__file__).parent / "local_modules.js")
        self.assertGreaterEqual(len(passed), 5)


class PlainHostTests(LocalTest):
    """On a host that doesn't send the headers, a service worker does."""

    is_isolated = False

    def test_a_song_is_separated_with_shared_memory(self):
        self.wait("crossOriginIsolated")
        self.separated()

    def test_songs_that_are_chosen_before_the_page_is_isolated_are_separated(self):
        # A new origin, whose service worker waits.
        self.subject.clear()
        script = self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            const { register } = ServiceWorkerContainer.prototype;
            ServiceWorkerContainer.prototype.register = async function (...options) {
              await new Promise((resolve) => { window.install = resolve; });
              return register.apply(this, options);
            };"""})["identifier"]
        self.addCleanup(self.browser.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
        self.browser.get(self.subject.url)
        self.wait("window.install !== undefined")
        # Until the page listens.
        self.page("")
        self.upload(self.songs.wav("song.wav", 4))
        self.wait_state("waiting")
        self.script("install()")
        self.wait_state("done")
        self.assertFalse(self.script("return crossOriginIsolated"))

    def test_without_the_host_the_page_opens_again(self):
        self.wait("crossOriginIsolated")
        self.subject.host.stop()
        self.open()
        self.click("#lanes button[value=bass]")
        self.page("const { playing } = await moduleOf('songs/stage.js'); await until(() => playing.size === 1)")
        self.separated()
        self.subject.host.start()


class ServiceTests(PageTest):
    """The page of a service that hands out the static page, too."""

    def separate_equally(self, name: str):
        """In float32 and without a shift, so that both back ends give the same stems."""
        for option, value in [("precision", "float32"), ("shifts", "0")]:
            self.choose(f"#options [name={option}]", value)
        self.separated(name, 5)

    def switch(self, where: str):
        # Chromium tells of the page that is left only when the next one has come.
        self.script("window.isLeft = true")
        self.choose("[name=where]", where)
        self.wait("!window.isLeft && document.querySelector('#engine').textContent")

    @with_service()
    def test_songs_are_separated_on_this_computer_or_by_the_service(self):
        self.separate_equally("song.wav")
        [job] = self.subject.jobs()
        [by_service] = [self.sound(stem) for stem in job["stems"] if stem["name"] == "vocals"]
        self.switch("browser")
        self.assertIn("/web/", self.browser.current_url)
        self.assertTrue(self.script("return crossOriginIsolated"))
        self.wait_equal(NAMES, [])
        self.separate_equally("own.wav")
        self.assertEqual(len(self.subject.jobs()), 1)
        samples = self.page("""
            const { separations: [job] } = await backend.list({ limit: 1 });
            const bytes = new Uint8Array(await backend.whole(job.id, job.stems.find(({ name }) => name === "vocals")));
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);""")
        in_browser = soundfile.read(io.BytesIO(base64.b64decode(samples)))[0]
        self.assertEqual(in_browser.shape, by_service.shape)
        # The service's files have 16 bits.
        self.assertLess(numpy.abs(in_browser - by_service).max(), 1.5 / 32768)
        self.switch("service")
        self.wait_equal(NAMES, ["song"])
        self.switch("browser")
        self.wait_equal(NAMES, ["own"])
