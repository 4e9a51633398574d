"""Reads the folders of chunks that `swift-demucs tensors prepare` writes; needs only NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


class Chunks:
    """A folder of chunks, with its manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = json.loads((path / "manifest.json").read_text())

    def names(self) -> list[str]:
        """Names of the chunks' folders."""
        return [f"chunk-{index:05}" for index in range(self.manifest["chunk"]["count"])]

    def inputs(self, chunk: str) -> dict[str, np.ndarray]:
        """Inputs of the core for a chunk, in float32, by name."""
        encoding = self.manifest["encoding"]
        found = {}
        for entry in self.manifest["inputs"]:
            path = self.path / chunk / f"{entry['name']}.{encoding['container']}"
            value = self._read(path, entry["name"], encoding["element"])
            found[entry["name"]] = value.reshape(entry["shape"]).astype(np.float32)
        return found

    @staticmethod
    def _read(path: Path, name: str, element: str) -> np.ndarray:
        if path.suffix == ".npy":
            return np.load(path)
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)[name]
        return np.fromfile(path, dtype="<f4" if element == "float32" else "<f2")
