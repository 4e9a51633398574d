"""Songs on their way into the list, in line, and out of it."""
import base64
from pathlib import Path

import numpy
import soundfile
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page_test import PageTest, smoke, with_service


class QueueTests(PageTest):
    @smoke
    def test_the_empty_page_offers_an_example_song(self):
        self.assertIn("Take a song apart", self.words())
        self.wait("!document.querySelector('#example').hidden")
        self.assertEqual([button.text for button in self.browser.find_elements(By.TAG_NAME, "button") if button.is_displayed() and "files" in button.text], ["Choose files"])
        self.click("#example")
        self.wait("document.querySelector('.mixer .play')")
        self.assertIn("Example song", self.find(".song h1").text)
        self.play()
        # Its stems together reach +0.9 dB.
        self.assertEqual(self.mixer("mix.master.volume"), -2)

    @smoke
    def test_the_parts_of_the_example_play_on_one_clock(self):
        parts = lambda body: self.page(f"const {{ playing }} = await moduleOf('songs/stage.js'); {body}")
        self.click("#lanes button[value=drums]")
        parts("await until(() => playing.size === 1); await sound.advance(0.5)")
        self.click("#lanes button[value=vocals]")
        worst = parts("""
            await until(() => playing.size === 2);
            const analyser = new AnalyserNode(sound, { fftSize: heardFrames });
            for (const { gain } of playing.values()) gain.connect(analyser);
            await sound.advance(0.2);
            const samples = new Float32Array(heardFrames);
            analyser.getFloatTimeDomainData(samples);
            const [{ began }] = playing.values();
            const first = Math.round(sound.currentTime * rate) - began - heardFrames;
            const planes = [...playing.values()].flatMap(({ source }) => [0, 1].map((channel) => source.buffer.getChannelData(channel)));
            return samples.reduce((worst, sample, i) => Math.max(worst, Math.abs(sample - 10 ** (-1 / 20) * planes.reduce((sum, plane) => sum + plane[first + i] / 2, 0))), 0);""")
        self.assertLess(worst, 1e-5)
        self.find("#lanes button[value=drums]").send_keys(Keys.SPACE)
        self.assertEqual(self.value("[...document.querySelectorAll('#lanes button')].map((button) => button.ariaPressed)"), ["false", "false", "false", "true"])
        self.assertEqual((parts("return playing.size"), self.subject.jobs()), (1, []))
        self.separated()
        self.assertEqual(parts("return playing.size"), 0)

    def test_dropped_files_are_taken_and_markup_in_their_names_stays_text(self):
        self.expected_messages = "Failed to load resource.* 4(15|22)"
        drag = """
            const bytes = Uint8Array.from(atob(arguments[1]), (letter) => letter.charCodeAt(0));
            window.carried = new DataTransfer();
            carried.items.add(new File([bytes], arguments[0]));
            document.dispatchEvent(new DragEvent('dragenter', { dataTransfer: carried, cancelable: true }));"""
        drop = "document.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, cancelable: true }))"
        self.script(drag, "<img src=x onerror=alert(1)>.txt", base64.b64encode(b"text").decode())
        self.wait("getComputedStyle(document.querySelector('.veil')).visibility === 'visible'")
        self.script(drop)
        self.wait("document.querySelector('#queue li')?.textContent.includes('<img src=x onerror=alert(1)>')")
        self.assertEqual(self.value("getComputedStyle(document.querySelector('.veil')).visibility"), "hidden")
        self.script(drag + drop, '<b onclick=x>"bold" & more.wav', base64.b64encode(Path(self.songs.wav("name.wav")).read_bytes()).decode())
        self.wait("document.querySelector('.mixer .play')")
        self.assertEqual(self.value("document.querySelectorAll('#queue img, #queue b, #stage .mixer b, #stage .mixer img').length"), 0)
        self.assertIn("<b onclick=x>", self.find(".song h1").text)

    def test_a_file_without_sound_says_so_and_the_next_one_goes_on(self):
        self.expected_messages = "Failed to load resource.* 4(15|22)"
        self.upload(self.songs.text("notes.txt"), self.songs.wav("short.wav", 0.2), self.songs.wav("song.wav"))
        self.wait("[...document.querySelectorAll('#queue li')].some((row) => row.dataset.state === 'done')")
        self.wait_equal("[...document.querySelectorAll('#queue li[data-state=failed] .words')].map((words) => words.textContent)", 2 * ["No song can be read in this file: it is broken, or of an unknown format."])
        self.click("#queue li[data-state=failed] button:last-of-type")
        self.wait("document.querySelectorAll('#queue li').length === 2")

    def test_an_empty_file_is_not_sent(self):
        self.upload(self.songs.text("empty.wav", ""))
        self.wait_state("failed")
        self.assertIn("This file is empty", self.words())

    @smoke
    def test_cancel(self):
        self.subject.hold(0)
        self.upload(self.songs.wav("one.wav"), self.songs.wav("two.wav"))
        self.wait("document.querySelector('#queue li[data-state=running]') && document.querySelector('#queue li[data-state=queued]')")
        self.assertIn("Next in line", self.words())
        self.click("#queue li[data-state=queued] button:last-of-type")
        self.wait("!document.querySelector('#queue li[data-state=queued]')")
        self.click(".mixer .actions .plain")
        self.let_cancel()
        self.wait("!document.querySelector('#queue li[data-state=running]')")
        self.assertEqual([job for job in self.subject.jobs() if job["state"] in ("queued", "running")], [])

    def test_a_reload_in_the_middle_goes_on(self):
        self.subject.hold(1)
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_state("running")
        self.open()
        self.wait_state("running")
        self.subject.open()
        self.wait_for_song("song")
        self.wait_state("done")

    def test_a_finished_song_is_deleted_at_the_second_press(self):
        # The page may be loading the song's waveforms or beats.
        self.expected_messages = r"/(peaks\?|analysis).*404"
        self.separated()
        self.click("#queue li button:last-of-type")
        self.assertEqual(self.row_words(), "Press again to delete")
        self.click("#queue li button:last-of-type")
        self.wait("!document.querySelector('#empty').hidden")
        self.assertEqual((self.rows(), self.subject.jobs()), (0, []))


