"""Actor of Ray Data: separates tracks and returns a row for each, whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .engine import Engine
from .job import TRANSIENT_ERRORS, Failure, Job, Track
from .store import Store, is_url, join

SCRATCH = "swift-demucs-catalogue-"
#: Commit file beside the stems: the track's result, written when all stems are stored.
COMMIT = "result.json"
LONGEST_PAUSE_SECONDS = 60.0


class Worker:
    """Separates one track at a time, while its other threads fetch and store."""

    #: Tracks in progress: one is fetched, one separated, one stored.
    THREADS = 3

    def __init__(self, job: Job, node: str = "") -> None:
        self._job = job
        self._node = node or node_id()
        self._scratch = make_scratch()
        self._store = Store(job.storage)
        self._cores = CoreClaim(job.threads)
        self._engine = Engine(job, self._scratch, self._cores.cores)
        self._turn = threading.Lock()
        self._place_failures = 0

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Rows as JSON for tracks as JSON; never raises."""
        return {"row": [json.dumps(self.row(Track.unpack(str(text)))) for text in batch["track"]]}

    def row(self, track: Track) -> dict[str, Any]:
        """Separates a track; returns its row of the table."""
        row: dict[str, Any] = {
            **{"id": track.id, "path": track.path, "node": self._node, "request": track.request},
            **{"tries": track.tries, "place_tries": track.place_tries},
            "avoid": list(track.avoid),
        }
        if self._node in track.avoid:
            # Left to another node. The pause keeps this one from taking all such tracks at once.
            time.sleep(1)
            return {**row, "status": "elsewhere", "finished_at": time.time()}
        try:
            with self._folder() as folder:
                self._process(track, row, folder)
            self._place_failures = 0
        except Exception as error:
            self._note(error, row)
        row["finished_at"] = time.time()
        return row

    def _note(self, error: Exception, row: dict[str, Any]) -> None:
        failure = error if isinstance(error, Failure) else Failure("internal", repr(error))
        if isinstance(error, OSError):
            failure = Failure("no_room", str(error))
        row.update({name: value for name, value in failure.result.items() if name != "event"})
        row.update(id=row["id"], path=row["path"], status="failed", outputs=[])
        row.update(error_class=failure.error_class, error=str(failure))
        limits = self._job.limits
        if failure.error_class in TRANSIENT_ERRORS:
            row["place_tries"] += 1
            row["avoid"] = [*row["avoid"], self._node]
            self._place_failures += 1
            # Without a pause, a broken node would fail faster than others work and take all tracks.
            time.sleep(min(LONGEST_PAUSE_SECONDS, 0.5 * 2**self._place_failures))
        else:
            row["tries"] += 1
            if row["tries"] >= limits.tries:
                row["status"] = "quarantined"

    def _process(self, track: Track, row: dict[str, Any], folder: Path) -> None:
        row["source_bytes"], row["source_version"] = self._store.version(track.path)
        commit = self._commit(track)
        if commit and commit["source_version"] == row["source_version"]:
            row.update(commit)
            return
        start = time.monotonic()
        source = Path(track.path)
        if is_url(track.path):
            source = folder / f"input{Path(track.path).suffix}"
            self._store.fetch(track.path, source)
        row["audio_sha256"] = self._store.sha256(str(source))
        row["key"] = track.key(row["audio_sha256"])
        row["fetch_seconds"] = time.monotonic() - start
        if commit and commit["key"] == row["key"]:
            row.update({**commit, "source_version": row["source_version"]})
            return
        stems = folder / "stems"
        stems.mkdir()
        with self._turn:
            result = self._engine.separate({**track.line, "path": str(source)})
            # Moved, so that the process can't overwrite them during the next track.
            files = {output["stem"]: Path(output["path"]) for output in result["outputs"]}
            files = {stem: file.rename(stems / file.name) for stem, file in files.items()}
        # A row's "key" is the digest of its request.
        left_out = {"event", "tempo_bpm", "key"}
        row.update({name: value for name, value in result.items() if name not in left_out})
        row.update(path=track.path, id=track.id)
        start = time.monotonic()
        self._upload(track, row, files, folder)
        row["store_seconds"] = time.monotonic() - start
        row["tries"], row["place_tries"], row["avoid"] = 0, 0, []

    def _commit(self, track: Track) -> dict[str, Any] | None:
        """Committed result of the track for the same request, if any; its row may be lost."""
        place = join(self._job.out, join(track.folder, COMMIT))
        if not self._store.exists(place):
            return None
        found: dict[str, Any] = json.loads(self._store.read(place))
        return found if found.get("request") == track.request else None

    def _upload(
        self, track: Track, row: dict[str, Any], files: dict[str, Path], folder: Path
    ) -> None:
        """Stores all stems, then the commit file, which thus exists only with all stems."""
        out = self._job.out
        commit = join(out, join(track.folder, COMMIT))
        self._store.remove(commit)
        for output in row["outputs"]:
            target = join(out, track.files[output["stem"]])
            self._store.put(files[output["stem"]], target)
            output["path"] = target
        self._store.write(commit, json.dumps(row, indent=1, sort_keys=True).encode(), folder)
        self._store.remove_parts(join(out, track.folder))

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for the files of one track."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self._engine.close()
            shutil.rmtree(self._scratch, ignore_errors=True)


def make_scratch() -> Path:
    """Makes a folder for temporary files, and removes the folders of killed workers."""
    parent = Path(tempfile.gettempdir())
    for old in parent.glob(f"{SCRATCH}*"):
        owner = old.name[len(SCRATCH) :].split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=parent))


def node_id() -> str:
    """Ray's id of this node."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


class CoreClaim:
    """Cores that no other worker of this machine uses, while this worker lives.

    File locks reserve them, and end with the process, however it ends. If too few cores are free,
    none is reserved and the system schedules.
    """

    def __init__(self, count: int) -> None:
        self._locks: list[int] = []
        self.cores: set[int] | None = None
        if not hasattr(os, "sched_getaffinity"):
            return
        folder = Path(tempfile.gettempdir()) / f"swift-demucs-cores-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        claimed: set[int] = set()
        for core in sorted(os.sched_getaffinity(0)):
            if len(claimed) == count:
                break
            lock = os.open(folder / str(core), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._locks.append(lock)
            claimed.add(core)
        if len(claimed) == count:
            self.cores = claimed
        else:
            self.release()

    def release(self) -> None:
        """Releases the cores."""
        for lock in self._locks:
            os.close(lock)
        self._locks = []


def retried(track: Track, row: dict[str, Any]) -> Track:
    """The track for its next try, with the failures in its row."""
    return dataclasses.replace(
        track,
        tries=row["tries"],
        place_tries=row["place_tries"],
        avoid=tuple(row["avoid"]),
    )
