"""The table of results: Parquet files that are added and never changed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .job import Failure
from .store import Store, join

_OUTPUT = pa.struct(
    [
        ("stem", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("peak", pa.float64()),
        ("gain", pa.float64()),
        ("duration_seconds", pa.float64()),
    ]
)

#: Columns of the command's result line; those after `parameters` exist only in catalogues.
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("path", pa.string()),
        ("status", pa.string()),
        ("error_class", pa.string()),
        ("error", pa.string()),
        ("seconds", pa.float64()),
        ("peak_memory_bytes", pa.int64()),
        ("realtime_factor", pa.float64()),
        ("duration_seconds", pa.float64()),
        ("seed", pa.uint64()),
        ("warnings", pa.list_(pa.string())),
        ("outputs", pa.list_(_OUTPUT)),
        ("engine_version", pa.string()),
        ("checkpoint_sha256", pa.list_(pa.string())),
        ("parameters", pa.string()),
        ("key", pa.string()),
        ("request", pa.string()),
        ("audio_sha256", pa.string()),
        ("source_bytes", pa.int64()),
        ("source_version", pa.string()),
        ("tries", pa.int32()),
        ("place_tries", pa.int32()),
        ("avoid", pa.list_(pa.string())),
        ("node", pa.string()),
        ("fetch_seconds", pa.float64()),
        ("store_seconds", pa.float64()),
        ("finished_at", pa.float64()),
    ]
)
COLUMNS: list[str] = list(SCHEMA.names)

#: A run whose last sign of life is older counts as ended.
LEASE_SECONDS = 120.0


class Table:
    """The results of a model in an output folder, and the run that writes them."""

    #: Ends the name of the table's folder, after the model's.
    SUFFIX = ".results"

    def __init__(self, store: Store, out: str, model_folder: str) -> None:
        self._store = store
        #: Folder of the table, beside that of the model's stems.
        self.folder = join(out, model_folder + self.SUFFIX)

    # Reading

    def parts(self) -> list[str]:
        """Names of the files, oldest first."""
        names = self._store.names(self.folder)
        return [name for name in names if name.startswith("part-") and name.endswith(".parquet")]

    def _read(self, name: str, columns: Sequence[str] | None) -> list[dict[str, Any]]:
        with self._store.open(join(self.folder, name)) as file:
            # Without pyarrow's own threads: one that still holds the file when Python ends would
            # abort the process.
            table = pq.read_table(file, columns=columns, use_threads=False, pre_buffer=False)
            rows: list[dict[str, Any]] = table.to_pylist()
            return rows

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """All rows; a track that was tried again has more than one."""
        with ThreadPoolExecutor(8) as pool:
            for rows in pool.map(lambda name: self._read(name, columns), self.parts()):
                yield from rows

    def latest(self, columns: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """The newest row of each track, by id."""
        wanted = None if columns is None else [*{"id", "finished_at", *columns}]
        newest: dict[str, dict[str, Any]] = {}
        for row in self.rows(wanted):
            before = newest.get(row["id"])
            if before is None or row["finished_at"] >= before["finished_at"]:
                newest[row["id"]] = row
        return newest

    def run(self) -> dict[str, Any] | None:
        """The last run: its job, its progress and its last sign of life; ``None`` before one."""
        if "run.json" not in self._store.names(self.folder):
            return None
        found: dict[str, Any] = json.loads(self._store.read(join(self.folder, "run.json")))
        return found

    # Writing

    def append(self, rows: Sequence[dict[str, Any]], scratch: Path) -> None:
        """Adds rows, all of them or none."""
        if not rows:
            return
        file = scratch / "rows.parquet"
        pq.write_table(pa.Table.from_pylist([shaped(row) for row in rows], SCHEMA), file)
        # Names sort by time.
        name = f"part-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        self._store.put(file, join(self.folder, name))
        file.unlink()

    def begin(self, run: dict[str, Any], scratch: Path, *, take_over: bool) -> None:
        """Makes a run the table's only writer.

        Raises :class:`Failure` while another run shows signs of life.
        """
        other = self.run()
        if other is not None and not other["ended"] and not take_over:
            age = time.time() - other["seen_at"]
            if age < LEASE_SECONDS:
                raise Failure(
                    "node",
                    f"{self.folder}: process {other['process']} on {other['host']} writes this "
                    f"table, seen {age:.0f} s ago; wait for its end, or, if it was killed, pass "
                    "--take-over",
                )
        self.sign(run, scratch)

    def sign(self, run: dict[str, Any], scratch: Path) -> None:
        """Writes a sign of life."""
        run["seen_at"] = time.time()
        self._store.write(join(self.folder, "run.json"), json.dumps(run).encode(), scratch)

    def is_writer(self, run: dict[str, Any]) -> bool:
        """Whether no other run has taken over the table."""
        now = self.run()
        return now is None or bool(now["run"] == run["run"])


def shaped(row: dict[str, Any]) -> dict[str, Any]:
    """A row with all columns; the parameters as text, since their keys may change."""
    values = {name: row.get(name) for name in COLUMNS}
    if not isinstance(values["parameters"], (str, type(None))):
        values["parameters"] = json.dumps(values["parameters"], sort_keys=True)
    return values
