"""Manifests, the engine process, the table, and the commands."""

from __future__ import annotations

import errno
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import job, program, write_track
from fsspec.implementations.local import LocalFileSystem

from swift_demucs_catalogue.__main__ import main
from swift_demucs_catalogue.engine import Engine
from swift_demucs_catalogue.job import Failure, Limits
from swift_demucs_catalogue.manifest import Catalogue, ManifestError, load
from swift_demucs_catalogue.store import Store, compare
from swift_demucs_catalogue.table import COLUMNS, SCHEMA, Table
from swift_demucs_catalogue.writer import Writer

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
    found = load(str(path), job(tmp_path), Store({}), tmp_path)
    assert [track.id for track in found.tracks] == ["a", "b"]
    assert [str(track.line.get("shifts")) for track in found.tracks] == ["None", "1"]
    assert found.tracks[0].files["vocals"] == "demo/a/vocals.flac"
    assert found.tracks[0].request != found.tracks[1].request


def test_lines_end_as_for_the_command(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    # A mark of the byte order, and characters that JSON may have, at which Python cuts lines.
    path.write_bytes(
        '\ufeff{"id": "a",\r"path": "a\u2028\u0085b.wav"}\r\n\n{"id": "b", "path": "c"}'.encode()
    )
    found = load(str(path), job(tmp_path), Store({}), tmp_path)
    assert [track.path for track in found.tracks] == [
        str(Path.cwd() / "a\u2028\u0085b.wav"),
        str(Path.cwd() / "c"),
    ]
    assert [track.line for track in found.tracks] == [{"id": "a"}, {"id": "b"}]


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
def test_a_faulty_manifest_is_refused_with_its_line(
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


@pytest.mark.parametrize("option", ["--threads", "--tries", "--workers", "--cores"])
@pytest.mark.parametrize("value", ["0", "-1", "two"])
def test_a_number_that_is_not_positive_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "plan" if option == "--cores" else "run"
    with pytest.raises(SystemExit) as error:
        main([command, "m.csv", "out", f"{option}={value}"])
    assert error.value.code == 2
    message = f"argument {option}: the value is '{value}', expected a positive integer"
    assert message in capsys.readouterr().err


def test_lines_of_a_csv_manifest_go_to_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.csv"
    path.write_text('\ufeffpath,shifts,id\r\na.wav,,plain\r\n\r\nb.wav,0,"a ""b"", c"\r\n')
    assert main(["lines", str(path)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"path": "a.wav", "id": "plain"},
        {"path": "b.wav", "shifts": "0", "id": 'a "b", c'},
    ]
    for text, message in (
        ("id,path,id\n", "a column appears twice"),
        ("id,path\na\n", "line 2: expected 2 fields"),
        ("id,path\na,b,c\n", "line 2: expected 2 fields"),
        ('id,path\na,"b" c\n', "can't be read"),
        ('id,path\na,"b\n', "can't be read"),
    ):
        path.write_text(text)
        assert main(["lines", str(path)]) == 2
        assert message in capsys.readouterr().err


def test_the_table_has_the_members_of_the_result_line(tmp_path: Path) -> None:
    write_track(tmp_path / "a.wav")
    engine = Engine(job(tmp_path), tmp_path)
    line = engine.separate({"id": "a", "path": str(tmp_path / "a.wav")})
    engine.close()
    own = COLUMNS[: COLUMNS.index("parameters") + 1]
    assert {"event", "tempo_bpm", "key", *own} == set(line)
    fields = [field.name for field in SCHEMA.field("outputs").type.value_type]
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


@pytest.mark.parametrize(
    ("text", "error_class", "message"),
    [
        ("sys.stdin.readline(); os.kill(os.getpid(), 11)", "internal", "signal 11"),
        ("data = b'x' * (300 << 20); time.sleep(30)", "too_long", "memory"),
        ("print('error: no model', file=sys.stderr); sys.exit(3)", "model", "no model"),
    ],
)
def test_a_process_that_fails_names_its_class(
    tmp_path: Path, text: str, error_class: str, message: str
) -> None:
    limits = Limits(memory_bytes=200 << 20)
    engine = Engine(job(tmp_path, program=program(tmp_path, text), limits=limits), tmp_path)
    with pytest.raises(Failure) as error:
        engine.separate({"id": "a", "path": "a.wav"})
    assert error.value.error_class == error_class
    assert message in str(error.value)
    assert engine._process is None


def test_a_process_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swift_demucs_catalogue.engine.GRACE_SECONDS", 0.5)
    limits = Limits(timeout_seconds=0.5)
    hanging = program(tmp_path, "time.sleep(30)")
    engine = Engine(job(tmp_path, program=hanging, limits=limits), tmp_path)
    with pytest.raises(Failure) as error:
        engine.separate({"id": "a", "path": "a.wav"})
    assert error.value.error_class == "timeout"


def written(tmp_path: Path, table: Table, counts: dict[str, int] | None = None) -> Writer:
    found = Catalogue([], "demo", [], {})
    writer = Writer(table, tmp_path, "m.csv", job(tmp_path), found, counts or {})
    table.begin(writer.run, tmp_path, take_over=False)
    return writer


def breaks(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> list[int]:
    """Lets the next uploads of a table fail; returns the list of the failed ones."""
    failed: list[int] = []
    put = Store.put

    def broken(store: Store, source: Path, url: str) -> None:
        if url.endswith(".parquet") and len(failed) < times:
            failed.append(1)
            raise error
        put(store, source, url)

    monkeypatch.setattr(Store, "put", broken)
    return failed


ROW = {"id": "a", "status": "done", "duration_seconds": 1.0, "finished_at": 1.0, "node": "n"}
ERRORS = [Failure("network", "no route"), OSError(errno.ENOSPC, "full"), ValueError("odd")]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("times", [1, 1000])
def test_a_table_that_cannot_be_written_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int
) -> None:
    """A flush of the thread fails after the last row; the last flush may succeed."""
    monkeypatch.setattr(Writer, "FIRST_PAUSE_SECONDS", 0.0)
    table = Table(Store({}), str(tmp_path), "demo")
    failed = breaks(monkeypatch, error, times)
    kind = ValueError if isinstance(error, ValueError) else Failure
    with pytest.raises(kind), written(tmp_path, table) as writer:
        writer.add(ROW, is_final=True)
        while not failed:
            time.sleep(0.01)
    assert [row["id"] for row in table.rows()] == (["a"] if times == 1 else [])
    run = table.run()
    assert run is not None and not run["ended"]


def test_a_row_that_comes_after_an_error_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "FIRST_PAUSE_SECONDS", 0.0)
    table = Table(Store({}), str(tmp_path), "demo")
    breaks(monkeypatch, OSError(errno.ENOSPC, "full"), 1)
    with pytest.raises(Failure, match="full") as raised, written(tmp_path, table) as writer:
        for index in itertools.count():
            writer.add({**ROW, "id": str(index)}, is_final=True)
            time.sleep(0.01)
    assert raised.value.error_class == "no_room"
    rows = [row["id"] for row in table.rows()]
    assert rows == [str(index) for index in range(writer.counts["done"])]


@pytest.mark.parametrize("status", ["done", "failed", "quarantined"])
def test_only_tracks_that_fail_in_this_run_are_its_failures(tmp_path: Path, status: str) -> None:
    kept = {"skipped": 1, "quarantined": 1}
    with written(tmp_path, Table(Store({}), str(tmp_path), "demo"), kept) as writer:
        writer.add({**ROW, "status": "failed"}, is_final=False)
        writer.add({**ROW, "status": status}, is_final=True)
    assert writer.failed == (0 if status == "done" else 1)
    assert sum(writer.counts.values()) == 3


def test_the_error_of_a_run_comes_before_that_of_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(Store({}), str(tmp_path), "demo")
    breaks(monkeypatch, OSError(errno.ENOSPC, "full"), 1)
    with pytest.raises(KeyboardInterrupt), written(tmp_path, table) as writer:
        writer.add(ROW, is_final=True)
        raise KeyboardInterrupt
    run = table.run()
    assert run is not None and not run["ended"]


def test_the_status_of_a_run_without_a_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["status", str(tmp_path), "--model", "demo"]
    assert main(words) == 2
    assert "no table of results" in capsys.readouterr().err
    with written(tmp_path, Table(Store({}), str(tmp_path), "demo")):
        assert main(words) == 0
        assert "running: 0 of" in capsys.readouterr().out


def test_a_table_among_several_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("demo", "other"):
        with written(tmp_path, Table(Store({}), str(tmp_path), folder)):
            pass
    assert main(["status", str(tmp_path)]) == 2
    assert "several tables, so name one of ['demo', 'other']" in capsys.readouterr().err
    assert main(["status", str(tmp_path), "--model", "third"]) == 2
    assert "there are those of ['demo', 'other']" in capsys.readouterr().err
    assert main(["status", str(tmp_path), "--model", "other"]) == 0


def test_a_command_that_is_missing_is_named(tmp_path: Path) -> None:
    work = job(tmp_path, program="no-such-program")
    (tmp_path / "m.csv").write_text("id,path\na,a.wav\n")
    with pytest.raises(ManifestError, match=r"no-such-program can't be started.*SWIFT_DEMUCS"):
        load(str(tmp_path / "m.csv"), work, Store({}), tmp_path)
    with pytest.raises(Failure) as error:
        Engine(work, tmp_path).separate({"id": "a", "path": "a.wav"})
    assert error.value.error_class == "node"


class Encrypted(LocalFileSystem):
    """Storage that encrypts: its tags look like MD5 sums and are none."""

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        return {**super().info(path, **options), "ETag": f'"{"0" * 32}"'}


def test_tags_that_are_no_checksums_are_not_trusted(tmp_path: Path) -> None:
    source, stored = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"samples")
    stored.write_bytes(b"samples")
    compare(Encrypted(), str(stored), source)
    stored.write_bytes(b"simples")
    with pytest.raises(OSError, match="checksum"):
        compare(Encrypted(), str(stored), source)


