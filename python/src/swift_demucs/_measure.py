"""Quantising of models, and scores of stems."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

import numpy as np

from . import _arrays, _call, _library, _recordings, _settings, errors
from ._recordings import Path_


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
    settings = _settings.encode({**given, "precision": precision})
    found: dict[str, Any] = {}
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
) -> dict[str, Scores]:
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
