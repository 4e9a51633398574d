"""Separation of sound files into stem files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Optional

from . import _call, _library, _progress, _settings, errors
from ._recordings import Path_

if TYPE_CHECKING:
    from ._model import Model


@dataclasses.dataclass(frozen=True)
class FileResult:
    """Result of separating one sound file."""

    path: Path
    #: Files written, by the name of the stem or mix; empty after an error. With ``dry_run``, those
    #: that would be written.
    outputs: dict[str, Path]
    #: Error of the separation; ``None`` on success.
    error: Optional[errors.Error]
    #: Seed of the random shifts; repeats the run.
    seed: int = 0
    #: Duration of the separated part, in seconds; 0 of a file that was not read.
    seconds: float = 0.0
    #: Sample rate of the input in Hz, and its number of channels; 0 for a file that was not read.
    sample_rate: int = 0
    channels: int = 0
    #: ``done``, ``skipped`` (done by an earlier run), ``planned`` (with ``dry_run``), ``failed`` or
    #: ``interrupted``.
    status: str = "done"

    @property
    def ok(self) -> bool:
        """Whether the file was separated."""
        return self.error is None

    def check(self) -> FileResult:
        """Returns this result, or raises its error."""
        if self.error is not None:
            raise self.error
        return self


def separate_files(
    model: Model,
    paths: Iterable[Path_],
    out: Path_ = "separated",
    *,
    progress: _progress.ProgressOption = None,
    cancellation: Optional[_call.Cancellation] = None,
    **settings: _settings.Unpack[_settings.FileSettings],
) -> list[FileResult]:
    """Separates sound files into stem files, in flat memory: a result per file, in their order.

    A file that fails does not stop the others; its result has the error: of reading or writing it,
    of an option that does not suit it, such as a ``start`` after its end, or that an earlier file
    has its outputs. A path that is given twice is separated once, and has the same result twice.

    :param settings: the command's options, with underscores. Beside those of
        :meth:`Model.separate` there are ``filename`` (a pattern for the path of each file below
        ``out``), ``flac``, ``mp3``, ``int24``, ``float32``, ``clip_mode``, ``gain="common"`` (one
        gain for all files of a track), ``start``, ``duration``, ``skip_existing`` and so on.
        Models of ``then`` must be on this machine.

    Raises :class:`ArgumentError` before it starts: for an unknown stem, an invalid option, two
    outputs of a file with the same path, and an output that would replace an input. Raises
    :class:`Cancelled`, which keeps complete files, and :class:`StateError` for a closed model.
    """
    _settings.check(settings, _settings.FileOptions)
    _progress.check(progress)
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    inputs = [errors.path_text(path) for path in paths]
    given = _settings.encode({**settings, "out": errors.path_text(out)})
    results: dict[str, FileResult] = {}

    def take(event: dict[str, Any], status: int) -> None:
        if event["event"] == "track":
            results[event["track"]] = _result(event, status)

    # A path that is given twice is separated once.
    names = [Path(path).name for path in dict.fromkeys(inputs)]

    def title() -> str:
        return names[min(len(results), len(names) - 1)]

    callbacks = _call.Callbacks()
    with model._calling(callbacks, progress, cancellation, title) as (token, handle, report):
        if not inputs:
            return []
        arguments = (
            _library.strings(inputs, "a path"),
            len(inputs),
            given,
            _call.event_callback(callbacks, take),
            report,
        )
        callbacks.invoke(token, "sd_run", handle, *arguments, None, token.handle)
    return [results.get(path) or _untried(path) for path in inputs]


def _untried(path: str) -> FileResult:
    message = f"{path}: was not tried, because the files of too many others could not be written"
    return FileResult(Path(path), {}, errors.OutputError(message, path), status="failed")


def _result(event: dict[str, Any], status: int) -> FileResult:
    """The result of an event ``track``: an item of ``event`` is in each, others may be missing."""
    path = event["track"]
    if status != _library.OK:
        error = errors.of_status(status, event.get("error", event["status"]), path)
        return FileResult(Path(path), {}, error, status=event["status"])
    return FileResult(
        Path(path),
        {output["stem"]: Path(output["path"]) for output in event["outputs"]},
        None,
        seed=event.get("seed", 0),
        seconds=event.get("duration_seconds", 0.0),
        sample_rate=event.get("sample_rate_hz", 0),
        channels=event.get("channels", 0),
        status=event["status"],
    )
