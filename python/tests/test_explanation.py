"""Mistakes in the network, and what the explanation says of the first wrong value."""

# ruff: noqa: E501, RUF001

from __future__ import annotations

import collections
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")
from swift_demucs import _explanation, htdemucs, mistakes

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "Tests" / "Fixtures"
SAMPLES = 12_001  # which no stride divides

# Mistakes that are the same function somewhere: in a layer of one row, of eight channels, of one
# missing sample, with one zero on each side, or of a single step.
SAME = {
    "zeros on both sides of the samples, more before": (
        "zeros on both sides of the samples",
        "zeros before the samples",
    ),
    "no LayerScale in layers.0": ("no LayerScale",),
    "no LayerScale in layers.1": ("no LayerScale",),
    "one zero less before the signal": ("all zeros after the signal",),
    "one zero more before the signal": ("all zeros before the signal",),
    "every step in bfloat16": ("a layer in bfloat16",),
    "every step in float16": ("a layer in float16",),
    "each channel's statistics in all rows (BatchNorm)": (
        "each channel's statistics (InstanceNorm)",
    ),
    "8 groups": ("each channel's statistics (InstanceNorm)",),
}
# The demo model's weights are float16.
WITHOUT_EFFECT = {"weights in float16"}

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


class Ended(Exception):
    """A value differs from the right one."""


class Seen(dict):
    """The values of a pass, in the shapes of docs/porting.md, up to the first that is wrong."""

    def __init__(self, right: dict[str, Any] | None = None) -> None:
        self.right = right or {}

    def __setitem__(self, name: str, x: Any) -> None:
        if ".weights." in name:  # which few ports have
            return
        is_wave = name.startswith(("tencoder", "tdecoder", "channel_"))
        x = x.reshape(-1, x.shape[-1]).copy() if is_wave else x.copy()
        super().__setitem__(name, x)
        if name in self.right and not np.array_equal(x, self.right[name]):
            raise Ended


class Model:
    """The demo model on noise."""

    def __init__(self, checkpoint: Path) -> None:
        self.network = _explanation.Network.open(checkpoint)
        self.mix = np.random.default_rng(0).standard_normal((2, SAMPLES)).astype(np.float32) / 9
        self.calls: dict[str, int] = collections.Counter()
        names = {name for functions in mistakes.MISTAKES.values() for name in functions}
        self.right = self.trace({name: self.counted(name) for name in names})
        self.totals = dict(self.calls)

    def counted(self, name: str, wrong: Any = None, at: int = -1) -> Any:
        """A function that is wrong in one of its calls, or in all: -2."""
        right = getattr(mistakes.right, name)

        def call(*given: Any, **more: Any) -> Any:
            self.calls[name] += 1
            is_wrong = at in (-2, self.calls[name] - 1)
            return (wrong if is_wrong else right)(*given, **more)

        return call

    def trace(self, functions: Any, right: Any = None) -> Seen:
        """The values with some functions replaced."""
        self.calls.clear()
        seen = Seen(right)
        module = htdemucs.Module(self.network.module.tensors, "", seen)
        try:
            with mistakes.replaced(functions), np.errstate(all="ignore"):
                htdemucs.forward(module, self.mix.copy(), self.network.configuration)
        except Ended:
            pass
        return seen

    def explain(self, name: str, value: Any, **more: Any) -> Any:
        """What explains a value after right ones."""
        return _explanation.explain(self.network, name, {**self.right, name: value}, **more)


@pytest.fixture(scope="module")
def port(checkpoint: Path) -> Model:
    return Model(checkpoint)


@pytest.mark.parametrize("mistake", [m for m in mistakes.MISTAKES if m not in WITHOUT_EFFECT])
def test_a_mistake_in_one_call_is_explained_by_its_own_phrase(port: Model, mistake: str) -> None:
    draw = random.Random(mistake)
    for _ in range(20):
        function, wrong = draw.choice(sorted(mistakes.MISTAKES[mistake].items()))
        at = -2 if function == "window" else draw.randrange(port.totals[function])
        try:
            found = port.trace({function: port.counted(function, wrong, at)}, port.right)
            name = list(found)[-1]
            own = _explanation.snr_db(port.right[name], found[name])
        except (ValueError, LookupError):
            continue  # shapes that don't fit there
        if own < 120:
            break
    else:
        pytest.fail("changes no value")
    explanation = port.explain(name, found[name])
    assert explanation is not None, (name, own)
    phrases = [f"ours with {phrase}" for phrase in (mistake, *SAME.get(mistake, ()))]
    starts = tuple(f"{phrase} {word}" for phrase in phrases for word in ("in ", "everywhere"))
    assert explanation.text in phrases or explanation.text.startswith(starts)
    assert explanation.own_snr_db == pytest.approx(own, abs=1)


