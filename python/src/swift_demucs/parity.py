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
import os
import subprocess
import sys
import tempfile
import wave
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import numpy as np

from . import _arrays, _model, errors
from ._library import PROGRAM

__all__ = ["Report", "Row", "Wrong", "assert_parity", "compare", "trace"]

Trace = Union[Mapping[str, Any], str, "Path"]

#: Values that sum over a whole input, in which float32 hides mistakes of the inputs' norm.
_SUMS = ("x", "xt", "output", "add_67")
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "V2"}


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
    shape: Tuple[int, ...]
    #: The port's shape; ``None`` if it doesn't have the value.
    found_shape: Optional[Tuple[int, ...]]
    #: Index of the first element that is off by more than 0.001 of the value's RMS.
    first_bad: Optional[Tuple[int, ...]]
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


@dataclass(frozen=True)
class Report:
    """The comparison of two traces, in the order of computation."""

    rows: Tuple[Row, ...]
    #: The wrong values; none of a right port.
    wrong: Tuple[Wrong, ...]
    #: Names that only the port has.
    extra: Tuple[str, ...]
    #: The port's own names of values that it spells otherwise, by the reference's.
    renamed: Mapping[str, str]

    @property
    def compared(self) -> int:
        """The number of values that both have."""
        return sum(row.found_shape is not None for row in self.rows)

    @property
    def expected(self) -> int:
        """The number of values that the reference has."""
        return len(self.rows)

    def __str__(self) -> str:
        """A line for each value that both have; then the wrong ones."""
        lines = [f"{'value':40} {'SNR dB':>8} {'own dB':>8}  {'max abs':>8}  shape"]
        for row in self.rows:
            if row.found_shape is not None:
                levels = f"{row.snr_db:8.1f} {_text(row.own_snr_db):>8}  {row.max_abs:8.2e}"
                lines.append(f"{row.name:40} {levels}  {list(row.found_shape)}")
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """A line or two for each wrong value, and how many values were compared."""
        remarks = {row.name: row.remark for row in self.rows}
        lines = []
        for wrong in self.wrong:
            own = (
                "" if wrong.own_snr_db is None else f", {wrong.own_snr_db:.1f} from its own inputs"
            )
            remark = remarks[wrong.name]
            if remark and not np.isfinite(wrong.snr_db):
                lines.append(f"wrong: {wrong.name} {remark}")
                continue
            more = f" ({remark})" if remark else ""
            lines.append(f"wrong: {wrong.name} has {wrong.snr_db:.1f} dB{own}{more}")
            if wrong.explanation:
                lines.append(f"  it is {wrong.explanation}: {wrong.explanation_db:.1f} dB")
        rows = [
            row
            for row in self.rows
            if row.found_shape is not None and "ours rounded" not in (row.remark or "")
        ]
        lines.append(f"{self.compared} of {self.expected} compared")
        if not self.wrong and rows:
            worst = min(rows, key=lambda row: row.level_db - row.bound_db)
            lines[-1] += (
                f", all right; the closest to its bound: {worst.name} has {worst.level_db:.1f} dB, "
                f"expected {worst.bound_db:.0f} dB"
            )
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
    model: Union[str, Path, None] = None,
    precision: Optional[str] = None,
) -> Report:
    """Compares a port's values with the reference's, and finds the wrong ones.

    :param only: patterns of names, such as ``"encoder.*"``.
    :param bound: SNR of a right value in dB; ``None`` is that of rounding errors, and 60 dB without
        a model.
    :param like: values of a right port in the same precision; a value is right if its SNR is at
        most 10 dB lower than there, or than the median there.
    :param model: name or path of the network, by which each value is computed from the port's own
        inputs, and whose formulas explain wrong ones; ``None`` compares all with the reference.
    :param precision: the port's, if that is one of the engine.

    Raises :class:`ArgumentError` for traces that can't be read or that have no common value.
    """
    words: List[str] = []
    if only is not None:
        words += ["--only", ",".join([only] if isinstance(only, str) else only)]
    if bound is not None:
        words += ["--bound", str(_arrays.real(bound, "bound"))]
    if model is not None:
        words += ["-n", str(model)]
    if precision is not None:
        words += ["--precision", precision]
    with tempfile.TemporaryDirectory() as folder:
        paths = [_path(reference, Path(folder, "reference")), _path(found, Path(folder, "found"))]
        if like is not None:
            words += ["--like", _path(like, Path(folder, "like"))]
        report = _report(_run("compare", *paths, *words, "--json", codes=(0, 1)))
        explains = model is not None and _has("scipy", "safetensors")
        if not explains:
            return report
        rounds = like is not None or bound is not None or precision is not None
        return _Explainer(str(model), paths[0], paths[1], report, rounds).explained()


