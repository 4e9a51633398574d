"""Fixtures of the reference's blocks: DConv, HEncLayer, HDecLayer, transformer layers and the whole
transformer.

Drawn tensors: inputs (`x`, and `skip`, `inject`, `xt` if the block takes them), parameters under
the block's own state-dict names. Stored tensors: outputs (`output`; for decoders also `pre`, the
input of the transposed convolution; for the transformer `x_out` and `xt_out`). Metadata: `class`,
`kwargs` (the constructor's arguments), and for time decoders `length`. No batch dimension, except
DConv's `*_rows`, where frequency rows are the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import draw
import seeded_model as reference
from fixture import SEED, Tensors, batched, float64_snr, in_double, origin, unbatched, write
from layer_fixtures import transformer_kwargs

GROUP = "blocks"
LARGE = 4096
DCONV = {"depth": 2, "compress": 4, "gelu": True}
# Stored whole although it is large: the self-test's vectors are taken from it.
WHOLE = "dconv_rows"

Collect = Callable[[nn.Module, tuple[Any, ...]], Tensors]


def save(
    name: str,
    block: nn.Module,
    kwargs: dict[str, Any],
    inputs: dict[str, tuple[int, ...]],
    collect: Collect,
    rules: dict[str, draw.Rule] | None = None,
    **more: Any,
) -> None:
    """Draws a block's parameters and its inputs of the given shapes, and writes its outputs."""
    draws = draw.Draws(SEED)
    arguments = tuple(
        batched(draws, key, *shape, rule=(rules or {}).get(key)) for key, shape in inputs.items()
    )
    reference.perturb(block, draws)

    @torch.no_grad()
    def run(double: bool) -> Tensors:
        if double:
            return collect(in_double(block), in_double(arguments))
        return collect(block, arguments)

    outputs = {key: unbatched(value) for key, value in run(False).items()}
    assert block.state_dict().keys() <= draws.found.keys()
    metadata = origin(
        GROUP,
        **{"class": type(block).__name__},
        kwargs=kwargs,
        snr_against_float64_db=float64_snr(run),
        **more,
    )
    # A large output is stored in part, with values of each channel and frame (fixture.sampled).
    large = {key for key, value in outputs.items() if value.numel() > LARGE and name != WHOLE}
    write(GROUP, name, outputs, metadata, draws, dict.fromkeys(large, 5))


def output(block: nn.Module, arguments: tuple[Any, ...]) -> Tensors:
    """Output of a block with one result."""
    return {"output": block(*arguments)}


def dconvs() -> None:
    """DConv on a signal, on frequency rows, and with every depth and compression."""

    def one(name: str, x: tuple[int, ...], **kwargs: Any) -> None:
        kwargs = {"channels": x[1], "compress": 8, "depth": 2, **kwargs}
        save(name, reference.DConv(**kwargs), kwargs, {"x": x}, output)

    signal = (1, 24, 203)
    one("dconv_depth2_compress8", signal)
    one("dconv_depth2_compress4", signal, compress=4)
    one("dconv_depth1", signal, depth=1)
    one("dconv_depth3", signal, depth=3, compress=4)
    one("dconv_no_dilation", signal, depth=-2, compress=4)
    one("dconv_compress_not_dividing", signal, compress=5)
    one("dconv_short", (1, 24, 3), depth=3, compress=4)
    one("dconv_wide", (1, 96, 41))
    one("dconv_rows", (9, 24, 37))
    # With an LSTM, attention or both, as in the deeper encoder layers of v3.
    deep = {"compress": 3, "lstm": True, "attn": True}
    one("dconv_lstm", signal, lstm=True)
    one("dconv_attention", signal, compress=6, attn=True)
    one("dconv_deep", (1, 24, 231), **deep)
    one("dconv_deep_rows", (3, 24, 37), **deep)


def encoders() -> None:
    """HEncLayer in both branches."""

    def one(
        name: str, x: tuple[int, ...], inject: tuple[int, ...] | None = None, **kwargs: Any
    ) -> None:
        kwargs = {
            "chin": x[1], "chout": 16, "kernel_size": 8, "stride": 4, "norm_groups": 4,
            "norm": False, "dconv": True, "context": 0, "dconv_kw": DCONV, **kwargs,
        }  # fmt: skip
        inputs = {"x": x} if inject is None else {"x": x, "inject": inject}
        save(name, reference.HEncLayer(**kwargs), kwargs, inputs, output)

    z, z8 = (1, 4, 32, 19), (1, 12, 8, 19)
    one("encoder_freq", z, freq=True)
    one("encoder_freq_norm", z, freq=True, norm=True)
    one("encoder_freq_norm_one_group", z, freq=True, norm=True, norm_groups=1)
    one("encoder_freq_context_1", z, freq=True, context=1)
    one("encoder_freq_no_dconv", z, freq=True, dconv=False)
    one("encoder_freq_kernel_4", z, freq=True, kernel_size=4, stride=2)
    one("encoder_freq_last", z8, freq=True, pad=False)
    one("encoder_freq_last_inject", z8, (1, 16, 19), freq=True, pad=False, norm=True)
    mix, odd = (1, 2, 256), (1, 2, 253)
    one("encoder_time", mix, freq=False)
    one("encoder_time_odd_length", odd, freq=False)
    one("encoder_time_norm", odd, freq=False, norm=True)
    one("encoder_time_context_1", odd, freq=False, context=1)
    one("encoder_time_no_dconv", odd, freq=False, dconv=False)
    one("encoder_time_empty", odd, freq=False, empty=True)
    one("encoder_time_kernel_4", odd, freq=False, kernel_size=4, stride=2)


