#!/usr/bin/env python3
"""The engine in Chromium, against the native program: with relaxed SIMD, real workers, and pages that are isolated or not.

Tests/system/test_web sets WEB, PROGRAM and TRACK.
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy
import soundfile

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / room) for room in ("Tests/Page", "reference")]

from browser import Browser
from hosts import ROOT, PageHost
from snr import snr

FORMATS = ROOT / "Tests/Fixtures/weights/formats"
#: More than one pass, several segments, and offsets of a seed.
SETTINGS = {"shifts": 2, "seed": 7, "overlap": 0.1}


class EngineTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        cls.web = cls.folder / "web"
        shutil.copytree(os.environ["WEB"], cls.web)
        (cls.web / "empty.html").write_text("<!doctype html><link rel=icon href=data:,>")
        (cls.web / "track").write_bytes(soundfile.read(os.environ["TRACK"], dtype="float32")[0].T.tobytes())
        cls.hosts = [PageHost(cls.web, is_isolated) for is_isolated in (False, True)]
        for host in cls.hosts:
            host.start()
            cls.addClassCleanup(host.stop)
        cls.browser = Browser(str(cls.folder))
        cls.addClassCleanup(cls.browser.quit)

    def separate(self, model: str = "demo.safetensors", is_isolated: bool = True, **options) -> dict:
        """Separates the track on a new page, with a file of the host or a model by its name: stems, precision and threads."""
        self.browser.get(f"{self.hosts[is_isolated].address}/empty.html")
        found = self.browser.run(
            """
            const [model, options, settings] = args;
            const { load } = await import("/swift-demucs.js");
            const bytes = async (path) => (await fetch(path)).arrayBuffer();
            const track = await bytes("/track");
            const half = track.byteLength / 2;
            const channels = [new Float32Array(track, 0, half / 4), new Float32Array(track, half)];
            const engine = await load(model.includes(".") ? new File([await bytes(model)], model) : model, options);
            const { stems } = await engine.separate({ channels, sampleRate: 44100 }, settings);
            const { precision, threads, sources } = engine;
            engine.close();
            const reader = new FileReader();
            reader.readAsDataURL(new Blob(sources.flatMap((name) => stems[name])));
            await new Promise((resolve) => { reader.onload = resolve; });
            return { precision, threads, sources, samples: reader.result.split(",")[1] };
            """, model, options, SETTINGS)
        samples = numpy.frombuffer(base64.b64decode(found["samples"]), numpy.float32).reshape(len(found["sources"]), 2, -1)
        return {**found, "stems": dict(zip(found["sources"], samples))}

    def assert_near(self, decibels: float, stems: dict[str, numpy.ndarray], model: Path, *options: str):
        """Refuses stems with a lower signal-to-noise ratio against those of the program."""
        with tempfile.TemporaryDirectory() as out:
            settings = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
            subprocess.run([os.environ["PROGRAM"], "-q", "-n", model, "--float32", "--clip-mode", "none", "-o", out, *options, *settings, os.environ["TRACK"]], check=True, stdout=subprocess.DEVNULL)
            native = {path.stem: soundfile.read(path)[0].T for path in Path(out).rglob("*.wav")}
        self.assertEqual(stems.keys(), native.keys())
        for name, expected in native.items():
            # The samples of the program's files end at ±1.
            self.assertGreaterEqual(snr(expected, numpy.clip(stems[name], -1, 1)), decibels, name)

    def test_the_stems_are_those_of_the_program_the_same_bits_on_1_2_and_4_threads(self):
        single = self.separate(threads=1)
        # Relaxed SIMD rounds as the CPU does, so the bound is in dB.
        self.assert_near(110, single["stems"], self.web / "demo.safetensors")
        for threads, is_isolated in [(2, True), (4, True), (4, False)]:
            found = self.separate(is_isolated=is_isolated, threads=threads)
            self.assertEqual(found["threads"], threads if is_isolated else 1)
            self.assertEqual(found["samples"], single["samples"], (threads, is_isolated))

    def test_INT8_keeps_36_dB_against_float32(self):
        found = self.separate(precision="int8")
        self.assertEqual(found["precision"], "int8")
        self.assert_near(36, found["stems"], self.web / "demo.safetensors")

    def test_files_give_the_stems_of_the_command(self):
        """Each as a user would give it, at its own precision."""
        for name in ["model.th", "legacy.th", "hdemucs.th", "hdemucs.safetensors"]:
            with self.subTest(name=name):
                shutil.copy(FORMATS / name, self.web)
                self.assert_near(110, self.separate(name)["stems"], FORMATS / name)

    def test_a_file_with_INT8_weights_gives_the_stems_of_the_command(self):
        path = self.web / "int8.safetensors"
        subprocess.run([os.environ["PROGRAM"], "quantize", "-q", self.web / "demo.safetensors", "-o", path], check=True, stdout=subprocess.DEVNULL)
        own = self.separate(path.name)
        self.assertEqual(own["precision"], "int8")
        # Other sums of the transformer's and the norms' floats round some activations to the next of 255 steps.
        self.assert_near(40, own["stems"], path, "--precision", "int8")
        self.assert_near(110, self.separate(path.name, precision="float32")["stems"], path, "--precision", "float32")

    def test_a_bag_of_fine_tuned_models_by_name_gives_the_stems_of_the_command(self):
        names = ["a1", "b2", "c3", "d4"]
        weights = numpy.eye(4, dtype=int).tolist()
        demo = (self.web / "demo.safetensors").read_bytes()
        header = 8 + int.from_bytes(demo[:8], "little")
        members = []
        for folder in ("resolve", "raw"):
            (self.web / folder).mkdir()
        for seed, signature in enumerate(names):
            # The lower half of each mantissa is drawn.
            data = numpy.frombuffer(demo, numpy.uint8).copy()
            data[header::2] ^= numpy.random.default_rng(seed).integers(32, size=len(data[header::2]), dtype=numpy.uint8)
            checksum = hashlib.sha256(data).hexdigest()
            for path in (self.folder, self.web / "resolve"):
                (path / f"{signature}.safetensors").write_bytes(data)
            (self.web / f"raw/{signature}.safetensors").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{checksum}\nsize {len(data)}\n")
            address = self.hosts[True].address
            members.append({"signature": signature, "hubAddress": f"{address}/resolve/{signature}.safetensors",
                            "torchAddress": f"{address}/{signature}-{checksum[:8]}.th", "torchChecksum": checksum})
        bag = {"name": "small_ft", "summary": "a bag", "sources": ["drums", "bass", "other", "vocals"], "downloadMegabytes": 19,
               "members": members, "weights": weights, "segmentSeconds": 3}
        (self.web / "models.json").write_text(json.dumps({"models": [bag]}))
        (self.folder / "small_ft.yaml").write_text(f"models: [{', '.join(names)}]\nweights: {weights}\nsegment: 3\n")
        self.assert_near(110, self.separate("small_ft", precision="float32")["stems"], self.folder / "small_ft.yaml")


if __name__ == "__main__":
    unittest.main(verbosity=2)
