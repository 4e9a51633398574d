"""Small inputs for the course's functions, and what a function has wrong there, in words.

Large inputs hide a mistake such as n for n − 1. Small ones are silence, a constant row, then random
numbers from quiet to loud.

    from small import try_small
    try_small(standardise)
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import linecache
import re
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

import diagnosis
import engine
from engine import htdemucs

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
    "stft": lambda r: (array(r, 2, int(r.integers(25, 40))), int(r.choice([16, 32]))),
    "istft": lambda r: (array(r, 4, 8, 5), int(r.integers(1, 20))),
    "kernel": lambda r: (weights(r, weight=(2, 3, 3)),),
    "conv": lambda r: (weights(r, weight=(2, 2, 3, 3), bias=(2,)), array(r, 2, 4, 7), (1, 2), (1, int(r.integers(1, 4))), int(r.integers(1, 4))),
    "conv_transpose": lambda r: (weights(r, weight=(3, 3, 4, 1), bias=(3,)), array(r, 3, 3, 2), (2, 1)),
    "gelu": lambda r: (3 * array(r, 2, 3, 2),),
    "glu": lambda r: (array(r, 4, 2, 3),),
    "normalise": lambda r: (array(r, 2, 3, 4), (0, 2)) if r.integers(2) else (array(r, 3, 4), (1,)),
    "layer_norm": lambda r: (affine(r, 4), array(r, 2, 4)),
    "linear": lambda r: (weights(r, weight=(4, 4), bias=(4,)), array(r, 2, 4)),
    "row_norm": lambda r: (affine(r, 2), array(r, 2, 3, 2)),
    "gate": lambda r: (weights(r, weight=(4, 2, 3, 3), bias=(4,)), array(r, 2, 3, 4)),
    "positions_1d": lambda r: (int(r.integers(1, 5)), 6, 10000.0),
    "positions_2d": lambda r: (int(r.integers(2, 4)), int(r.integers(1, 5)), 8, 10000.0),
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


def frozen(x: object) -> object:
    """An argument that can't be changed."""
    if isinstance(x, htdemucs.Module):
        return htdemucs.Module({name: frozen(tensor) for name, tensor in x.tensors.items()}, x.name)
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Ends an endless loop, where the system and the thread can."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it hasn't ended after {seconds:g} s of work: an endless loop?")

    try:
        before = signal.signal(signal.SIGPROF, stop)
    except (AttributeError, ValueError):  # Windows, and other threads
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(function: Callable, arguments: tuple, named: dict) -> object:
    """The result of a call."""
    toy = {"forward": forward} if arguments[0] is None else {}
    with patch.dict(vars(htdemucs), toy), patch.dict(function.__globals__, toy), np.errstate(all="ignore"):
        return function(*arguments, **named)


def shown(argument: object) -> str:
    """An argument in a message."""
    if isinstance(argument, np.ndarray):
        return f"{list(argument.shape)} of {np.abs(argument).max():.2g}"
    if isinstance(argument, htdemucs.Module):
        return argument.name or "m"
    if isinstance(argument, SimpleNamespace):
        return f"{argument.segment_samples} samples"
    return "config" if isinstance(argument, htdemucs.Configuration) else repr(argument)


def form(found: object, true: object) -> str:
    """What is wrong with the kind of a result, or its shape."""
    if found is None:
        return "the result is None: is a return missing?"
    parts, mine = (x if isinstance(true, tuple) and isinstance(x, tuple) else (x,) for x in (true, found))
    if len(mine) != len(parts):
        what = f"has {len(mine)} parts" if isinstance(found, tuple) else f"is a single {type(found).__name__}"
        return f"the result {what}, expected {len(parts)} parts"
    for part, (kind, x) in enumerate(zip(parts, mine, strict=True)):
        what = f"part {part + 1} of the result" if len(parts) > 1 else "the result"
        if not isinstance(x, np.ndarray | np.generic) and not (np.ndim(kind) == 0 and isinstance(x, float | int)):
            return f"{what} is a {type(x).__name__}, expected an array: np.array(…) makes one"
        if np.iscomplexobj(x):
            return f"{what} is complex, expected real numbers"
        if np.shape(x) != np.shape(kind):
            order = " (the axes are in another order)" if sorted(np.shape(x)) == sorted(np.shape(kind)) else ""
            return f"{what} has the shape {np.shape(x)}, expected {np.shape(kind)}{order}"
    return ""


