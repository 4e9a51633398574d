"""The plots that plot_report.py makes from the JSON reports of the commands.

Runs the command that SWIFT_DEMUCS names, else that on PATH.
"""

import os
import random
import subprocess
import sys
import tempfile
import unittest
import wave
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SWIFT_DEMUCS", "swift-demucs")
MODEL = ROOT / "Tests/Fixtures/weights/formats/model.safetensors"


class PlotReportTests(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def run_command(self, *words: object, exits: int = 0) -> str:
        command = [PROGRAM, *map(str, words)]
        run = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, exits, command)
        return run.stdout

    def write_track(self, name: str) -> None:
        """Stereo noise at the model's 1,600 Hz."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((2, 2, 1600, 0, "NONE", ""))
            file.writeframes(random.Random(1).randbytes(4 * 3000))

    def picture(self, report: str) -> str:
        """The plots of a report as SVG, all of whose coordinates are numbers."""
        (self.folder / "report.json").write_text(report)
        command = [sys.executable, ROOT / "reference/bench/plot_report.py", "report.json", "-o", "a.svg"]
        subprocess.run(command, cwd=self.folder, check=True)
        text = (self.folder / "a.svg").read_text()
        ElementTree.fromstring(text)
        for word in ('"nan', '"inf'):
            self.assertNotIn(word, text)
        return text

    def test_scores_of_tracks_are_shown(self) -> None:
        for folder in ("true/<a&b>", "true/song", "found/<a&b>", "found/song"):
            for stem in ("bass", "drums"):
                self.write_track(f"{folder}/{stem}.wav")
        found = self.picture(self.run_command("eval", "true", "found", "--json"))
        self.assertIn("&lt;a&amp;b&gt;", found)
        # Bar charts of two stems with two scores, and of two tracks; the SI-SDR is infinite.
        self.assertEqual(found.count('id="axes_'), 2)
        self.assertGreaterEqual(found.count(">inf</text>"), 2)

    def test_bench_draws_each_precision_and_each_block(self) -> None:
        found = self.picture(
            self.run_command(
                *("bench", "-n", MODEL, "--precision", "all"),
                *("--runs", "2", "--layers", "--json", "-q"),
            )
        )
        # Times, then blocks and a roofline for each of four rows.
        self.assertEqual(found.count('id="axes_'), 9)
        self.assertIn("bfloat16", found)
        self.assertEqual(found.count('id="bound"'), 4)

    def test_compare_marks_where_the_error_begins(self) -> None:
        self.write_track("song.wav")
        for precision, output in (("float32", "a.safetensors"), ("bfloat16", "b.safetensors")):
            self.run_command(
                "trace", "song.wav", "-n", MODEL, "--precision", precision, "-o", output
            )
        words = ("compare", "a.safetensors", "b.safetensors", "--json")
        found = self.picture(self.run_command(*words, exits=1))
        self.assertNotIn(", 0 wrong", found)
        self.assertGreater(found.count("<use "), 10)
        self.assertIn('id="series0"', found)
        self.assertIn('id="series1"', found)
        found = self.picture(self.run_command(*words, "--bound", "0"))
        self.assertIn(", 0 wrong", found)

    def test_quantize_shows_the_layers_that_cost_most(self) -> None:
        self.run_command("quantize", MODEL, "-o", "int8.safetensors", "--report", "q.json", "-q")
        found = self.picture((self.folder / "q.json").read_text())
        self.assertEqual(found.count('id="axes_'), 2)
        self.assertIn("each alone in INT8", found)


if __name__ == "__main__":
    unittest.main()
