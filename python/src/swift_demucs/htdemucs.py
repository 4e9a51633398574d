"""HTDemucs (Rouard, Massa, Défossez 2022, arXiv:2211.08553) in NumPy: the whole model in one file.

    config, model = load("demo.safetensors")
    stems = separate(model, track, config)

The result equals that of `swift-demucs` with a signal-to-noise ratio of 100 dB or more; it only
takes longer. Weights have the names of the reference package, demucs 4.1.0.

Shapes: C channels, F frequencies, T frames or samples. Every activation is [C, F, T]. A waveform is
a spectrogram with a single row, [C, 1, T], so the same code serves both branches.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors import safe_open
from scipy.special import erf, expit

Array = np.ndarray


# ---- configuration and weights ----
class Configuration:
    """The arguments that the model was constructed with; defaults are those of the reference."""

    samplerate, audio_channels = 44100, 2  # Hz
    nfft, depth, stride = 4096, 4, 4
    freq_emb, emb_scale = 0.2, 10
    t_layers, t_heads, t_cross_first = 5, 8, False
    t_max_period, t_weight_pos_embed = 10000.0, 1.0
    segment = 10  # seconds

    def __init__(self, arguments: dict) -> None:
        self.__dict__.update(arguments)
        if isinstance(self.segment, dict):
            self.segment = Fraction(self.segment["numerator"], self.segment["denominator"])
        self.segment_samples = int(self.segment * self.samplerate)
        if self.depth > 4:  # such layers have norms, and merge the branches
            raise SystemExit(f"this file is for models of depth 4; this one has {self.depth}")


class Module:
    """A part of the network: `module / "dconv"` is a part of it, `module["conv.weight"]` a weight.

    `module.see("conv", x)` keeps a value for a trace, if one is wanted, and returns it.
    """

    def __init__(self, tensors: dict[str, Array], name: str = "", seen: dict | None = None):
        self.tensors, self.name, self.seen = tensors, name, seen

    def path(self, part: str) -> str:
        return ".".join(filter(None, (self.name, part)))

    def __truediv__(self, part: str) -> Module:
        return Module(self.tensors, self.path(part), self.seen)

    def __getitem__(self, part: str) -> Array:
        return self.tensors[self.path(part)]

    def __contains__(self, part: str) -> bool:
        return self.path(part) in self.tensors

    def see(self, part: str, x: Array) -> Array:
        if self.seen is not None:
            self.seen[self.path(part)] = x
        return x


def load(path: str | Path) -> tuple[Configuration, Module]:
    """The configuration and the weights, in float32, of a checkpoint."""
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    return Configuration(json.loads(metadata["kwargs"])), Module(tensors)


# ---- signal ----
def window(nfft: int) -> Array:
    """Periodic Hann window. [nfft]"""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(nfft) / nfft)).astype(np.float32)


def stft(x: Array, nfft: int) -> Array:
    """[C, N] samples to [2C, nfft / 2, ⌈N / hop⌉]: real and imaginary parts are channels."""
    hop = nfft // 4
    frames = -(-x.shape[1] // hop)
    edge = 3 * hop // 2
    right = edge + frames * hop - x.shape[1]
    x = np.pad(x, ((0, 0), (edge, right)), mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(x, nfft, axis=1)[:, ::hop][:, :frames]
    spectrum = np.fft.rfft(pieces * window(nfft), axis=2)[..., :-1] / np.sqrt(nfft)
    parts = np.stack([spectrum.real, spectrum.imag], axis=1)  # [C, 2, T, F]
    return parts.reshape(-1, *parts.shape[2:]).swapaxes(1, 2).astype(np.float32)


def istft(z: Array, samples: int) -> Array:
    """Inverse of `stft`: [2C, F, T] to [C, samples]."""
    nfft, hop = 2 * z.shape[1], z.shape[1] // 2
    spectrum = (z[0::2] + 1j * z[1::2]).swapaxes(1, 2)  # [C, T, F]
    spectrum = np.pad(spectrum, ((0, 0), (2, 2), (0, 1)))  # two empty frames; Nyquist is zero
    frames = np.fft.irfft(spectrum, axis=2) * window(nfft) * np.sqrt(nfft)
    total = np.zeros((len(frames), nfft + (frames.shape[1] - 1) * hop))
    weight = np.zeros(total.shape[1])
    for t in range(frames.shape[1]):
        total[:, t * hop : t * hop + nfft] += frames[:, t]
        weight[t * hop : t * hop + nfft] += window(nfft) ** 2
    start = 2 * hop + 3 * hop // 2  # the empty frames, then the reflected edge
    kept = slice(start, start + samples)
    return (total[:, kept] / weight[kept]).astype(np.float32)


# ---- layers of torch.nn ----
def kernel(m: Module) -> Array:
    """The weight of a convolution in two dimensions; one of a waveform gets a row dimension."""
    weight = m["weight"]
    return weight[:, :, None] if weight.ndim == 3 else weight


def conv(m: Module, x: Array, stride=(1, 1), padding=(0, 0), dilation: int = 1) -> Array:
    """Convolution, one tap of the kernel after the other. [C, F, T] to [O, F', T']."""
    weight, bias = kernel(m), m["bias"]  # [O, C, kF, kT]
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    outputs, channels, tall, wide = weight.shape
    rows = (x.shape[1] - tall) // stride[0] + 1
    columns = (x.shape[2] - dilation * (wide - 1) - 1) // stride[1] + 1
    y = np.repeat(bias[:, None], rows * columns, axis=1)
    for i in range(tall):
        for j in range(wide):
            taps = x[:, i :: stride[0], j * dilation :: stride[1]][:, :rows, :columns]
            y += weight[:, :, i, j] @ taps.reshape(channels, -1)
    return y.reshape(outputs, rows, columns)


def conv_transpose(m: Module, x: Array, stride: tuple[int, int]) -> Array:
    """Transposed convolution: each input adds a copy of the kernel to the output."""
    weight = kernel(m)  # [C, O, kF, kT]
    channels, rows, columns = x.shape
    _, outputs, tall, wide = weight.shape
    size = (rows - 1) * stride[0] + tall, (columns - 1) * stride[1] + wide
    y = np.zeros((outputs, *size), dtype=np.float32) + m["bias"][:, None, None]
    for i in range(tall):
        for j in range(wide):
            part = weight[:, :, i, j].T @ x.reshape(channels, -1)
            place = y[:, i :: stride[0], j :: stride[1]][:, :rows, :columns]
            place += part.reshape(outputs, rows, columns)
    return y


def gelu(x: Array) -> Array:
    """Gaussian error linear unit, the exact form: x · Φ(x)."""
    return x * (np.float32(0.5) + np.float32(0.5) * erf(x * np.float32(np.sqrt(0.5))))


def glu(x: Array) -> Array:
    """Gated linear unit: half of the channels times the sigmoid of the other half."""
    a, b = np.split(x, 2)
    return a * expit(b)


def normalise(x: Array, axes: tuple[int, ...]) -> Array:
    """Scales to mean 0, variance 1 over some axes. Sums in double: there may be millions of terms."""
    mean = x.mean(axes, keepdims=True, dtype=np.float64)
    variance = np.square(x - mean).mean(axes, keepdims=True, dtype=np.float64)
    return ((x - mean) / np.sqrt(variance + 1e-5)).astype(np.float32)


def layer_norm(m: Module, x: Array) -> Array:
    """LayerNorm: each token on its own. [tokens, C]"""
    return normalise(x, (1,)) * m["weight"] + m["bias"]


def linear(m: Module, x: Array) -> Array:
    """Matrix product for each token. [tokens, inputs] to [tokens, outputs]"""
    return x @ m["weight"].T + m["bias"]


# ---- layers of the two U-Nets ----
def row_norm(m: Module, x: Array) -> Array:
    """GroupNorm with one group for each frequency row, over the row's channels and frames."""
    return normalise(x, (0, 2)) * m["weight"][:, None, None] + m["bias"][:, None, None]


