#!/usr/bin/env python3
"""Separates a catalogue of tracks on a Ray cluster, by the command swift-demucs on each node.

MANIFEST is a file or URL of JSON lines, as for swift-demucs --manifest. OUT is a folder that all nodes share. Tracks
and OUT may be on any storage that fsspec knows, such as s3://bucket/stems or sftp://host/stems. Options that are not
listed here come last and go to swift-demucs, such as -n htdemucs_ft --flac; paths in them must be absolute.

Writes OUT/MODEL/ID/STEM.EXT for each track, and OUT/MODEL/ID/result.json when all its stems are complete. The same
command again separates only the tracks that have no such file for the same line, checkpoints and parameters; it does
not look at the stems. Prints the result of each track as a line of JSON. Stores the command's own record of each track
in OUT, for `swift-demucs status MANIFEST -o OUT`.

Exit code: 1 if a track failed, 2 if the run can't start or go on, 130 if it was interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from subprocess import PIPE, Popen, run
from typing import Any

import fsspec
import ray
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.local import LocalFileSystem

#: A track (its line of the manifest, its folder below OUT, the digest of its request), or a result line.
Values = dict[str, Any]

STORAGE_ATTEMPTS = 4
PART = ".part-"
PROBE = f"{PART}catalogue.py"
SCRATCH = "swift-demucs-catalogue-"
#: Tracks of a worker at once: one is fetched, one separated, one stored.
TRACKS_OF_WORKER = 3
#: Larger blocks cost less to schedule; smaller blocks balance tracks of different lengths.
MOST_TRACKS_IN_BLOCK = 32
BLOCKS_PER_WORKER = 50


class Failure(Exception):
    """Failure of a track; its arguments are the error class of the command, and the message."""


def attempt(root: str, name: str, action: Callable[[Any, str], Any]) -> Any:
    """Calls action(file system, path) for a name below root, up to four times with growing pauses.

    Raises FileNotFoundError at once, and OSError after the last attempt.
    """
    for number in range(1, STORAGE_ATTEMPTS + 1):
        try:
            # In a local path, "::" is not a chain of storages.
            system, path = fsspec.url_to_fs(root) if "://" in root else (LocalFileSystem(), root)
            return action(system, f"{path.rstrip('/')}/{name}" if name else path)
        except FileNotFoundError:
            raise
        except Exception as error:
            if number == STORAGE_ATTEMPTS or isinstance(error, (PermissionError, ImportError)):
                raise OSError(f"{root} {name}: {str(error) or type(error).__name__}") from error
            # The next attempt opens a new connection: this one may be broken.
            fsspec.get_filesystem_class(fsspec.utils.get_protocol(root)).clear_instance_cache()
        # Random, so that workers that failed together don't retry together.
        time.sleep(2 ** (number - 2) * random.uniform(0.5, 1.5))


def fetch(url: str, target: Path) -> None:
    """Copies a file from a storage to the disk."""

    def copy(system: Any, path: str) -> None:
        size = system.info(path).get("size")
        system.get_file(path, str(target))
        if size and target.stat().st_size != size:
            raise OSError(f"{target.stat().st_size} of {size} bytes arrived")

    try:
        attempt(url, "", copy)
    except FileNotFoundError as error:
        raise Failure("unreadable", f"{url}: no such file") from error


def put(source: Path, out: str, name: str) -> None:
    """Stores a file below out under a temporary name, compares it there, and renames it."""

    def copy(system: Any, path: str) -> None:
        folder, _, last = path.rpartition("/")
        part = f"{folder}/{PART}{uuid.uuid4().hex}-{last}"
        # Object stores have no folders: fsspec would make a bucket. Their mv() takes "*" in a name for a pattern.
        is_object_store = isinstance(system, AsyncFileSystem)
        if not is_object_store:
            system.makedirs(folder, exist_ok=True)
        try:
            system.put_file(str(source), part)
            with system.open(part, "rb") as stored, source.open("rb") as sent:
                if file_digest(stored, "sha256").digest() != file_digest(sent, "sha256").digest():
                    raise OSError("the stored file has other bytes than the one that was sent")
            (system.cp_file if is_object_store else system.mv)(part, path)
        finally:
            with contextlib.suppress(Exception):
                system.rm_file(part)

    attempt(out, name, copy)


def remove_parts(system: Any, folder: str) -> None:
    """Removes the temporary files of killed workers from a track's folder."""
    system.invalidate_cache()
    for path in system.ls(folder, detail=False):
        if str(path).rpartition("/")[2].startswith(PART):
            system.rm_file(path)


