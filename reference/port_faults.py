"""Ports of a model with common mistakes, which the parity command must name and explain.

    python port_faults.py ../Models/demo.safetensors song.wav --start 8

Draws mistakes from the list of the course (docs/course/mistakes.py) and modules of the network, runs
the network in NumPy with each one on a second of the song, and gives its values to the parity tool of
the Python package: prints the value that differs first from the right network's, bit by bit, and what
is said of it. Mistakes that change less than rounding can't be told from a right port and are
drawn again. Then ports with two mistakes each, of which both must be named, and exported graphs in
which a node or a weight was changed at random.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import load_file

import command_line
import program

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "src"))
from swift_demucs import htdemucs, mistakes, onnx_trace, parity

Values = dict[str, np.ndarray]
Functions = dict[str, Callable[..., Any]]
# The least accurate values of a right float32 port, but for sums over a whole input.
ROUNDING_DB = 105
# Sentences that give the same value to the last bits.
EQUAL_DB = 135
SUMS = ("x", "xt", "output", "add_67")


class Port:
    """The network in NumPy, with a mistake in one module."""

    def __init__(self, checkpoint: Path, mix: np.ndarray) -> None:
        self.configuration, self.model = htdemucs.load(checkpoint)
        self.mix = mix
        names = {name for functions in mistakes.MISTAKES.values() for name in functions}
        self.names = sorted(names | {"encode", "decode", "dconv", "gate", "transformer_layer"})
        #: The modules that each function runs in, by the right network.
        self.modules: dict[str, set[str]] = {name: set() for name in self.names}
        self.right = self.run()

    def run(self, *wrong: tuple[Functions, str | None]) -> Values:
        """All values with functions replaced in a module each, or everywhere."""
        inside: list[str] = []

        def entered(name: str) -> Callable[..., Any]:
            right = vars(htdemucs)[name]

            def call(*given: Any, **more: Any) -> Any:
                has_module = bool(given) and isinstance(given[0], htdemucs.Module)
                inside.append(given[0].name if has_module else "")
                self.modules[name].update(filter(None, inside))
                function = right
                for functions, module in wrong:
                    if module is None or any(
                        f"{path}.".startswith(f"{module}.") for path in inside
                    ):
                        function = functions.get(name, function)
                value = function(*given, **more)
                inside.pop()
                return value

            return call

        seen: Values = {}
        model = htdemucs.Module(self.model.tensors, "", seen)
        with mistakes.replaced({name: entered(name) for name in self.names}):
            htdemucs.forward(model, self.mix.copy(), self.configuration)
        return {name: value for name, value in seen.items() if ".weights." not in name}

    def draw(self, phrase: str, random: Random) -> tuple[str | None, Values] | None:
        """A module with a mistake, and the port's values; None if the mistake changes nothing."""
        functions = mistakes.MISTAKES[phrase]
        modules = sorted({path for name in functions for path in self.modules[name]})
        module = random.choice(modules) if modules else None
        try:
            return module, self.run((functions, module))
        except (ValueError, LookupError, ArithmeticError):
            return None

    def first(self, found: Values) -> tuple[str, float] | None:
        """The value that differs first, and its SNR."""
        for name, value in self.right.items():
            if name in found and not np.array_equal(value, found[name]):
                return name, snr(value, found[name])
        return None


def snr(expected: np.ndarray, found: np.ndarray) -> float:
    """SNR in dB; -inf for values that are not finite or of another size."""
    if expected.size != found.size:
        return -math.inf
    error = np.square(expected.astype(float) - found.reshape(expected.shape)).sum()
    if not math.isfinite(error):
        return -math.inf
    return 10 * math.log10(np.square(expected.astype(float)).sum() / max(error, 1e-300))


class Trial:
    """A right trace, and what the parity command says of ports of it."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        os.environ["SWIFT_DEMUCS"] = str(options.binary)
        self.checkpoint = options.checkpoint
        trace = work / "ours.safetensors"
        words = ("-n", options.checkpoint, "--start", str(options.start), "--chunk", "1", "-q")
        program.run(options.binary, "trace", options.song, *words, "-o", trace)
        self.ours = load_file(trace)
        self.port = Port(options.checkpoint, self.ours["mix"])
        self.graph = work / "core.onnx"

    def report(self, found: Values) -> parity.Report:
        """What is said of a port's values."""
        shaped = {
            name: found[name].reshape(value.shape)
            if found[name].size == value.size
            else found[name]
            for name, value in self.ours.items()
            if name in found
        }
        return parity.compare(self.ours, shaped, model=self.checkpoint)

    def drawn(self, count: int, random: Random) -> list[tuple[str, str | None, Values]]:
        """Ports with a mistake each: every mistake of the list about as often."""
        ports: list[tuple[str, str | None, Values]] = []
        while len(ports) < count:
            for phrase in random.sample(sorted(mistakes.MISTAKES), len(mistakes.MISTAKES)):
                drawn = self.port.draw(phrase, random)
                first = drawn and self.port.first(drawn[1])
                if first and (first[1] < ROUNDING_DB or first[0] in SUMS) and len(ports) < count:
                    ports.append((phrase, *drawn))
        return ports


