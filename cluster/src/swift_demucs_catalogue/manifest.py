"""Manifests as JSON lines, CSV or Parquet; the command checks all lines."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from .job import PROGRAM_VARIABLE, Job, Track, canonical, digest
from .store import Store, is_url

PARQUET_ROWS = 10_000


class ManifestError(ValueError):
    """An invalid manifest, model, option or storage, found before a run starts."""


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """A checked manifest."""

    tracks: list[Track]
    #: Folder of the model's stems, below the output folder.
    model_folder: str
    checkpoint_sha256: list[str]
    parameters: dict[str, Any]


def lines(manifest: str, store: Store) -> Iterator[str]:
    """A manifest as JSON lines for the command; CSV and Parquet are converted.

    Raises :class:`ManifestError` for a table that can't be read.
    """
    with store.open(manifest) as file:
        start = file.read(4)
        file.seek(0)
        if start == b"PAR1":
            for row in _parquet_rows(manifest, file):
                yield json.dumps(row, default=str)
            return
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            first = next((line for line in text if line.strip()), "{")
            text.seek(0)
            if first.lstrip().startswith("{"):
                # As for the command, a carriage return alone is a space.
                text.detach()
                file.seek(0)
                text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="\n")
                yield from (line.rstrip("\r\n") for line in text)
            else:
                for row in _csv_rows(manifest, text):
                    yield json.dumps(row)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ManifestError(f"{manifest}: can't be read: {error}") from error


def _parquet_rows(manifest: str, file: Any) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(PARQUET_ROWS):
            for row in batch.to_pylist():
                yield {name: value for name, value in row.items() if value is not None}
    except pyarrow.ArrowException as error:
        raise ManifestError(f"{manifest}: can't be read as Parquet: {error}") from error


def _csv_rows(manifest: str, text: TextIO) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(text, strict=True)
    columns = list(reader.fieldnames or ())
    if len(set(columns)) < len(columns):
        raise ManifestError(f"{manifest}: a column appears twice: {', '.join(columns)}")
    for row in reader:
        # DictReader's key for more fields, and its value for missing ones.
        if None in row or None in row.values():
            raise ManifestError(
                f"{manifest}: line {reader.line_num}: expected {len(columns)} fields, as in the "
                f"first line: {', '.join(columns)}"
            )
        yield {name: value for name, value in row.items() if value}


def load(manifest: str, job: Job, store: Store, scratch: Path) -> Catalogue:
    """Reads a manifest of JSON lines, CSV or Parquet.

    The command checks all lines: syntax, keys, options, duplicate ids, stems that the model doesn't
    have. Raises :class:`ManifestError` with the first fault and its line; a table's lines are those
    of its JSON lines.
    """
    copy = scratch / "manifest"
    with copy.open("w", encoding="utf-8") as file:
        for line in lines(manifest, store):
            file.write(line + "\n")
    try:
        return _planned(copy, job)
    except ManifestError as error:
        raise ManifestError(str(error).replace(str(copy), manifest)) from None


def _planned(manifest: Path, job: Job) -> Catalogue:
    """Tracks of a manifest, from a dry run of the command."""
    out = "out"
    command = [*job.command, "--manifest", str(manifest)]
    try:
        process = subprocess.Popen(
            [*command, "--dry-run", "--json", "--quiet", "-o", out],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    except OSError as error:
        raise ManifestError(
            f"{job.program} can't be started: {error}; install swift-demucs, or name it in "
            f"{PROGRAM_VARIABLE}"
        ) from error
    # Its errors are read last: they are short enough for the pipe's buffer.
    with process:
        assert process.stdout is not None and process.stderr is not None
        tracks, requests = [], {}
        start: dict[str, Any] = {}
        for text in process.stdout:
            event = json.loads(text)
            if event["event"] == "start":
                start = event
            if event["event"] != "result":
                continue
            parameters = canonical(event["parameters"])
            if parameters not in requests:
                requests[parameters] = digest(
                    *event["checkpoint_sha256"], _requested(event["parameters"], job)
                )
            tracks.append(
                Track(
                    id=event["id"],
                    path=_absolute(event["path"]),
                    line={},
                    files={
                        output["stem"]: output["path"][len(out) + 1 :]
                        for output in event["outputs"]
                    },
                    request=requests[parameters],
                )
            )
        errors = process.stderr.read().strip()
        code = process.wait()
    if code != 0 or not tracks:
        raise ManifestError(errors.removeprefix("error: ") or f"{job.command[0]}: exit code {code}")
    _add_lines(tracks, manifest)
    return Catalogue(
        tracks,
        tracks[0].files[next(iter(tracks[0].files))].split("/")[0],
        start["model"]["sha256"],
        start["parameters"],
    )


def _requested(parameters: dict[str, Any], job: Job) -> str:
    """Parameters and seed as JSON; no precision for `auto`, which may differ by machine."""
    options = list(job.options)
    wanted = dict(parameters)
    for name in ("--precision", "--seed"):
        if name in options:
            wanted[name] = options[options.index(name) + 1]
    if wanted.get("--precision") == "auto":
        del wanted["precision"]
    return canonical(wanted)


def _add_lines(tracks: list[Track], manifest: Path) -> None:
    """Adds each track's own options, which the command has checked."""
    # JSON may have the other characters at which splitlines() and strip() cut.
    lines = manifest.read_bytes().decode("utf-8-sig").split("\n")
    texts = (text for text in lines if text.strip(" \t\r"))
    for index, text in enumerate(texts):
        row = json.loads(text)
        own = {name: value for name, value in row.items() if value is not None}
        own["id"] = tracks[index].id
        own.pop("path")
        if own.get("seed") is not None:
            request = digest(tracks[index].request, str(own["seed"]))
            tracks[index] = dataclasses.replace(tracks[index], request=request)
        tracks[index] = dataclasses.replace(tracks[index], line=own)


def _absolute(path: str) -> str:
    return path if is_url(path) else str(Path.cwd() / path)
