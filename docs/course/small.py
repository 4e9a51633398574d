"""Small random inputs for the course's functions. Large ones hide a mistake such as n for n − 1.

    from small import try_small
    try_small(standardise)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

import engine
import htdemucs

Random = np.random.Generator
TRIALS = 20


def array(random: Random, *shape: int) -> np.ndarray:
    """Normal numbers."""
    return random.standard_normal(shape).astype(np.float32)


def weights(random: Random, **shapes: tuple[int, ...]) -> htdemucs.Module:
    """A module with such weights."""
    return htdemucs.Module({name: array(random, *shape) for name, shape in shapes.items()})


def affine(random: Random, channels: int) -> htdemucs.Module:
    """A norm's weights."""
    return weights(random, weight=(channels,), bias=(channels,))


# Arguments of one call.
CALLS: dict[str, Callable[[Random], tuple]] = {
    "window": lambda r: (2 * int(r.integers(2, 9)),),
    "stft": lambda r: (array(r, 2, int(r.integers(13, 40))), 16),
    "istft": lambda r: (array(r, 4, 8, 5), int(r.integers(1, 20))),
    "kernel": lambda r: (weights(r, weight=(2, 3, 3)),),
    "conv": lambda r: (weights(r, weight=(3, 2, 3), bias=(3,)), array(r, 2, 1, 7), (1, 2), (0, 2), 2),
    "conv_transpose": lambda r: (weights(r, weight=(2, 3, 4, 1), bias=(3,)), array(r, 2, 3, 2), (2, 1)),
    "gelu": lambda r: (3 * array(r, 2, 3, 2),),
    "glu": lambda r: (array(r, 4, 2, 3),),
    "normalise": lambda r: (array(r, 2, 3, 4), (0, 2)),
    "layer_norm": lambda r: (affine(r, 4), array(r, 2, 4)),
    "linear": lambda r: (weights(r, weight=(3, 4), bias=(3,)), array(r, 2, 4)),
    "row_norm": lambda r: (affine(r, 2), array(r, 2, 3, 2)),
    "gate": lambda r: (weights(r, weight=(4, 2, 3, 3), bias=(4,)), array(r, 2, 3, 4)),
    "positions_1d": lambda r: (int(r.integers(1, 5)), 6, 10000.0),
    "positions_2d": lambda r: (2, int(r.integers(1, 5)), 8, 10000.0),
    "attention": lambda r: (
        weights(r, in_proj_weight=(12, 4), in_proj_bias=(12,), **{"out_proj.weight": (4, 4), "out_proj.bias": (4,)}),
        array(r, 3, 4), array(r, 2, 4), 2,
    ),
    "standardise": lambda r: (array(r, 2, 3),),
    "triangle": lambda r: (int(r.integers(2, 9)),),
    "cut": lambda r: (array(r, 2, 9), int(r.integers(0, 8)), int(r.integers(1, 6)), 8),
    "separate": lambda r: (None, array(r, 2, 9), SimpleNamespace(segment_samples=4, sources=["a", "b"])),
}  # fmt: skip


def forward(_: htdemucs.Module, mix: np.ndarray, __: htdemucs.Configuration) -> np.ndarray:
    """Takes the place of the network: two stems that don't grow with the mix."""
    return np.stack([np.tanh(mix), mix * np.abs(mix)])


def run(function: Callable, arguments: tuple) -> tuple[np.ndarray, ...]:
    """The arrays that a call gives."""
    with patch.dict(function.__globals__, {"forward": forward}):
        found = function(*arguments)
    return tuple(map(np.asarray, found if isinstance(found, tuple) else (found,)))


def shown(argument: object) -> str:
    """An argument in a message."""
    if isinstance(argument, np.ndarray):
        return np.array2string(argument, precision=4, threshold=20)
    return "…" if isinstance(argument, htdemucs.Module | SimpleNamespace) else repr(argument)


def mistakes(function: Callable, reference: Callable) -> Iterator[str]:
    """What a function has wrong, in words, for each small input where it differs from the true one."""
    random = np.random.default_rng(1)
    for _ in range(TRIALS if function.__name__ in CALLS else 0):
        arguments = CALLS[function.__name__](random)
        for found, true in zip(run(function, arguments), run(reference, arguments), strict=True):
            call = f"{function.__name__}({', '.join(map(shown, arguments))})"
            if found.shape != true.shape:
                yield f"{call} has the shape {found.shape}, expected {true.shape}"
            elif not (snr := engine.snr_db(true, found)) >= engine.MINIMUM_SNR_DB:
                yield f"{call} gives {found.ravel()[:6]}, expected {true.ravel()[:6]} ({snr:.0f} dB)"


def try_small(*functions: Callable) -> None:
    """Stops at a function that differs from htdemucs.py's on a small input, and shows it."""
    for function in functions:
        for text in mistakes(function, getattr(htdemucs, function.__name__)):
            raise engine.CourseError(f"wrong for a small input: {text}")
        print(f"{function.__name__:50} right for {TRIALS} small inputs")
