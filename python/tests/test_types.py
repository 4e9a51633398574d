"""The types that callers see, and the settings of the engine behind them."""

from __future__ import annotations

import re
import subprocess
import sys
import typing
from ctypes import byref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import swift_demucs
from swift_demucs import Model, _call, _library, _settings
from swift_demucs._library import PROGRAM

# Options that are arguments of this package's functions, or that only the command has.
COMMAND_ONLY = {
    "all-formats", "config", "device", "follow", "help", "jobs", "json", "list-models", "manifest",
    "member", "name", "offline", "out", "progress", "quarantine-after", "quiet", "raw", "repo",
    "shard", "sig", "stdout", "threads", "verbose", "version",
}  # fmt: skip
RIGHT = """
from typing import Any
import numpy as np
import swift_demucs
class Tensor:
    def detach(self) -> Any: ...
m = swift_demucs.load("demo", precision="float32")
reveal_type(m.separate(Tensor(), shifts=1, two_stems="vocals").bass)  # Tensor
reveal_type(m.separate("x.wav", mix={"a": "drums+bass"}, overlap=None)["bass"])  # ndarray
reveal_type(m.separate(np.zeros((2, 9), "f4")).seed)  # "int"
reveal_type(m.separate_files(["x.wav"], flac=True, start="1:00"))  # list[swift_demucs
m.stream([], live=True, hop=0.5)
"""
WRONG = """
import swift_demucs
m = swift_demucs.load("demo")
m.separate("x.wav", shift=1)
m.separate("x.wav", shifts="two")
m.separate("x.wav", live=True)
m.separate_files(["x.wav"], flacs=True)
m.analyze("x.wav", stems=["bass"])
swift_demucs.load("demo", precision="fp16")
swift_demucs.write("x.wav", 0, 44100, int24="yes")
"""


def mypy(folder: Path, code: str) -> str:
    (folder / "use.py").write_text(code.strip())
    command = [sys.executable, "-m", "mypy", "--strict", "use.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_right_settings_have_types(tmp_path: Path) -> None:
    found = mypy(tmp_path, RIGHT)
    assert "error" not in found
    for number, line in enumerate(RIGHT.strip().splitlines(), 1):
        kind = line.partition("# ")[2]
        assert not kind or re.search(rf"use.py:{number}: .*{re.escape(kind)}", found), found


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    found = mypy(tmp_path, WRONG)
    lines = {int(line) for line in re.findall(r"use\.py:(\d+): error", found)}
    assert lines == set(range(3, 10)), found


def test_an_unknown_setting_is_a_type_error(model: Model, tmp_path: Path) -> None:
    call: Any = model.separate
    with pytest.raises(TypeError, match="'shift'; did you mean 'shifts'"):
        call("x.wav", shift=1)
    with pytest.raises(TypeError, match="'order'; expected one of cancellation, "):
        call("x.wav", order=1)
    with pytest.raises(TypeError, match="'flacs'; did you mean 'flac'"):
        swift_demucs.separate_files(model, [], tmp_path, **{"flacs": True})  # type: ignore


def test_the_settings_are_those_of_the_engine(model: Model, tmp_path: Path) -> None:
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    options = dict(re.findall(r"^ *(?:-\w, )?--([\w-]+)( <.*?>)?", text, re.M))
    hints = _settings.FileSettings.__annotations__
    assert options.keys() - COMMAND_ONLY == {name.replace("_", "-") for name in hints} - {"format"}
    flags = {name for name, kind in hints.items() if "bool" in str(kind)}
    assert flags == {name for name in hints if options.get(name.replace("_", "-")) == ""}
    precisions = re.search(r"--precision <(.*)>", text)[1].split("|")  # type: ignore[index]
    assert set(typing.get_args(_settings.Precision)) == {"default", *precisions}
    names = hints.keys() | _settings.StreamSettings.__optional_keys__
    silence = np.zeros((2, 9), np.float32)
    audio = swift_demucs._arrays.audio(silence, _library.PLANAR, 44_100)
    path = str(tmp_path / "x").encode()

    def taken(call: Any) -> set[str]:
        """The settings that a function of the C library knows."""
        known = set()
        for name in names:
            try:
                call(_settings.encode({name: "?"}))
            except swift_demucs.Error as error:
                if "unknown field" in str(error):
                    continue
            known.add(name)
        return known

    with model._use() as handle:
        planned = taken(lambda given: _call.event("sd_plan", handle, given, 9, 44_100))
    written = taken(lambda given: _library.invoke("sd_write", byref(audio), path, given))
    assert planned == {*_settings.StreamSettings.__optional_keys__, "seed"}
    assert written == set(_settings.WriteSettings.__optional_keys__)
