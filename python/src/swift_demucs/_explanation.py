"""What a port has in place of a wrong value.

The block that holds the value runs on the port's values, with a function of the network in NumPy
replaced by a mistake (mistakes.py). The mistake that gives the port's value, but for rounding, is
the explanation.
"""

from __future__ import annotations

import copy
import json
import math
import threading
import time
import types
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence, Union

import numpy as np
from safetensors import safe_open

from . import _roformer, htdemucs, mistakes

Array = Any
Functions = Mapping[str, Callable[..., Any]]

#: What a float32 port's rounding leaves; a layer that ends in another format rounds a few elements
#: the other way. Above the cap an SNR says nothing.
ROUNDING_DB, FORMAT_DB, CAP_DB = 100.0, 80.0, 150.0
#: An explanation's least gain over the right formula; and in a port that rounds, which may miss the
#: level of a right one by SLACK_DB.
GAIN_DB, ROUNDED_GAIN_DB, SLACK_DB = 20.0, 10.0, 6.0
#: The largest change of a norm that rounding explains, and the least SNR that it leaves.
BENT, NORM_DB = 1e-3, 50.0
#: A factor of rounding comes nearer to a mistake's by chance once in 300 times.
CHANCE_DB = 50.0
#: The first of the mistakes that are this close to the best is the explanation.
TIE_DB = 3.0
# Sums over a whole input: those of float32 leave 90 dB, most of it a factor that may lie near a
# mistake's. A port with exact sums equals the mistake.
_SUMS, _SUMS_DB, _EQUAL_DB = ("x", "xt", "output", "add_67"), 60.0, 130.0


# Mistakes in the transformers of a RoFormer.
def _without(part: str, name: str, right: Callable[..., Any]) -> Functions:
    return {name: lambda m, *x: right(mistakes.changed(m, mistakes.constant(0, part)(m)), *x)}


_attention, _norm = (
    partial(partial, _roformer.rotary_attention),
    partial(partial, _roformer.rms_norm),
)
_ROFORMER: dict[str, Functions] = {
    "no norm": {"rms_norm": lambda m, x: x + 0},
    "no gamma": {"rms_norm": _norm(gamma=False)},
    "no factor √channels": {"rms_norm": _norm(root=False)},
    "LayerNorm, which subtracts the mean,": {"rms_norm": _norm(mean=True)},
    **{f"an eps of {eps:g}": {"rms_norm": _norm(eps=eps)} for eps in (1e-2, 1e-3, 1e-4, 1e-5)},
    "scores that are not scaled": {"rotary_attention": _attention(scaled=False)},
    "queries and keys exchanged": {"rotary_attention": _attention(order=(1, 0, 2))},
    "keys and values exchanged": {"rotary_attention": _attention(order=(0, 2, 1))},
    "no rotations": {"rotary_attention": _attention(turned="")},
    "rotated queries and keys that are not": {"rotary_attention": _attention(turned="q")},
    "rotations of the halves of a head": {"rotate": partial(_roformer.rotate, halves=True)},
    "no gates": {"rotary_attention": _attention(gate=lambda y: y * 0 + 1)},
    "tanh in place of the gates' sigmoid": {"rotary_attention": _attention(gate=np.tanh)},
    "no bias": _without("bias", "linear", htdemucs.linear),
    **{text: found for text, found in mistakes.MISTAKES.items() if [*found] == ["gelu"]},
}

# Functions whose result is the value with the name of their module.
_RETURNING = {
    "encode", "decode", "dconv", "conv", "conv_transpose", "attention", "transformer_layer",
    "layer_norm", "transformer", "rotary_attention", "feed_forward",
}  # fmt: skip
# Functions whose results in the right pass serve the passes that change only what comes later.
_KEPT = {"stft", "encode", "transformer", "transformer_layer", "decode"}
# Slow functions that give the same in each pass.
_CONSTANT = {"standardise", "positions_1d", "positions_2d"}
# What shapes that don't fit and missing parameters raise.
_UNFIT = (ValueError, LookupError, ArithmeticError, TypeError)
# Functions are replaced for all threads.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Explanation:
    """A formula that gives a port's value."""

    #: Such as "ours with half the heads in crosstransformer.layers.0.self_attn".
    text: str
    snr_db: float
    #: The right formula's.
    own_snr_db: float
    #: The mistake, of `mistakes.MISTAKES`; empty if the port's value is ours in another form.
    phrase: str
    #: A norm's elements, and its factor less 1 or its offset, which give the port's value as well.
    norm: Optional[tuple[int, float]] = None


