"""Fixtures of the values inside a tiny model, correct and with the faults that ports have had.

The model is `cross_first` of Tests/Fixtures/models. `trace.safetensors` has every value inside its
core (see trace_reference.py) for a chunk whose length no stride divides. `{fault}.safetensors` has
the values of the blocks up to the first decoders, with a fault that ports have had in one layer,
which the metadata name. `edits.safetensors` has `{edit}/output` and `{edit}/add_67` for the edits of
`swift-demucs trace --edit`: forward hooks on the modules, or changes of parameters.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn

import draw
import seeded_model as reference
from core import OUTPUTS, core_inputs
from fixture import (
    SEED,
    Tensors,
    batched,
    complete,
    float64_snr,
    in_double,
    origin,
    unbatched,
    write,
)
from trace_reference import BRANCHES, TRANSFORMER, trace

GROUP = "ports"
MODEL = "cross_first"
# 4 divides neither this length nor that of the next layer, and both lack at least two samples: a
# single zero can't be split between both sides.
SAMPLES = 69


Model = reference.HTDemucs


def _while_running(module: nn.Module, owner: Any, name: str, value: Any) -> None:
    """Replaces `owner.name` whenever `module` runs."""
    kept = getattr(owner, name)
    module.register_forward_pre_hook(lambda *_: setattr(owner, name, value))
    module.register_forward_hook(lambda *_: setattr(owner, name, kept))


def _tanh_gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU's approximation with tanh (Hendrycks, Gimpel 2016)."""
    return 0.5 * x * (1 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def tanh_gelu(model: Model, path: str) -> None:
    """GELU by its tanh approximation in one layer."""
    layer = model.get_submodule(path)
    if path.startswith("crosstransformer"):
        layer.activation = _tanh_gelu
    else:
        _while_running(layer, functional, "gelu", lambda x, approximate="none": _tanh_gelu(x))


def layer_norm_out(model: Model, path: str) -> None:
    """LayerNorm in place of GroupNorm(1) at the end of a transformer layer."""
    layer = model.get_submodule(path)
    norm = nn.LayerNorm(layer.norm_out.num_channels)
    norm.load_state_dict(layer.norm_out.state_dict())
    layer.norm_out = norm


def symmetric_padding(model: Model, path: str) -> None:
    """Zeros on both sides of a waveform, as in "same" padding, instead of on the right."""
    layer = model.get_submodule(path)

    def pad(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x, *rest = given
        missing = -x.shape[-1] % layer.stride
        return (functional.pad(x, (missing // 2, missing - missing // 2)), *rest)

    layer.register_forward_pre_hook(pad)


def biased_std(model: Model, path: str) -> None:
    """Standard deviation with n instead of n − 1 for one input: `x` or `xt`."""
    wanted = {"x": (1, 2, 3), "xt": (1, 2)}[path]
    original = torch.Tensor.std

    def std(x: torch.Tensor, *arguments: Any, dim: Any = None, **keywords: Any) -> torch.Tensor:
        if dim == wanted:
            keywords["unbiased"] = False
        return original(x, *arguments, dim=dim, **keywords)

    _while_running(model, torch.Tensor, "std", std)


def swapped_halves(model: Model, path: str) -> None:
    """Frequency in the first half of the 2-D embedding's channels, time in the second."""
    make = reference.transformer.create_2d_sin_embedding

    def swapped(*arguments: Any, **keywords: Any) -> torch.Tensor:
        made = make(*arguments, **keywords)
        return torch.cat(made.chunk(2, dim=1)[::-1], dim=1)

    _while_running(model.get_submodule(path), reference.transformer, make.__name__, swapped)


def wrong_exponent(model: Model, path: str) -> None:
    """i / (d/2) instead of i / (d/2 − 1) in the exponents of the 1-D embedding."""
    make = reference.transformer.create_sin_embedding

    def made(length: int, dim: int, shift: int = 0, device: Any = "cpu", max_period: float = 1e4):
        position = shift + torch.arange(length, device=device).view(-1, 1, 1)
        index = torch.arange(dim // 2, device=device).view(1, 1, -1)
        phase = position / (max_period ** (index / (dim // 2)))
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)

    _while_running(model.get_submodule(path), reference.transformer, make.__name__, made)


def rows_together(model: Model, path: str) -> None:
    """Norms of a DConv with statistics over all frequency rows at once, instead of for each row."""
    for norm in model.get_submodule(path).modules():
        if isinstance(norm, nn.GroupNorm):
            plain = norm.forward

            def together(x: torch.Tensor, plain: Any = plain) -> torch.Tensor:
                rows, channels, times = x.shape
                y = plain(x.transpose(0, 1).reshape(1, channels, rows * times))
                return y.view(channels, rows, times).transpose(0, 1)

            norm.forward = together


def unscaled_embedding(model: Model, path: str) -> None:
    """The frequency embedding times its scale of 10, but not times its weight of 0.2."""
    model.freq_emb_scale = 1.0


def crop_from_start(model: Model, path: str) -> None:
    """A transposed convolution cut at its end only, instead of from its third sample on."""
    model.get_submodule(path).pad = 0


def updated_tokens(model: Model, path: str) -> None:
    """A cross layer reads the other branch's tokens after that branch's layer, not before it."""
    found: list[torch.Tensor] = []
    other = model.get_submodule(path.replace("layers_t", "layers"))
    other.register_forward_hook(lambda _, __, value: found.append(value))
    model.get_submodule(path).register_forward_pre_hook(lambda _, given: (given[0], found.pop()))


Fault = Callable[[Model, str], None]

# Two layers for each fault that can occur in several.
FAULTS: dict[str, tuple[Fault, str]] = {
    "tanh_gelu_encoder": (tanh_gelu, "encoder.1"),
    "tanh_gelu_transformer": (tanh_gelu, "crosstransformer.layers_t.1"),
    "layer_norm_out_cross": (layer_norm_out, "crosstransformer.layers.0"),
    "layer_norm_out_self": (layer_norm_out, "crosstransformer.layers_t.3"),
    "symmetric_padding_first": (symmetric_padding, "tencoder.0"),
    "symmetric_padding_second": (symmetric_padding, "tencoder.1"),
    "biased_std_spectrogram": (biased_std, "x"),
    "biased_std_waveform": (biased_std, "xt"),
    "swapped_halves": (swapped_halves, "crosstransformer"),
    "wrong_exponent": (wrong_exponent, "crosstransformer"),
    "rows_together": (rows_together, "encoder.0.dconv"),
    "unscaled_embedding": (unscaled_embedding, "encoder.0.embedded"),
    "crop_from_start": (crop_from_start, "tdecoder.0"),
    "updated_tokens": (updated_tokens, "crosstransformer.layers_t.2"),
}


def chunk(model: reference.HTDemucs, draws: draw.Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised noise of one chunk, and its spectrogram."""
    model = copy.deepcopy(model)
    model.use_train_segment = False
    rule = draw.normal(1, 0.1)
    return core_inputs(model, batched(draws, "mix", 1, model.audio_channels, SAMPLES, rule=rule))


EDITS = (
    "xt=scale:0.5", "encoder.1.conv=scale:0.5", "tencoder.1.rewrite=quantise:5",
    "encoder.0.dconv.layers.1=zero", "encoder.1=permute:1", "tencoder.0.dconv=permute:0:3,2,1,0",
    "decoder.0.conv_tr=permute:0", "tdecoder.0=set:0.25", "decoder.1.rewrite=scale:-1",
    "crosstransformer.norm_in=permute:0", "crosstransformer.pos_emb=scale:-1",
    "crosstransformer.layers.0.cross_attn=scale:2",
    "crosstransformer.layers_t.1.self_attn.weights.1=zero",
    "crosstransformer.layers_t.2=quantise:6", "encoder.0.conv.weight=quantise:3",
    "crosstransformer.layers.1.gamma_1.scale=scale:3", "encoder.0.skip=zero",
    "tencoder.1.skip=scale:2", "output=phase:mag",
)  # fmt: skip


def changed(change: str, value: torch.Tensor) -> torch.Tensor:
    """A value or a parameter as an edit leaves it."""
    kind, *words = change.split(":")
    if kind == "zero":
        return torch.zeros_like(value)
    if kind == "set":
        return torch.full_like(value, float(words[0]))
    if kind == "scale":
        return value * float(words[0])
    if kind == "permute":
        axis = int(words[0])
        order = list(range(value.shape[axis]))
        random.Random(0).shuffle(order)
        if len(words) > 1:
            order = [int(word) for word in words[1].split(",")]
        return value.index_select(axis, torch.tensor(order))
    step = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True) / (
        2 ** (int(words[0]) - 1) - 1
    )
    return torch.round(value / step) * step


@torch.no_grad()
def edit(model: reference.HTDemucs, text: str) -> reference.HTDemucs:
    """A model with an edit."""
    model = copy.deepcopy(model)
    name, change = text.split("=")

    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        value = changed(change, unbatched(first)).reshape(first.shape)
        return (value, *output[1:]) if isinstance(output, tuple) else value

    modules = dict(model.named_modules())
    parameters = dict(model.named_parameters())
    if name in parameters:
        parameters[name].copy_(changed(change, parameters[name]))
    elif name == "xt":
        model.tencoder[0].register_forward_pre_hook(lambda _, given: changed(change, given[0]))
    elif name.endswith(".skip"):
        encoder, level, _ = name.split(".")
        layers = getattr(model, encoder.replace("en", "de"))
        layers[len(layers) - 1 - int(level)].register_forward_pre_hook(
            lambda _, given: (given[0], changed(change, given[1]), *given[2:])
        )
    elif name.endswith("pos_emb"):
        make = reference.transformer.create_sin_embedding
        _while_running(
            model.crosstransformer,
            reference.transformer,
            "create_sin_embedding",
            lambda *given, **more: changed(change, make(*given, **more)),
        )
    elif ".weights." in name:
        attention = modules[name.partition(".weights.")[0]]
        head = int(name.rpartition(".")[2])
        size = attention.embed_dim // attention.num_heads
        attention.out_proj.weight[:, head * size : (head + 1) * size] = 0
    else:
        modules[name].register_forward_hook(hook)
    return model


@torch.no_grad()
def edited_trace(
    model: reference.HTDemucs, text: str, mix: torch.Tensor, x: torch.Tensor
) -> Tensors:
    """The values of a pass with an edit."""
    if text != "output=phase:mag":
        return trace(edit(model, text), mix, x)
    found = trace(model, mix, x)
    numbers = [
        torch.complex(value[..., 0::2, :, :], value[..., 1::2, :, :])
        for value in (found["output"], x)
    ]
    turned = torch.view_as_real(torch.polar(numbers[0].abs(), numbers[1].angle()))
    found["output"] = turned.movedim(-1, 2).reshape(found["output"].shape)
    return found


def is_kept(name: str) -> bool:
    """Whether a faulty trace keeps a value: outputs of blocks, up to decoder.0."""
    parts = name.split(".")
    if parts[0] in BRANCHES:
        if parts[-1] == "embedded":
            return True
        return len(parts) == 2 and not (parts[0].endswith("decoder") and parts[1] != "0")
    if parts[0] == TRANSFORMER:
        return len(parts) == 3 or parts[1].startswith("pos_emb")
    return name in ("x", "xt")


def make() -> None:
    """Writes Tests/Fixtures/ports."""
    model = reference.load(complete(f"models/{MODEL}.safetensors"))
    draws = draw.Draws(SEED)
    mix, x = chunk(model, draws)

    def run(double: bool) -> Tensors:
        return trace(*(in_double((model, mix, x)) if double else (model, mix, x)))

    metadata = origin(
        GROUP, checkpoint=f"{MODEL}.safetensors", snr_against_float64_db=float64_snr(run)
    )
    found = run(False)
    assert torch.equal(found.pop("mix"), mix[0])
    write(GROUP, "trace", found, metadata, draws)
    for name, (fault, layer) in FAULTS.items():
        faulty = copy.deepcopy(model)
        fault(faulty, layer)
        found = {key: value for key, value in trace(faulty, mix, x).items() if is_kept(key)}
        write(GROUP, name, found, origin(GROUP, checkpoint=f"{MODEL}.safetensors", layer=layer))
    edited = {text: edited_trace(model, text, mix, x) for text in EDITS}
    write(
        GROUP,
        "edits",
        {f"{text}/{key}": found[key] for text, found in edited.items() for key in OUTPUTS},
        origin(GROUP, checkpoint=f"{MODEL}.safetensors"),
    )
