"""The values inside an exported core, under the names that `swift-demucs trace` gives them.

    swift-demucs tensors prepare song.wav -o chunks -n htdemucs --chunk 1
    swift-demucs trace chunks/chunk-00000 -o ours.safetensors
    python onnx_trace.py core.onnx chunks/chunk-00000 -o theirs.safetensors
    swift-demucs compare ours.safetensors theirs.safetensors

Runs any ONNX graph of the core, of HTDemucs or of a RoFormer, in ONNX Runtime, with the values inside
as outputs. The chunk is one of `tensors prepare`, or our trace of one. A value of the graph is found
by the path of its module, which torch.onnx writes into names (or, with dynamo, into the metadata of
nodes); else by its shape and its values, from the inputs on: it is the one that correlates most with
ours. Values that can't be found are listed. Needs no PyTorch.

--replay cuts the graph at all values found, and gives our values to the nodes that read them. Each
value is then what the graph's layer makes of our input, so that a wrong layer doesn't hide the next
one; `compare --replay` names them all.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import command_line
import program

Values = dict[str, np.ndarray]

# The first parts of the reference's module paths: exporters put wrappers before them.
ROOTS = {
    "encoder", "tencoder", "decoder", "tdecoder", "crosstransformer", "channel_upsampler",
    "channel_upsampler_t", "channel_downsampler", "channel_downsampler_t",
    "band_split", "layers", "final_norm", "mask_estimators",
}  # fmt: skip
# Values that enter a module, by the module; x is that of either family.
ENTERING = {
    "x": ("encoder.0", "band_split"),
    "xt": ("tencoder.0",),
    "encoder.0.embedded": ("encoder.1",),
}
# Embeddings, by the module whose output they are added to.
ADDED = {
    "crosstransformer.pos_emb_2d": "crosstransformer.norm_in",
    "crosstransformer.pos_emb": "crosstransformer.norm_in_t",
}
# The core's outputs have any names and order: their dimensions tell them apart.
OUTPUT_RANKS = {"output": 5, "add_67": 4}
# Values outside of a graph that doesn't take them.
HOST = {"mix", "stft_repr", "final"}
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
# What torch.onnx calls the paths of modules in the metadata of a node.
SCOPES = "pkg.torch.onnx.name_scopes"
# Values of different layers correlate less; a value of a faulty layer correlates at least so much,
# unless its elements are in another order.
LEAST_CORRELATION = 0.5
SAMPLED_ELEMENTS = 4_096
# Values that are computed at once; the values between them take several times as much.
BATCH_BYTES = 1 << 29


def inputs_of(ours: Values) -> tuple[str, str]:
    """What a graph may take, by its dimensions: HTDemucs takes both, a RoFormer one of them."""
    return ("stft_repr", "x") if "band_split" in ours else ("mix", "mag")


def module_path(scopes: list[str]) -> str | None:
    """The reference's path of the innermost module, from names such as `model`, `encoder.0`,
    `dconv`, `layers.0`, `layers.0.3`; None outside of the reference's modules."""
    path: list[str] = []
    for scope in scopes:
        parts = scope.split(".")
        # A child of a list repeats its parent's name, and dynamo repeats the whole path.
        shared = next((n for n in range(len(path), 0, -1) if parts[:n] == path[-n:]), 0)
        path += parts[shared:]
    start = next((index for index, part in enumerate(path) if part in ROOTS), None)
    return None if start is None else ".".join(path[start:])


def is_inside(path: str | None, module: str) -> bool:
    """Whether a path is a module's or that of a part of it."""
    return path is not None and (path == module or path.startswith(module + "."))


