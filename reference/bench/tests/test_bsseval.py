"""bsseval.py on stems whose SDR is known."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import soundfile

SCRIPT = Path(__file__).resolve().parents[1] / "bsseval.py"


class BSSEvalTests(unittest.TestCase):
    def test_half_of_a_stem_has_six_decibels(self) -> None:
        random = np.random.default_rng(1)
        with tempfile.TemporaryDirectory() as name:
            for folder in ("true", "found"):
                Path(name, folder).mkdir()
            for stem in ("bass", "drums"):
                noise = random.uniform(-1, 1, (6000, 2))
                soundfile.write(Path(name, "true", f"{stem}.wav"), noise / 2, 2000, "FLOAT")
                soundfile.write(Path(name, "found", f"{stem}.wav"), noise / 4, 2000, "FLOAT")
            command = [sys.executable, SCRIPT, Path(name, "true"), Path(name, "found")]
            lines = subprocess.check_output(command, text=True).splitlines()
        self.assertEqual(lines[0].split(), ["dB", "SDR", "ISR", "SIR", "SAR"])
        self.assertEqual([line.split()[:2] for line in lines[1:]], [["bass", "6.021"], ["drums", "6.021"]])


if __name__ == "__main__":
    unittest.main()
