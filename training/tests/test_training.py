"""Training: three steps, resumed and exported; bad states and models."""

import argparse
import itertools
import json
import math
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import noise_songs

import packs

torch = pytest.importorskip("torch")
train = pytest.importorskip("train")
ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("SWIFT_DEMUCS", ROOT / ".build/release/swift-demucs"))
torch.set_num_threads(1)
TINY = ("--channels", "8", "--bottom", "32", "--batch", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A pack of two songs, one of them for validation, and a training of three steps."""
    folder = tmp_path_factory.mktemp("training")
    packs.write_pack(folder / "songs.tar", noise_songs((25, 26), 4.5))
    call(folder, "whole", "--steps", "3")
    return folder


@pytest.fixture(autouse=True)
def handlers():
    """Restores what a training has done to the process."""
    kept = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


def call(folder: Path, work: str, *options: str) -> None:
    """Runs train.py's command line."""
    command = [str(folder / "songs.tar"), "--work", str(folder / work), "--out", str(folder / work)]
    times = ["--minutes", "60", "--total", "10000"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train.py", *command, *times, *TINY, *options])
        train.main()


def refusal(folder: Path, work: str, *options: str) -> str:
    """The line with which train.py ends."""
    with pytest.raises(SystemExit) as found:
        call(folder, work, *options)
    assert "\n" not in str(found.value)
    return str(found.value)


def state(folder: Path, work: str) -> dict:
    """The state that a training has written."""
    return torch.load(folder / work / "state.pt", weights_only=True)


def test_a_resumed_training_ends_with_the_same_weights(folder):
    """Three steps in one call, and two and one in two calls, give the same bits."""
    call(folder, "parts", "--steps", "2")
    call(folder, "parts", "--steps", "3")
    whole, parts = state(folder, "whole"), state(folder, "parts")
    assert whole["step"] == parts["step"] == 3
    assert torch.equal(whole["random"], parts["random"])
    for part in ("model", "average"):
        for name, value in whole[part].items():
            assert torch.equal(value, parts[part][name]), name
    log = [json.loads(line) for line in (folder / "parts/log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [2, 3]
    assert set(log[-1]["validation"]["sdr"]) == {"drums", "bass", "other", "vocals"}


def test_the_export_loads_in_the_package_and_in_the_program(folder, tmp_path):
    """Both separate 5 s of noise; they differ by less than a thousandth of the peak."""
    import soundfile

    compare_scores = pytest.importorskip("compare_scores")
    model = folder / "whole/model.safetensors"
    average = state(folder, "whole")["average"]
    for name, value in compare_scores.loaded(model).state_dict().items():
        assert torch.equal(value, average[name].half().float()), name
    sound = noise_songs((3,), 5.0)[0][1].sum(0)
    soundfile.write(tmp_path / "noise.wav", sound.T, 44_100, subtype="FLOAT")
    command = [PROGRAM, "-q", "-n", model, "--shifts", "0", "--float32", "--clip-mode", "none"]
    subprocess.run([*command, "-o", tmp_path, tmp_path / "noise.wav"], check=True)
    expected = compare_scores.separated(model, sound)
    for name, truth in zip(train.STEMS, expected, strict=True):
        found = soundfile.read(tmp_path / f"model/noise/{name}.wav", dtype="float32")[0].T
        assert abs(found - truth).max() < 1e-3 * abs(expected).max(), name


def test_a_signal_ends_a_call_with_its_state(folder, monkeypatch):
    """SIGTERM after the first step."""
    advance = train.Training.advance

    def interrupted(*arguments):
        advance(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(train.Training, "advance", interrupted)
    call(folder, "signal", "--steps", "3")
    assert state(folder, "signal")["step"] == 1


def test_a_training_ends_with_its_minutes_and_then_says_so(folder, monkeypatch):
    """A clock that counts a minute whenever it is asked; the rate falls in the second half."""
    clock = itertools.count(0, 60)
    monkeypatch.setattr(train.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(train, "WARM_UP_STEPS", 1)
    call(folder, "timed", "--total", "12")
    log = [json.loads(line) for line in (folder / "timed/log.jsonl").read_text().splitlines()]
    assert log[-2]["minutes"] < 12 <= log[-1]["minutes"]
    assert state(folder, "timed")["seconds"] == 60 * log[-1]["minutes"]
    assert log[0]["rate"] == train.RATE
    assert log[-1]["rate"] < train.RATE / 2
    before = (folder / "timed/model.safetensors").read_bytes()
    assert "has all 12 minutes of --total" in refusal(folder, "timed", "--total", "12")
    assert (folder / "timed/model.safetensors").read_bytes() == before


def test_bad_states_models_and_packs_are_refused_in_one_line(folder):
    """Each line names the file and what to do."""
    found = refusal(folder, "whole", "--channels", "16")
    assert found.startswith(
        f"{folder / 'whole/state.pt'}: 8 channels, 32 at the bottom; expected 16"
    )
    (folder / "damaged").mkdir()
    (folder / "damaged/state.pt").write_bytes((folder / "whole/state.pt").read_bytes()[:5000])
    assert "state.pt: damaged: remove it" in refusal(folder, "damaged")
    torch.save({"keywords": state(folder, "whole")["keywords"]}, folder / "damaged/state.pt")
    assert "state.pt: damaged: remove it" in refusal(folder, "damaged")
    demo = ROOT / "Models/demo.safetensors"
    found = refusal(folder, "new", "--start", str(demo))
    assert f"{demo}: " in found
    assert "expected 8 and 32" in found
    cut = folder / "cut.safetensors"
    cut.write_bytes((folder / "whole/model.safetensors").read_bytes()[:-100])
    assert "cut.safetensors: damaged" in refusal(folder, "new", "--start", str(cut))
    assert "nowhere.safetensors: No such file" in refusal(
        folder, "new", "--start", str(folder / "nowhere.safetensors")
    )
    assert "nowhere/songs.tar: No such file" in refusal(folder / "nowhere", "new")
    (folder / "plain").mkdir()
    packs.write_pack(folder / "plain/songs.tar", noise_songs((26,), 1.0))
    assert "1 songs for training and 0 for validation" in refusal(folder / "plain", "new")
    assert not (folder / "new/state.pt").exists()


def test_without_space_the_last_state_and_model_stay(folder):
    """The limit of a file's size stands for a full disk."""
    call(folder, "full", "--steps", "1")
    names = ("model.safetensors", "state.pt")
    before = {name: (folder / "full" / name).read_bytes() for name in names}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        found = refusal(folder, "full", "--steps", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "model.safetensors: not written: File too large; free some space" in found
    assert {name: (folder / "full" / name).read_bytes() for name in names} == before
    assert not list((folder / "full").glob("*.pending"))


def test_a_loss_that_is_no_number_ends_a_call_before_anything_is_written(folder, monkeypatch):
    """The averaged weights and the state of the last report stay."""
    call(folder, "broken", "--steps", "1")
    before = (folder / "broken/state.pt").read_bytes()
    monkeypatch.setattr(train, "waveform_loss", lambda estimate, _: (estimate * math.nan).mean())
    found = refusal(folder, "broken", "--steps", "2")
    assert "state.pt: the loss is nan after 2 steps" in found
    assert (folder / "broken/state.pt").read_bytes() == before


def test_a_training_starts_from_the_demo_model(tmp_path):
    """With that model's own configuration."""
    path = ROOT / "Models/demo.safetensors"
    weights, metadata = train.read_model(path)
    keywords = json.loads(metadata["kwargs"])
    options = argparse.Namespace(
        channels=keywords["channels"], bottom=keywords["bottom_channels"],
        start=path, work=tmp_path, out=tmp_path, rate=1e-3,
    )  # fmt: skip
    started = train.Training(options)
    assert started.step == int(metadata["training_steps"])
    for name, value in started.average.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_the_waveform_loss_is_the_error_relative_to_the_mixture():
    """Half the error has half the loss, and four times the level the same."""
    stems = 0.1 * torch.randn(2, 4, 2, 10_000, generator=torch.Generator().manual_seed(3))
    error = stems.flip(-1) / 10
    expected = float((error.abs().mean((1, 2, 3)) / stems.sum(1).std((1, 2))).mean())
    for gain, share in ((1, 1), (1, 0.5), (4, 1)):
        found = train.waveform_loss(gain * (stems + share * error), gain * stems)
        assert float(found) == pytest.approx(share * expected, rel=1e-3)
