"""Right ports of a model in float32, of which the parity tool may accuse none.

    python right_ports.py ../Models/demo.safetensors ../Models/demo_track.ogg

Runs PyTorch, and exports of every form in ONNX Runtime, on each second of a song, and judges their
values by the parity tool of the Python package: prints for each port how many values were found, and the one
that came closest to its bound. Exits with 1 if a value was called wrong. A trained model shows what seeded
weights don't: its attention is peaked, which amplifies rounding errors.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxsim
import onnxslim
import torch
from safetensors.numpy import load_file, save_file

import command_line
import program
import seeded_model as reference
from core import INPUTS, OUTPUTS, Core, Wrapped
from export_onnx import seeded_inputs, write_graph
from song import Song
from trace_reference import trace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "src"))
from swift_demucs import onnx_trace, parity

Values = dict[str, np.ndarray]
LEVELS = ("BASIC", "EXTENDED", "ALL")


def graphs(model: reference.HTDemucs, samples: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Graphs of the core, by the names of their forms."""
    core, given = Core(model, any_length=True), seeded_inputs(model, samples)

    def exported(name: str, module: torch.nn.Module, outputs: Any, **more: Any) -> Path:
        write_graph(module, given, folder / f"{name}.onnx", INPUTS, outputs, **more)
        return folder / f"{name}.onnx"

    plain = exported("opset17", core, OUTPUTS)
    yield "opset 17", plain
    yield "opset 18", exported("opset18", core, OUTPUTS, opset=18)
    yield "opset 20", exported("opset20", core, OUTPUTS, opset=20)
    yield "dynamo", exported("dynamo", core, OUTPUTS, opset=18, dynamo=True)
    sources = len(model.sources)
    merged = Wrapped(core, lambda core, *given: [value.flatten(1, 2) for value in core(*given)])
    yield "merged sources", exported("merged", merged, ("a", "b"))
    separate = Wrapped(
        core, lambda core, *given: [stem for value in core(*given) for stem in value.unbind(1)]
    )
    yield "a stem each", exported("separate", separate, [f"s{i}" for i in range(2 * sources)])
    for name, convolves in (("convolutions", True), ("matrices", False)):
        path = folder / f"{name}.onnx"
        write_graph(Song(model, convolves), given[:1], path, ["mix"], ["stems"])
        yield f"mix to stems, {name}", path
    graph = onnx.load(plain)
    onnx.save(onnxsim.simplify(graph)[0], folder / "onnxsim.onnx")
    yield "onnxsim", folder / "onnxsim.onnx"
    onnx.save(onnxslim.slim(graph), folder / "onnxslim.onnx")
    yield "onnxslim", folder / "onnxslim.onnx"
    for level in LEVELS:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(
            onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
        )
        path = folder / f"{level}.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])
        yield f"ONNX Runtime, {level.lower()}", path


class Judge:
    """What `compare` says of ports of a model, second by second."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        os.environ["SWIFT_DEMUCS"] = str(options.binary)
        self.options, self.theirs = options, folder / "theirs.safetensors"
        self.chunks: list[Path] = []
        for start in range(options.first, options.first + options.seconds):
            path = folder / f"{start}.safetensors"
            words = ("-n", options.checkpoint, "--start", str(start), "--chunk", "1", "-q")
            program.run(options.binary, "trace", options.song, *words, "-o", path)
            self.chunks.append(path)

    def accused(self, name: str, port: Callable[[Values], Values]) -> int:
        """Prints a row for a port; returns how many of its values are called wrong."""
        wrong: list[str] = []
        counts: list[int] = []
        closest = (math.inf, "")
        for path in self.chunks:
            save_file(port(load_file(path)), self.theirs)
            report = parity.compare(path, self.theirs, model=self.options.checkpoint)
            wrong += [f"{path.stem}: {value.name} {value.explanation}" for value in report.wrong]
            counts.append(report.compared)
            for row in report.rows:
                if row.own_snr_db is not None:
                    level = row.own_snr_db
                    closest = min(closest, (level - row.bound_db, f"{row.name} {level:.1f}"))
        found = f"{min(counts)} of {report.expected}"
        near = f"{closest[1]}, {closest[0]:.1f} above"
        print(f"| {name} | {found} | {len(wrong)} | {near} |", *wrong[:5], flush=True)
        return len(wrong)


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "threads")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("song", type=Path)
    parser.add_argument("--first", type=int, default=0, help="the first second")
    parser.add_argument("--seconds", type=int, default=30, help="how many")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    model = reference.load(options.checkpoint).requires_grad_(False)

    def pytorch(ours: Values) -> Values:
        given = [torch.from_numpy(ours[name])[None] for name in ("mix", "mag")]
        return {name: value.contiguous().numpy() for name, value in trace(model, *given).items()}

    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(options, Path(folder))
        print("| port | values | wrong | closest to its bound, dB |\n|---|---|---|---|")
        count = judge.accused("PyTorch", pytorch)
        samples = load_file(judge.chunks[0])["mix"].shape[1]
        for name, graph in graphs(model, samples, Path(folder)):
            traced = lambda ours, graph=graph: onnx_trace.trace_graph(graph, ours).values  # noqa: E731
            count += judge.accused(name, traced)
    return int(count > 0)


if __name__ == "__main__":
    command_line.run(main)