def test_the_commands_follow_a_run(tmp_path: Path) -> None:
    """Runs the commands as a user does, with Ray on this machine."""
    for name in ("a", "b"):
        write_track(tmp_path / f"{name}.wav", 2)
    (tmp_path / "m.csv").write_text("id,path,stems\na,a.wav,\nb,b.wav,vocals\n")

    def call(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "swift_demucs_catalogue", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    run = ("m.csv", "stems", "--model", "demo", "--shifts", "0", "--precision", "auto")
    assert "2 of 2 to separate" in call("plan", *run, "--price", "0.04", "--cores", "96")
    assert json.loads(call("run", *run)) == {"done": 2}
    assert json.loads(call("run", *run)) == {"skipped": 2}
    assert "ended: 2 of 2 tracks" in call("status", "stems")
    assert "5 files of 2 tracks" in call("verify", "stems", "--model", "demo")
    # Damage of the same size is found, and the next run repairs it.
    stem = tmp_path / "stems/demo/b/vocals.flac"
    whole = stem.read_bytes()
    stem.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "vocals.flac: SHA-256" in call("verify", "stems", "--model", "demo", "--redo", code=1)
    assert json.loads(call("run", *run)) == {"done": 1, "skipped": 1}
    assert stem.read_bytes() == whole
    # Another parameter is another result, so all tracks are separated again.
    assert json.loads(call("run", *run, "--overlap=0.1", code=2) or "{}") == {}
    assert json.loads(call("run", *run, "--option=--overlap=0.1")) == {"done": 2}
    # A track that fails is an error of this run; later runs leave it in quarantine.
    (tmp_path / "c.wav").write_text("This is no music.")
    (tmp_path / "c.csv").write_text("id,path\na,a.wav\nc,c.wav\n")
    failing = ("c.csv", "failing", "--model", "demo", "--shifts", "0", "--tries", "1")
    assert json.loads(call("run", *failing, code=1)) == {"done": 1, "quarantined": 1}
    assert json.loads(call("run", *failing)) == {"quarantined": 1, "skipped": 1}
