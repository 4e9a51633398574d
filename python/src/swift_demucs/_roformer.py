"""The transformers of Band-Split and Mel-Band RoFormer in NumPy.

The reference is audio-separator 0.47.1. Shapes: S sequences, T tokens, C channels.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Mapping, Union

import numpy as np
from safetensors import safe_open
from scipy.special import expit

if __package__:
    from .htdemucs import Module, gelu, linear
else:  # beside a case
    from htdemucs import Module, gelu, linear  # type: ignore[import-not-found, no-redef]

Array = Any


class Configuration(SimpleNamespace):
    """The numbers of a network's layers."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__(**arguments)


def load(path: Union[str, Path], arguments: Mapping[str, Any]) -> tuple[Any, Module]:
    """The configuration and the weights of a checkpoint, of which the transformers are read."""
    depths = [arguments.get(f"{axis}_transformer_depth", 2) for axis in ("time", "freq")]
    heads = arguments.get("heads", 8)
    config = Configuration({"depth": arguments["depth"], "depths": depths, "heads": heads})
    with safe_open(path, "numpy") as file:
        names = [name for name in file.keys() if name.startswith(("layers.", "final_norm."))]  # noqa: SIM118
        return config, Module({name: file.get_tensor(name).astype("f4") for name in names})


def rms_norm(
    m: Module, x: Array, root: bool = True, gamma: bool = True, mean: bool = False, eps: float = 0
) -> Array:
    """RMSNorm (Zhang, Sennrich 2019): x / ‖x‖ · √C · gamma for each token."""
    y = x - x.mean(-1, keepdims=True, dtype=np.float64) * mean
    size = np.sqrt(np.square(y).mean(-1, keepdims=True, dtype=np.float64) + eps)
    y = y / np.maximum(size, 1e-12) / (1 if root else x.shape[-1] ** 0.5)
    return (y * (m["gamma"] if gamma else 1)).astype(np.float32)


def rotate(x: Array, frequencies: Array, halves: bool = False) -> Array:
    """Rotary embedding (Su et al. 2021): pairs of channels turn with their token's place."""
    angle = np.arange(x.shape[-2], dtype=np.float32)[:, None] * frequencies
    a, b = np.split(x, 2, axis=-1) if halves else (x[..., 0::2], x[..., 1::2])
    y = np.stack([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)
    return (y.swapaxes(-1, -2) if halves else y).reshape(x.shape)


def rotary_attention(
    m: Module, x: Array, heads: int, scaled: bool = True, order: tuple[int, ...] = (0, 1, 2),
    turned: str = "qk", gate: Callable[[Array], Any] = expit,
) -> Array:  # fmt: skip
    """The residual of attention with rotated queries and keys and gated heads. [S, T, C]"""
    x = rms_norm(m / "norm", x)
    weight = np.split(m["to_qkv.weight"], 3)
    q, k, v = ((x @ weight[i].T).reshape(*x.shape[:2], heads, -1).swapaxes(1, 2) for i in order)
    turn = partial(rotate, frequencies=m["rotary_embed.freqs"])
    q, k = turn(q) if "q" in turned else q, turn(k) if "k" in turned else k
    scores = q @ k.swapaxes(2, 3) * np.float32(q.shape[3] ** -0.5 if scaled else 1)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    y = (shares / shares.sum(-1, keepdims=True) @ v).swapaxes(1, 2)  # [S, T, heads, size]
    y = y * np.broadcast_to(gate(linear(m / "to_gates", x)), y.shape[:3])[..., None]
    return m.see("", y.reshape(*x.shape[:2], -1) @ m["to_out.0.weight"].T)


def feed_forward(m: Module, x: Array) -> Array:
    """The residual of a small network for each token."""
    y = gelu(linear(m / "net.1", rms_norm(m / "net.0", x)))
    return m.see("", linear(m / "net.4", y))


def transformer(m: Module, x: Array, depth: int, heads: int) -> Array:
    """Pairs of residuals; Mel-Band RoFormer has a norm after them."""
    for i in range(depth):
        x = x + rotary_attention(m / f"layers.{i}.0", x, heads)
        x = x + feed_forward(m / f"layers.{i}.1", x)
    return m.see("", rms_norm(m / "norm", x) if "norm.gamma" in m else x)


def forward(m: Module, x: Array, config: Any) -> Array:
    """From `band_split` to `final_norm`: along time, then along the bands. [T, bands, C]"""
    for i in range(config.depth):
        x = transformer(m / f"layers.{i}.0", x.swapaxes(0, 1), config.depths[0], config.heads)
        x = transformer(m / f"layers.{i}.1", x.swapaxes(0, 1), config.depths[1], config.heads)
    return m.see("final_norm", rms_norm(m / "final_norm", x)) if "final_norm.gamma" in m else x