@dataclass(frozen=True)
class Network:
    """A model that the formulas describe."""

    library: types.ModuleType
    mistakes: Mapping[str, Functions]
    configuration: Any
    module: htdemucs.Module
    #: The value that enters the network, and its number of axes.
    start: tuple[str, int]
    #: The arguments of the configuration.
    arguments: Any

    @staticmethod
    def open(path: Union[str, Path]) -> Optional[Network]:
        """The network of a checkpoint; None for a model without formulas: v3, INT8, five layers."""
        if Path(path).suffix != ".safetensors":
            return None
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        klass = metadata.get("klass", "").rpartition(".")[2]
        arguments = json.loads(metadata.get("kwargs", "{}"))
        if "quantization" in metadata:
            return None
        if klass == "HTDemucs" and all(arguments.get(n, v[0]) in v for n, v in _SUPPORTED.items()):
            return Network(htdemucs, mistakes.MISTAKES, *htdemucs.load(path), ("mix", 2), arguments)
        if klass in ("BSRoformer", "MelBandRoformer"):
            config, module = _roformer.load(path, arguments["model"])
            start = ("band_split", 3)
            return Network(_roformer, _ROFORMER, config, module, start, vars(config))
        return None


# Arguments of HTDemucs that htdemucs.py doesn't read, and those of which it has a part; each with
# the reference's default first.
_SUPPORTED: dict[str, Sequence[Any]] = {
    "depth": (4, 3, 2, 1), "cac": (True,), "rewrite": (True,), "multi_freqs": (None, []),
    "norm_starts": range(4, 100), "dconv_depth": (2,), "dconv_mode": (1, 3), "num_subbands": (1,),
    "t_emb": ("sin",), "t_norm_first": (True,), "t_norm_in": (True,), "t_norm_in_group": (False,),
    "t_group_norm": (False,), "t_norm_out": (True,), "t_layer_scale": (True,), "t_gelu": (True,),
    "t_sparse_self_attn": (False,), "t_sparse_cross_attn": (False,), "kernel_size": (8,),
}  # fmt: skip


def snr_db(reference: Array, value: Array) -> float:
    """10·log10(Σ reference² / Σ error²), at most CAP_DB, also for equal silence; minus infinity if
    one isn't finite, or for another size."""
    reference = np.asarray(reference, np.float64)
    if reference.size != value.size:
        return -np.inf
    noise = reference - value.reshape(reference.shape)
    error, power = (float(np.square(x).sum()) for x in (noise, reference))
    if not (np.isfinite(error) and np.isfinite(power)):
        return -np.inf
    if error == 0:
        return CAP_DB
    return min(10 * (math.log10(max(power, 1e-300)) - math.log10(error)), CAP_DB)


# ---- passes ----
class _Ended(Exception):
    """A pass has come to its value."""


# A function's name, and the module that it computes.
_Call = tuple[str, str]


@dataclass
class _Block:
    """A wrong value, and the port's values from which it is computed."""

    network: Network
    name: str
    found: Array
    values: Mapping[str, Array]
    constants: dict[tuple[str, int], Any] = field(default_factory=dict)
    #: The calls of the right pass by their number, but for those that the wrong value doesn't need.
    calls: dict[int, _Call] = field(default_factory=dict)
    #: The numbers before and after the calls within one of `_KEPT`, and its result.
    results: dict[_Call, tuple[int, int, Array]] = field(default_factory=dict)
    #: Those of `results` that the wrong value doesn't need: port's values stand in their place.
    unread: Sequence[_Call] = ()

    def kept(self, function: str, place: str) -> Optional[Array]:
        """The port's value in place of a call that doesn't hold the wrong value."""
        name = "mag" if function == "stft" else place
        holds = self.name.startswith(f"{name}.") and not self.name.endswith(".embedded")
        value = self.values.get(name) if function in (*_RETURNING, "stft") else None
        if value is None or name == self.name or holds:
            return None
        is_wave = name.startswith(("tencoder", "tdecoder", "channel_"))
        value = unbatched(value, 2 if is_wave or name.startswith("crosstransformer") else 3)
        if is_wave:
            return value[:, None]
        return value.swapaxes(0, 1).copy() if function == "dconv" else value


