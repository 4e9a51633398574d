"""What sounds, compared with the stems' files sample by sample."""
from selenium.webdriver import ActionChains

from page_test import SongTest, smoke


class RenderingTests(SongTest):
    """The page's engine, rendered offline."""

    #: A run across the edge of two pieces.
    ACROSS_PIECES = """
        const stems = await decodeStems();
        const rendered = await render(7, 0);
        return difference(rendered, stems, stems.map(() => 1), (i) => i - lead, lead);"""

    @smoke
    def test_rendered_samples_are_the_sum_of_the_stems_across_pieces(self):
        self.assertLess(self.page(self.ACROSS_PIECES), 1e-6)

    def test_a_server_without_ranges_is_played_too(self):
        # A proxy may drop the header. Chromium decodes the whole files: an error of half a 16-bit step for each of four stems.
        self.page("const fetched = fetch; window.fetch = (path, { headers: { Range, ...headers } = {}, ...options } = {}) => fetched(path, { ...options, headers })")
        self.assertLess(self.page(self.ACROSS_PIECES), 4 * 0.5 / 32768)

    def test_a_seek_is_exact_to_the_sample(self):
        worst = self.page("""
            const stems = await decodeStems();
            let worst = 0;
            for (const from of [1, 100001, 262143, 262144, 262145]) {
              const rendered = await render(2, from);
              worst = Math.max(worst, difference(rendered, stems, stems.map(() => 1), (i) => i - lead + from, lead + fade + 1));
            }
            return worst;""")
        self.assertLess(worst, 1e-6)

    def test_a_loop_joins_sample_to_sample(self):
        worst = self.page("""
            const stems = await decodeStems();
            const [start, end, from] = [250000, 290000, 240000];
            const rendered = await render(4, from, (engine) => { engine.loop = { start, end }; });
            const frameAt = (i) => { const at = i - lead + from; return at < end ? at : start + (at - end) % (end - start); };
            return difference(rendered, stems, stems.map(() => 1), frameAt, lead + fade + 1);""")
        self.assertLess(worst, 1e-6)

    def test_the_mix_of_the_service_pans_as_what_is_heard(self):
        worst = self.page("""
            const { mixer } = stage;
            const places = [-60, 35, -100, 0];
            mixer.strips.forEach((strip, index) => { strip.pan = places[index]; strip.volume = -6; });
            const mix = await decode(await mixAddress());
            const rendered = await render(2, 50000, (engine) => mixer.names.forEach((_, index) => {
              engine.setPan(index, places[index] / 100);
              engine.setGain(index, 10 ** (-6 / 20));
            }));
            return difference(rendered, [mix], [1], (i) => i - lead + 50000, lead + fade + 2000);""")
        self.assertLess(worst, 2 / 32768)


class SoundTests(SongTest):
    """The playing page."""

    def test_a_slow_line_brings_flac_to_the_sample_and_the_page_says_how_long_it_takes(self):
        limit = lambda rate: self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": rate, "uploadThroughput": rate})
        self.addCleanup(limit, -1)
        self.browser.execute_cdp_cmd("Network.enable", {})
        limit(120_000)
        self.script("playForReal()")
        first = len(self.subject.proxy.requests)
        self.click(".play")
        self.wait("/^Loading, about \\d+ (seconds|minutes?) to the sound: the line is slow\\.$/.test(document.querySelector('.mixer .said').textContent)")
        self.page("await until(() => stage.mixer.time > 0)")
        limit(-1)
        worst = self.page("""
            const stems = await decodeStems();
            const pieces = await stage.mixer.player.pieces();
            let worst = 0;
            for (let index = 0; index < pieces.count; index += 1)
              for (const [stem, buffer] of (await pieces.get(index)).entries())
                worst = Math.max(worst, difference([0, 1].map((channel) => buffer.getChannelData(channel)), [stems[stem]], [1], (i) => i + index * pieces.pieceFrames, 0));
            return worst;""")
        self.assertEqual(worst, 0)
        played = [path for path in self.requests_since(first) if "/stems/" in path and "?from=" in path]
        self.assertEqual({path.split("?")[0].rpartition(".")[2] for path in played}, {"flac"})

    def test_real_sound_moves(self):
        self.script("playForReal()")
        self.play()
        self.page("await until(() => stage.mixer.time > 0)")

    @smoke
    def test_the_buttons_change_what_sounds(self):
        self.play()
        for solo in (0, 3):
            self.script("document.querySelectorAll('.strip .solo')[arguments[0]].click()", solo)
            gains = [1 if index == 0 or index == solo else 0 for index in range(4)]
            self.assertLess(self.page("return await heardDifference(args[0])", gains), 1e-5)
        self.script("document.querySelectorAll('.strip .toggle:not(.solo)').forEach((button) => button.click())")
        self.assertLess(self.page("return loudest((await hear()).samples)"), 1e-7)

    @smoke
    def test_play_seek_and_pause(self):
        self.play()
        ActionChains(self.browser).move_to_element(self.find(".strip .wave")).click().perform()
        self.page("await until(() => !stage.mixer.engine.isWaiting)")
        self.assertLess(self.page("return await heardDifference([1, 1, 1, 1])"), 1e-5)
        self.assertAlmostEqual(self.mixer("time"), 4 + 0.2 - 0.03, delta=0.02)
        self.page("await drawn()")
        self.assertEqual(self.find(".transport .time").text, "0:04")
        self.assertAlmostEqual(float(self.find(".position").get_property("value")), self.mixer("time"), delta=0.006)
        self.click(".play")
        self.wait_for_play_button("Play")
        before = self.mixer("time")
        self.page("await sound.advance(0.3)")
        self.assertEqual(self.mixer("time"), before)
        self.play()
        self.page("await stage.mixer.seek(7.5); await until(() => !stage.mixer.engine.isWaiting); await sound.advance(0.6)")
        self.wait_for_play_button("Play")
        self.assertAlmostEqual(self.mixer("time"), self.job["duration_seconds"], 2)

    def test_play_begins_inside_the_loop(self):
        self.page("stage.mixer.setLoop([5, 7])")
        self.play()
        self.assertAlmostEqual(self.page("await sound.advance(0.1); return stage.mixer.time"), 5.07, delta=0.01)

    def test_only_what_is_heard_is_fetched(self):
        self.subject.separate(self.songs.wav("longer.wav", 20))
        self.open_song("longer")
        first = len(self.subject.proxy.requests)
        self.play()
        # Two pieces of six seconds are heard within eight seconds, and the next one is fetched ahead.
        piece = (1 << 18) * 4
        # A request that fails is made again. A piece ends some bytes later than its samples: the file has a header.
        ranges = lambda: {(path, int(headers["range"].rpartition("-")[2])) for _, path, headers in self.subject.proxy.requests[first:] if "/stems/" in path}
        self.subject.wait_for(lambda: sum(end > 2 * piece + 4096 for _, end in ranges()) == 4)
        self.assertLess(max(end for _, end in ranges()), 3 * piece + 4096)
