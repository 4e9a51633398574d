"""Remote storages, with injected failures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import FaultyProxy, SSHServer, job, write_track

from swift_demucs_catalogue.job import Failure, Job, Track
from swift_demucs_catalogue.manifest import Catalogue, ManifestError, load
from swift_demucs_catalogue.run import missing, run
from swift_demucs_catalogue.store import Store
from swift_demucs_catalogue.worker import Worker


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "FIRST_PAUSE_SECONDS", 0.05)


def planned(tmp_path: Path, path: str, work: Job) -> Track:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(f'{{"id": "one", "path": "{path}"}}\n')
    return load(str(manifest), work, Store(work.storage), tmp_path).tracks[0]


def separated(tmp_path: Path, path: str, work: Job) -> dict:
    """Separates a track and checks its stems; returns its row."""
    row = Worker(work, "node").row(planned(tmp_path, path, work))
    assert row["status"] == "done", row["error"]
    store = Store(work.storage)
    assert {output["stem"] for output in row["outputs"]} == {"drums", "bass", "other", "vocals"}
    for output in row["outputs"]:
        assert store.version(output["path"])[0] == output["bytes"]
        assert store.sha256(output["path"]) == output["sha256"]
        names = store.names(output["path"].rpartition("/")[0])
    assert names == sorted(["result.json", *(f"{stem}.flac" for stem in row_stems(row))])
    return row


def row_stems(row: dict) -> list:
    return [output["stem"] for output in row["outputs"]]


def s3_job(s3: FaultyProxy, name: str) -> Job:
    endpoint = f"http://127.0.0.1:{s3.server_address[1]}"
    return job(f"s3://music/{name}", storage={"s3": {"endpoint_url": endpoint}})


@pytest.mark.parametrize(
    "faults", [[], ["throttle"] * 8, ["break"] * 2, ["corrupt"], ["corrupt", "throttle", "break"]]
)
def test_stems_are_whole_on_s3(
    tmp_path: Path, s3: FaultyProxy, s3_store: Store, faults: list
) -> None:
    s3_store.put(write_track(tmp_path / "a.wav"), "s3://music/in/a.wav")
    s3.faults[:] = faults
    work = s3_job(s3, f"stems-{len(faults)}-{''.join(faults[:1])}")
    separated(tmp_path, "s3://music/in/a.wav", work)
    assert s3.suffered == faults


def test_a_storage_that_stays_broken_is_an_error_of_the_place(
    tmp_path: Path, s3: FaultyProxy, s3_store: Store
) -> None:
    s3.faults[:] = ["corrupt"] * 100
    track = planned(tmp_path, str(write_track(tmp_path / "a.wav")), s3_job(s3, "broken"))
    row = Worker(s3_job(s3, "broken"), "node").row(track)
    assert (row["status"], row["error_class"]) == ("failed", "network")
    assert "checksum" in row["error"]
    assert (row["tries"], row["place_tries"], row["avoid"]) == (0, 1, ["node"])
    # Nothing is left under a stem's name.
    s3.faults[:] = []
    assert s3_store.names("s3://music/broken/demo/one") == []


def test_a_result_whose_row_was_lost_is_found(
    tmp_path: Path, s3: FaultyProxy, s3_store: Store
) -> None:
    source = str(write_track(tmp_path / "a.wav"))
    work = s3_job(s3, "lost")
    first = separated(tmp_path, source, work)
    worker = Worker(work, "other")
    again = worker.row(planned(tmp_path, source, work))
    assert worker._engine._process is None, "it was separated again"
    assert again["outputs"] == first["outputs"] and again["key"] == first["key"]
    # The same bytes with a new time are not a new track; other bytes are.
    os.utime(write_track(tmp_path / "a.wav"), (1e9, 1e9))
    assert worker.row(planned(tmp_path, source, work))["outputs"] == first["outputs"]
    assert worker._engine._process is None, "it was separated again"
    write_track(tmp_path / "a.wav", 0.6)
    assert worker.row(planned(tmp_path, source, work))["outputs"] != first["outputs"]


@pytest.mark.parametrize("plain_http", [True, False], indirect=True, ids=["times", "sizes"])
def test_a_changed_source_is_noticed_without_an_etag(
    tmp_path: Path, plain_http: str, request: pytest.FixtureRequest
) -> None:
    source = write_track(tmp_path / "a.wav")
    work = job(tmp_path / "out")
    track = planned(tmp_path, f"{plain_http}/a.wav", work)
    store = Store({})
    row = {"status": "done", "request": track.request}

    def is_missing(version: str) -> bool:
        known = {track.id: {**row, "source_version": version}}
        return bool(missing(Catalogue([track], "demo", [], {}), known, store, False))

    version = store.version(track.path)[1]
    assert version and not is_missing(version)
    assert is_missing(""), "a row from before versions of HTTP sources were known"
    if "times" in request.node.name:
        # The same size; the header's time has whole seconds.
        changed = source.stat().st_mtime + 10
        os.utime(source, (changed, changed))
    else:
        write_track(source, 0.6)
    assert is_missing(version)


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("s3://none/a.wav", "s3://music/x", "s3://none: tracks can't be read"),
        ("", "s3://none/x", "s3://none/x: stems can't be written there"),
        ("", "/proc/stems", "/proc/stems: stems can't be written there"),
    ],
)
def test_an_unusable_place_is_refused_before_anything_starts(
    tmp_path: Path, s3: FaultyProxy, s3_store: Store, source: str, out: str, message: str
) -> None:
    manifest = tmp_path / "manifest.jsonl"
    source = source or str(write_track(tmp_path / "a.wav"))
    manifest.write_text(f'{{"id": "one", "path": "{source}"}}\n')
    work = job(out, storage=s3_job(s3, "x").storage)
    with pytest.raises(ManifestError) as error:
        run(str(manifest), work)
    assert message in str(error.value)


def test_broken_connections_of_sftp_are_made_anew(
    tmp_path: Path, sshd: SSHServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_track(tmp_path / "a.wav")
    work = job(sshd.url(tmp_path / "stems"), storage=sshd.storage())
    at, attempts, broken = Store._at, [], []

    def breaking(store: Store, url: str) -> Any:
        found = at(store, url)
        attempts.append(url)
        # Never twice in the attempts of one operation.
        if len(attempts) % Store.ATTEMPTS == 1 and len(broken) < 4:
            broken.append(sshd.break_connections())
        return found

    monkeypatch.setattr(Store, "_at", breaking)
    separated(tmp_path, sshd.url(tmp_path / "a.wav"), work)
    assert len(broken) == 4 and all(broken)


def test_a_wrong_key_is_a_network_failure(tmp_path: Path, sshd: SSHServer) -> None:
    storage = sshd.storage()
    storage["sftp"]["key_filename"] = str(sshd.folder / "host")
    with pytest.raises(Failure) as error:
        Store(storage).version(sshd.url(tmp_path / "a.wav"))
    assert error.value.error_class == "network"
