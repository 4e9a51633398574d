"""Fixtures of single layers of the reference's own blocks.

A hook records the shapes of a layer's inputs inside its block; the same layer then runs on drawn
inputs of these shapes. Drawn tensors: `input` (attention: `query`, and for cross-attention `key`,
which is also the value), the layer's parameters under their torch.nn names. Stored: `output`, and
an `input` of special values. The batch dimension is dropped, except in `*_rows`, where frequency
rows are the batch. Metadata: `hooked` is the path of the layer in its block, `kwargs` are its
arguments.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import draw
import seeded_model as reference
from fixture import (
    SEED,
    Tensors,
    batched,
    capture,
    float64_snr,
    in_double,
    origin,
    unbatched,
    write,
)

GROUP = "layers"
TOKENS = (1, 37, 32)
LARGE = 8192
# Stored whole although it is large: the self-test's vectors are taken from it.
WHOLE = "multihead_attention_self_long"


def settings(layer: nn.Module) -> dict[str, Any]:
    """Constructor arguments of a torch.nn layer, which its shapes alone do not determine."""
    names = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation"]
    names += ["num_groups", "num_channels", "normalized_shape", "eps", "in_features"]
    names += ["input_size", "hidden_size", "num_layers"]
    names += ["out_features", "embed_dim", "num_heads", "dim", "approximate", "scale"]
    found = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    return {name: v for name, v in found.items() if not isinstance(v, torch.Tensor)}


def save(
    name: str,
    root: nn.Module,
    path: str,
    *shapes: tuple[int, ...] | int,
    rule: draw.Rule | None = None,
    special: torch.Tensor | None = None,
    kwargs: dict[str, Any] | None = None,
) -> None:
    """Writes the layer at `path`, as it is called when `root` gets inputs of the given shapes.

    Its inputs are drawn by `rule`, unless `special` is given.
    """
    arguments = tuple(torch.zeros(s) if isinstance(s, tuple) else s for s in shapes)
    seen, _ = capture(root.eval(), path, arguments)
    layer = root.get_submodule(path)
    draws = draw.Draws(SEED)
    stored: Tensors = {}
    if isinstance(layer, nn.MultiheadAttention):
        query = batched(draws, "query", *seen[0].shape, rule=rule)
        crosses = seen[0].shape != seen[1].shape
        key = batched(draws, "key", *seen[1].shape, rule=rule) if crosses else query
        given = (query, key, key)
    elif special is not None:
        stored["input"] = special
        given = (special,)
    elif seen[0].is_floating_point():
        given = (batched(draws, "input", *seen[0].shape, rule=rule),)
    else:
        given = (seen[0],)  # indices of an embedding are 0, 1, 2, ...
    reference.perturb(layer, draws)
    assert layer.state_dict().keys() <= draws.found.keys()

    @torch.no_grad()
    def run(double: bool) -> Tensors:
        value = in_double(layer)(*in_double(given)) if double else layer(*given)
        return {"output": value[0] if isinstance(value, tuple) else value}

    stored["output"] = unbatched(run(False)["output"])
    metadata = origin(
        GROUP,
        hooked=f"{type(root).__name__}.{path}",
        layer=type(layer).__name__,
        kwargs=settings(layer) if kwargs is None else kwargs,
        snr_against_float64_db=float64_snr(run),
    )
    # Only part of a large output is stored, with values of each row and column (fixture.sampled).
    step = 5 if stored["output"].numel() > LARGE and name != WHOLE else 1
    write(GROUP, name, stored, metadata, draws, every={"output": step})


class Alone(nn.Module):
    """Parent of a layer without a block, so that the layer is hooked like the others."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *arguments: torch.Tensor) -> Any:
        """Calls the layer."""
        return self.layer(*arguments)


class Scaled(Alone):
    """Parent of an embedding, which looks up every row."""

    def forward(self, _: torch.Tensor) -> Any:
        """Calls the embedding with frequencies 0, 1, 2, ..."""
        return self.layer(torch.arange(self.layer.embedding.num_embeddings))


