"""`swift_demucs.api` against the contract of `demucs.api`.

`reference/parity.py python` compares the samples with the reference's; it needs PyTorch.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RATE, snr

import swift_demucs
from swift_demucs import api

KEYS = {
    "audio_length", "models", "model_idx_in_bag", "shift_idx", "segment_offset", "state",
    "progress", "mine",
}  # fmt: skip


@pytest.fixture(scope="module")
def separator() -> api.Separator:
    return api.Separator("demo", shifts=0)


def test_the_separator_has_the_references_attributes(separator: api.Separator) -> None:
    assert (separator.samplerate, separator.audio_channels) == (RATE, 2)
    assert separator.model.sources == ["drums", "bass", "other", "vocals"]
    assert separator.model.samplerate == RATE and separator.model.audio_channels == 2


def test_tensors_and_files(separator: api.Separator, track: Path, music: Any) -> None:
    origin, separated = separator.separate_tensor(music)
    assert origin is music and list(separated) == separator.model.sources
    assert all(stem.shape == music.shape for stem in separated.values())
    same, _ = separator.separate_tensor(music, RATE)
    assert same is music
    for path in (track, str(track)):
        origin, separated = separator.separate_audio_file(path)
        assert np.array_equal(origin, swift_demucs.read(track)[0])
        assert separated["vocals"].shape == origin.shape


def test_other_rates_are_converted_and_given_back(separator: api.Separator, music: Any) -> None:
    origin, separated = separator.separate_tensor(music[:1, ::2], RATE // 2)
    assert origin.shape == music.shape == separated["bass"].shape


def test_each_segment_has_the_references_callbacks(bag: Path, music: Any) -> None:
    calls: list[dict[str, Any]] = []
    given = {"mine": 1, "models": "overridden"}
    separator = api.Separator(
        "bag", bag, shifts=2, callback=calls.append, callback_arg=given, segment=2, overlap=0.5
    )
    random.seed(7)
    separator.separate_tensor(music)
    # The offsets are those of demucs/apply.py, which draws model after model, shift after shift.
    expected = []
    generator = random.Random(7)
    for member in range(2):
        for shift in range(2):
            offset = generator.randint(0, RATE // 2)
            for segment in range(0, music.shape[1] + RATE // 2 - offset, RATE):
                generator.randrange(1)
                expected.append((member, shift, segment))
    names = ("model_idx_in_bag", "shift_idx", "segment_offset", "state")
    found = [tuple(call[name] for name in names) for call in calls]
    assert sorted(found) == sorted(
        (*place, state) for place in expected for state in ("start", "end")
    )
    assert all(found.index((*place, "start")) < found.index((*place, "end")) for place in expected)
    assert random.getstate() == generator.getstate()
    assert all(set(call) == KEYS and call["models"] == 2 for call in calls)
    assert all(call["audio_length"] == music.shape[1] for call in calls)
    fractions = [call["progress"] for call in calls]
    assert fractions == sorted(fractions) and (fractions[0], fractions[-1]) == (0, 1)
    assert given == {"mine": 1, "models": "overridden"}


def test_the_global_generator_draws_the_shifts(music: Any) -> None:
    separator = api.Separator("demo")

    def vocals() -> Any:
        return separator.separate_tensor(music)[1]["vocals"]

    random.seed(7)
    first, second = vocals(), vocals()
    random.seed(7)
    assert np.array_equal(first, vocals()) and np.array_equal(second, vocals())
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_what_a_callback_raises_stops_the_run_and_comes_out(kind: Any, music: Any) -> None:
    calls = []

    def stop(call: dict[str, Any]) -> None:
        calls.append(call)
        if len(calls) == 3:
            raise kind("enough")

    separator = api.Separator("demo", shifts=3, callback=stop)
    with pytest.raises(kind, match="enough"):
        separator.separate_tensor(music)
    assert len(calls) == 3
    separator.update_parameter(callback=None)
    separator.separate_tensor(music)


def test_parameters_are_updated(music: Any) -> None:
    separator = api.Separator("demo", shifts=0)
    golden = separator.separate_tensor(music)[1]["bass"]
    calls: list[Any] = []
    separator.update_parameter(jobs=2, callback=calls.append, callback_arg={"mine": 1})
    assert np.array_equal(separator.separate_tensor(music)[1]["bass"], golden)
    assert len(calls) == 4 and set(calls[0]) == KEYS
    separator.update_parameter(
        device="cuda", segment=2, split=True, overlap=0.1, progress=False, callback=None
    )
    assert not np.array_equal(separator.separate_tensor(music)[1]["bass"], golden)


def test_the_bar(music: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api.Separator("demo", progress=True).separate_tensor(music)
    assert "6.0/6.0 s" in capsys.readouterr().err


def test_saving(tmp_path: Path, music: Any) -> None:
    loud = music / np.abs(music).max() * 1.5
    # As demucs/audio.py: divided by 1.01 times the peak, rounded toward zero.
    divided = loud / max(1.01 * np.abs(loud).max(), 1)
    api.save_audio(loud, tmp_path / "a.wav", RATE)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 2)
        found = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    expected = (divided.clip(-1, 1).T * np.float32(2**15 - 1)).astype("<i2").ravel()
    assert np.array_equal(found, expected)
    api.save_audio(loud, str(tmp_path / "b.wav"), RATE, as_float=True, clip="clamp")
    assert np.array_equal(swift_demucs.read(tmp_path / "b.wav")[0], loud.clip(-0.99, 0.99))
    api.save_audio(music, tmp_path / "c.flac", RATE, bits_per_sample=24, clip=None)
    assert snr(music, swift_demucs.read(tmp_path / "c.flac")[0]) > 100
    api.save_audio(music, tmp_path / "d.mp3", samplerate=RATE, bitrate=128, preset=7)
    assert snr(music, swift_demucs.read(tmp_path / "d.mp3")[0]) > 5
    # As in demucs, MP3 has no bits of a sample.
    api.save_audio(music, tmp_path / "f.mp3", RATE, bitrate=128, bits_per_sample=32, preset=7)
    assert (tmp_path / "f.mp3").read_bytes() == (tmp_path / "d.mp3").read_bytes()
    with pytest.raises(ValueError, match=r"doesn't end in \.wav"):
        api.save_audio(music, tmp_path / "e.aac", RATE)
    with pytest.raises(ValueError, match="bits_per_sample"):
        api.save_audio(music, tmp_path / "e.wav", RATE, bits_per_sample=32)
    with pytest.raises(FileNotFoundError):
        api.save_audio(music, tmp_path / "missing" / "e.wav", RATE)


def test_models_are_listed(bag: Path) -> None:
    everything = api.list_models()
    assert set(everything["bag"]) == {
        "htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra",
        "repro_mdx_a", "repro_mdx_a_hybrid_only", "repro_mdx_a_time_only",
    }  # fmt: skip
    assert "955717e8" in everything["single"]
    (bag / "955717e8-8726e21a.th").touch()
    local = api.list_models(bag)
    assert set(local["single"]) == {"one", "two", "955717e8"}
    assert local["bag"] == {"bag": bag / "bag.yaml"}
    with pytest.raises(swift_demucs.ArgumentError, match="directory"):
        api.list_models(bag / "bag.yaml")


def test_errors_have_the_references_names(separator: api.Separator, tmp_path: Path) -> None:
    with pytest.raises(api.LoadModelError, match="missing-model"):
        api.Separator("missing-model", repo=tmp_path)
    with pytest.raises(api.LoadAudioError, match=r"missing\.wav") as raised:
        separator.separate_audio_file(tmp_path / "missing.wav")
    assert raised.value.path == str(tmp_path / "missing.wav")
    with pytest.raises(TypeError, match="callback"):
        api.Separator("demo", callback=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callback_arg"):
        separator.update_parameter(callback_arg=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="model"):
        api.Separator(7)  # type: ignore[arg-type]


# A fake torch with the functions that the package may use, so that the test needs no real one.
TORCH = """
import sys, types
import numpy as np

