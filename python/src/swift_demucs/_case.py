"""A wrong layer as a folder, for those who maintain a compiler or a runtime."""

from __future__ import annotations

import collections
import contextlib
import importlib
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from . import _explanation, errors, htdemucs

PROGRAM = '''"""Computes a layer of the network in NumPy, and compares found.npy with it.

    python case.py

case.json names the function of the network, and its module and arguments. inputs/ has the
port's values that the layer reads, in the reference's axes. graph.onnx, if it is here, is the
port's own layer.
"""

import importlib
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CASE = json.loads((HERE / "case.json").read_text())
NETWORKS = {"htdemucs", "_roformer"}
network = importlib.import_module((NETWORKS & {CASE["network"]}).pop())


class Seen(dict):
    """Takes the values inside the layer: goes on with the port's, and ends at the wrong one."""

    def __setitem__(self, name, x):
        super().__setitem__(name, x)
        if name == CASE["value"]:
            raise StopIteration
        if name in CASE["inner"]:
            x[...] = np.load(HERE / CASE["inner"][name]).reshape(x.shape)


def argument(given):
    """An argument of the function."""
    kind, value = given
    if kind == "array":
        return np.load(HERE / value)
    if kind == "module":
        return network.Module(dict(np.load(HERE / "weights.npz")), value, SEEN)
    return network.Configuration(value) if kind == "configuration" else value


def decibels(reference, value):
    error = np.square(reference.astype(float) - value).sum()
    power = np.square(reference.astype(float)).sum()
    return min(10 * np.log10(power / max(error, 1e-300)), 150)


SEEN = Seen()
EXPECTED, FOUND = np.load(HERE / "expected.npy"), np.load(HERE / "found.npy")
try:
    getattr(network, CASE["function"])(*map(argument, CASE["arguments"]))
except StopIteration:
    pass
VALUE = SEEN[CASE["value"]].reshape(FOUND.shape)
print(f"NumPy  {decibels(EXPECTED, VALUE):.1f} dB")
print(f"found  {decibels(EXPECTED, FOUND):.1f} dB")
'''


class _Frames(_explanation._Pass):
    """A pass that keeps the arguments of the functions that it is in."""

    def __init__(self, block: _explanation._Block) -> None:
        super().__init__(block)
        self.frames: list[tuple[str, Sequence[Any]]] = []

    def wrapped(self, name: str, right: Callable[..., Any]) -> Callable[..., Any]:
        """A function that notes its arguments."""
        inner = super().wrapped(name, right)

        def call(*given: Any, **more: Any) -> Any:
            # Some functions change their arguments.
            kept = [x.copy() if isinstance(x, np.ndarray) else x for x in (*given, *more.values())]
            self.frames.append((name, kept))
            value = inner(*given, **more)
            self.frames.pop()
            return value

        return call


class _Layer:
    """The function of the network that computes a value, and all that it takes.

    `reads` are the port's values that change the value.
    """

    def __init__(self, network: _explanation.Network, name: str, values: Mapping[str, Any]) -> None:
        block = _explanation._Block(network, name, values[name], values)
        frames = _Frames(block)
        with _explanation._LOCK:
            self.value = frames.run()
            if self.value is None:
                raise errors.ArgumentError(
                    f"{name}: the network in NumPy gives another size: no case"
                )
            self.reads = [key for key in values if key in frames or key == network.start[0]]
            self.reads = [key for key in self.reads if key != name and self._depends(block, key)]
        self.function, self.arguments = frames.frames[-1]
        modules = [x.name for x in self.arguments if isinstance(x, htdemucs.Module)]
        self.module = modules[0] if modules else ""
        start = f"{self.module}." if self.module else ""
        tensors = network.module.tensors
        self.tensors = {key: tensors[key] for key in sorted(tensors) if key.startswith(start)}

    def _depends(self, block: _explanation._Block, key: str) -> bool:
        """Whether a value changes the layer's."""
        value = block.values[key] * np.float32(1.5) + np.float32(0.1)
        changed = collections.ChainMap({key: value}, block.values)  # type: ignore[arg-type]
        changed_block = _explanation._Block(block.network, block.name, block.found, changed)
        found = _explanation._Pass(changed_block).run()
        return found is None or self.value is None or not np.array_equal(found, self.value)


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """A folder that is removed if its contents can't be written."""
    was_there = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder)
        if was_there:
            folder.mkdir()
        raise


def write(
    folder: Path, network: _explanation.Network, name: str, values: Mapping[str, Any], graph: Path,
    nodes: Mapping[str, str],
) -> None:  # fmt: skip
    """Writes the layer of a wrong value.

    :param values: the port's, by the network's names, as :func:`_explanation.explain` takes them.
    :param graph: the port's ONNX graph, if ``nodes`` says where values are in it.
    """
    layer = _Layer(network, name, values)
    with _new_folder(folder):
        for part in ("inputs", "arguments"):
            (folder / part).mkdir()
        for key in layer.reads:
            np.save(folder / "inputs" / f"{key}.npy", values[key])
        np.save(folder / "expected.npy", np.asarray(layer.value, np.float32))
        np.save(folder / "found.npy", values[name])
        np.savez(folder / "weights.npz", **layer.tensors)  # type: ignore[arg-type]
        arguments: list[tuple[str, Any]] = []
        for given in layer.arguments:
            if isinstance(given, np.ndarray):
                arguments.append(("array", f"arguments/{len(arguments)}.npy"))
                np.save(folder / arguments[-1][1], given)
            elif isinstance(given, htdemucs.Module):
                arguments.append(("module", given.name))
            elif given is network.configuration:
                arguments.append(("configuration", network.arguments))
            else:
                arguments.append(("value", given))
        case = {
            "value": name,
            "network": network.library.__name__.rpartition(".")[2],
            "function": layer.function,
            "arguments": arguments,
            "inner": {
                key: f"inputs/{key}.npy" for key in layer.reads if key.startswith(layer.module)
            },
        }
        (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
        (folder / "case.py").write_text(PROGRAM)
        for module in {htdemucs, network.library}:
            shutil.copyfile(str(module.__file__), folder / Path(str(module.__file__)).name)
        inputs = [nodes[key] for key in layer.reads if key in nodes]
        if name in nodes and inputs:
            utils = importlib.import_module("onnx.utils")
            utils.extract_model(str(graph), str(folder / "graph.onnx"), inputs, [nodes[name]])
