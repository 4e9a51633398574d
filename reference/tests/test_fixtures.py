"""The registry of fixtures."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

from make_fixtures import MAKERS


class FixtureTests(unittest.TestCase):
    def test_every_folder_has_a_maker(self) -> None:
        found = {path.name for path in (ROOT / "Tests" / "Fixtures").iterdir() if path.is_dir()}
        made = {f.split("/")[0] for m in MAKERS.values() for f in m.folders.split(", ")}
        # `service` has jobs of earlier versions.
        self.assertEqual(made, found - {"service"})

    def test_every_maker_has_a_module(self) -> None:
        missing = [
            m for m in MAKERS.values() if not (ROOT / "reference" / f"{m.module}.py").exists()
        ]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
