"""Which layer of a port of the network is wrong.

    from swift_demucs import parity

    ours = parity.trace("htdemucs", "song.wav", seconds=1)
    parity.assert_parity(ours, my_port(ours["mix"], ours["mag"]))

A trace is a dictionary of arrays by the reference's names, a file of ``swift-demucs trace``, or a
folder of ``.npy`` files. A port may have any subset of the values; docs/porting.md lists them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import numpy as np

from . import _arrays, _model, errors
from ._library import PROGRAM

__all__ = ["Cliff", "Report", "Row", "assert_parity", "compare", "trace"]

Trace = Union[Mapping[str, Any], str, "Path"]


@dataclass(frozen=True)
class Row:
    """A value of the reference, compared with the port's."""

    name: str
    #: 10·log10(Σ reference² / Σ error²) in dB; ``inf`` for equal values, ``-inf`` for another
    #: shape.
    snr_db: float
    max_abs: float
    relative_l2: float
    shape: Tuple[int, ...]
    #: The port's shape; ``None`` if it doesn't have the value.
    found_shape: Optional[Tuple[int, ...]]
    #: Index of the first element that is off by more than 0.001 of the value's RMS.
    first_bad: Optional[Tuple[int, ...]]


@dataclass(frozen=True)
class Cliff:
    """A value that is wrong although everything that it is computed from is right."""

    name: str
    snr_db: float
    #: The lowest SNR of the values that feed it, in dB; ``inf`` if none does.
    fed_snr_db: float
    #: What the port has instead, such as "ours, 2 later along the samples"; ``None`` if nothing
    #: simple.
    explanation: Optional[str] = None


@dataclass(frozen=True)
class Report:
    """The comparison of two traces, in the order of computation."""

    rows: Tuple[Row, ...]
    #: The value at which the error begins; ``None`` for a right port.
    cliff: Optional[Cliff]
    #: All such values: one in each branch, or after a replay every wrong layer.
    cliffs: Tuple[Cliff, ...]
    #: Names that only the port has.
    extra: Tuple[str, ...]

    def __str__(self) -> str:
        """A line for each value that both have; then where the error begins."""
        lines = [f"{'value':40} {'SNR dB':>8}  {'max abs':>8}  shape"]
        for row in self.rows:
            if row.found_shape is not None:
                levels = f"{row.snr_db:8.1f}  {row.max_abs:8.2e}"
                lines.append(f"{row.name:40} {levels}  {list(row.found_shape)}")
        for cliff in self.cliffs:
            levels = f"has {cliff.snr_db:.1f} dB, what feeds it {cliff.fed_snr_db:.1f} dB"
            lines.append(f"{cliff.name} {levels}")
            if cliff.explanation:
                lines.append(f"  it is {cliff.explanation}")
        return "\n".join(lines)


def trace(model: Union[_model.Model, str, Path], track: Any, **options: Any) -> Dict[str, Any]:
    """The values inside a model for one chunk of a track: float32, the reference's axes.

    :param model: a loaded model, or the name or the path of one.
    :param options: those of :meth:`swift_demucs.Model.trace`: ``start`` and ``seconds`` of the
        chunk, ``names``.

    Raises what :func:`swift_demucs.load` and :meth:`swift_demucs.Model.trace` raise.
    """
    if isinstance(model, _model.Model):
        return model.trace(track, **options)
    with _model.load(model) as loaded:
        return loaded.trace(track, **options)


def compare(
    reference: Trace,
    found: Trace,
    *,
    only: Optional[Iterable[str]] = None,
    bound: Optional[float] = None,
    like: Optional[Trace] = None,
    replay: bool = False,
    model: Union[str, Path, None] = None,
) -> Report:
    """Compares a port's values with the reference's, and finds where the error begins.

    :param only: patterns of names, such as ``"encoder.*"``.
    :param bound: SNR of a right value in dB; ``None`` is that of a float32 port.
    :param like: values of a right port in the same precision; a value is right if its SNR is at
        most 10 dB lower than there, or than the median there.
    :param replay: whether each found value was computed from the reference's own values.
    :param model: name or path of the reference's model, whose formulas explain wrong values;
        ``None`` is that of the reference's file.

    Raises :class:`ArgumentError` for traces that can't be read or that have no common value.
    """
    words: List[str] = ["--replay"] if replay else []
    if only is not None:
        words += ["--only", ",".join([only] if isinstance(only, str) else only)]
    if bound is not None:
        words += ["--bound", str(_arrays.real(bound, "bound"))]
    if model is not None:
        words += ["-n", str(model)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [_path(reference, Path(folder, "reference")), _path(found, Path(folder, "found"))]
        if like is not None:
            words += ["--like", _path(like, Path(folder, "like"))]
        report = _run([*paths, *words, "--json"])
    return Report(
        rows=tuple(_row(row) for row in report["tensors"]),
        cliff=_cliff(report["cliff"]) if report["cliff"] else None,
        cliffs=tuple(_cliff(cliff) for cliff in report["cliffs"]),
        extra=tuple(report["extra"]),
    )


def assert_parity(reference: Trace, found: Trace, **options: Any) -> Report:
    """Raises :class:`AssertionError` with the table if a port is wrong; for tests.

    :param options: those of :func:`compare`.
    """
    report = compare(reference, found, **options)
    if report.cliff is not None:
        raise AssertionError(f"{report.cliff.name} is wrong\n{report}")
    return report


def _run(words: List[str]) -> Any:
    found = subprocess.run([PROGRAM, "compare", *words], capture_output=True, text=True)
    # 1 without an output is a failure, and with one a verdict.
    if found.returncode not in (0, 1) or not found.stdout:
        raise errors.ArgumentError(found.stderr.strip())
    return json.loads(found.stdout)


def _path(given: Trace, folder: Path) -> str:
    """A trace as a file or a folder."""
    if not isinstance(given, Mapping):
        return str(Path(given).absolute())
    folder.mkdir()
    for name, value in given.items():
        if "/" in name or name.startswith("."):
            raise errors.ArgumentError(f"{name!r} is no name of a value")
        np.save(folder / f"{name}.npy", np.ascontiguousarray(value, dtype=np.float32))
    return str(folder)


def _row(row: Dict[str, Any]) -> Row:
    def sizes(key: str) -> Optional[Tuple[int, ...]]:
        return tuple(row[key]) if key in row else None

    return Row(
        name=row["name"],
        snr_db=float(row["snr_db"]),
        max_abs=float(row["max_abs"]),
        relative_l2=float(row["relative_l2"]),
        shape=tuple(row["shape"]),
        found_shape=sizes("found_shape"),
        first_bad=sizes("first_bad"),
    )


def _cliff(cliff: Dict[str, Any]) -> Cliff:
    return Cliff(
        name=cliff["name"],
        snr_db=float(cliff["snr_db"]),
        fed_snr_db=float(cliff["fed_snr_db"]),
        explanation=cliff["explanation"] and cliff["explanation"]["text"],
    )