class ServiceQueueTests(PageTest):
    def test_fingers_get_words_of_their_own(self):
        self.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setTouchEmulationEnabled", {"enabled": False})
        self.click("#help")
        self.assertNotIn("Drop a song", self.words())
        self.assertNotIn("Space", self.words())
        self.assertIn("two fingers zoom", self.words())

    @smoke
    def test_an_upload_shows_its_progress_and_ends_in_the_mixer(self):
        self.script("""
            const announcer = document.querySelector('#announcer');
            window.announced = [];
            new MutationObserver(() => announced.push(announcer.textContent)).observe(announcer, { childList: true });""")
        self.subject.hold(2)
        self.subject.proxy.hold("/v1/separations", 100_000)
        self.upload(self.songs.wav("song.wav", 8))
        self.wait_state("uploading")
        self.subject.proxy.release("/v1/separations")
        self.wait("document.querySelector('#queue .words')?.textContent.match(/^Separating, .* left$/)")
        self.wait("announced.includes('song, half done')")
        self.subject.open()
        self.wait("announced.includes('song is done')")
        self.assertLessEqual(len(self.value("announced")), 5)
        self.wait_state("done")
        self.assertRegex(self.row_words(), r"^\d+:\d\d$")
        self.wait_for_song("song")
        self.assertEqual(self.value("violations"), [])

    def test_options_reach_the_service_and_are_remembered(self):
        self.click(".drop summary")
        self.wait("document.querySelector('#options [name=two-stems]').options.length > 2")
        self.choose("#options [name=two-stems]", "vocals")
        self.choose("#options [name=format]", "flac")
        self.open()
        self.wait("document.querySelector('#options-summary').textContent === 'vocals and the rest, flac'")
        job = self.separated()
        self.assertEqual({stem["name"] for stem in job["stems"]}, {"vocals", "no_vocals"})
        self.assertTrue(all(stem["url"].endswith(".flac") for stem in job["stems"]))
        self.play()
        self.assertTrue(self.mixer("isPlaying"))

    @with_service()
    def test_a_failed_separation_can_be_tried_again(self):
        self.subject.hold(0)
        self.upload(self.songs.wav("first.wav"), self.songs.wav("song.wav", 3))
        # Somebody has tidied up the data folder.
        self.subject.wait_for(lambda: len(self.subject.jobs()) == 2)
        job = next(job for job in self.subject.jobs() if job["state"] == "queued")
        (self.subject.data / "tracks" / job["id"] / "input").unlink()
        self.subject.open()
        self.wait("document.querySelector('#queue li[data-state=failed]')")
        self.click("#queue li[data-state=failed]")
        self.wait("document.querySelector('main .message:not(#empty) .primary')")
        self.click("main .message:not(#empty) .primary")
        self.wait("document.querySelector('.mixer .play')")
        self.wait("document.querySelectorAll('#queue li[data-state=done]').length === 2")

    def test_a_full_queue_is_waited_for(self):
        self.expected_messages = "Failed to load resource.* 429"
        # The service itself would ask for half a minute.
        self.subject.proxy.reply("/v1/separations", "429 Too Many Requests", {"status": 429, "detail": "1 job is waiting. Try again when it is done."}, "Retry-After: 1\r\n")
        self.upload(self.songs.wav("song.wav"))
        self.wait("document.body.innerText.includes('1 job is waiting. Try again when it is done. Trying again by itself, as long as this page is open.')")
        self.subject.proxy.reply_no_more("/v1/separations")
        self.wait_state("done")

    @with_service("--disk-quota", "10MB")
    def test_a_song_without_room_shows_the_service_s_message_without_a_retry(self):
        self.expected_messages = "Failed to load resource.* (422|503)|ERR_CONNECTION"
        self.upload(self.songs.wav("large.wav", 20))
        self.wait_state("failed")
        words = self.row_words()
        self.assertRegex(words, r"MB|kB|bytes")
        self.assertFalse(words.startswith("large"))
        self.assertEqual(self.subject.jobs(), [])
        self.assertEqual([button.get_attribute("aria-label") for button in self.browser.find_elements(By.CSS_SELECTOR, "#queue li button.quiet") if button.is_displayed()], ["Remove large"])

    def test_a_song_that_only_the_browser_can_decode_is_converted(self):
        self.expected_messages = "Failed to load resource.* 415|ERR_CONNECTION"
        self.script("localStorage.setItem('options', '{}')")
        self.open()
        source = self.songs.wav("source.wav", 4)
        self.upload(self.songs.m4a("Phone memo.m4a", "-i", source, "-b:a", "192k"))
        self.wait_for_song("Phone memo")
        self.wait_state("done")
        job = self.subject.jobs()[0]
        self.assertEqual(job["name"], "Phone memo.m4a")
        # The stems and what they leave out are the song that was sent.
        sent = sum(self.sound(stem) for stem in job["stems"])
        song, rate = soundfile.read(source)
        self.assertEqual((job["sample_rate"], sent.shape[1]), (rate, 2))
        # AAC is lossy (1 % of the energy), but aligned with the original.
        count = min(len(sent), len(song))
        sent, song = sent[:count], song[:count]
        gain = numpy.sum(sent * song) / numpy.sum(song ** 2)
        self.assertLess(numpy.sum((sent / gain - song) ** 2) / numpy.sum(song ** 2), 0.05)

    def test_a_song_that_is_too_long_for_the_browser_says_so(self):
        self.expected_messages = "Failed to load resource.* 415|ERR_CONNECTION"
        self.upload(self.songs.m4a("Concert.m4a", "-f", "lavfi", "-t", str(21 * 60), "-i", "anullsrc=r=8000:cl=mono", "-b:a", "8k"))
        self.wait_state("failed")
        self.assertIn("the browser can convert only 20 minutes of it.", self.row_words())
        self.assertEqual(self.subject.jobs(), [])

    def test_the_upload_itself_is_shown_and_can_be_cancelled(self):
        self.subject.proxy.hold("/v1/separations", 1_000_000)
        # More than the buffers of a connection take.
        self.upload(self.songs.text("large.wav", "nothing to hear here\n" * 1_000_000))
        self.wait_state("uploading")
        self.wait("/^[1-9]\\d? %$/.test(document.querySelector('#queue .percent').textContent)")
        # The browser asks before the page is closed or left.
        asks = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
        self.assertTrue(self.value(asks))
        self.click("#queue li button:last-of-type")
        self.wait("document.querySelectorAll('#queue li').length === 0")
        self.assertFalse(self.value(asks))
        self.subject.proxy.release("/v1/separations")
        self.assertEqual(self.subject.jobs(), [])

    def test_an_upload_without_a_connection_can_be_tried_again(self):
        self.script("""
            const { send } = XMLHttpRequest.prototype;
            XMLHttpRequest.prototype.send = function () { setTimeout(() => this.onerror()); };
            window.connect = () => { XMLHttpRequest.prototype.send = send; };""")
        self.upload(self.songs.wav("song.wav"))
        self.wait_state("failed")
        self.assertIn("The connection was lost.", self.words())
        self.script("connect(); document.querySelector('#queue [aria-label=\"Try song again\"]').click()")
        self.wait_state("done")
