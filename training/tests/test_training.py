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
grow = pytest.importorskip("grow")
average = pytest.importorskip("average")
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
    call(folder, "first", "--steps", "1", "--batch", "1", "--long-batch", "1", "--rate", "1e-3",
         "--balance", "0.5", "--spectral", "0.2")  # fmt: skip
    call(folder, "first", "--steps", "2")
    settings = weights(folder, "first")["settings"]
    assert (settings["batch"], settings["rate"]) == (1, 1e-3)
    assert (settings["balance"], settings["spectral"]) == (0.5, 0.2)
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


def noises(*levels: float) -> "torch.Tensor":
    """Two examples of stems of noise, with the levels of the four stems."""
    random = torch.Generator().manual_seed(3)
    return torch.tensor(levels)[:, None, None] * torch.randn(2, 4, 2, 10_000, generator=random)


@pytest.mark.parametrize(("balance", "spectral"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.3)])
def test_the_loss_does_not_depend_on_level(balance, spectral):
    """Stems and estimates times four have the same loss; a smaller error has a smaller loss."""
    stems = noises(0.1, 0.1, 0.1, 0.1)
    error = noises(0.01, 0.01, 0.01, 0.01).flip(-1)
    found = float(loss.loss_of(stems + error, stems, balance, spectral))
    louder = float(loss.loss_of(4 * (stems + error), 4 * stems, balance, spectral))
    assert louder == pytest.approx(found, rel=1e-4)
    assert float(loss.loss_of(stems + error / 2, stems, balance, spectral)) < 0.7 * found


def test_the_waveform_loss_is_the_error_relative_to_the_mixture():
    """Half the error has half the loss."""
    stems, error = noises(0.1, 0.1, 0.1, 0.1), noises(0.01, 0.01, 0.01, 0.01).flip(-1)
    expected = (error.abs().mean((1, 2, 3)) / stems.sum(1).std((1, 2))).mean()
    assert float(loss.waveform_loss(stems + error, stems)) == pytest.approx(float(expected), 1e-4)
    half = float(loss.waveform_loss(stems + error / 2, stems))
    assert half == pytest.approx(float(expected) / 2, rel=1e-3)


def test_balance_makes_stems_count_alike():
    """A tenth of a loud stem's level as error counts as much as a tenth of a quiet stem's."""
    stems = noises(0.4, 0.1, 0.1, 0.1)
    shares = {}
    for balance in (0.0, 1.0):
        found = []
        for k in (0, 1):
            estimate = stems.clone()
            estimate[:, k] *= 1.1
            found.append(float(loss.loss_of(estimate, stems, balance, 0.0)))
        shares[balance] = found[0] / found[1]
    assert shares[0.0] == pytest.approx(4, rel=0.05)
    assert shares[1.0] == pytest.approx(1, rel=0.05)


def test_silence_has_a_finite_gradient():
    """Compressed spectrograms have no infinite slope at zero."""
    estimate = torch.zeros(2, 4, 2, 10_000, requires_grad=True)
    loss.loss_of(estimate, noises(0.1, 0.1, 0.1, 0.0), 1.0, 1.0).backward()
    assert torch.isfinite(estimate.grad).all()


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


def test_a_grown_model_computes_the_same_and_trains_further(folder):
    """Twice the channels; the output within float32's rounding; equal channels part in training."""
    model = reference.load(ROOT.parent / "Models/demo.safetensors")
    wide = grow.grow(model)
    mix = torch.randn(1, 2, 88_200, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        before, after = model(mix), wide(mix)
    assert (before - after).square().mean() < 1e-10 * before.square().mean()
    exported = folder / "wide.safetensors"
    reference.save_safetensors(wide, exported, torch.float16, {"training_steps": "7"})
    call(folder, "wide", "--start", str(exported), "--steps", "10", "--batch", "1")
    state = weights(folder, "wide")
    assert state["settings"]["channels"] == 32
    kernel = state["model"]["encoder.1.conv.weight"]
    assert (kernel[:32] - kernel[32:]).abs().max() > 1e-4


def test_an_average_has_its_share_of_each_weight(folder):
    """Half the demo model's weights and twice them have a mean of 1.25 times them."""
    half, twice = (reference.load(ROOT.parent / "Models/demo.safetensors") for _ in range(2))
    with torch.no_grad():
        for parameter in half.parameters():
            parameter.mul_(0.5)
        for parameter in twice.parameters():
            parameter.mul_(2)
    paths = [folder / f"{name}.safetensors" for name in ("half", "twice", "mean")]
    for model, path in zip((half, twice), paths, strict=False):
        reference.save_safetensors(model, path, torch.float32, {"training_steps": "9"})
    command = [sys.executable, "average.py", *map(str, paths[:2]), "0.5", "--write", str(paths[2])]
    subprocess.run(command, cwd=ROOT, check=True)
    found = reference.load(paths[2]).state_dict()
    for name, value in half.state_dict().items():
        assert torch.allclose(found[name].float(), 2.5 * value, rtol=1e-3, atol=1e-6), name


def test_models_of_different_widths_have_no_average(folder):
    """The script says so and writes nothing."""
    narrow = ROOT.parent / "Models/demo.safetensors"
    wide = folder / "for average.safetensors"
    note = {"training_steps": "7"}
    reference.save_safetensors(grow.grow(reference.load(narrow)), wide, torch.float16, note)
    out = folder / "none.safetensors"
    command = [sys.executable, "average.py", str(narrow), str(wide), "0.5", "--write", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "different configurations" in done.stderr
    assert not out.exists()


def test_a_width_that_is_not_the_models_is_refused(folder):
    """The message has both widths."""
    command = [sys.executable, "train.py", str(folder / "bank"), "--work", str(folder / "refused")]
    model = ROOT.parent / "Models/demo.safetensors"
    done = subprocess.run(
        [*command, "--start", str(model), "--channels", "24"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "has 16 channels, not 24" in done.stderr
