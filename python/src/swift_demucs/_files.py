"""Separation of files, published models, quantising and evaluating."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _arrays, _call, _library, _progress, _recordings, _settings, errors
from ._recordings import Path_

if TYPE_CHECKING:
    from ._model import Model


@dataclasses.dataclass(frozen=True)
class FileResult:
    """Result of separating one sound file."""

    path: Path
    #: Files written, by the name of the stem or mix; empty after an error.
    outputs: Dict[str, Path]
    #: Error of the separation; ``None`` on success.
    error: Optional[errors.Error]
    #: Seed of the random shifts; repeats the run.
    seed: int = 0
    #: Duration of the separated part, in seconds.
    seconds: float = 0.0
    #: Sample rate of the input in Hz, and its number of channels.
    sample_rate: int = 0
    channels: int = 0

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
) -> List[FileResult]:
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
    results: Dict[str, FileResult] = {}

    def take(event: Dict[str, Any], status: int) -> None:
        if event["event"] == "track":
            results[event["track"]] = _result(event, status)

    # A path that is given twice is separated once.
    names = [Path(path).name for path in dict.fromkeys(inputs)]

    def title() -> str:
        return names[min(len(results), len(names) - 1)]

    callbacks = _call.Callbacks()
    with contextlib.ExitStack() as stack:
        token = stack.enter_context(_call.token(cancellation))
        handle = stack.enter_context(model._use())
        show = stack.enter_context(_progress.reporting(progress, model.sample_rate, title))
        if not inputs:
            return []
        arguments = (
            _library.strings(inputs, "a path"),
            len(inputs),
            given,
            _call.event_callback(callbacks, take),
            _progress.c_callback(callbacks, show) if show else _library.ProgressCallback(),
        )
        callbacks.invoke(token, "sd_run", handle, *arguments, None, token.handle)
    return [results[path] for path in inputs]


def _result(event: Dict[str, Any], status: int) -> FileResult:
    path = event["track"]
    if status != _library.OK:
        return FileResult(
            Path(path), {}, errors.of_status(status, event.get("error", event["status"]), path)
        )
    return FileResult(
        Path(path),
        {output["stem"]: Path(output["path"]) for output in event["outputs"]},
        None,
        seed=event.get("seed", 0),
        seconds=event["duration_seconds"],
        sample_rate=event["sample_rate_hz"],
        channels=event["channels"],
    )


@dataclasses.dataclass(frozen=True)
class PublishedModel:
    """A published model, and its files on this machine."""

    name: str
    summary: str
    stems: Tuple[str, ...]
    #: Signatures of the checkpoints.
    signatures: Tuple[str, ...]
    #: Repository on Hugging Face, as ``hf://...`` accepts it.
    hub_repository: str
    #: Size of the download in MB, rounded; ``None`` if unknown.
    download_megabytes: Optional[int]
    #: Files of the model; empty if it is not on this machine.
    files: Tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class LinkedModel:
    """A model of another author that :func:`fetch` knows, and its files on this machine."""

    name: str
    summary: str
    #: What is known of the licence of the weights.
    licence: str
    url: str
    #: Checksum of the checkpoint; ``None`` if none is published.
    sha256: Optional[str]
    #: Size of the checkpoint in bytes; ``None`` if unknown.
    size: Optional[int]
    #: The checkpoint; empty if it is not on this machine.
    files: Tuple[Path, ...]


def models(repository: Optional[Path_] = None) -> List[PublishedModel]:
    """The published models, and which of them are on this machine."""
    return [
        PublishedModel(
            name=event["name"],
            summary=event["summary"],
            stems=tuple(event["sources"]),
            signatures=tuple(event["signatures"]),
            hub_repository=event["hubRepository"],
            download_megabytes=event.get("downloadMegabytes"),
            files=tuple(Path(file) for file in event["files"]),
        )
        for event in _listed("model", repository)
    ]


def linked_models(repository: Optional[Path_] = None) -> List[LinkedModel]:
    """Models of other authors that :func:`fetch` knows, and which of them are on this machine."""
    return [
        LinkedModel(
            name=event["name"],
            summary=event["summary"],
            licence=event["licence"],
            url=event["url"],
            sha256=event.get("sha256"),
            size=event.get("countBytes"),
            files=tuple(Path(file) for file in event["files"]),
        )
        for event in _listed("linked", repository)
    ]


def _listed(kind: str, repository: Optional[Path_]) -> List[Dict[str, Any]]:
    """The events of one kind of ``sd_models``."""
    found: List[Dict[str, Any]] = []

    def take(event: Dict[str, Any], _status: int) -> None:
        if event["event"] == kind:
            found.append(event)

    folder = None if repository is None else errors.path_text(repository)
    callbacks = _call.Callbacks()
    callback = _call.event_callback(callbacks, take)
    with _call.token(None) as token:
        encoded = None if folder is None else folder.encode()
        callbacks.invoke(token, "sd_models", encoded, callback, None, path=folder)
    return found


def fetch(name: str, *, cancellation: Optional[_call.Cancellation] = None) -> List[Path]:
    """Downloads a published model if it is missing, and returns its files.

    An interrupted download goes on where it stopped. Raises :class:`ModelMissingError` for an
    unknown name and a failed download, and :class:`Cancelled`.
    """
    encoded = _library.text(name, "the model")
    _recordings.logger.info("fetching the model %s", name)
    files: List[Path] = []

    def take(event: Dict[str, Any], _status: int) -> None:
        if event["event"] == "file":
            files.append(Path(event["path"]))

    callbacks = _call.Callbacks()
    callback = _call.event_callback(callbacks, take)
    with _call.token(cancellation) as token:
        callbacks.invoke(token, "sd_fetch", encoded, callback, None, token.handle, path=name)
    return files


@dataclasses.dataclass(frozen=True)
class QuantizeReport:
    """Result of :func:`quantize`."""

    path: Path
    bytes: int
    source_bytes: int
    #: SNR in dB of the worst stem against the float32 model, on the calibration audio.
    snr: float


def quantize(
    checkpoint: Path_,
    output: Path_,
    *,
    calibration: Sequence[Path_] = (),
    calibration_segments: int = 50,
    precision: _settings.Precision = "int8",
    threads: Optional[int] = None,
    cancellation: Optional[_call.Cancellation] = None,
) -> QuantizeReport:
    """Writes a checkpoint with INT8 weights, at about a quarter of the size.

    :param output: a ``.safetensors`` file.
    :param calibration: sound files to calibrate on; noise is used if there are none.
    :param calibration_segments: number of segments to take from these files in all. If there are
        more files than segments, one is taken from each of as many files, at equal distances.
    :param precision: in which the file will be run: ``int8``, ``float32`` or ``bfloat16``.
    """
    source, target = errors.path_text(checkpoint), errors.path_text(output)
    paths = [errors.path_text(path) for path in calibration]
    tracks = _library.strings(paths, "a file") if paths else None
    given = {"samples": calibration_segments, "threads": threads}
    settings = _settings.encode({**given, "precision": _settings.precision(precision)})
    found: Dict[str, Any] = {}
    callbacks = _call.Callbacks()
    callback = _call.event_callback(callbacks, lambda event, _status: found.update(event))
    with _call.token(cancellation) as token:
        callbacks.invoke(
            token, "sd_quantize", source.encode(), target.encode(), tracks, len(paths), settings,
            callback, _recordings.log, None, token.handle, path=source,
        )  # fmt: skip
    snr = found.get("snr_db", math.inf)
    return QuantizeReport(Path(target), found["bytes"], found["source_bytes"], snr)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of a stem in dB; NaN if not requested or undefined, infinite if perfect."""

    #: SDR as in the Music Demixing Challenges.
    sdr: float
    #: Scale-invariant SDR.
    si_sdr: float


