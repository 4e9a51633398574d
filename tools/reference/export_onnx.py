"""Exports the core of a checkpoint to ONNX and records what ONNX Runtime makes of it.

    python export_onnx.py model.safetensors core.onnx
    python export_onnx.py model.safetensors core.onnx --inputs base.outputs.safetensors \\
        --record out.safetensors

The graph has the inputs `input` [1, A, N] and `x` [1, 2A, F, T] and the outputs `output` [1, S, 2A,
F, T] and `add_67` [1, S, A, N], as torch.onnx writes it (not dynamo, opset 17). The recording has
the two outputs, without the batch dimension. The inputs come from a fixture's `mix` and `core.x`;
without a fixture they are seeded noise and recorded too.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import torch

import seeded_model as reference
import tensor_file
from core import INPUTS, OUTPUTS, Core, core_inputs
from fixture import noise, origin


def seeded_inputs(model: reference.HTDemucs) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise of one segment, and its spectrogram."""
    length = int(model.segment * model.samplerate)
    return core_inputs(model, noise("onnx", 1, model.audio_channels, length, deviation=0.3))


def export(model: reference.HTDemucs, path: Path) -> None:
    """Writes the core as an ONNX graph of fixed shapes."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one tracing warning per assertion in the reference
        torch.onnx.export(
            Core(model).eval(),
            seeded_inputs(model),
            str(path),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            opset_version=17,
            dynamo=False,
        )


def run_onnx(
    path: Path, mix: torch.Tensor, x: torch.Tensor, threads: int = 1
) -> list[torch.Tensor]:
    """The core's two outputs from ONNX Runtime."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    given = dict(zip(INPUTS, (mix.numpy(), x.numpy()), strict=True))
    return [torch.from_numpy(value) for value in session.run(list(OUTPUTS), given)]


def record(
    checkpoint: Path, inputs: Path | None, recording: Path, graph: Path | None = None
) -> None:
    """Exports, runs ONNX Runtime, and writes inputs and outputs."""
    model = reference.load(checkpoint)
    if inputs is None:
        mix, x = seeded_inputs(model)
    else:
        tensors, _ = tensor_file.read(inputs)
        mix, x = tensors["mix"][None], tensors["core.x"][None]
    with tempfile.TemporaryDirectory() as folder:
        path = graph or Path(folder) / "core.onnx"
        export(model, path)
        found = run_onnx(path, mix, x)
    tensors = dict(zip(OUTPUTS, found, strict=True))
    if inputs is None:
        tensors.update(zip(INPUTS, (mix, x), strict=True))
    metadata = origin("models", onnxruntime=version("onnxruntime"), checkpoint=checkpoint.name)
    size = tensor_file.write(recording, {name: v[0] for name, v in tensors.items()}, metadata)
    print(f"{recording.name}: {size:,} bytes")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("graph", type=Path, help="ONNX file to write")
    parser.add_argument("--inputs", type=Path, help="safetensors with `mix` and `core.x`")
    parser.add_argument("--record", type=Path, help="safetensors for ONNX Runtime's outputs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.record:
        record(options.checkpoint, options.inputs, options.record, options.graph)
    else:
        export(reference.load(options.checkpoint), options.graph)


if __name__ == "__main__":
    main()