@dataclass
class Place:
    """Where one of the reference's values is in the graph."""

    value: str
    # The order in which the reference has the value's axes, without those of one; None: the same.
    axes: tuple[int, ...] | None = None
    # With ours, of a value that was found by it.
    correlation: float = 1
    snr: float = -math.inf
    # The graph's shape and type.
    shape: tuple[int, ...] = ()
    dtype: type = np.float32

    def settle(self, array: np.ndarray, ours: np.ndarray) -> None:
        """Takes the shape of the value, and the order of axes in which it is most like ours: an
        optimiser moves transpositions out of a module."""
        self.shape, self.dtype = array.shape, array.dtype.type
        if self.axes is None and unbatched(array.shape) != unbatched(ours.shape):
            sample = Sample(ours)
            for axes in orders(array.shape, ours.shape):
                other = Place(self.value, axes)
                snr = sample.likeness(other.ordered(array, ours.shape))[1]
                if snr > self.snr:
                    self.axes, self.snr = axes, snr

    def ordered(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The graph's value in the reference's axes."""
        if self.axes:
            array = array.squeeze().transpose(self.axes)
        return array.reshape(shape) if array.size == math.prod(shape) else array

    def restored(self, ours: np.ndarray) -> np.ndarray:
        """Our value in the axes and the type of the graph's."""
        if self.axes:
            ours = ours.squeeze().transpose(np.argsort(self.axes))
        return np.ascontiguousarray(ours.reshape(self.shape), self.dtype)


class Graph:
    """An ONNX graph of the core: its values, and the modules that make them."""

    def __init__(self, path: Path, ours: Values, threads: int) -> None:
        self.path = path
        # The values that may be inputs, with the batch.
        self.given = {name: ours[name][np.newaxis] for name in inputs_of(ours)}
        self.threads = threads
        try:
            self.model = onnx.load(path)
        except DecodeError:
            raise SystemExit(f"{path}: is no ONNX graph") from None
        graph = self.model.graph
        self.nodes = list(graph.node)
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
        self.outputs = [value.name for value in graph.output]
        self.producers = {name: n for n, node in enumerate(self.nodes) for name in node.output}
        self.readers: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for name in node.input:
                self.readers.setdefault(name, []).append(number)
        self.paths = [self._path(node) for node in self.nodes]
        # Every value is an output of this session, which tells their types.
        self.whole = self._session(self.model, [name for name in self.producers if name], False)
        self.inputs = [value.name for value in self.whole.get_inputs()]
        self.types = {
            value.name: value
            for value in (*self.whole.get_inputs(), *self.whole.get_outputs())
            if value.type in TYPES and value.name not in self.constants
        }

    @staticmethod
    def _path(node: onnx.NodeProto) -> str | None:
        for entry in node.metadata_props:
            if entry.key == SCOPES:
                return module_path(ast.literal_eval(entry.value)[:-1])
        # Optimisers rename the nodes that they make, but not the values that these compute.
        return module_path(node.output[0].strip("/").split("/")[:-1])

    def _session(
        self, model: onnx.ModelProto, outputs: list[str], optimises: bool
    ) -> onnxruntime.InferenceSession:
        """A session of the part of a graph that makes some values."""
        needed = set(outputs)
        nodes: set[int] = set()
        stack = list(outputs)
        while stack:
            number = self.producers.get(stack.pop())
            if number is None or number in nodes:
                continue
            nodes.add(number)
            node = model.graph.node[number]
            bodies = [inner for attribute in node.attribute for inner in attribute.g.node]
            read = [name for reader in (node, *bodies) for name in reader.input]
            needed.update(read)
            stack += read
        part = onnx.ModelProto()
        part.CopyFrom(model)
        for kept, values in (
            (part.graph.node, [model.graph.node[number] for number in sorted(nodes)]),
            (part.graph.initializer, [t for t in model.graph.initializer if t.name in needed]),
            (part.graph.input, [v for v in model.graph.input if v.name in needed]),
            # ONNX Runtime infers their types.
            (part.graph.output, [onnx.ValueInfoProto(name=name) for name in outputs]),
        ):
            del kept[:]
            kept.extend(values)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.log_severity_level = 3
        if not optimises:
            settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(
            part.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )

    def _run(
        self, model: onnx.ModelProto, values: Iterable[str], feed: Values, optimises: bool = True
    ) -> Iterator[tuple[str, np.ndarray]]:
        """The values that nodes of a graph make, a part at a time."""
        part: list[str] = []
        count = 0
        for value in values:
            shape = self.types[value].shape
            size = 4 * math.prod(n for n in shape if isinstance(n, int))
            if part and count + size > BATCH_BYTES:
                yield from self._part(model, part, feed, optimises)
                part, count = [], 0
            part.append(value)
            count += size
        yield from self._part(model, part, feed, optimises)

    def _part(
        self, model: onnx.ModelProto, values: list[str], feed: Values, optimises: bool
    ) -> Iterator[tuple[str, np.ndarray]]:
        if values:
            session = self._session(model, values, optimises)
            given = {value.name: feed[value.name] for value in session.get_inputs()}
            yield from zip(values, session.run(values, given), strict=True)

    def rank(self, value: str) -> int:
        """The number of a value's dimensions; 0 for constants and other types than floats."""
        return len(self.types[value].shape) if value in self.types else 0

    # Values by the paths of modules.

    def place(self, name: str) -> Place | None:
        """The place of one of the reference's values."""
        given = [value for value in self.inputs if self.input_name(value) == name]
        if given:
            return Place(given[0])
        if name in OUTPUT_RANKS:
            found = [value for value in self.outputs if self.rank(value) == OUTPUT_RANKS[name]]
            return Place(found[0]) if len(found) == 1 else None
        if name in ENTERING:
            found = (self._entering(module) for module in ENTERING[name])
            value = next((value for value in found if value), None)
        elif name in ADDED:
            value = self._added(self._leaving(ADDED[name]))
        else:
            value = self._leaving(name)
        return Place(value) if value else None

    def _leaving(self, module: str) -> str | None:
        """The last value of a module that nodes outside of it read."""
        for number in range(len(self.nodes) - 1, -1, -1):
            if not is_inside(self.paths[number], module):
                continue
            for value in self.nodes[number].output:
                readers = [self.paths[n] for n in self.readers.get(value, [])]
                leaves = value in self.outputs or not all(is_inside(p, module) for p in readers)
                if leaves and value in self.types:
                    return value
        return None

    def _entering(self, module: str) -> str | None:
        """The value from outside that the first node of a module reads."""
        for number, node in enumerate(self.nodes):
            if is_inside(self.paths[number], module):
                for value in node.input:
                    made = self.producers.get(value)
                    if value in self.types and (
                        made is None or not is_inside(self.paths[made], module)
                    ):
                        return value
        return None

    def _added(self, value: str | None) -> str | None:
        """What is added to a value."""
        for number in self.readers.get(value or "", []):
            node = self.nodes[number]
            if node.op_type == "Add":
                return next((name for name in node.input if name != value), None)
        return None

    # Values by their shapes and values.

    def find(self, names: list[str], ours: Values) -> dict[str, Place]:
        """The places of values that are like ours; each is the first of equal ones."""
        found: dict[str, Place] = {}
        samples = {name: Sample(ours[name]) for name in names}
        for value, array in self._values({ours[name].size for name in names}):
            for name, sample in samples.items():
                for axes in orders(array.shape, sample.shape):
                    place = Place(value, axes)
                    here = place.ordered(array, sample.shape)
                    place.correlation, place.snr = sample.likeness(here)
                    best = found[name].snr + 1e-6 if name in found else -math.inf
                    if place.correlation >= LEAST_CORRELATION and place.snr > best:
                        found[name] = place
        return found

    def _values(self, sizes: set[int]) -> Iterator[tuple[str, np.ndarray]]:
        """All values that may have one of some sizes, in the order of computation."""
        values = []
        for value in self.producers:
            shape = self.types[value].shape if value in self.types else [0]
            # Dimensions of other types are names of unknown sizes.
            if not all(isinstance(n, int) for n in shape) or math.prod(shape) in sizes:
                values.append(value)
        return self._run(self.model, values, self.feed(), optimises=False)

    # Running.

    def input_name(self, value: str) -> str | None:
        """The name of what an input takes, which has as many dimensions."""
        return next((n for n, array in self.given.items() if array.ndim == self.rank(value)), None)

    def feed(self) -> Values:
        """The graph's inputs."""
        found = {}
        for value in self.whole.get_inputs():
            name = self.input_name(value.name)
            if name is None:
                shapes = " or ".join(f"{n} {[*array.shape]}" for n, array in self.given.items())
                raise SystemExit(
                    f"{self.path}: the input {value.name} is {value.type} {value.shape}, expected "
                    f"{shapes}"
                )
            array = self.given[name]
            sizes = zip(value.shape, array.shape, strict=True)
            if any(isinstance(size, int) and size != actual for size, actual in sizes):
                raise SystemExit(
                    f"{self.path}: the input {value.name} has the shape {value.shape}, the chunk "
                    f"{list(array.shape)}: make chunks of this length ('--chunk')"
                )
            found[value.name] = array.astype(TYPES[value.type])
        return found

    def run(self, places: dict[str, Place], ours: Values) -> Values:
        """The graph's values at some places, as ONNX Runtime optimises it."""
        return self._named(self.model, places, ours, self.feed())

    def replay(self, places: dict[str, Place], ours: Values) -> Values:
        """The same, but nodes that read the value of a place get ours instead."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        feed = self.feed()
        cuts: dict[str, str] = {}
        for name, place in places.items():
            value = place.value
            if value not in self.producers or value in cuts or value in self.outputs:
                continue
            # A value of another size is wrong; what reads it can't take ours.
            if math.prod(place.shape) != ours[name].size:
                continue
            cuts[value] = f"{value}/ours"
            feed[cuts[value]] = array = place.restored(ours[name])
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            model.graph.input.append(
                onnx.helper.make_tensor_value_info(cuts[value], kind, array.shape)
            )
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                node.input[index] = cuts.get(name, name)
        return self._named(model, places, ours, feed)

    def _named(
        self, model: onnx.ModelProto, places: dict[str, Place], ours: Values, feed: Values
    ) -> Values:
        """The values of places under the reference's names and in its axes."""
        names: dict[str, list[str]] = {}
        for name, place in places.items():
            names.setdefault(place.value, []).append(name)
        made = [value for value in names if value in self.types and value in self.producers]
        others = [value for value in names if value not in made]
        found = {}
        for value, array in itertools.chain(
            ((value, self._given(value, feed)) for value in others),
            self._run(model, made, feed),
        ):
            for name in names[value]:
                places[name].settle(array, ours[name])
                ordered = places[name].ordered(array, ours[name].shape)
                found[name] = np.ascontiguousarray(ordered, np.float32)
        return found

    def _given(self, value: str, feed: Values) -> np.ndarray:
        """An input or a constant of the graph."""
        if value in self.constants:
            return onnx.numpy_helper.to_array(self.constants[value])
        return feed[value]


def unbatched(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its dimensions of one."""
    return tuple(size for size in shape if size != 1)


def orders(shape: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[tuple[int, ...] | None]:
    """The orders of axes that give a shape, without dimensions of one; None leaves them."""
    shape, wanted = unbatched(shape), unbatched(wanted)
    if math.prod(shape) != math.prod(wanted):
        return
    yield None
    if sorted(shape) == sorted(wanted):
        for axes in itertools.permutations(range(len(shape))):
            if axes != tuple(range(len(shape))) and tuple(shape[a] for a in axes) == wanted:
                yield axes


class Sample:
    """Some elements of one of our values, to tell which value of the graph is like it."""

    def __init__(self, ours: np.ndarray) -> None:
        picked = np.random.default_rng(0).integers(0, ours.size, SAMPLED_ELEMENTS)
        self.shape = ours.shape
        self.index = np.unravel_index(picked, ours.shape)
        self.values = ours[self.index].astype(np.float64)
        self.energy = float(self.values @ self.values)

    def likeness(self, array: np.ndarray) -> tuple[float, float]:
        """The correlation with an array of the same shape, and its SNR in dB."""
        found = array[self.index].astype(np.float64)
        scale = math.sqrt(float(found @ found) * self.energy)
        if not 0 < scale < math.inf:
            return 0, -math.inf
        error = found - self.values
        noise = float(error @ error)
        snr = 10 * math.log10(self.energy / noise) if noise else math.inf
        return abs(float(found @ self.values)) / scale, snr


def trace(options: argparse.Namespace, ours: Values) -> tuple[Values, list[str]]:
    """The values found, and the names of the other ones."""
    graph = Graph(options.graph, ours, options.threads)
    fed = {graph.input_name(value) for value in graph.inputs}
    names = [name for name in ours if name not in HOST or name in fed]
    found = {name: graph.place(name) for name in names}
    places = {name: place for name, place in found.items() if place}
    rest = [name for name in names if name not in places]
    places.update(graph.find(rest, ours))
    for name in rest:
        if name in places:
            place = places[name]
            print(f"{name}: {place.value}, correlation {place.correlation:.3f}")
    values = graph.run(places, ours)
    if options.replay:
        values = graph.replay(places, ours)
    return values, [name for name in rest if name not in places]


def write(options: argparse.Namespace) -> int:
    """Writes the trace."""
    with tempfile.TemporaryDirectory() as folder:
        path = options.chunk
        if path.suffix != ".safetensors":
            path = Path(folder) / "ours.safetensors"
            model = ["-n", options.name] if options.name else []
            program.run(options.binary, "trace", options.chunk, "-o", path, "-q", *model)
        try:
            ours = load_file(path)
        except SafetensorError as error:
            raise SystemExit(f"{path}: {error}; expected a trace of 'swift-demucs trace'") from None
    for name in inputs_of(ours):
        if name not in ours:
            raise SystemExit(f"{path}: has no '{name}'; expected a trace with all values")
    values, missing = trace(options, ours)
    # The file gets its name when it is complete.
    unfinished = options.output.with_name(f".{options.output.name}.unfinished")
    save_file(values, unfinished, {"source": options.graph.name})
    unfinished.replace(options.output)
    print(f"{options.output}: {len(values)} of {len(values) + len(missing)} values")
    if missing:
        print(f"not found: {', '.join(missing)}")
    return 0


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "threads")
    parser.add_argument("graph", type=Path, help="ONNX file of the core")
    parser.add_argument("chunk", type=Path, help="folder/chunk-00000, or our trace of a chunk")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors to write")
    parser.add_argument("-n", "--name", help="the model; default: the one of the chunks")
    parser.add_argument("--replay", action="store_true", help="our input for every layer")
    options = parser.parse_args()
    try:
        return write(options)
    except (
        OSError,
        KeyError,
        DecodeError,
        SafetensorError,
        Fail,
        InvalidArgument,
        InvalidGraph,
    ) as error:
        raise SystemExit(f"onnx_trace.py: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
