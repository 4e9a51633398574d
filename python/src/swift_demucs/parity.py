"""Which layers of a port of the network are wrong, and what they compute instead.

    python -m swift_demucs.parity htdemucs core.onnx --audio song.wav --start 8
    python -m swift_demucs.parity htdemucs theirs.safetensors --case case

runs an ONNX graph, or takes the values that a port wrote (.safetensors, .npz, or a folder of .npy),
judges each by the engine from the port's own inputs, and names mistakes. The same in a test:

    from swift_demucs import parity

    ours = parity.trace("htdemucs", "song.wav", seconds=1)
    parity.assert_parity(ours, my_port(ours["mix"], ours["mag"]), model="htdemucs")

A trace is a dictionary of arrays by the reference's names, a file of ``swift-demucs trace``, or a
folder of ``.npy`` files. A port may have any subset of the values; docs/porting.md lists them.
Graphs, mistakes and cases need ``pip install swift-demucs[parity]``.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import wave
from collections import UserDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import AbstractSet, Any, Optional, Union

import numpy as np

from . import _arrays, _model, errors
from ._library import PROGRAM

__all__ = ["Report", "Row", "Wrong", "assert_parity", "compare", "trace"]

Trace = Union[Mapping[str, Any], str, "Path"]

#: Values that sum over a whole input, in which float32 hides mistakes of the inputs' norm.
_SUMS = ("x", "xt", "output", "add_67")
#: The folder of the port's values under the network's names.
_VALUES = "values"


@dataclass(frozen=True)
class Row:
    """A value of the reference, compared with the port's."""

    name: str
    #: 10·log10(Σ reference² / Σ error²) in dB; ``inf`` for equal values, ``-inf`` for another
    #: shape.
    snr_db: float
    #: The same against what the engine computes from the port's own inputs; ``None`` without a
    #: model.
    own_snr_db: Optional[float]
    #: What a right value has.
    bound_db: float
    max_abs: float
    relative_l2: float
    shape: tuple[int, ...]
    #: The port's shape; ``None`` if it doesn't have the value.
    found_shape: Optional[tuple[int, ...]]
    #: Index of the first element that is off by more than 0.001 of the value's RMS.
    first_bad: Optional[tuple[int, ...]]
    #: What is special about the port's elements, such as "has 1 NaN, the first at [0, 0, 0]".
    remark: Optional[str]

    @property
    def level_db(self) -> float:
        """The SNR that is judged."""
        return self.snr_db if self.own_snr_db is None else self.own_snr_db


@dataclass(frozen=True)
class Wrong:
    """A value that is wrong although everything that it is computed from is the port's own."""

    name: str
    snr_db: float
    #: Against what the engine computes from the port's own inputs; ``None`` without a model.
    own_snr_db: Optional[float]
    #: What the port has instead, such as "ours with half the heads"; ``None`` if nothing known.
    explanation: Optional[str] = None
    #: The SNR in dB of the port's value against the explanation's.
    explanation_db: Optional[float] = None
    #: The explanation's mistake without its place, such as "half the heads".
    mistake: Optional[str] = None


