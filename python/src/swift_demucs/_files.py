"""Separation of files, published models, quantising and evaluating."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import subprocess
from ctypes import byref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _arrays, _call, _library, _progress, _recordings, errors
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
    stems: Optional[Iterable[str]] = None,
    mixes: Optional[Mapping[str, str]] = None,
    filename: str = "{model}/{track}/{stem}.{ext}",
    format: str = "wav",
    sample_format: str = "int16",
    clip: str = "rescale",
    mp3_bit_rate: int = 320,
    mp3_preset: int = 2,
    copy_tags: bool = True,
    start: float = 0.0,
    duration: Optional[float] = None,
    shifts: int = 1,
    seed: Optional[int] = None,
    overlap: float = 0.25,
    segment: Optional[float] = None,
    split: bool = True,
    rate: str = "model",
    transition_power: float = 1.0,
    progress: _progress.ProgressOption = None,
    cancellation: Optional[_call.Cancellation] = None,
) -> List[FileResult]:
    """Separates sound files into stem files, in flat memory: a result per file, in their order.

    A file that fails does not stop the others; its result has the error: of reading or writing it,
    or of an option that does not suit it, such as a ``start`` after its end.

    :param stems: names of the stems to write; ``None`` for all.
    :param mixes: further files, by name: sums of stems (``{"karaoke": "drums+bass+other"}``), or
        the mixture less stems (``{"rest": "mixture-vocals"}``).
    :param filename: pattern for the path of each output below ``out``; missing folders are made.
    :param format: ``wav``, ``flac`` or ``mp3``.
    :param sample_format: ``int16``, ``int24`` or ``float32``.
    :param clip: as in :func:`write`, or ``rescale_together``: one gain for all files of a track.

    The other arguments are those of :meth:`Model.separate`.

    Raises :class:`ArgumentError` before it starts: for an unknown stem, an invalid option, two
    outputs with the same path, and an output that would overwrite an input. Raises
    :class:`Cancelled`, which keeps complete files, and :class:`StateError` for a closed model.
    """
    _progress.check(progress)
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    inputs = [Path(errors.path_text(path)) for path in paths]
    base = Path(errors.path_text(out))
    names = model.stems if stems is None else tuple(stems)
    signals: Dict[str, str] = {**{name: name for name in names}, **(mixes or {})}
    for name in names:
        if name not in model.stems:
            raise errors.ArgumentError(
                f"no stem {name!r}; the model gives {', '.join(model.stems)}"
            )
    for text in (mixes or {}).values():
        _check_mix(text, model.stems)
    if hasattr(seed, "getstate"):
        raise errors.ArgumentError("seed is a generator, expected a number: each file starts anew")
    files = _recordings.file_options(format, sample_format, clip, mp3_bit_rate, mp3_preset)
    files.copies_tags = _arrays.flag(copy_tags, "copy_tags")
    files.start_seconds = _arrays.real(start, "start")
    files.duration_seconds = 0 if duration is None else _arrays.real(duration, "duration")
    for seconds, what in ((files.start_seconds, "start"), (files.duration_seconds, "duration")):
        if not 0 <= seconds < math.inf:
            raise errors.ArgumentError(f"{what} is {seconds}, expected a number of seconds")
    outputs = [_outputs(model, path, base, signals, filename, format) for path in inputs]
    _check_unique(inputs, outputs)
    options: Dict[str, Any] = {
        "shifts": shifts, "seed": seed, "overlap": overlap, "segment": segment, "split": split,
        "rate": rate, "transition_power": transition_power, "order": "interleaved",
    }  # fmt: skip
    model._check_options(options)
    results: List[FileResult] = []
    for path, targets in zip(inputs, outputs):
        try:
            results.append(
                _separate_file(
                    model, path, targets, signals, files, options, progress, cancellation
                )
            )
        except (errors.Cancelled, errors.StateError):
            raise
        except errors.Error as error:
            results.append(FileResult(path, {}, error))
    return results


def _check_mix(text: Any, stems: Sequence[str]) -> None:
    if not isinstance(text, str):
        raise TypeError(f"a mix is {text!r}, expected a text such as 'drums+bass'")
    minus = "mixture-"
    names = text[len(minus) :].split("-") if text.startswith(minus) else text.split("+")
    if not set(names) <= set(stems) or len(set(names)) < len(names):
        raise errors.ArgumentError(
            f"a mix is {text!r}, expected stems joined by '+', or 'mixture-' and stems joined by "
            f"'-', each once, of {', '.join(stems)}"
        )


def _outputs(
    model: Model, path: Path, base: Path, signals: Mapping[str, str], filename: str, form: str
) -> Dict[str, Path]:
    try:
        return {
            name: base
            / filename.format(
                model=model.name, track=path.stem, trackext=path.suffix[1:], stem=name, ext=form
            )
            for name in signals
        }
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise errors.ArgumentError(
            f"filename is {filename!r}, expected a text with {{model}}, {{track}}, {{trackext}}, "
            "{stem} and {ext}"
        ) from error


def _check_unique(inputs: Sequence[Path], outputs: Sequence[Mapping[str, Path]]) -> None:
    sources = {os.path.realpath(path): path for path in inputs}
    seen: Dict[str, Path] = {}
    for path, targets in zip(inputs, outputs):
        for target in targets.values():
            key = os.path.realpath(target)
            if key in sources:
                raise errors.ArgumentError(
                    f"{target}, an output of {path}, would overwrite the input {sources[key]}; "
                    "choose another folder or filename",
                    str(target),
                )
            if key in seen:
                raise errors.ArgumentError(
                    f"{seen[key]} and {path} would both be written to {target}; put {{track}} and "
                    "{stem} into filename, or use several folders",
                    str(target),
                )
            seen[key] = path


def _separate_file(
    model: Model,
    path: Path,
    targets: Dict[str, Path],
    signals: Mapping[str, str],
    files: Any,
    given: Dict[str, Any],
    progress: _progress.ProgressOption,
    cancellation: Optional[_call.Cancellation],
) -> FileResult:
    for folder in {target.parent for target in targets.values()}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.OutputError(
                f"the folder {folder} can't be made: {error}", str(folder)
            ) from error
    outputs = (_library.Output * len(targets))()
    for output, (name, target) in zip(outputs, targets.items()):
        output.signal = _library.text(signals[name], "a mix")
        output.path = errors.path_text(target).encode()
    report = _library.TrackReport()
    callbacks = _call.Callbacks()
    with contextlib.ExitStack() as stack:
        token = stack.enter_context(_call.token(cancellation))
        handle = stack.enter_context(model._use())
        show = stack.enter_context(_progress.reporting(progress, model.sample_rate, path.name))
        options = stack.enter_context(
            model._separation_options(callbacks, token, **given, progress=show)
        )
        callbacks.run(
            lambda: _library.invoke(
                "sd_separate_file",
                handle,
                errors.path_text(path).encode(),
                outputs,
                len(outputs),
                byref(files),
                byref(options),
                byref(report),
                path=str(path),
            ),
            token,
        )
    return FileResult(
        path, targets, None, report.seed, report.duration_seconds, report.sample_rate,
        report.channels,
    )  # fmt: skip


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


def _program(*arguments: str, path: Optional[str] = None) -> str:
    """Runs the command of this package; returns its standard output."""
    done = subprocess.run(
        [str(_library.PROGRAM), *arguments], capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()
        status = 3 if done.returncode == 3 else 2 if done.returncode == 2 else 5
        raise errors.of_status(status, message.replace("error: ", "", 1), path)
    return done.stdout.decode()


def models(repository: Optional[Path_] = None) -> List[PublishedModel]:
    """The published models, and which of them are on this machine."""
    place = () if repository is None else ("--repo", errors.path_text(repository))
    return [
        PublishedModel(
            name=entry["name"],
            summary=entry["summary"],
            stems=tuple(entry["sources"]),
            signatures=tuple(entry["signatures"]),
            hub_repository=entry["hubRepository"],
            download_megabytes=entry.get("downloadMegabytes"),
            files=tuple(_file(file) for file in entry["files"]),
        )
        for entry in json.loads(_program("models", "--json", *place))["models"]
    ]


def _file(entry: Any) -> Path:
    return Path(entry["path"] if isinstance(entry, dict) else entry)


def fetch(name: str) -> List[Path]:
    """Downloads a published model if it is missing, and returns its files.

    Raises :class:`ModelMissingError` for an unknown name and a failed download.
    """
    if not isinstance(name, str) or name.startswith("-"):
        raise errors.ArgumentError(f"the model is {name!r}, expected a name such as 'htdemucs'")
    _recordings.logger.info("fetching the model %s", name)
    _program("models", "fetch", "--quiet", name, path=name)
    return [Path(line) for line in _program("models", "path", name, path=name).splitlines()]


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
    precision: str = "int8",
    minimum_snr: Optional[float] = None,
    maximum_bytes: Optional[int] = None,
    threads: Optional[int] = None,
    cancellation: Optional[_call.Cancellation] = None,
) -> QuantizeReport:
    """Writes a checkpoint with INT8 weights, at about a quarter of the size.

    :param output: a ``.safetensors`` file.
    :param calibration: sound files to calibrate on; noise is used if there are none.
    :param calibration_segments: number of segments to take from these files.
    :param precision: in which the file will be run: ``int8``, ``float32`` or ``bfloat16``.
    :param minimum_snr: SNR in dB to reach; as many layers stay in 16 bits as that needs.
    :param maximum_bytes: largest size of the file.

    Raises :class:`UnreachableError` if no quantised form of the model reaches both limits.
    """
    source, target = errors.path_text(checkpoint), errors.path_text(output)
    options = _library.defaults(_library.QuantizeOptions, "sd_quantize_options_init")
    if calibration:
        files = _library.strings([errors.path_text(path) for path in calibration], "a file")
        options.calibration_files, options.calibration_file_count = files, len(calibration)
    options.calibration_segments = _arrays.integer(
        calibration_segments, "calibration_segments", 1, 10_000
    )
    options.precision = _arrays.one_of(precision, "precision", _library.PRECISIONS)
    options.minimum_snr = 0 if minimum_snr is None else _arrays.real(minimum_snr, "minimum_snr")
    options.maximum_bytes = (
        0 if maximum_bytes is None else _arrays.integer(maximum_bytes, "maximum_bytes", 1, 2**62)
    )
    options.threads = 0 if threads is None else _arrays.integer(threads, "threads", 1, 1024)
    options.log = _recordings.log
    report = _library.QuantizeReport()
    with _call.token(cancellation) as token:
        options.cancellation = token.handle
        _call.Callbacks().run(
            lambda: _library.invoke(
                "sd_quantize",
                source.encode(),
                target.encode(),
                byref(options),
                byref(report),
                path=source,
            ),
            token,
        )
    return QuantizeReport(Path(target), report.bytes, report.source_bytes, report.snr)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of a stem in dB; NaN if not requested or undefined, infinite if perfect."""

    #: SDR as in the Music Demixing Challenges.
    sdr: float
    #: Scale-invariant SDR.
    si_sdr: float
    #: BSSEval v4: medians over windows of one second.
    bss_sdr: float
    bss_isr: float
    bss_sir: float
    bss_sar: float