def assert_parity(reference: Trace, found: Trace, **options: Any) -> Report:
    """Raises :class:`AssertionError` with the table if a port is wrong; for tests.

    :param options: those of :func:`compare`.
    """
    report = compare(reference, found, **options)
    if report.wrong:
        raise AssertionError(f"{report.wrong[0].name} is wrong\n{report}")
    return report


# ---- the program ----
def _has(*modules: str) -> bool:
    return all(importlib.util.find_spec(name) for name in modules)


def _text(level: Optional[float]) -> str:
    return "" if level is None else f"{level:.1f}"


def _run(*words: Union[str, Path], codes: Tuple[int, ...] = (0,)) -> str:
    """The output of the program: that of SWIFT_DEMUCS, or the package's."""
    program = os.environ.get("SWIFT_DEMUCS") or PROGRAM
    found = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    # 1 without an output is a failure, and with one a verdict.
    if found.returncode not in codes or (found.returncode and not found.stdout):
        raise errors.ArgumentError(found.stderr.strip().removeprefix("error: "))
    return found.stdout


def _report(text: str) -> Report:
    document = json.loads(text)
    return Report(
        rows=tuple(_row(row) for row in document["tensors"]),
        wrong=tuple(
            Wrong(row["name"], float(row["snr_db"]), _level(row.get("own_snr_db")))
            for row in document["wrong"]
        ),
        extra=tuple(document["extra"]),
        renamed=document["renamed"],
    )


def _level(value: Any) -> Optional[float]:
    return None if value is None else float(value)


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
        own_snr_db=_level(row.get("own_snr_db")),
        bound_db=float(row["bound_db"]),
        max_abs=float(row["max_abs"]),
        relative_l2=float(row["relative_l2"]),
        shape=tuple(row["shape"]),
        found_shape=sizes("found_shape"),
        first_bad=sizes("first_bad"),
        remark=row.get("remark"),
    )


