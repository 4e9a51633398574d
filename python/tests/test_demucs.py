"""`swift_demucs.apply`, `.pretrained` and `.separate` against the contract of demucs.

reference/python_parity.py compares the samples with the reference's; it needs PyTorch.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from conftest import snr

import swift_demucs
import swift_demucs.separate
from swift_demucs.apply import apply_model
from swift_demucs.pretrained import ModelLoadingError, get_model

STEMS = ["drums", "bass", "other", "vocals"]


def test_each_track_of_a_batch_is_separated_as_it_is(model: swift_demucs.Model, music: Any) -> None:
    batch = np.stack([music, 3 + music[:, ::-1]])
    options: Dict[str, Any] = {"overlap": 0.5, "transition_power": 2.0, "segment": 2}
    found = apply_model(get_model("demo"), batch, shifts=0, **options)
    assert found.shape == (2, 4, *music.shape)
    for track, stems in zip(batch, found):
        golden = model.separate(track, shifts=0, normalize=False, **options).array
        assert np.array_equal(golden, stems)
    assert snr(model.separate(batch[1], shifts=0, **options).array, found[1]) < 60
    # The normalisation of a normalised track changes nothing.
    mono = music.mean(0)
    track = (music - mono.mean()) / mono.std(ddof=1)
    found = apply_model(get_model("demo"), track[None], 0, num_workers=2, device="cuda")[0]
    assert snr(model.separate(track, shifts=0).array, found) > 100


def test_a_batch_has_the_same_shifts(model: swift_demucs.Model, music: Any) -> None:
    calls: List[Dict[str, Any]] = []
    random.seed(7)
    batch = np.stack([music, music])
    found = apply_model(model, batch, shifts=2, callback=calls.append, callback_arg={"x": 1})
    assert np.array_equal(found[0], found[1])
    after = random.random()
    random.seed(7)
    golden = model.separate(music, shifts=2, normalize=False, seed=random).array  # type: ignore
    assert np.array_equal(golden, found[0]) and random.random() == after
    assert calls[0]["x"] == 1 and {call["shift_idx"] for call in calls} == {0, 1}
    with pytest.raises(swift_demucs.ArgumentError, match=r"mix\[None\]"):
        apply_model(model, music)


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadingError, match="missing-model"):
        get_model("missing-model", tmp_path)


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ("--two-stems vocals --mp3", {"t/vocals.mp3", "t/no_vocals.mp3"}),
        ("--two-stems=bass --other-method minus --float32", {"t/bass.wav", "t/minus_bass.wav"}),
        ("--two-stems=bass --other-method none", {"t/bass.wav"}),
        ("--flac --filename {stem}_{track}.{ext}", {f"{stem}_t.flac" for stem in STEMS}),
    ],
)  # fmt: skip
def test_main_writes_the_files_of_demucs(
    options: str, files: Any, tmp_path: Path, music: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    song = swift_demucs.write(tmp_path / "t.wav", music[:, :50_000], 44_100)
    words = [*options.split(), "-n", "demo", "-o", str(tmp_path / "out"), "-d", "cuda", str(song)]
    swift_demucs.separate.main(words)
    folder = tmp_path / "out" / "demo"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == files
    assert "'cuda' is ignored" in capfd.readouterr().err
