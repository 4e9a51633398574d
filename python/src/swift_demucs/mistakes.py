"""Mistakes that ports of HTDemucs make, as functions of htdemucs.py that do something else.

    with replaced(MISTAKES["half the heads"]):
        stems = htdemucs.forward(model, mix, config)

A mistake is a phrase that completes "ours with …", and what it replaces. A wrong function passes a
value to `see` only when it is wrong, so that a pass can end there. Of mistakes that give the same
value the first is the likeliest.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from . import htdemucs

Array = np.ndarray
Functions = dict[str, Callable[..., Any]]
Change = Callable[[Any], dict[str, Array]]  # of a module: the tensors that differ

# The right functions, which the wrong ones call while they replace them in htdemucs.
right = SimpleNamespace(**vars(htdemucs))
LAYERS, NORMS = ("conv", "conv_transpose", "linear"), ("row_norm", "layer_norm")
# Axes of `normalise`: for a row of a DConv, for a token, and for all tokens in norm_out.
ROW, TOKEN, ALL = (0, 2), (1,), (0, 1)
EPSILON, HALF = np.float32(1e-5), np.float32(0.5)


@contextmanager
def replaced(functions: dict[str, Any], module: ModuleType = htdemucs) -> Iterator[None]:
    """Replaces functions of a module."""
    kept = {name: vars(module)[name] for name in functions}
    vars(module).update(functions)
    try:
        yield
    finally:
        vars(module).update(kept)


# ---- a function that runs in another way ----
def inside(name: str, **others: Any) -> Functions:
    """The function `name` with other functions, or another NumPy, while it runs."""

    def wrong(*given, **more):
        with replaced(others):
            return getattr(right, name)(*given, **more)

    return {name: wrong}


def padded(name: str, place: Callable = lambda a, b: (a, b), mode: str = "constant") -> Functions:
    """A function with other padding: `place` of the counts at both ends of an axis, and the mode."""

    def pad(x, widths, **_):
        return np.pad(x, [place(*width) for width in widths], mode)

    return inside(name, np=SimpleNamespace(**{**vars(np), "pad": pad}))


def changed(m: Any, parts: dict[str, Array]) -> Any:
    """A module with other tensors."""
    others = {m.path(part): tensor for part, tensor in parts.items()}
    return htdemucs.Module(ChainMap(others, m.tensors), m.name, m.seen)


def tensors(change: Change, *names: str) -> Functions:
    """Functions whose module has other tensors."""

    def wrong(name):
        return lambda m, *given, **more: getattr(right, name)(changed(m, change(m)), *given, **more)

    return {name: wrong(name) for name in names}


def each(change: Callable[[Array], Array], *parts: str) -> Change:
    """A function of each of these parts that a module has."""
    return lambda m: {part: change(m[part]) for part in parts if part in m}


def constant(value: float, *parts: str) -> Change:
    """A number in place of each of these parts that a module has."""
    return each(lambda tensor: np.full_like(tensor, value), *parts)


def every(change: Callable[[Array], Array]) -> Change:
    """A function of all parameters of the network."""
    return lambda m: {name: change(tensor) for name, tensor in m.tensors.items()}


def neutral(prefix: str = "") -> Change:
    """A weight of 1 and a bias of 0."""
    return lambda m: constant(1, f"{prefix}weight")(m) | constant(0, f"{prefix}bias")(m)


def redirected(**names: str) -> Change:
    """The tensors of other parts, in a module that has both."""
    ends = ("weight", "bias", "scale")
    pairs = [(f"{a}.{end}", f"{b}.{end}") for a, b in names.items() for end in ends]
    return lambda m: {a: m[b] for a, b in pairs if a in m and b in m}


def configured(name: str, **arguments: Any) -> Functions:
    """A function whose last argument, the configuration, has other numbers."""

    def wrong(*given):
        config = htdemucs.Configuration(vars(given[-1]) | arguments)
        return getattr(right, name)(*given[:-1], config)

    return {name: wrong}


# ---- precision ----
def bfloat16(x: Array) -> Array:
    """The nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return (bits + np.uint32(0x7FFF) + (bits >> 16 & 1) & np.uint32(0xFFFF0000)).view(np.float32)


