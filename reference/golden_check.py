"""Checks a port against golden values of a seeded model.

    python check.py weights htdemucs htdemucs.safetensors     # the model's checkpoint, float32
    python check.py compare htdemucs theirs.safetensors       # or a folder of .npy
    python check.py compare htdemucs theirs --precision float16

Run the port on MODEL/chunk.safetensors, and write any of the values that MODEL/values.safetensors
names. Prints the SNR of each, and exits with 1 if one is lower than a right port's in the precision.
Needs NumPy and safetensors.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import draw
from snr import snr

HERE = Path(__file__).resolve().parent
# A right port rounds at other places, so it may have so much less than the one that was measured.
MARGIN = 10.0


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    with safe_open(path, framework="np") as file:
        return file.metadata()


def weights(folder: Path, out: Path) -> None:
    """Writes a checkpoint in the official layout: the stored tensors and the drawn ones."""
    path = folder / "weights.safetensors"
    described = metadata(path)
    drawn = draw.arrays(int(described.pop("seed")), described.pop("drawn"))
    save_file({**load_file(path), **drawn}, out, described)
    print(f"{out}: {len(drawn)} tensors")


def compare(folder: Path, path: Path, precision: str) -> bool:
    """Prints a line for each value of a port; whether all are right."""
    theirs = {p.stem: np.load(p) for p in path.glob("*.npy")} if path.is_dir() else load_file(path)
    golden = folder / "values.safetensors"
    described = metadata(golden)
    levels, shapes = (json.loads(described[key]) for key in ("levels", "shapes"))
    wrong = 0
    count = 0
    # `encoder.0[::7]`: every seventh element.
    for key, values in sorted(load_file(golden).items(), key=lambda item: [*levels].index(item[0])):
        name, _, step = key.rstrip("]").partition("[::")
        if name not in theirs:
            continue
        count += 1
        found, shape = theirs[name], shapes[key]
        if [n for n in found.shape if n != 1] != [n for n in shape if n != 1]:
            print(f"{name}: has the shape {list(found.shape)}, expected {shape}")
            wrong += 1
            continue
        level = snr(values.reshape(-1), found.reshape(-1)[:: int(step or 1)])
        least = levels[key][precision]
        is_right = level >= least - MARGIN
        print(f"{name:40} {level:7.1f} dB{'' if is_right else f', a right port {least:.1f}'}")
        wrong += not is_right
    if not count:
        raise SystemExit(f"{path}: has none of the values {', '.join(sorted(shapes)[:5])} …")
    print(f"{count - wrong} of {count} values are right")
    return not wrong


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = sorted(path.parent.name for path in HERE.glob("*/weights.safetensors"))
    commands = parser.add_subparsers(dest="command", required=True)
    for command, argument in (("weights", "out"), ("compare", "trace")):
        part = commands.add_parser(command)
        part.add_argument("model", choices=models)
        part.add_argument(argument, type=Path)
    precisions = ("float32", "float16", "bfloat16", "int8")
    part.add_argument("--precision", default="float32", choices=precisions)
    given = parser.parse_args()
    if given.command == "weights":
        weights(HERE / given.model, given.out)
        return 0
    return 0 if compare(HERE / given.model, given.trace, given.precision) else 1


if __name__ == "__main__":
    sys.exit(main())
