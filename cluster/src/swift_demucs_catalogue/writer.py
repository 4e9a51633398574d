"""Writer of the table in the driver: adds rows in batches, for one run at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from .job import Failure, Job
from .manifest import Catalogue
from .table import Table


class TakenOver(Failure):
    """Another run has made itself the table's writer."""

    def __init__(self) -> None:
        super().__init__("node", "another run has taken over the table")


class Writer:
    """Adds rows to the table in batches, and prints the progress of the run."""

    FIRST_PAUSE_SECONDS = 5.0
    LONGEST_PAUSE_SECONDS = 300.0
    SIGN_SECONDS = 30.0

    def __init__(
        self,
        table: Table,
        scratch: Path,
        manifest: str,
        job: Job,
        catalogue: Catalogue,
        counts: dict[str, int],
    ) -> None:
        self._table = table
        self._scratch = scratch
        self._rows: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._error: Exception | None = None
        #: Number of tracks by final status; at first of those that are not tried.
        self.counts = counts
        #: Number of tracks that this run gave up; none that was in quarantine before it.
        self.failed = 0
        self.run: dict[str, Any] = {
            **{"run": uuid.uuid4().hex, "host": socket.gethostname(), "process": os.getpid()},
            **{"manifest": manifest, "model": job.model, "out": job.out, "threads": job.threads},
            **{"tracks": len(catalogue.tracks), "finished": 0},
            "pending": len(catalogue.tracks) - sum(counts.values()),
            **{"audio_seconds": 0.0, "began_at": time.time(), "ended": False},
            **{
                "parameters": catalogue.parameters,
                "checkpoint_sha256": catalogue.checkpoint_sha256,
            },
        }

    def add(self, row: dict[str, Any], *, is_final: bool) -> None:
        """Queues a row. Raises the error after which the table is not written any more."""
        with self._lock:
            self._rows.append(row)
            if is_final:
                self.run["finished"] += 1
                self.run["audio_seconds"] += row.get("duration_seconds") or 0.0
                self.counts[row["status"]] = self.counts.get(row["status"], 0) + 1
                self.failed += row["status"] != "done"
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        began = written = signed = time.monotonic()
        while not self._ended.wait(1):
            now = time.monotonic()
            # Few parts in a long run, and an early first one.
            pause = min(
                self.LONGEST_PAUSE_SECONDS, max(self.FIRST_PAUSE_SECONDS, (now - began) / 50)
            )
            try:
                if now - written > pause:
                    self._flush()
                    written = now
                    # A closed terminal does not end a run.
                    with contextlib.suppress(OSError, ValueError):
                        print(self.progress(), file=sys.stderr, flush=True)
                if now - signed > self.SIGN_SECONDS:
                    if not self._table.is_writer(self.run):
                        raise TakenOver
                    self._table.sign(self.run, self._scratch)
                    signed = now
            except Exception as error:
                self._error = _failure(error)
                return

    def _flush(self) -> None:
        with self._lock:
            rows, self._rows = self._rows, []
        try:
            self._table.append(rows, self._scratch)
        except Exception:
            with self._lock:
                self._rows = rows + self._rows
            raise

    def progress(self) -> str:
        """Progress of the run as a line for people."""
        seconds = time.time() - self.run["began_at"]
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return (
            f"{self.run['finished']} of {self.run['pending']} tracks in {seconds:.0f} s "
            f"({counts or 'none yet'}), "
            f"{self.run['audio_seconds'] / seconds:.1f} times real time"
        )

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        try:
            # After an error too: the storage may have recovered.
            if not isinstance(self._error, TakenOver):
                self._flush()
            if self._error is None:
                self._table.sign({**self.run, "ended": True}, self._scratch)
        except Exception as failed:
            self._error = self._error or _failure(failed)
        if self._error is not None and error is None:
            raise self._error


def _failure(error: Exception) -> Exception:
    """An error of the disk as a failure of this node; other errors unchanged."""
    if not isinstance(error, OSError):
        return error
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    failure = Failure("no_room" if is_full else "node", f"the table can't be written: {error}")
    failure.__cause__ = error
    return failure