def try_ports(trial: Trial, ports: list[tuple[str, str | None, Values]]) -> None:
    """Prints a row for each wrong port, and how many were named and explained."""
    named = explained = 0
    print("| mistake | module | first wrong value | SNR | of the worse output | said |")
    print("|---|---|---|---|---|---|")
    for phrase, module, found in ports:
        first = trial.port.first(found)
        assert first
        wrong = trial.report(found).wrong
        is_named = bool(wrong) and wrong[0].name == first[0]
        text = (wrong[0].explanation or "nothing") if wrong else "right"
        named += is_named
        # Another sentence may say the same: in one channel groups are instances.
        level = wrong[0].explanation_db or 0 if wrong else 0
        explained += is_named and (phrase in text or level >= EQUAL_DB)
        said = "this" if phrase in text else f"{text}: {level:.0f} dB"
        outputs = min(snr(trial.port.right[n], found[n]) for n in ("output", "add_67"))
        place = f"{first[0]}" + ("" if is_named else f", NOT {wrong[0].name if wrong else 'none'}")
        print(
            f"| {phrase} | {module or 'all'} | {place} | {first[1]:.0f} | {outputs:.0f} | {said} |",
            flush=True,
        )
    print(f"\nnamed: {named} of {len(ports)}\nexplained: {explained} of {len(ports)}")


def try_pairs(trial: Trial, count: int, random: Random) -> None:
    """Prints how often both of two mistakes in one port are named."""
    both = 0
    layers = [f"{branch}.{i}" for branch in ("encoder", "tencoder", "decoder") for i in range(4)]
    for _ in range(count):
        places = random.sample(layers, 2)
        phrases = random.choices(
            ["the variance with n − 1", "no bias", "ReLU in place of GELU"], k=2
        )
        wrong = [
            (mistakes.MISTAKES[phrase], place)
            for phrase, place in zip(phrases, places, strict=True)
        ]
        firsts = [trial.port.first(trial.port.run(one)) for one in wrong]
        wanted = {first[0] for first in firsts if first}
        both += wanted <= {value.name for value in trial.report(trial.port.run(*wrong)).wrong}
    print(f"both of two named: {both} of {count}")


# Nodes of an exported graph, and what takes their place.
OTHER_NODES = {
    "Erf": "Tanh", "Sigmoid": "Tanh", "Add": "Sub", "Mul": "Div", "Div": "Mul", "Sqrt": "Abs",
}  # fmt: skip


def mutate(graph: onnx.GraphProto, random: Random) -> str | None:
    """Changes one node of a module, or a weight of one; None if nothing of a drawn one fits."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    node = random.choice([n for n in graph.node if n.name.count("/") > 3])
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type in OTHER_NODES:
        text = f"{node.op_type} is {OTHER_NODES[node.op_type]}"
        node.op_type = OTHER_NODES[node.op_type]
    elif "epsilon" in attributes:
        attributes["epsilon"].f, text = 1e-3, "eps is 1e-3"
    elif node.op_type == "Softmax":
        attributes["axis"].i, text = 1, "Softmax over the queries"
    elif node.op_type == "Conv" and sum(attributes["pads"].ints) and random.random() < 0.5:
        pads = attributes["pads"].ints
        half = len(pads) // 2
        axis = next(axis for axis in range(half) if pads[axis])
        pads[axis], pads[axis + half] = pads[axis] - 1, pads[axis + half] + 1
        text = "padding is one step later"
    elif len(node.input) > 1 and node.input[1] in weights:
        tensor = weights[node.input[1]]
        values = numpy_helper.to_array(tensor).copy()
        kind = random.choice(["a factor of 1.1", "a zero channel", "values in reverse"])
        if kind == "a factor of 1.1":
            values *= np.float32(1.1)
        elif kind == "a zero channel":
            values[random.randrange(len(values))] = 0
        else:
            values = values[::-1].copy()
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        text = f"{tensor.name} with {kind}"
    else:
        return None
    return f"{node.name}: {text}"


def try_graphs(trial: Trial, checkpoint: Path, count: int, random: Random) -> None:
    """Prints a line for each changed graph, and how many were named."""
    # PyTorch is needed for exports alone.
    import export_onnx
    import seeded_model

    samples = trial.ours["mix"].shape[1]
    export_onnx.export(seeded_model.load(checkpoint), trial.graph, samples)
    right = onnx.load(trial.graph)
    values = onnx_trace.trace_graph(trial.graph, trial.ours).values
    named = tried = 0
    while tried < count:
        graph = copy.deepcopy(right)
        text = mutate(graph.graph, random)
        if not text:
            continue
        onnx.save(graph, trial.graph)
        try:
            found = onnx_trace.trace_graph(trial.graph, trial.ours).values
        except onnx_trace.TraceError:
            # A shape that no longer fits is no port.
            continue
        # Runtimes fuse other nodes in another graph, which rounds otherwise.
        order = [name for name in trial.port.right if name in found]
        first = next((n for n in order if snr(values[n], found[n]) < ROUNDING_DB), None)
        if first is None:
            continue
        tried += 1
        wrong = trial.report(found).wrong
        name = wrong[0].name if wrong else "none"
        named += name == first
        verdict = "named" if name == first else f"NOT NAMED, but {name}"
        print(f"{text}: {first} {verdict}: {wrong[0].explanation if wrong else ''}", flush=True)
    print(f"changed graphs named: {named} of {tried}")


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "start", "seed")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("song", type=Path)
    parser.add_argument("--ports", type=int, default=100, help="wrong ports")
    parser.add_argument("--pairs", type=int, default=20, help="ports with two mistakes")
    parser.add_argument("--graphs", type=int, default=20, help="changes of the exported graph")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(options, Path(folder))
        random = Random(options.seed)
        try_ports(trial, trial.drawn(options.ports, random))
        if options.pairs:
            try_pairs(trial, options.pairs, random)
        if options.graphs:
            try_graphs(trial, options.checkpoint, options.graphs, random)


if __name__ == "__main__":
    main()
