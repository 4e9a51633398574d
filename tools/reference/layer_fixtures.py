"""Fixtures of single layers, taken by hooks from the reference's own blocks.

Tensors: `input` (attention: `query` and `key`, the key being the value too), the layer's parameters
under their torch.nn names, `output`. The batch dimension is dropped, except in `*_rows`, where
frequency rows are the batch. Metadata: `hooked` says where the layer sits, `kwargs` how it is set
up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import seeded_model as reference
from fixture import (
    SEED,
    Tensors,
    capture,
    float64_snr,
    in_double,
    noise,
    origin,
    unbatched,
    write,
)

GROUP = "layers"


def settings(layer: nn.Module) -> dict[str, Any]:
    """The constructor arguments of a torch.nn layer that its shapes do not tell alone."""
    names = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation"]
    names += ["num_groups", "num_channels", "normalized_shape", "eps", "in_features"]
    names += ["out_features", "embed_dim", "num_heads", "dim", "approximate", "scale"]
    found = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    return {name: v for name, v in found.items() if not isinstance(v, torch.Tensor)}


def save(name: str, root: nn.Module, path: str, *arguments: torch.Tensor) -> None:
    """Perturbs `root`, runs it, and writes the layer at `path` as it was called."""
    reference.perturb(root, SEED)
    inputs, output = capture(root, path, arguments)
    layer = root.get_submodule(path)
    attention = isinstance(layer, nn.MultiheadAttention)
    names = ["query", "key"] if attention else ["input"]

    def run(double: bool) -> Tensors:
        given = tuple(inputs[:3] if attention else inputs[:1])
        with torch.no_grad():
            value = (in_double(layer) if double else layer)(
                *(in_double(given) if double else given)
            )
        return {"output": value[0] if attention else value}

    tensors = {
        key: unbatched(value)
        for key, value in zip(names, inputs, strict=False)
        if value.is_floating_point()  # indices of an embedding are 0, 1, 2, ...
    }
    tensors["output"] = unbatched(output[0] if attention else output)
    tensors.update(layer.state_dict())
    write(
        GROUP,
        name,
        tensors,
        origin(
            GROUP,
            hooked=f"{type(root).__name__}.{path}",
            layer=type(layer).__name__,
            kwargs=settings(layer),
            snr_against_float64_db=float64_snr(run),
        ),
    )


class Alone(nn.Module):
    """A parent for a layer that is fed directly, so that it is hooked like the others."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *arguments: torch.Tensor) -> Any:
        """Passes on."""
        return self.layer(*arguments)


def convolutions() -> None:
    """Plain and transposed convolutions in one and two dimensions."""
    time, freq = {"freq": False, "norm": False}, {"freq": True, "norm": False}
    enc, dec = reference.HEncLayer, reference.HDecLayer
    signal = noise("signal", 1, 20, 101)
    save("conv1d_k8_s4_p2", enc(2, 20, **time), "conv", noise("mix", 1, 2, 404))
    save("conv1d_k1", reference.DConv(20, compress=4), "layers.0.3", signal)
    save("conv1d_k3_d1_p1", reference.DConv(20, compress=4), "layers.0.0", signal)
    save("conv1d_k3_d2_p2", reference.DConv(20, compress=4), "layers.1.0", signal)
    save("conv1d_k3_d4_p4", reference.DConv(20, compress=4, depth=3), "layers.2.0", signal)
    skip = torch.zeros_like(signal)
    wide = dec(20, 6, context=2, dconv=False, **time)
    save("conv1d_k5_p2", wide, "rewrite", signal, skip, torch.tensor(404))
    save("conv_transpose1d_k8_s4", wide, "conv_tr", signal, skip, torch.tensor(404))
    rows = noise("rows", 1, 20, 11, 13)
    save("conv1d_k3_d2_rows", enc(4, 20, **freq), "dconv.layers.1.0", noise("z", 1, 4, 44, 13))
    save("conv2d_k8x1_s4x1_p2x0", enc(4, 20, **freq), "conv", noise("z", 1, 4, 44, 13))
    save("conv2d_k1x1", enc(4, 20, **freq), "rewrite", noise("z", 1, 4, 44, 13))
    save("conv2d_k8x1_s4x1_p0", enc(4, 20, pad=False, **freq), "conv", noise("z8", 1, 4, 8, 13))
    square = dec(20, 6, dconv=False, **freq)
    save("conv2d_k3x3_p1", square, "rewrite", rows, torch.zeros_like(rows), torch.tensor(0))
    save(
        "conv_transpose2d_k8x1_s4x1",
        square,
        "conv_tr",
        rows,
        torch.zeros_like(rows),
        torch.tensor(0),
    )
    wider = dec(12, 6, context=2, dconv=False, **freq)
    few = noise("few", 1, 12, 3, 4)
    save("conv2d_k5x5_p2", wider, "rewrite", few, torch.zeros_like(few), torch.tensor(0))