def evaluate(
    references: Mapping[str, Any],
    estimates: Mapping[str, Any],
    sample_rate: int = 44_100,
    *,
    metrics: Sequence[str] = ("sdr", "si_sdr"),
) -> Dict[str, Scores]:
    """Scores estimates of stems against the true ones, by name.

    Both map names to samples ``[channels, frames]`` or to sound files; a :class:`Separation` is
    such a mapping. ``metrics`` are ``sdr`` and ``si_sdr``.

    Raises :class:`ArgumentError` if names or shapes differ.
    """
    names = list(references)
    if not names or set(names) != set(estimates):
        raise errors.ArgumentError(
            f"the references are {', '.join(names) or 'none'} and the estimates are "
            f"{', '.join(estimates) or 'none'}, expected at least one stem and the same names"
        )
    rate = _arrays.rate(sample_rate)

    def stack(stems: Mapping[str, Any], what: str) -> Any:
        arrays = []
        for name in names:
            value = stems[name]
            if isinstance(value, (str, bytes, os.PathLike)):
                array = _recordings.read(value, sample_rate=rate)[0]
            else:
                array = _arrays.samples_of(value, f"{what} {name!r}")[0]
            arrays.append(array)
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1:
            raise errors.ArgumentError(f"the {what}s have different shapes: {sorted(shapes)}")
        # A stack of transposed arrays keeps their order in memory.
        return np.ascontiguousarray(np.stack(arrays))

    true, found = stack(references, "reference"), stack(estimates, "estimate")
    if true.shape != found.shape:
        raise errors.ArgumentError(
            f"the references have the shape {list(true.shape[1:])} and the estimates "
            f"{list(found.shape[1:])}, expected the same [channels, frames]"
        )
    scores = {metric: np.full(len(names), np.nan) for metric in ("sdr", "si_sdr")}
    for metric in metrics:
        _arrays.one_of(metric, "metrics", *scores)
    places = [
        values.ctypes.data if metric in metrics else None for metric, values in scores.items()
    ]
    with _call.token(None) as token:
        _call.Callbacks().invoke(
            token, "sd_evaluate", true.ctypes.data, found.ctypes.data, len(names), *true.shape[1:],
            rate, _library.PLANAR, *places,
        )  # fmt: skip
    return {name: Scores(*map(float, pair)) for name, *pair in zip(names, *scores.values())}