def unbatched(value: Array, axes: int) -> Array:
    """A value without leading axes of one element."""
    return value.reshape(value.shape[value.ndim - axes :]) if value.ndim > axes else value


class _Pass(dict[str, Array]):
    """A pass up to the wrong value, with some functions replaced everywhere or in one place.

    It is the dictionary of a trace for the network's modules, and puts the port's values in place
    of those that it gets. `calls` are the functions that ran, and where.
    """

    def __init__(
        self, block: _Block, functions: Optional[Functions] = None, only: Optional[str] = None,
        missing: Sequence[_Call] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.block, self.functions, self.only = block, functions or {}, only
        #: Calls of `results` that give no numbers.
        self.missing = missing
        self.calls: list[_Call] = []
        self.stack, self.last = [("", "")], ""
        changed = (n for n, call in block.calls.items() if self.changes(*call))
        #: The number of the first of the right pass's calls that may give another result here.
        self.first = 0 if missing else next(changed, math.inf)

    def changes(self, name: str, place: str) -> bool:
        """Whether a function is replaced in a place."""
        return name in self.functions and (self.only is None or _is_in(place, self.only))

    def __setitem__(self, name: str, x: Array) -> None:
        is_kept = self.get(name) is x
        super().__setitem__(name, x)
        if name == self.block.name:
            raise _Ended
        theirs = None if is_kept else self.block.values.get(name)
        if theirs is not None and theirs.size == x.size:
            x[...] = theirs.reshape(x.shape)

    def run(self) -> Optional[Array]:
        """The value, in the port's shape; None if the functions don't fit."""
        network, block = self.block.network, self.block
        start, axes = network.start
        given = unbatched(block.values[start], axes)
        wrapped = {
            name: self.wrapped(name, function)
            for name, function in vars(network.library).items()
            if isinstance(function, types.FunctionType)
        }
        try:
            with mistakes.replaced(wrapped, network.library), np.errstate(all="ignore"):
                module = htdemucs.Module(network.module.tensors, "", self)
                network.library.forward(module, given, network.configuration)
        except _Ended:
            if self[block.name].size == block.found.size:
                return np.asarray(self[block.name], np.float64).reshape(block.found.shape)
        except _UNFIT:
            pass
        return None

    def wrapped(self, name: str, right: Callable[..., Any]) -> Callable[..., Any]:
        """A function that notes its call and may be replaced, or skipped for the port's value."""

        def call(*given: Any, **more: Any) -> Any:
            has_module = bool(given) and isinstance(given[0], htdemucs.Module)
            place = given[0].name if has_module else self.place(name)
            kept = self.block.kept(name, place)
            _, end, result = self.block.results.get((name, place), (0, 0, None))
            begin = len(self.calls)
            if kept is not None:
                super(_Pass, self).__setitem__(place, kept)
            elif (name, place) in self.missing:
                kept = result * np.nan
            elif result is not None and (end <= self.first or (name, place) in self.block.unread):
                kept = result.copy()
            else:
                self.calls.append((name, place))
                self.stack.append((name, place))
                function = self.functions[name] if self.changes(name, place) else right
                if function is right and name in _CONSTANT and "mag" in self.block.values:
                    function = partial(self.constant, name, right)
                kept = function(*given, **more)
                self.stack.pop()
                if name in _KEPT and not self.functions and not self.missing:
                    self.block.results[name, place] = begin, len(self.calls), kept.copy()
            self.last = place
            return kept

        return call

    def constant(self, name: str, function: Callable[..., Any], *given: Any, **more: Any) -> Any:
        """The result of a function of the inputs alone, of an earlier pass."""
        key = name, [called for called, _ in self.calls].count(name)
        if key not in self.block.constants:
            self.block.constants[key] = function(*given, **more)
        return copy.deepcopy(self.block.constants[key])

    def place(self, name: str) -> str:
        """The module that calls a function that gets none."""
        caller, module = self.stack[-1]
        if name == "normalise" and caller == "transformer_layer":
            return f"{module}.norm_out"
        # Such as layers.0 of a DConv after its layers.0.1.
        inner = self.last.rpartition(".")[0]
        return inner if module and inner.startswith(module) else module


# ---- explanations ----
def explain(
    network: Network, name: str, values: Mapping[str, Array],
    ours_shape: Optional[tuple[int, ...]] = None, like_db: Optional[float] = None,
    known: Sequence[str] = (), is_first: bool = True, is_wrong: bool = True, end: float = math.inf,
) -> Optional[Explanation]:  # fmt: skip
    """What a port has in place of a value.

    - Parameters:
      - name: the wrong value.
      - values: the port's in float32, and `mix` and `mag` of the chunk. Missing ones are computed.
        Each access gives an array that may be changed.
      - ours_shape: the right value's shape, in which relations count axes.
      - like_db: the SNR of a right port that rounds as this one does, against ours.
      - known: phrases of the port's other mistakes, which are tried first.
      - is_first: whether to try the other mistakes too.
      - is_wrong: false if only a mistake's formula can tell the value from a right one.
      - end: the monotonic time after which no further mistake is tried.
    """
    found = np.asarray(values[name], np.float32)
    if ours_shape is not None and np.prod(ours_shape) == found.size:
        found = found.reshape(ours_shape)
    block = _Block(network, name, found, values)
    best: Optional[Explanation] = None
    with _LOCK:
        first = _Pass(block)
        own = first.run()
        own_db = -np.inf if own is None else snr_db(own, found)
        if own_db > CAP_DB - ROUNDED_GAIN_DB:
            return None
        _simplify(block, first.calls, own)
        gain = GAIN_DB if like_db is None else ROUNDED_GAIN_DB
        is_sum = name in _SUMS and own_db > _SUMS_DB
        level = _EQUAL_DB if is_sum else ROUNDING_DB
        level = level if like_db is None else min(level, like_db - SLACK_DB)
        least = min(max(level, own_db + gain), CAP_DB)
        lowest = max(ROUNDING_DB, own_db + ROUNDED_GAIN_DB) if is_wrong else ROUNDING_DB
        bent = _bent(block, own, own_db, lowest) if is_wrong or is_sum else None
        fitting = {
            text: functions
            for text, functions in network.mistakes.items()
            if "standardise" in functions or not is_sum
            # A factor near 1 is that of a mistake in a norm, or of rounding.
            if is_sum or bent is None or "normalise" in functions
        }
        some = {text: functions for text, functions in fitting.items() if text in known}
        for each in (some, fitting) if is_first else (some,):
            best = best or _best(_tried(block, each, own_db, end), least)
    if bent is not None and not (best and is_sum and best.snr_db > own_db + CHANCE_DB):
        return replace(best, norm=bent.norm) if best else bent
    if best is None and own is not None and not is_sum and (is_first or "" in known):
        related = relations(own, found)
        best = _best((Explanation(f"ours {t}", db, own_db, "") for t, db in related), least)
    return best


def _bent(
    block: _Block, own: Optional[Array], own_db: float, least: float
) -> Optional[Explanation]:
    """The right value but for a factor near 1 and an offset near 0 of each norm, if some give the
    port's value; of the norm that changes it most. `least` is the SNR that they have to leave."""
    name = "standardise" if block.name in _SUMS else "normalise"
    sizes: list[int] = []

    def value(number: int, factor: float, offset: float) -> Optional[Array]:
        """The value with a change of one norm; `sizes` get the elements of each."""
        sizes.clear()

        def norm(x: Array, axes: Optional[Sequence[int]] = None) -> Any:
            sizes.append(math.prod(x.shape[axis] for axis in axes or range(x.ndim)))
            by, more = (factor, offset) if len(sizes) == number + 1 else (1.0, 0.0)
            if axes is not None:
                return mistakes.right.normalise(x, axes) * np.float32(by) + np.float32(more)
            y, mean, std = mistakes.right.standardise(x)
            return y * np.float32(by) + np.float32(more), mean + more * std, std * np.float32(by)

        return _Pass(block, {name: norm}).run()

    if own is None or own_db < NORM_DB or value(-1, 1, 0) is None or not 0 < len(sizes) <= 8:
        return None
    counts = list(sizes)
    changes = [(n, *by) for n in range(len(counts)) for by in ((1 + BENT, 0), (1, BENT))]
    slopes = np.empty((len(changes), own.size), own.dtype)
    for slope, of in zip(slopes, changes):
        slope[:] = ((value(*of) - own) / BENT).ravel()
    products = slopes @ slopes.T
    solution = np.linalg.lstsq(products, slopes @ (block.found - own).ravel(), 1e-9)[0]
    bent = own.ravel() + sum(by * slope for by, slope in zip(solution, slopes))
    level = snr_db(bent, block.found)
    main = int(np.argmax(np.square(solution) * products.diagonal()))
    count, by = counts[main // 2], float(solution[main])
    if level < least or abs(by) > BENT:
        return None
    change = f"+ {by:.1e}" if main % 2 else f"× {1 + by:.7g}"  # noqa: RUF001
    text = f"ours with a norm of {count:,} elements {change}"
    return Explanation(text, level, own_db, "", (count, by))


def grow(norms: Sequence[tuple[int, float]]) -> bool:
    """Whether norms are the further from right ones the more elements they have, as rounded sums
    are: by a power of 0.5 to 2.5. Another eps in one of them is further from the others."""
    if len(norms) < 3 or len({count for count, _ in norms}) == 1:
        return False
    counts, changes = np.log(np.maximum(np.abs(norms), 1e-12)).T
    power = np.polyfit(counts, changes, 1)[0]
    return bool(0.5 < power < 2.5 and np.corrcoef(counts, changes)[0, 1] > 0.75)


def _simplify(block: _Block, calls: Sequence[_Call], own: Optional[Array]) -> None:
    """Finds the calls of the right pass that its value `own` doesn't need: the first ones."""
    results = sorted(block.results.items(), key=lambda item: item[1][0])
    outer = [
        call
        for call, (begin, end, _) in results
        if not any(start < begin and end <= stop for start, stop, _ in block.results.values())
    ]
    least, most = 0, 0 if own is None else len(outer)
    while least < most:
        middle = (least + most + 1) // 2
        value = _Pass(block, missing=outer[:middle]).run()
        if value is not None and own is not None and np.array_equal(value, own):
            least = middle
        else:
            most = middle - 1
    block.unread = outer[:least]
    within = {n for call in block.unread for n in range(*block.results[call][:2])}
    block.calls = {n: call for n, call in enumerate(calls) if n not in within}


def _best(candidates: Iterator[Explanation], least: float) -> Optional[Explanation]:
    """The first of those that are as good as the best."""
    good: list[Explanation] = []
    for candidate in candidates:
        is_format = "a layer in" in candidate.text or "step in" in candidate.text
        level = max(FORMAT_DB, candidate.own_snr_db + GAIN_DB) if is_format else least
        if candidate.snr_db >= min(level, least):
            good.append(candidate)
        if candidate.snr_db >= CAP_DB - TIE_DB:
            break
    level = max((candidate.snr_db for candidate in good), default=0) - TIE_DB
    return next((candidate for candidate in good if candidate.snr_db >= level), None)


def _tried(
    block: _Block, mistakes: Mapping[str, Functions], own_db: float, end: float
) -> Iterator[Explanation]:
    """Each mistake, everywhere in the block and in each place."""
    for phrase, functions in mistakes.items():
        calls = block.calls.values()
        places = sorted({place for name, place in calls if name in functions}, key=len)
        groups = _modules(places)
        levels: dict[Optional[str], float] = {}
        for only in [None, *groups, *places] if len(places) > 1 else places:
            if time.monotonic() > end:
                return
            value = _Pass(block, functions, only).run()
            levels[only] = -np.inf if value is None else snr_db(value, block.found)
            if levels[only] == own_db and only is None:
                break
        # A mistake that changes something in one place alone is there.
        same = [place for place in places if levels.get(place, 1) == levels.get(None, 0)]
        for only in [*same[:1], *(place for place in levels if place not in same)]:
            where = " everywhere" if only is None else f" in {only.rstrip('.')}" if only else ""
            yield Explanation(f"ours with {phrase}{where}", levels[only], own_db, phrase)


def _modules(places: Sequence[str]) -> list[str]:
    """The innermost modules with several of the places, but not all, such as an encoder's DConv."""
    parts = [place.split(".") for place in places]
    names = {".".join(part[:end]) + "." for part in parts for end in range(1, len(part))}
    names = {name for name in names if not name.endswith(".layers.")}
    found = {tuple(p for p in places if _is_in(p, name)): name for name in sorted(names, key=len)}
    return [name for inside, name in found.items() if 1 < len(inside) < len(places)]


def _is_in(place: str, only: str) -> bool:
    """Whether a place is the one, or within the module if `only` ends with a dot."""
    return place == only or (only.endswith(".") and place.startswith(only))


# ---- the right value in another form ----
def relations(right: Array, found: Array) -> Iterator[tuple[str, float]]:
    """Forms of the right value, and the SNR of a port's value against each."""
    yield "with the opposite sign", snr_db(-right, found)
    factor = float((right * found).sum() / max(np.square(right).sum(), 1e-300))
    for digits in range(1, 10):
        rounded = float(f"{factor:.{digits}g}")
        level = min(snr_db(right * factor, found), _EQUAL_DB)
        if snr_db(right * rounded, found) > level - TIE_DB / 2:
            yield f"× {rounded:.{digits}g}", snr_db(right * rounded, found)  # noqa: RUF001
            break
    for axis, count in enumerate(right.shape):
        along = f"along axis {axis}"
        r, f = np.moveaxis(right, axis, 0), np.moveaxis(found, axis, 0)
        if count % 2 == 0:
            pairs = r.reshape(-1, 2, *r.shape[1:])[:, ::-1].reshape(r.shape)
            yield f"with neighbours exchanged in pairs {along}", snr_db(pairs, f)
            yield f"with the halves exchanged {along}", snr_db(np.roll(r, count // 2, axis=0), f)
        yield f"reversed {along}", snr_db(r[::-1], f)
        for by in range(1, min(9, count // 2)):
            yield f"{by} later {along}", snr_db(r[:-by], f[by:])
            yield f"{by} earlier {along}", snr_db(r[by:], f[:-by])
        for other in range(axis):
            swapped = right.swapaxes(other, axis).reshape(found.shape)
            yield f"with the axes {other} and {axis} in the other order", snr_db(swapped, found)
    # A single element rounds by more than a row of them.
    kept = np.square(right - found) <= np.square(right).mean() * 10 ** (-FORMAT_DB / 10)
    places = np.argwhere(~kept).tolist()
    if 0 < len(places) <= 8:
        text = "1 element," if len(places) == 1 else f"{len(places)} elements, the first"
        yield f"but for {text} {places[0]}", snr_db(right[kept], found[kept])
    for axis, count in enumerate(right.shape):
        r, f = (np.moveaxis(x, axis, 0).reshape(count, -1) for x in (right, found))
        wrong = np.square(r - f).sum(1) > np.square(r).sum() / count * 10 ** (-ROUNDING_DB / 10)
        if wrong.sum() == 2:
            i, j = map(int, np.flatnonzero(wrong))
            order = np.arange(count)
            order[[i, j]] = j, i
            yield f"with {i} and {j} exchanged along axis {axis}", snr_db(r[order], f)
        for end, lines in (("first", wrong), ("last", wrong[::-1])):
            number = int(np.argmin(lines))  # of wrong ones before the first right one
            kept = slice(number, None) if end == "first" else slice(None, count - number)
            if 0 < number <= count // 4:
                yield f"but for the {end} {number} along axis {axis}", snr_db(r[kept], f[kept])