def dconv(m: Module, x: Array) -> Array:
    """Residual path of dilated convolutions over time. Every row has its own statistics."""
    for d in range(2 if "layers.0.0.weight" in m else 0):
        layer = m / f"layers.{d}"
        y = conv(layer / "0", x, padding=(0, 2**d), dilation=2**d)  # [C / 8, F, T]
        y = gelu(row_norm(layer / "1", y))
        y = glu(row_norm(layer / "4", conv(layer / "3", y)))  # [C, F, T]
        y = y * layer["6.scale"][:, None, None]
        m.see(f"layers.{d}", y.swapaxes(0, 1))
        x = x + y
    m.see("", x.swapaxes(0, 1))
    return x


def gate(m: Module, x: Array) -> Array:
    """The `rewrite` convolution to twice the channels, then GLU."""
    padding = [taps // 2 for taps in kernel(m).shape[2:]]
    return glu(m.see("", conv(m, x, padding=padding)))


def encode(m: Module, x: Array, config: Configuration) -> Array:
    """One encoder layer of either branch; leaves a quarter of the frequencies, or of the samples."""
    stride, edge = config.stride, m["conv.weight"].shape[2] // 4
    if m.name.startswith("tencoder"):
        x = np.pad(x, ((0, 0), (0, 0), (0, -x.shape[2] % stride)))  # zeros on the right only
        y = conv(m / "conv", x, (1, stride), (0, edge))
    else:
        y = conv(m / "conv", x, (stride, 1), (edge, 0))
    y = dconv(m / "dconv", gelu(m.see("conv", y)))
    return m.see("", gate(m / "rewrite", y))


def decode(m: Module, x: Array, skip: Array, config: Configuration, length: int) -> Array:
    """One decoder layer: reverses the size of the encoder layer whose output is `skip`."""
    stride, edge = config.stride, m["conv_tr.weight"].shape[2] // 4
    is_time, is_last = m.name.startswith("tdecoder"), m.name.endswith(f".{config.depth - 1}")
    y = dconv(m / "dconv", gate(m / "rewrite", x + skip))
    y = m.see("conv_tr", conv_transpose(m / "conv_tr", y, (1, stride) if is_time else (stride, 1)))
    y = y[:, :, edge : edge + length] if is_time else y[:, edge:-edge]
    return m.see("", y if is_last else gelu(y))


# ---- transformer ----
def positions_1d(length: int, channels: int, period: float) -> Array:
    """[length, channels]: cosines in the first half of the channels, sines in the second."""
    half = channels // 2
    phase = np.arange(length)[:, None] / period ** (np.arange(half) / (half - 1))
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


def positions_2d(freqs: int, times: int, channels: int, period: float) -> Array:
    """[times · freqs, channels]: time in the first half of the channels, frequency in the other."""
    half = channels // 2
    rate = np.exp(-np.arange(0, half, 2) * np.log(period) / half)
    table = np.zeros((times, freqs, channels))
    for first, place in ((0, np.arange(times)[:, None, None]), (half, np.arange(freqs)[:, None])):
        table[:, :, first : first + half : 2] = np.sin(place * rate)
        table[:, :, first + 1 : first + half : 2] = np.cos(place * rate)
    return table.reshape(times * freqs, channels).astype(np.float32)


def attention(m: Module, x: Array, other: Array, heads: int) -> Array:
    """softmax(Q·Kᵀ / √size)·V for each head; queries from x, keys and values from other."""
    weight, bias = np.split(m["in_proj_weight"], 3), np.split(m["in_proj_bias"], 3)
    q, k, v = (t @ w.T + b for t, w, b in zip((x, other, other), weight, bias, strict=True))
    size = x.shape[1] // heads
    attended = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T * np.float32(size**-0.5)  # [tokens, others]
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        m.see(f"weights.{head}", weights)
        attended.append(weights @ v[:, part])
    return linear(m / "out_proj", np.concatenate(attended, axis=1))


def transformer_layer(m: Module, x: Array, other: Array | None, heads: int) -> Array:
    """Attention, then a small network for each token, each with a norm before it and a scale after.

    `other` is the other branch's tokens in a cross layer, and None in a self layer.
    """
    query = layer_norm(m / "norm1", x)
    is_cross = other is not None
    part = "cross_attn" if is_cross else "self_attn"
    keys = layer_norm(m / "norm2", other) if is_cross else query
    x = x + m["gamma_1.scale"] * m.see(part, attention(m / part, query, keys, heads))
    y = layer_norm(m / ("norm3" if is_cross else "norm2"), x)
    y = linear(m / "linear2", gelu(linear(m / "linear1", y)))
    x = x + m["gamma_2.scale"] * y
    norm = m / "norm_out"  # GroupNorm: one mean and variance for all tokens and channels
    return m.see("", normalise(x, (0, 1)) * norm["weight"] + norm["bias"])


def resample(m: Module, way: str, x: Array, xt: Array) -> tuple[Array, Array]:
    """1 × 1 convolutions between the channels of the U-Nets and those of the transformer."""
    name = f"channel_{way}sampler"
    if f"{name}.weight" not in m:
        return x, xt
    return m.see(name, conv(m / name, x)), m.see(f"{name}_t", conv(m / f"{name}_t", xt))


def transform(m: Module, x: Array, xt: Array, config: Configuration) -> tuple[Array, Array]:
    """The cross-domain transformer between its 1 × 1 convolutions. [C, F, T] and [C, 1, T]."""
    _, freqs, times = x.shape
    x, xt = resample(m, "up", x.reshape(len(x), 1, -1), xt)
    c, t = len(x), m / "crosstransformer"
    tokens = x.reshape(c, freqs, times).transpose(2, 1, 0).reshape(-1, c)  # time outermost
    position = t.see("pos_emb_2d", positions_2d(freqs, times, c, config.t_max_period))
    position_t = t.see("pos_emb", positions_1d(xt.shape[2], c, config.t_max_period))
    weight = np.float32(config.t_weight_pos_embed)
    tokens = t.see("norm_in", layer_norm(t / "norm_in", tokens)) + weight * position
    tokens_t = t.see("norm_in_t", layer_norm(t / "norm_in_t", xt[:, 0].T)) + weight * position_t
    for i in range(config.t_layers):
        is_cross = i % 2 == (0 if config.t_cross_first else 1)
        others = (tokens_t, tokens) if is_cross else (None, None)  # from before this layer
        tokens = transformer_layer(t / f"layers.{i}", tokens, others[0], config.t_heads)
        tokens_t = transformer_layer(t / f"layers_t.{i}", tokens_t, others[1], config.t_heads)
    x = tokens.reshape(times, freqs, c).transpose(2, 1, 0).reshape(c, 1, -1)
    x, xt = resample(m, "down", x, tokens_t.T[:, None])
    return x.reshape(len(x), freqs, times), xt


# ---- the whole network ----
def standardise(x: Array) -> tuple[Array, np.float32, np.float32]:
    """(x − mean) / (1e-5 + std), with both numbers; the variance is divided by n − 1."""
    mean = np.float32(x.mean(dtype=np.float64))
    std = np.float32(x.std(dtype=np.float64, ddof=1))
    return (x - mean) / (np.float32(1e-5) + std), mean, std


def forward(m: Module, mix: Array, config: Configuration) -> Array:
    """One segment: [audio channels, N] to stems [sources, audio channels, N]."""
    n, sources = mix.shape[1], len(config.sources)
    x, mean, std = standardise(m.see("mag", stft(m.see("mix", mix), config.nfft)))
    xt, mean_t, std_t = standardise(mix)
    m.see("x", x), m.see("xt", xt)
    xt = xt[:, None]  # [2, 1, N]

    skips, skips_t, lengths = [], [], []
    for i in range(config.depth):
        lengths.append(xt.shape[2])
        xt = encode(m / f"tencoder.{i}", xt, config)
        x = encode(m / f"encoder.{i}", x, config)
        if i == 0 and config.freq_emb:
            embedding = m["freq_emb.embedding.weight"].T[:, :, None]  # [C, F, 1]
            x = x + np.float32(config.freq_emb * config.emb_scale) * embedding
            m.see("encoder.0.embedded", x)
        skips.append(x), skips_t.append(xt)
    if config.t_layers:
        x, xt = transform(m, x, xt, config)
    for i in range(config.depth):
        x = decode(m / f"decoder.{i}", x, skips.pop(), config, 0)
        xt = decode(m / f"tdecoder.{i}", xt, skips_t.pop(), config, lengths.pop())

    x, xt = x * std + mean, xt[:, 0] * std_t + mean_t  # [sources · 4, F, T], [sources · 2, N]
    m.see("output", x.reshape(sources, -1, *x.shape[1:]))
    m.see("add_67", xt.reshape(sources, -1, n))
    return m.see("final", (istft(x, n) + xt).reshape(sources, -1, n))


# ---- whole tracks ----
def triangle(length: int) -> Array:
    """Weights of a segment, largest in the middle, where it has context on both sides."""
    half = length // 2
    rise_and_fall = np.concatenate([np.arange(1, half + 1), np.arange(length - half, 0, -1)])
    return (rise_and_fall / rise_and_fall.max()).astype(np.float32)


def cut(track: Array, start: int, count: int, length: int) -> Array:
    """`length` samples around the `count` samples from `start`; zeros beyond the track's ends."""
    first = start - (length - count) // 2
    last = first + length
    kept = track[:, max(first, 0) : min(last, track.shape[1])]
    return np.pad(kept, ((0, 0), (max(-first, 0), max(last - track.shape[1], 0))))


def separate(m: Module, track: Array, config: Configuration, overlap=0.25, report=None) -> Array:
    """Overlap-add of segments: [audio channels, N] to stems [sources, audio channels, N]."""
    mono = track.mean(0, dtype=np.float64)
    mean, std = np.float32(mono.mean()), np.float32(mono.std(ddof=1) + 1e-8)
    track = (track - mean) / std
    n, length = track.shape[1], config.segment_samples
    stems = np.zeros((len(config.sources), *track.shape), dtype=np.float32)
    weights, total = triangle(length), np.zeros(n, dtype=np.float32)
    starts = range(0, n, int((1 - overlap) * length))
    for start in starts:
        count = min(length, n - start)
        found = forward(m, cut(track, start, count, length), config)
        spare = (length - count) // 2
        stems[:, :, start : start + count] += found[:, :, spare : spare + count] * weights[:count]
        total[start : start + count] += weights[:count]
        if report:
            report(f"segment {starts.index(start) + 1} of {len(starts)}", flush=True)
    return stems / total * std + mean
