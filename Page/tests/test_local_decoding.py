"""Tests of coded songs that are decoded piece by piece."""
import base64
import hashlib
from pathlib import Path

import soundfile

from local_test import LocalTest
from music import SAMPLE_RATE

# Three pieces, which have about 30 s.
SECONDS = 65


class DecodingTests(LocalTest):
    def song_file(self, name: str, *options: str, seconds: float = SECONDS, rate: int = SAMPLE_RATE) -> str:
        """A song of that length at the rate, as ffmpeg codes it with the options."""
        return self.coded(name, *options, source=["-i", self.song("source.wav", seconds * rate / SAMPLE_RATE, rate)])

    def decoded(self, path: str) -> dict:
        """The sound of a file decoded in pieces, with the largest differences from the browser's decoding of the whole, and the number of pieces."""
        return self.browser.run("""
            const { decode, inspect } = await import("/local_track.js");
            const { MemoryStorage } = await import("/storage.js");
            const { decodeFrames } = await import("/wav.js");
            const { decodedPlanes } = await import("/convert.js");
            const file = new File([Uint8Array.from(atob(args[0]), (letter) => letter.charCodeAt(0))], "song");
            const { prototype } = OfflineAudioContext;
            const { decodeAudioData } = BaseAudioContext.prototype;
            const sizes = [];
            prototype.decodeAudioData = function (bytes) { sizes.push(bytes.byteLength); return decodeAudioData.call(this, bytes); };
            const facts = await inspect(file);
            const { file: sound, header, sampleRate } = await decode(file, facts, { storage: new MemoryStorage(), path: "decoded" }).finally(() => delete prototype.decodeAudioData);
            const planes = decodeFrames(await sound.arrayBuffer(), header);
            const whole = await decodedPlanes(file, sampleRate);
            const differences = planes.map((plane, channel) => plane.reduce((most, sample, i) => Math.max(most, Math.abs(sample - whole[channel][i])), 0));
            const integers = Int16Array.from({ length: planes.length * planes[0].length }, (_, i) => planes[i % planes.length][Math.floor(i / planes.length)] * 32768);
            const hash = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", integers))));
            return { sampleRate, lengths: planes.map(({ length }) => length), wholeLengths: whole.map(({ length }) => length), difference: Math.max(...differences), hash,
              pieces: sizes.length, isWhole: sizes.includes(file.size) };""", base64.b64encode(Path(path).read_bytes()).decode())

    def check_pieces(self, path: str, bound: float = 0) -> dict:
        found = self.decoded(path)
        self.assertGreaterEqual(found["pieces"], 3, found)
        self.assertFalse(found["isWhole"], found)
        self.assertEqual(found["lengths"], found["wholeLengths"])
        self.assertLessEqual(found["difference"], bound, found)
        return found

    def test_pieces_of_MP3_decode_as_the_whole(self):
        for name, rate, options in [
            # Bits of other frames, a tag in front with a large picture, and one at the end.
            ("cbr.mp3", 44100, ["-b:a", "128k", "-id3v2_version", "3", "-metadata", "comment=" + "x" * 100_000, "-write_id3v1", "1"]),
            ("vbr.mp3", 48000, ["-q:a", "4"]),
            ("mono.mp3", 22050, ["-ac", "1", "-b:a", "16k"]),
            ("untagged.mp3", 32000, ["-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0"]),
            ("low.mp3", 8000, ["-b:a", "8k"]),
        ]:
            with self.subTest(name=name):
                found = self.check_pieces(self.song_file(name, *options, rate=rate))
                self.assertEqual(found["sampleRate"], rate)

    def test_pieces_of_FLAC_decode_as_the_whole_and_as_the_samples(self):
        path = self.song_file("16.flac", "-sample_fmt", "s16")
        samples = soundfile.read(path, dtype="int16")[0]
        found = self.check_pieces(path)
        self.assertEqual(found["hash"], base64.b64encode(hashlib.sha256(samples.tobytes()).digest()).decode())
        self.check_pieces(self.song_file("24.flac", "-sample_fmt", "s32", "-ac", "1", rate=96000))

    def test_pieces_of_Ogg_decode_as_the_whole(self):
        self.check_pieces(self.song_file("vorbis.ogg", "-c:a", "libvorbis", "-q:a", "5"))
        self.check_pieces(self.song_file("flac.ogg", "-c:a", "flac"))
        # Its decoder goes on for ever from what it knew; after two seconds that is less than the rounding of 16 bits.
        self.check_pieces(self.song_file("opus.opus", "-c:a", "libopus", "-b:a", "96k", rate=48000), 1 / 65536)
        self.check_pieces(self.song_file("speech.ogg", "-c:a", "libopus", "-b:a", "12k", "-application", "voip", "-ac", "1", rate=16000), 1 / 65536)

    def test_pieces_of_MP4_decode_as_the_whole(self):
        """Without the noise that AAC's decoders draw, which goes on from what they drew before."""
        self.check_pieces(self.song_file("aac.m4a", "-c:a", "aac", "-b:a", "128k", "-aac_pns", "0"))
        self.check_pieces(self.song_file("mono.m4a", "-c:a", "aac", "-b:a", "48k", "-ac", "1", "-aac_pns", "0", "-movflags", "+faststart", rate=22050))
        self.check_pieces(self.song_file("video.mp4", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=5", "-t", str(SECONDS), "-c:v", "mpeg4", "-c:a", "aac", "-aac_pns", "0"))

    def test_a_file_that_can_t_be_cut_is_decoded_whole(self):
        damaged = bytearray(Path(self.song_file("16.flac", "-sample_fmt", "s16")).read_bytes())
        damaged[len(damaged) // 2:len(damaged) // 2 + 20_000] = bytes(20_000)
        chained = Path(self.song_file("vorbis.ogg", "-c:a", "libvorbis", seconds=40)).read_bytes() * 2
        for name, content in [("damaged.flac", bytes(damaged)), ("chained.ogg", chained)]:
            with self.subTest(name=name):
                found = self.decoded(self.file(name, content))
                self.assertTrue(found["isWhole"], found)
                self.assertEqual(found["lengths"], found["wholeLengths"])
                self.assertEqual(found["difference"], 0)
