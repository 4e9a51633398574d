"""`swift_demucs.as_demucs`: programs that import demucs run on this package.

reference/dependents.py runs programs of others; reference/python_parity.py compares the samples.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from conftest import RATE

import swift_demucs
from swift_demucs import api, as_demucs, audio, separate
from swift_demucs.apply import BagOfModels, HTDemucs, apply_model
from swift_demucs.pretrained import get_model

FOLDER = Path(as_demucs.__file__).parent
SITE = FOLDER.parents[1]
# The table of docs/from-demucs.md.
NAMES = {
    "api": "Separator save_audio list_models LoadAudioError LoadModelError",
    "apply": "apply_model BagOfModels HTDemucs HDemucs Demucs",
    "audio": "AudioFile convert_audio convert_audio_channels prevent_clip save_audio",
    "pretrained": "get_model get_model_from_args add_model_flags ModelLoadingError DEFAULT_MODEL "
    "SOURCES",
    "separate": "main get_parser load_track fatal save_audio get_model_from_args AudioFile",
    "htdemucs": "HTDemucs", "hdemucs": "HDemucs", "demucs": "Demucs", "states": "load_model",
    "repo": "AnyModel ModelLoadingError", "utils": "fatal",
}  # fmt: skip


def environment(*folders: Path) -> Dict[str, str]:
    path = [*folders, *filter(None, [os.environ.get("PYTHONPATH")]), SITE]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}


def python(code: str, *folders: Path, program: str = sys.executable, **options: Any) -> str:
    command = [program, *(["-c", code] if "\n" in code or " " in code else code.split("|"))]
    done = subprocess.run(
        command, env=environment(*folders), capture_output=True, text=True, check=True, **options
    )
    return done.stdout


@pytest.fixture
def song(tmp_path: Path, music: Any) -> Path:
    return swift_demucs.write(tmp_path / "t.wav", music[:, :50_000], RATE)


def test_the_names_of_the_table_exist() -> None:
    lines = [
        f"from demucs.{module} import {', '.join(names.split())}" for module, names in NAMES.items()
    ]
    lines += ["from demucs import separate, api; import demucs", "print(demucs.__version__)"]
    assert python("\n".join(lines), FOLDER) == "4.1.0\n"
    page = Path(__file__).parents[2] / "docs" / "from-demucs.md"
    if page.exists():
        text = page.read_text()
        assert not [n for names in NAMES.values() for n in names.split() if f"{n}" not in text]


@pytest.mark.parametrize(
    "code",
    ["from demucs.apply import TensorChunk", "from demucs import solver", "import demucs.wav",
     "import demucs.api; demucs.api.AnyRepo"],
)  # fmt: skip
def test_a_missing_name_is_an_import_error_that_says_what_to_do(code: str) -> None:
    text = f"try:\n    {code}\nexcept (ImportError, NotImplementedError) as e: print(e)"
    assert re.search(r"no '?\w+' of demucs; .*from-demucs|No module named", python(text, FOLDER))
    asked = "import copy, inspect, pickle, demucs.api as a\n"
    asked += "print(hasattr(a, '__wrapped__'), inspect.unwrap(a) is a, hasattr(a, '_x'))"
    assert python(asked, FOLDER) == "False True False\n"


def test_programs_and_their_children_run(song: Path) -> None:
    module = [sys.executable, "-m", "swift_demucs.as_demucs"]
    given = {"env": environment(), "cwd": song.parent, "capture_output": True, "text": True}
    assert subprocess.run(module, **given).stdout == f"{FOLDER}\n"  # type: ignore[call-overload]
    child = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'demucs', '-n', 'demo', "
    child += "'--two-stems', 'vocals', 't.wav'], check=True)"
    done = subprocess.run([*module, "--", sys.executable, "-c", child], **given)  # type: ignore
    assert done.returncode == 0, done.stderr
    assert len(list(song.parent.glob("separated/demo/t/*vocals.wav"))) == 2
    done = subprocess.run([*module, "--", "no-such-program"], **given)  # type: ignore
    assert done.returncode == 1 and "no-such-program can't be run: No such" in done.stderr
    assert subprocess.run([*module, "--"], **given).returncode == 2  # type: ignore
    done = subprocess.run(
        [*module[:2], "demucs", "bad.wav"], **{**given, "env": environment(FOLDER)}
    )  # type: ignore
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_an_environment_gets_demucs_and_loses_it(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    program = str(tmp_path / "bin" / "python")
    site = next(tmp_path.glob("lib/python*/site-packages"))
    (site / "swift_demucs").symlink_to(FOLDER.parent)
    (site / "demucs.py").write_text("__version__ = 'installed'\n")
    paths = [str(Path(np.__file__).parents[1])]
    (site / "numpy.pth").write_text("\n".join(paths))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run([program, *words], env=bare, capture_output=True, text=True)

    version = ("-c", "import demucs; print(demucs.__version__)")
    before = sorted(site.iterdir())
    for words, expected in (("--install", "4.1.0\n"), ("--uninstall", "installed\n")):
        for _ in range(2):
            done = run("-m", "swift_demucs.as_demucs", words)
            assert done.returncode == 0 and str(site) in done.stdout, done.stderr
            assert run(*version).stdout == expected
    assert sorted(site.iterdir()) == before
    if os.geteuid() != 0:
        site.chmod(0o555)
        assert (
            "Permission denied; use PYTHONPATH="
            in run("-m", "swift_demucs.as_demucs", "--install").stderr
        )


def test_models_are_bags_of_members_as_in_demucs(bag: Path, music: Any) -> None:
    weights = "weights: [\n  [1., 0., 0.5, 0.3],\n  [0.5, 1., 0.5, 0.9],\n]\nsegment: 3\n"
    (bag / "bag.yaml").write_text("models: ['one', 'two']\n" + weights)
    model = get_model("bag", bag)
    assert isinstance(model, BagOfModels) and model.weights[1] == [0.5, 1.0, 0.5, 0.9]
    assert [type(member) for member in model.models] == [HTDemucs, HTDemucs]
    assert isinstance(get_model("one", bag), HTDemucs) and isinstance(get_model("demo"), HTDemucs)
    assert model.eval().train(False).float().requires_grad_(False).to("cpu").cpu() is model
    assert not list(model.parameters()) and not model.training
    mix = music[None, :, :RATE]
    for call in (model, lambda mix: model.models[0](np.repeat(mix, 9, 2))):
        with pytest.raises((NotImplementedError, ValueError), match="apply_model"):
            call(mix)
    one = model.models[1]
    stems = one(mix)
    assert stems.shape == (1, 4, 2, RATE)
    padded = np.pad(mix, ((0, 0), (0, 0), (0, 3 * RATE)))
    whole = apply_model(one, padded, shifts=0, split=False)
    assert np.array_equal(whole[..., :RATE], stems)
    golden = apply_model(model, music[None], shifts=0, segment=1.5)
    for member in model.models:
        member.segment = 1.5
    assert np.array_equal(apply_model(model, music[None], shifts=0), golden)
    one.segment = 2
    with pytest.raises(ValueError, match=r"segments are \[1.5, 2\]"):
        apply_model(model, music[None])


def test_listed_bags_are_files_of_their_members() -> None:
    for model in swift_demucs.models():
        text = Path(api.list_models()["bag"][model.name]).read_text()
        assert re.findall(r'"(\w+)"', text) == list(model.signatures)


def test_a_subclass_may_give_its_model_and_read_its_tracks(track: Path, music: Any) -> None:
    class Own(api.Separator):
        def _load_model(self) -> None:
            self._model, self._samplerate, self._audio_channels = given, RATE, 2

    given = get_model("demo")
    own = Own("no such model", shifts=0, jobs=1)
    own.update_parameter(jobs=2)
    assert own.separate_tensor(music)[1].keys() == set(given.sources) and own.model is given
    assert np.array_equal(
        np.asarray(own._load_audio(track))[:, :99], swift_demucs.read(track)[0][:, :99]
    )


def test_sound_files_are_read_as_demucs_reads_them(song: Path) -> None:
    samples, _ = swift_demucs.read(song)
    file = audio.AudioFile(song)
    assert (len(file), file.channels(), file.samplerate()) == (1, 2, RATE)
    assert np.array_equal(file.read(), samples[None])
    part = file.read(seek_time=0.5, duration=0.25, streams=0, channels=1)
    assert np.array_equal(part, samples[:, 22_050:33_075].mean(0, keepdims=True))
    assert file.read(streams=0, samplerate=22_050).shape == (2, 25_000)
    assert np.array_equal(separate.load_track(song, 2, RATE), samples)
    with pytest.raises(SystemExit) as raised:
        separate.load_track("missing.wav", 2, RATE)
    assert raised.value.code == 1
    assert audio.convert_audio(samples[None, :1], RATE, 22_050, 2).shape == (1, 2, 25_000)
    with pytest.raises(ValueError, match="2 channels, expected 1 or at least 3"):
        audio.convert_audio_channels(samples, 3)
    with pytest.raises(TypeError, match="int16"):
        audio.prevent_clip(samples.astype(np.int16))
    parser = separate.get_parser()
    given = parser.parse_args(["--two-stems", "vocals", "-n", "demo", "--mp3", "t.wav"])
    assert (given.stem, given.mp3, given.split, given.shifts) == ("vocals", True, True, 1)
    assert separate.get_model_from_args(given).samplerate == RATE


@pytest.mark.parametrize(
    ("name", "value"),
    [("callback", 5), ("callback_arg", 5), ("shifts", 1.5), ("shifts", "2"), ("overlap", "0.5"),
     ("segment", "2"), ("split", "no"), ("transition_power", "1"), ("progress", "yes")],
)  # fmt: skip
def test_a_wrong_type_is_named(name: str, value: Any, music: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} is {value!r}"):
        apply_model(get_model("demo"), music[None], **{name: value})


def test_masked_arrays_and_other_models_are_refused(music: Any) -> None:
    with pytest.raises(TypeError, match=r"mix is a masked array, .*filled"):
        apply_model(get_model("demo"), np.ma.masked_array(music[None]))
    with pytest.raises(TypeError, match="model is 5"):
        apply_model(5, music[None])  # type: ignore[arg-type]


def test_main_writes_to_the_streams_of_the_caller(song: Path, tmp_path: Path) -> None:
    out, err = io.StringIO(newline=""), io.StringIO(newline="")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        separate.main(["-n", "demo", "-o", str(tmp_path / "o"), str(song)])
        with pytest.raises(api.LoadAudioError, match="standard error"):
            separate.main(["-n", "demo", str(tmp_path / "bad.wav")])
    assert "vocals.wav" in out.getvalue() + str(sorted(tmp_path.rglob("*.wav")))
    assert "bad.wav" in err.getvalue()
    code = (
        f"import sys, swift_demucs.separate as s; s.main(['-n', 'demo', '-o', 'p', {str(song)!r}])"
    )
    for closed in ("sys.stdout = sys.stderr = None", "sys.stdout.close(); sys.stderr.close()"):
        python(code.replace("; s.", f"; {closed}; s."), cwd=tmp_path)
    assert len(list(tmp_path.glob("p/demo/t/*.wav"))) == 4


def test_an_interruption_leaves_nothing_unfinished(tmp_path: Path, music: Any) -> None:
    swift_demucs.write(tmp_path / "long.wav", np.tile(music, 40), RATE)
    code = "from swift_demucs.separate import main; main(['-n', 'demo', 'long.wav'])"
    given = {"env": environment(), "cwd": tmp_path, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **given)  # type: ignore
    for line in process.stderr:
        if "long.wav" in line:
            break
    time.sleep(0.5)
    # As a terminal does: to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in process.stderr.read() and process.wait() != 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "long.wav"]
