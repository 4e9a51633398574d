"""Fixtures of the values inside a tiny model, correct and with the faults that ports have had.

The model is `cross_first` of Tests/Fixtures/models. `trace.safetensors` has every value inside its
core (see trace_reference.py) for a chunk whose length no stride divides. `{fault}.safetensors` has
the values of the blocks up to the first decoders, with a fault of port_faults.py in one layer,
which the metadata name. `edits.safetensors` has `{edit}/output` and `{edit}/add_67` for the edits of
`swift-demucs trace --edit`: forward hooks on the modules, or changes of parameters.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import torch
from torch import nn

import draw
import port_faults
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


def chunk(model: reference.HTDemucs, draws: draw.Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised noise of one chunk, and its spectrogram."""
    model = copy.deepcopy(model)
    model.use_train_segment = False
    rule = draw.normal(1, 0.1)
    return core_inputs(model, batched(draws, "mix", 1, model.audio_channels, SAMPLES, rule=rule))


EDITS = (
    "xt=scale:0.5",
    "encoder.1.conv=scale:0.5",
    "tencoder.1.rewrite=quantise:5",
    "encoder.0.dconv.layers.1=zero",
    "encoder.1=permute:1",
    "tencoder.0.dconv=permute:0:3,2,1,0",
    "decoder.0.conv_tr=permute:0",
    "tdecoder.0=set:0.25",
    "decoder.1.rewrite=scale:-1",
    "crosstransformer.norm_in=permute:0",
    "crosstransformer.pos_emb=scale:-1",
    "crosstransformer.layers.0.cross_attn=scale:2",
    "crosstransformer.layers_t.1.self_attn.weights.1=zero",
    "crosstransformer.layers_t.2=quantise:6",
    "encoder.0.conv.weight=quantise:3",
    "crosstransformer.layers.1.gamma_1.scale=scale:3",
    "encoder.0.skip=zero",
    "tencoder.1.skip=scale:2",
    "output=phase:mag",
)


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
    step = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True) / (2 ** (int(words[0]) - 1) - 1)
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
        port_faults._while_running(
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
    for name, (fault, layer) in port_faults.FAULTS.items():
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
