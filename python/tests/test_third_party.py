"""Calls of `demucs.api` as in public programs, with the import replaced.

The programs were found in public repositories and are rewritten here: the calls and the use of
their results are kept, the programs' own work is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
from conftest import RATE

import swift_demucs.api


def test_a_web_service_that_keeps_one_separator(tmp_path: Path, track: Path) -> None:
    """One separator made with keywords; a file; two stems, the second as the sum of the others."""
    demucs_api = swift_demucs.api
    separator = demucs_api.Separator(model="demo", device="cpu", jobs=1)
    _origin, separated = separator.separate_audio_file(Path(track))
    parts = []
    for key in list(separated.keys()):
        if key != "vocals":
            parts.append(separated[key])
    instrumental = parts[0]
    for part in parts[1:]:
        instrumental = instrumental + part
    for name, source in (("vocals", separated["vocals"]), ("no_vocals", instrumental)):
        demucs_api.save_audio(source, str(tmp_path / f"{name}.wav"), separator.samplerate)
    assert {file.name for file in tmp_path.iterdir()} == {"vocals.wav", "no_vocals.wav"}


def test_a_tutorial(tmp_path: Path, track: Path) -> None:
    """github.com/yifeili518/Demucs-Tutorial, api.py: a second separator with a segment in whole
    seconds; the background as the original less the voice; file names from the input's name."""
    import swift_demucs.api

    separator = swift_demucs.api.Separator("demo")
    separator = swift_demucs.api.Separator(model="demo", segment=3)
    origin, separated = separator.separate_audio_file(str(track))
    vocals = separated["vocals"]
    background = origin - vocals
    for name, samples in (("vocals", vocals), ("background", background)):
        path = f"{tmp_path}/{name}_{track.stem}.wav"
        swift_demucs.api.save_audio(samples, path, samplerate=separator.samplerate)
        assert Path(path).is_file()


def test_a_transcriber(tmp_path: Path, track: Path) -> None:
    """github.com/harley-byte/sttapp, spiltvoice.py: a device that is missing, a callback with its
    own argument, results printed, all stems saved with keywords."""
    import swift_demucs.api as demucs_api

    seen = []
    separator = demucs_api.Separator(
        model="demo", device="mps", callback=seen.append, callback_arg={"abc": 0}
    )
    _origin, separated = separator.separate_audio_file(str(track))
    assert "vocals" in str(separated)
    for stem, tensor in separated.items():
        output_file = f"{tmp_path}/{stem}_output.wav"
        demucs_api.save_audio(tensor, output_file, samplerate=separator.samplerate)
    assert len(list(tmp_path.iterdir())) == 4 and seen[0]["abc"] == 0


def test_a_dataset_tool_that_separates_arrays(music: Any) -> None:
    """Keywords in a dictionary, samples [frames, channels] from another library, the rate as a
    positional argument, the accompaniment as the sum of the dictionary's values."""
    from swift_demucs.api import Separator

    keywords: Dict[str, Any] = {"model": "demo", "device": "cuda", "progress": False}
    keywords["segment"] = 3
    separator = Separator(**keywords)
    audio = np.ascontiguousarray(music.T)
    _, stems = separator.separate_tensor(audio.T.copy(), RATE)
    others = [stem for name, stem in stems.items() if name != "vocals"]
    accompaniment = sum(others).T
    assert stems["vocals"].T.shape == accompaniment.shape == audio.shape


def test_a_desktop_program_that_checks_the_stems_and_shows_progress(
    tmp_path: Path, track: Path
) -> None:
    """`separator.model.sources`; all keywords except the callback, which is set later with its own
    argument; the background as the original less a stem; a format with a given bit depth."""
    from swift_demucs.api import Separator, save_audio

    separator = Separator(
        model="demo", device="cpu", shifts=0, split=True, overlap=0.15, jobs=0, progress=False
    )
    assert "vocals" in separator.model.sources
    shown = []

    def show(data: Dict[str, Any]) -> None:
        if data["state"] == "end":
            shown.append(data["segment_offset"] / data["audio_length"] * data["ui"])

    separator.update_parameter(callback=show, callback_arg={"ui": 100})
    origin, separated = separator.separate_audio_file(str(track))
    background = origin - separated["vocals"]
    save_audio(
        background, tmp_path / "background.wav", samplerate=separator.samplerate, bits_per_sample=16
    )
    assert (tmp_path / "background.wav").is_file() and shown == sorted(shown)