class Engine:
    """swift-demucs --manifest - --follow, which keeps the model loaded; started again when it has ended.

    Kills a process that takes longer than limit_seconds for a track.
    """

    def __init__(self, command: list[str], limit_seconds: float) -> None:
        self._command = command
        self._limit_seconds = limit_seconds
        self._process: Popen[bytes] | None = None

    def separate(self, line: Values) -> Values:
        """Separates a track of the manifest; returns its result line. Raises Failure if it failed."""
        if self._process is None or self._process.poll() is not None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = Popen(self._command, stdin=PIPE, stdout=PIPE, stderr=self._errors)
        process = self._process
        assert process.stdin and process.stdout
        timer = threading.Timer(self._limit_seconds, process.kill)
        timer.start()
        start = time.monotonic()
        event: Values = {"event": ""}
        # A killed process breaks a pipe, ends its output, or cuts a line.
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
            while event["event"] != "result":
                event = json.loads(process.stdout.readline())
        code = 0 if event["event"] == "result" else process.wait()
        timer.cancel()
        if event["event"] != "result":
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip()[-2000:]
            seconds = time.monotonic() - start
            # Exit codes 2 and 3: wrong options, or a model that can't be used.
            error_class = "timeout" if seconds >= self._limit_seconds else "model" if code in (2, 3) else "internal"
            raise Failure(error_class, f"swift-demucs ended with {code} after {seconds:.0f} s: {text}")
        if event["status"] != "done":
            # A signal from outside interrupts: the node is being shut down.
            raise Failure(event["error_class"] or "node", event["error"] or event["status"])
        return event


