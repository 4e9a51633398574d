"""Imports of the demo model from the reference package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "reference"))

from seeded_model import HTDemucs, apply_model, load, save_safetensors

__all__ = ["HTDemucs", "apply_model", "load", "save_safetensors"]
