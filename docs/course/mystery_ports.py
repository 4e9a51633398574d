"""Five ports of HTDemucs, each with one mistake, and a sixth without: traces for chapter 10.

    python mystery_ports.py

Writes work/port_1.safetensors … port_6.safetensors. Solve chapter 10 before you read on: the code below
shows the mistakes.





















"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np
from safetensors.numpy import save_file

import htdemucs
from engine import MODEL, WORK, true_values


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


def write(port: int) -> Path:
    """Runs a port on the second of the trace and writes all values inside it."""
    config, model = htdemucs.load(MODEL)
    model.seen = {}
    truth = true_values()
    with ExitStack() as stack:
        for name, function in PORTS[port].items():
            stack.enter_context(patch.object(htdemucs, name, function))
        htdemucs.forward(model, truth["mix"], config)
    values = {}
    for name, value in model.seen.items():
        if name in truth and ".weights." not in name:
            shape = truth[name].shape if value.size == truth[name].size else value.shape
            values[name] = np.ascontiguousarray(value.reshape(shape), dtype=np.float32)
    path = WORK / f"port_{port}.safetensors"
    save_file(values, path)
    return path


if __name__ == "__main__":
    for number in PORTS:
        print(write(number))
