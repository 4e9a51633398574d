"""parity: a port's values against the engine's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODELS
from safetensors.numpy import save_file

import swift_demucs
from swift_demucs import Model, htdemucs, mistakes, parity


@pytest.fixture(scope="module")
def ours(model: Model, track: Path) -> dict[str, Any]:
    return parity.trace(model, track, seconds=1, start=1)


def wrong(ours: dict[str, Any], name: str) -> dict[str, Any]:
    """A trace with one value that is off by a factor."""
    return {**ours, name: ours[name] * np.float32(0.9)}


def test_a_name_loads_the_model(ours: dict[str, Any], track: Path) -> None:
    found = parity.trace("demo", track, seconds=1, start=1, names=["x", "encoder.?"])
    assert set(found) >= {"x", "encoder.0"} and "tencoder.0" not in found
    assert all(np.array_equal(found[name], ours[name]) for name in found)


def test_equal_traces_have_nothing_wrong(ours: dict[str, Any]) -> None:
    report = parity.assert_parity(ours, ours)
    assert [row.name for row in report.rows][:2] == ["mix", "mag"]
    assert all(row.snr_db == np.inf and row.found_shape == row.shape for row in report.rows)
    assert report.wrong == () and report.extra == () and report.compared == report.expected
    assert parity.assert_parity(ours, ours, model="demo").rows[5].own_snr_db == np.inf


def test_a_port_may_have_some_values_with_a_batch(ours: dict[str, Any]) -> None:
    some = {name: ours[name][None] for name in ("encoder.0", "output")}
    report = parity.assert_parity(ours, {**some, "mine": np.zeros(3)})
    assert report.extra == ("mine",)
    assert {row.name for row in report.rows if row.found_shape} == set(some)


def test_the_wrong_layer_is_the_message(ours: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=r"^encoder\.1\.rewrite is wrong\n.*SNR dB"):
        parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"))
    found = parity.compare(ours, wrong(ours, "encoder.1.rewrite")).wrong
    assert [value.name for value in found] == ["encoder.1.rewrite"]
    assert abs(found[0].snr_db - 20) < 0.01 and found[0].own_snr_db is None
    parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"), bound=19)
    parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"), only="tencoder.*")


def ported(ours: dict[str, Any], functions: dict[str, Any], *names: str) -> dict[str, Any]:
    """Some values of a port with mistakes: those of the network in NumPy."""
    configuration, module = htdemucs.load(MODELS / "demo.safetensors")
    module.seen = {}
    with mistakes.replaced(functions, htdemucs):
        htdemucs.forward(module, ours["mix"].copy(), configuration)
    return {name: module.seen[name].reshape(ours[name].shape) for name in names or ours}


def test_each_mistake_of_a_port_is_explained(ours: dict[str, Any]) -> None:
    phrase = "the halves of the channels swapped in the GLU"
    port = ported(ours, mistakes.MISTAKES[phrase])
    found = parity.compare(ours, port, model="demo", explain="all").wrong
    assert found[0].name == "tencoder.0.dconv.layers.0"
    assert all(phrase in str(value.explanation) for value in found)
    louder = {**ours, "encoder.1.rewrite": ours["encoder.1.rewrite"] * np.float32(0.9)}
    first = parity.compare(ours, louder, model="demo", explain="all").wrong[0]
    assert first.name == "encoder.1.rewrite" and str(first.explanation).startswith(
        "ours \u00d7 0.9"
    )


def summed_in_float32(x: Any, axes: Any) -> Any:
    """`normalise` by sums of one element after the other, as in MLX."""
    ends = range(-len(axes), 0)
    y = np.moveaxis(x, axes, ends)
    rows = y.reshape(*y.shape[: -len(axes)], -1)
    rows = rows - rows.cumsum(-1)[..., -1:] / np.float32(rows.shape[-1])
    variance = np.square(rows).cumsum(-1)[..., -1:] / np.float32(rows.shape[-1])
    return np.moveaxis((rows / np.sqrt(variance + np.float32(1e-5))).reshape(y.shape), ends, axes)


@pytest.mark.slow
def test_rounded_sums_are_told_from_mistakes_in_a_norm(ours: dict[str, Any]) -> None:
    def reports(functions: Any) -> list[parity.Report]:
        """Of all norms of the waveform's encoder, and of one."""
        port = ported(ours, functions)
        return [
            parity.compare(
                ours,
                {name: port[name] for name in ours if name.startswith(("mix", *names))},
                model="demo",
                explain="all",
            )
            for names in (["tencoder."], ["tencoder.0.conv", "tencoder.0.dconv.layers.0"])
        ]

    sums, one = reports({"normalise": summed_in_float32})
    assert sums.wrong == () and len(sums.rounded) > 4
    assert "sums rounded to float32; the same in" in str(sums) and "nothing is wrong" in str(sums)
    (single,) = one.wrong
    assert str(single.explanation).startswith("ours with a norm of 352,800 elements")
    for phrase in ("an eps of 1e-06", "std + eps in place of √(variance + eps)"):
        wrong, one = reports(mistakes.MISTAKES[phrase])
        assert {value.mistake for value in wrong.wrong} == {phrase} and wrong.rounded == {}
        (single,) = one.wrong
        assert "one norm can't tell" in str(single.explanation) and single.mistake is None
    # Right norms count too: those of sums that are rounded aren't equal.
    found = {name: ours[name] for name in ("mix", "mag", "xt")}
    found["x"] = ours["x"] * np.float32(1.0005)
    (single,) = parity.compare(ours, found, model="demo").wrong
    assert str(single.explanation).startswith("ours with a norm of 360,448 elements")


