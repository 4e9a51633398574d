"""Compares all stems with the table."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .job import Failure
from .store import Store, join
from .table import Table
from .worker import COMMIT


@dataclasses.dataclass(frozen=True)
class Verification:
    """Result of :func:`verify`."""

    tracks: int
    files: int
    bytes: int
    #: A line for each file that differs from the table.
    problems: list[str]


def verify(table: Table, store: Store, scratch: Path, *, redo: bool = False) -> Verification:
    """Compares bytes and SHA-256 of every stem with the table.

    :param redo: whether the next run separates the tracks with a problem again.

    Raises :class:`Failure` if the storage can't be read.
    """
    rows = [row for row in table.latest().values() if row["status"] == "done"]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: _problems(row, store), rows))
    if redo:
        damaged = [row for row, problems in zip(rows, found) if problems]
        for row in damaged:
            store.remove(join(row["outputs"][0]["path"].rpartition("/")[0], COMMIT))
        table.append([_undone(row) for row in damaged], scratch)
    return Verification(
        tracks=len(rows),
        files=sum(len(row["outputs"]) for row in rows),
        bytes=sum(output["bytes"] for row in rows for output in row["outputs"]),
        problems=[problem for problems in found for problem in problems],
    )


def _problems(row: dict[str, Any], store: Store) -> list[str]:
    problems = []
    for output in row["outputs"]:
        name, fact = output["path"], _difference(output, store)
        if any(fact):
            problems.append(f"{name}: {fact[0]}, expected {fact[1]}")
    return problems


def _difference(output: dict[str, Any], store: Store) -> tuple[str, str]:
    """Found and expected value of the first difference; empty texts if there is none."""
    try:
        size = store.version(output["path"])[0]
        if size != output["bytes"]:
            return f"{size} bytes", f"{output['bytes']}"
        checksum = store.sha256(output["path"])
    except Failure as failure:
        if failure.error_class != "unreadable":
            raise
        return "no such file", f"{output['bytes']} bytes"
    if checksum != output["sha256"]:
        return f"SHA-256 {checksum}", output["sha256"]
    return "", ""


def _undone(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        **{"status": "failed", "error_class": "network", "outputs": []},
        **{"error": "the stored stems differ from the table", "finished_at": time.time()},
    }