class Tensor:
    device, dtype = "cpu", "float32"
    def __init__(self, array): self.array = array
    def to(self, device): return self
    def detach(self): return self
    def cpu(self): return self
    resolve_conj = resolve_neg = cpu
    def numpy(self): return self.array

torch = types.ModuleType("torch")
torch.Tensor = Tensor
torch.bfloat16 = "bfloat16"
torch.from_numpy = Tensor
"""


def run(code: str, track: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", code, str(track)],
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def test_torch_is_used_if_the_caller_imported_it_and_never_imported(track: Path) -> None:
    run(
        TORCH
        + """
from swift_demucs import api, load
track = sys.argv[1]
separator = api.Separator("demo", shifts=0)
origin, stems = separator.separate_audio_file(track)
assert type(origin) is type(stems["bass"]) is np.ndarray and "torch" not in sys.modules
sys.modules["torch"] = torch
origin, stems = separator.separate_audio_file(track)
assert type(origin) is type(stems["bass"]) is Tensor
again, stems = separator.separate_tensor(origin)
assert again is origin and type(stems["bass"]) is Tensor
found = load("demo").separate(origin, shifts=0)
assert type(found.bass) is Tensor and np.shares_memory(found.mixture.array, origin.array)
assert type(separator.separate_tensor(origin.array)[1]["bass"]) is np.ndarray
""",
        track,
    )