def evaluate(
    references: Mapping[str, Any],
    estimates: Mapping[str, Any],
    sample_rate: int = 44_100,
    *,
    metrics: Sequence[str] = ("sdr", "si_sdr"),
    threads: Optional[int] = None,
) -> Dict[str, Scores]:
    """Scores estimates of stems against the true ones, by name.

    Both map names to samples ``[channels, frames]`` or to sound files; a :class:`Separation` is
    such a mapping. ``metrics`` are ``sdr``, ``si_sdr`` and ``bsseval``, which takes far longer.

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
    wanted = 0
    for metric in metrics:
        wanted |= _arrays.one_of(metric, "metrics", _library.METRICS)
    count = 0 if threads is None else _arrays.integer(threads, "threads", 1, 1024)
    scores = (_library.Scores * len(names))()
    with _call.token(None) as token:
        _call.Callbacks().run(
            lambda: _library.invoke(
                "sd_evaluate",
                true.ctypes.data,
                found.ctypes.data,
                len(names),
                true.shape[1],
                true.shape[2],
                rate,
                _library.PLANAR,
                wanted,
                count,
                scores,
            ),
            token,
        )
    return {
        name: Scores(*(getattr(score, field.name) for field in dataclasses.fields(Scores)))
        for name, score in zip(names, scores)
    }