@dataclass(frozen=True)
class Report:
    """The comparison of two traces, in the order of computation."""

    rows: tuple[Row, ...]
    #: The wrong values; none of a right port.
    wrong: tuple[Wrong, ...]
    #: Names that only the port has.
    extra: tuple[str, ...]
    #: The port's own names of values that it spells otherwise, by the reference's.
    renamed: Mapping[str, str]
    #: The table of all values, the wrong ones, and the verdict, without explanations.
    text: str
    #: Names of values that can't be judged.
    unjudged: tuple[str, ...] = ()
    #: Names of wrong values on which not all mistakes were tried.
    untried: tuple[str, ...] = ()
    #: Right values that the judge calls wrong, and why: their norms' sums are rounded to float32.
    rounded: Mapping[str, str] = field(default_factory=dict)

    @property
    def compared(self) -> int:
        """The number of values that both have."""
        return sum(row.found_shape is not None for row in self.rows)

    @property
    def expected(self) -> int:
        """The number of values that the reference has."""
        return len(self.rows)

    def __str__(self) -> str:
        """The table, and what explains the wrong values."""
        return "\n".join(filter(None, (self.text, self.summary())))

    def summary(self) -> str:
        """A line for each mistake that explains wrong values."""
        levels = {row.name: row.level_db - row.bound_db for row in self.rows}
        groups: dict[str, list[str]] = {}
        for value in self.wrong:
            if value.explanation:
                hidden = "wrong, which rounding hides: " if levels[value.name] >= 0 else ""
                line = f"{value.name} is {value.explanation}: {value.explanation_db:.1f} dB"
                groups.setdefault(value.mistake or value.explanation, []).append(hidden + line)
        groups["rounded"] = [
            f"{name} is right after all: {why}" for name, why in self.rounded.items()
        ]
        lines = [
            first + (f"; the same in {len(more)} more value{'s'[: len(more) - 1]}" if more else "")
            for first, *more in filter(None, groups.values())
        ]
        if self.rounded and not self.wrong:
            lines.append("nothing is wrong")
        if self.untried:
            lines.append(f"{len(self.untried)} more not explained: --explain all")
        return "\n".join(lines)


def trace(model: Union[_model.Model, str, Path], track: Any, **options: Any) -> dict[str, Any]:
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
    reference: Trace, found: Trace, *, only: Optional[Iterable[str]] = None,
    bound: Optional[float] = None, like: Optional[Trace] = None,
    model: Union[str, Path, None] = None, precision: Optional[str] = None,
    explain: Union[float, str] = 20,
) -> Report:  # fmt: skip
    """Compares a port's values with the reference's, and finds the wrong ones.

    :param only: patterns of names, such as ``"encoder.*"``.
    :param bound: SNR of a right value in dB; ``None`` is that of rounding errors, and 60 dB without
        a model.
    :param like: values of a right port in the same precision; a value is right if its SNR is at
        most 10 dB lower than there, or than the median there.
    :param model: name or path of the network, by which each value is computed from the port's own
        inputs, and whose formulas explain wrong ones; ``None`` compares all with the reference.
    :param precision: the port's, if that is one of the engine.
    :param explain: seconds in which to explain the first wrong value of each kind, and others by
        the same mistakes; ``"all"`` tries each mistake on each wrong value.

    Raises :class:`ArgumentError` for traces that can't be read or that have no common value.
    """
    with tempfile.TemporaryDirectory() as name:
        given = (only, bound, like, model, precision)
        report, explains = _judged(reference, found, Path(name), *given)
        return explains().explained(report, explain)


def assert_parity(reference: Trace, found: Trace, **options: Any) -> Report:
    """Raises :class:`AssertionError` with the table if a port is wrong; for tests.

    :param options: those of :func:`compare`.
    """
    report = compare(reference, found, **options)
    if report.wrong:
        raise AssertionError(f"{report.wrong[0].name} is wrong\n{report}")
    return report


# ---- the program ----
def _kind(name: str) -> str:
    """What values of a kind share: a name without block, numbers and branch."""
    parts = [part for part in name.rpartition("/")[2].split(".") if not part.isdigit()]
    return re.sub(r"_t\b|^t(?=..coder)", "", ".".join(parts[1:] or parts))


def _judged(
    reference: Trace, found: Trace, folder: Path, only: Union[str, Iterable[str], None] = None,
    bound: Optional[float] = None, like: Optional[Trace] = None,
    model: Union[str, Path, None] = None, precision: Optional[str] = None,
) -> tuple[Report, Callable[[], _Explainer]]:  # fmt: skip
    """The judge's report, and what explains it from the values that it leaves in the folder."""
    words: list[Union[str, Path]] = []
    if only is not None:
        words += ["--only", ",".join([only] if isinstance(only, str) else only)]
    if bound is not None:
        words += ["--bound", str(_arrays.real(bound, "bound"))]
    if model is not None:
        words += ["-n", str(model), "--values", folder / _VALUES]
    if precision is not None:
        words += ["--precision", precision]
    if like is not None:
        words += ["--like", _path(like, folder / "like")]
    paths = [_path(reference, folder / "reference"), _path(found, folder / "found")]
    document = json.loads(_run("compare", *paths, *words, "--json", codes=(0, 1)))
    report = Report(
        rows=tuple(_read(Row, row) for row in document["tensors"]),
        wrong=tuple(_read(Wrong, row) for row in document["wrong"]),
        extra=tuple(document["extra"]),
        renamed=document["renamed"],
        text=document["text"].rstrip(),
        unjudged=tuple(document["unjudged"]),
    )
    rounds = like is not None or bound is not None or precision is not None
    return report, partial(_Explainer, model, folder, rounds)


