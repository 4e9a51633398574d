"""Stems that are heard while a song is separated."""
from page_test import PageTest, smoke


class GrowingTests(PageTest):
    """A song of 12 s is held when its first 6 s are separated, but for the random shift of up to half a second."""

    def setUp(self):
        super().setUp()
        self.subject.hold(2)
        self.upload(self.songs.wav("long.wav", 12))
        self.page("await until(() => stage.mixer?.job.ready_seconds > 5)")

    def finish(self):
        self.subject.open()
        self.wait_state("done")

    @smoke
    def test_a_song_is_heard_before_it_is_separated(self):
        self.play()
        found = self.page("""
            const { mixer } = stage;
            const found = {};
            await sound.advance(0.2);
            found.time = mixer.time;
            await until(() => mixer.board.waveforms.scale);
            const { max } = mixer.board.waveforms.of(0, mixer.timeline).channels[0];
            found.first = Math.max(...max.slice(0, Math.ceil(max.length / 12)));
            found.last = max.at(-1);
            mixer.seek(11);
            await until(() => mixer.wait.textContent);
            found.words = mixer.wait.innerText;
            found.state = mixer.job.state;
            return found;""")
        self.assertGreater(found["time"], 0.05)
        # The lanes are filled from the left.
        self.assertGreater(found["first"], 0)
        self.assertEqual(found["last"], 0)
        self.assertIn("This part is not separated yet", found["words"])
        self.assertEqual(found["state"], "running")
        for width in (390, 1440):
            self.resize(width)
            self.check_access(f"a song that grows, {width}")
        self.finish()
        compared = self.page("""
            const { mixer } = stage;
            await until(() => !mixer.engine.isWaiting);
            await sound.advance(0.2);
            const { Pieces } = await moduleOf("sound/pieces.js");
            const { job } = mixer;
            const pieces = await mixer.player.pieces();
            const files = await Pieces.open(job);
            const first = pieces.pieceFrames * 2;
            // A piece of the growing stems, and one of the files.
            const [before, after, whole] = [await pieces.get(0), await pieces.get(2), await files.get(0)];
            let worst = 0;
            job.stems.forEach(({ gain = 1 }, index) => {
              for (const channel of [0, 1]) {
                const samples = whole[index].getChannelData(channel);
                for (const [part, start] of [[before, 0], [after, first]]) {
                  part[index].getChannelData(channel).forEach((sample, i) => {
                    if (start + i < samples.length) worst = Math.max(worst, Math.abs(sample * gain - samples[start + i]));
                  });
                }
              }
            });
            return { worst, time: mixer.time, words: document.querySelector(".mixer").innerText };""")
        self.assertAlmostEqual(compared["time"], 11.17, delta=0.01)
        self.assertLessEqual(compared["worst"], self.subject.rounding)
        # A file at another speed has the level of the files.
        levels = self.page("const { job, player } = stage.mixer; return [player.levels, job.stems.map(({ gain = 1 }) => gain)]")
        self.assertEqual(levels[0], levels[1])
        self.assertNotIn("not separated yet", compared["words"])

    def test_a_spectrogram_grows_with_the_song(self):
        asked, ready = self.page("""
            const asked = [];
            backend.read = (id, stem, from, end) => {
              asked.push(end);
              return Object.getPrototypeOf(backend).read.call(backend, id, stem, from, end);
            };
            await stage.mixer.toggleSpectrogram();
            await drawn();
            // The picture begins with a timer.
            await new Promise((resolve) => setTimeout(resolve));
            return [asked, stage.mixer.job.ready_seconds];""")
        # Nothing is asked for that isn't there: floats of two channels, after the header.
        self.assertGreater(len(asked), 0)
        self.assertLess(max(asked), ready * 44100 * 8 + 4096)
        self.finish()
        # The greatest level in the first and the last eighth of the song.
        edges = self.page("""
            const spectrograms = () => stage.mixer.board.spectrograms;
            await until(() => spectrograms().isComplete);
            const { canvas } = spectrograms().picture(0);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const found = new Array(8).fill(0);
            for (let i = 3; i < data.length; i += 4) {
              const eighth = Math.floor((8 * (((i - 3) / 4) % canvas.width)) / canvas.width);
              found[eighth] = Math.max(found[eighth], data[i]);
            }
            return [found[0], found[7]];""")
        self.assertGreater(min(edges), 60)

    def test_the_part_of_a_cancelled_song_can_be_heard(self):
        self.page("stage.mixer.toggleStrip(0, 'isMuted'); stage.mixer.setLoop([0.5, 1.5]); await stage.mixer.seek(1)")
        self.click(".mixer .actions .plain")
        self.let_cancel()
        self.wait_state("cancelled")
        self.wait("document.querySelector('.song .facts').textContent.includes('cancelled here')")
        # Its mix, loop and place stay.
        self.assertEqual(self.page("const { strips, loop, time } = stage.mixer; return [strips.map(({ isMuted }) => isMuted), loop, time]"), [[True, False, False, False], [0.5, 1.5], 1])
        self.page("stage.mixer.toggleStrip(0, 'isMuted'); stage.mixer.setLoop(null)")
        duration = self.mixer("timeline.duration")
        self.assertTrue(5 < duration <= 6, duration)
        self.play()
        self.assertGreater(self.page("return loudest((await hear()).samples)"), 0.02)