@pytest.mark.slow
def test_mistakes_are_told_once_and_what_was_not_tried_is_said(ours: dict[str, Any]) -> None:
    port = ported(ours, {"glu": lambda x: x[: len(x) // 2]})
    report = parity.compare(ours, port, model="demo", explain=0)
    assert report.untried == tuple(value.name for value in report.wrong)
    assert report.summary() == f"{len(report.wrong)} more not explained: --explain all"
    names = ("encoder.1.conv", "encoder.2.conv", "tencoder.1.conv")
    port = {**ours, **{name: -ours[name] for name in names}}
    report = parity.compare(ours, port, model="demo", explain=0)
    first, *_ = report.summary().splitlines()
    assert first.startswith("tencoder.1.conv is ours with the opposite sign: ")
    assert first.endswith(" dB; the same in 2 more values")
    with pytest.raises(TypeError, match="explain"):
        parity.compare(ours, ours, model="demo", explain="some")


@pytest.mark.parametrize("phrase", ["n for n \u2212 1", "√(std² + 1e-5)", "std + 1e-5 added back"])
def test_a_mistake_that_rounding_hides_is_told_by_its_formula(
    ours: dict[str, Any], phrase: str
) -> None:
    names = [key for key in mistakes.MISTAKES if phrase in key]
    port = ported(ours, mistakes.MISTAKES[names[0]])
    found = parity.compare(ours, port, model="demo", explain="all").wrong
    assert {value.name for value in found} <= {"x", "xt", "output", "add_67"} and found
    assert all(phrase in str(value.explanation) for value in found)


@pytest.mark.slow
def test_the_command_writes_a_case(
    ours: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = ported(ours, mistakes.MISTAKES["half the heads"])
    np.savez(tmp_path / "port.npz", **port)
    case = tmp_path / "case"
    words = [str(tmp_path / "port.npz"), "--case", str(case)]
    assert parity.main(["demo", *words, "--explain", "all"]) == 1
    printed = capsys.readouterr().out
    assert "wrong: crosstransformer.layers.0.self_attn has" in printed
    assert "crosstransformer.layers.0.self_attn is ours with half the heads" in printed
    run = subprocess.run([sys.executable, case / "case.py"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    levels = dict(line.rsplit("  ", 1) for line in run.stdout.splitlines())
    assert float(levels["NumPy"].split()[0]) > 100 > float(levels["found"].split()[0])
    assert parity.main(["demo", str(tmp_path / "port.npz"), "--case", str(case)]) == 2
    assert "is not empty" in capsys.readouterr().err
    # A case of each kind of layer computes it, with the weights that it reads.
    for name in ("encoder.0", "crosstransformer.norm_in", "tdecoder.2", "output"):
        np.savez(tmp_path / "port.npz", **{**ours, name: ours[name] * np.float32(1.1)})
        folder = tmp_path / name
        words = [str(tmp_path / "port.npz"), "--case", str(folder), "--explain", "0"]
        assert parity.main(["demo", *words]) == 1
        run = subprocess.run([sys.executable, folder / "case.py"], capture_output=True, text=True)
        assert "NumPy  150.0 dB\nfound  20.0 dB" in run.stdout, (name, run)
    capsys.readouterr()
    np.savez(tmp_path / "right.npz", **ours)
    assert parity.main(["demo", str(tmp_path / "right.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wrong"] == []
    assert parity.main(["demo", str(tmp_path / "none.onnx")]) == 2


def graph(path: Path, bias: bool) -> str:
    """One layer of the network, a convolution, as an ONNX graph."""
    onnx = pytest.importorskip("onnx")
    _, module = htdemucs.load(MODELS / "demo.safetensors")
    tensors = {key: module[f"channel_upsampler_t.{key}"] for key in ("weight", "bias")[: 1 + bias]}
    outputs, inputs, _ = tensors["weight"].shape
    made = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]> layer '
        f"(float[1, {inputs}, 173] a) => (float[1, {outputs}, 173] b) "
        f"{{ b = Conv(a, {', '.join(tensors)}) }}"
    )
    made.graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in tensors.items())
    onnx.save(made, path)
    return str(path)


def test_a_part_of_the_network_is_checked_as_a_graph(
    track: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--input", "a=tencoder.3", "--output", "b=channel_upsampler_t", "--chunk", "1"]
    right = graph(tmp_path / "right.onnx", bias=True)
    assert parity.main(["demo", right, *words]) == 0
    assert "2 of 124 compared, all right" in capsys.readouterr().out
    words += ["--explain", "all", "--audio", str(track), "--start", "1"]
    words += ["--case", str(tmp_path / "case")]
    assert parity.main(["demo", graph(tmp_path / "wrong.onnx", bias=False), *words]) == 1
    assert "is ours with no bias in channel_upsampler_t" in capsys.readouterr().out
    assert (tmp_path / "case" / "graph.onnx").is_file()
    assert parity.main(["demo", right, "--input", "a"]) == 2
    assert parity.main(["demo", right, "--chunk", "0"]) == 2


def test_files_and_folders_are_traces(ours: dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ours["x"])
    assert parity.compare(ours, tmp_path).rows[2].name == "x"
    np.savez(tmp_path / "doubles.npz", **{k: v.astype(np.float64) for k, v in ours.items()})
    assert parity.compare(ours, tmp_path / "doubles.npz").compared == len(ours)
    save_file({"x": ours["x"].astype(np.float64)}, tmp_path / "x.safetensors")
    assert parity.compare(ours, tmp_path / "x.safetensors").wrong == ()
    np.savez_compressed(tmp_path / "packed.npz", x=ours["x"])
    with pytest.raises(swift_demucs.ArgumentError, match=r"numpy\.savez store"):
        parity.compare(ours, tmp_path / "packed.npz")
    with pytest.raises(swift_demucs.ArgumentError, match=r"none\.safetensors"):
        parity.compare(ours, tmp_path / "none.safetensors")
    with pytest.raises(swift_demucs.ArgumentError, match="has none of the"):
        parity.compare(ours, {"mine": np.zeros(3)})
    with pytest.raises(swift_demucs.ArgumentError, match="no name"):
        parity.compare(ours, {"../x": np.zeros(3)})
