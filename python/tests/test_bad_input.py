"""Invalid arguments raise the right exception, whose text says what to do, and never crash."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import swift_demucs
from swift_demucs import ArgumentError, Model

ZEROS = np.zeros((2, 1000), np.float32)


def bad(value: float) -> Any:
    samples = ZEROS.copy()
    samples[1, 7] = value
    return samples


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda m: m.separate(ZEROS.astype(np.int16)), TypeError, "/ 32768"),
        (lambda m: m.separate(ZEROS.astype(complex)), TypeError, "float32"),
        (lambda m: m.separate(np.array(["a"])), TypeError, "float32"),
        (lambda m: m.separate(None), TypeError, "NoneType"),
        (lambda m: m.separate(object()), TypeError, "float32"),
        (lambda m: m.separate(ZEROS[np.newaxis]), ArgumentError, r"wav\[0\]"),
        (lambda m: m.separate(ZEROS[:, :0]), ArgumentError, "is empty"),
        (lambda m: m.separate(ZEROS[:, :64].T), ArgumentError, r"samples\.T"),
        (lambda m: m.separate(ZEROS[:, :20].T), ArgumentError, r"samples\.T"),
        (lambda m: m.separate(ZEROS.T), ArgumentError, r"samples\.T"),
        (lambda m: m.separate(bad(np.nan)), ArgumentError, "frame 7 of channel 1"),
        (lambda m: m.separate(ZEROS, 10), ArgumentError, "1,000 to 768,000"),
        (lambda m: m.separate(ZEROS, "fast"), TypeError, "sample_rate"),
        (lambda m: m.separate(ZEROS[:, :1], 768_000), ArgumentError, "has 1 at 768000"),
        (lambda m: swift_demucs.load("demo", segment=1e-9), ArgumentError, "at least one sample"),
        (lambda m: swift_demucs.load("demo", segment=1e9), ArgumentError, "at most"),
        (lambda m: m.separate(ZEROS, shifts=1.5), ArgumentError, "whole number"),
        (lambda m: m.separate(ZEROS, shifts=object()), TypeError, "shifts"),
        (lambda m: m.separate(ZEROS, mix={"x": [1]}), TypeError, "mix"),
        (lambda m: m.separate(ZEROS, seed="x"), ArgumentError, "seed"),
        (lambda m: m.separate(np.zeros((2, 500_000), "f4"), no_split=True), ArgumentError, "split"),
        (lambda m: m.separate(ZEROS, order="x"), TypeError, "unknown setting 'order'"),
        (lambda m: m.separate(ZEROS, stems=["flute"]), ArgumentError, "one of drums"),
        (lambda m: m.separate(ZEROS, progress=7), TypeError, "function"),
        (lambda m: m.separate(ZEROS, progress=lambda: None), TypeError, "argument"),
        (lambda m: m.separate("no/such.wav"), swift_demucs.InputError, "no/such.wav"),
        (lambda m: m.separate("a\0b"), ArgumentError, "zero"),
        (lambda m: m.separate(""), ArgumentError, "empty"),
        (lambda m: m.separate(b"\xff.wav"), ArgumentError, "UTF-8"),
        (lambda m: m.separate(np.zeros((70, 100), np.float32)), ArgumentError, "at most 64"),
        (lambda m: list(m.stream([None])), TypeError, "block 0"),
        (lambda m: m.stream([ZEROS], block_frames=0), ArgumentError, "block_frames"),
        (lambda m: list(m.stream([ZEROS], live=True, hop=0)), ArgumentError, "hop"),
        (lambda m: list(m.stream([ZEROS], spool="/no/such")), swift_demucs.OutputError,
         "temporary file"),
        (lambda m: m.trace(ZEROS, names="no.such.*"), ArgumentError, "no.such"),
        (lambda m: m.trace(ZEROS, start=100.0), ArgumentError, "start"),
        (lambda m: swift_demucs.load("demo", precision="int7"), ArgumentError, "one of float32"),
        (lambda m: swift_demucs.load("demo", stems=["flute"]), ArgumentError, "flute"),
        (lambda m: swift_demucs.load("demo", stems=[object()]), TypeError, "stems"),
        (lambda m: swift_demucs.load("no-such-model"), swift_demucs.ModelMissingError, "fetch"),
        (lambda m: swift_demucs.load(7), TypeError, "path"),
        (lambda m: swift_demucs.load(__file__), swift_demucs.ModelError, "test_bad_input"),
        (lambda m: swift_demucs.write("x.wav", ZEROS, 44100, clip_mode=0), ArgumentError, "clamp"),
        (lambda m: swift_demucs.write("x.aac", ZEROS, 44100), ArgumentError, ".flac"),
        (lambda m: swift_demucs.write("x.mp3", ZEROS, 44100, flac=True), ArgumentError,
         "ends in .mp3, and the format is FLAC"),
        (lambda m: swift_demucs.write("/no/such/x.wav", ZEROS, 44100), swift_demucs.OutputError,
         "/no/such"),
        (lambda m: swift_demucs.read(__file__), swift_demucs.InputError, "test_bad_input"),
        (lambda m: swift_demucs.read("x.wav", channels=0), ArgumentError, "channels"),
        (lambda m: swift_demucs.quantize("none", "x.safetensors"), swift_demucs.Error, "none"),
        (lambda m: swift_demucs.evaluate({"a": ZEROS}, {"a": ZEROS}, metrics=["x"]), ArgumentError,
         "sdr"),
    ],
)  # fmt: skip
def test_bad_arguments(call: Callable[[Model], Any], kind: Any, text: str, model: Model) -> None:
    with pytest.raises(kind, match=text) as raised:
        call(model)
    # The text is a sentence, not a number.
    assert len(str(raised.value)) > 20


def test_errors_are_one_family() -> None:
    kinds = [value for value in vars(swift_demucs).values() if isinstance(value, type)]
    errors = [kind for kind in kinds if issubclass(kind, Exception)]
    assert len(errors) == 10
    assert all(issubclass(kind, swift_demucs.Error) for kind in errors)
    import pickle

    copy = pickle.loads(pickle.dumps(swift_demucs.InputError("text", "file")))
    assert (str(copy), copy.path) == ("text", "file")


def test_the_library_is_the_packages() -> None:
    from swift_demucs import _library

    assert _library.library().sd_version().decode() == swift_demucs.__version__
