"""Small inputs for the course's functions, and what a function has wrong there, in words.

Large inputs hide a mistake such as n for n − 1. Small ones are silence, a constant row, then random
numbers from quiet to loud.

    from small import try_small
    try_small(standardise)
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

import engine
import htdemucs

Random = np.random.Generator
TRIALS = 20
CONFIG, MODEL = htdemucs.load(engine.MODEL)
# Channels inside of the two U-Nets.
INNER = MODEL["channel_upsampler.weight"].shape[1]


def array(random: Random, *shape: int) -> np.ndarray:
    """Normal numbers."""
    return random.standard_normal(shape).astype(np.float32)


def weights(random: Random, **shapes: tuple[int, ...]) -> htdemucs.Module:
    """A module with such weights."""
    return htdemucs.Module({name: array(random, *shape) for name, shape in shapes.items()})


def affine(random: Random, channels: int) -> htdemucs.Module:
    """A norm's weights."""
    return weights(random, weight=(channels,), bias=(channels,))


def part(random: Random, *names: str) -> tuple[htdemucs.Module, bool]:
    """One of these parts of the model, and whether it is of the waveform's branch."""
    name = str(random.choice(names))
    return MODEL / name, name.startswith("t")


def turned_model(random: Random) -> tuple[htdemucs.Module, SimpleNamespace]:
    """The model with two layers of its transformer, in either order, and such a configuration."""
    config = copy.copy(CONFIG)
    config.t_layers, config.t_weight_pos_embed, config.t_cross_first = 2, 0.5, bool(random.integers(2))
    if not config.t_cross_first:
        return MODEL, config
    order = {"0": "1", "1": "0"}
    turned = {
        re.sub(r"(layers(?:_t)?\.)([01])", lambda m: m[1] + order[m[2]], name): tensor
        for name, tensor in MODEL.tensors.items()
    }
    return htdemucs.Module(MODEL.tensors | turned), config


def encoding(random: Random) -> tuple:
    """Arguments of `encode`."""
    m, is_time = part(random, "encoder.1", "tencoder.1")
    size = (1, int(random.integers(20, 30))) if is_time else (16, 5)
    return m, array(random, m["conv.weight"].shape[1], *size), CONFIG


def decoding(random: Random) -> tuple:
    """Arguments of `decode`, in the last layer or before."""
    m, is_time = part(random, *(f"{t}decoder.{i}" for t in ("", "t") for i in (0, CONFIG.depth - 1)))
    x, skip = (array(random, len(m["conv_tr.weight"]), *((1, 6) if is_time else (4, 5))) for _ in range(2))
    return m, x, skip, CONFIG, int(random.integers(20, 25))


def layering(random: Random) -> tuple:
    """Arguments of `transformer_layer`, self or cross."""
    m, _ = part(random, *(f"crosstransformer.layers{t}.{i}" for t in ("", "_t") for i in (0, 1)))
    x, other = (array(random, n, len(m["gamma_1.scale"])) for n in (5, 3))
    return m, x, other if "cross_attn.in_proj_bias" in m else None, CONFIG.t_heads


def transforming(random: Random) -> tuple:
    """Arguments of `transform`."""
    m, config = turned_model(random)
    return m, array(random, INNER, 2, 3), array(random, INNER, 1, 5), config


# Arguments of one call.
CALLS: dict[str, Callable[[Random], tuple]] = {
    "window": lambda r: (2 * int(r.integers(2, 9)),),
    "stft": lambda r: (array(r, 2, int(r.integers(13, 40))), 16),
    "istft": lambda r: (array(r, 4, 8, 5), int(r.integers(1, 20))),
    "kernel": lambda r: (weights(r, weight=(2, 3, 3)),),
    "conv": lambda r: (weights(r, weight=(2, 2, 3, 3), bias=(2,)), array(r, 2, 4, 7), (1, 2), (1, 2), int(r.integers(1, 4))),
    "conv_transpose": lambda r: (weights(r, weight=(3, 3, 4, 1), bias=(3,)), array(r, 3, 3, 2), (2, 1)),
    "gelu": lambda r: (3 * array(r, 2, 3, 2),),
    "glu": lambda r: (array(r, 4, 2, 3),),
    "normalise": lambda r: (array(r, 2, 3, 4), (0, 2)) if r.integers(2) else (array(r, 3, 4), (1,)),
    "layer_norm": lambda r: (affine(r, 4), array(r, 2, 4)),
    "linear": lambda r: (weights(r, weight=(4, 4), bias=(4,)), array(r, 2, 4)),
    "row_norm": lambda r: (affine(r, 2), array(r, 2, 3, 2)),
    "gate": lambda r: (weights(r, weight=(4, 2, 3, 3), bias=(4,)), array(r, 2, 3, 4)),
    "positions_1d": lambda r: (int(r.integers(1, 5)), 6, 10000.0),
    "positions_2d": lambda r: (2, int(r.integers(1, 5)), 8, 10000.0),
    "attention": lambda r: (
        weights(r, in_proj_weight=(12, 4), in_proj_bias=(12,), **{"out_proj.weight": (4, 4), "out_proj.bias": (4,)}),
        array(r, 3, 4), array(r, 2, 4), 2,
    ),
    "dconv": lambda r: (MODEL / "encoder.1.dconv", array(r, len(MODEL["encoder.1.dconv.layers.0.6.scale"]), 2, 7)),
    "encode": encoding,
    "decode": decoding,
    "transformer_layer": layering,
    "resample": lambda r: (MODEL, str(r.choice(["up", "no"])), array(r, INNER, 1, 6), array(r, INNER, 1, 3)),
    "transform": transforming,
    "forward": lambda r: (MODEL, array(r, 2, int(r.integers(2600, 3500))), CONFIG),
    "standardise": lambda r: (array(r, 2, 3),),
    "triangle": lambda r: (int(r.integers(2, 9)),),
    "cut": lambda r: (array(r, 2, 9), int(r.integers(0, 8)), int(r.integers(1, 6)), 8),
    "separate": lambda r: (
        None, array(r, 2, 9), SimpleNamespace(segment_samples=int(r.choice([4, 7])), sources=["a", "b"]),
        float(r.choice([0.25, 0.5])),
    ),
}  # fmt: skip