def norms() -> None:
    """GroupNorm on signals, spectrograms, rows and tokens; LayerNorm; inputs off centre."""
    time, freq = {"freq": False, "norm_groups": 4}, {"freq": True, "norm_groups": 4}
    enc = reference.HEncLayer
    off = noise("off", 1, 20, 101, deviation=3.0, offset=2.0)
    save("group_norm_1_ct", reference.DConv(20, compress=4), "layers.0.4", off)
    save("group_norm_1_rows", enc(4, 20, **freq), "dconv.layers.0.1", noise("z", 1, 4, 44, 13))
    save("group_norm_4_ct", enc(2, 20, **time), "norm1", noise("mix", 1, 2, 404, offset=1.0))
    save("group_norm_4_cft", enc(4, 20, **freq), "norm1", noise("z", 1, 4, 44, 13, offset=1.0))
    save("group_norm_tokens", self_layer(32, 4), "norm_out", noise("tokens", 1, 37, 32))
    save(
        "layer_norm",
        self_layer(32, 4),
        "norm1",
        noise("tokens", 1, 37, 32, deviation=2.0, offset=3.0),
    )


def self_layer(dim: int, heads: int) -> nn.Module:
    """A self-attention layer of the transformer as HTDemucs sets it up."""
    return reference.MyTransformerEncoderLayer(dim, heads, **transformer_kwargs(dim))


def cross_layer(dim: int, heads: int) -> nn.Module:
    """A cross-attention layer of the transformer as HTDemucs sets it up."""
    return reference.CrossTransformerEncoderLayer(dim, heads, **transformer_kwargs(dim))


def transformer_kwargs(dim: int) -> dict[str, Any]:
    """What CrossTransformerEncoder passes down for HTDemucs."""
    return {
        "dim_feedforward": 2 * dim,
        "dropout": 0.0,
        "activation": nn.functional.gelu,
        "norm_first": True,
        "norm_out": True,
        "layer_scale": True,
        "batch_first": True,
        "auto_sparsity": False,
    }


def transformer_layers() -> None:
    """Linear, LayerScale and attention with several head sizes and token counts."""
    save("linear", self_layer(32, 4), "linear1", noise("tokens", 1, 37, 32))
    save("layer_scale", self_layer(32, 4), "gamma_1", noise("tokens", 1, 37, 32))
    save("multihead_attention_self", self_layer(32, 4), "self_attn", noise("tokens", 1, 37, 32))
    save(
        "multihead_attention_self_one_head", self_layer(20, 1), "self_attn", noise("t20", 1, 19, 20)
    )
    save("multihead_attention_self_wide", self_layer(96, 2), "self_attn", noise("t96", 1, 21, 96))
    save("multihead_attention_self_long", self_layer(16, 2), "self_attn", noise("t16", 1, 701, 16))
    both = noise("tokens", 1, 37, 32), noise("other", 1, 53, 32)
    save("multihead_attention_cross", cross_layer(32, 4), "cross_attn", *both)
    both = noise("long q", 1, 300, 64), noise("long k", 1, 77, 64)
    save("multihead_attention_cross_long", cross_layer(64, 1), "cross_attn", *both)
    # Scores in the hundreds: a softmax that does not subtract the row's maximum overflows.
    peaked = noise("peaked", 1, 45, 32, deviation=12.0)
    attention = Alone(nn.MultiheadAttention(32, 4, batch_first=True))
    save("multihead_attention_peaked", attention, "layer", peaked, peaked, peaked)


