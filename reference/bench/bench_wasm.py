#!/usr/bin/env python3
"""Compares the WebAssembly kernels of the working tree with those of another revision.

Prints the speed of each kernel in both, and the ratio after / before: GFLOP/s (GOP/s in INT8) of
products, millions of elements a second of the others. Speeds are the best of alternating runs, in
CPU time in node and in wall time in Chromium.

    reference/bench/bench_wasm.py simd128 HEAD~1
    reference/bench/bench_wasm.py relaxedsimd HEAD --chromium
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def compile_bench(kernel_set, root, program):
    kernels = root / "Sources/CKernels"
    command = [root / "tools/wasm_cc", kernel_set, "-O2", "-o", program]
    command += [f"-I{kernels / 'include'}", *sorted(kernels.glob("*.c"))]
    subprocess.run([*command, ROOT / "reference/bench/bench_wasm.c"], check=True)


def measure(program, options):
    command = ["node", ROOT / "Tests/system/run_wasm.mjs", *options, program]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: float(speed) for name, speed in (line.split() for line in lines)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", help="simd128 or relaxedsimd")
    parser.add_argument("revision", help="the revision to compare with")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--chromium", action="store_true", help="run in Chromium, not in node")
    arguments = parser.parse_args()
    options = ["--chromium"] if arguments.chromium else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", arguments.revision, "Sources/CKernels", "tools/wasm_cc"],
            check=True,
            capture_output=True,
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        programs = {"before": folder / "before.wasm", "after": folder / "after.wasm"}
        compile_bench(arguments.set, folder, programs["before"])
        compile_bench(arguments.set, ROOT, programs["after"])
        best = {"before": {}, "after": {}}
        for _ in range(arguments.runs):
            for side, program in programs.items():
                for kernel, speed in measure(program, options).items():
                    best[side][kernel] = max(speed, best[side].get(kernel, 0))
    print(f"{'':32}{'before':>10}{'after':>10}{'ratio':>8}")
    for kernel, after in best["after"].items():
        before = best["before"][kernel]
        print(f"{kernel:32}{before:10.1f}{after:10.1f}{after / before:8.2f}")


if __name__ == "__main__":
    main()