def forward(_: htdemucs.Module, mix: np.ndarray, __: htdemucs.Configuration) -> np.ndarray:
    """Takes the place of the network: two stems that depend on the place in the segment."""
    return np.stack([np.tanh(mix), mix * np.abs(mix)]) * np.arange(1, mix.shape[1] + 1)


def varied(arguments: tuple, trial: int, random: Random) -> tuple:
    """The arguments of a trial: silence, a constant row, then arrays from quiet to loud."""
    scale = np.float32(10 ** random.uniform(-3, 1) if trial > 1 else trial)

    def scaled(x: object) -> object:
        if not isinstance(x, np.ndarray):
            return x
        x = scale * x
        if trial == 1:
            x[:, 0] = 0.5
        return x

    return tuple(map(scaled, arguments))


def run(function: Callable, arguments: tuple) -> object:
    """The result of a call."""
    with patch.dict(function.__globals__, {"forward": forward} if arguments[0] is None else {}):
        return function(*arguments)


def shown(argument: object) -> str:
    """An argument in a message."""
    if isinstance(argument, np.ndarray):
        return f"{list(argument.shape)} of {np.abs(argument).max():.2g}"
    if isinstance(argument, htdemucs.Module):
        return argument.name or "m"
    if isinstance(argument, SimpleNamespace):
        return f"{argument.segment_samples} samples"
    return "config" if isinstance(argument, htdemucs.Configuration) else repr(argument)


def change(true: np.ndarray, found: np.ndarray, sizes: set[int]) -> str:
    """The simple change that makes the true value the wrong one; nothing if there is none."""
    if not np.isfinite(found).all():
        return "is NaN or infinite"
    true, found = true.astype(np.float64), found.astype(np.float64)

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        return a.size > 0 and engine.snr_db(a, b) > max(80, engine.snr_db(true, found) + 20)

    ratio = (true * found).sum() / np.square(true).sum() if true.any() else 1
    if abs(ratio - 1) > 1e-3 and same(ratio * true, found):
        if abs(ratio + 1) < 1e-4:
            return "has the opposite sign"
        if any(abs(ratio ** (2 * way) - n / (n - 1)) < 1e-4 for n in sizes for way in (1, -1)):
            return "has n in place of n − 1, or n − 1 in place of n"
        return f"is the right one times {ratio:.4g}"
    for axis, n in enumerate(true.shape):
        if n % 2 == 0 and same(np.roll(true, n // 2, axis), found):
            return f"has the halves of axis {axis} swapped"
        first, last = range(n - 1), range(1, n)
        for a, b, way in ((first, last, "late"), (last, first, "early")):
            if same(true.take(a, axis), found.take(b, axis)):
                return f"is shifted by one, {way}, on axis {axis}"
    for axis in reversed(range(true.ndim)):
        n = true.shape[axis]
        inner = range(n // 3, n - n // 3)
        if n > 4 and same(true.take(inner, axis), found.take(inner, axis)):
            return f"is wrong at the first or last places of axis {axis} only"
    return ""


@np.errstate(all="ignore")
def mistake(function: Callable, reference: Callable, recorded: Iterable[tuple] = ()) -> str:
    """What a function has wrong in recorded calls and for small inputs, in words; nothing if it is right."""
    name = reference.__name__

    def results() -> Iterator[tuple]:
        for arguments, named, true, _ in recorded:
            yield arguments, true, function(*arguments, **named)
        random = np.random.default_rng(1)
        # A whole network takes half a second.
        for trial in range(4 if name == "forward" else TRIALS):
            arguments = varied(CALLS[name](random), trial, random)
            yield arguments, run(reference, arguments), run(function, arguments)

    wrong = []
    for arguments, *pair in results():
        arrays = [x for x in arguments if isinstance(x, np.ndarray)]
        sizes = {n for x in arrays for n in (x.size, *x.shape, *(x.size // n for n in x.shape))} - {1}
        true_count, count = (len(x) if isinstance(x, tuple) else 1 for x in pair)
        if count != true_count:
            return f"the result has {count} parts, expected {true_count}"
        for true, found in zip(*(map(np.asarray, x if isinstance(x, tuple) else (x,)) for x in pair), strict=True):
            if found.shape != true.shape:
                return f"the result has the shape {found.shape}, expected {true.shape}"
            snr = 160 if np.array_equal(true, found) else engine.snr_db(true, found) if true.any() else -160
            if not snr >= engine.MINIMUM_SNR_DB:
                call = f"{name}({', '.join(map(shown, arguments))}), {snr:.0f} dB"
                if what := change(true, found, sizes):
                    return f"the result {what}: {call}"
                wrong.append((snr, call))
    return f"the result differs most for {min(wrong)[1]}" if wrong else ""


def try_small(*functions: Callable) -> None:
    """Stops at a function that differs from htdemucs.py's on a small input, and says how."""
    for function in functions:
        if text := mistake(function, getattr(htdemucs, function.__name__)):
            raise engine.CourseError(f"wrong for a small input: {text}")
        print(f"{function.__name__:50} right for small inputs")