# ---- explanations ----
class _Explainer:
    """Explains wrong values of a port by mistakes in the network's formulas."""

    def __init__(
        self, model: str, reference: Union[str, Path], port: Union[str, Path], report: Report,
        rounds: bool = False,
    ) -> None:  # fmt: skip
        self.report, self.rounds = report, rounds
        theirs = {name: ours for ours, name in report.renamed.items()}
        self.values = {theirs.get(name, name): value for name, value in _values(port).items()}
        # The chunk's inputs, for a port that lacks them.
        ours = _values(reference)
        for name, value in ours.items():
            chunk, slash, own = name.rpartition("/")
            is_prepared = f"{chunk}{slash}input" in ours
            if own in ("mix", "mag", "input", "band_split") or (own == "x" and is_prepared):
                self.values.setdefault(name, value)
        self.formulas = importlib.import_module("._explanation", __package__)
        with tempfile.TemporaryDirectory() as folder:
            self.network = self.formulas.Network.open(_checkpoint(model, Path(folder)))
        self.hint: Optional[str] = None

    def explained(self) -> Report:
        """The report with explanations, and with sums that only a mistake's formula gives."""
        if self.network is None:
            return self.report
        wrong = {value.name: value for value in self.report.wrong}
        for row in self.report.rows:
            known = wrong.get(row.name)
            is_sum = row.name.rpartition("/")[2] in _SUMS and row.own_snr_db is not None
            # A port that rounds hides such a mistake.
            is_sum = is_sum and not self.rounds
            if row.found_shape is None or not (known or is_sum):
                continue
            found = self.explanation(row)
            # Rounding errors of a sum are a factor too, so only a formula tells a mistake.
            if found and (known or found.phrase):
                value = known or Wrong(row.name, row.snr_db, row.own_snr_db)
                wrong[row.name] = replace(
                    value, explanation=found.text, explanation_db=found.snr_db
                )
        ordered = tuple(wrong[row.name] for row in self.report.rows if row.name in wrong)
        return replace(self.report, wrong=ordered)

    def chunk(self, name: str) -> Dict[str, Any]:
        """The values of a value's chunk, by the network's names."""
        chunk, slash, _ = name.rpartition("/")
        start = chunk + slash
        values = {
            key[len(start) :]: value for key, value in self.values.items() if key.startswith(start)
        }
        if "input" in values and "mix" not in values:
            # A chunk of `tensors prepare`, whose x is the spectrogram.
            values["mix"] = values.pop("input")
            if "x" in values:
                values["mag"] = values.pop("x")
        return values

    def explanation(self, row: Row) -> Any:
        """What the port has in place of a value."""
        name, values = row.name.rpartition("/")[2], self.chunk(row.name)
        if name not in values:
            return None
        # The bound of a port that rounds lies 10 dB below a right one.
        like = row.bound_db + 10 if self.rounds or "float16" in (row.remark or "") else None
        found = self.formulas.explain(
            self.network, name, values, row.shape, like_db=like, hint=self.hint
        )
        if found and found.phrase:
            self.hint = found.phrase
        return found


def _values(path: Union[str, Path]) -> Dict[str, Any]:
    """The arrays of a file or a folder, by their names."""
    path = Path(path)
    if path.is_dir():
        files = sorted(path.rglob("*.npy"))
        names = [str(file.relative_to(path).with_suffix("")) for file in files]
        return {name: _floats(np.load(file)) for name, file in zip(names, files)}
    if path.suffix == ".safetensors":
        return _safetensors(path.read_bytes())
    if path.suffix == ".npz":
        return {name: _floats(value) for name, value in np.load(path).items()}
    return {path.stem: _floats(np.load(path))} if path.suffix == ".npy" else {}


def _safetensors(data: bytes) -> Dict[str, Any]:
    """The arrays of a file, also those of bfloat16, which NumPy doesn't know."""
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, tensor in json.loads(data[8:start]).items():
        if name != "__metadata__" and tensor["dtype"] in _TYPES:
            begin, end = (start + offset for offset in tensor["data_offsets"])
            array = np.frombuffer(data[begin:end], _TYPES[tensor["dtype"]])
            found[name] = _floats(array.reshape(tensor["shape"]))
    return found


