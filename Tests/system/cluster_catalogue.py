#!/usr/bin/env python3
"""Runs packaging/ray/catalogue.py (by Tests/system/test_cluster) on three simulated nodes: 300 tracks and a broken one.

The storage fails now and then, and cuts files. The first run is interrupted. The second run loses a worker, a process
of swift-demucs and a node. Each stem must have the bytes that the command writes; a third run must separate nothing.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ["-n", f"{ROOT}/Tests/Fixtures/weights/formats/model.safetensors", "--flac", "--shifts", "0"]
TRACKS = [f"track {index} [*]?" for index in range(300)]
# Each Python of the cluster runs it at its start.
STORAGE = """
import fsspec, os, random
from fsspec.implementations.local import LocalFileSystem

def fault(probability):
    if random.random() < probability:
        with open(os.environ["FAULTS"], "a") as file:
            return file.write("fault\\n")

class Faulty(LocalFileSystem):
    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("faulty://"))

    def put_file(self, source, target, **options):
        super().put_file(source, target, **options)
        if fault(0.02):
            os.truncate(target, os.path.getsize(target) // 2)
            if fault(0.5):
                raise OSError("the connection was lost")
def failing(name):
    def action(self, *arguments, **options):
        if fault(0.02):
            raise OSError("the storage is busy")
        return getattr(LocalFileSystem, name)(self, *arguments, **options)
    return action

for name in ("cat_file", "get_file", "info", "mv", "rm_file"):
    setattr(Faulty, name, failing(name))
fsspec.register_implementation("faulty", Faulty)
"""
# At each track, ends the worker that started it.
KILLER = """#!/bin/sh
case "$*" in *--dry-run*) exec "$PROGRAM" "$@" ;; esac
read -r line
kill -9 "$PPID"
"""


def require(condition: object, message: object) -> None:
    """Ends the test unless a condition holds."""
    if not condition:
        raise SystemExit(f"FAILED: {message}")


def processes(folder: Path) -> list[int]:
    """Processes of swift-demucs that workers have started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"--follow" in (words := path.read_bytes()) and f"{folder}/".encode() in words:
                found.append(int(path.parent.name))
    return found


def finished(stems: Path, reference: Path) -> int:
    """Number of tracks with a result.json, which must name all stems. Requires that no stem is incomplete."""
    for file in stems.glob("*/[!.]*.flac"):
        require(file.read_bytes() == (reference / file.relative_to(stems)).read_bytes(), f"{file} is incomplete")
    results = [json.loads(path.read_text()) for path in stems.glob("*/result.json")]
    for row in results:
        require(len(row["outputs"]) == 4, f"{row['id']} lacks stems")
        for output in row["outputs"]:
            content = (stems.parent / output["path"]).read_bytes()
            require(hashlib.sha256(content).hexdigest() == output["sha256"], f"{output['path']} has another SHA-256")
    return len(results)


