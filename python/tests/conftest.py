"""Fixtures of the tests, which run against the installed package, never against the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

import swift_demucs
from swift_demucs import _arrays

TREE = Path(__file__).resolve().parents[1]
assert TREE / "src" not in Path(swift_demucs.__file__).parents, "install the wheel"

# The checkout, or the folder that Tests/system/test_python copies the track to.
MODELS = Path(os.environ.get("SWIFT_DEMUCS_TEST_MODELS", TREE.parent / "Models"))
RATE = 44_100


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds, and others touch its part too")


@pytest.fixture(scope="session")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A track of 12 s in stereo."""
    samples, rate = swift_demucs.read(next(MODELS.glob("demo_track.*")))
    path = tmp_path_factory.mktemp("track") / "demo_track.wav"
    return swift_demucs.write(path, samples[:, : 12 * RATE], rate, float32=True, clip_mode="off")


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """The demo model, which the package carries too."""
    return MODELS / "demo.safetensors"


@pytest.fixture(scope="session")
def tiny() -> Path:
    """A network of the real shape and tiny layers: 1,600 Hz, segments of 400 frames."""
    path = MODELS / "tiny.safetensors"
    fixture = TREE.parent / "Tests/Fixtures/weights/formats/model.safetensors"
    return path if path.exists() else fixture


@pytest.fixture(scope="session")
def music(track: Path) -> Any:
    """6 s of the track [channels, frames], scaled: lossy audio can decode beyond full scale."""
    samples, rate = swift_demucs.read(track)
    assert rate == RATE
    return 0.9 * samples[:, : 6 * RATE]


@pytest.fixture(scope="module")
def model() -> Iterator[swift_demucs.Model]:
    with swift_demucs.load("demo", threads=2) as loaded:
        yield loaded


def write_bag(folder: Path, checkpoint: Path) -> Path:
    """The file of a new bag of a model, twice."""
    for name in ("one", "two"):
        (folder / f"{name}.safetensors").symlink_to(checkpoint.resolve())
    (folder / "bag.yaml").write_text("models: ['one', 'two']\n")
    return folder / "bag.yaml"


@pytest.fixture
def bag(tmp_path: Path, checkpoint: Path) -> Path:
    """A folder with a bag of two models, called "bag"."""
    return write_bag(tmp_path, checkpoint).parent


def command(*words: Any) -> str:
    """What the module as a command prints; it must succeed."""
    call = [sys.executable, "-m", "swift_demucs", *words]
    return subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout


def snr(golden: Any, found: Any) -> float:
    """SNR in dB; infinite for equal samples."""
    assert golden.shape == found.shape
    noise = np.square(np.float64(golden) - np.float64(found)).sum()
    return (
        float("inf")
        if noise == 0
        else float(10 * np.log10(np.square(np.float64(golden)).sum() / noise))
    )


def fail_at_second_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the package run out of memory when it copies the library's second array."""
    copied, copies = _arrays.copied, []

    def failing(*given: Any) -> Any:
        copies.append(given)
        if len(copies) == 2:
            raise MemoryError("no room")
        return copied(*given)

    monkeypatch.setattr(_arrays, "copied", failing)
