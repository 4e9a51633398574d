"""Runs the core on prepared chunks in another runtime, and writes its outputs as a device would.

    swift-demucs tensors prepare song.wav -o chunks -n model.safetensors --chunk 1
    python run_core.py core-1s.onnx chunks -o theirs
    swift-demucs tensors run chunks
    swift-demucs compare chunks theirs --only '*output,*add_67'

An ONNX graph runs in ONNX Runtime, or with --openvino in OpenVINO; a checkpoint runs in PyTorch, by
the official package. The graph may have any names and be float16; its length must be that of the
chunks. `theirs/chunk-00000/output.npy` and so on are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import command_line
import seeded_model
from chunks import Chunks
from core import INPUTS, OUTPUTS, Core

# Runs a core on arrays in the order of its inputs; its outputs in any order.
Run = Callable[[list[np.ndarray]], list[np.ndarray]]
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def onnx_runtime(path: Path, threads: int) -> tuple[list[int], Run]:
    """The dimensions of a graph's inputs, and the graph."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()

    def run(given: list[np.ndarray]) -> list[np.ndarray]:
        pairs = zip(inputs, given, strict=True)
        return session.run(
            None, {i.name: value.astype(TYPES[i.type], copy=False) for i, value in pairs}
        )

    return [len(i.shape) for i in inputs], run


def openvino(path: Path, threads: int) -> tuple[list[int], Run]:
    """The same in OpenVINO, in the graph's precision."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    model = core.compile_model(core.read_model(path), "CPU", settings)
    return [len(i.shape) for i in model.inputs], lambda given: list(model(given).values())


def pytorch(path: Path, threads: int) -> tuple[list[int], Run]:
    """The official package's core."""
    torch.set_num_threads(threads)
    core = Core(seeded_model.load(path).requires_grad_(False), any_length=True)
    return [3, 4], lambda given: [v.numpy() for v in core(*map(torch.from_numpy, given))]


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "threads")
    parser.add_argument("core", type=Path, help="an ONNX graph, or a checkpoint")
    parser.add_argument("chunks", type=Path, help="folder of 'tensors prepare'")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--openvino", action="store_true", help="run the graph in OpenVINO")
    options = parser.parse_args()
    load = openvino if options.openvino else onnx_runtime
    if options.core.suffix != ".onnx":
        load = pytorch
    chunks = Chunks(options.chunks)
    try:
        ranks, run = load(options.core, options.threads)
        write(chunks, options.out, ranks, run)
    except Exception as error:
        # The runtimes' own errors name the file, or the shape that the graph expects.
        raise SystemExit(f"run_core.py: {options.core}: {error}") from None


def write(chunks: Chunks, out: Path, ranks: list[int], run: Run) -> None:
    """Writes the outputs of every chunk."""
    for name in chunks.names():
        given = chunks.inputs(name)
        # The waveform has three dimensions, and the spectrogram among the outputs five.
        values = run([given[INPUTS[0 if rank == 3 else 1]] for rank in ranks])
        (out / name).mkdir(parents=True, exist_ok=True)
        for value in values:
            output = OUTPUTS[0 if value.ndim == 5 else 1]
            np.save(out / name / f"{output}.npy", value.astype(np.float32))


if __name__ == "__main__":
    command_line.run(main)