def test_a_mistake_in_a_module_is_told_from_one_in_a_single_layer(port: Model) -> None:
    name = "encoder.1.dconv"
    values = {key: value for key, value in port.right.items() if f"{name}.layers" not in key}
    for at, text in ((-2, "in encoder.1.dconv"), (0, "in encoder.1.dconv.layers.0")):
        wrong = port.counted("gelu", lambda x: np.maximum(x, 0), at)

        def dconv(m: Any, x: Any, wrong: Any = wrong) -> Any:
            if m.name != name:
                return mistakes.right.dconv(m, x)
            port.calls.clear()
            with mistakes.replaced({"gelu": wrong}):
                return mistakes.right.dconv(m, x)

        found = port.trace({"dconv": dconv})[name]
        explanation = _explanation.explain(port.network, name, {**values, name: found})
        assert explanation.text == f"ours with ReLU in place of GELU {text}"


@pytest.mark.parametrize(
    "text, change",
    [
        ("with the opposite sign", lambda x: -x),
        ("× 0.5", lambda x: x / 2),
        ("× 1.00037", lambda x: x * np.float32(1.00037)),
        ("2 later along axis 1", lambda x: np.roll(x, 2, axis=1)),
        ("1 earlier along axis 2", lambda x: np.roll(x, -1, axis=2)),
        ("with neighbours exchanged in pairs along axis 0", lambda x: x[np.arange(len(x)) ^ 1]),
        ("with the halves exchanged along axis 0", lambda x: np.roll(x, len(x) // 2, axis=0)),
        ("reversed along axis 1", lambda x: x[:, ::-1]),
        ("but for the last 2 along axis 2", lambda x: x * (np.arange(x.shape[2]) < x.shape[2] - 2)),
        ("with the axes 0 and 1 in the other order", lambda x: x.swapaxes(0, 1).reshape(x.shape)),
    ],
)
def test_the_right_value_in_another_form_is_explained(port: Model, text: str, change: Any) -> None:
    value = np.ascontiguousarray(change(port.right["encoder.2.conv"]))
    explanation = port.explain("encoder.2.conv", value[None], ours_shape=value.shape)
    assert explanation.text == f"ours {text}" and not explanation.phrase


def test_rounding_has_no_explanation(port: Model) -> None:
    noise = np.random.default_rng(1).standard_normal(port.right["encoder.2"].shape)
    assert port.explain("encoder.2", port.right["encoder.2"] + 1e-3 * noise) is None
    # Sums in float32 over a whole input.
    assert port.explain("x", port.right["x"] * np.float32(1.00003)) is None
    assert port.explain("output", port.right["output"]) is None


def test_missing_values_are_computed(port: Model) -> None:
    given = {name: port.right[name] for name in ("mix", "mag", "encoder.0", "tencoder.0")}
    value = port.trace({"glu": mistakes.MISTAKES["tanh in place of the GLU's sigmoid"]["glu"]})
    given["encoder.0"], given["tencoder.0"] = value["encoder.0"], value["tencoder.0"]
    explanation = _explanation.explain(port.network, "encoder.0", given)
    assert explanation.text == "ours with tanh in place of the GLU's sigmoid everywhere"


def test_values_without_a_ratio_are_described() -> None:
    right = np.ones((2, 3))
    broken = right.copy()
    broken[1, 2] = np.nan
    assert _explanation.state(broken, right) == "has 1 NaN, the first at [1, 2]"
    broken[1, 2] = np.inf
    assert "infinite" in _explanation.state(broken, right)
    assert _explanation.state(0 * right, right) == "is all zeros"
    assert _explanation.state(right, right) is None


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="needs a checkout")
class TestPyTorch:
    """Values of the reference's classes with faults; reference/ completes drawn tensors."""

    @pytest.fixture(scope="class")
    def fixture(self) -> Any:
        pytest.importorskip("torch")
        sys.path.insert(0, str(REPOSITORY / "reference"))
        return pytest.importorskip("fixture")

    def network(self, fixture: Any, name: str) -> Any:
        return _explanation.Network.open(fixture.complete(f"{name}.safetensors"))

    def read(self, fixture: Any, name: str) -> dict[str, Any]:
        tensors, _ = fixture.read(FIXTURES / f"{name}.safetensors")
        return {key: value.numpy() for key, value in tensors.items()}

    def test_ports(self, fixture: Any) -> None:
        network = self.network(fixture, "models/cross_first")
        truth = self.read(fixture, "ports/trace")
        for fault, (name, text) in PORTS.items():
            found = self.read(fixture, f"ports/{fault}")
            given = {"mix": truth["mix"], "mag": truth["mag"], **found}
            explanation = _explanation.explain(network, name, given)
            assert explanation and explanation.text == f"ours with {text}", fault

    def test_roformers(self, fixture: Any) -> None:
        network = self.network(fixture, "roformer/bands_deep")
        truth = self.read(fixture, "roformer/bands_deep.outputs")
        for key, value in self.read(fixture, "roformer/faults.outputs").items():
            name, _, fault = key.partition("/")
            explanation = _explanation.explain(network, name, {**truth, name: value})
            assert explanation.text.startswith(f"ours with {ROFORMER[fault]} in {name}"), key

    def test_models_without_formulas_are_none(self, fixture: Any) -> None:
        for name in ("hybrid", "kernel_4", "norm_everywhere", "dconv_depth_3", "merge"):
            assert self.network(fixture, f"models/{name}") is None
        for name in ("base", "mono", "context_2", "no_transformer", "six_sources"):
            assert self.network(fixture, f"models/{name}") is not None
