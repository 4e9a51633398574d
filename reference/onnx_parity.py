"""Compares an exported core in ONNX Runtime with swift-demucs, on prepared chunks.

    swift-demucs tensors prepare song.wav -o chunks -n htdemucs --chunk 1
    python reference/onnx_parity.py core-1s.onnx chunks -n htdemucs

Prints, for every output, the SNR of ONNX Runtime's tensors against those of `swift-demucs tensors
run`, for the worst and the median chunk. onnx_trace.py compares the values inside.

--stems puts both through `swift-demucs tensors stems` and compares the stems. --pytorch CHECKPOINT
runs the reference on the same chunks, compares ONNX Runtime and ours with it, and `x` with the
official spectrogram. Exits with 1 if an output, or a
stem with --stems, is below --min-snr.

The graph may be float32 or float16; its chunk length must be that of the chunks. Its two inputs may
have any names: the waveform is the one with three dimensions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import command_line
import program
import seeded_model
from chunks import Chunks
from core import INPUTS, OUTPUTS, Core
from fixture import snr

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Binary:
    """The command swift-demucs."""

    def __init__(self, path: Path, model: str | None) -> None:
        self.path = path
        self.model = ["-n", model] if model else []

    def __call__(self, *words: str | Path) -> str:
        """Runs the command; returns its standard output."""
        return program.run(self.path, *words)

    def compare(self, first: Path, second: Path, only: list[str]) -> dict[str, float]:
        """SNR in dB of the second against the first, by name, in the order of computation."""
        report = program.compare(self.path, first, second, "--only", ",".join(only))
        return {row["name"]: float(row["snr_db"]) for row in report["tensors"]}


class Export:
    """An exported core in ONNX Runtime."""

    def __init__(self, path: Path, threads: int) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )
        self.inputs = self.session.get_inputs()

    def __call__(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs the core; returns its outputs under our names."""
        feed = {}
        for expected in self.inputs:
            name = "input" if len(expected.shape) == 3 else "x"
            value = given[name].astype(TYPES[expected.type])
            if list(value.shape) != list(expected.shape):
                raise SystemExit(
                    f"the export takes {name} {expected.shape}, the chunks have "
                    f"{list(value.shape)}: prepare them with --chunk for this length"
                )
            feed[expected.name] = value
        found = self.session.run(None, feed)
        # The spectrogram is the output with five dimensions, in either order of the two.
        named = {"output" if v.ndim == 5 else "add_67": v for v in found}
        return {name: value.astype(np.float32) for name, value in named.items()}


def row(name: str, values: list[float]) -> str:
    """Line of a table, with values in dB."""
    return f"{name:36}" + "".join(f"{value:12.1f}" for value in values)


def save(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes the tensors of a chunk as .npy files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in tensors.items():
        np.save(folder / f"{name}.npy", value)


def run_pytorch(checkpoint: Path, chunks: Chunks, names: list[str], work: Path) -> None:
    """Writes the reference's outputs, and prints the SNR of the spectrogram."""
    model = seeded_model.load(checkpoint)
    core = Core(model, any_length=True)
    spectrograms = []
    for name in names:
        given = chunks.inputs(name)
        mix, x = (torch.from_numpy(given[key]) for key in INPUTS)
        with torch.no_grad():
            found = core(mix, x)
            official = model._magnitude(model._spec(mix))
        save(work / name, {key: v.numpy() for key, v in zip(OUTPUTS, found, strict=True)})
        spectrograms.append(snr(official, x))
    print(f"x against the official spectrogram: {min(spectrograms):.1f} dB at the worst chunk\n")


def table(found: dict[str, dict[str, float]], names: list[str]) -> float:
    """Prints the SNR of the worst and the median chunk for each pair; returns the worst of all."""
    print(f"{'':36}{'output':>12}{'add_67':>12}{'median':>12}{'':>12}")
    for pair, values in found.items():
        worst = [min(values[f"{name}/{key}"] for name in names) for key in OUTPUTS]
        median = [np.median([values[f"{name}/{key}"] for name in names]) for key in OUTPUTS]
        print(row(pair, [*worst, *median]))
    return min(min(values.values()) for values in found.values())


def measure(options: argparse.Namespace, work: Path) -> float:
    """Runs everything, prints the tables and returns the worst SNR that counts."""
    ours = Binary(options.binary, options.model)
    chunks = Chunks(options.chunks)
    export = Export(options.graph, options.threads)
    names = chunks.names()
    if options.first and not options.stems:
        names = names[: options.first]
    ours("tensors", "run", chunks.path, *ours.model, "-q")
    for name in names:
        save(work / "onnx" / name, export(chunks.inputs(name)))
    only = [f"{name}/{key}" for name in names for key in OUTPUTS]
    found = {}
    if options.pytorch:
        run_pytorch(options.pytorch, chunks, names, work / "pytorch")
        found["ours against PyTorch"] = ours.compare(work / "pytorch", chunks.path, only)
        found["ONNX Runtime against PyTorch"] = ours.compare(work / "pytorch", work / "onnx", only)
    found["ONNX Runtime against ours"] = ours.compare(chunks.path, work / "onnx", only)
    print(f"{len(names)} chunks, SNR in dB of the worst")
    worst = table(found, names)
    if options.stems:
        worst = stems(options, ours, chunks, work)
    return worst


def stems(options: argparse.Namespace, ours: Binary, chunks: Chunks, work: Path) -> float:
    """Prints the SNR of the stems, and returns the worst one."""
    written = {}
    sources = {"ours": chunks.path, "onnx": work / "onnx"}
    if options.pytorch:
        sources["pytorch"] = work / "pytorch"
    for key, folder in sources.items():
        written[key] = work / "stems" / key
        words = ["--float32", "--clip-mode", "none", "-q"]
        words += [] if key == "ours" else ["--type", "float32"]
        ours("tensors", "stems", chunks.path, "--from", folder, "-o", written[key], *words)
    found = {}
    if options.pytorch:
        found["ours against PyTorch"] = ours.compare(written["pytorch"], written["ours"], ["*"])
        found["ONNX Runtime against PyTorch"] = ours.compare(
            written["pytorch"], written["onnx"], ["*"]
        )
    found["ONNX Runtime against ours"] = ours.compare(written["ours"], written["onnx"], ["*"])
    print("\nstems, SNR in dB")
    print(f"{'':36}" + "".join(f"{name:>12}" for name in found["ONNX Runtime against ours"]))
    for pair, values in found.items():
        print(row(pair, list(values.values())))
    return min(found["ONNX Runtime against ours"].values())


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "threads")
    parser.add_argument("graph", type=Path)
    parser.add_argument("chunks", type=Path, help="folder of 'tensors prepare'")
    parser.add_argument("-n", "--model", help="the model; default: the one in the manifest")
    parser.add_argument("--stems", action="store_true", help="compare stems too")
    parser.add_argument("--first", type=int, help="number of chunks, without --stems")
    parser.add_argument("--pytorch", type=Path, metavar="CHECKPOINT", help="run the reference too")
    parser.add_argument("--min-snr", type=float, default=60.0, help="dB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        worst = measure(options, Path(folder))
    if worst < options.min_snr:
        print(f"\nworst {worst:.1f} dB, below {options.min_snr:g} dB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
