"""Training: excerpts, schedule, and resuming with the same result."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bank
import mixing
from generate import generate

torch = pytest.importorskip("torch")
train = pytest.importorskip("train")
loss = pytest.importorskip("loss")
reference = pytest.importorskip("reference")
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A bank of two songs, and a song for validation."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "bank").mkdir()
    for seed in (0, 5):
        bank.store(folder / "bank" / f"{seed:07d}.npy", generate(seed, 6.0, "formula"))
    return folder


def call(folder: Path, work: str, *options: str) -> list[dict]:
    """Runs train.py; returns its log."""
    directory = folder / work
    directory.mkdir(exist_ok=True)
    np.save(directory / "validation.npy", generate(2_000_000, 5.0, "formula")[None])
    command = [sys.executable, "train.py", str(folder / "bank"), "--work", str(directory)]
    subprocess.run([*command, "--workers", "1", *options], cwd=ROOT, check=True)
    log = directory / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


def weights(folder: Path, work: str) -> dict:
    """The state that a run has written."""
    return torch.load(folder / work / "state.pt", weights_only=True)


def test_an_interrupted_training_ends_with_the_same_weights(folder):
    """Four steps in one run, and three and one in two runs, give the same bits."""
    call(folder, "whole", "--steps", "4")
    call(folder, "parts", "--steps", "3")
    call(folder, "parts", "--steps", "4")
    whole, parts = weights(folder, "whole"), weights(folder, "parts")
    assert whole["step"] == parts["step"] == 4
    for name, value in whole["model"].items():
        assert torch.equal(value, parts["model"][name]), name
    for name, value in whole["average"].items():
        assert torch.equal(value, parts["average"][name]), name


def test_a_cooldown_is_remembered_and_ends(folder):
    """A cooldown that began after a step and was interrupted ends in a call without --cooldown."""
    call(folder, "cooled", "--steps", "1")
    call(folder, "cooled", "--cooldown", "2", "--steps", "2")
    assert weights(folder, "cooled")["cooldown"] == [1, 2]
    call(folder, "cooled")
    assert weights(folder, "cooled")["step"] == 3


def test_settings_are_remembered_and_steps_go_on(folder):
    """A call without settings uses the state's; an exported model's steps are counted on."""
    call(folder, "first", "--steps", "1", "--batch", "1", "--long-batch", "1", "--rate", "1e-3")
    call(folder, "first", "--steps", "2")
    settings = weights(folder, "first")["settings"]
    assert (settings["batch"], settings["rate"]) == (1, 1e-3)
    exported = folder / "exported.safetensors"
    call(folder, "first", "--export", str(exported))
    call(folder, "second", "--start", str(exported), "--steps", "3", "--batch", "1")
    state = weights(folder, "second")
    assert (state["first"], state["step"]) == (2, 3)


def test_workers_divide_the_batches(folder):
    """Unequal shares of a batch would be averaged with equal weights."""
    command = [sys.executable, "train.py", str(folder / "bank"), "--work", str(folder / "odd")]
    result = subprocess.run(
        [*command, "--batch", "3", "--workers", "2"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "2 workers; expected a number that divides both batches, 3 and 2" in result.stderr


def test_the_waveform_loss_is_the_error_relative_to_the_mixture():
    """Half the error has half the loss, and four times the level the same."""
    random = torch.Generator().manual_seed(3)
    stems = 0.1 * torch.randn(2, 4, 2, 10_000, generator=random)
    error = stems.flip(-1) / 10
    expected = (error.abs().mean((1, 2, 3)) / stems.sum(1).std((1, 2))).mean()
    assert float(loss.waveform_loss(stems + error, stems)) == pytest.approx(float(expected), 1e-4)
    half = float(loss.waveform_loss(stems + error / 2, stems))
    assert half == pytest.approx(float(expected) / 2, rel=1e-3)
    louder = float(loss.waveform_loss(4 * (stems + error), 4 * stems))
    assert louder == pytest.approx(float(expected), rel=1e-4)


def test_the_rate_rises_stays_and_falls():
    """The rate in the three parts of the schedule."""
    assert train.rate_at(0, 0.0, 1.0) == pytest.approx(1 / train.WARM_UP_STEPS)
    assert train.rate_at(10_000, 0.0, 1.0) == 1.0
    assert train.rate_at(20_000, 0.75, 1.0) == pytest.approx(0.25)
    assert train.rate_at(20_000, 1.0, 1.0) == 0.0


def test_a_batch_depends_on_its_step_alone(folder):
    """The same step gives the same batch, also after other draws; the next step another one."""
    batches = mixing.Batches(folder / "bank", torch.device("cpu"))
    first = batches.draw(3, 2, 1.0)
    other = batches.draw(4, 2, 1.0)
    assert first.shape == (2, 4, 2, 44_100)
    assert torch.equal(first, mixing.Batches(folder / "bank", torch.device("cpu")).draw(3, 2, 1.0))
    assert not torch.equal(first, other)


def test_changing_pace_moves_pitch_and_keeps_level():
    """A tone of 1000 Hz played a fifth faster has 1500 Hz and the same level."""
    count, pace = 44_100, 1.5
    needed = int((count + 2 * mixing.MARGIN) * pace) + 8
    tone = np.sin(2 * np.pi * 1000 * np.arange(needed) / 44_100).astype(np.float32)
    moved = mixing.changed(np.stack([tone, -tone]), count, pace, None)
    assert moved.shape == (2, count)
    assert np.argmax(np.abs(np.fft.rfft(moved[0]))) == pytest.approx(1500, abs=1)
    assert np.square(moved[0]).mean() == pytest.approx(0.5, rel=0.01)


def test_an_equaliser_curve_changes_its_band_alone():
    """6 dB at all frequencies is a factor of two."""
    sound = np.random.default_rng(2).normal(0, 0.1, (2, 44_100 + 2 * mixing.MARGIN))
    sound = sound.astype(np.float32)
    curve = np.full(128, 20 * np.log10(2))
    louder = mixing.changed(sound, 44_100, 1.0, curve)
    plain = mixing.changed(sound, 44_100, 1.0, None)
    assert np.allclose(louder, 2 * plain, atol=1e-4)