def failure(error: Exception, function: Callable) -> str:
    """An exception in words: its last line in the reader's file, and the shapes that met there."""
    path, place = function.__code__.co_filename, ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            text = linecache.getline(path, line).strip()
            met = {n: frame.f_locals.get(n) for n in re.findall(r"\w+", text)}
            for module, part in re.findall(r'(?<!\.)\b(\w+)\["([\w.]+)"\]', text):
                if isinstance(m := met.get(module), htdemucs.Module) and part in m:
                    met[f'{module}["{part}"]'] = m[part]
            shapes = [f"{n} has {list(x.shape)}" for n, x in met.items() if isinstance(x, np.ndarray) and x.ndim]
            place = f"line {line}, `{text}`{': ' * bool(shapes)}{', '.join(shapes)}: "
    return f"{place}{type(error).__name__}: {error}"


def result(function: Callable, arguments: tuple, named: dict, seconds: float) -> tuple[object, str]:
    """The result of a reader's function, and why it has none."""
    try:
        with limited(seconds):
            return run(function, arguments, named), ""
    except (Exception, SystemExit) as error:  # the reader's mistake, of any kind
        said = failure(error, function)
        if "read-only" in said and (x := changed_argument(function, arguments, named)):
            said = f"it changes its argument {x} in place, which others still need: {said}"
        return None, said


def changed_argument(function: Callable, arguments: tuple, named: dict) -> str:
    """The argument that a function changes in place, once it may."""
    given = [x + np.linspace(0.1, 1, x.size).reshape(x.shape) if isinstance(x, np.ndarray) else x for x in arguments]
    before = [*map(copy.copy, given)]
    with contextlib.suppress(Exception), limited(1):  # the change itself is wrong too
        function(*given, **named)
    for name, x, y in zip(inspect.signature(function).parameters, before, given, strict=False):
        if isinstance(x, np.ndarray) and not np.array_equal(x, y, equal_nan=True):
            return name
    return ""


def mistake(
    function: Callable, reference: Callable, recorded: Iterable[tuple] = (), seconds: float = 30
) -> str:
    """What a function has wrong for small inputs and in recorded calls, in words; nothing if it is right."""
    name = reference.__name__

    def inputs() -> Iterator[tuple]:
        random = np.random.default_rng(1)
        # A whole network takes a second.
        for trial in range(4 if name == "forward" else TRIALS):
            arguments = tuple(map(frozen, varied(CALLS[name](random), trial, random)))
            yield arguments, {}, run(reference, arguments, {})
        yield from ((tuple(map(frozen, call[0])), *call[1:3]) for call in recorded)

    wrong, right = [], []
    for arguments, named, true in inputs():
        text = f"{name}({', '.join(map(shown, arguments))})"
        found, said = result(function, arguments, named, seconds)
        if said := said or form(found, true):
            return f"{said} ({text})"
        call = diagnosis.Call(arguments, named, diagnosis.parts_of(true), diagnosis.parts_of(found))
        (right if call.snr_db >= engine.MINIMUM_SNR_DB else wrong).append(call)
    if not wrong:
        return ""
    first = min(wrong, key=lambda call: sum(x.size for x in call.true))
    text = f"({name}({', '.join(map(shown, first.arguments))}), {first.snr_db:.0f} dB){diagnosis.evidence(first, name)}"
    for call in wrong[:8]:
        found, said = result(function, call.arguments, call.named, seconds)
        again = [*diagnosis.parts_of(found)]
        if said or len(again) != len(call.found) or not all(np.array_equal(x, y, equal_nan=True) for x, y in zip(again, call.found, strict=True)):
            return f"the result is another one each time: is there a random number? {said or 'it differs'} {text}"
    what = diagnosis.told(wrong, right, name, run)
    return f"the result {what} {text}"


def try_small(*functions: Callable) -> None:
    """Stops at a function that differs from htdemucs.py's on a small input, and says how."""
    for function in functions:
        if text := mistake(function, getattr(htdemucs, function.__name__)):
            raise engine.CourseError(f"wrong for a small input: {text}")
        print(f"{function.__name__:50} right for small inputs")
