"""Models in the layout of the official checkpoints: safetensors with class and arguments.

Reads and writes the files without the safetensors library, which a rented machine may lack.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch

from packs import whole_file

# Errors of a parser that reads other bytes than it expects.
DAMAGE = (ValueError, KeyError, TypeError, RuntimeError, AttributeError, struct.error)
_TYPES = {"F16": torch.float16, "F32": torch.float32}


def write(path: Path, weights: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Writes weights in float16, sorted by name."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    blobs, end = [], 0
    for name, value in sorted(weights.items()):
        blobs.append(value.detach().to(torch.float16).cpu().contiguous().numpy().tobytes())
        begin, end = end, end + len(blobs[-1])
        header[name] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with whole_file(path) as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Weights in float32, and the metadata."""
    content = path.read_bytes()
    try:
        first = 8 + struct.unpack_from("<Q", content)[0]
        header = json.loads(content[8:first])
        metadata = header.pop("__metadata__", {})
        weights = {}
        for name, its in header.items():
            begin, end = its["data_offsets"]
            flat = torch.frombuffer(
                bytearray(content[first + begin : first + end]), dtype=_TYPES[its["dtype"]]
            )
            weights[name] = flat.reshape(its["shape"]).float()
    except DAMAGE:
        raise SystemExit(
            f"{path}: damaged, or no safetensors file in float16 or float32: copy it again"
        ) from None
    return weights, metadata
