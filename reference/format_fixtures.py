"""Fixtures of one small seeded model in every format that the readers know.

The weights are rounded to float16 first, so that every format holds the same values, bit for bit,
in any element type. Some tensors are made equal: torch.onnx then stores one of them.

The official package writes the `.th` and the safetensors file, `torch.onnx` the graphs. This script
writes the layout of demucs.cpp and the files of third parties (keys with a signature as prefix, two
models in one file), as their own tools do. Files in torch's legacy format differ from run to run,
because it names storages by their addresses.
"""

from __future__ import annotations

import json
import struct
import unittest.mock
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import seeded_model as reference
import tensor_file
from core import INPUTS, OUTPUTS, Core, core_inputs
from export_onnx import write_graph
from fixture import folder, noise
from snr import snr
from song import Song

SEED = 6

# 64 frequencies -> 16 -> 4; a norm in the second layers; 400 samples are 12.5 hops of 32.
SMALL = reference.tiny(
    sources=reference.SOURCES, nfft=128, bottom_channels=12, norm_starts=1, norm_groups=2
)
SIX = reference.tiny(
    sources=[*reference.SOURCES, "guitar", "piano"], nfft=128, channels=4, t_layers=1, t_heads=8
)

# Pairs that are made equal; ONNX keeps the first of each.
EQUAL = [
    ("encoder.1.dconv.layers.0.1.weight", "encoder.1.dconv.layers.1.1.weight"),
    ("encoder.0.conv.bias", "tencoder.0.conv.bias"),
    ("crosstransformer.layers.0.linear1.weight", "crosstransformer.layers_t.0.linear1.weight"),
    ("crosstransformer.layers.1.norm_out.bias", "crosstransformer.layers_t.1.norm_out.bias"),
]


@torch.no_grad()
def rounded_model(configuration: dict[str, Any], seed: int = SEED) -> reference.HTDemucs:
    """A seeded model whose weights are float16 values, some of them equal."""
    model = reference.build(configuration, seed)
    state = model.state_dict()
    for first, second in EQUAL:
        if first in state and second in state and state[first].shape == state[second].shape:
            state[second].copy_(state[first])
    for value in state.values():
        value.copy_(value.half().float())
    return model


# --- PyTorch


def package(model: reference.HTDemucs, dtype: torch.dtype) -> dict[str, Any]:
    """Content of a checkpoint, with arguments of a training."""
    training = {"epochs": 360, "optim": {"lr": 3e-4, "beta2": 0.999}, "dset": {"shift": None}}
    return reference.package(model, dtype, training)


def save_legacy(content: Any, path: Path) -> None:
    """Writes torch's legacy format, without the source text of classes that it would embed."""
    no_source = unittest.mock.patch(
        "torch.serialization.get_source_lines_and_file", side_effect=OSError
    )
    with no_source, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(content, path, _use_new_zipfile_serialization=False)


def save_views(path: Path, legacy: Path, expected: Path) -> None:
    """Writes tensors as torch may store them: views, strides, all types, shared storages."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8 - 1
    state: dict[str, torch.Tensor] = {
        "whole": base,
        "part": base[1:3],
        "columns": base[:, 1:4],
        "transposed": base.t(),
        "permuted": torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        "every_second": torch.arange(10, dtype=torch.bfloat16)[1::2],
        "one_row": base[2:3, ::5],
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        "parameter": nn.Parameter(torch.tensor([1.0, -2.0])),
        "integers": torch.tensor([3, 4]),
    }
    content = {
        "klass": reference.HTDemucs,
        "args": (["a", "b"],),
        "kwargs": {"segment": Fraction(39, 5), "growth": 2, "freq_emb": None, "cac": True},
        "state": state,
    }
    torch.save(content, path)
    save_legacy(content, legacy)
    contiguous = {name: value.detach().clone().contiguous() for name, value in state.items()}
    tensor_file.write(expected, contiguous, {})


def save_quantized(diffq: Path, torch_quantized: Path) -> None:
    """Writes files that readers refuse: diffq's packed codes and torch's own quantized tensors."""
    model = {"klass": reference.HTDemucs, "args": (), "kwargs": {"sources": ["a"]}}
    codes = {"quantized": [torch.zeros(4, dtype=torch.uint8)], "__quantized": True}
    torch.save({**model, "state": codes}, diffq)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)
    torch.save({**model, "state": {"encoder.0.conv.weight": value}}, torch_quantized)


# --- demucs.cpp


def save_ggml(model: reference.HTDemucs, path: Path) -> None:
    """Writes the layout of demucs.cpp's converter: magic number, then squeezed float16 tensors."""
    magic = {4: 0x646D6334, 6: 0x646D6336}.get(len(model.sources))
    if isinstance(model, reference.HDemucs):
        magic = 0x646D6333
    with path.open("wb") as file:
        file.write(struct.pack("<i", magic))
        for name, value in model.state_dict().items():
            array = value.half().squeeze().numpy()
            encoded = name.encode()
            file.write(struct.pack("<ii", array.ndim, len(encoded)))
            file.write(struct.pack(f"<{array.ndim}i", *array.shape))
            file.write(encoded)
            file.write(np.ascontiguousarray(array).tobytes())


# --- safetensors of third parties


