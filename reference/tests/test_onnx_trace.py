"""onnx_trace.py and run_core.py on right and wrong exports of a tiny model, in many forms."""

from __future__ import annotations

import contextlib
import copy
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "reference"), str(ROOT / "python" / "src")]

from swift_demucs import onnx_trace

import export_onnx
import program
import seeded_model
from core import INPUTS, Core, Wrapped
from snr import snr_of_each
from song import Song

SAMPLES = 160


def merged(core: Core, mix: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(value.flatten(1, 2) for value in core(mix, x))


def separate(core: Core, mix: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    spectrograms, waveforms = core(mix, x)
    return (*waveforms.unbind(1)[::-1], *spectrograms.unbind(1))


def unbatched(core: Core, mix: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(value[0] for value in core(mix[0], x[0]))


def complex_last(core: Core, mix: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    spectrogram, waveform = core(mix, x.permute(0, 1, 4, 2, 3).flatten(1, 2))
    return spectrogram.unflatten(2, (-1, 2)).permute(0, 1, 2, 4, 5, 3), waveform


def parts(core: Core, imag: torch.Tensor, mix: torch.Tensor, real: torch.Tensor) -> tuple:
    spectrogram, waveform = core(mix, torch.stack((real, imag), 2).flatten(1, 2))
    halves = spectrogram.unflatten(2, (-1, 2)).unbind(3)
    return (*waveform.flatten(1, 2).unbind(1)[::-1], *halves)


class TraceTests(unittest.TestCase):
    """A chunk of noise, our trace of it, and an export."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = Path(cls.folder.name)
        cls.binary = program.default()
        cls.model = seeded_model.build(seeded_model.CONFIGURATIONS["cross_first"], seed=1)
        cls.checkpoint = cls.work / "model.safetensors"
        seeded_model.save_safetensors(cls.model, cls.checkpoint)
        noise = np.random.default_rng(1).uniform(-0.5, 0.5, (500, 2))
        song = cls.work / "song.wav"
        soundfile.write(song, noise, 1600, "FLOAT")
        cls.chunks = cls.work / "chunks"
        words = ("-n", cls.checkpoint, "--chunk", str((SAMPLES + 0.5) / 1600), "-q")
        program.run(cls.binary, "tensors", "prepare", song, "-o", cls.chunks, *words)
        cls.path = cls.work / "ours.safetensors"
        program.run(cls.binary, "trace", cls.chunks / "chunk-00001", "-o", cls.path, "-q")
        cls.ours = load_file(cls.path)
        cls.graph = cls.work / "core.onnx"
        export_onnx.export(cls.model, cls.graph, SAMPLES)
        cls.inputs = export_onnx.seeded_inputs(cls.model, SAMPLES)

    def exported(
        self, function: Callable, *inputs: torch.Tensor, count: int = 2, names: tuple = INPUTS
    ) -> Path:
        """An export with other inputs or outputs."""
        path = self.work / "other.onnx"
        core = Wrapped(Core(self.model, any_length=True), function)
        outputs = [f"out{number}" for number in range(count)]
        export_onnx.write_graph(core, inputs or self.inputs, path, names, outputs)
        return path

    def folded(self) -> torch.nn.Module:
        """The model with the LayerScale of an attention in its weights."""
        model = copy.deepcopy(self.model)
        layer = model.crosstransformer.layers[1]
        with torch.no_grad():
            layer.self_attn.out_proj.weight *= layer.gamma_1.scale[:, None]
            layer.self_attn.out_proj.bias *= layer.gamma_1.scale
            layer.gamma_1.scale[:] = 1
        return model

    def changed(self, graph: Path, change: Callable, *names: str) -> Path:
        """An export with other weights in some modules."""
        model = onnx.load(graph)
        for name in names:
            tensor = next(t for t in model.graph.initializer if t.name == f"model.{name}.weight")
            values = np.ascontiguousarray(change(numpy_helper.to_array(tensor)))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        path = self.work / "changed.onnx"
        onnx.save(model, path)
        return path

    def nameless(self) -> Path:
        """The export with numbers for names."""
        model = onnx.load(self.graph)
        kept = {value.name for value in (*model.graph.input, *model.graph.output)}
        names: dict[str, str] = {}

        def number(name: str) -> str:
            return name if name in kept or not name else names.setdefault(name, str(len(names)))

        for tensor in model.graph.initializer:
            tensor.name = number(tensor.name)
        for index, node in enumerate(model.graph.node):
            node.name = f"node_{index}"
            node.input[:] = [number(name) for name in node.input]
            node.output[:] = [number(name) for name in node.output]
        path = self.work / "nameless.onnx"
        onnx.save(model, path)
        return path

    def levels(self, traced: onnx_trace.Traced) -> dict[str, float]:
        """The SNR of each value, which has the shape of ours."""
        for name, value in traced.values.items():
            self.assertEqual(value.shape, self.ours[name].shape, name)
        return snr_of_each({name: self.ours[name] for name in traced.values}, traced.values)

    def check(self, graph: Path, *missing: str) -> onnx_trace.Traced:
        """Traces a right graph: it has all values but those that it computes in another form."""
        traced = onnx_trace.trace_graph(graph, self.ours)
        self.assertEqual(traced.missing, dict.fromkeys(missing, onnx_trace.OTHER_FORM))
        self.assertLessEqual(self.ours.keys() - traced.values.keys() - {*missing}, {"final"})
        levels = self.levels(traced)
        worst = min(levels, key=levels.get)
        self.assertGreater(levels[worst], 90, worst)
        return traced

    def test_a_right_export_has_every_value(self) -> None:
        self.check(self.graph)

    def test_values_without_names_are_found_by_values(self) -> None:
        self.check(self.nameless())

    def test_nodes_that_are_not_sorted_are_sorted(self) -> None:
        model = onnx.load(self.graph)
        nodes = [copy.deepcopy(node) for node in reversed(model.graph.node)]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        path = self.work / "reversed.onnx"
        onnx.save(model, path)
        right = onnx_trace.trace_graph(self.graph, self.ours)
        self.assertEqual(self.check(path).nodes, right.nodes)
        first = model.graph.node[0]
        first.input[0] = first.output[0]
        onnx.save(model, path)
        with self.assertRaisesRegex(onnx_trace.TraceError, "cycle"):
            onnx_trace.trace_graph(path, self.ours)

    def test_outputs_and_inputs_have_many_forms(self) -> None:
        mix, x = self.inputs
        self.check(self.exported(merged))
        self.check(self.exported(separate, count=2 * len(self.model.sources)))
        self.check(self.exported(unbatched, mix[None], x[None]))
        self.check(self.exported(complex_last, mix, x.unflatten(1, (-1, 2)).movedim(2, -1)))
        inputs, count = (x[:, 1::2], mix, x[:, ::2]), 2 + 2 * len(self.model.sources)
        self.check(self.exported(parts, *inputs, count=count, names=("im", "mix", "re")))

    def test_a_graph_from_mix_to_stems_has_every_value(self) -> None:
        path = self.work / "song.onnx"
        for convolves in (True, False):
            export_onnx.write_graph(
                Song(self.model, convolves), self.inputs[:1], path, ["mix"], ["stems"]
            )
            self.assertEqual(self.check(path).nodes["final"], "stems")
        for name in ("final", "add_67"):
            traced = onnx_trace.trace_graph(path, self.ours, outputs={"stems": name})
            self.assertEqual(traced.nodes[name], "stems")

    def test_a_stem_without_the_rest_gets_that_of_our_mix(self) -> None:
        sizes = {"mix": (1, 2, 40), "stft_repr": (6, 5, 2), "final": (2, 2, 40)}
        random = np.random.default_rng(0)
        names = ("x", "band_split", *sizes)
        ours = {n: random.standard_normal(sizes.get(n, (5, 7)), np.float32) for n in names}
        ours["final"][1] = ours["mix"][0] - ours["final"][0]
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17]> g (float[1, 6, 5, 2] s) => (float[1, 2, 40] y)'
            "{ sum = ReduceSum<keepdims = 0>(s) none = Sub(sum, sum) y = Add(stem, none) }"
        )
        stem = onnx.numpy_helper.from_array(ours["final"][:1], "stem")
        model.graph.initializer.append(stem)
        path = self.work / "stem.onnx"
        onnx.save(model, path)
        found = onnx_trace.trace_graph(path, ours).values["final"]
        self.assertLess(np.abs(found - ours["final"]).max(), 1e-6)

    def test_a_wrong_value_stays_where_its_name_is(self) -> None:
        right = onnx_trace.trace_graph(self.graph, self.ours)
        for change, name in (
            (lambda weight: weight * np.float32(1.1), "tencoder.1.rewrite"),
            (lambda weight: np.roll(weight, len(weight) // 2, axis=0), "encoder.1.rewrite"),
            (lambda weight: -weight, "encoder.0.conv"),
            (lambda weight: weight[::-1], "decoder.0.conv_tr"),
        ):
            traced = onnx_trace.trace_graph(self.changed(self.graph, change, name), self.ours)
            self.assertEqual(traced.nodes, right.nodes)
            self.assertLess(self.levels(traced)[name], 30)

    def test_an_optimised_graph_is_not_misread(self) -> None:
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        path = self.work / "optimised.onnx"
        settings.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(self.graph, settings, providers=["CPUExecutionProvider"])
        traced = onnx_trace.trace_graph(path, self.ours)
        self.assertGreater(min(self.levels(traced).values()), 90)
        self.assertLess(len(traced.missing), 10)

    def test_a_value_in_another_form_is_not_in_the_graph(self) -> None:
        graph = self.work / "folded.onnx"
        export_onnx.export(self.folded(), graph, SAMPLES)
        name = "crosstransformer.layers.1.self_attn"
        self.check(graph, name)
        # A fault before it changes nothing.
        graph = self.changed(graph, np.negative, "encoder.0.conv")
        traced = onnx_trace.trace_graph(graph, self.ours)
        self.assertEqual(traced.missing, {name: onnx_trace.OTHER_FORM})
        self.assertLess(self.levels(traced)["encoder.0.conv"], 0)

    def test_scales_of_integers_are_no_values(self) -> None:
        graph = self.work / "integers.onnx"
        quantize_dynamic(self.graph, graph, weight_type=QuantType.QInt8)
        traced = onnx_trace.trace_graph(graph, self.ours)
        levels = self.levels(traced)
        self.assertGreater(levels["x"], 90)
        self.assertGreater(levels["xt"], 90)
        self.assertGreater(min(levels.values()), 10, min(levels, key=levels.get))
        self.assertGreater(len(levels), 0.9 * len(self.ours))

    def test_a_part_takes_our_values(self) -> None:
        layer = self.work / "layer.onnx"
        x = torch.tensor(self.ours["encoder.0.embedded"])[None]
        export_onnx.write_graph(self.model.encoder[1], (x,), layer, ["x"], ["y"])
        ends = {"inputs": {"x": "encoder.0.embedded"}, "outputs": {"y": "encoder.1"}}
        traced = onnx_trace.trace_graph(layer, self.ours, **ends)
        self.assertEqual(traced.missing, {})
        parts = ["", ".conv", ".dconv", ".dconv.layers.0", ".dconv.layers.1", ".rewrite"]
        names = {"encoder.0.embedded", *(f"encoder.1{part}" for part in parts)}
        self.assertEqual(traced.values.keys(), names)
        self.assertGreater(min(self.levels(traced).values()), 90)
        self.assertEqual(traced.nodes["encoder.1"], "y")
        for inputs, outputs, text in (
            ({"z": "mix"}, {}, "has no input 'z'; its inputs are x"),
            ({"x": "encoder.9"}, {}, "has no 'encoder.9'; it has mix, mag, x"),
            ({"x": "encoder.1"}, {}, "expected encoder.1 ["),
            ({"x": "encoder.0.embedded"}, {"y": "encoder.0"}, "expected encoder.0 ["),
            ({}, {}, "'--input x=VALUE', one of encoder.0"),
        ):
            with self.assertRaises(onnx_trace.TraceError) as raised:
                onnx_trace.trace_graph(layer, self.ours, inputs=inputs, outputs=outputs)
            self.assertIn(text, str(raised.exception))

    def test_a_wrong_length_or_batch_is_explained(self) -> None:
        longer = export_onnx.seeded_inputs(self.model, 2 * SAMPLES)
        twice = [value.repeat(2, *[1] * (value.ndim - 1)) for value in self.inputs]
        for inputs, text in ((longer, "make chunks of this length"), (twice, "a batch of 2")):
            graph = self.exported(lambda core, mix, x: core(mix, x), *inputs)
            with self.assertRaisesRegex(onnx_trace.TraceError, text):
                onnx_trace.trace_graph(graph, self.ours)

    def test_orders_of_many_axes_are_not_tried(self) -> None:
        shape = tuple(range(2, 14))
        self.assertEqual(list(onnx_trace.orders(shape, shape)), [None])
        self.assertEqual(list(onnx_trace.orders(shape, shape[::-1])), [])

    def test_outputs_below_float32_are_measured(self) -> None:
        graph = self.work / "half.onnx"
        shutil.copy(self.graph, graph)
        export_onnx.halve(graph)
        theirs = self.work / "outputs"
        script = ROOT / "reference" / "run_core.py"
        subprocess.check_call([sys.executable, script, graph, self.chunks, "-o", theirs])
        program.run(self.binary, "tensors", "run", self.chunks, "-q")
        report = program.compare(self.binary, self.chunks, theirs, "--only", "*output,*add_67")
        levels = [float(row["snr_db"]) for row in report["tensors"]]
        self.assertTrue(all(30 < level < 80 for level in levels), levels)

    def test_what_overflows_in_float16_is_named_first(self) -> None:
        graph, song, ours, theirs = (
            self.work / name
            for name in ("overflow.onnx", "long.wav", "long.safetensors", "overflow.safetensors")
        )
        # The number of elements of x is above 65,504.
        noise = np.random.default_rng(2).uniform(-0.5, 0.5, (8_400, 2))
        soundfile.write(song, noise, 1600, "FLOAT")
        words = ("-n", self.checkpoint, "--chunk", str(8_400.5 / 1600), "-q", "-o", ours)
        program.run(self.binary, "trace", song, *words)
        export_onnx.export(self.model, graph, len(noise))
        onnx.save(convert_float_to_float16(onnx.load(graph)), graph)
        traced = onnx_trace.trace_graph(graph, load_file(ours))
        save_file(traced.values, theirs)
        report = program.compare(self.binary, ours, theirs, "-n", str(self.checkpoint))
        self.assertEqual([row["name"] for row in report["wrong"]][:1], ["x"])
        rows = {row["name"]: row for row in report["tensors"]}
        self.assertRegex(rows["x"]["remark"], "^has .* NaN")
        # What doesn't follow from it is judged as float16, in which late positions lose their phase.
        finite = {row["name"] for row in report["wrong"] if row["own_snr_db"] != "-Infinity"}
        self.assertLessEqual(finite, {"crosstransformer.pos_emb"})

    def test_invalid_graphs_end_in_a_sentence(self) -> None:
        constant = onnx.helper.make_node("Constant", [], ["c"])
        nameless = onnx.helper.make_node("Relu", ["input"], [])
        scopes = [onnx.helper.make_node("Relu", ["input"], [f"s{n}"]) for n in range(3)]
        for node, value in zip(scopes, ("5", "[" * 5_000 + "]" * 5_000, "exit()"), strict=True):
            node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=value)
        for index, (nodes, fails) in enumerate(
            (([constant], True), ([nameless], True), (scopes, False))
        ):
            model = onnx.load(self.graph)
            model.graph.node.extend(nodes)
            path = self.work / f"invalid{index}.onnx"
            onnx.save(model, path)
            with self.assertRaises(onnx_trace.TraceError) if fails else contextlib.nullcontext():
                onnx_trace.trace_graph(path, self.ours)

    def test_bad_input_is_named(self) -> None:
        for graph, ours, text in (
            (Path("none.onnx"), self.ours, "none.onnx"),
            (Path(__file__), self.ours, "is no ONNX graph"),
            (self.graph, {"mix": self.ours["mix"]}, "has no 'mag'"),
        ):
            with self.assertRaisesRegex(onnx_trace.TraceError, text):
                onnx_trace.trace_graph(graph, ours)


if __name__ == "__main__":
    unittest.main()
