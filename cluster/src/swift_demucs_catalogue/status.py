"""Status of a run: tracks done, failures, speed, time left."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter

from .table import LEASE_SECONDS, Table


@dataclasses.dataclass(frozen=True)
class Status:
    """Status of a run, read from its table."""

    tracks: int
    #: Tracks by the status of their newest result; ``failed`` tracks are tried again.
    statuses: dict[str, int]
    #: Failed and quarantined tracks by the error class of their newest result.
    errors: dict[str, int]
    nodes: int
    audio_seconds: float
    #: Seconds of audio per second, since the run began.
    throughput: float
    seconds_left: float | None
    #: ``running``, ``ended``, or ``silent`` for a run without a recent sign of life.
    state: str

    @property
    def done(self) -> int:
        """Number of tracks with stems."""
        return self.statuses.get("done", 0)

    def text(self) -> str:
        """The status as text for people."""
        percent = 100 * self.done / max(1, self.tracks)
        rows: list[str] = [f"{self.state}: {self.done} of {self.tracks} tracks ({percent:.1f} %)"]
        for status, count in sorted(self.statuses.items()):
            if status != "done":
                rows.append(f"  {count} {status}")
        rows += [f"    {count} {name}" for name, count in sorted(self.errors.items())]
        rows.append(f"{self.audio_seconds / 3600:.2f} h of audio on {self.nodes} nodes")
        rows.append(f"{self.throughput:.2f} times real time")
        if self.seconds_left is not None:
            rows.append(f"{self.seconds_left / 3600:.2f} h left")
        return "\n".join(rows)


def status(table: Table) -> Status:
    """Reads the table and the last run's sign of life. Raises :class:`Failure`."""
    rows = table.latest(["status", "error_class", "duration_seconds", "node"]).values()
    run = table.run() or {}
    audio = sum(row["duration_seconds"] or 0.0 for row in rows if row["status"] == "done")
    began = run.get("began_at", 0.0)
    recent = [row for row in rows if row["finished_at"] >= began]
    recent_audio = sum(row["duration_seconds"] or 0.0 for row in recent)
    if run.get("ended"):
        state = "ended"
    else:
        alive = bool(run) and time.time() - run["seen_at"] < LEASE_SECONDS
        state = "running" if alive else "silent"
    end = time.time() if state == "running" else run.get("seen_at", began)
    elapsed = max(end - began, 1e-9)
    left = None
    finished = [row for row in recent if row["status"] != "failed"]
    if state == "running" and finished:
        left = max(0, run["pending"] - len(finished)) * elapsed / len(finished)
    return Status(
        tracks=run.get("tracks", len(rows)),
        statuses=dict(Counter(row["status"] for row in rows)),
        errors=dict(Counter(row["error_class"] for row in rows if row["error_class"])),
        nodes=len({row["node"] for row in rows}),
        audio_seconds=audio,
        throughput=recent_audio / elapsed if recent else 0.0,
        seconds_left=left,
        state=state,
    )
