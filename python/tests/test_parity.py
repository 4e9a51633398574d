"""parity: a port's values against the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

import swift_demucs
from swift_demucs import Model, parity


@pytest.fixture(scope="module")
def ours(model: Model, track: Path) -> Dict[str, Any]:
    return parity.trace(model, track, seconds=1, start=1)


def wrong(ours: Dict[str, Any], name: str) -> Dict[str, Any]:
    """A trace with one value that is off by a factor."""
    return {**ours, name: ours[name] * np.float32(0.9)}


def test_a_name_loads_the_model(ours: Dict[str, Any], track: Path) -> None:
    found = parity.trace("demo", track, seconds=1, start=1, names=["x", "encoder.?"])
    assert set(found) >= {"x", "encoder.0"} and "tencoder.0" not in found
    assert all(np.array_equal(found[name], ours[name]) for name in found)


def test_equal_traces_have_no_cliff(ours: Dict[str, Any]) -> None:
    report = parity.assert_parity(ours, ours)
    assert [row.name for row in report.rows][:2] == ["mix", "mag"]
    assert all(row.snr_db == np.inf and row.found_shape == row.shape for row in report.rows)
    assert report.cliff is None and report.cliffs == () and report.extra == ()


def test_a_port_may_have_some_values_with_a_batch(ours: Dict[str, Any]) -> None:
    some = {name: ours[name][None] for name in ("encoder.0", "output")}
    report = parity.assert_parity(ours, {**some, "mine": np.zeros(3)})
    assert report.extra == ("mine",)
    assert {row.name for row in report.rows if row.found_shape} == set(some)


def test_the_wrong_layer_is_the_message(ours: Dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=r"^encoder\.1\.rewrite is wrong\nvalue .*SNR dB"):
        parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"))
    cliff = parity.compare(ours, wrong(ours, "encoder.1.rewrite")).cliff
    assert cliff is not None and abs(cliff.snr_db - 20) < 0.01 and cliff.fed_snr_db == np.inf
    assert cliff.explanation == "ours \u00d7 0.9"
    parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"), bound=19)
    parity.assert_parity(
        ours, wrong(ours, "encoder.1.rewrite"), like=wrong(ours, "encoder.1.rewrite")
    )
    parity.assert_parity(ours, wrong(ours, "encoder.1.rewrite"), only="tencoder.*")


def test_the_model_explains_a_wrong_layer(ours: Dict[str, Any]) -> None:
    a, b = np.split(ours["tencoder.1.rewrite"], 2)
    swapped = b / (1 + np.exp(-a))
    cliff = parity.compare(ours, {**ours, "tencoder.1": swapped}, model="demo").cliff
    assert cliff is not None and cliff.name == "tencoder.1"
    assert cliff.explanation == "ours with the halves of the channels swapped in the GLU"


def test_a_replay_names_every_wrong_layer(ours: Dict[str, Any]) -> None:
    both = wrong(wrong(ours, "encoder.0.conv"), "encoder.0.rewrite")
    names = [cliff.name for cliff in parity.compare(ours, both, replay=True).cliffs]
    assert names == ["encoder.0.conv", "encoder.0.rewrite"]


def test_files_and_folders_are_traces(ours: Dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ours["x"])
    assert parity.compare(ours, tmp_path).rows[2].name == "x"
    with pytest.raises(swift_demucs.ArgumentError, match=r"none\.safetensors"):
        parity.compare(ours, tmp_path / "none.safetensors")
    with pytest.raises(swift_demucs.ArgumentError, match="has none of the"):
        parity.compare(ours, {"mine": np.zeros(3)})
    with pytest.raises(swift_demucs.ArgumentError, match="no name"):
        parity.compare(ours, {"../x": np.zeros(3)})