class Worker:
    """Actor of Ray Data: returns a result for each track, whatever happens."""

    def __init__(self, out: str, command: list[str], limit_seconds: float, storage: Values) -> None:
        fsspec.config.conf.update(storage)
        self._out = out
        # Folders of killed workers.
        for old in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
            if not Path("/proc", old.name.split("-")[3]).exists():
                shutil.rmtree(old, ignore_errors=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
        self._engine = Engine([*command, "-o", str(self._scratch)], limit_seconds)
        self._turn = threading.Lock()
        self._failures_of_node = 0

    def __call__(self, batch: Values) -> Values:
        """Results of tracks; both are JSON, because a column of Ray's blocks has one type."""
        return {"row": [json.dumps(self._result(json.loads(str(text)))) for text in batch["item"]]}

    def _result(self, track: Values) -> Values:
        try:
            row = self._process(track)
            self._failures_of_node = 0
            return row
        except Exception as error:
            error_class, text = error.args if isinstance(error, Failure) else ("node", repr(error))
            if error_class in ("node", "no_room", "model"):
                # Without a pause, a broken node would fail faster than others work, and take all tracks.
                self._failures_of_node += 1
                time.sleep(min(60.0, 2.0**self._failures_of_node))
            return failed(track, error_class, text)
        finally:
            shutil.rmtree(self._scratch / track["folder"], ignore_errors=True)

    def _process(self, track: Values) -> Values:
        commit = f"{track['folder']}/result.json"
        with contextlib.suppress(FileNotFoundError, ValueError, AttributeError):  # A damaged result is none.
            known: Values = json.loads(attempt(self._out, commit, lambda system, path: system.cat_file(path)))
            if known.get("request") == track["request"]:
                return {**known, "status": "skipped"}
            # Its stems are about to be replaced.
            attempt(self._out, commit, lambda system, path: system.rm_file(path))
        line = dict(track["line"])
        with tempfile.TemporaryDirectory(dir=self._scratch) as name:
            if "://" in line["path"]:
                source = Path(name, f"input{Path(line['path']).suffix.partition('?')[0]}")
                fetch(line["path"], source)
                line["path"] = str(source)
            with self._turn:
                try:
                    row = self._engine.separate(line)
                except Failure:
                    with contextlib.suppress(OSError):
                        self._store_record()
                    raise
                record = self._take_record()
            row.update(path=track["line"]["path"], request=track["request"])
            for output in row["outputs"]:
                file = Path(output["path"])
                output["path"] = str(file.relative_to(self._scratch))
                put(file, self._out, output["path"])
                file.unlink()
            result = Path(name, "result.json")
            result.write_text(json.dumps(row, indent=1, sort_keys=True))
            self._store_record(record)
            put(result, self._out, commit)
        attempt(self._out, track["folder"], remove_parts)
        return row

    def _take_record(self) -> tuple[str, bytes] | None:
        """The command's record of the track that has just ended: its name below OUT, and its content."""
        for path in self._scratch.glob(".swift-demucs/*/track.json"):
            content = path.read_bytes()
            # The command removes its claim beside the record meanwhile.
            shutil.rmtree(path.parent, ignore_errors=True)
            return str(path.relative_to(self._scratch)), content
        return None

    def _store_record(self, record: tuple[str, bytes] | None = None) -> None:
        """Stores the record of a track, or of the one that has just ended."""
        if record := record or self._take_record():
            with tempfile.NamedTemporaryFile(dir=self._scratch) as file:
                file.write(record[1])
                file.flush()
                put(Path(file.name), self._out, record[0])

    def __del__(self) -> None:
        """Removes the files of the command, which ends with its input."""
        shutil.rmtree(self._scratch, ignore_errors=True)


def failed(track: Values, error_class: str, error: str) -> Values:
    """Result line of a track that failed."""
    line = {name: track["line"][name] for name in ("id", "path")}
    return {"event": "result", **line, "status": "failed", "error_class": error_class, "error": error, "outputs": []}


def plan(manifest: str, seed: str, command: list[str]) -> list[Values]:
    """Tracks of the manifest. The command checks the lines: ids, keys, options, the model."""
    with fsspec.open(manifest, "rb") as file:
        content = file.read()
    dry_run = [*command, "--manifest", "-", "--dry-run", "--json", "--quiet", "-o", "out"]
    done = run(dry_run, input=content, capture_output=True)
    if done.returncode != 0:
        raise ValueError(done.stderr.decode().strip().removeprefix("error: ").replace("standard input", manifest))
    # Not splitlines(): JSON may have other characters that end lines.
    lines = [json.loads(text) for text in content.decode("utf-8-sig").split("\n") if text.strip(" \t\r")]
    events = [json.loads(text) for text in done.stdout.decode().split("\n") if text]
    tracks = []
    for line, event in zip(lines, (event for event in events if event["event"] == "result"), strict=True):
        if {"auto", "--precision=auto"} & {*command}:
            # Each node chooses its precision.
            del event["parameters"]["precision"]
        if "://" not in line["path"]:
            line["path"] = str(Path.cwd() / line["path"])
        line |= {"id": event["id"], "seed": str(line.get("seed") or seed)}
        folder = f"{Path(event['outputs'][0]['path']).parts[1]}/{line['id']}"
        request = json.dumps([event["checkpoint_sha256"], event["parameters"], line], sort_keys=True)
        tracks.append({"line": line, "folder": folder, "request": sha256(request.encode()).hexdigest()})
    return tracks


def results(tracks: list[Values], threads: int, arguments: tuple[Any, ...]) -> Iterator[Values]:
    """Results of tracks, as they end. Ray repeats what a lost worker or node had."""
    workers = max(1, min(int(ray.cluster_resources().get("CPU", 1)) // threads, len(tracks)))
    in_block = max(1, min(MOST_TRACKS_IN_BLOCK, len(tracks) // (workers * BLOCKS_PER_WORKER)))
    blocks = -(-len(tracks) // in_block)
    # The first worker that is ready must not take the tracks of all.
    at_once = min(TRACKS_OF_WORKER, -(-blocks // workers))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A block of long tracks does not hang: --timeout ends each of them.
    context.execution_no_progress_timeout_s = 10**9
    # After three retries, Ray leaves out a block that ended its worker each time.
    context.max_errored_blocks = -1
    pool = ray.data.ActorPoolStrategy(
        min_size=1, max_size=workers, initial_size=workers, enable_true_multi_threading=True,
        max_tasks_in_flight_per_actor=at_once, max_concurrent_calls_per_actor=at_once,
    )  # fmt: skip
    items = ray.data.from_items([json.dumps(track) for track in tracks], override_num_blocks=blocks)
    rows = items.map_batches(
        Worker, fn_constructor_args=arguments, num_cpus=threads, compute=pool,
        ray_remote_args_fn=lambda: {"max_task_retries": 3},
    )  # fmt: skip
    for row in rows.iter_rows():
        yield json.loads(row["row"])


def final_results(tracks: list[Values], tries: int, threads: int, arguments: tuple[Any, ...]) -> Iterator[Values]:
    """The last result of each track: one that failed is tried again, after all others."""
    for number in range(1, tries + 1):
        pending = {track["line"]["id"]: track for track in tracks}
        rows, tracks = results(tracks, threads, arguments), []
        while pending:
            row = next(rows, None) or failed(next(iter(pending.values())), "node", "its worker died each time")
            # Ray repeats a block whose result was on a lost node.
            track = pending.pop(row["id"], None)
            if track and row["status"] == "failed" and number < tries:
                tracks.append(track)
            elif track:
                yield row


def main() -> int:
    """Separates the catalogue of the command line; returns the exit code."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("manifest", metavar="MANIFEST")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--address", help="address of a Ray cluster (default: RAY_ADDRESS, or this machine alone)")
    parser.add_argument("--threads", type=int, default=1, help="cores for each track (default: 1)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for each track (default: 3600)")
    parser.add_argument("--seed", default="0", help="seed of the shifts (default: 0)")
    parser.add_argument("--tries", type=int, choices=range(1, 10), default=3, help="times to try a track (default: 3)")
    options, others = parser.parse_known_args()
    out = options.out if "://" in options.out else str(Path(options.out).resolve())
    command = [os.environ.get("SWIFT_DEMUCS") or "swift-demucs", *others]
    command += ["--threads", str(options.threads), "--timeout", f"{options.timeout:f}"]
    follow = [*command, "--manifest", "-", "--follow", "--json", "--quiet"]
    counts: Counter[str] = Counter()
    # Ray prints messages to standard output, where the results go.
    lines, sys.stdout = sys.stdout, sys.stderr
    try:
        tracks = plan(options.manifest, options.seed, command)
        # A storage that can't be written ends the run here.
        put(Path(__file__), out, PROBE)
        attempt(out, PROBE, lambda system, path: system.rm_file(path))
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address=options.address, log_to_driver=False)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray has set its own
        # fsspec's settings hold on all nodes. The command itself ends a track at --timeout, unless it hangs.
        arguments = (out, follow, 1.1 * options.timeout + 10, dict(fsspec.config.conf))
        for row in final_results(tracks, options.tries, options.threads, arguments):
            counts[row["status"]] += 1
            print(json.dumps(row), file=lines, flush=True)
    except KeyboardInterrupt:
        print("error: interrupted; the same command continues", file=sys.stderr)
        return 130
    except (OSError, ValueError, ray.exceptions.RayError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())), file=sys.stderr)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