def _floats(value: Any) -> Any:
    """An array in float32; NumPy doesn't know the elements of ml_dtypes' bfloat16."""
    if value.dtype.kind == "V" and value.dtype.itemsize == 2:
        value = (value.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return np.asarray(value, np.float32)


def _file(model: str) -> Path:
    """The file of a model."""
    return Path(model if Path(model).exists() else _run("models", "path", model).split("\n")[0])


def _checkpoint(model: str, folder: Path) -> Path:
    """The file of a model as safetensors."""
    path = _file(model)
    if path.suffix == ".safetensors":
        return path
    _run("convert", path, "-o", folder / "model.safetensors")
    return folder / "model.safetensors"


# ---- the command ----
def _parser() -> argparse.ArgumentParser:
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


def _pairs(given: List[str], option: str) -> Dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for (name, equals, value), text in zip(pairs, given):
        if not (name and equals and value):
            raise errors.ArgumentError(f"the value {text!r} is invalid for '{option}': NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _traced(options: argparse.Namespace, ours: Path, theirs: Path) -> Any:
    """Traces a graph, and writes the values that were found."""
    onnx_trace = importlib.import_module(".onnx_trace", __package__)
    safetensors = importlib.import_module("safetensors.numpy")
    try:
        traced = onnx_trace.trace_graph(
            options.port, safetensors.load_file(ours),
            inputs=_pairs(options.inputs, "--input"), outputs=_pairs(options.outputs, "--output"),
        )  # fmt: skip
    except onnx_trace.TraceError as error:
        raise errors.ArgumentError(str(error)) from None
    safetensors.save_file(traced.values, theirs)
    return traced


def _samples(graph: Path) -> Optional[int]:
    """The samples of a graph's mix; ``None`` if they aren't fixed."""
    onnx = importlib.import_module("onnx")
    try:
        inputs = onnx.load(graph, load_external_data=False).graph.input
    except Exception as error:
        raise errors.ArgumentError(f"{graph}: is no ONNX graph ({error})") from None
    shapes = [[axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in inputs]
    lengths = [shape[-1] for shape in shapes if len(shape) in (2, 3) and shape[-2] <= 2]
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
    words: List[Union[str, Path]] = ["-n", options.model, "-o", ours, "-q"]
    is_graph = options.port.suffix == ".onnx"
    if options.audio is None and not is_graph:
        _run("trace", options.port, *words)
        return ours
    arguments = json.loads(_run("inspect", _file(options.model), "--json")).get("arguments") or {}
    rate = int(arguments.get("samplerate", 44_100))
    samples = _samples(options.port) if is_graph and options.chunk is None else None
    seconds = (samples + 0.5) / rate if samples else options.chunk or 1
    audio = options.audio
    if audio is None:
        audio = str(folder / "noise.wav")
        _noise(Path(audio), options.start + seconds, rate)
    _run("trace", audio, *words, "--start", str(options.start), "--chunk", str(seconds))
    return ours


def _write_case(
    options: argparse.Namespace, report: Report, ours: Path, theirs: Path, traced: Any
) -> None:
    """Writes the first wrong layer to a folder."""
    name = report.wrong[0].name
    explainer = _Explainer(options.model, ours, theirs, report)
    values = explainer.chunk(name)
    if explainer.network is None or name not in values:
        raise errors.ArgumentError(f"{name}: there are no formulas for this model, so no case")
    case = importlib.import_module("._case", __package__)
    nodes = traced.nodes if traced else {}
    case.write(options.case, explainer.network, name, values, options.port, nodes)


def _document(report: Report) -> Dict[str, Any]:
    """The report as JSON has it: infinite levels are strings, as in ``swift-demucs compare``."""

    def finite(value: Any) -> Any:
        if isinstance(value, float) and not np.isfinite(value):
            return "Infinity" if value > 0 else "-Infinity"
        return {k: finite(v) for k, v in value.items()} if isinstance(value, dict) else value

    return {
        "wrong": [finite(asdict(value)) for value in report.wrong],
        "compared": report.compared,
        "expected": report.expected,
        "tensors": [finite(asdict(row)) for row in report.rows],
        "extra": list(report.extra),
        "renamed": dict(report.renamed),
    }


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
            port = folder / "theirs.safetensors"
            traced = _traced(options, ours, port)
        report = compare(
            ours, port, model=options.model, bound=options.bound, like=options.like,
            precision=options.precision,
        )  # fmt: skip
        if options.json:
            print(json.dumps(_document(report), indent=1))
        else:
            print(_printable(str(report)))
            for value, reason in (traced.missing if traced else {}).items():
                print(f"{value}: {reason}")
        if options.case and report.wrong:
            try:
                _write_case(options, report, ours, port, traced)
                print(f"wrote {options.case}", file=sys.stderr)
            except errors.Error as error:
                print(f"error: {_printable(str(error))}", file=sys.stderr)
        elif options.case:
            print("no layer is wrong: there is no case", file=sys.stderr)
    return 1 if report.wrong else 0


def main(arguments: Optional[List[str]] = None) -> int:
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
