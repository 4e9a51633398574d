"""`swift_demucs.as_demucs`, and the modules of demucs behind it against its contract.

reference/dependents.py runs programs of others; `reference/parity.py python` compares the samples.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RATE, snr

import swift_demucs
from swift_demucs import Model, _arrays, api, as_demucs, audio, separate
from swift_demucs.apply import BagOfModels, HTDemucs, apply_model
from swift_demucs.pretrained import SOURCES, get_model

FOLDER = Path(as_demucs.__file__).parent
# The table of docs/from-demucs.md.
NAMES = {
    "api": "Separator save_audio list_models LoadAudioError LoadModelError",
    "apply": "apply_model BagOfModels HTDemucs HDemucs Demucs",
    "audio": "AudioFile convert_audio convert_audio_channels prevent_clip save_audio encode_mp3",
    "pretrained": "get_model get_model_from_args add_model_flags ModelLoadingError REMOTE_ROOT",
    "separate": "main get_parser load_track fatal save_audio get_model_from_args AudioFile",
    "htdemucs": "HTDemucs", "hdemucs": "HDemucs", "demucs": "Demucs", "states": "load_model",
    "repo": "AnyModel ModelLoadingError", "utils": "fatal",
}  # fmt: skip


def run(*words: Any, path: Any = (), **options: Any) -> Any:
    """Runs Python, with folders in front of its path."""
    folders = [*path, *filter(None, [os.environ.get("PYTHONPATH")])]
    options = {"env": {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}, **options}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, **options)


@pytest.fixture
def song(tmp_path: Path, music: Any) -> Path:
    return swift_demucs.write(tmp_path / "t.wav", music[:, :50_000], RATE)


def test_the_names_of_the_table_exist_and_others_say_what_to_do() -> None:
    lines = [f"from demucs.{name} import {', '.join(NAMES[name].split())}" for name in NAMES]
    wanted = ("from demucs.apply import TensorChunk", "from demucs import wav", "import demucs.svd")
    for missing in wanted:
        lines += ["try:", f"    {missing}", "except ImportError as e: print(type(e).__mro__[1], e)"]
    lines += ["import inspect, demucs, demucs.api as a; from demucs import separate"]
    lines += ["print(hasattr(a, '_x'), inspect.unwrap(a) is a, demucs.__version__)"]
    found = run("-c", "\n".join(lines), path=[FOLDER]).stdout
    text = r".*NotImplementedError.* has no '{}' of demucs; docs/from-demucs.md lists .*\n"
    text = "".join(map(text.format, ("TensorChunk", "demucs.wav", "demucs.svd")))
    assert re.fullmatch(text + r"False True 4\.1\.0\n", found), found


def test_programs_and_their_children_run(song: Path) -> None:
    module = ("-m", "swift_demucs.as_demucs")
    assert run(*module).stdout == f"{FOLDER}\n"
    child = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'demucs', '-n', 'demo', "
    child += "'--two-stems', 'vocals', 't.wav'], check=True)"
    done = run(*module, "--", sys.executable, "-c", child, cwd=song.parent)
    assert done.returncode == 0, done.stderr
    assert len(list(song.parent.glob("separated/demo/t/*vocals.wav"))) == 2
    done = run(*module, "--", "no-such-program")
    assert done.returncode == 1 and "no-such-program can't be run: No such" in done.stderr
    assert run(*module, "--").returncode == run(*module, "--x").returncode == 2
    done = run("-m", "demucs.separate", "bad.wav", path=[FOLDER])
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_an_environment_gets_demucs_and_loses_it(tmp_path: Path) -> None:
    place = tmp_path / "it's é"
    venv.create(place, with_pip=False)
    site = next(place.glob("lib/python*/site-packages"))
    shutil.copytree(FOLDER.parent, site / "swift_demucs", ignore=lambda *_: ["bin", "lib", "share"])
    (site / "demucs.py").write_text("__version__ = 'installed'\n")
    (site / "numpy.pth").write_text(str(Path(np.__file__).parents[1]))
    shell = "for _ in 1 2; do python -m swift_demucs.as_demucs $0; done; "
    shell += "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; "
    shell += "python -c 'import demucs; print(demucs.__version__)'"
    given = {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    for option, version in (("--install", "4.1.0"), ("--uninstall", "installed")):
        command = ["sh", "-c", shell, option]
        done = subprocess.run(command, env=given, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        assert lines[2:] == [version] and lines[0] == lines[1] and str(site) in lines[0], done
    assert [file.name for file in site.glob("*.pth")] == ["numpy.pth"]


def test_models_are_bags_of_members_as_in_demucs(bag: Path, music: Any) -> None:
    rows = "- [1., 0., 0.5, 0.3]\n- [0.5, 1., 0.5, 0.9]\nsegment: 3\n"
    (bag / "bag.yaml").write_text("models: [one, 'two']  # of: 2\nweights:\n" + rows)
    model = get_model("bag", bag)
    assert isinstance(model, BagOfModels) and model.weights[1] == [0.5, 1.0, 0.5, 0.9]
    assert (model.max_allowed_segment, hasattr(model.models[0], "max_allowed_segment")) == (3, 0)
    assert get_model("one+two", bag).weights == [[1.0] * 4] * 2
    (bag / "one.yaml").write_text("models: ['one', 'two']\n")
    assert isinstance(get_model("one", bag), HTDemucs) and isinstance(get_model("demo"), HTDemucs)
    assert model.eval().train(False).float().requires_grad_(False).to("cpu").cuda() is model
    one = model.models[1]
    assert not model.training
    # Programs ask for its device.
    (parameter,) = model.parameters()
    assert str(getattr(parameter, "device", "cpu")) == "cpu" and parameter.shape == (0,)
    assert not hasattr(model, "state_dict")
    for refused in (lambda: one.state_dict(), BagOfModels, lambda: HTDemucs(sources=["a"])):
        with pytest.raises(NotImplementedError, match=r"no 'state_dict'|parts: use get_model"):
            refused()
    mix = music[None, :, :RATE]
    one.segment = 4.0
    for call, given in ((model, mix), (one, music[None])):
        with pytest.raises((NotImplementedError, ValueError), match="apply_model"):
            call(given)
    padded = np.pad(mix, ((0, 0), (0, 0), (0, 3 * RATE)))
    whole = copy.deepcopy(pickle.loads(pickle.dumps(get_model("demo"))))(padded)
    assert np.array_equal(whole[..., :RATE], one(mix)) and isinstance(one, HTDemucs)
    assert np.array_equal(get_model("one+two", bag).models[1](padded), whole)
    assert np.array_equal(whole, apply_model(get_model("demo"), padded, shifts=0, split=False))
    assert model.segment == model.max_allowed_segment == 3
    with pytest.raises(ValueError, match="segments are"):
        apply_model(model, music[None])
    model.segment = 1.5
    model.weights[0][1] = 1
    with pytest.raises(ValueError, match=r"weights are \[\[1\.0, 1, .*, expected \[\[1\.0, 0\.0, "):
        apply_model(model, music[None])
    model.weights[0][1] = 0.0
    assert model.max_allowed_segment == 1.5
    with swift_demucs.load(bag / "bag.yaml", segment=1.5) as other:
        assert other.segment_seconds == 1.5
        golden = other.separate(music, shifts=0, normalize=False).array
    assert np.array_equal(apply_model(model, music[None], shifts=0)[0], golden)
    one.segment = 20
    with pytest.raises(ValueError, match=r"at most the model's own 4\.0 seconds"):
        one(mix)
    for published in swift_demucs.models():
        text = Path(api.list_models()["bag"][published.name]).read_text()
        assert re.findall(r'"(\w+)"', text) == list(published.signatures)


@pytest.mark.slow
def test_members_have_their_own_stems_and_segments(bag: Path, music: Any) -> None:
    (two := bag / "two.safetensors").unlink()
    other = (bag / "one.safetensors").read_bytes()
    other = other.replace(rb"\"drums\", \"bass\"", rb"\"bass\", \"drums\"")
    two.write_bytes(other.replace(rb"numerator\": 4", rb"numerator\": 3"))
    model, alone, mix = get_model("bag", bag), get_model("two", bag), music[None, :, : 2 * RATE]
    assert [member.segment for member in model.models] == [4, 3]
    assert model.segment == model.max_allowed_segment == 3
    assert model.models[1].sources == alone.sources == ["bass", "drums", "other", "vocals"]
    assert np.array_equal(model.models[1](mix), alone(mix))
    for segments, given in (([4, 3], None), ([3, 3], 3), ([4, 3], None)):
        for member, segment in zip(model.models, segments):
            member.segment = segment
        with swift_demucs.load("bag", repository=bag, segment=given) as whole:
            golden = whole.separate(music, shifts=0, normalize=False).array
        assert np.array_equal(apply_model(model, music[None], shifts=0)[0], golden)
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(apply_model(again, music[None], shifts=0)[0], golden)


def test_models_are_opened_again_from_another_folder(
    bag: Path, music: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bag)
    model, one = get_model("bag", Path()), get_model("one.safetensors")
    separator = api.Separator("one.safetensors", segment=2)
    monkeypatch.chdir("/")
    separator.update_parameter(jobs=2)
    assert separator.separate_tensor(music[:, :RATE])[1].keys() == set(SOURCES)
    for found in (model, model.models[0], one, pickle.loads(pickle.dumps(one))):
        found.segment = 1
        assert apply_model(found, music[None, :, :RATE], shifts=0).shape[3] == RATE


def test_a_subclass_may_give_its_model(song: Path, music: Any) -> None:
    class Own(api.Separator):
        def _load_model(self) -> None:
            self._model, self._samplerate, self._audio_channels = given, RATE, 2

    given = get_model("demo")
    own = Own("no such model", shifts=0)
    own.update_parameter(jobs=2)
    assert own.separate_tensor(music)[1].keys() == set(given.sources) and own.model is given
    assert own._load_audio(song).shape == (2, 50_000)
    assert (
        own.separate_tensor(music[:, :1])[1]["bass"].shape == given(music[None, :, :1])[0, 0].shape
    )


def test_sound_files_are_read_as_demucs_reads_them(
    song: Path, track: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, _ = swift_demucs.read(song)
    file = audio.AudioFile(song)
    assert (len(file), file.channels(), file.samplerate()) == (1, 2, RATE)
    assert np.array_equal(file.read(), samples[None])
    part = file.read(seek_time=0.5, duration=0.25, streams=0, channels=1)
    assert np.array_equal(part, samples[:, 22_050:33_075].mean(0, keepdims=True))
    assert file.read(seek_time=9, duration=1, samplerate=8_000).shape == (1, 2, 0)
    assert np.array_equal(file.read(-0.5, 0.75, 0), samples[:, :11_025])
    assert np.array_equal(file.read(0.5, np.inf, 0), samples[:, 22_050:])
    for given in ({"duration": np.nan}, {"seek_time": np.inf}, {"samplerate": 5}, {"channels": 3}):
        with pytest.raises(api.LoadAudioError, match=r"duration|sample_rate|channels"):
            file.read(**given)
    with pytest.raises(TypeError, match=r"^duration is '3', a str"):
        file.read(duration="3")
    assert file.duration == 50_000 / RATE
    assert np.array_equal(separate.load_track(song, 2, RATE), samples)
    with pytest.raises(SystemExit, match=r"^1$"):
        separate.load_track("missing.wav", 2, RATE)
    for kind in (subprocess.CalledProcessError, OSError, RuntimeError, swift_demucs.InputError):
        with pytest.raises(kind, match=r"^missing\.wav: there is no such file"):
            audio.AudioFile("missing.wav").channels()
    blocks: list[int] = []
    monkeypatch.setattr(_arrays, "copied", lambda *given: blocks.append(1) or np.zeros(given[1]))
    audio.AudioFile(track).read(seek_time=5, duration=1)
    assert 0 < len(blocks) < 10
    assert audio.convert_audio(samples[None, :1], RATE, 22_050, 2).shape == (1, 2, 25_000)
    with pytest.raises(ValueError, match="2 channels, expected 1 or at least 3"):
        audio.convert_audio_channels(samples, 3)
    parser = separate.get_parser()
    given = parser.parse_args(["--two-stems", "vocals", "-n", "demo", "--mp3", "t.wav"])
    assert (given.stem, given.mp3, given.split, given.shifts) == ("vocals", True, True, 1)
    assert separate.get_model_from_args(given).samplerate == RATE


@pytest.mark.parametrize(
    ("name", "value"),
    [("callback", 5), ("callback_arg", 5), ("shifts", 1.5), ("shifts", "2"), ("overlap", "0.5"),
     ("segment", "2"), ("split", "no"), ("transition_power", "1"), ("progress", "yes"),
     ("model", 5), ("mix", np.ma.masked_array([1.0]))],
)  # fmt: skip
def test_a_wrong_type_is_named(name: str, value: Any, music: Any) -> None:
    given = {"model": get_model("demo"), "mix": music[None], name: value}
    with pytest.raises(TypeError, match=f"^{name} is (a masked|{value!r})"):
        apply_model(**given)


@pytest.mark.filterwarnings("ignore")
def test_tensors_of_any_type_are_taken_exactly_or_named(music: Any) -> None:
    torch = pytest.importorskip("torch")
    mix = torch.from_numpy(music[None, :, :4_410])
    model = get_model("demo")
    for same in (mix.bfloat16(), mix.half(), mix.double(), torch._neg_view(mix), mix[:, :1]):
        same = same.expand(1, 2, 4_410)
        plain = same.float().clone()
        found = apply_model(model, same, shifts=0)
        assert found.dtype == torch.float32
        assert torch.equal(found, apply_model(model, plain, shifts=0))
        assert torch.equal(model(same), model(plain))
    names = [name for name in dir(torch) if name.startswith("float8")]
    others = [mix.to(getattr(torch, name)) for name in names]
    others += [mix.to_sparse(), mix.to("meta"), mix.to_mkldnn(), mix.to(torch.complex64)]
    others += [mix.to(torch.complex64).conj(), torch.quantize_per_tensor(mix, 0.1, 0, torch.qint8)]
    others += [torch.nested.nested_tensor([mix[0], mix[0]]), mix.short(), mix > 0]
    for other in others:
        with pytest.raises(TypeError, match=r"^mix (is|has).*expected float32"):
            apply_model(model, other)
        with pytest.raises(TypeError, match=r"^source (is|has).*expected float32"):
            model.engine.separate(other)


def test_main_writes_to_the_streams_of_the_caller(song: Path, tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with pytest.raises(SystemExit, match=r"^2$"):
            separate.main(["--flac", "--mp3", "a.wav"])
        with pytest.raises(SystemExit, match=r"^0$"):
            separate.main(["--list-models"])
        with pytest.raises(api.LoadAudioError, match="standard error"):
            separate.main(["-n", "demo", str(tmp_path / "bad.wav")])
    assert "htdemucs_ft" in out.getvalue() and "bad.wav" in err.getvalue()
    for number, closed in enumerate((
        "sys.stdout = sys.stderr = None", "sys.stdout.close()",
        "sys.stderr = io.TextIOWrapper(io.BytesIO(), 'ascii')",
        "sys.stdout = types.SimpleNamespace(write=str)",
    )):  # fmt: skip
        code = f"import io, sys, types; from swift_demucs.separate import main; {closed}; "
        code += f"main(['-n', 'demo', '-o', '{number}', 't.wav']); sys.stdout = None"
        assert run("-c", code, cwd=tmp_path).returncode == 0
        assert len(list(tmp_path.glob(f"{number}/demo/t/*.wav"))) == 4


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_end_reaches_the_command_once(sent: int, tmp_path: Path) -> None:
    # A second signal ends the command before it has removed its unfinished files.
    slow = "#!/bin/sh\ntrap 'echo signal >> signals' INT TERM\necho ready >&2\n"
    (tmp_path / "slow").write_text(slow + "for _ in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done\n")
    (tmp_path / "slow").chmod(0o755)
    # A shell that starts tests in the background has Ctrl-C ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "import swift_demucs.separate as s; s.PROGRAM = './slow'; s.main([])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stderr is not None and process.stderr.readline() == b"ready\n"
    # As a terminal does: to the whole group.
    os.killpg(process.pid, sent)
    assert (b"KeyboardInterrupt" in process.communicate()[1]) == (sent == signal.SIGINT)
    assert process.returncode != 0
    assert (tmp_path / "signals").read_text() == "signal\n"


def test_each_track_of_a_batch_is_separated_as_it_is(model: Model, music: Any) -> None:
    batch = np.stack([music, 3 + music[:, ::-1]])
    options: dict[str, Any] = {"overlap": 0.5, "transition_power": 2.0, "segment": 2}
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


def test_a_batch_has_the_same_shifts(model: Model, music: Any) -> None:
    calls: list[dict[str, Any]] = []
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


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ("--two-stems vocals --mp3", {"t/vocals.mp3", "t/no_vocals.mp3"}),
        ("--two-stems=bass --other-method minus --float32", {"t/bass.wav", "t/minus_bass.wav"}),
        ("--two-stems=bass --other-method none", {"t/bass.wav"}),
        ("--flac --filename {stem}_{track}.{ext}", {f"{stem}_t.flac" for stem in SOURCES}),
    ],
)  # fmt: skip
def test_main_writes_the_files_of_demucs(
    options: str, files: Any, tmp_path: Path, music: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    song = swift_demucs.write(tmp_path / "t.wav", music[:, :50_000], 44_100)
    words = [*options.split(), "-n", "demo", "-o", str(tmp_path / "out"), "-d", "cuda", str(song)]
    separate.main(words)
    folder = tmp_path / "out" / "demo"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == files
    assert "'cuda' is ignored" in capfd.readouterr().err