def convolutions() -> None:
    """Plain and transposed convolutions in one and two dimensions."""
    time, freq = {"freq": False, "norm": False}, {"freq": True, "norm": False}
    enc, dec = reference.HEncLayer, reference.HDecLayer
    signal = (1, 20, 101)
    save("conv1d_k8_s4_p2", enc(2, 20, **time), "conv", (1, 2, 404))
    save("conv1d_k1", reference.DConv(20, compress=4), "layers.0.3", signal)
    save("conv1d_k3_d1_p1", reference.DConv(20, compress=4), "layers.0.0", signal)
    wide = dec(20, 6, context=2, dconv=False, **time)
    save("conv1d_k5_p2", wide, "rewrite", signal, signal, 404)
    save("conv_transpose1d_k8_s4", wide, "conv_tr", signal, signal, 404)
    rows = (1, 20, 11, 13)
    save("conv2d_k8x1_s4x1_p2x0", enc(4, 20, **freq), "conv", (1, 4, 44, 13))
    save("conv2d_k1x1", enc(4, 20, **freq), "rewrite", (1, 4, 44, 13))
    save("conv2d_k8x1_s4x1_p0", enc(4, 20, pad=False, **freq), "conv", (1, 4, 8, 13))
    square = dec(20, 6, dconv=False, **freq)
    save("conv2d_k3x3_p1", square, "rewrite", rows, rows, 0)
    save("conv_transpose2d_k8x1_s4x1", square, "conv_tr", rows, rows, 0)
    wider = dec(12, 6, context=2, dconv=False, **freq)
    few = (1, 12, 3, 4)
    save("conv2d_k5x5_p2", wider, "rewrite", few, few, 0)


def norms() -> None:
    """GroupNorm on signals, spectrograms, rows and tokens; LayerNorm; inputs off centre."""
    time, freq = {"freq": False, "norm_groups": 4}, {"freq": True, "norm_groups": 4}
    enc = reference.HEncLayer
    signal, z = (1, 20, 101), (1, 4, 44, 13)
    off = draw.normal(3, 2)
    save("group_norm_1_ct", reference.DConv(20, compress=4), "layers.0.4", signal, rule=off)
    save("group_norm_1_rows", enc(4, 20, **freq), "dconv.layers.0.1", z)
    save("group_norm_4_ct", enc(2, 20, **time), "norm1", (1, 2, 404), rule=draw.normal(1, 1))
    save("group_norm_4_cft", enc(4, 20, **freq), "norm1", z, rule=draw.normal(1, 1))
    save("group_norm_tokens", self_layer(32, 4), "norm_out", TOKENS)
    save("layer_norm", self_layer(32, 4), "norm1", TOKENS, rule=draw.normal(2, 3))
    save("layer_norm_wide", Alone(nn.LayerNorm(1023)), "layer", (5, 1023), rule=draw.normal(2, 3))


def self_layer(dim: int, heads: int) -> nn.Module:
    """A self-attention layer of the transformer as HTDemucs sets it up."""
    return reference.MyTransformerEncoderLayer(dim, heads, **transformer_kwargs(dim))


def cross_layer(dim: int, heads: int) -> nn.Module:
    """A cross-attention layer of the transformer as HTDemucs sets it up."""
    return reference.CrossTransformerEncoderLayer(dim, heads, **transformer_kwargs(dim))


def transformer_kwargs(dim: int) -> dict[str, Any]:
    """Arguments that CrossTransformerEncoder passes to its layers for HTDemucs."""
    return {
        "dim_feedforward": 2 * dim, "dropout": 0.0, "activation": nn.functional.gelu,
        "norm_first": True, "norm_out": True, "layer_scale": True, "batch_first": True,
        "auto_sparsity": False,
    }  # fmt: skip


def transformer_layers() -> None:
    """Linear, LayerScale and attention with several head sizes and token counts."""
    save("linear", self_layer(32, 4), "linear1", TOKENS)
    save("layer_scale", self_layer(32, 4), "gamma_1", TOKENS)
    save("multihead_attention_self", self_layer(32, 4), "self_attn", TOKENS)
    save("multihead_attention_self_one_head", self_layer(20, 1), "self_attn", (1, 19, 20))
    save("multihead_attention_self_wide", self_layer(96, 2), "self_attn", (1, 21, 96))
    save("multihead_attention_self_long", self_layer(16, 2), "self_attn", (1, 701, 16))
    save("multihead_attention_cross", cross_layer(32, 4), "cross_attn", TOKENS, (1, 53, 32))
    long = (1, 300, 64), (1, 77, 64)
    save("multihead_attention_cross_long", cross_layer(64, 1), "cross_attn", *long)
    # Scores in the hundreds: a softmax that does not subtract the row's maximum overflows.
    attention = Alone(nn.MultiheadAttention(32, 4, batch_first=True))
    peaked = (1, 45, 32)
    loud = draw.normal(12)
    save("multihead_attention_peaked", attention, "layer", peaked, peaked, peaked, rule=loud)


