"""Timers of our binary and of other runtimes, which a benchmark runs in turn."""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import run_core

PRECISIONS = ("float32", "bfloat16", "int8")

Timer = Callable[[], float]


class timed:
    """Timer of a call, in seconds; `run` makes the call and returns its outputs."""

    def __init__(self, run: Callable[[], object]) -> None:
        self.run = run

    def __call__(self) -> float:
        """Makes the call once."""
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start


def pytorch(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], threads: int, bfloat16: bool = False
) -> Timer:
    """Timer of a forward pass in PyTorch, in float32 or with bfloat16 autocast."""

    def run() -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(threads)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return module(*inputs)

    return timed(run)


def onnx_runtime(graph: Path, inputs: list[np.ndarray], threads: int) -> Timer:
    """Timer of ONNX Runtime in the graph's precision; inputs in the graph's order."""
    _, run = run_core.onnx_runtime(graph, threads)
    return timed(lambda: run(inputs))


def onnx_runtime_int8(graph: Path) -> Path:
    """The graph with ONNX Runtime's dynamic quantisation: INT8 weights, activations at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantized = graph.with_suffix(".dynamic.onnx")
    logging.disable(logging.WARNING)  # it prints every shape that it can't infer
    quantize_dynamic(graph, quantized, weight_type=QuantType.QInt8)
    logging.disable(logging.NOTSET)
    return quantized


def open_vino(graph: Path, inputs: list[np.ndarray], threads: int, precision: str) -> Timer:
    """Timer of OpenVINO on the CPU, with the precision hint `f32` or `bf16`."""
    import openvino

    runtime = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    compiled = runtime.compile_model(runtime.read_model(graph), "CPU", settings)
    request = compiled.create_infer_request()
    return timed(lambda: list(request.infer(inputs).values()))


def open_vino_int8(graph: Path, segments: list[list[np.ndarray]]) -> Path:
    """The graph with NNCF's post-training quantisation for transformers, calibrated on segments."""
    import nncf
    import openvino

    quantized = nncf.quantize(
        openvino.Core().read_model(graph),
        nncf.Dataset(segments),
        subset_size=len(segments),
        model_type=nncf.ModelType.TRANSFORMER,
    )
    path = graph.with_suffix(".xml")
    openvino.save_model(quantized, path, compress_to_fp16=False)
    return path


def ours(
    binary: Path, checkpoint: Path, threads: int, precision: str, isa: str | None = None
) -> Timer:
    """Timer of one run of `swift-demucs bench`, which warms up by itself."""
    environment = {**os.environ, **({"SWIFT_DEMUCS_ISA": isa} if isa else {})}
    command = [str(binary), "bench", "-n", str(checkpoint), "--precision", precision]
    command += ["--threads", str(threads), "--runs", "1", "--json", "--quiet"]

    def timer() -> float:
        run = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
        if run.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\nexited with {run.returncode}:\n{run.stderr}")
        (row,) = json.loads(run.stdout)
        return row["seconds_per_segment"]["median"]

    return timer


def rotate(timers: dict[str, Timer], runs: int) -> dict[str, list[float]]:
    """The seconds of each run; the first turn is a warm-up and not counted."""
    found: dict[str, list[float]] = {name: [] for name in timers}
    for turn in range(runs + 1):
        for name, timer in timers.items():
            seconds = timer()
            if turn > 0:
                found[name].append(seconds)
    return found


def table(threads: int, found: dict[str, list[float]]) -> str:
    """Table of medians, ranges, and how many times as fast ours is in each form."""
    forms = [name for name in found if name.startswith("ours ")]
    medians = {name: statistics.median(times) for name, times in found.items()}
    lines = [
        f"**{threads} {'thread' if threads == 1 else 'threads'}**",
        "",
        "| runtime | median s | range s | "
        + " | ".join(f"times as fast: {form.removeprefix('ours ')}" for form in forms)
        + " |",
        "|---|---|---|" + "---|" * len(forms),
    ]
    for name, times in found.items():
        ratios = (f"{medians[name] / medians[form]:.2f} ×" for form in forms)
        span = f"{min(times):.3f} to {max(times):.3f}"
        lines.append(f"| {name} | {medians[name]:.3f} | {span} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)
