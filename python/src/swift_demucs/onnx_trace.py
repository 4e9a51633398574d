"""The values inside an exported network, under the names that `swift-demucs trace` gives them.

Runs any ONNX graph of HTDemucs or of a RoFormer in ONNX Runtime, from the mix or from its
spectrogram on, with the values inside as outputs. A value of the graph is found by the path of its
module, which torch.onnx writes into names (or, with dynamo, into the metadata of nodes); else by
its size and its values. Inputs and outputs may be parts of a value, such as its real and imaginary
halves. Values that the graph doesn't have are listed: an optimiser computes some in another form.
A part of the network takes and gives values by their names in our trace. Needs no PyTorch.
"""

from __future__ import annotations

import copy
import graphlib
import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnxruntime.capi import onnxruntime_pybind11_state as ort

Values = dict[str, np.ndarray]
Level = onnxruntime.GraphOptimizationLevel
Shape = tuple[int, ...]

# The first parts of the reference's module paths: exporters put wrappers before them.
ROOTS = {
    "encoder", "tencoder", "decoder", "tdecoder", "crosstransformer", "channel_upsampler",
    "channel_upsampler_t", "channel_downsampler", "channel_downsampler_t",
    "band_split", "layers", "final_norm", "mask_estimators",
}  # fmt: skip
# Values that enter a module, by the module; x is that of either family.
ENTERING = {
    "x": ("encoder.0", "band_split"), "xt": ("tencoder.0",), "encoder.0.embedded": ("encoder.1",),
}  # fmt: skip
# Embeddings, by the module whose output they are added to.
ADDED = {
    "crosstransformer.pos_emb_2d": "crosstransformer.norm_in",
    "crosstransformer.pos_emb": "crosstransformer.norm_in_t",
}
# The outputs have any names and order: their sizes and values tell them apart.
OUTPUTS = ("output", "add_67", "final")
# Values outside of a graph that doesn't take or give them.
HOST = {"mix", "stft_repr", "final"}
# The axis of time in an input of the core, from the end.
TIME_AXES = {"mix": -1, "mag": -1, "stft_repr": -2, "x": -2}
TYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
}  # fmt: skip
ERRORS = (
    OSError, DecodeError, ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.NotImplemented,
    ort.RuntimeException, onnx.checker.ValidationError,
)  # fmt: skip
# What torch.onnx calls the paths of modules in the metadata of a node.
SCOPES = "pkg.torch.onnx.name_scopes"
# A value with this SNR is ours: no other value of the graph is so much like it.
SURE_DECIBELS = 40
# In INT8, whose values have about 30 dB, a value so near to their median is ours too.
SPREAD_DECIBELS, LEAST_DECIBELS = 15, 10
# Readers that gain or lose so much tell whether they expect our value; rounding changes less.
GAIN_DECIBELS = 6
# Values of different layers correlate less.
LEAST_CORRELATION = 0.5
SAMPLED_ELEMENTS = 4_096
# Axes of at most so many elements may be apart: sources, channels, real and imaginary parts.
MOST_PARTS = 8
# The imaginary half of a spectrogram, by its name.
IMAGINARY = re.compile("(?<![a-z])im(ag|(?![a-z]))", re.IGNORECASE)
# Orders of more axes aren't tried: twelve have half a billion.
MOST_AXES = 5
# Values that are computed at once; the values between them take several times as much.
BATCH_BYTES = 1 << 27
THREADS = 2
# The name of an input that replaces a value ends with it.
CUT = "/ours"
OTHER_FORM = "not in the graph: it computes this in another form"
NOT_FOUND = "not found"


class TraceError(Exception):
    """Why a graph can't be traced, in a sentence."""


@dataclass
class Traced:
    """The values of a graph, under the reference's names and in its axes."""

    values: MutableMapping[str, np.ndarray]
    # Why other values are missing.
    missing: dict[str, str]
    # The names in the graph; a value that several outputs have together has none.
    nodes: dict[str, str]


