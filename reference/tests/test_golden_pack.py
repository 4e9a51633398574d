"""The golden pack of a tiny model, and its check of right and wrong ports."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

import seeded_model
import trace_reference

MODEL = "htdemucs_tiny"


class PackTests(unittest.TestCase):
    """A pack of one model, and PyTorch as the port."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = Path(cls.folder.name)
        script = ROOT / "reference" / "golden_pack.py"
        subprocess.check_output([sys.executable, script, "-o", cls.work / "pack.zip", MODEL])
        with zipfile.ZipFile(cls.work / "pack.zip") as pack:
            pack.extractall(cls.work)
        checkpoint = cls.work / "model.safetensors"
        cls.check("weights", MODEL, checkpoint)
        chunk = load_file(cls.work / "golden" / MODEL / "chunk.safetensors")
        cls.mix, cls.mag = chunk["mix"][None], chunk["mag"][None]
        cls.model = seeded_model.load(checkpoint)

    @classmethod
    def check(cls, *words: str | Path) -> tuple[int, list[str]]:
        """The exit code and the lines of the pack's own script."""
        command = [sys.executable, cls.work / "golden" / "check.py", *words]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.returncode, found.stdout.splitlines()

    def port(self, **changes: torch.Tensor) -> Path:
        """Writes PyTorch's values, with some changed."""
        values = trace_reference.trace(self.model, self.mix, self.mag)
        found = {name: changes.get(name, value).float() for name, value in values.items()}
        path = self.work / "port.safetensors"
        save_file({name: value.contiguous().clone() for name, value in found.items()}, path)
        return path

    def test_a_right_port_passes(self) -> None:
        code, lines = self.check("compare", MODEL, self.port())
        self.assertEqual(code, 0, lines)
        self.assertRegex(lines[-1], r"^(1\d\d) of \1 values are right$")

    def test_a_wrong_value_is_named(self) -> None:
        values = trace_reference.trace(self.model, self.mix, self.mag)
        code, lines = self.check("compare", MODEL, self.port(**{"encoder.1": -values["encoder.1"]}))
        self.assertEqual(code, 1)
        wrong = [line for line in lines if "a right port" in line]
        self.assertEqual([line.split()[0] for line in wrong], ["encoder.1"])

    def test_half_precision_has_its_own_levels(self) -> None:
        with torch.autocast("cpu", torch.float16):
            path = self.port()
        self.assertEqual(self.check("compare", MODEL, path)[0], 1)
        self.assertEqual(self.check("compare", MODEL, path, "--precision", "float16")[0], 0)

    def test_a_folder_may_have_few_values(self) -> None:
        port = self.work / "port"
        port.mkdir()
        values = trace_reference.trace(self.model, self.mix, self.mag)
        np.save(port / "output.npy", values["output"].numpy()[None])
        code, lines = self.check("compare", MODEL, port)
        self.assertEqual((code, lines[-1]), (0, "1 of 1 values are right"))


if __name__ == "__main__":
    unittest.main()
