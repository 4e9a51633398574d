"""Ports of HTDemucs with a mistake each, for chapter 10.

    python mystery_ports.py                        the chapter's six: work/port_1.safetensors …
    python mystery_ports.py --lab NAME             ten more, drawn from your name: work/lab_1.safetensors …
    python mystery_ports.py --lab NAME --answers   their mistakes

Solve chapter 10 before you read on: the code below shows the mistakes.






















"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

import htdemucs
from engine import MODEL, WORK, in_shapes, save_values, true_values


def tanh_gelu(x: np.ndarray) -> np.ndarray:
    """GELU by its approximation with tanh."""
    inner = np.float32(0.7978845608028654) * (x + np.float32(0.044715) * x**3)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def zeros_on_both_sides(m, x, config):
    """A waveform extended by zeros at both ends to a multiple of the stride."""
    missing = -x.shape[2] % config.stride
    if m.name.startswith("tencoder") and missing:
        left = (missing + 1) // 2
        x = np.pad(x, ((0, 0), (0, 0), (left, missing - left)))
    return encode(m, x, config)


def swapped_halves(freqs, times, channels, period):
    """Frequency in the first half of the channels, time in the second."""
    return np.roll(positions_2d(freqs, times, channels, period), channels // 2, axis=1)


def cut_from_the_start(m, x, skip, config, length):
    """The waveform's transposed convolution cut to [0, length), not [2, length + 2)."""
    if not m.name.startswith("tdecoder"):
        return decode(m, x, skip, config, length)
    y = htdemucs.dconv(m / "dconv", htdemucs.gate(m / "rewrite", x + skip))
    y = m.see("conv_tr", htdemucs.conv_transpose(m / "conv_tr", y, (1, config.stride)))
    y = y[:, :, :length]
    is_last = m.name.endswith(f".{config.depth - 1}")
    return m.see("", y if is_last else htdemucs.gelu(y))


def twice_the_heads(m, x, other, heads):
    """Attention with another number of heads than the model was trained with."""
    return attention(m, x, other, 2 * heads)


# The correct functions, which the wrong ones call while they replace them in htdemucs.
encode, decode = htdemucs.encode, htdemucs.decode
positions_2d, attention = htdemucs.positions_2d, htdemucs.attention

PORTS: dict[int, dict[str, Callable]] = {
    1: {"positions_2d": swapped_halves},
    2: {"encode": zeros_on_both_sides},
    3: {"attention": twice_the_heads},
    4: {"gelu": tanh_gelu},
    5: {"decode": cut_from_the_start},
    6: {},
}


def frequency_outermost(freqs, times, channels, period):
    """The 2-D embedding in the order of another reshape."""
    table = positions_2d(freqs, times, channels, period).reshape(times, freqs, channels)
    return table.swapaxes(0, 1).reshape(-1, channels)


def half_in_the_exponent(length, channels, period):
    """The 1-D embedding with d / 2, not d / 2 − 1, in the exponent."""
    half = channels // 2
    phase = np.arange(length)[:, None] / period ** (np.arange(half) / half)
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


def each_channel_standardised(x):
    """Mean and deviation of each channel, not of all."""
    y = x.reshape(len(x), -1).astype(np.float64)
    scaled = (y - y.mean(1, keepdims=True)) / (1e-5 + y.std(1, ddof=1, keepdims=True))
    return scaled.reshape(x.shape).astype(np.float32), *standardise(x)[1:]


def decode_cut(first, gelu_at_the_end=False):
    """A decoder layer that keeps other rows, or ends with GELU in the last layer too."""

    def wrong(m, x, skip, config, length):
        y = decode(m, x, skip, config, length)
        if gelu_at_the_end and m.name.endswith(f".{config.depth - 1}"):
            return m.see("", htdemucs.gelu(y))
        if first and not m.name.startswith("tdecoder"):
            return m.see("", np.roll(y, first, axis=1))
        return y

    return wrong


def exchanged_channels(x, nfft):
    """Real parts of both channels first, then the imaginary parts."""
    return stft(x, nfft)[[0, 2, 1, 3]]