def decoders() -> None:
    """HDecLayer in both branches."""

    def both(block: nn.Module, arguments: tuple[Any, ...], length: int | None) -> Tensors:
        x, skip = arguments if len(arguments) == 2 else (arguments[0], None)
        value, pre = block(x, skip, length)
        # An empty layer returns its input.
        return {"output": value} if skip is None else {"output": value, "pre": pre}

    def one(name: str, x: tuple[int, ...], length: int | None = None, **kwargs: Any) -> None:
        kwargs = {
            "chin": x[1], "chout": 6, "last": False, "kernel_size": 8, "stride": 4,
            "norm_groups": 2, "norm": False, "dconv": True, "context": 1, "dconv_kw": DCONV,
            **kwargs,
        }  # fmt: skip
        inputs = {"x": x}
        if not kwargs.get("empty"):
            inputs["skip"] = x
        more = {} if length is None else {"length": str(length)}
        block = reference.HDecLayer(**kwargs)
        save(name, block, kwargs, inputs, lambda b, a: both(b, a, length), **more)

    z, z1 = (1, 16, 8, 19), (1, 16, 1, 19)
    one("decoder_freq", z, freq=True)
    one("decoder_freq_last", z, freq=True, last=True)
    one("decoder_freq_norm", z, freq=True, norm=True)
    one("decoder_freq_no_dconv", z, freq=True, dconv=False)
    one("decoder_freq_context_0", z, freq=True, context=0)
    one("decoder_freq_context_2", z, freq=True, context=2)
    one("decoder_freq_kernel_4", z, freq=True, kernel_size=4, stride=2)
    one("decoder_freq_no_pad", z1, freq=True, pad=False)
    xt = (1, 16, 64)
    one("decoder_time", xt, 256, freq=False)
    one("decoder_time_odd_length", xt, 253, freq=False)
    one("decoder_time_last", xt, 253, freq=False, last=True)
    one("decoder_time_norm", xt, 254, freq=False, norm=True)
    one("decoder_time_no_dconv", xt, 255, freq=False, dconv=False)
    one("decoder_time_context_0", xt, 256, freq=False, context=0)
    one("decoder_time_kernel_4", xt, 127, freq=False, kernel_size=4, stride=2)
    one("decoder_time_empty", (1, 16, 19), 75, freq=False, empty=True)
    one("decoder_time_empty_norm", (1, 16, 19), 75, freq=False, empty=True, norm=True)


def transformers() -> None:
    """One layer of each kind, then whole transformers with both orders of self and cross layers."""
    own = {
        k: v for k, v in transformer_kwargs(32).items() if k not in ("activation", "auto_sparsity")
    }
    stored = {"d_model": 32, "nhead": 4, **own, "activation": "gelu"}
    x, xt = (1, 45, 32), (1, 33, 32)
    self_layer = reference.MyTransformerEncoderLayer(32, 4, **transformer_kwargs(32))
    save("transformer_self", self_layer, stored, {"x": x}, output)
    cross = reference.CrossTransformerEncoderLayer(32, 4, **transformer_kwargs(32))
    save("transformer_cross", cross, stored, {"x": x, "xt": xt}, output)

    def both(block: nn.Module, arguments: tuple[Any, ...]) -> Tensors:
        return dict(zip(("x_out", "xt_out"), block(*arguments), strict=True))

    for name, changes in {
        "cross_transformer": {},
        "cross_transformer_cross_first": {"cross_first": True},
        "cross_transformer_one_layer": {"num_layers": 1, "hidden_scale": 2.5},
        "cross_transformer_five_layers": {"num_layers": 5, "num_heads": 2, "hidden_scale": 1.0},
        "cross_transformer_positions": {"weight_pos_embed": 0.5, "max_period": 500.0},
    }.items():
        kwargs = {
            "dim": 24, "hidden_scale": 2.0, "num_heads": 4, "num_layers": 3, "cross_first": False,
            "max_period": 10000.0, "weight_pos_embed": 1.0, "emb": "sin", "norm_in": True,
            "norm_first": True, "norm_out": True, "layer_scale": True, "gelu": True, **changes,
        }  # fmt: skip
        inputs = {"x": (1, 24, 4, 9), "xt": (1, 24, 41)}
        rules = {"x": draw.normal(2, 0.5), "xt": draw.normal(2, -0.5)}
        save(name, reference.CrossTransformerEncoder(**kwargs), kwargs, inputs, both, rules)


def make() -> None:
    """Writes Tests/Fixtures/blocks."""
    dconvs()
    encoders()
    decoders()
    transformers()
