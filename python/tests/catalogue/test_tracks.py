"""Manifests, the engine process, the table, and the commands."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swift_demucs import catalogue
from swift_demucs.catalogue.__main__ import main
from swift_demucs.catalogue._engine import Engine
from swift_demucs.catalogue._job import Failure
from swift_demucs.catalogue._store import Store

from .conftest import job, write_track

ROWS = [{"id": "a", "path": "a.wav", "shifts": None}, {"id": "b", "path": "b.wav", "shifts": 1}]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_manifests_have_the_same_tracks_in_any_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"manifest.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif form == "csv":
        path.write_text("id,path,shifts\na,a.wav,\nb,b.wav,1\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    found = catalogue.load(str(path), job(tmp_path), Store({}), tmp_path)
    assert [track.id for track in found.tracks] == ["a", "b"]
    assert [str(track.line.get("shifts")) for track in found.tracks] == ["None", "1"]
    assert found.tracks[0].files["vocals"] == "demo/a/vocals.flac"
    assert found.tracks[0].request != found.tracks[1].request


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a", "path": "x"}, {"id": "a", "path": "y"}], "line 2: the id 'a' is that of"),
        ([{"id": "a"}], "line 1: has no 'path'"),
        ([{"id": "a", "path": "x", "genre": "pop"}], "unknown key 'genre'"),
        ([{"id": "a", "path": "x", "stems": "violin"}], "'violin' is invalid"),
        ([], "has no tracks"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_faulty_manifest_is_said_with_its_line(
    tmp_path: Path, rows: list, message: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"manifest.{form}"
    if form == "parquet":
        schema = None if rows else pa.schema([("id", pa.string()), ("path", pa.string())])
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["run", str(path), str(tmp_path / "out"), "--model", "demo"]) == 2
    text = capsys.readouterr().err
    assert message in text and str(path) in text, text
    assert not (tmp_path / "out").exists()


def test_lines_of_a_parquet_manifest_go_to_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "m.parquet")
    assert main(["lines", str(tmp_path / "m.parquet")]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"id": "a", "path": "a.wav"},
        ROWS[1],
    ]


def test_the_table_has_the_members_of_the_result_line(tmp_path: Path) -> None:
    write_track(tmp_path / "a.wav")
    engine = Engine(job(tmp_path), tmp_path)
    line = engine.separate({"id": "a", "path": str(tmp_path / "a.wav")})
    engine.close()
    own = catalogue.COLUMNS[: catalogue.COLUMNS.index("parameters") + 1]
    assert {"event", *own} == set(line)
    fields = [field.name for field in catalogue.SCHEMA.field("outputs").type.value_type]
    assert set(fields) == set(line["outputs"][0])


def test_a_process_that_died_is_started_again(tmp_path: Path) -> None:
    write_track(tmp_path / "a.wav")
    engine = Engine(job(tmp_path), tmp_path)
    track = {"id": "a", "path": str(tmp_path / "a.wav")}
    engine.separate(track)
    assert engine._process is not None
    first = engine._process.pid
    engine.separate(track)
    assert engine._process.pid == first, "the model was loaded again"
    engine._process.kill()
    engine._process.wait()
    assert engine.separate(track)["status"] == "done"
    assert engine._process.pid != first
    engine.close()


def program(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("text", "error_class", "message"),
    [
        ("sys.stdin.readline(); os.kill(os.getpid(), 11)", "internal", "signal 11"),
        ("data = b'x' * (300 << 20); time.sleep(60)", "too_long", "memory"),
        ("print('error: no model', file=sys.stderr); sys.exit(3)", "model", "no model"),
    ],
)
def test_a_process_that_fails_names_its_class(
    tmp_path: Path, text: str, error_class: str, message: str
) -> None:
    limits = catalogue.Limits(memory_bytes=200 << 20)
    engine = Engine(job(tmp_path, program=program(tmp_path, text), limits=limits), tmp_path)
    with pytest.raises(Failure) as error:
        engine.separate({"id": "a", "path": "a.wav"})
    assert error.value.error_class == error_class
    assert message in str(error.value)
    assert engine._process is None


def test_a_process_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swift_demucs.catalogue._engine.GRACE_SECONDS", 0.5)
    limits = catalogue.Limits(timeout_seconds=0.5)
    hanging = program(tmp_path, "time.sleep(60)")
    engine = Engine(job(tmp_path, program=hanging, limits=limits), tmp_path)
    with pytest.raises(Failure) as error:
        engine.separate({"id": "a", "path": "a.wav"})
    assert error.value.error_class == "timeout"


def test_the_commands_follow_a_run(tmp_path: Path) -> None:
    """Runs the commands as a user does, with Ray on this machine."""
    for name in ("a", "b"):
        write_track(tmp_path / f"{name}.wav", 2)
    (tmp_path / "m.csv").write_text("id,path,stems\na,a.wav,\nb,b.wav,vocals\n")

    def call(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "swift_demucs.catalogue", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    run = ("m.csv", "stems", "--model", "demo", "--shifts", "0", "--precision", "auto")
    assert "2 of 2 to separate" in call("plan", *run, "--price", "0.04", "--cores", "96")
    assert json.loads(call("run", *run)) == {"done": 2}
    assert json.loads(call("run", *run)) == {"skipped": 2}
    assert "ended: 2 of 2 tracks" in call("status", "stems", "--model", "demo")
    assert "5 files of 2 tracks" in call("verify", "stems", "--model", "demo")
    call("report", "stems", "--model", "demo", "--html", "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()
    # Damage of the same size is found, and the next run repairs it.
    stem = tmp_path / "stems/demo/b/vocals.flac"
    whole = stem.read_bytes()
    stem.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    call("verify", "stems", "--model", "demo", "--sizes")
    assert "vocals.flac: SHA-256" in call("verify", "stems", "--model", "demo", "--redo", code=1)
    assert json.loads(call("run", *run)) == {"done": 1, "skipped": 1}
    assert stem.read_bytes() == whole
    # Another parameter is another result, so all tracks are separated again.
    assert json.loads(call("run", *run, "--overlap=0.1", code=2) or "{}") == {}
    assert json.loads(call("run", *run, "--option=--overlap=0.1")) == {"done": 2}
