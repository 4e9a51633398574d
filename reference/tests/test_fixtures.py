"""The registry of fixtures, and the SNR by which golden values are judged."""

from __future__ import annotations

import math
import sys
import unittest
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

from make_fixtures import MAKERS
from snr import snr, snr_of_each


class FixtureTests(unittest.TestCase):
    def test_every_folder_has_a_maker(self) -> None:
        found = {path.name for path in (ROOT / "Tests" / "Fixtures").iterdir() if path.is_dir()}
        made = {f.split("/")[0] for m in MAKERS.values() for f in m.folders.split(", ")}
        self.assertEqual(made, found)

    def test_every_maker_has_a_module(self) -> None:
        missing = [
            m for m in MAKERS.values() if not (ROOT / "reference" / f"{m.module}.py").exists()
        ]
        self.assertEqual(missing, [])

    def test_the_snr_of_arrays_and_of_tensors(self) -> None:
        for ones in (np.ones((2, 50), np.float32), torch.ones(2, 50, requires_grad=True)):
            self.assertAlmostEqual(snr(ones, 1.1 * ones), 20, places=4)
            self.assertEqual(snr(ones, ones), math.inf)

    def test_values_that_cannot_be_compared_have_the_worst_snr(self) -> None:
        ones = np.ones(4)
        for value in (np.ones(3), np.ones((1, 4)), ones * np.nan, ones * np.inf):
            self.assertEqual(snr(ones, value), -math.inf)
        self.assertEqual(snr(np.zeros(4), ones), -math.inf)
        self.assertEqual(
            snr_of_each({"a": ones, "b": ones}, {"a": ones}), {"a": math.inf, "b": -math.inf}
        )


if __name__ == "__main__":
    unittest.main()
