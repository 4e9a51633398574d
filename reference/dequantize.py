"""Reads a file that `swift-demucs quantize` wrote, and writes it as float32 for the official package.

    python dequantize.py int8.safetensors float32.safetensors

Each I8 tensor NAME has a tensor NAME.scale with one scale for each output channel: axis 1 of a
transposed convolution, axis 0 of all others. The official loader reads the result as a check.
"""

from __future__ import annotations

from pathlib import Path

import torch

import command_line
import seeded_model as reference
import tensor_file


def weights(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights in float32: integers times their scales; all other tensors widened."""
    quantized = {name for name, value in tensors.items() if value.dtype == torch.int8}
    found = {}
    for name, value in tensors.items():
        if name.removesuffix(".scale") in quantized and name not in quantized:
            continue
        found[name] = value.float()
        if name in quantized:
            axis = 1 if name.endswith("conv_tr.weight") else 0
            shape = [-1 if index == axis else 1 for index in range(value.ndim)]
            found[name] = found[name] * tensors[name + ".scale"].reshape(shape)
    return found


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("quantised", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    tensors, metadata = tensor_file.read(given.quantised)
    metadata.pop("quantization")
    tensor_file.write(given.out, weights(tensors), metadata)
    reference.load(given.out)


if __name__ == "__main__":
    command_line.run(main)