def _run(*words: Union[str, Path], codes: tuple[int, ...] = (0,)) -> str:
    """The output of the program: that of SWIFT_DEMUCS, or the package's."""
    program = os.environ.get("SWIFT_DEMUCS") or PROGRAM
    found = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    # 1 without an output is a failure, and with one a verdict.
    if found.returncode not in codes or (found.returncode and not found.stdout):
        raise errors.ArgumentError(found.stderr.strip().removeprefix("error: "))
    return found.stdout


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


def _read(kind: Any, found: Mapping[str, Any]) -> Any:
    """A row of the program's JSON, which has infinite numbers as text."""

    def value(name: str) -> Any:
        given = found.get(name)
        if isinstance(given, list):
            return tuple(given)
        return float(given) if given is not None and name.endswith(("_db", "_abs")) else given

    return kind(**{part.name: value(part.name) for part in fields(kind)})


# ---- explanations ----
class _Trace(UserDict[str, Any]):
    """The tensors of a safetensors file, each read when it is asked for: a trace of a published
    model has gigabytes."""

    def __init__(self, path: Path) -> None:
        self.open = partial(importlib.import_module("safetensors").safe_open, path, "np")
        with self.open() as file:
            self.data = dict.fromkeys(sorted(file.keys()))

    def __getitem__(self, name: str) -> Any:
        if name not in self.data:
            raise KeyError(name)
        # Opened for each, so that what was read before takes no memory.
        with self.open() as file:
            return file.get_tensor(name)


class _Arrays(UserDict[str, Any]):
    """The .npy files of a folder, in float32, each mapped when it is asked for: parts that nobody
    reads take no time, and changes don't reach the file."""

    def __init__(self, folder: Path) -> None:
        self.data = {path.name[: -len(".npy")]: path for path in sorted(folder.glob("*.npy"))}
        self.folder = folder

    def __getitem__(self, name: str) -> Any:
        return np.asarray(np.load(self.data[name], mmap_mode="c"), np.float32)

    def __setitem__(self, name: str, value: Any) -> None:
        self.data[name] = self.folder / f"{name}.npy"
        # Not into the file of an older value, which may be mapped.
        self.data[name].unlink(missing_ok=True)
        np.save(self.data[name], value)

    def __delitem__(self, name: str) -> None:
        self.data.pop(name).unlink()


