"""What swift_demucs.parity says of faults that were put into the reference's own classes."""

# ruff: noqa: E501

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "reference"), str(ROOT / "python" / "src")]

from swift_demucs import parity

import fixture
import program

FIXTURES = ROOT / "Tests" / "Fixtures"

# The first wrong value of a file, and what it is.
PORTS = {
    "biased_std_spectrogram": ("x", "n for n − 1 in the inputs' norm"),
    "biased_std_waveform": ("xt", "n for n − 1 in the inputs' norm"),
    "crop_from_start": ("tdecoder.0", "a crop from the start in tdecoder.0"),
    "layer_norm_out_cross": ("crosstransformer.layers.0", "each token's statistics (LayerNorm) in crosstransformer.layers.0.norm_out"),
    "layer_norm_out_self": ("crosstransformer.layers_t.3", "each token's statistics (LayerNorm) in crosstransformer.layers_t.3.norm_out"),
    "rows_together": ("encoder.0", "the statistics of all rows together everywhere"),
    "swapped_halves": ("crosstransformer.pos_emb_2d", "frequency before time in the 2-D embedding's channels"),
    "symmetric_padding_first": ("tencoder.0", "zeros on both sides of the samples in tencoder.0"),
    "symmetric_padding_second": ("tencoder.1", "zeros on both sides of the samples in tencoder.1"),
    "tanh_gelu_encoder": ("encoder.1", "GELU's tanh approximation in place of GELU everywhere"),
    "tanh_gelu_transformer": ("crosstransformer.layers_t.1", "GELU's tanh approximation in place of GELU in crosstransformer.layers_t.1"),
    "unscaled_embedding": ("encoder.0.embedded", "the embedding of the frequencies × 10"),
    "updated_tokens": ("crosstransformer.layers_t.2", "the spectrogram's tokens from after their layer in crosstransformer.layers_t.2"),
    "wrong_exponent": ("crosstransformer.pos_emb", "d / 2, not d / 2 − 1, in the 1-D embedding's exponent"),
}  # fmt: skip
ROFORMER = {
    "queries that are not scaled": "scores that are not scaled",
    "no rotations": "no rotations",
    "rotations of halves": "rotations of the halves of a head",
    "exchanged": "queries and keys exchanged",
    "no gates": "no gates",
    "tanh GELU": "GELU's tanh approximation in place of GELU",
    "LayerNorm": "LayerNorm, which subtracts the mean,",
    "no bias": "no bias",
    "no gamma": "no gamma",
}


class FaultTests(unittest.TestCase):
    """Fixtures of Tests/Fixtures/ports and of RoFormers, whose weights are drawn again."""

    def setUp(self) -> None:
        os.environ["SWIFT_DEMUCS"] = str(program.default())

    def values(self, name: str) -> dict[str, Any]:
        tensors, _ = fixture.read(FIXTURES / f"{name}.safetensors")
        return {key: value.numpy() for key, value in tensors.items()}

    def first(self, model: Path, ours: dict[str, Any], found: dict[str, Any]) -> parity.Wrong:
        return parity.compare(ours, found, model=model, explain="all").wrong[0]

    def test_faults_in_layers_of_htdemucs(self) -> None:
        model = fixture.complete("models/cross_first.safetensors")
        truth = self.values("ports/trace")
        for fault, (name, text) in PORTS.items():
            wrong = self.first(model, truth, self.values(f"ports/{fault}"))
            self.assertEqual((wrong.name, wrong.explanation), (name, f"ours with {text}"), fault)

    def test_faults_in_layers_of_a_roformer(self) -> None:
        model = fixture.complete("roformer/bands_deep.safetensors")
        truth = self.values("roformer/bands_deep.outputs")
        for key, value in self.values("roformer/faults.outputs").items():
            name, _, fault = key.partition("/")
            wrong = self.first(model, truth, {**truth, name: value})
            self.assertEqual(wrong.name, name, key)
            self.assertIn(f"ours with {ROFORMER[fault]} in {name}", str(wrong.explanation), key)


if __name__ == "__main__":
    unittest.main()
