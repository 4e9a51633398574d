"""Tests of the explainer: blocks that open, changes that are heard, puzzles, and its state in the address."""
import re
import time
from pathlib import Path

import numpy

from hosts import PageHost
from local_test import LocalTest

ROOT = Path(__file__).resolve().parents[2]
#: The loudest difference of the stems from those of the unchanged network.
DIFFERENCE = """
    const { page } = await import("/explain/main.js");
    const { changed, unchanged } = page.stems;
    return Math.max(...Object.keys(changed).map((name) => Math.max(...changed[name].map((channel, side) =>
      channel.reduce((most, sample, index) => Math.max(most, Math.abs(sample - unchanged[name][side][index])), 0)))));
"""


class ExplainTests(LocalTest):
    def open(self, fragment: str = "#start=20"):
        self.browser.get("about:blank")
        self.browser.get(f"{self.subject.url}explain/{fragment}")
        self.wait("document.body.dataset.runs")

    def runs(self) -> int:
        return int(self.value("document.body.dataset.runs"))

    def after_run(self, act):
        before = self.runs()
        act()
        self.wait("Number(document.body.dataset.runs) > args[0]", before)

    def press(self, words: str, place: str = "#changes"):
        self.script("[...document.querySelectorAll(`${arguments[0]} button`)].find((button) => button.textContent === arguments[1]).click()", place, words)

    def make(self, edit: str):
        """Types a change and makes it."""
        self.find(".other input").send_keys(edit)
        self.after_run(lambda: self.click(".other button"))

    def difference(self) -> float:
        return self.browser.run(DIFFERENCE)

    def scores(self) -> list[str]:
        return self.value("[...document.querySelectorAll('.stem .facts')].map((each) => each.textContent)")

    def open_block(self, name: str):
        self.script("const button = [...document.querySelectorAll('.block')].find((each) => each.getAttribute('aria-label').startsWith(`${arguments[0]}:`)); if (button.ariaExpanded !== 'true') button.click()", name)
        self.wait("document.querySelector('#block h2')?.textContent === args[0]", name)

    def wait_sum(self):
        self.wait("/^(Sum|The engine)/.test(document.querySelector('.sum')?.textContent)")

    def follow(self, step: int, point: list[int] | None = None) -> dict[str, float]:
        """The sum of a step at a point, and the engine's number, if it has one."""
        self.script("document.querySelector('.sum').textContent = ''; const choice = document.querySelector('.follower select'); choice.value = String(arguments[0]); choice.dispatchEvent(new Event('change'))", step)
        self.wait_sum()
        if point:
            self.script("document.querySelector('.sum').textContent = ''; const fields = document.querySelectorAll('.places input'); fields.forEach((field, axis) => { field.value = arguments[0][axis] < 0 ? field.max : arguments[0][axis]; }); fields[0].dispatchEvent(new Event('change'))", point)
            self.wait_sum()
        return {name: float(number) for name, number in re.findall(r"(Sum|The engine): (.*?)\.(?: |$)", self.find(".sum").text.replace("−", "-"))}

    def check_follow(self, name: str, points: tuple = (None,)):
        for step in range(self.value("document.querySelectorAll('.follower option').length")):
            for point in points:
                found = self.follow(step, point)
                if len(found) < 2:
                    break
                # A residual of a layer is a difference of numbers of about 1.
                self.assertAlmostEqual(*found.values(), delta=1e-6 + 1e-4 * abs(found["The engine"]), msg=f"{name} step {step} at {point}")

    # Blocks

    def test_every_block_opens_and_its_numbers_add_up(self):
        names = self.value("[...document.querySelectorAll('.block')].map((each) => each.getAttribute('aria-label').split(':')[0])")
        self.assertEqual(len(names), 27)
        self.browser.size(1400, 900)
        self.wait("document.querySelector('#network').scrollWidth <= document.querySelector('#network').clientWidth")
        for name in names:
            self.open_block(name)
            self.wait_sum()
            self.check_follow(name)
        # The first and the last places, where convolutions and frames are padded.
        for name in ("mag", "encoder.0", "tencoder.1", "decoder.0", "tdecoder.3", "final", "crosstransformer.layers_t.1"):
            self.open_block(name)
            self.wait_sum()
            self.check_follow(name, ([0] * 4, [-1] * 4))
        self.assertEqual(self.value("violations"), [])

    def test_a_point_of_the_picture_is_followed_by_a_click_and_stays_in_the_address(self):
        self.open_block("encoder.1")
        self.wait_sum()
        self.click(".large")
        self.wait("location.hash.includes('at=16,')")
        at = self.value("location.hash.match(/at=([0-9,]+)/)[1]")
        self.open(f"#start=20&block=encoder.1&at={at}")
        self.wait_sum()
        self.assertEqual(",".join(self.value("[...document.querySelectorAll('.places input')].map((field) => field.value)")), at)

    def test_links_lead_from_a_stem_to_the_piece_and_back(self):
        self.open("#start=20&block=final&at=3,0,100000")
        self.wait_sum()
        while self.value("document.querySelector('.result a') !== null"):
            self.script("document.querySelector('.sum').textContent = ''; document.querySelector('.result tbody a').click()")
            self.wait_sum()
        self.assertIn("Here the trail ends", self.find(".formula").text)
        self.assertTrue(self.find(".trail").text.startswith("final[3, 0, 100000] ← "))
        self.browser.back()
        self.wait("document.querySelector('.result a')")
        self.script("document.querySelector('.trail a').click()")
        self.wait("document.querySelector('#block h2').textContent === 'final'")
        self.assertEqual(self.runs(), 1)

    def test_a_click_on_the_picture_turns_off_a_channel_or_a_place(self):
        self.open_block("encoder.1")
        for mode, edit in ((1, "encoder.1[16]=zero"), (2, "encoder.1[16,")):
            self.script("document.querySelector('#block select').value = arguments[0]", str(mode))
            self.after_run(lambda: self.click(".large"))
            self.assertTrue(self.find(".made code").text.startswith(edit))
            self.assertGreater(self.difference(), 1e-6)
            self.after_run(lambda: self.click("#clear"))

    def test_other_models_have_their_own_pictures(self):
        for fixture, last in [("half", "crosstransformer.layers.0"), ("hybrid_half", "encoder.3")]:
            with self.subTest(model=fixture):
                # A browser plays no sound of 1,600 Hz.
                data = (ROOT / f"Tests/Fixtures/models/{fixture}.safetensors").read_bytes()
                size = int.from_bytes(data[:8], "little")
                header = data[8:8 + size].replace(b'\\"samplerate\\": 1600', b'\\"samplerate\\": 16000')
                model = self.songs.file(f"small_{fixture}.safetensors", len(header).to_bytes(8, "little") + header + data[8 + size:])
                self.after_run(lambda: self.upload(model))
                self.wait("document.querySelector('#model-facts').textContent.includes(args[0])", f"small_{fixture}")
                names = self.value("[...document.querySelectorAll('.block')].map((each) => each.getAttribute('aria-label').split(':')[0])")
                self.assertIn(last, names)
                followed = 0
                for name in names:
                    self.open_block(name)
                    if self.value("document.querySelector('.follower') !== null"):
                        self.wait_sum()
                        self.check_follow(name)
                        followed += 1
                self.assertGreaterEqual(followed, 4, names)

    def test_a_model_that_cannot_be_opened_leaves_the_old_one(self):
        self.make("encoder.1=zero")
        for name, content, words in [("notes.safetensors", b"la la la " * 99, "notes.safetensors"), ("tone.th", b"", "tone.th")]:
            self.upload(self.songs.file(name, content))
            self.wait("document.querySelector('#status.error')?.textContent.includes(args[0])", words)
            self.assertIn("demo", self.find("#model-facts").text)
        self.after_run(lambda: self.press("Level 0 cut"))
        self.assertGreater(self.difference(), 1e-4)
        self.browser.get("about:blank")
        self.browser.get(f"{self.subject.url}explain/#model=typo")
        self.wait("document.querySelector('#status.error')?.textContent.includes('typo')")
        self.script("const choice = document.querySelector('#model'); choice.value = 'demo'; choice.dispatchEvent(new Event('change'))")
        self.wait("document.body.dataset.runs")

    def test_presses_before_and_during_runs_end_in_the_last_state(self):
        self.browser.get("about:blank")
        self.browser.get(f"{self.subject.url}explain/#start=20")
        self.wait("document.querySelector('#changes button')")
        for words in ("No attention", "4 bits", "No attention", "Level 1 cut", "4 bits"):
            self.press(words)
        self.script("const start = document.querySelector('#start'); start.value = 8; start.dispatchEvent(new Event('change'))")
        self.wait("document.querySelector('#start-words').textContent === '8.0 s' && document.querySelector('#status').textContent.startsWith('Changed')")
        self.wait("document.body.dataset.runs && document.querySelector('#puzzles h2')")
        self.assertEqual(self.value("[...document.querySelectorAll('.made code')].map((each) => each.textContent)"), ["*coder.1.skip=zero"])
        self.wait("document.querySelector('.stem .facts').textContent.includes('SDR')")
        self.assertFalse(self.value("document.querySelector('#play').disabled"))

    def test_the_link_to_the_network_keeps_the_changes(self):
        self.make("encoder.1=zero")
        self.script("document.querySelector('.skip').click()")
        self.assertEqual(self.value("document.activeElement.id"), "network")
        self.assertEqual(self.value("document.querySelectorAll('.made li').length"), 1)

    # Changes

    def test_each_change_is_heard_and_undone(self):
        self.wait("document.querySelector('.stem .facts').textContent.startsWith('SDR')")
        plain = self.scores()
        groups = self.value("[...document.querySelectorAll('#changes [role=group]')].map((group) => [...group.querySelectorAll('button')].map((button) => button.textContent))")
        for words in [words for group in groups for words in group if words != "One segment"]:
            with self.subTest(change=words):
                self.after_run(lambda: self.press(words))
                self.assertGreater(self.difference(), 1e-4)
                self.assertTrue(all("SNR" in score and "was" in score for score in self.scores()), self.scores())
                self.after_run(lambda: self.click("#clear"))
                self.assertEqual(self.difference(), 0)
                self.assertEqual(self.scores(), plain)

    def test_changes_of_a_block_are_heard(self):
        for name, words in [("encoder.1", "Set to zero"), ("encoder.0", "Cut its skip"), ("encoder.2", "Keep 2 bits"), ("tdecoder.1", "Weights in 3 bits"),
                            ("crosstransformer.layers.0", "LayerScale × 0"), ("crosstransformer.layers_t.1", "Head 0 off"), ("output", "The mixture's phases")]:
            with self.subTest(block=name, change=words):
                self.open_block(name)
                self.wait("[...document.querySelectorAll('#block button')].some((button) => button.textContent === args[0])", words)
                self.after_run(lambda: self.press(words, "#block"))
                self.assertGreater(self.difference(), 1e-6)
                self.assertIn("edit=", self.value("location.hash"))
                self.after_run(lambda: self.press(words, "#block"))
                self.assertEqual(self.difference(), 0)

    def test_what_changes_nothing_is_not_heard(self):
        self.make("*=scale:1")
        # A pass that gives its values sums in another order.
        self.assertLess(self.difference(), 1e-5)
        self.after_run(lambda: self.click("#clear"))
        # Heads in another order, with their rows of the projections.
        layer, size = "crosstransformer.layers.0.self_attn", 128
        heads = numpy.arange(size).reshape(4, -1)[[2, 0, 3, 1]].ravel()
        rows = ",".join(str(part * size + row) for part in range(3) for row in heads)
        for edit in (f"{layer}.in_proj_weight=permute:0:{rows}", f"{layer}.in_proj_bias=permute:0:{rows}"):
            self.script("document.querySelector('.other input').value = arguments[0]", edit)
            self.after_run(lambda: self.click(".other button"))
        self.assertGreater(self.difference(), 1e-4)
        self.script("document.querySelector('.other input').value = arguments[0]", f"{layer}.out_proj.weight=permute:1:{','.join(map(str, heads))}")
        self.after_run(lambda: self.click(".other button"))
        self.assertLess(self.difference(), 1e-5)

    def test_a_change_that_cannot_be_made_is_refused_and_the_others_stay(self):
        self.make("encoder.1=zero")
        for edit, words in [("encoder.77=zero", "No value and no parameter"), ("encoder.1=loud", "invalid for edit"), ("mix=permute:9", "an axis of mix"), ("encoder.0.conv.weight=permute:9", "an axis of encoder.0.conv.weight, which has 4"), ("encoder.0.conv.weight=permute:9", "an axis")]:
            self.find(".other input").send_keys(edit)
            self.click(".other button")
            self.wait("document.querySelector('#status.error')?.textContent.includes(args[0])", words)
            self.assertEqual(self.value("[...document.querySelectorAll('.made code')].map((each) => each.textContent)"), ["encoder.1=zero"])
            self.script("document.querySelector('#status').textContent = ''")
        self.assertGreater(self.difference(), 1e-4)

    def test_the_sound_goes_on_from_the_same_place(self):
        self.click("#play")
        self.wait("document.querySelector('#play').textContent === 'Pause'")
        time_of = "const { page } = await import('/explain/main.js'); return page.time"
        self.wait("Number(getComputedStyle(document.body).getPropertyValue('--place')) > 0.1")
        before, begin = self.browser.run(time_of), time.monotonic()
        self.after_run(lambda: self.press("No cross-attention"))
        gone = time.monotonic() - begin
        after = self.browser.run(time_of)
        self.assertLess((after - before) % 4, gone + 0.5)
        for key, version in (("a", "unchanged"), ("a", "changed"), ("d", "difference")):
            self.find("body").send_keys(key)
            self.wait("document.querySelector('#versions :checked').value === args[0]", version)
        self.find("body").send_keys(" ")
        self.wait("document.querySelector('#play').textContent === 'Play'")

    # The address, songs, and other ways in

    def test_an_address_opens_its_state(self):
        self.open("#start=8&block=crosstransformer.layers.1&edit=*attn=zero&edit=encoder.3.conv.weight=quantise:4&segment=2&overlap=0&puzzle=skips")
        self.assertEqual(self.value("[...document.querySelectorAll('.made code')].map((each) => each.textContent)"), ["*attn=zero", "encoder.3.conv.weight=quantise:4"])
        self.assertEqual(self.find("#block h2").text, "crosstransformer.layers.1")
        self.assertEqual(self.find("#puzzles h3").text, "Two ways to the decoder")
        self.assertEqual(self.find("#start-words").text, "8.0 s")
        self.assertGreater(self.difference(), 1e-4)
        self.assertIn("&edit=*attn=zero&", self.value("location.hash"))

    def test_the_links_of_the_course_open_their_views(self):
        fragments = re.findall(r"\[Alive\]\(\S+/(#\S+)\)", (ROOT / "docs/howto/inside.md").read_text())
        self.assertEqual(len(fragments), 19)
        for fragment in fragments:
            with self.subTest(fragment=fragment):
                self.open(fragment)
                # A change that can't be made leaves the address; the number that is followed comes to it.
                self.assertEqual(re.sub("&(step|at)=[^&]*", "", self.value("location.hash")), fragment)
                self.assertEqual(self.value("document.querySelector('#block h2')?.textContent"), re.search("block=([^&]+)|$", fragment)[1])

    def test_a_phone_shows_what_an_address_opens(self):
        self.browser.size(390, 844)
        for fragment, selector in (("#block=encoder.0", "#block h2"), ("#puzzle=frames", "#puzzles h3")):
            self.open(fragment)
            self.wait("document.querySelector(args[0]) && (({ top, bottom }) => top > 0 && bottom < innerHeight)(document.querySelector(args[0]).getBoundingClientRect())", selector)
        self.assertNotEqual(self.value("getComputedStyle(document.querySelector('#puzzles .plain')).fontSize"), "0px")

    def test_an_embedded_block_is_alone(self):
        self.open("#start=20&block=tencoder.0&embed")
        self.wait_sum()
        self.assertFalse(self.find("#network").is_displayed())
        self.assertTrue(self.find("#block").is_displayed())
        self.assertTrue(self.find("#play").is_displayed())
        # In the frame of a page of another origin, which is not isolated.
        (self.songs.folder / "other").mkdir(exist_ok=True)
        (self.songs.folder / "other/index.html").write_text(f'<!doctype html><link rel="icon" href="data:,"><iframe src="{self.subject.url}explain/#block=encoder.1&amp;embed" width="600" height="700"></iframe>')
        other = PageHost(self.songs.folder / "other")
        other.start()
        self.addCleanup(other.stop)
        self.browser.get(f"{other.address.replace('127.0.0.1', 'localhost')}/")
        self.browser.switch_to.frame(self.find("iframe"))
        self.wait_sum()
        self.browser.switch_to.default_content()

    def test_a_song_of_ones_own_flows_through(self):
        before = self.runs()
        self.upload(self.songs.wav("my song.wav", 6))
        self.wait("document.querySelector('#song-name').textContent === 'my song.wav'")
        self.wait("Number(document.body.dataset.runs) > args[0]", before)
        self.after_run(lambda: self.press("No attention"))
        self.assertTrue(all(score.startswith("SNR") for score in self.scores()), self.scores())
        self.upload(self.songs.file("notes.txt", b"la la la " * 100))
        self.wait("document.querySelector('#status.error')?.textContent.includes('No song can be read')")
        self.assertEqual(self.find("#song-name").text, "my song.wav")

    def test_it_works_without_a_network_after_a_visit(self):
        self.browser.run("await navigator.serviceWorker.ready")
        self.subject.host.stop()
        try:
            self.open()
            self.after_run(lambda: self.press("All skips cut"))
            self.assertGreater(self.difference(), 1e-4)
        finally:
            self.subject.host.start()

    # Puzzles

    def test_each_puzzle_is_solved_rightly_and_wrongly(self):
        for slug in self.value("[...document.querySelectorAll('[data-puzzle]')].map((button) => button.dataset.puzzle)"):
            with self.subTest(puzzle=slug):
                self.script("document.querySelector(`[data-puzzle=${arguments[0]}]`).click()", slug)
                for answer, right in (("wrong", "false"), ("right", "true")):
                    self.browser.run("""
                        const { puzzles } = await import("/explain/puzzles.js");
                        const puzzle = puzzles.find(({ id }) => id === args[0]);
                        const answer = puzzle[args[1]];
                        if (puzzle.kind === "choice") document.querySelectorAll(".options input")[answer].click();
                        else if (puzzle.kind === "code") document.querySelector(".code textarea").value = answer;
                        else [...document.querySelectorAll(".cell")].forEach((cell, index) => (cell.ariaPressed === "true") !== answer.includes(index) && cell.click());
                        document.querySelector(".puzzle").requestSubmit();
                    """, slug, answer)
                    self.wait("document.querySelector('.verdict').dataset.right === args[0]", right)
                    self.assertGreater(len(self.find(".verdict").text), 20)
                self.assertEqual(self.value("document.querySelector(`[data-puzzle=${arguments[0]}]`).className", slug), "chip-button solved")
        self.assertEqual(self.value("violations"), [])

    def test_code_that_never_ends_is_ended(self):
        self.script("document.querySelector('[data-puzzle=shift]').click()")
        self.find(".code textarea").send_keys("(() => { for (;;) {} })()")
        self.click(".puzzle [type=submit]")
        self.wait("document.querySelector('.verdict').textContent.includes('did not end')")

    # For everyone

    def test_axe_finds_nothing(self):
        self.open_block("crosstransformer.layers.1")
        self.wait("document.querySelector('.heads canvas')")
        self.script("document.querySelector('[data-puzzle=query]').click()")
        self.after_run(lambda: self.press("4 bits"))
        for width, height in ((1440, 900), (390, 844)):
            self.browser.size(width, height)
            for is_dark in (False, True):
                self.browser.dark(is_dark)
                self.check_access(f"{width} {is_dark}")
        self.browser.dark(False)
        # The page's policy forbids styles that axe tries to set.
        self.browser.serious_messages()

    def test_the_keyboard_goes_through_the_picture(self):
        self.script("document.querySelector('.block.mag').focus()")
        for key, name in (("\ue014", "encoder.0"), ("\ue014", "encoder.1"), ("\ue015", "tencoder.1"), ("\ue012", "tencoder.0")):
            self.browser.switch_to.active_element.send_keys(key)
            self.assertEqual(self.value("document.activeElement.getAttribute('aria-label').split(':')[0]"), name)
        self.browser.switch_to.active_element.send_keys("\ue007")
        self.wait("document.querySelector('#block h2')?.textContent === 'tencoder.0'")
        self.browser.switch_to.active_element.send_keys("\ue00c")
        self.wait("document.querySelector('#block').hidden")
        self.assertEqual(self.value("document.activeElement.getAttribute('aria-label').split(':')[0]"), "tencoder.0")
