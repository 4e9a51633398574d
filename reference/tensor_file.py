"""Reads and writes safetensors files whose bytes depend only on their content.

The safetensors library writes the metadata in an order that changes from run to run, so a fixture
that is made again would differ from the committed one. This writer sorts it.
"""

from __future__ import annotations

import json
import platform
import struct
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def versions() -> str:
    """Versions of all packages that affect the numbers, as JSON."""
    from importlib.metadata import version

    found = {name: version(name) for name in ("demucs", "numpy", "torch")}
    found["python"] = platform.python_version()
    return json.dumps(found, sort_keys=True)


def write(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> int:
    """Writes the tensors, sorted by name; returns the size in bytes."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    blobs: list[bytes] = []
    start = 0
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous()
        bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        blob = np.ascontiguousarray(bits.numpy()).tobytes()
        header[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + len(blob)],
        }
        blobs.append(blob)
        start += len(blob)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    return 8 + len(text) + start


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a file."""
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