@dataclass
class Place:
    """Where one of the reference's values is in the graph."""

    value: str
    # With ours, of a value that was found by it; None: found by its name.
    correlation: float | None = None
    # The order in which the reference has the value's axes, without those of one; None: the same.
    axes: Shape | None = None
    # The graph's shape and type.
    shape: Shape = ()
    dtype: type = np.float32

    def ordered(self, array: np.ndarray, shape: Shape) -> np.ndarray:
        """The graph's value in the reference's axes."""
        return (array.squeeze().transpose(self.axes) if self.axes else array).reshape(shape)

    def restored(self, ours: np.ndarray) -> np.ndarray:
        """Our value in the axes and the type of the graph's."""
        if self.axes:
            shape = unbatched(self.shape)
            ours = ours.reshape([shape[axis] for axis in self.axes])
            ours = ours.transpose(np.argsort(self.axes))
        return np.ascontiguousarray(ours.reshape(self.shape), self.dtype)


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


class Graph:
    """An ONNX graph of the core: its values, and the modules that make them."""

    def __init__(
        self, path: Path, ours: Mapping[str, np.ndarray], inputs: Mapping[str, str],
        outputs: Mapping[str, str], values: MutableMapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        self.path, self.ours = path, ours
        # The graph's values that were measured, under our names and in our axes.
        self.values = values
        self.named = outputs
        self.samples = {name: Sample(array) for name, array in ours.items()}
        self.places: dict[str, Place] = {}
        # Values of the graph that were taken for ours, by our names.
        self.refuted: dict[str, set[str]] = {}
        self.levelled: dict[str, float] = {}
        self.model = read_graph(path)
        graph = self.model.graph
        self.nodes = list(graph.node)
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in self.nodes:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    self.constants[node.output[0]] = attribute.t
        self.outputs = [value.name for value in graph.output]
        self.producers = {name: n for n, node in enumerate(self.nodes) for name in node.output}
        self.readers: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for name in node.input:
                self.readers.setdefault(name, []).append(number)
        self.paths = [self._path(node) for node in self.nodes]
        # Every value is an output of this session, which tells their types.
        every = [name for name in self.producers if name]
        whole = self._session(every, {}, Level.ORT_ENABLE_BASIC)
        self.inputs = {value.name: value for value in whole.get_inputs()}
        self.shapes = {
            value.name: value.shape
            for value in (*self.inputs.values(), *whole.get_outputs())
            if value.type in TYPES and value.name not in self.constants
        }
        for kind, pairs, own in (("input", inputs, self.inputs), ("output", outputs, self.outputs)):
            for value, name in pairs.items():
                if value not in own:
                    known = f"its {kind}s are {', '.join(own)}"
                    raise TraceError(f"{path}: has no {kind} '{value}'; {known}")
                if name not in ours:
                    raise TraceError(f"our trace has no '{name}'; it has {', '.join(ours)}")
        # The graph's inputs, and the places of ours that are its inputs or outputs.
        self.feed: Values = {}
        self.given: dict[str, Place] = {}
        self.ends: dict[str, Place] = {}
        self._take_inputs(inputs)
        self._measure_shapes()

    @staticmethod
    def _path(node: onnx.NodeProto) -> str | None:
        for entry in node.metadata_props:
            if entry.key == SCOPES:
                return module_path(re.findall("'([^']*)'", entry.value)[:-1])
        # Optimisers rename the nodes that they make, but not the values that these compute; where a
        # reordered copy has another name, the node has it.
        paths = (module_path(n.strip("/").split("/")[:-1]) for n in (node.output[0], node.name))
        return next((path for path in paths if path), None)

    def _measure_shapes(self) -> None:
        """Finds the shapes that ONNX Runtime doesn't infer; those of an unknown rank are empty."""
        shapes = self.shapes.items()
        unknown = [v for v, s in shapes if not s or not all(isinstance(n, int) for n in s)]
        made = [value + CUT for value in unknown]
        self.producers |= {name: len(self.nodes) + number for number, name in enumerate(made)}
        self.nodes += [onnx.helper.make_node("Shape", [v], [v + CUT]) for v in unknown]
        self.paths += [None] * len(made)
        if made:
            session = self._session(made, {}, Level.ORT_DISABLE_ALL)
            given = {value.name: self.feed[value.name] for value in session.get_inputs()}
            found = session.run(made, given)
            self.shapes |= {v: shape.tolist() for v, shape in zip(unknown, found, strict=True)}

    # Inputs and outputs.

    def _take_inputs(self, named: Mapping[str, str]) -> None:
        """Gives each input our value of its size, and of its shape if several have the size; inputs
        of one shape take the parts of a value."""
        groups: dict[tuple[object, ...], list[str]] = {}
        for value, node in self.inputs.items():
            groups.setdefault((named.get(value), *node.shape), []).append(value)
        for values in groups.values():
            node = self.inputs[values[0]]
            names = [named[node.name]] if node.name in named else inputs_of(self.ours)
            found = []
            for name in names:
                for parts in partings(self.samples[name].shape, len(values)):
                    sizes = parts.shape[1:]
                    shape = filled(node.shape, sizes)
                    axes = list(orders(shape, sizes))
                    if axes and node.type in TYPES:
                        place = Place("", axes=axes[0], shape=shape, dtype=TYPES[node.type])
                        found.append((unbatched(shape) == unbatched(sizes), name, place, parts))
            if not found:
                raise TraceError(f"{self.path}: {self._refusal(node, names)}")
            _, name, place, parts = max(found, key=lambda choice: choice[0])
            if len(values) == 2:
                values.sort(key=lambda value: bool(IMAGINARY.search(value)))
            for value, part in zip(values, parts, strict=True):
                self.feed[value] = place.restored(self.ours[name].ravel()[part])
            if len(values) > 1:
                values = [name + CUT]
                self.feed[name + CUT] = self.ours[name]
                place = Place("", shape=self.samples[name].shape)
            self.given[name] = replace(place, value=values[0])

    def _refusal(self, node: onnxruntime.NodeArg, names: list[str]) -> str:
        """Why an input takes none of our values, and what to do."""
        shape = node.shape
        text = f"the input {node.name} is {node.type} {shape}"
        for name in names:
            sizes = self.samples[name].shape
            batch, rest = shape[: -len(sizes)], shape[-len(sizes) :]
            different = [axis for axis, size in enumerate(sizes) if [size] != rest[axis : axis + 1]]
            if not different and batch:
                return f"{text}, a batch of {batch[0]}: export the graph with a batch of 1"
            if different == [len(sizes) + TIME_AXES.get(name, 0)]:
                here = f"the chunk has {name} {[*sizes]}"
                return f"{text}, {here}: make chunks of this length ('--chunk')"
        sizes = {name: sample.shape for name, sample in self.samples.items()}
        text += ", expected " + " or ".join(f"{name} {[*sizes[name]]}" for name in names)
        fitting = [n for n, size in sizes.items() if list(orders(filled(shape, size), size))]
        if node.type not in TYPES or not fitting:
            return f"{text}; no value of the network fits: export the graph from the mix on"
        known = ", ".join(fitting[:4])
        return f"{text}; a part of the network needs '--input {node.name}=VALUE', one of {known}"

    def _find_ends(self) -> None:
        """Finds our values in the outputs, those most like ours first. Without any likeness, the
        stems are `add_67` of a graph that takes the spectrogram, and `final` of another."""
        named = self.named
        floats = [value for value in named or self.outputs if value in self.shapes]
        arrays = dict(self._run(floats))
        found = []
        known = OUTPUTS if "mag" in self.given else OUTPUTS[::-1]
        for name in dict.fromkeys(named.values() if named else known):
            ours = self.ours.get(name, np.empty((0, 0)))
            own = {value: a for value, a in arrays.items() if named.get(value, name) == name}
            # A RoFormer of one stem has the rest of the mix too; its graph may not.
            for stems in [ours, ours[:1]] if name == "final" and len(ours) == 2 else [ours]:
                for size in {array.size for array in own.values()} - {0}:
                    sized = {value: array for value, array in own.items() if array.size == size}
                    for parts in partings(stems.shape, stems.size // size):
                        level, places = likest(stems.ravel()[parts], sized)
                        if places:
                            found.append((level, name, places, parts))
        used: set[str] = set()
        for _, name, places, parts in sorted(found, key=lambda choice: choice[0], reverse=True):
            values = {place.value for place in places}
            if name not in self.ends and not values & used:
                used |= values
                self.ends[name] = self._joined(name, places, parts)
        for value, name in named.items():
            if value not in used:
                shape = f"{self.shapes.get(value)}, expected {name} {[*self.samples[name].shape]}"
                raise TraceError(f"{self.path}: the output {value} is {shape} or all its parts")

    def _joined(self, name: str, places: list[Place], parts: np.ndarray) -> Place:
        """The place of a value that outputs have together, or without the rest of the mix."""
        ours = self.ours[name]
        if len(places) == 1 and parts.size == ours.size:
            return places[0]
        value = self._flat(places, parts)
        if parts.size < ours.size:
            mix = self.ours["mix"].ravel().astype(places[0].dtype)
            rest = self._node("Neg", [self._node("Sub", [value], mix)])
            value = self._node("Concat", [value, rest], axis=0)
        self.shapes[value] = [ours.size]
        return Place(value, shape=(ours.size,))

    def _flat(self, places: list[Place], parts: np.ndarray) -> str:
        """A new value of parts, whose elements have our order."""
        index = np.empty(parts.size, np.int64)
        for number, (place, part) in enumerate(zip(places, parts, strict=True)):
            elements = np.arange(part.size).reshape(place.shape) + number * part.size
            index[part] = place.ordered(elements, part.shape)
        flat = [self._node("Reshape", [place.value], np.array([-1])) for place in places]
        return self._node("Gather", [self._node("Concat", flat, axis=0)], index)

    def _node(
        self, kind: str, values: list[str], constant: np.ndarray | None = None, **attributes: int
    ) -> str:
        """The value of a new node."""
        made = f"{kind} {len(self.nodes)}{CUT}"
        if constant is not None:
            values = [*values, made + " constant"]
            tensor = onnx.numpy_helper.from_array(constant, values[-1])
            self.model.graph.initializer.append(tensor)
        self.producers[made] = len(self.nodes)
        for value in values:
            self.readers.setdefault(value, []).append(len(self.nodes))
        self.nodes.append(onnx.helper.make_node(kind, values, [made], **attributes))
        self.paths.append(None)
        return made

    # Running.

    def _session(
        self, outputs: Iterable[str], cuts: Mapping[str, str], level: Level
    ) -> onnxruntime.InferenceSession:
        """A session of the part of the graph that makes some values. Nodes that read a value of
        `cuts` get our value of its name, by an input whose name ends with CUT."""
        needed = set(outputs)
        numbers: set[int] = set()
        stack = list(outputs)
        while stack:
            number = self.producers.get(stack.pop())
            if number is None or number in numbers:
                continue
            numbers.add(number)
            node = self.nodes[number]
            read = {name for name in node.input if name not in cuts} | read_inside(node)
            needed |= read
            stack += read
        part = onnx.ModelProto(
            ir_version=self.model.ir_version,
            opset_import=self.model.opset_import,
            functions=self.model.functions,
        )
        graph, whole = part.graph, self.model.graph
        graph.name = whole.name
        graph.value_info.extend(whole.value_info)
        graph.initializer.extend(t for t in whole.initializer if t.name in needed)
        graph.input.extend(v for v in whole.input if v.name in needed)
        # ONNX Runtime infers their types.
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        graph.node.extend(self.nodes[number] for number in sorted(numbers))
        used: set[str] = set()
        for node in graph.node:
            used.update(name for name in node.input if name in cuts)
            node.input[:] = [name + CUT if name in cuts else name for name in node.input]
        for value in used:
            place = self.places[cuts[value]]
            kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(place.dtype))
            graph.input.append(onnx.helper.make_tensor_value_info(value + CUT, kind, place.shape))
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = THREADS
        settings.log_severity_level = 3
        settings.graph_optimization_level = level
        return onnxruntime.InferenceSession(
            part.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )

    def _run(
        self, values: Iterable[str], cuts: Mapping[str, str] | None = None,
        level: Level = Level.ORT_ENABLE_ALL,
    ) -> Iterator[tuple[str, np.ndarray]]:  # fmt: skip
        """Some values of the graph in the order of the nodes, computed from ours at the cuts;
        without cuts from those that were measured, which are the graph's own."""
        parts: list[list[str]] = [[]]
        count = 0
        for value in sorted(values, key=lambda value: self.producers.get(value, -1)):
            if value in self.constants:
                yield value, onnx.numpy_helper.to_array(self.constants[value])
            elif value in self.feed:
                yield value, self.feed[value]
            else:
                size = 4 * math.prod(self.shapes[value])
                if parts[-1] and count + size > BATCH_BYTES:
                    parts.append([])
                    count = 0
                parts[-1].append(value)
                count += size
        for part in filter(None, parts):
            source = self.values if cuts is None else self.ours
            here = self._cuts(self.values) if cuts is None else cuts
            session = self._session(part, here, level)
            given = {}
            for name in (value.name for value in session.get_inputs()):
                ours = here.get(name.removesuffix(CUT))
                own = name in self.feed or not ours
                given[name] = self.feed[name] if own else self.places[ours].restored(source[ours])
            yield from zip(part, session.run(part, given), strict=True)

    # Values by the paths of modules.

    def _fits(self, value: str, size: int) -> bool:
        """Whether a value has so many elements; constants and other types don't count."""
        return value in self.shapes and math.prod(self.shapes[value]) == size

    def place(self, name: str) -> Place | None:
        """The place of one of the reference's values by its name."""
        size = self.samples[name].size
        if name in self.given:
            return self.given[name]
        if name in ENTERING:
            found = (self._entering(module, size) for module in ENTERING[name])
            value = next((value for value in found if value), None)
        elif name in ADDED:
            value = self._added(self._leaving(ADDED[name], size))
        else:
            value = self._leaving(name, size)
        return Place(value) if value else None

    def _leaving(self, module: str, size: int) -> str | None:
        """The last value of a module that nodes outside of it read."""
        for number in range(len(self.nodes) - 1, -1, -1):
            if not is_inside(self.paths[number], module):
                continue
            for value in self.nodes[number].output:
                readers = [self.paths[n] for n in self.readers.get(value, [])]
                leaves = value in self.outputs or not all(is_inside(p, module) for p in readers)
                if leaves and self._fits(value, size):
                    return value
        return None

    def _entering(self, module: str, size: int) -> str | None:
        """The value from outside that the first node of a module reads."""
        for number, node in enumerate(self.nodes):
            if is_inside(self.paths[number], module):
                for value in node.input:
                    made = self.producers.get(value)
                    outside = made is None or not is_inside(self.paths[made], module)
                    if outside and self._fits(value, size):
                        return value
        return None

    def _added(self, value: str | None) -> str | None:
        """What is added to a value."""
        for number in self.readers.get(value or "", []):
            node = self.nodes[number]
            if node.op_type == "Add":
                return next((name for name in node.input if name != value), None)
        return None

    # Values by their sizes and values.

    def find(self, names: Collection[str], confirmed: Collection[str]) -> dict[str, Place]:
        """The places of values that are like ours, where the graph gets ours at confirmed places;
        each is the first of equal ones."""
        found: dict[str, Place] = {}
        best: dict[str, float] = {}
        sizes = {self.samples[name].size for name in names}
        made = [value for value in self.shapes if value not in self.feed]
        values = [value for value in made if any(self._fits(value, size) for size in sizes)]
        values += [v for v, tensor in self.constants.items() if math.prod(tensor.dims) in sizes]
        for value, array in self._run(values, self._cuts(confirmed), Level.ORT_DISABLE_ALL):
            for name in names:
                likeness = closest(value, array, self.samples[name])
                if not likeness or value in self.refuted.get(name, ()):
                    continue
                snr, place = likeness
                is_like = place.correlation >= LEAST_CORRELATION
                if is_like and snr > best.get(name, -math.inf) + 1e-6:
                    best[name], found[name] = likeness
        return found

    # Which places are right.

    def _cuts(self, names: Iterable[str]) -> dict[str, str]:
        """The graph's values at places, with our names for them."""
        return {self.places[name].value: name for name in names}

    def measure(self, names: Iterable[str], cuts: Iterable[str] | None = None) -> dict[str, float]:
        """The SNR of the graph's values at places, computed from ours at the cuts; a value of
        another size has no place. Without cuts the values are kept."""
        wanted: dict[str, list[str]] = {}
        for name in names:
            wanted.setdefault(self.places[name].value, []).append(name)
        levels = {}
        for value, array in self._run(wanted, None if cuts is None else self._cuts(cuts)):
            for name in wanted[value]:
                place = self.places[name]
                if not place.shape:
                    likeness = closest(value, array, self.samples[name])
                    if not likeness:
                        del self.places[name]
                        continue
                    place = self.places[name] = replace(likeness[1], correlation=None)
                ordered = place.ordered(array, self.samples[name].shape)
                levels[name] = self.samples[name].likeness(ordered)[0]
                if cuts is None:
                    self.values[name] = np.ascontiguousarray(ordered, np.float32)
        return levels

    def check(self, names: Collection[str], confirmed: set[str]) -> None:
        """Measures the graph's values at new places; adds right places to the confirmed ones, and
        removes the others.

        A place is right if its value is ours, computed from the graph's inputs or from ours at all
        other places. Any other value is wrong or misread, which its readers tell: the confirmed
        values after it, computed from the graph's value and from ours. Readers of a wrong value
        get better with ours. If they get worse, they expect another form of it."""
        levels = self.measure(names)
        if any(level < SURE_DECIBELS for level in levels.values()):
            alone = self.measure(levels, list(self.places))
            levels = {name: max(level, alone[name]) for name, level in levels.items()}
        known = self.given.keys() | self.ends.keys()
        self.levelled |= levels
        known_levels = [level for n, level in self.levelled.items() if n not in self.given]
        median = np.median(known_levels or [0])
        least = min(max(median - SPREAD_DECIBELS, LEAST_DECIBELS), SURE_DECIBELS)
        unsure = {n for n, level in levels.items() if n not in known and level < least}
        confirmed |= levels.keys() - unsure
        order = {value: number for number, value in enumerate(self.producers)}
        for name in sorted(unsure, key=lambda name: order.get(self.places[name].value, -1)):
            place = self.places[name]
            gain = self._gain(name, confirmed)
            # Without a verdict a name counts, but a likeness doesn't.
            if gain > (-GAIN_DECIBELS if place.correlation is None else GAIN_DECIBELS):
                confirmed.add(name)
            else:
                self.refuted.setdefault(name, set()).add(place.value)
                del self.places[name], self.values[name]

    def _gain(self, name: str, confirmed: Collection[str]) -> float:
        """By how many decibels our value brings its readers nearer to ours."""
        readers = self._next(self.places[name].value, self._cuts(confirmed))
        own, given = (
            sum(min(max(level, 0), 120) for level in levels.values())
            for levels in (
                self.measure(readers, confirmed),
                self.measure(readers, {*confirmed, name}),
            )
        )
        return (given - own) / max(len(readers), 1)

    def _next(self, value: str, cuts: Mapping[str, str]) -> list[str]:
        """The first of our values that are computed from a value of the graph."""
        found, seen, stack = [], {value}, [value]
        while stack:
            for number in self.readers.get(stack.pop(), []):
                made = set(self.nodes[number].output) - seen
                seen |= made
                found += [cuts[value] for value in made if value in cuts]
                stack += made - cuts.keys()
        return found

    def trace(self, is_part: bool) -> Traced:
        """All values of the reference that are in the graph."""
        by_name = {n: self.place(n) for n in self.ours if n not in HOST or n in self.given}
        self.places = {name: place for name, place in by_name.items() if place}
        confirmed: set[str] = set()
        self.check(list(self.places), confirmed)
        if self.named or not is_part:
            self._find_ends()
        by_name |= self.ends
        self.places |= self.ends
        self.check(list(self.ends), confirmed)
        names = [name for name in self.ours if name in by_name]
        count = 0
        # Our values at the places of one search show more places to the next one.
        while count < len(confirmed):
            count = len(confirmed)
            found = self.find([name for name in names if name not in self.places], confirmed)
            self.places |= found
            self.check(found, confirmed)
        missing = {}
        for name in names:
            if name not in self.values and not is_part:
                place = by_name[name]
                is_refuted = place is not None and place.value in self.refuted.get(name, ())
                missing[name] = OTHER_FORM if is_refuted else NOT_FOUND
        nodes = {n: p.value for n, p in self.places.items() if not p.value.endswith(CUT)}
        return Traced(self.values, missing, nodes)


def inputs_of(ours: Values) -> list[str]:
    """What a graph may take."""
    return ["mix", "stft_repr", "x"] if "band_split" in ours else ["mix", "mag"]


def unbatched(shape: Iterable[int | str]) -> tuple[int, ...]:
    """A shape without its dimensions of one."""
    return tuple(size for size in shape if size != 1)


def filled(shape: list[int | str], sizes: Shape) -> Shape:
    """A shape of the graph, whose dimensions without numbers are as ours."""
    whole = (1,) * (len(shape) - len(sizes)) + sizes
    pairs = itertools.zip_longest(shape, whole, fillvalue=0)
    return tuple(size if isinstance(size, int) else actual for size, actual in pairs)


def split(shape: Shape) -> Shape:
    """A shape with an axis for real and imaginary parts, which the reference has as channels."""
    is_complex = len(shape) > 2 and shape[-3] % 2 == 0
    return (*shape[:-3], shape[-3] // 2, 2, *shape[-2:]) if is_complex else shape


def partings(shape: Shape, count: int) -> Iterator[np.ndarray]:
    """The ways to have a value as `count` parts: the elements of each, by their numbers."""
    for whole in dict.fromkeys((shape, split(shape))):
        numbers = np.arange(math.prod(shape)).reshape(whole)
        small = [axis for axis, size in enumerate(whole) if 1 < size <= MOST_PARTS]
        for n in range(len(small) + 1):
            # Real and imaginary parts, the last of these axes, are more usual than channels.
            for axes in itertools.combinations(small[::-1], n):
                if math.prod(whole[axis] for axis in axes) == count:
                    parts = np.moveaxis(numbers, axes, range(n))
                    yield parts.reshape(count, *parts.shape[n:])


def likest(parts: np.ndarray, arrays: Values) -> tuple[float, list[Place]]:
    """The arrays that are most like parts of ours, in their order, and the least SNR in dB, -inf
    without a likeness; no arrays for other shapes."""
    least, places = math.inf, []
    for part in parts:
        sample = Sample(part)
        taken = {place.value for place in places}
        found = [closest(v, array, sample) for v, array in arrays.items() if v not in taken]
        fitting = [likeness for likeness in found if likeness]
        if not fitting:
            return -math.inf, []
        snr, place = max(fitting, key=lambda likeness: (likeness[0], likeness[1].correlation))
        least = min(least, snr if place.correlation >= LEAST_CORRELATION else -math.inf)
        places.append(place)
    return least, places


def orders(shape: Shape, wanted: Shape) -> Iterator[Shape | None]:
    """The orders of axes that give a shape, without dimensions of one; None leaves them."""
    shape, wanted = unbatched(shape), unbatched(wanted)
    if math.prod(shape) != math.prod(wanted):
        return
    # The same axes, of which one shape has some in parts.
    bounds, others = ({*itertools.accumulate(sizes, int.__mul__)} for sizes in (shape, wanted))
    if bounds <= others or others <= bounds:
        yield None
    if shape == wanted or len(shape) > MOST_AXES:
        return
    for order in {wanted, unbatched(split(wanted))}:
        if sorted(shape) == sorted(order):
            for axes in itertools.permutations(range(len(shape))):
                if tuple(shape[axis] for axis in axes) == order:
                    yield axes


def closest(value: str, array: np.ndarray, sample: Sample) -> tuple[float, Place] | None:
    """The SNR and the place of an array in the order of axes that is most like ours: an optimiser
    moves transpositions out of a module. None for another shape."""
    found = []
    for axes in orders(array.shape, sample.shape):
        place = Place(value, None, axes, array.shape, array.dtype.type)
        snr, place.correlation = sample.likeness(place.ordered(array, sample.shape))
        found.append((snr, place))
    return max(found, key=lambda likeness: likeness[0], default=None)


class Sample:
    """Some elements of one of our values, to tell which value of the graph is like it."""

    def __init__(self, ours: np.ndarray) -> None:
        picked = np.random.default_rng(0).integers(0, ours.size, SAMPLED_ELEMENTS)
        self.shape, self.size = ours.shape, ours.size
        self.index = np.unravel_index(picked, ours.shape)
        self.values = ours[self.index].astype(np.float64)
        self.energy = float(self.values @ self.values)

    def likeness(self, array: np.ndarray) -> tuple[float, float]:
        """The SNR in dB of an array of the same shape, and its correlation."""
        found = array[self.index].astype(np.float64)
        scale = math.sqrt(float(found @ found) * self.energy)
        if not 0 < scale < math.inf:
            return -math.inf, 0
        error = found - self.values
        noise = float(error @ error)
        snr = 10 * math.log10(self.energy / noise) if noise else math.inf
        return snr, abs(float(found @ self.values)) / scale


def read_inside(node: onnx.NodeProto) -> set[str]:
    """The values that the bodies of a node read."""
    nodes = [inner for attribute in node.attribute for inner in attribute.g.node]
    return {name for inner in nodes for name in (*inner.input, *read_inside(inner))}


def sort_nodes(graph: onnx.GraphProto) -> bool:
    """Puts each node behind those whose values it reads, but for nodes in bodies: some converters
    leave them unsorted, and runtimes take such graphs. Returns whether one has moved; raises
    ``ValueError`` for a cycle."""
    makers = {name: n for n, node in enumerate(graph.node) for name in node.output if name}
    reads = [
        {makers[name] for name in (*node.input, *read_inside(node)) if name in makers}
        for node in graph.node
    ]
    if all(max(numbers, default=-1) < number for number, numbers in enumerate(reads)):
        return False
    order = graphlib.TopologicalSorter(dict(enumerate(reads))).static_order()
    nodes = [copy.deepcopy(graph.node[number]) for number in order]
    del graph.node[:]
    graph.node.extend(nodes)
    return True


def read_graph(path: Path) -> onnx.ModelProto:
    """A graph with its external data and sorted nodes; every node and tensor is complete."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model if sort_nodes(model.graph) else path)
        return model
    except DecodeError:
        raise TraceError(f"{path}: is no ONNX graph") from None
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise TraceError(f"{path}: {' '.join(str(error).split())}") from None


def trace_graph(
    graph: Path, ours: Mapping[str, np.ndarray], *, inputs: Mapping[str, str] = {},
    outputs: Mapping[str, str] = {}, values: MutableMapping[str, np.ndarray] | None = None,
) -> Traced:  # fmt: skip
    """The values inside a graph for the chunk of our trace. `inputs` and `outputs` give our names
    for those of a part of the network, by their names in the graph; `values` gets its values, and
    may have them in files, as `ours` may."""
    for name in [] if inputs else inputs_of(ours):
        if name not in ours:
            raise TraceError(f"our trace has no '{name}'; expected a trace with all values")
    try:
        values = {} if values is None else values
        return Graph(graph, ours, inputs, outputs, values).trace(is_part=bool(inputs))
    except ERRORS as error:
        raise TraceError(f"{graph}: {error}") from None