def float16(x: Array) -> Array:
    """The nearest float16."""
    return x.astype(np.float16).astype(np.float32)


def int8(w: Array, axis: int | None = None) -> Array:
    """A weight of whole numbers up to 127, with a scale for all or for each channel along an axis."""
    others = None if axis is None else tuple({*range(w.ndim)} - {axis})
    scale = np.maximum(abs(w).max(others, keepdims=True), EPSILON**2) / np.float32(127)
    return np.round(w / scale) * scale


def cast(to: Callable[[Array], Array], *steps: str) -> Functions:
    """Layers with weights, inputs and outputs of a format, and other steps with such outputs."""

    def layer(name):
        inner = tensors(each(to, "weight", "bias"), name)[name]
        return lambda m, x, *given, **more: to(inner(m, to(x), *given, **more))

    def step(name):
        return lambda *given: to(getattr(right, name)(*given))

    return {name: layer(name) for name in LAYERS} | {name: step(name) for name in steps}


# ---- signal ----
class NotSquared(np.ndarray):
    """A window whose square is itself."""

    def __pow__(self, _):
        return np.asarray(self)


def inputs_norm(
    divisor: Callable = lambda std: std + EPSILON,
    restored: Callable = lambda mean, std: (mean, std),
    ddof: int = 1,
    centred: bool = True,
    of_channels: bool = False,
) -> Functions:
    """The inputs' norm with other statistics; `restored` of them is what the outputs get back."""

    def statistics(x, axes=None):
        mean, std = x.mean(axes, "f8", keepdims=True), x.std(axes, "f8", ddof=ddof, keepdims=True)
        return mean.astype("f4"), std.astype("f4")

    def wrong(x):
        mean, std = statistics(x, tuple(range(1, x.ndim)) if of_channels else None)
        of_all = (number.reshape(-1)[0] for number in statistics(x))
        return ((x - mean if centred else x) / divisor(std), *restored(*of_all))

    return {"standardise": wrong}


def other_branch(m, mix, config):
    """Outputs that get back the std of the other branch's input."""
    inputs = (right.stft(mix, config.nfft), mix)

    def standardise(x):
        return (*right.standardise(x)[:2], right.standardise(inputs[x.ndim == 3])[2])

    with replaced({"standardise": standardise}):
        return right.forward(m, mix, config)


