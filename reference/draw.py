"""Tensors drawn from a seed, bit for bit the same here and in Tests/TestSupport/DrawnTensor.swift.

Element i of a tensor depends only on the seed, the tensor's name and i:

    state   = seed XOR FNV-1a(name), 64 bits
    word(i) = mix(state + (i + 1) * 0x9E3779B97F4A7C15), output i of SplitMix64

A rule turns each word into a float64, in the order of operations written here, and rounds it to
float32 once:

    uniform LOW HIGH         LOW + (HIGH - LOW) * u
                             u = (word >> 40) * 2**-24, 0 <= u < 1
    normal DEVIATION MEAN    MEAN + DEVIATION * n
                             n = (sum of the word's four 16-bit parts - 131070) * (sqrt(3) / 65536)
    swell DEVIATION MEAN     the normal value * (0.1 + 0.9 * (1 - |2 * j / count - 1|))
                             j: place in the last dimension, of `count` elements

n has mean 0, variance 1 and |n| <= 3.47: a sum of four uniform numbers needs no logarithm, whose
last bit differs between libraries. In a fixture's metadata, `seed` holds the seed and `drawn` one
line for all tensors of one shape and rule: `24,3 uniform -0.1 0.1 conv.bias rewrite.bias`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
MASK = 2**64 - 1


class Rule(NamedTuple):
    """Rule that turns a word into a value; the module's docstring lists them."""

    kind: str
    a: float
    b: float


def _rounded(value: float) -> float:
    """The number rounded to four digits, as the metadata store it."""
    return float(f"{value:.4g}")


def uniform(low: float, high: float) -> Rule:
    """Uniform between two bounds."""
    return Rule("uniform", _rounded(low), _rounded(high))


def normal(deviation: float = 1.0, mean: float = 0.0) -> Rule:
    """Close to a normal distribution."""
    return Rule("normal", _rounded(deviation), _rounded(mean))


def swell(deviation: float, mean: float) -> Rule:
    """Normal, louder towards the middle of the last dimension: loud and quiet places."""
    return Rule("swell", _rounded(deviation), _rounded(mean))


def words(seed: int, name: str, count: int) -> np.ndarray:
    """The first `count` words of the tensor's generator, uint64."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(state ^ seed & MASK) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            GOLDEN_GAMMA
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def array(seed: int, name: str, shape: tuple[int, ...], rule: Rule) -> np.ndarray:
    """The float32 array of a name."""
    word = words(seed, name, math.prod(shape))
    if rule.kind == "uniform":
        u = (word >> np.uint64(40)).astype(np.float64) * 2.0**-24
        values = rule.a + (rule.b - rule.a) * u
    else:
        total = sum((word >> np.uint64(16 * part)) & np.uint64(0xFFFF) for part in range(4))
        n = (total.astype(np.float64) - 131070.0) * (math.sqrt(3.0) / 65536.0)
        values = rule.b + rule.a * n
        if rule.kind == "swell":
            count = shape[-1]
            j = np.arange(count, dtype=np.float64)
            gain = 0.1 + 0.9 * (1.0 - np.abs(2.0 * j / count - 1.0))
            values = (values.reshape(-1, count) * gain).reshape(-1)
    return values.astype(np.float32).reshape(shape)


def tensor(seed: int, name: str, shape: tuple[int, ...], rule: Rule) -> torch.Tensor:
    """The float32 tensor of a name."""
    # Here, so that the golden pack draws without PyTorch.
    import torch

    return torch.from_numpy(array(seed, name, shape, rule))


def arrays(seed: int, text: str) -> dict[str, np.ndarray]:
    """The arrays that a fixture's metadata describe."""
    found = {}
    for line in text.splitlines():
        shape, kind, a, b, *names = line.split(" ")
        sizes = tuple(map(int, shape.split(",")))
        for name in names:
            found[name] = array(seed, name, sizes, Rule(kind, float(a), float(b)))
    return found


class Draws:
    """Draws the tensors of one fixture and records their shapes and rules for its metadata."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.found: dict[str, tuple[tuple[int, ...], Rule]] = {}

    def __call__(self, name: str, *shape: int, rule: Rule | None = None) -> torch.Tensor:
        """Draws a tensor, normal if no rule is given. The same name gives the same values."""
        assert not any(character.isspace() for character in name), name
        entry = (tuple(shape), rule or normal())
        assert self.found.setdefault(name, entry) == entry, f"{name} is drawn in two ways"
        return tensor(self.seed, name, *entry)

    def text(self) -> str:
        """Metadata: one line for each shape and rule, with the names that have them."""
        names: dict[str, list[str]] = {}
        for name, (shape, rule) in sorted(self.found.items()):
            key = f"{','.join(map(str, shape))} {rule.kind} {rule.a:g} {rule.b:g}"
            names.setdefault(key, []).append(name)
        return "\n".join(" ".join([key, *names[key]]) for key in sorted(names))