def save_prefixed(models: dict[str, reference.HTDemucs], path: Path) -> None:
    """Writes keys with a signature as prefix, without constructor arguments."""
    tensor_file.write(
        path,
        {
            f"{signature}.{name}": value.half()
            for signature, model in models.items()
            for name, value in model.state_dict().items()
        },
        {},
    )


# --- ONNX


class Whole(nn.Module):
    """The model from mix to stems; its weights have a longer prefix than the core's."""

    def __init__(self, model: reference.HTDemucs) -> None:
        super().__init__()
        self.core = Song(model, convolves=True)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Stems [1, S, A, N] of a mix [1, A, N]."""
        return self.core(mix)


def save_onnx(model: reference.HTDemucs, core: Path, whole: Path) -> None:
    """Writes both forms of export: the core alone, and the model with its STFT."""
    length = int(model.segment * model.samplerate)
    mix = noise("weights", 1, model.audio_channels, length, deviation=0.3)
    write_graph(Core(model), core_inputs(model, mix), core, INPUTS, OUTPUTS)
    module = Whole(model)
    with torch.no_grad():
        agreement = snr(model(mix), module(mix))
    assert agreement > 90, f"the convolutions are {agreement:.1f} dB from the STFT"
    write_graph(module, (mix,), whole, ("mix",), ("stems",))


def to_half(tensor: onnx.TensorProto) -> None:
    """Stores a float32 tensor as float16."""
    if tensor.data_type == TensorProto.FLOAT:
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def save_half_with_external_data(graph: Path, path: Path, data: str) -> None:
    """Writes a graph that computes in float16, with its larger tensors in a second file."""
    model = onnx.load(graph)
    for tensor in model.graph.initializer:
        to_half(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            to_half(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == 1:
                attribute.i = TensorProto.FLOAT16
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.value_info[:]
    (path.parent / data).unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=data, size_threshold=64)


def save_odd_onnx(path: Path, quantized: Path) -> None:
    """Writes initialisers in fields that torch doesn't use, and a graph with quantized weights."""
    first = helper.make_tensor(
        "encoder.0.conv.weight", TensorProto.FLOAT, [1, 2, 2, 1], [0.5, -1.5, 2.0, 65504.0]
    )
    halves = helper.make_tensor(
        "encoder.0.conv.bias", TensorProto.FLOAT16, [3], np.array([1, -2, 6e-8], np.float16)
    )
    linear = helper.make_tensor(
        "folded", TensorProto.FLOAT16, [2, 3], np.arange(6, dtype=np.float16)
    )
    assert first.float_data and halves.int32_data and linear.int32_data
    shared = helper.make_node(
        "Identity", ["encoder.0.conv.bias"], ["tencoder.0.conv.bias"], name="Identity_0"
    )
    product = helper.make_node(
        "MatMul", ["x", "folded"], ["y"], name="/crosstransformer/layers.0/linear1/MatMul"
    )
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT16, [1, 2]) for n in "xy"]
    graph = helper.make_graph(
        [shared, product], "odd", value[:1], value[1:], [first, halves, linear]
    )
    # The name of this script when the files were made first.
    options = {"producer_name": "make_weights_fixtures", "ir_version": 8}
    path.write_bytes(helper.make_model(graph, **options).SerializeToString())
    product.op_type = "MatMulInteger"
    graph = helper.make_graph([product], "quantized", value[:1], value[1:], [first, linear])
    quantized.write_bytes(helper.make_model(graph, **options).SerializeToString())


def make() -> None:
    """Writes Tests/Fixtures/weights/formats."""
    out = folder("weights/formats")
    model = rounded_model(SMALL)
    reference.save_safetensors(model, out / "model.safetensors", torch.float16)
    torch.save(package(model, torch.float16), out / "model.th")
    save_legacy(package(model, torch.float32), out / "legacy.th")
    save_ggml(model, out / "ggml.bin")
    save_prefixed({"955717e8": model}, out / "prefixed.safetensors")
    save_onnx(model, out / "core.onnx", out / "whole.onnx")
    save_half_with_external_data(out / "core.onnx", out / "half.onnx", "half.onnx.data")
    save_prefixed(
        {"f7e0c4bc": model, "d12395a8": rounded_model(SMALL, SEED + 1)},
        out / "several.safetensors",
    )
    six = rounded_model(SIX)
    reference.save_safetensors(six, out / "six.safetensors", torch.float16)
    save_ggml(six, out / "six.bin")
    third = rounded_model(reference.CONFIGURATIONS["hybrid_half"])
    reference.save_safetensors(third, out / "hdemucs.safetensors", torch.float16)
    torch.save(package(third, torch.float16), out / "hdemucs.th")
    save_ggml(third, out / "hdemucs.bin")
    waveform = rounded_model(reference.waveform(channels=4, dconv_attn=9, dconv_lstm=9))
    torch.save(package(waveform, torch.float16), out / "demucs.th")
    save_views(out / "views.th", out / "views_legacy.th", out / "views.safetensors")
    save_quantized(out / "diffq.th", out / "torch_quantized.th")
    save_odd_onnx(out / "odd.onnx", out / "quantized.onnx")
    kwargs = json.dumps(reference.encode(SMALL), sort_keys=True)
    print(f"{out.name}: {sum(p.stat().st_size for p in out.iterdir()):,} bytes, {kwargs}")
