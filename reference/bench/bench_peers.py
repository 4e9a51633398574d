"""Times a segment of the real configuration in our binary and in other runtimes, in the same run.

    python reference/bench/bench_peers.py
    python reference/bench/bench_peers.py --threads 2 --runs 7
    python reference/bench/bench_peers.py --isa avx2 --precision float32 int8

PyTorch, ONNX Runtime and OpenVINO run only the core, between the STFT and its inverse, of the
seeded model that seeded_model.py builds. Ours (`swift-demucs bench`) runs the whole forward pass
with both transforms, with the same checkpoint.

With --isa ours runs on each of those instruction sets, as in `--isa avx2 avxvnni`, and the peers on
AVX2: avx2_only.c hides the rest of the CPU from them, which needs Linux and an Intel CPU.

The peers in INT8 are what one would pick instead of ours: OpenVINO after NNCF's post-training
quantisation, calibrated on --calibration segments, and ONNX Runtime after dynamic quantisation. The
last table has the SNR of each against PyTorch in float32.

For each number of threads all runtimes alternate, --runs times after one turn as warm-up. Prints
medians and ranges, and how many times as fast as each peer ours is, as Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import command_line
import export_onnx
import seeded_model as reference
import torch
from core import Core, core_inputs
from fixture import noise
from peer_timers import (
    PRECISIONS,
    onnx_runtime,
    onnx_runtime_int8,
    open_vino,
    open_vino_int8,
    ours,
    pytorch,
    rotate,
    table,
    timed,
)
from snr import worst_snr


def restart_with_avx2() -> None:
    """Starts this program once more, on a CPU that seems to end with AVX2."""
    loaded = os.environ.get("LD_PRELOAD", "")
    first, _, others = loaded.partition(":")
    if Path(first).name == "avx2_only.so":
        shutil.rmtree(Path(first).parent)  # it is loaded
        os.environ["LD_PRELOAD"] = others  # ours has its own way
        return
    source = Path(__file__).with_name("avx2_only.c")
    library = Path(tempfile.mkdtemp()) / "avx2_only.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = {**os.environ, "LD_PRELOAD": f"{library}:{loaded}"}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def measure(given: argparse.Namespace, work: Path) -> None:
    """Builds the model, and measures and prints for each number of threads."""
    checkpoint = work / "model.safetensors"
    configuration = reference.CONFIGURATIONS["htdemucs"]
    reference.save_safetensors(reference.build(configuration, 1), checkpoint)
    model = reference.load(checkpoint)
    length = int(model.segment * model.samplerate)
    mix = noise("bench", 1, model.audio_channels, length, deviation=0.1)
    inputs = core_inputs(model, mix)
    arrays = [value.numpy() for value in inputs]
    core = Core(model).eval()

    graph = work / "core.onnx"
    export_onnx.export(model, graph)
    dynamic = onnx_runtime_int8(graph)
    sounds = (noise(f"sound {i}", *mix.shape, deviation=0.1) for i in range(given.calibration))
    segments = [[value.numpy() for value in core_inputs(model, sound)] for sound in sounds]
    calibrated = open_vino_int8(graph, segments)

    print(f"htdemucs, one segment of {length:,} samples, {given.runs} runs")
    print(f"PyTorch runs on {torch.backends.cpu.get_cpu_capability()}")
    for threads in given.threads:
        timers = {"PyTorch float32": pytorch(core, inputs, threads)}
        timers["ONNX Runtime float32"] = onnx_runtime(graph, arrays, threads)
        timers["OpenVINO float32"] = open_vino(graph, arrays, threads, "f32")
        if not given.isa:
            timers["OpenVINO bfloat16"] = open_vino(graph, arrays, threads, "bf16")
        timers["ONNX Runtime INT8"] = onnx_runtime(dynamic, arrays, threads)
        timers["OpenVINO INT8"] = open_vino(calibrated, arrays, threads, "f32")
        for isa in given.isa or [None]:
            for precision in given.precision:
                name = " ".join(filter(None, ("ours", isa, precision)))
                timers[name] = ours(given.binary, checkpoint, threads, precision, isa)
        print("\n" + table(threads, rotate(timers, given.runs)), flush=True)
        exact = timers["PyTorch float32"].run()
        for name, timer in timers.items():
            if name != "PyTorch float32" and isinstance(timer, timed):
                # The spectrogram's or the waveform's.
                print(f"{name}: SNR {worst_snr(exact, timer.run()):.1f} dB")


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--calibration", type=int, default=50, help="segments for NNCF")
    parser.add_argument("--isa", nargs="+", help="instruction sets of ours")
    given = parser.parse_args()
    if given.isa:
        restart_with_avx2()
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


if __name__ == "__main__":
    main()