class Batched(Alone):
    """Parent of a recurrent layer, whose fixture keeps [time, sequence, channel]."""


def recurrent() -> None:
    """LSTMs in both directions, BLSTM in windows, and the attention of DConv."""
    for name, shape, layers in [
        ("lstm_one_layer", (9, 3, 8), 1),
        ("lstm_two_layers", (13, 2, 20), 2),
        ("lstm_many_sequences", (5, 35, 8), 1),
        ("lstm_one_step", (1, 1, 8), 2),
    ]:
        lstm = nn.LSTM(shape[2], shape[2], layers, bidirectional=True)
        save(name, Batched(lstm), "layer", shape)
    for name, shape, kwargs in [
        ("blstm_whole", (1, 8, 40), {"max_steps": 40, "skip": True}),
        ("blstm_windows", (1, 8, 97), {"max_steps": 40, "skip": True}),
        # The last window holds a single value of the signal, or ends exactly with it.
        ("blstm_windows_rest", (1, 8, 81), {"max_steps": 40}),
        ("blstm_windows_exact", (1, 8, 80), {"max_steps": 40}),
        ("blstm_rows", (3, 12, 57), {"max_steps": 20, "skip": True, "layers": 2}),
        ("blstm_unlimited", (1, 12, 57), {"layers": 2}),
    ]:
        blstm = Alone(reference.BLSTM(shape[1], **kwargs))
        save(name, blstm, "layer", shape, kwargs=kwargs)
    for name, shape, kwargs in [
        ("local_state", (1, 16, 53), {}),
        ("local_state_long", (1, 8, 701), {"heads": 2}),
        ("local_state_rows", (3, 8, 21), {}),
        ("local_state_one_step", (1, 8, 1), {}),
        ("local_state_two_decays", (1, 12, 40), {"heads": 3, "ndecay": 2}),
    ]:
        save(name, Alone(reference.LocalState(shape[1], **kwargs)), "layer", shape, kwargs=kwargs)


def activations() -> None:
    """GELU through its tails, GLU on signals and spectrograms, softmax of large values."""

    def gelu(name: str, **values: Any) -> None:
        save(name, Alone(nn.GELU()), "layer", (2401,), **values)

    gelu("gelu", rule=draw.uniform(-12, 12))
    # Separate, since the sweep's large values would hide their errors in a signal-to-noise ratio.
    gelu("gelu_negative_tail", rule=draw.uniform(-30, -2))
    gelu("gelu_near_zero", rule=draw.uniform(-1e-2, 1e-2))
    tiny = torch.tensor([0.0, -0.0, 1e-38, -1e-38, 1e-30, -1e-30, 1e-6, -1e-6])
    gelu("gelu_tiny", special=tiny)
    gelu("gelu_huge", special=torch.tensor([1e4, -1e4, 1e30, -1e30]))
    save("glu_ct", reference.DConv(20, compress=4), "layers.0.5", (1, 20, 101))
    save("glu_cft", Alone(nn.GLU(1)), "layer", (1, 24, 11, 13), rule=draw.normal(3))
    rows = draw.tensor(SEED, "input", (8, 37), draw.normal(4))
    rows[1] *= 20
    rows[2] += 1e4
    rows[3] -= 1e4
    rows[4] = 3.0
    rows[5, 17] = 500.0
    rows[6, :36] = -1e30
    save("softmax", Alone(nn.Softmax(dim=-1)), "layer", (8, 37), special=rows)


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
    save("scaled_embedding", Scaled(scaled), "layer", ())


def save_embedding(name: str, value: torch.Tensor, **settings: float) -> None:
    """Writes an embedding without input: [time, channel], or [channel, freq, time]."""
    metadata = origin(GROUP, layer="sin_embedding", kwargs=settings)
    step = 5 if value.numel() > LARGE else 1
    write(GROUP, name, {"output": value}, metadata, every={"output": step})


def make() -> None:
    """Writes Tests/Fixtures/layers."""
    convolutions()
    norms()
    transformer_layers()
    recurrent()
    activations()
    embeddings()
