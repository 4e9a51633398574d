"""onnx_trace.py, run_core.py and compare, on right and wrong exports of a tiny model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import soundfile
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))

import export_onnx
import fixture
import program
import seeded_model

SAMPLES = 160


class TraceTests(unittest.TestCase):
    """A chunk of noise, our trace of it, and an export."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = Path(cls.folder.name)
        cls.binary = program.default()
        model = seeded_model.build(seeded_model.CONFIGURATIONS["cross_first"], seed=1)
        checkpoint = cls.work / "model.safetensors"
        seeded_model.save_safetensors(model, checkpoint)
        noise = np.random.default_rng(1).uniform(-0.5, 0.5, (500, 2))
        soundfile.write(cls.work / "song.wav", noise, 1600, "FLOAT")
        cls.chunks = cls.work / "chunks"
        seconds = str((SAMPLES + 0.5) / 1600)
        words = [
            "tensors",
            "prepare",
            cls.work / "song.wav",
            "-o",
            cls.chunks,
            "-n",
            checkpoint,
            "-q",
        ]
        program.run(cls.binary, *words, "--chunk", seconds)
        cls.ours = cls.work / "ours.safetensors"
        program.run(cls.binary, "trace", cls.chunks / "chunk-00001", "-o", cls.ours, "-q")
        cls.graph = cls.work / "core.onnx"
        export_onnx.export(model, cls.graph, SAMPLES)

    def trace(self, graph: Path, *options: str) -> list[str]:
        """The lines that the script prints."""
        script = ROOT / "reference" / "onnx_trace.py"
        words = [graph, self.ours, "-o", self.work / "theirs.safetensors", *options]
        return subprocess.check_output([sys.executable, script, *words], text=True).splitlines()

    def compare(self, *options: str) -> dict:
        """What compare says of the trace."""
        command = [self.binary, "compare", self.ours, self.work / "theirs.safetensors", "--json"]
        found = subprocess.run([*command, *options], capture_output=True, check=False)
        report = json.loads(found.stdout)
        self.assertEqual(found.returncode, 1 if report["cliff"] else 0)
        return report

    def test_a_case_computes_its_layer(self) -> None:
        """The programs of `compare --case` in all libraries, for a layer of each kind."""
        parts = ["conv", "dconv", "dconv.layers.1", "rewrite"]
        names = ["x", "xt", "encoder.0.embedded", "output", "add_67"]
        names += [f"{layer}.{part}" for layer in ("encoder.1", "tencoder.1") for part in parts]
        names += ["encoder.1", "tencoder.1", "decoder.0.rewrite", "decoder.0.conv_tr", "decoder.0"]
        names += ["tdecoder.0.rewrite", "tdecoder.0.conv_tr", "tdecoder.0"]
        names += [f"crosstransformer.{name}" for name in ("norm_in", "norm_in_t", "layers.0")]
        names += ["crosstransformer.layers.0.cross_attn", "crosstransformer.layers_t.1.self_attn"]
        self.check_cases(self.ours, names)

    def test_a_case_computes_its_layer_of_a_roformer(self) -> None:
        """The same for tokens, an attention, a feed-forward block and whole transformers."""
        for model, norm in (("bands_deep", "final_norm"), ("mel", "layers.1.1")):
            checkpoint = fixture.complete(f"roformer/{model}.safetensors")
            noise = np.random.default_rng(1).uniform(-0.5, 0.5, (4_000, 2))
            soundfile.write(self.work / "noise.wav", noise, 44_100, "FLOAT")
            ours = self.work / f"{model}.safetensors"
            words = ["-n", checkpoint, "-o", ours, "--chunk", "0.03", "-q"]
            program.run(self.binary, "trace", self.work / "noise.wav", *words)
            names = ["layers.0.0", "layers.0.1.layers.0.0", "layers.0.0.layers.0.1", norm]
            self.check_cases(ours, names, "-n", str(checkpoint))

    def check_cases(self, ours: Path, names: list[str], *options: str) -> None:
        """Runs the case of each value with the opposite sign."""
        right = load_file(ours)
        case, wrong = self.work / "case", self.work / "wrong.safetensors"
        for name in names:
            save_file({**right, name: -right[name]}, wrong)
            shutil.rmtree(case, ignore_errors=True)
            words = [self.binary, "compare", ours, wrong, "--case", case, *options]
            subprocess.run(words, capture_output=True, check=False)
            command = [sys.executable, case / "case.py"]
            lines = subprocess.check_output(command, text=True).splitlines()
            levels = {line[:14].strip(): float(line[14:].split()[0]) for line in lines}
            self.assertAlmostEqual(levels.pop("found"), -6, delta=0.1)
            self.assertEqual(set(levels), {"NumPy", "ONNX Runtime", "PyTorch"})
            self.assertGreater(min(levels.values()), 100, name)

    def changed(self, *names: str) -> Path:
        """The export with other weights in some modules."""
        model = onnx.load(self.graph)
        for name in names:
            tensor = next(t for t in model.graph.initializer if t.name == f"model.{name}.weight")
            values = numpy_helper.to_array(tensor) * np.float32(1.1)
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

    def test_a_right_export_has_every_value_and_no_cliff(self) -> None:
        for options in ([], ["--replay"]):
            lines = self.trace(self.graph, *options)
            self.assertEqual(len(lines), 1, lines)
            self.assertRegex(lines[0], r"(\d+) of \1 values$")
            report = self.compare(*options)
            self.assertIsNone(report["cliff"])
            missing = [row["name"] for row in report["tensors"] if "found_shape" not in row]
            self.assertEqual(missing, ["final"])

    def test_values_without_names_are_found_by_values(self) -> None:
        lines = self.trace(self.nameless())
        self.assertRegex(lines[-1], r"(\d+) of \1 values$")
        self.assertIsNone(self.compare()["cliff"])

    def test_a_wrong_layer_is_named(self) -> None:
        self.trace(self.changed("tencoder.1.rewrite"))
        self.assertEqual(self.compare()["cliff"]["name"], "tencoder.1.rewrite")

    def test_a_replay_names_both_wrong_layers(self) -> None:
        graph = self.changed("encoder.0.conv", "decoder.1.rewrite")
        self.trace(graph)
        alone = [cliff["name"] for cliff in self.compare()["cliffs"]]
        self.assertEqual(alone, ["encoder.0.conv"])
        self.trace(graph, "--replay")
        both = [cliff["name"] for cliff in self.compare("--replay")["cliffs"]]
        self.assertEqual(both, ["encoder.0.conv", "decoder.1.rewrite"])

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

    def test_bad_input_is_named(self) -> None:
        part = self.work / "part.safetensors"
        program.run(self.binary, "trace", self.chunks / "chunk-00001", "-o", part, "--only", "mix")
        for words, text in (
            (["none.onnx", self.ours], "none.onnx"),
            ([__file__, self.ours], "is no ONNX graph"),
            ([self.graph, self.work / "chunk-00001"], "there is no such file"),
            ([self.graph, part], "part.safetensors: has no 'mag'"),
        ):
            script = ROOT / "reference" / "onnx_trace.py"
            command = [sys.executable, script, *words, "-o", self.work / "x"]
            found = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(found.returncode, 1)
            self.assertIn(text, found.stderr)
            self.assertNotIn("Traceback", found.stderr)
            self.assertFalse((self.work / "x").exists())


if __name__ == "__main__":
    unittest.main()