def test(folder: Path, program: str) -> None:
    """Separates the tracks in three runs, and compares."""
    from ray.cluster_utils import Cluster

    paths = {"broken": f"{folder}/broken.wav", **{track: f"{folder}/{track}.wav" for track in TRACKS}}
    Path(paths["broken"]).write_text("RIFF, but no more")
    for index, track in enumerate(TRACKS):
        with wave.open(paths[track], "wb") as file:
            file.setparams((2, 2, 1600, 0, "NONE", ""))
            file.writeframes(random.Random(index).randbytes(4 * random.Random(index).randrange(800, 8000)))
    manifest, other, errors = folder / "manifest", folder / "other", folder / "errors"
    manifest.write_text("".join(json.dumps({"id": track, "path": path}) + "\n" for track, path in paths.items()))
    command = [program, "--manifest", manifest, *OPTIONS, "-o", folder / "reference"]
    require(subprocess.run(command, capture_output=True).returncode == 1, "the broken track is no error")
    manifest.write_text(manifest.read_text().replace('"path": "', '"path": "faulty://', 200))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    stems, reference = folder / "stems/model", folder / "reference/model"

    def start(manifest: Path, *options: str) -> subprocess.Popen[bytes]:
        script = [sys.executable, ROOT / "packaging/ray/catalogue.py", manifest, f"faulty://{stems.parent}"]
        with (folder / "results").open("w") as output, errors.open("w") as messages:
            words = [*script, "--address", cluster.address, *OPTIONS, *options]
            return subprocess.Popen(words, stdout=output, stderr=messages)

    def wait_for(count: int, run: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 600
        while len(list(stems.glob("*/result.json"))) < count or not processes(folder):
            require(run.poll() is None and time.monotonic() < end, f"{count} results: {errors.read_text()}")
            time.sleep(0.02)

    def results(run: subprocess.Popen[bytes], code: int) -> dict[str, dict]:
        require(run.wait(900) == code, f"exit code {run.returncode}: {errors.read_text()}")
        return {row["id"]: row for row in map(json.loads, (folder / "results").read_text().splitlines())}

    try:
        other.write_text(json.dumps({"id": "../x", "path": "a.wav"}))
        require(not results(start(other), 2), "an id that leads out of the folder is separated")
        require("must not contain '/'" in errors.read_text(), "the id is not named")
        require(not stems.parent.exists(), "a refused manifest makes a folder")
        run = start(manifest)
        wait_for(60, run)
        run.send_signal(signal.SIGTERM)
        results(run, 130)
        print(f"interrupted after {finished(stems, reference)} tracks", flush=True)
        run = start(manifest)
        wait_for(120, run)
        status = Path(f"/proc/{processes(folder)[0]}/status").read_text()
        os.kill(int(status.partition("PPid:")[2].split()[0]), signal.SIGKILL)
        wait_for(180, run)
        os.kill(processes(folder)[-1], signal.SIGKILL)
        wait_for(240, run)
        cluster.remove_node(nodes[-1], allow_graceful=False)
        rows = results(run, 1)
        require(rows.pop("broken")["error_class"] == "unreadable", "the broken track has another error")
        require(all(rows[track]["status"] in ("done", "skipped") for track in TRACKS), "tracks have failed")
        require(finished(stems, reference) == len(TRACKS), "tracks are lost")
        require(not list(stems.glob("*/.part-*")), "temporary files are left")
        status = subprocess.run([program, "status", manifest, "-o", stems.parent, "--json"], capture_output=True)
        counts = {state: count for state, count in json.loads(status.stdout)["counts"].items() if count}
        require(counts == {"done": len(TRACKS), "failed": 1}, f"the status of the catalogue: {counts}")
        print(f"{len(TRACKS)} tracks, {(folder / 'faults').read_text().count('fault')} faults", flush=True)

        times = {path: path.stat().st_mtime_ns for path in stems.rglob("*")}
        statuses = {track: row["status"] for track, row in results(start(manifest), 1).items()}
        require(statuses == {"broken": "failed", **dict.fromkeys(TRACKS, "skipped")}, "tracks are separated again")
        require(times == {path: path.stat().st_mtime_ns for path in stems.rglob("*")}, "files are written again")

        other.write_text(json.dumps({"id": TRACKS[0], "path": paths[TRACKS[0]]}))
        rows = results(start(other, "--stems", "bass"), 0)
        require(rows[TRACKS[0]]["status"] == "done", "other parameters are ignored")
        (folder / "killer").write_text(KILLER)
        (folder / "killer").chmod(0o700)
        os.environ["SWIFT_DEMUCS"] = str(folder / "killer")
        require("worker died" in results(start(other), 1)[TRACKS[0]]["error"], "a lost track has no result")
        require(not processes(folder), "processes are left")
    finally:
        cluster.shutdown()
    print("Passed: the catalogue")


with tempfile.TemporaryDirectory(prefix="catalogue-test-") as name:
    (Path(name) / "sitecustomize.py").write_text(STORAGE)
    (Path(name) / "scratch").mkdir()
    command = os.path.realpath(sys.argv[1])
    os.environ.update(SWIFT_DEMUCS=command, PROGRAM=command, FAULTS=f"{name}/faults", PYTHONPATH=name)
    os.environ.update(TMPDIR=f"{name}/scratch", RAY_USAGE_STATS_ENABLED="0")
    test(Path(name), command)
