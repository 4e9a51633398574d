"""Mistakes in the network, and what the explanation says of the first wrong value."""

# ruff: noqa: RUF001

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")
from swift_demucs import _explanation, htdemucs, mistakes

SAMPLES = 12_001  # which no stride divides


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


class Copied(collections.UserDict):
    """Values of which each access gives a copy."""

    def __getitem__(self, name: str) -> Any:
        return self.data[name].copy()


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

    def explain(self, name: str, value: Any, right: Any = None, **more: Any) -> Any:
        """What explains a value after right ones."""
        values = Copied({**(self.right if right is None else right), name: value})
        return _explanation.explain(self.network, name, values, **more)


@pytest.fixture(scope="module")
def port(checkpoint: Path) -> Model:
    return Model(checkpoint)


# A mistake in a call of each kind of function, by its number; reference/port_faults.py tries all.
CALLS = {
    "a window that ends at zero on both sides": ("window", -2),
    "no mean in the inputs' norm": ("standardise", 1),
    "zeros before the samples": ("encode", 2),
    "a dilation of 1": ("conv", 9),
    "no bias": ("conv", 3),
    "the variance with n − 1": ("normalise", 5),
    "an eps of 0.001": ("normalise", 8),
    "no LayerScale": ("dconv", 4),
    "tanh in place of the GLU's sigmoid": ("glu", 3),
    "no skip": ("decode", 2),
    "a crop one step late": ("decode", 1),
    "positions from 1 on": ("positions_1d", 0),
    "half the heads": ("attention", 1),
    "a softmax over the queries": ("attention", 2),
    "γ₁ and γ₂ exchanged": ("transformer_layer", 1),
    "the inverse STFT one sample late": ("istft", 0),
    "the std of the other branch's input in the outputs": ("forward", 0),
    "zeros in place of the input": ("encode", 4),
    "the skip twice": ("decode", 3),
    "weights in INT8 with a scale for each tensor": ("conv", 7),
    "weights in INT8 with a scale for each channel": ("conv_transpose", 2),
    "all parameters in bfloat16": ("forward", 0),
    "a · σ(a) in place of a · σ(b) in the GLU": ("glu", 6),
    "the embedding of the frequencies added twice": ("forward", 0),
    "the embedding of the frequencies × 10 twice": ("forward", 0),
    "in_proj as [heads, 3, size], not [3, heads, size],": ("attention", 3),
}


@pytest.mark.parametrize("mistake", CALLS)
def test_a_mistake_in_one_call_is_explained_by_its_phrase(port: Model, mistake: str) -> None:
    function, at = CALLS[mistake]
    wrong = mistakes.MISTAKES[mistake][function]
    found = port.trace({function: port.counted(function, wrong, at)}, port.right)
    name = list(found)[-1]
    explanation = port.explain(name, found[name])
    assert explanation is not None and explanation.phrase == mistake, name
    assert explanation.own_snr_db < 110


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
        explanation = port.explain(name, found, values)
        assert explanation.text == f"ours with ReLU in place of GELU {text}"


def spikes(x: Any, *places: int) -> Any:
    """Zeros but for some elements."""
    y = np.zeros(x.size, np.float32)
    y[[*places]] = 1
    return y.reshape(x.shape)


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
        (
            "with 3 and 8 exchanged along axis 0",
            lambda x: np.concatenate([x[:3], x[8:9], x[4:8], x[3:4], x[9:]]),
        ),
        ("but for 1 element, [63, 31, 11]", lambda x: x + spikes(x, -1)),
        ("but for 2 elements, the first [0, 0, 0]", lambda x: x + spikes(x, 0, 99)),
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
    assert not port.explain("x", port.right["x"] * np.float32(1.00003), is_wrong=False).phrase
    assert port.explain("output", port.right["output"]) is None


def test_rounded_sums_grow_with_their_elements() -> None:
    # Measured for MLX; then another eps in one norm, and in all of them.
    assert _explanation.grow([(45_056, 6.6e-6), (88_200, 2.3e-5), (360_448, 1.8e-4)])
    assert not _explanation.grow([(45_056, 1e-8), (88_200, 2e-8), (360_448, 5e-4)])
    assert not _explanation.grow([(45_056, 5e-5), (88_200, 5e-4), (360_448, 2e-5)])


@pytest.mark.slow
def test_missing_values_are_computed(port: Model) -> None:
    value = port.trace({"glu": mistakes.MISTAKES["tanh in place of the GLU's sigmoid"]["glu"]})
    given = {"mag": port.right["mag"], "tencoder.0": value["tencoder.0"], "mix": port.mix}
    explanation = port.explain("encoder.0", value["encoder.0"], given)
    assert explanation.text == "ours with tanh in place of the GLU's sigmoid everywhere"


def test_passes_compute_only_what_the_value_needs(
    port: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, encode = port.right, htdemucs.encode
    calls = []

    def counted(*given: Any) -> Any:
        calls.append(given[0].name)
        return encode(*given)

    monkeypatch.setattr(htdemucs, "encode", counted)
    name = "channel_upsampler_t"
    bias = port.network.module[f"{name}.bias"].reshape(-1, *[1] * (right[name].ndim - 1))
    given = {key: right[key] for key in ("mix", "tencoder.3")}
    assert port.explain(name, right[name] - bias, given).text == f"ours with no bias in {name}"
    # Each but tencoder.3 in the first pass, and some to see that the value doesn't need them.
    assert len(calls) <= 3 * 7, calls


@pytest.mark.parametrize(
    "name, phrase",
    [
        ("encoder.2", "tanh in place of the GLU's sigmoid"),
        ("crosstransformer.layers_t.1", "no bias of Q, K, V and out_proj"),
    ],
)
def test_mistakes_before_missing_values_are_found(port: Model, name: str, phrase: str) -> None:
    value = port.trace(mistakes.MISTAKES[phrase])[name]
    explanation = port.explain(name, value, {"mix": port.mix}, known=[phrase])
    assert explanation.text == f"ours with {phrase} everywhere"