def activations() -> None:
    """GELU through its tails, GLU on signals and spectrograms, softmax of large values."""
    save("gelu", Alone(nn.GELU()), "layer", torch.linspace(-12, 12, 9601))
    # On their own, or the sweep's large values would drown their errors in a signal-to-noise ratio.
    save("gelu_negative_tail", Alone(nn.GELU()), "layer", torch.linspace(-30, -2, 2801))
    tiny = torch.tensor([0.0, -0.0, 1e-38, -1e-38, 1e-30, -1e-30, 1e-6, -1e-6])
    near_zero = torch.cat([torch.linspace(-1e-2, 1e-2, 2001), tiny])
    save("gelu_near_zero", Alone(nn.GELU()), "layer", near_zero)
    save("gelu_huge", Alone(nn.GELU()), "layer", torch.tensor([1e4, -1e4, 1e30, -1e30]))
    save("glu_ct", reference.DConv(20, compress=4), "layers.0.5", noise("signal", 1, 20, 101))
    save("glu_cft", Alone(nn.GLU(1)), "layer", noise("glu", 1, 24, 11, 13, deviation=3.0))
    rows = noise("softmax", 8, 37, deviation=4.0)
    rows[1] *= 20
    rows[2] += 1e4
    rows[3] -= 1e4
    rows[4] = 3.0
    rows[5, 17] = 500.0
    rows[6, :36] = -1e30
    save("softmax", Alone(nn.Softmax(dim=-1)), "layer", rows)


def embeddings() -> None:
    """Sine embeddings as functions, and the scaled embedding of frequencies."""
    for length, dim, period in [
        (1, 4, 1e4),
        (7, 6, 1e4),
        (336, 32, 1e4),
        (1344, 16, 1e4),
        (50, 8, 500.0),
    ]:
        value = reference.create_sin_embedding(length, dim, max_period=period)[:, 0]
        save_embedding(
            f"sin_embedding_1d_{length}x{dim}", value, length=length, dim=dim, max_period=period
        )
    for dim, freqs, times, period in [
        (4, 3, 5, 1e4),
        (16, 8, 50, 1e4),
        (24, 1, 31, 1e4),
        (512, 8, 3, 1e4),
        (16, 4, 336, 1e4),
        (8, 5, 6, 500.0),
    ]:
        value = reference.create_2d_sin_embedding(dim, freqs, times, max_period=period)[0]
        shape = {"dim": dim, "freqs": freqs, "times": times, "max_period": period}
        save_embedding(f"sin_embedding_2d_{dim}x{freqs}x{times}", value, **shape)
    scaled = reference.ScaledEmbedding(64, 20, scale=10.0, smooth=True)
    save("scaled_embedding", Alone(scaled), "layer", torch.arange(64))


def save_embedding(name: str, value: torch.Tensor, **settings: float) -> None:
    """Writes a table that has no input: [time, channel], or [channel, freq, time]."""
    write(GROUP, name, {"output": value}, origin(GROUP, layer="sin_embedding", kwargs=settings))


def make() -> None:
    """Writes Tests/Fixtures/layers."""
    torch.manual_seed(SEED)
    convolutions()
    norms()
    transformer_layers()
    activations()
    embeddings()