def without_dilation(m, x, stride=(1, 1), padding=(0, 0), dilation=1):
    """Three neighbours in every layer of DConv."""
    return conv(m, x, stride, (padding[0], padding[1] // dilation))


def unscaled_scores(m, x, other, heads):
    """Attention without the division by the root of the size."""
    size = x.shape[1] // heads
    copy = htdemucs.Module(dict(m.tensors), m.name, m.seen)
    weight = copy["in_proj_weight"].copy()
    weight[: x.shape[1]] *= np.float32(size**0.5)
    copy.tensors[copy.path("in_proj_weight")] = weight
    return attention(copy, x, other, heads)


def layer_norm_at_the_end(m, x, other, heads):
    """A transformer layer whose norm_out treats each token by itself."""
    y = transformer_layer(m, x, other, heads)
    norm = m / "norm_out"
    inner = (y - norm["bias"]) / norm["weight"]
    return m.see("", htdemucs.layer_norm(norm, inner))


# Mistakes of the lab: a name, the functions with the mistake, and the first value that is wrong.
LAB: dict[str, tuple[dict[str, Callable], str]] = {
    "the window ends at zero on both sides": ({"window": lambda n: np.hanning(n)}, "mag"),
    "the spectrogram's channels in another order": ({"stft": exchanged_channels}, "mag"),
    "each channel normalised by itself": ({"standardise": each_channel_standardised}, "x"),
    "halves of the GLU exchanged": (
        {"glu": lambda x: glu(np.roll(x, len(x) // 2, axis=0))}, "tencoder.0.dconv.layers.0"
    ),
    "GELU replaced by ReLU": ({"gelu": lambda x: np.maximum(x, 0)}, "tencoder.0.dconv.layers.0"),
    "GELU by x · sigmoid(1.702 x)": (
        {"gelu": lambda x: x / (1 + np.exp(np.float32(-1.702) * x))}, "tencoder.0.dconv.layers.0"
    ),
    "norms with the epsilon 1e-3": (
        {"normalise": lambda x, axes: normalise(x, axes) * np.sqrt(
            (x.var(axes, keepdims=True) + 1e-5) / (x.var(axes, keepdims=True) + 1e-3))},
        "tencoder.0.dconv.layers.0",
    ),
    "no dilation": ({"conv": without_dilation}, "tencoder.0.dconv.layers.1"),
    "tokens with frequency outermost in the embedding": (
        {"positions_2d": frequency_outermost}, "crosstransformer.pos_emb_2d"
    ),
    "d / 2 in the exponent of the 1-D embedding": (
        {"positions_1d": half_in_the_exponent}, "crosstransformer.pos_emb"
    ),
    "scores of attention without the root": (
        {"attention": unscaled_scores}, "crosstransformer.layers.0.self_attn"
    ),
    "a LayerNorm for norm_out": (
        {"transformer_layer": layer_norm_at_the_end}, "crosstransformer.layers.0"
    ),
    "the spectrogram's cut off by one": ({"decode": decode_cut(1)}, "decoder.0"),
    "GELU after the last layer": ({"decode": decode_cut(0, True)}, "decoder.3"),
    "no square root of n in the inverse STFT": (
        {"istft": lambda z, n: istft(z, n) / np.float32(64)}, "final"
    ),
    "the inverse STFT one sample late": (
        {"istft": lambda z, n: np.roll(istft(z, n), 1, axis=1)}, "final"
    ),
}  # fmt: skip
stft, istft, standardise = htdemucs.stft, htdemucs.istft, htdemucs.standardise
conv, glu, normalise = htdemucs.conv, htdemucs.glu, htdemucs.normalise
positions_1d, transformer_layer = htdemucs.positions_1d, htdemucs.transformer_layer
LAB_PORTS = 10


def lab(name: str) -> list[str]:
    """The mistakes of a reader's ports in their order; one port is right, with an empty name."""
    drawn = random.Random(name)
    mistakes = [*drawn.sample(sorted(LAB), LAB_PORTS - 1), ""]
    drawn.shuffle(mistakes)
    return mistakes


def values_of(functions: dict[str, Callable]) -> dict[str, np.ndarray]:
    """All values of a port on the second of the trace."""
    config, model = htdemucs.load(MODEL)
    model.seen = {}
    truth = true_values()
    with patch.dict(vars(htdemucs), functions):
        htdemucs.forward(model, truth["mix"], config)
    shapes = {name: value.shape for name, value in truth.items() if ".weights." not in name}
    return in_shapes(model.seen, shapes)


def write(port: int) -> Path:
    """Runs a port of the chapter and writes all values inside it."""
    path = WORK / f"port_{port}.safetensors"
    save_values(path, values_of(PORTS[port]))
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lab", metavar="NAME", help="draw ten ports from your name")
    parser.add_argument("--answers", action="store_true", help="print their mistakes")
    options = parser.parse_args()
    if options.lab is None:
        for number in PORTS:
            print(write(number))
        return
    for number, mistake in enumerate(lab(options.lab), 1):
        if options.answers:
            where = f"first wrong value {LAB[mistake][1]}" if mistake else "right"
            print(f"lab_{number}: {mistake or 'no mistake'} ({where})")
        else:
            path = WORK / f"lab_{number}.safetensors"
            save_values(path, values_of(LAB[mistake][0] if mistake else {}))
            print(path)


if __name__ == "__main__":
    main()