# ---- layers ----
def dilated(by: int) -> Functions:
    """Convolutions with another dilation and as many outputs."""

    def wrong(m, x, stride=(1, 1), padding=(0, 0), dilation=1):
        return right.conv(m, x, stride, (padding[0], padding[1] // dilation * by), by)

    return {"conv": wrong}


def transposed(w: Array, a: int, b: int) -> Array:
    """Two axes of a weight exchanged, if they have the same length."""
    return w.swapaxes(a, b) if w.ndim > b and w.shape[a] == w.shape[b] else w


def tanh_gelu(x: Array) -> Array:
    """GELU's approximation with tanh (Hendrycks, Gimpel 2016)."""
    inner = np.float32(0.7978845608028654) * (x + np.float32(0.044715) * x**3)
    return HALF * x * (1 + np.tanh(inner))


def gated(function: Callable[[Array, Array], Array]) -> Functions:
    """A GLU with another function of the two halves of the channels."""
    return {"glu": lambda x: function(*np.split(x, 2))}


def normalised(
    axes: dict | None = None,
    eps: float = 1e-5,
    ddof: int = 0,
    centred: bool = True,
    outside: bool = False,
) -> Functions:
    """Norms over other axes, with another eps or with it outside of the root, or without mean."""

    def wrong(x, given):
        over = (axes or {}).get(given, given)
        y = x - x.mean(over, np.float64, keepdims=True) if centred else x.astype(np.float64)
        count = np.prod([x.shape[axis] for axis in over])
        variance = np.square(y).sum(over, keepdims=True) / (count - ddof)
        std = np.sqrt(variance) + eps if outside else np.sqrt(variance + eps)
        return (y / std).astype(np.float32)

    return {"normalise": wrong}


def grouped(number: int) -> Functions:
    """GroupNorm with more groups."""

    def wrong(x, axes):
        if axes == TOKEN:
            return right.normalise(x, axes)
        parts = np.split(x, number, axis=0 if axes == ROW else 1)
        return np.concatenate([right.normalise(y, axes) for y in parts], 0 if axes == ROW else 1)

    return {"normalise": wrong}


def not_normalised(x: Array, axes: tuple[int, ...]) -> Array:
    """The input of norm_out; other norms are right."""
    return +x if axes == ALL else right.normalise(x, axes)


def without_norm_out(m, *given):
    """A transformer layer without its last norm."""
    with replaced({"normalise": not_normalised}):
        return right.transformer_layer(changed(m, neutral("norm_out.")(m)), *given)


# ---- blocks ----
def extended(place: Callable[[int], tuple[int, int]], mode: str = "constant") -> Functions:
    """Waveforms made a multiple of the stride in another way: `place` of what is missing."""

    def wrong(m, x, config):
        missing = -x.shape[2] % config.stride if m.name.startswith("tencoder") else 0
        return right.encode(m, np.pad(x, ((0, 0), (0, 0), place(missing)), mode), config)

    return {"encode": wrong}


def skipped(change: Callable[..., Array]) -> Functions:
    """Decoders with another skip: `change` of the module, the skip and the configuration."""
    return {"decode": lambda m, x, y, c, length: right.decode(m, x, change(m, y, c), c, length)}


def before_embedding(m, skip, config):
    """The skip of the last layer without the embedding of the frequencies."""
    if m.name != f"decoder.{config.depth - 1}":
        return skip
    factor = np.float32(config.freq_emb * config.emb_scale)
    return skip - factor * m.tensors["freq_emb.embedding.weight"].T[:, :, None]


def decoded(first: Callable = lambda edge: edge, last_gelu: bool = False) -> Functions:
    """Decoders that keep rows or samples from another one on, or with GELU in the last layer."""

    def wrong(m, x, skip, config, length):
        is_time, is_last = m.name.startswith("t"), m.name.endswith(f".{config.depth - 1}")
        edge, stride = m["conv_tr.weight"].shape[2] // 4, config.stride
        y = htdemucs.dconv(m / "dconv", htdemucs.gate(m / "rewrite", x + skip))
        y = htdemucs.conv_transpose(m / "conv_tr", y, (1, stride) if is_time else (stride, 1))
        count = length if is_time else y.shape[1] - 2 * edge
        y = m.see("conv_tr", y).take(range(first(edge), first(edge) + count), 2 if is_time else 1)
        return m.see("", y if is_last and not last_gelu else htdemucs.gelu(y))

    return {"decode": wrong}


def updated_tokens(m, x, other, heads):
    """A waveform's cross layer that reads the spectrogram's tokens after their layer."""
    if other is not None and ".layers_t." in m.name:
        other = m.seen[m.name.replace("layers_t", "layers")]
    return right.transformer_layer(m, x, other, heads)


def own_tokens(m, x, other, heads):
    """A cross layer that reads its own tokens."""
    return right.transformer_layer(m, x, None if other is None else x, heads)


def tokens_by_frequency(m, x, xt, config):
    """The transformer of tokens with frequency outermost."""

    def layer_norm(norm, y):
        if norm.name.endswith("norm_in"):
            y = y.reshape(-1, x.shape[1], y.shape[1]).swapaxes(0, 1).reshape(y.shape)
        return right.layer_norm(norm, y)

    with replaced({"layer_norm": layer_norm}):
        return right.transform(m, x, xt, config)


# ---- positions ----
def table(change: Callable[..., Array]) -> Functions:
    """The 2-D embedding changed: `change` of [times · freqs, C] and freqs, times, C."""
    return {"positions_2d": lambda *given: (
        change(right.positions_2d(*given), *given[:3]).reshape(-1, given[2]))}  # fmt: skip


def rows(change: Callable[[Array], Array]) -> Functions:
    """The 1-D embedding changed: `change` of [length, 2, C / 2]."""
    return {"positions_1d": lambda n, c, period: (
        change(right.positions_1d(n, c, period).reshape(n, 2, -1)).reshape(n, c))}  # fmt: skip


# ---- attention ----
def softmax(scores: Array, axis: int = 2) -> Array:
    """Softmax of [heads, queries, keys]."""
    y = np.exp(scores - scores.max(axis, keepdims=True))
    return y / y.sum(axis, keepdims=True)


def masked(mask: Callable[[int, int], Array]) -> Callable[[Array], Array]:
    """Softmax over the keys that a mask of the numbers of queries and keys leaves."""
    return lambda s: softmax(np.where(mask(*s.shape[1:]), s, np.float32(-np.inf)))


def split(x: Array, heads: int) -> Array:
    """[tokens, C] to [heads, tokens, C / heads]."""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def split_by_turns(x: Array, heads: int) -> Array:
    """A head has every n-th channel."""
    return x.reshape(len(x), -1, heads).transpose(2, 0, 1)


def merge_by_turns(y: Array) -> Array:
    """Reverse of `split_by_turns`."""
    return y.transpose(1, 2, 0).reshape(y.shape[1], -1)


def attending(
    shares: Callable[[Array], Array] = softmax,
    scale: Callable[[int, int], float] = lambda size, channels: size**-0.5,
    order: tuple[int, int, int] = (0, 1, 2),
    split: Callable = split,
    merge: Callable = lambda y: y.swapaxes(0, 1).reshape(y.shape[1], -1),
    to: Callable = lambda x: x,
) -> Functions:
    """Attention with other shares of the values, or another scale of the scores, order of the thirds
    of `in_proj_weight`, place of the heads' channels, or format."""

    def wrong(m, x, other, heads):
        weight, bias = (np.split(to(m[f"in_proj_{part}"]), 3) for part in ("weight", "bias"))
        projected = [to(t) @ weight[i].T + bias[i] for t, i in zip((x, other, other), order)]
        q, k, v = (split(to(y), heads) for y in projected)
        found = shares(q @ k.swapaxes(1, 2) * np.float32(scale(q.shape[2], x.shape[1])))
        for head in range(len(found)):
            m.see(f"weights.{head}", found[head])
        return htdemucs.linear(m / "out_proj", merge(to(to(found) @ v)))

    return {"attention": wrong}


def heads_outermost(m, x, other, n):
    """Attention that reads in_proj as [heads, 3, size]."""
    read = each(
        lambda w: w.reshape(n, 3, -1).swapaxes(0, 1).reshape(w.shape),
        "in_proj_weight",
        "in_proj_bias",
    )
    return right.attention(changed(m, read(m)), x, other, n)


def with_heads(number: Callable[[int], int]) -> Functions:
    """Attention with another number of heads."""
    return {"attention": lambda m, x, other, n: right.attention(m, x, other, number(n))}


def thirds(part: str, change: Callable[[int, Array], Array]) -> Functions:
    """Attention with changed weights or biases of Q, K and V, which have the numbers 0, 1 and 2."""

    def all_three(m):
        found = [change(i, third) for i, third in enumerate(np.split(m[part], 3))]
        return {part: np.concatenate(found)}

    return tensors(all_three, "attention")


# ---- the catalogue ----
# fmt: off
MISTAKES: dict[str, Functions] = {
    # The Fourier transforms.
    "a window that ends at zero on both sides": {"window": lambda n: np.hanning(n)},
    "the real parts before the imaginary parts": {
        "stft": lambda x, n: np.concatenate([right.stft(x, n)[i::2] for i in (0, 1)])},
    "no division by √n in the STFT": {"stft": lambda x, n: right.stft(x, n) * np.float32(n**0.5)},
    "division by n in the STFT": {"stft": lambda x, n: right.stft(x, n) / np.float32(n**0.5)},
    "the imaginary parts' opposite sign": {
        "stft": lambda x, n: right.stft(x, n) * np.tile(np.float32([1, -1]), len(x))[:, None, None]},
    "zeros beyond the ends in the STFT": padded("stft"),
    "the ends repeated in the STFT's reflection": padded("stft", mode="symmetric"),
    "no square root of n in the inverse STFT": {
        "istft": lambda z, n: right.istft(z, n) / np.float32((2 * z.shape[1]) ** 0.5)},
    "the window not squared in the inverse STFT": inside(
        "istft", window=lambda n: right.window(n).view(NotSquared)),
    "the inverse STFT one sample late": {"istft": lambda z, n: np.roll(right.istft(z, n), 1, axis=1)},
    "the inverse STFT one sample early": {"istft": lambda z, n: np.roll(right.istft(z, n), -1, axis=1)},
    # The inputs' norm.
    "n for n − 1 in the inputs' norm": inputs_norm(ddof=0),
    "√(std² + 1e-5) in place of std + 1e-5": inputs_norm(lambda std: np.sqrt(std**2 + EPSILON)),
    "no 1e-5 in the inputs' norm": inputs_norm(lambda std: std),
    "std + 1e-5 added back": inputs_norm(restored=lambda mean, std: (mean, std + EPSILON)),
    "no mean and std restored in the outputs": inputs_norm(restored=lambda mean, std: (0 * mean, std / std)),
    "no mean in the inputs' norm": inputs_norm(restored=lambda mean, std: (0 * mean, std), centred=False),
    "each channel's mean and std in the inputs' norm": inputs_norm(of_channels=True),
    "the std of the other branch's input in the outputs": {"forward": other_branch},
    # Encoders, DConv, decoders.
    "zeros in place of the input": {"encode": lambda m, x, config: right.encode(m, 0 * x, config)},
    "zeros on both sides of the samples": extended(lambda n: (n // 2, n - n // 2)),
    "zeros before the samples": extended(lambda n: (n, 0)),
    "zeros on both sides of the samples, more before": extended(lambda n: (n - n // 2, n // 2)),
    "the samples reflected at their end": extended(lambda n: (0, n), "reflect"),
    "the last sample repeated": extended(lambda n: (0, n), "edge"),
    "no LayerScale": tensors(constant(1, "layers.0.6.scale", "layers.1.6.scale"), "dconv"),
    "no LayerScale in layers.0": tensors(constant(1, "layers.0.6.scale"), "dconv"),
    "no LayerScale in layers.1": tensors(constant(1, "layers.1.6.scale"), "dconv"),
    "no skip": skipped(lambda m, skip, config: 0 * skip),
    "the skip twice": skipped(lambda m, skip, config: 2 * skip),
    "the skip from before the embedding": skipped(before_embedding),
    "the skip's channels rolled by one": skipped(lambda m, skip, config: np.roll(skip, 1, axis=0)),
    "the skip's channels reversed": skipped(lambda m, skip, config: skip[::-1]),
    "a crop from the start": decoded(lambda edge: 0),
    "a crop one step early": decoded(lambda edge: edge - 1),
    "a crop one step late": decoded(lambda edge: edge + 1),
    "GELU after the last layer": decoded(last_gelu=True),
    # Convolutions and matrix products.
    "no bias": tensors(constant(0, "bias"), *LAYERS, *NORMS),
    "the kernel reversed": tensors(
        each(lambda w: np.flip(w, tuple(range(2, w.ndim))), "weight"), "conv", "conv_transpose"),
    "the kernel's axes exchanged": tensors(each(lambda w: transposed(w, 2, 3), "weight"), "conv"),
    "the weight as [inputs, outputs]": tensors(each(lambda w: transposed(w, 0, 1), "weight"), *LAYERS),
    **{f"a dilation of {by}": dilated(by) for by in (1, 2, 4)},
    "all zeros before the signal": padded("conv", lambda a, b: (a + b, 0)),
    "all zeros after the signal": padded("conv", lambda a, b: (0, a + b)),
    "one zero less before the signal": padded("conv", lambda a, b: (a - min(a, 1), b + min(a, 1))),
    "one zero more before the signal": padded("conv", lambda a, b: (a + min(b, 1), b - min(b, 1))),
    "reflected ends in place of zeros": padded("conv", mode="reflect"),
    "repeated ends in place of zeros": padded("conv", mode="edge"),
    "weights in bfloat16": tensors(each(bfloat16, "weight", "in_proj_weight"), *LAYERS, "attention"),
    "weights in float16": tensors(each(float16, "weight", "in_proj_weight"), *LAYERS, "attention"),
    "weights in INT8 with a scale for each tensor": tensors(
        each(int8, "weight", "in_proj_weight"), *LAYERS, "attention"),
    "weights in INT8 with a scale for each channel": tensors(
        each(lambda w: int8(w, 0), "weight", "in_proj_weight"), "conv", "linear", "attention") | tensors(
        each(lambda w: int8(w, 1), "weight"), "conv_transpose"),
    "all parameters in bfloat16": tensors(every(bfloat16), "forward"),
    "all parameters in float16": tensors(every(float16), "forward"),
    "a layer in bfloat16": cast(bfloat16),
    "a layer in float16": cast(float16),
    "every step in bfloat16": cast(bfloat16, "gelu", "glu", *NORMS),
    "every step in float16": cast(float16, "gelu", "glu", *NORMS),
    # Activations.
    "GELU's tanh approximation in place of GELU": {"gelu": tanh_gelu},
    "x · sigmoid(1.702 x) in place of GELU": {"gelu": lambda x: x * htdemucs.expit(np.float32(1.702) * x)},
    "ReLU in place of GELU": {"gelu": lambda x: np.maximum(x, 0)},
    "SiLU in place of GELU": {"gelu": lambda x: x * htdemucs.expit(x)},
    "erf(x) in place of erf(x / √2) in GELU": {"gelu": lambda x: x * (HALF + HALF * htdemucs.erf(x))},
    "no GELU": {"gelu": lambda x: +x},
    "the halves of the channels swapped in the GLU": gated(lambda a, b: b * htdemucs.expit(a)),
    "a · σ(a) in place of a · σ(b) in the GLU": gated(lambda a, b: a * htdemucs.expit(a)),
    "tanh in place of the GLU's sigmoid": gated(lambda a, b: a * np.tanh(b)),
    "SiLU in place of the GLU's sigmoid": gated(lambda a, b: a * b * htdemucs.expit(b)),
    "even and odd channels, not halves, in the GLU": {"glu": lambda x: x[0::2] * htdemucs.expit(x[1::2])},
    # Norms.
    **{f"an eps of {eps:g}": normalised(eps=eps) for eps in (1e-2, 1e-3, 1e-4, 1e-6)},
    "no eps": normalised(eps=0),
    "std + eps in place of √(variance + eps)": normalised(outside=True),
    "the variance with n − 1": normalised(ddof=1),
    "no mean subtracted (RMSNorm)": normalised(centred=False),
    "each token's statistics (LayerNorm)": normalised({ROW: (0,), ALL: (1,)}),
    "each channel's statistics (InstanceNorm)": normalised({ROW: (2,), ALL: (0,)}),
    "each channel's statistics in all rows (BatchNorm)": normalised({ROW: (1, 2)}),
    "the statistics of all rows together": normalised({ROW: (0, 1, 2)}),
    "the statistics of all tokens together": normalised({TOKEN: (0, 1)}),
    **{f"{number} groups": grouped(number) for number in (2, 4, 8)},
    "no norm": {name: lambda m, x: +x for name in NORMS},
    "no weight and bias of the norm": tensors(neutral(), *NORMS),
    "no norm_out": {"transformer_layer": without_norm_out},
    "no weight and bias of norm_out": tensors(neutral("norm_out."), "transformer_layer"),
    # Embeddings of positions and frequencies.
    "cosine and sine exchanged": rows(lambda y: y[:, ::-1]) | table(
        lambda y, f, t, c: y.reshape(-1, c // 2, 2)[..., ::-1]),
    "cosines and sines by turns in the 1-D embedding": rows(lambda y: y.swapaxes(1, 2)),
    "sines before cosines, not by turns, in the 2-D embedding": table(
        lambda y, f, t, c: y.reshape(-1, 2, c // 4, 2).swapaxes(2, 3)),
    "frequency before time in the 2-D embedding's channels": table(
        lambda y, f, t, c: np.roll(y, c // 2, axis=1)),
    "frequency outermost in the 2-D embedding": table(lambda y, f, t, c: y.reshape(t, f, c).swapaxes(0, 1)),
    "d / 2, not d / 2 − 1, in the 1-D embedding's exponent": {
        "positions_1d": lambda n, c, period: right.positions_1d(n, c, period ** (1 - 2 / c))},
    "d / 4 − 1, not d / 4, in the 2-D embedding's exponent": {
        "positions_2d": lambda f, t, c, period: right.positions_2d(f, t, c, period ** (c / (c - 4)))},
    "positions from 1 on": {
        "positions_1d": lambda n, c, period: right.positions_1d(n + 1, c, period)[1:],
        "positions_2d": lambda f, t, c, period: right.positions_2d(f + 1, t + 1, c, period).reshape(
            t + 1, f + 1, c)[1:, 1:].reshape(-1, c)},
    "no embedding of the positions": configured("transform", t_weight_pos_embed=0),
    "no embedding of the frequencies": configured("forward", emb_scale=0),
    **{f"the embedding of the frequencies {text}": configured("forward", freq_emb=by, emb_scale=1)
       for text, by in {"× 0.2": 0.2, "× 1": 1, "× 10": 10, "added twice": 4, "× 10 twice": 20}.items()},
    "the embedding of the frequencies reversed": tensors(
        each(lambda w: w[::-1], "freq_emb.embedding.weight"), "forward"),
    # Attention.
    "scores that are not scaled": attending(scale=lambda size, channels: 1),
    "scores scaled by 1 / d, not 1 / √d": attending(scale=lambda size, channels: 1 / size),
    "scores scaled by the root of all channels": attending(scale=lambda size, channels: channels**-0.5),
    "queries and keys exchanged": attending(order=(1, 0, 2)),
    "keys and values exchanged": attending(order=(0, 2, 1)),
    "queries and values exchanged": attending(order=(2, 1, 0)),
    "in_proj as [heads, 3, size], not [3, heads, size],": {"attention": heads_outermost},
    "half the heads": with_heads(lambda n: n // 2),
    "twice the heads": with_heads(lambda n: 2 * n),
    "one head": with_heads(lambda n: 1),
    "heads of every n-th channel": attending(split=split_by_turns, merge=merge_by_turns),
    "heads split by every n-th channel alone": attending(split=split_by_turns),
    "heads merged by every n-th channel alone": attending(merge=merge_by_turns),
    "heads split by a reshape alone": attending(split=lambda x, n: x.reshape(n, len(x), -1)),
    "heads merged by a reshape alone": attending(merge=lambda y: y.reshape(y.shape[1], -1)),
    "a softmax over the queries": attending(lambda scores: softmax(scores, 1)),
    "a causal mask": attending(masked(lambda queries, keys: np.tri(queries, keys, dtype=bool))),
    "the last token masked": attending(masked(lambda queries, keys: np.arange(keys) < keys - 1)),
    "the weights of Q, K and V as [inputs, outputs]": thirds("in_proj_weight", lambda i, w: w.T),
    "no bias of Q": thirds("in_proj_bias", lambda i, b: 0 * b if i == 0 else b),
    "no bias of V": thirds("in_proj_bias", lambda i, b: 0 * b if i == 2 else b),
    "no bias of Q, K and V": thirds("in_proj_bias", lambda i, b: 0 * b),
    "no bias of Q, K, V and out_proj": tensors(constant(0, "in_proj_bias", "out_proj.bias"), "attention"),
    "attention in bfloat16": attending(to=bfloat16),
    "attention in float16": attending(to=float16),
    "the branch's own tokens as keys": {"attention": lambda m, x, other, n: right.attention(m, x, x, n)},
    # The transformer.
    "norm2 of the branch's own tokens as keys": {"transformer_layer": own_tokens},
    "the spectrogram's tokens from after their layer": {"transformer_layer": updated_tokens},
    "no γ₁": tensors(constant(1, "gamma_1.scale"), "transformer_layer"),
    "no γ₂": tensors(constant(1, "gamma_2.scale"), "transformer_layer"),
    "γ₁ and γ₂ exchanged": tensors(redirected(gamma_1="gamma_2", gamma_2="gamma_1"), "transformer_layer"),
    "norm1 in place of norm2": tensors(redirected(norm2="norm1"), "transformer_layer"),
    "norm2 in place of norm3": tensors(redirected(norm3="norm2"), "transformer_layer"),
    "norm1 and norm2 exchanged": tensors(redirected(norm1="norm2", norm2="norm1"), "transformer_layer"),
    "norm2 and norm3 exchanged": tensors(redirected(norm2="norm3", norm3="norm2"), "transformer_layer"),
    "the tokens in the order of the frequencies": {"transform": tokens_by_frequency},
}
