"""``swift-demucs-catalogue``: separates a catalogue of tracks on a Ray cluster.

MANIFEST is a file or URL of JSON lines, CSV or Parquet with the columns id and path, and options of
single tracks; OUT is a folder or a URL, such as s3://bucket/stems, sftp://host/stems, gs://bucket/stems.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

import fsspec

from .job import Failure, Job, Limits
from .manifest import ManifestError, lines
from .plan import plan
from .run import run
from .status import status
from .store import Store
from .table import Table
from .verify import verify


def _positive(text: str) -> int:
    """A positive integer, for options."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"the value is {text!r}, expected a positive integer")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Parser of all commands and their options."""
    result = argparse.ArgumentParser("swift-demucs-catalogue", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        if name == "lines":
            command.add_argument("manifest", metavar="MANIFEST")
        elif name in ("plan", "run"):
            command.add_argument("manifest", metavar="MANIFEST")
            command.add_argument("out", metavar="OUT")
            _add_separation(command)
        else:
            command.add_argument("out", metavar="OUT")
            command.add_argument(
                "--model", metavar="FOLDER", help="folder of the model in OUT, if there are several"
            )
        return command

    command = add("plan", "Probe durations, measure this machine, and print what a run takes.")
    command.add_argument(
        "--cores", type=_positive, help="cores that work at once (default: all here)"
    )
    command.add_argument("--price", type=float, help="price of a core-hour, to print the cost")
    command = add("run", "Separate all tracks that have no result yet.")
    command.add_argument("--address", help="address of a Ray cluster (default: RAY_ADDRESS)")
    command.add_argument("--workers", type=_positive, help="tracks at once (default: all CPUs)")
    command.add_argument(
        "--take-over", action="store_true", help="write even if another run seems to be alive"
    )
    command.add_argument(
        "--retry-quarantined", action="store_true", help="try tracks in quarantine again"
    )
    add("status", "Print how far a run is.")
    command = add("verify", "Compare bytes and SHA-256 of all stems with the table.")
    command.add_argument(
        "--redo", action="store_true", help="let the next run separate damaged tracks again"
    )
    add("lines", "Print a manifest of CSV or Parquet as JSON lines, which swift-demucs reads.")
    return result


def _add_separation(command: argparse.ArgumentParser) -> None:
    limits = Limits()
    command.add_argument("--model", default="htdemucs", help="name or file (default: htdemucs)")
    command.add_argument("--precision", help="float32, bfloat16, int8 or auto (default: float32)")
    command.add_argument("--format", choices=["flac", "wav", "mp3"], default="flac")
    command.add_argument("--stems", help="write only these, separated by commas (default: all)")
    command.add_argument("--shifts", type=int, default=1, help="(default: 1)")
    command.add_argument("--seed", type=int, default=0, help="seed of the shifts (default: 0)")
    command.add_argument(
        "--threads", type=_positive, default=1, help="cores of a track (default: 1)"
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=limits.timeout_seconds,
        help="limit for a track (default: 3600 s)",
    )
    command.add_argument(
        "--max-duration", type=float, default=limits.duration_seconds, help="(default: 14400 s)"
    )
    command.add_argument(
        "--memory", type=float, default=8.0, help="limit for a track's process, in GiB (default: 8)"
    )
    command.add_argument(
        "--tries",
        type=_positive,
        default=limits.tries,
        help="failures until quarantine (default: 3)",
    )
    command.add_argument(
        "--option", action="append", default=[], metavar="OPTION",
        help="a further option of swift-demucs, such as --option=--int24; can be repeated",
    )  # fmt: skip


def _job(arguments: argparse.Namespace) -> Job:
    options = ["--shifts", str(arguments.shifts), "--seed", str(arguments.seed)]
    for name in ("precision", "stems"):
        if getattr(arguments, name) is not None:
            options += [f"--{name}", getattr(arguments, name)]
    if arguments.format != "wav":
        options.append(f"--{arguments.format}")
    return Job(
        out=_absolute(arguments.out),
        model=arguments.model,
        options=(*options, *arguments.option),
        threads=arguments.threads,
        limits=Limits(
            timeout_seconds=arguments.timeout,
            memory_bytes=round(arguments.memory * (1 << 30)),
            duration_seconds=arguments.max_duration,
            tries=arguments.tries,
        ),
        storage=dict(fsspec.config.conf),
    )


def _table(store: Store, out: str, model: str | None) -> Table:
    """The table of a model's folder, or the only one in OUT."""
    suffix = Table.SUFFIX
    names = [name for name in store.names(out) if name.endswith(suffix)]
    folders = [name.removesuffix(suffix) for name in names]
    if model is None and len(folders) > 1:
        raise ManifestError(f"{out}: has several tables, so name one of {folders} with --model")
    if not folders or (model or folders[0]) not in folders:
        found = f"; there are those of {folders}" if folders else ""
        raise ManifestError(f"{out}: no table of results; check OUT and --model{found}")
    return Table(store, out, model or folders[0])


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).resolve())


def main(words: list[str] | None = None) -> int:
    """Runs a command.

    Returns the exit code: 0 if all tracks succeeded, 1 if some failed in this run, 2 if the command
    can't start or go on, 130 if it was interrupted. Tracks that were in quarantine don't count.
    """
    arguments = parser().parse_args(words)
    # Slurm and Kubernetes end a run with SIGTERM; finished tracks still go into the table.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _dispatch(arguments)
    except (ManifestError, Failure) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted; run the same command for the rest", file=sys.stderr)
        return 130


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command == "lines":
        for line in lines(arguments.manifest, Store(fsspec.config.conf)):
            print(line)
        return 0
    if arguments.command == "plan":
        found = plan(arguments.manifest, _job(arguments), cores=arguments.cores)
        print(found.text(arguments.price))
        return 0
    if arguments.command == "run":
        writer = run(
            arguments.manifest,
            _job(arguments),
            workers=arguments.workers,
            address=arguments.address,
            take_over=arguments.take_over,
            retry_quarantined=arguments.retry_quarantined,
        )
        print(json.dumps(writer.counts, sort_keys=True))
        return 1 if writer.failed else 0
    store = Store(fsspec.config.conf)
    table = _table(store, _absolute(arguments.out), arguments.model)
    if arguments.command == "status":
        print(status(table).text())
    else:
        with tempfile.TemporaryDirectory() as scratch:
            found_ = verify(table, store, Path(scratch), redo=arguments.redo)
        for problem in found_.problems:
            print(problem)
        print(f"{found_.files} files of {found_.tracks} tracks, {found_.bytes} bytes compared")
        return 1 if found_.problems else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
