"""Fixture of drawn tensors and their values: the tests' generator must give the same values.

Drawn tensors: one or more for each rule. Stored: the same values as `<name>.values`.
"""

from __future__ import annotations

import draw
from fixture import SEED, origin, write

GROUP = "support"


def make() -> None:
    """Writes Tests/Fixtures/support."""
    draws = draw.Draws(SEED)
    tensors = {
        f"{name}.values": draws(name, *shape, rule=rule)
        for name, shape, rule in [
            ("uniform", (3, 41), draw.uniform(-0.1, 0.1)),
            ("layers.0.norm1.weight", (64,), draw.uniform(0.8, 1.2)),
            ("normal", (5, 7, 3), draw.normal(0.2357, -0.5)),
            ("swell", (2, 2, 33), draw.swell(0.3, 0.1)),
        ]
    }
    write(GROUP, "draws", tensors, origin(GROUP), draws)
