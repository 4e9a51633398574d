"""Times a segment of the real configuration in our binary and in other runtimes, in the same run.

    python tools/bench_peers.py
    python tools/bench_peers.py --threads 2 --runs 7 --demucs-cpp path/to/demucs.cpp.main \\
        --ggml ggml-model-htdemucs-4s-f16.bin

PyTorch, ONNX Runtime and OpenVINO run the core alone, between the STFT and its inverse, of the
seeded model that seeded_model.py builds. Ours (`swift-demucs bench`) is the whole forward pass with
both transforms, of the same checkpoint. demucs.cpp is timed as a whole process on a WAV file of one
segment, loading included, with a model in its own format, whose weights make no difference.

For each number of threads everything takes turns, --runs times after a turn that does not count.
Prints medians and ranges, and how much of each peer's time ours takes, as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

import export_onnx
import numpy as np
import onnxruntime
import openvino
import seeded_model as reference
import native
import torch
import wav_file
from core import INPUTS, OUTPUTS, Core, core_inputs
from fixture import noise

PRECISIONS = ("float32", "bfloat16", "int8")

Timer = Callable[[], float]


def timed(run: Callable[[], object]) -> Timer:
    """Seconds of a call."""

    def timer() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return timer


def pytorch(core: Core, inputs: tuple[torch.Tensor, ...], threads: int) -> Timer:
    """PyTorch in float32."""

    def run() -> None:
        torch.set_num_threads(threads)
        with torch.no_grad():
            core(*inputs)

    return timed(run)


def onnx_runtime(graph: Path, inputs: list[np.ndarray], threads: int) -> Timer:
    """ONNX Runtime in float32."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(graph), settings, providers=["CPUExecutionProvider"])
    given = dict(zip(INPUTS, inputs, strict=True))
    return timed(lambda: session.run(list(OUTPUTS), given))


def open_vino(graph: Path, inputs: list[np.ndarray], threads: int, precision: str) -> Timer:
    """OpenVINO on the CPU with the precision hint `f32` or `bf16`."""
    runtime = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    compiled = runtime.compile_model(runtime.read_model(graph), "CPU", settings)
    request = compiled.create_infer_request()
    return timed(lambda: request.infer(inputs))


def ours(binary: Path, checkpoint: Path, threads: int, precision: str) -> Timer:
    """One run of `swift-demucs bench`, which warms up by itself."""
    command = [str(binary), "bench", "-n", str(checkpoint), "--precision", precision]
    command += ["--threads", str(threads), "--runs", "1", "--json", "--quiet"]

    def timer() -> float:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\nexited with {run.returncode}:\n{run.stderr}")
        (row,) = json.loads(run.stdout)
        return row["seconds_per_segment"]["median"]

    return timer


def demucs_cpp(binary: Path, model: Path, track: Path, threads: int) -> Timer:
    """The whole program on a track of one segment, its loading included."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}

    def run() -> None:
        with tempfile.TemporaryDirectory() as out:
            command = [str(binary), str(model), str(track), out]
            subprocess.run(command, check=True, capture_output=True, env=environment)

    return timed(run)


def rotate(timers: dict[str, Timer], runs: int) -> dict[str, list[float]]:
    """Seconds of each of the runs; the first turn does not count."""
    found: dict[str, list[float]] = {name: [] for name in timers}
    for turn in range(runs + 1):
        for name, timer in timers.items():
            seconds = timer()
            if turn > 0:
                found[name].append(seconds)
    return found


def table(threads: int, found: dict[str, list[float]]) -> str:
    """Medians, ranges, and how many times as fast we are in each precision."""
    medians = {name: statistics.median(times) for name, times in found.items()}
    lines = [
        f"**{threads} {'thread' if threads == 1 else 'threads'}**",
        "",
        "| runtime | median s | range s | "
        + " | ".join(f"times as fast: {p}" for p in PRECISIONS)
        + " |",
        "|---|---|---|" + "---|" * len(PRECISIONS),
    ]
    for name, times in found.items():
        ratios = (f"{medians[name] / medians[f'ours {p}']:.2f} ×" for p in PRECISIONS)
        span = f"{min(times):.3f} to {max(times):.3f}"
        lines.append(f"| {name} | {medians[name]:.3f} | {span} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def measure(given: argparse.Namespace, work: Path) -> None:
    """Builds the model, and measures and prints for each number of threads."""
    checkpoint = work / "model.safetensors"
    configuration = reference.CONFIGURATIONS["htdemucs"]
    reference.save_safetensors(reference.build(configuration, given.seed), checkpoint)
    model = reference.load(checkpoint)
    graph = work / "core.onnx"
    export_onnx.export(model, graph)
    length = int(model.segment * model.samplerate)
    mix = noise("bench", 1, model.audio_channels, length, deviation=0.1)
    inputs = core_inputs(model, mix)
    arrays = [value.numpy() for value in inputs]
    track = work / "segment.wav"
    wav_file.write(track, mix[0], model.samplerate)
    core = Core(model).eval()

    print(f"htdemucs, one segment of {length:,} samples, {given.runs} runs")
    for threads in given.threads:
        timers = {
            "PyTorch float32": pytorch(core, inputs, threads),
            "ONNX Runtime float32": onnx_runtime(graph, arrays, threads),
            "OpenVINO float32": open_vino(graph, arrays, threads, "f32"),
            "OpenVINO bfloat16": open_vino(graph, arrays, threads, "bf16"),
        }
        if given.demucs_cpp:
            timers["demucs.cpp"] = demucs_cpp(given.demucs_cpp, given.ggml, track, threads)
        for precision in PRECISIONS:
            timers[f"ours {precision}"] = ours(given.binary, checkpoint, threads, precision)
        print("\n" + table(threads, rotate(timers, given.runs)), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demucs-cpp", type=Path, help="its program that separates a file")
    parser.add_argument("--ggml", type=Path, help="the model for demucs.cpp, in its format")
    given = parser.parse_args()
    if bool(given.demucs_cpp) != bool(given.ggml):
        parser.error("--demucs-cpp and --ggml go together")
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


if __name__ == "__main__":
    main()