class _Explainer:
    """Explains wrong values of a port by mistakes in the network's formulas."""

    def __init__(self, model: Union[str, Path, None], folder: Path, rounds: bool = False) -> None:
        #: A port that rounds hides mistakes in sums.
        self.rounds, self.network = rounds, None
        self.folder = folder
        if model is not None and all(map(importlib.util.find_spec, ("scipy", "safetensors"))):
            self.formulas = importlib.import_module("._explanation", __package__)
            self.network = self.formulas.Network.open(_checkpoint(str(model), folder))

    def explained(self, report: Report, limit: Union[float, str]) -> Report:
        """The report with explanations, and with sums that only a mistake's formula gives."""
        end = math.inf if limit == "all" else time.monotonic() + _arrays.real(limit, "explain")
        wrong = {value.name: value for value in report.wrong}
        rows = [row for row in report.rows if self.is_tried(row, row.name in wrong)]
        firsts = {_kind(row.name): row.name for row in reversed(rows)}
        is_first = {row.name: limit == "all" or row.name in firsts.values() for row in rows}
        rows.sort(key=lambda row: not is_first[row.name])
        found: dict[str, Any] = {}
        untried: list[str] = []
        #: Of right values.
        norms: list[tuple[int, float]] = []
        for number, row in enumerate(rows):
            name, is_wrong = row.name, row.name in wrong
            if sys.stderr.isatty():
                text = f"explaining {name}, {number + 1} of {len(rows)}"
                print(f"\r{_printable(text)}\x1b[K", end="", file=sys.stderr, flush=True)
            # The verdict never depends on the time.
            last = end if is_wrong else math.inf
            # The bound of a port that rounds lies 10 dB below a right one.
            like = row.bound_db + 10 if self.rounds or "float16" in (row.remark or "") else None
            value = self.formulas.explain(
                self.network, name.rpartition("/")[2], self.chunk(name), row.shape, like,
                [value.phrase for value in found.values()], is_first[name], is_wrong, last,
            )  # fmt: skip
            if value and (is_wrong or value.phrase):
                found[name] = value
            elif value:
                norms.append(value.norm)
            elif is_wrong and (not is_first[name] or time.monotonic() > end):
                untried.append(name)
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
        rounded = self.rounded(found, norms, wrong.keys()) if found else {}
        for row in report.rows:
            name, value = row.name, found.get(row.name)
            if name in rounded:
                del wrong[name]
            elif value:
                wrong[name] = replace(
                    wrong.get(name) or Wrong(name, row.snr_db, row.own_snr_db),
                    explanation=value.text, explanation_db=value.snr_db,
                    mistake=value.phrase or None,
                )  # fmt: skip
        return replace(
            report,
            wrong=tuple(wrong[row.name] for row in report.rows if row.name in wrong),
            untried=tuple(row.name for row in report.rows if row.name in untried),
            rounded=rounded,
        )

    def is_tried(self, row: Row, is_wrong: bool) -> bool:
        """Whether a value may have an explanation: a wrong one, or a sum that hides a mistake."""
        name, values = row.name.rpartition("/")[2], self.chunk(row.name)
        is_sum = name in _SUMS and row.own_snr_db is not None and not self.rounds
        # Each mistake takes a pass of the whole network where a port gives its outputs alone.
        is_sum &= name in ("x", "xt") or any("decoder" in key for key in values)
        if self.network is None or name not in values or self.network.start[0] not in values:
            return False
        return (is_wrong or is_sum) and bool(np.isfinite(values[name]).all())

    def rounded(
        self, found: dict[str, Any], norms: Sequence[tuple[int, float]], wrong: AbstractSet[str]
    ) -> dict[str, str]:
        """The right values whose norms' sums are rounded, and how; `norms` are those of others.

        Removes what only one norm would tell of a value that isn't `wrong`.
        One value can't tell these from a mistake that changes one number of a norm.
        """
        changed = {name: value for name, value in found.items() if value.norm}
        phrases = [value.phrase for value in changed.values() if value.phrase]
        for name, value in list(changed.items()):
            if phrases.count(value.phrase) >= max(2, len(changed) / 2):
                del changed[name]
        norms = [*norms, *(value.norm for value in changed.values())]
        for name in changed.keys() - wrong:
            del changed[name], found[name]
        if changed and self.formulas.grow(norms):
            return {
                name: "a norm of {:,} elements is off by {:.1e}, and larger norms by more: sums "
                "rounded to float32".format(*value.norm)
                for name, value in changed.items()
            }
        for name, value in changed.items():
            if value.phrase:
                text = f"{value.text}, or rounded in a norm's sum: one norm can't tell"
                found[name] = replace(value, text=text, phrase="")
        return {}

    def chunk(self, name: str) -> Mapping[str, Any]:
        """The values of a value's chunk, by the network's names."""
        return _Arrays(self.folder / _VALUES / name.rpartition("/")[0])


def _file(model: str) -> Path:
    """The file of a model."""
    return Path(model if Path(model).exists() else _run("models", "path", model).split("\n")[0])


