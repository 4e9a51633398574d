"""Exports the core of a checkpoint to ONNX.

    python export_onnx.py model.safetensors core.onnx
    python export_onnx.py model.safetensors core-1s.onnx --seconds 1
    python export_onnx.py model.safetensors core-half-weights.onnx --weights float16
    python export_onnx.py model.safetensors core-half.onnx --float16

The graph has the inputs `input` [1, A, N] and `x` [1, 2A, F, T] and the outputs `output` [1, S, 2A,
F, T] and `add_67` [1, S, A, N], as torch.onnx writes it (not dynamo, opset 17). N is the model's
segment, or --seconds of sound. --weights float16 stores the weights in half precision and widens
them in the graph; --float16 makes the whole graph compute in float16, with inputs and outputs.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

import command_line
import seeded_model as reference
from core import INPUTS, OUTPUTS, Core, core_inputs
from fixture import noise

# For smaller tensors the additional nodes cost more than the halved weights save.
HALF_WEIGHT_ELEMENTS = 256


def seeded_inputs(
    model: reference.HTDemucs, samples: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise of one segment, or of `samples` samples, and its spectrogram."""
    length = samples or int(model.segment * model.samplerate)
    if samples:
        model = copy.deepcopy(model)
        model.use_train_segment = False
    return core_inputs(model, noise("onnx", 1, model.audio_channels, length, deviation=0.3))


def write_graph(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path,
    input_names: Sequence[str],
    output_names: Sequence[str],
    *,
    opset: int = 17,
    dynamo: bool = False,
) -> None:
    """Writes an ONNX graph of fixed shapes."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one tracing warning per assertion in the reference
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=list(input_names),
            output_names=list(output_names),
            opset_version=opset,
            dynamo=dynamo,
            verbose=False,
        )


def export(model: reference.HTDemucs, path: Path, samples: int | None = None) -> None:
    """Writes the core as an ONNX graph of fixed shapes."""
    core = Core(model, any_length=samples is not None)
    write_graph(core, seeded_inputs(model, samples), path, INPUTS, OUTPUTS)


def halve_weights(path: Path) -> None:
    """Stores the graph's weights in float16, each with a node that widens it."""
    graph = onnx.load(path)
    casts = []
    for tensor in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < HALF_WEIGHT_ELEMENTS:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name + "_half"))
        casts.append(
            onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT)
        )
    for index, cast in enumerate(casts):
        graph.graph.node.insert(index, cast)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def halve(path: Path) -> None:
    """Makes the graph compute in float16, with inputs and outputs.

    Only the nodes outside of any module stay in float32, the normalisation and the denormalisation:
    the sum of squares over a spectrogram exceeds the range of float16.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    graph = onnx.load(path)
    outside = [node.name for node in graph.graph.node if node.name.count("/") == 2]
    graph = convert_float_to_float16(
        graph, keep_io_types=False, op_block_list=[], node_block_list=outside
    )
    # These casts hold numbers of elements, which the conversion makes float16 in spite of the list.
    for node in graph.graph.node:
        if node.op_type == "Cast" and node.name in outside:
            node.attribute[0].i = onnx.TensorProto.FLOAT
    del graph.graph.value_info[:]
    _join(graph.graph)
    onnx.save(graph, path)


def _join(graph: onnx.GraphProto) -> None:
    """Removes the casts to float16 and back between float32 nodes that follow each other."""
    narrowed = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16
    }
    direct: dict[str, str] = {}
    made: set[str] = set()
    for node in list(graph.node):
        widens = node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT
        if widens and node.input[0] in narrowed:
            direct[node.output[0]] = narrowed[node.input[0]]
            graph.node.remove(node)
        elif node.output[0] in made:
            # A value with two consumers is widened twice under one name.
            graph.node.remove(node)
        made.add(node.output[0])
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = direct.get(name, name)


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("graph", type=Path, help="ONNX file to write")
    parser.add_argument("--seconds", type=float, help="length of a chunk; default: the segment")
    parser.add_argument("--weights", choices=["float32", "float16"], default="float32")
    parser.add_argument("--float16", action="store_true", help="compute in float16 throughout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = reference.load(options.checkpoint)
    samples = int(options.seconds * model.samplerate) if options.seconds else None
    export(model, options.graph, samples)
    if options.weights == "float16":
        halve_weights(options.graph)
    if options.float16:
        halve(options.graph)
    print(f"{options.graph}: {options.graph.stat().st_size:,} bytes")


if __name__ == "__main__":
    command_line.run(main)
