"""Times a chunk of a RoFormer of published size in our binary and in other runtimes, in the same run.

    python reference/bench/bench_roformer.py
    python reference/bench/bench_roformer.py --name bs_roformer_sw --peers pytorch --runs 3

The weights are seeded (reference/roformer_core.py), and the chunk is noise of the model's length. Ours
(`swift-demucs bench`) and PyTorch, in float32 and with bfloat16 autocast, run the whole forward pass
with both transforms; ONNX Runtime and OpenVINO only the core, from the bands' numbers to the masks.

All runtimes alternate, --runs times after one turn as warm-up. Prints medians and ranges, and how
many times as fast as each peer ours is, as Markdown. Needs requirements-roformer.txt
and onnxscript.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import command_line
import roformer_core
from fixture import noise
from peer_timers import PRECISIONS, Timer, onnx_runtime, open_vino, ours, pytorch, rotate, table

PEERS = ("pytorch", "onnx", "openvino")


def measure(given: argparse.Namespace, work: Path) -> None:
    """Builds the model, and measures and prints."""
    model = roformer_core.build(given.name, 1)
    checkpoint, graph = work / f"{given.name}.safetensors", work / f"{given.name}.onnx"
    roformer_core.save(model, given.name, checkpoint)
    samples = roformer_core.CONFIGURATIONS[given.name][2]
    mix = noise("bench", 1, 2, samples, deviation=0.1)
    timers: dict[str, Timer] = {}
    if "pytorch" in given.peers:
        timers["PyTorch float32"] = pytorch(model, (mix,), given.threads)
        timers["PyTorch bfloat16"] = pytorch(model, (mix,), given.threads, bfloat16=True)
    if {"onnx", "openvino"} & set(given.peers):
        x = roformer_core.core_input(model, mix)
        roformer_core.export(given.name, 1, 1.0, x, graph)
        if "onnx" in given.peers:
            timers["ONNX Runtime float32"] = onnx_runtime(graph, [x.numpy()], given.threads)
        if "openvino" in given.peers:
            for name, hint in (("float32", "f32"), ("bfloat16", "bf16")):
                timers[f"OpenVINO {name}"] = open_vino(graph, [x.numpy()], given.threads, hint)
    for precision in given.precision:
        timers[f"ours {precision}"] = ours(given.binary, checkpoint, given.threads, precision)
    print(f"{given.name}, a chunk of {samples:,} samples, {given.runs} runs", flush=True)
    print("\n" + table(given.threads, rotate(timers, given.runs)), flush=True)


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "threads")
    parser.add_argument(
        "--name", default="mel_band_roformer_kim", choices=roformer_core.CONFIGURATIONS
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--precision", nargs="*", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(folder))


if __name__ == "__main__":
    main()
