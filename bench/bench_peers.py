"""Times a segment of the real configuration in our binary and in other runtimes, in the same run.

    python bench/bench_peers.py
    python bench/bench_peers.py --threads 2 --runs 7 --demucs-cpp path/to/demucs.cpp.main \\
        --ggml ggml-model-htdemucs-4s-f16.bin
    python bench/bench_peers.py --isa avx2 --precision float32 int8

PyTorch, ONNX Runtime and OpenVINO run only the core, between the STFT and its inverse, of the
seeded model that seeded_model.py builds. Ours (`swift-demucs bench`) runs the whole forward pass
with both transforms, with the same checkpoint. demucs.cpp is timed as a whole process, with its
loading, on a WAV file of one segment; its model has its own format and any weights.

With --isa all programs use only that instruction set. PyTorch is the only peer that can: OpenVINO
crashes when its oneDNN is limited to AVX2, and ONNX Runtime has no such option. Two sets may be
given for ours, as in `--isa avx2 avxvnni`; PyTorch then uses the first.

For each number of threads all runtimes alternate, --runs times after one turn as warm-up. Prints
medians and ranges, and how many times as fast as each peer ours is, as Markdown.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))

import numpy as np
import seeded_model as reference
import native
import torch
import wav_file
from core import INPUTS, OUTPUTS, Core, core_inputs
from fixture import noise

PRECISIONS = ("float32", "bfloat16", "int8")

# Environment variables that limit PyTorch, MKL and oneDNN to an instruction set; read when they load.
PYTORCH_SETS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
}

Timer = Callable[[], float]


def timed(run: Callable[[], object]) -> Timer:
    """Timer of a call, in seconds."""

    def timer() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return timer


def pytorch(core: Core, inputs: tuple[torch.Tensor, ...], threads: int) -> Timer:
    """Timer of PyTorch in float32."""

    def run() -> None:
        torch.set_num_threads(threads)
        with torch.no_grad():
            core(*inputs)

    return timed(run)


def onnx_runtime(graph: Path, inputs: list[np.ndarray], threads: int) -> Timer:
    """Timer of ONNX Runtime in float32."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(graph), settings, providers=["CPUExecutionProvider"])
    given = dict(zip(INPUTS, inputs, strict=True))
    return timed(lambda: session.run(list(OUTPUTS), given))


def open_vino(graph: Path, inputs: list[np.ndarray], threads: int, precision: str) -> Timer:
    """Timer of OpenVINO on the CPU, with the precision hint `f32` or `bf16`."""
    import openvino

    runtime = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    compiled = runtime.compile_model(runtime.read_model(graph), "CPU", settings)
    request = compiled.create_infer_request()
    return timed(lambda: request.infer(inputs))


def ours(binary: Path, checkpoint: Path, threads: int, precision: str, isa: str | None) -> Timer:
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


def demucs_cpp(binary: Path, model: Path, track: Path, threads: int) -> Timer:
    """Timer of the whole program on a track of one segment, with its loading."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}

    def run() -> None:
        with tempfile.TemporaryDirectory() as out:
            command = [str(binary), str(model), str(track), out]
            subprocess.run(command, check=True, capture_output=True, env=environment)

    return timed(run)


def rotate(timers: dict[str, Timer], runs: int) -> dict[str, list[float]]:
    """Seconds of each run; the first turn is a warm-up and not counted."""
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


def measure(given: argparse.Namespace, work: Path) -> None:
    """Builds the model, and measures and prints for each number of threads."""
    checkpoint = work / "model.safetensors"
    configuration = reference.CONFIGURATIONS["htdemucs"]
    reference.save_safetensors(reference.build(configuration, given.seed), checkpoint)
    model = reference.load(checkpoint)
    length = int(model.segment * model.samplerate)
    mix = noise("bench", 1, model.audio_channels, length, deviation=0.1)
    inputs = core_inputs(model, mix)
    arrays = [value.numpy() for value in inputs]
    track = work / "segment.wav"
    wav_file.write(track, mix[0], model.samplerate)
    core = Core(model).eval()

    graph = work / "core.onnx"
    if not given.isa:
        import export_onnx

        export_onnx.export(model, graph)

    print(f"htdemucs, one segment of {length:,} samples, {given.runs} runs")
    print(f"PyTorch runs on {torch.backends.cpu.get_cpu_capability()}")
    for threads in given.threads:
        timers = {"PyTorch float32": pytorch(core, inputs, threads)}
        if not given.isa:
            timers["ONNX Runtime float32"] = onnx_runtime(graph, arrays, threads)
            timers["OpenVINO float32"] = open_vino(graph, arrays, threads, "f32")
            timers["OpenVINO bfloat16"] = open_vino(graph, arrays, threads, "bf16")
        if given.demucs_cpp:
            timers["demucs.cpp"] = demucs_cpp(given.demucs_cpp, given.ggml, track, threads)
        for isa in given.isa or [None]:
            for precision in given.precision:
                name = " ".join(filter(None, ("ours", isa, precision)))
                timers[name] = ours(given.binary, checkpoint, threads, precision, isa)
        print("\n" + table(threads, rotate(timers, given.runs)), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--isa", nargs="+", help="instruction sets of ours; avx2 comes first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demucs-cpp", type=Path, help="its program that separates a file")
    parser.add_argument("--ggml", type=Path, help="the model for demucs.cpp, in its format")
    given = parser.parse_args()
    if bool(given.demucs_cpp) != bool(given.ggml):
        parser.error("--demucs-cpp and --ggml go together")
    if given.isa:
        held = PYTORCH_SETS.get(given.isa[0])
        if held is None:
            parser.error(f"PyTorch can be held to {', '.join(PYTORCH_SETS)}, not {given.isa[0]}")
        if any(os.environ.get(name) != value for name, value in held.items()):
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **held})
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


if __name__ == "__main__":
    main()