def _checkpoint(model: str, folder: Path) -> Path:
    """The file of a model as safetensors."""
    path, made = _file(model), folder / "model.safetensors"
    if path.suffix != ".safetensors":
        _run("convert", path, "-o", made)
    return path if path.suffix == ".safetensors" else made


# ---- the command ----
def _parser() -> argparse.ArgumentParser:
    def seconds(text: str) -> Union[float, str]:
        return text if text == "all" else float(text)

    parser = argparse.ArgumentParser(
        prog="swift-demucs-parity",
        description="Names the wrong layers of a port of a network, and their mistakes. Exit "
        "code 1 if one is wrong.",
    )
    parser.add_argument("model", help="name or path of the model")
    parser.add_argument(
        "port", type=Path,
        help="an ONNX graph, or the port's values: .safetensors, .npz, a folder of .npy",
    )  # fmt: skip
    parser.add_argument("--audio", help="a song for the chunk (default: the values' mix; noise)")
    parser.add_argument("--start", type=float, default=0, help="seconds into the song")
    parser.add_argument("--chunk", type=float, help="seconds (default: the graph's length, else 1)")
    parser.add_argument("--case", type=Path, help="write the first wrong layer to this new folder")
    parser.add_argument("--like", help="values of a right port in the same precision")
    parser.add_argument("--precision", help="the port's: bfloat16 or int8")
    parser.add_argument("--bound", type=float, help="SNR in dB of a right value")
    parser.add_argument(
        "--explain", type=seconds, default=20, metavar="SECONDS|all",
        help="time for explanations (default: 20), or try all mistakes",
    )  # fmt: skip
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE", dest="inputs",
        help="an input of a part of the network, and the value that it takes: "
        "x=encoder.0.embedded; can be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--output", action="append", default=[], metavar="NAME=VALUE", dest="outputs",
        help="an output of the graph, and the value that it is: y=encoder.1; can be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for (name, equals, value), text in zip(pairs, given):
        if not (name and equals and value):
            raise errors.ArgumentError(f"the value {text!r} is invalid for '{option}': NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _traced(options: argparse.Namespace, ours: Path, theirs: Path) -> Any:
    """Traces a graph, and writes the values that were found."""
    onnx_trace = importlib.import_module(".onnx_trace", __package__)
    theirs.mkdir()
    try:
        return onnx_trace.trace_graph(
            options.port, _Trace(ours), values=_Arrays(theirs),
            inputs=_pairs(options.inputs, "--input"), outputs=_pairs(options.outputs, "--output"),
        )  # fmt: skip
    except onnx_trace.TraceError as error:
        raise errors.ArgumentError(str(error)) from None


def _samples(graph: Path, hop: Optional[int]) -> Optional[int]:
    """The samples of a graph's mix, or those of the spectrogram [N, T, 2] of a RoFormer with this
    hop; ``None`` if they aren't fixed."""
    onnx = importlib.import_module("onnx")
    try:
        inputs = onnx.load(graph, load_external_data=False).graph.input
    except Exception as error:
        raise errors.ArgumentError(f"{graph}: is no ONNX graph ({error})") from None
    shapes = [[axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in inputs]
    lengths = [shape[-1] for shape in shapes if len(shape) in (2, 3) and shape[-2] <= 2]
    lengths += [
        (shape[-2] - 1) * hop for shape in shapes if hop and shape[-1:] == [2] and shape[-2]
    ]
    return max(lengths, default=0) or None


def _noise(path: Path, seconds: float, rate: int) -> None:
    """Pink noise, whose loudest frequencies are those of music."""
    count = int(seconds * rate) + 1
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((2, count)))
    spectrum /= np.sqrt(np.arange(spectrum.shape[1]) + 1)
    samples = np.fft.irfft(spectrum, count)
    pcm = (samples / np.abs(samples).max() * 16_000).astype("<i2").T
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


def _reference(options: argparse.Namespace, folder: Path) -> Path:
    """Our values for the port's chunk."""
    ours = folder / "ours.safetensors"
    words: list[Union[str, Path]] = ["-n", options.model, "-o", ours, "-q"]
    is_graph = options.port.suffix == ".onnx"
    if options.audio is None and not is_graph:
        _run("trace", options.port, *words)
        return ours
    arguments = json.loads(_run("inspect", _file(options.model), "--json")).get("arguments") or {}
    hop = arguments.get("model", {}).get("stft_hop_length")
    rate = int(arguments.get("samplerate", 44_100))
    samples = _samples(options.port, hop) if is_graph and options.chunk is None else None
    seconds = (samples + 0.5) / rate if samples else options.chunk or 1
    audio = options.audio
    if audio is None:
        audio = str(folder / "noise.wav")
        _noise(Path(audio), options.start + seconds, rate)
    _run("trace", audio, *words, "--start", str(options.start), "--chunk", str(seconds))
    return ours


def _write_case(options: argparse.Namespace, name: str, explainer: _Explainer, traced: Any) -> None:
    """Writes a wrong layer to a folder."""
    values = explainer.chunk(name)
    if explainer.network is None or name not in values:
        raise errors.ArgumentError(f"{name}: there are no formulas for this model, so no case")
    case = importlib.import_module("._case", __package__)
    nodes = traced.nodes if traced else {}
    case.write(options.case, explainer.network, name, values, options.port, nodes)


def _document(report: Report) -> dict[str, Any]:
    """The report as JSON has it: infinite levels are strings, as in ``swift-demucs compare``."""

    def finite(value: Any) -> Any:
        if isinstance(value, float) and not np.isfinite(value):
            return "Infinity" if value > 0 else "-Infinity"
        if isinstance(value, (list, tuple)):
            return [finite(each) for each in value]
        return {k: finite(v) for k, v in value.items()} if isinstance(value, dict) else value

    document = finite(asdict(report))
    counts = {"compared": report.compared, "expected": report.expected}
    return {**counts, "tensors": document.pop("rows"), **document}


def _printable(text: str) -> str:
    """A text without control characters of names in files."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _command(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder, port, traced = Path(name), options.port, None
        if not port.exists():
            raise errors.ArgumentError(f"{port}: no such file or folder")
        if options.start < 0 or (options.chunk is not None and options.chunk <= 0):
            raise errors.ArgumentError("'--start' must be at least 0, and '--chunk' above it")
        if port.suffix != ".onnx" and (options.inputs or options.outputs):
            raise errors.ArgumentError("'--input' and '--output' only apply to an ONNX graph")
        if options.case and options.case.exists() and any(options.case.iterdir()):
            raise errors.ArgumentError(f"{options.case}: is not empty; give another folder")
        ours = _reference(options, folder)
        if port.suffix == ".onnx":
            port = folder / "theirs"
            traced = _traced(options, ours, port)
        report, explains = _judged(
            ours, port, folder, None, options.bound, options.like, options.model, options.precision
        )
        if not options.json:
            print(_printable(report.text), flush=True)
        explainer = explains()
        report = explainer.explained(report, options.explain)
        if options.json:
            print(json.dumps(_document(report), indent=1))
        else:
            print(_printable(report.summary()))
            for value, reason in (traced.missing if traced else {}).items():
                print(f"{value}: {reason}")
        if options.case and report.wrong:
            try:
                _write_case(options, report.wrong[0].name, explainer, traced)
                print(f"wrote {options.case}", file=sys.stderr)
            except errors.Error as error:
                print(f"error: {_printable(str(error))}", file=sys.stderr)
        elif options.case:
            print("no layer is wrong: there is no case", file=sys.stderr)
    return 1 if report.wrong else 0


def main(arguments: Optional[list[str]] = None) -> int:
    """The command ``python -m swift_demucs.parity``; returns its exit code."""
    try:
        return _command(_parser().parse_args(arguments))
    except ImportError as error:
        text = f"{error}; install it: pip install 'swift-demucs[parity]'"
    except (errors.Error, OSError, MemoryError) as error:
        text = str(error)
    print(f"error: {_printable(text)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
