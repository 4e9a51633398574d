"""Checks that the course fails when it is wrong.

Bad input stops with a message that says what to do; each mutation of a chapter, of htdemucs.py or of a
page is noticed; the ports of the lab go wrong where their answers say; a filled mine.py is right; and
the values without the program are those of the engine.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

os.environ["COURSE_MINE"] = os.devnull

import numpy as np
from safetensors.numpy import load_file, save_file

import check
import engine
import given
import mystery_ports
import render

HERE = Path(__file__).resolve().parent

# Chapter, text in it and in htdemucs.py if that has it too, and the text that takes its place.
MUTATIONS = [
    ("02_seeing_sound", 'mode="reflect")\n    pieces', 'mode="symmetric")\n    pieces'),
    ("02_seeing_sound", "np.arange(nfft) / nfft)", "np.arange(nfft) / (nfft - 1))"),
    ("02_seeing_sound", "[..., :-1] / np.sqrt(nfft)", "[..., :-1] / nfft"),
    ("04_two_encoders", "np.float32(0.5) + np.float32(0.5) * erf", "np.float32(0.49) + np.float32(0.5) * erf"),
    ("04_two_encoders", "(0, -x.shape[2] % stride)", "(-x.shape[2] % stride, 0)"),
    ("04_two_encoders", "return a * expit(b)", "return b * expit(a)"),
    ("04_two_encoders", "x = x + np.float32(config.freq_emb * config.emb_scale)", "x = x + np.float32(config.freq_emb)"),
    ("05_dconv", "normalise(x, (0, 2))", "normalise(x, (0, 1, 2))"),
    ("05_dconv", "padding=(0, 2**d), dilation=2**d", "padding=(0, 1), dilation=1"),
    ("05_dconv", "np.sqrt(variance + 1e-5)", "np.sqrt(variance + 1e-3)"),
    ("06_tokens_and_attention", 'm["gamma_1.scale"] * ', ""),
    ("06_tokens_and_attention", " * np.float32(size**-0.5)", ""),
    ("06_tokens_and_attention", "times)[:, None, None]), (half,", "times)[:, None, None]), (0,"),
    ("07_the_branches_talk", "/ (half - 1))", "/ half)"),
    ("07_the_branches_talk", 'layer_norm(m / "norm2", other)', 'layer_norm(m / "norm1", other)'),
    ("08_back_to_sound", "y if is_last else gelu(y)", "gelu(y)"),
    ("08_back_to_sound", "y[:, :, edge : edge + length]", "y[:, :, :length]"),
    ("08_back_to_sound", "+= window(nfft) ** 2", "+= window(nfft)"),
]  # fmt: skip
# A page, a number or a sentence in it, and what takes its place.
WRONG_PAGES = [
    ("01_how_good_is_it", "10.40 dB", "99.99 dB"),
    ("04_two_encoders", "536,848", "536,849"),
    ("02_seeing_sound", "[0, 1, 41, 42, 43]", "[0, 1, 42, 43]"),
    ("06_tokens_and_attention", "85 GFLOP", "86 GFLOP"),
    ("07_the_branches_talk", "(173, 352)", "(352, 173)"),
]


def stops(what: str, call: Callable[[], object], *expected: str) -> None:
    """Fails unless the call stops with a message that has all the expected parts."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
            call()
    except SystemExit as error:
        text = printed.getvalue() + str(error)
        missing = [part for part in expected if part not in text]
        if missing:
            raise SystemExit(f"{what}: the message lacks {missing}:\n{text}") from None
        return
    raise SystemExit(f"{what}: was accepted")


def bad_input() -> None:
    """Tries every kind of bad input once."""
    right = engine.true_values("encoder.0")["encoder.0"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        none = folder / "none.safetensors"
        stops("no trace", lambda: engine.true_values(path=none), "is missing", "python engine.py")
        other = folder / "other.safetensors"
        save_file(load_file(engine.TRACE), other, metadata={"model_sha256": "0"})
        stops("another model", lambda: engine.true_values(path=other), "another model")
        damaged = folder / "a.wav"
        stops("no track", lambda: engine.read_track(damaged), "no such file")
        damaged.write_bytes(b"no sound")
        stops("a damaged track", lambda: engine.read_track(damaged), "a.wav", "convert")
        engine.write_wav(damaged, np.zeros((1, 9), np.float32), 48000)
        stops("a rate", lambda: engine.read_track(damaged), "1 channels at 48000 Hz", "ffmpeg")
        with patch.dict(os.environ, {"SWIFT_DEMUCS": str(folder / "program")}):
            stops("no program", lambda: engine.run("--version"), "swift build -c release")
    stops("a value", lambda: engine.true_values("encoder.9"), "'encoder.9'")
    cut = right[:, 1:]
    stops("a shape", lambda: engine.check({"encoder.0": cut}), str(cut.shape), "print the shape")
    stops("NaN", lambda: engine.check({"encoder.0": right * np.nan}), "NaN")
    stops("1 % off", lambda: engine.check({"encoder.0": right * 1.01}), "'encoder.0' (40 dB)")
    stops("a right exercise", lambda: engine.check({"encoder.0": right}, True), "makes a mistake")


def mutated(source: str, old: str, new: str) -> str:
    """A text with a change."""
    if old not in source:
        raise SystemExit(f"a mutation no longer applies, the text has no:\n{old}")
    return source.replace(old, new)


def mutations() -> None:
    """Runs chapters with a mistake each; their checks must stop them."""
    capstone = render.CAPSTONE.read_text()
    for name, old, new in MUTATIONS:
        chapter = HERE / f"{name}.py"
        source = mutated(chapter.read_text(), old, new)
        module = ModuleType("htdemucs")
        module.__file__ = str(render.CAPSTONE)
        exec(compile(capstone.replace(old, new), "htdemucs.py", "exec"), vars(module))
        with patch.dict(sys.modules, {"htdemucs": module}), patch.object(given, "htdemucs", module):
            stops(f"{name} with {new!r}", lambda c=chapter, s=source: render.run(c, render.cells(s)), " dB")
        source = chapter.read_text()
        wrong = mutated(source, old, new)
        before, after = render.definitions(source), render.definitions(wrong)
        changed = {part for part in after if after[part] != before[part]}
        if changed & set(render.definitions(capstone)):
            # A mistake in one of the two files is seen without a run.
            texts = {chapter: wrong, render.CAPSTONE: capstone}
            with patch.object(Path, "read_text", lambda path, texts=texts: texts[path]):
                stops(f"{name} against htdemucs.py", lambda c=chapter: render.check_capstone(c), "not the same")


def wrong_pages() -> None:
    """Compares true outputs with pages whose numbers are wrong."""
    for name, old, new in WRONG_PAGES:
        text = (HERE / f"{name}.md").read_text()
        for true, wrong in zip(
            render.printed_outputs(text), render.printed_outputs(mutated(text, old, new)), strict=True
        ):
            if (true != wrong) != bool(render.difference(wrong, true)):
                raise SystemExit(f"{name}: {new} in place of {old} was accepted")


def lab() -> None:
    """Runs every mistake of the lab and finds the first wrong value."""
    truth = engine.true_values()
    for mistake, (functions, first) in mystery_ports.LAB.items():
        found = mystery_ports.values_of(functions)
        bad = [name for name in found if not engine.snr_db(truth[name], found[name]) >= 100]
        if bad[:1] != [first]:
            raise SystemExit(f"the lab's '{mistake}': first wrong at {bad[:1]}, expected {first}")
    if mystery_ports.lab("ada") == mystery_ports.lab("bob"):
        raise SystemExit("two readers get the same ports")


def own_code() -> None:
    """Fills mine.py with the right functions, then makes one of them wrong."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        path = Path(folder) / "mine.py"
        check.write_empty(path)
        if check.report(check.read(path)) != 0:
            raise SystemExit("empty functions are called right")
        path.write_text(render.CAPSTONE.read_text())
        if check.report(check.read(path)) != len(check.chapters()):
            raise SystemExit(f"the capstone's functions are called wrong:\n{printed.getvalue()}")
        path.write_text(mutated(render.CAPSTONE.read_text(), "np.float32(0.5) * erf", "np.float32(0.49) * erf"))
        if check.report(check.read(path)) >= len(check.chapters()):
            raise SystemExit("a wrong GELU is called right")


def without_program() -> None:
    """Compares the true values without the program, and its `compare` with ours."""
    engine_values = engine.true_values()
    with tempfile.TemporaryDirectory() as folder:
        with patch.object(engine, "find_program", lambda: ""), \
                patch.object(engine, "TRACE", Path(folder) / "trace.safetensors"):  # fmt: skip
            engine.write_trace()
            ours = engine.true_values()
        path = Path(folder) / "trace.safetensors"
        call = ["compare", engine.TRACE, path, "--min-snr", "100", "--json"]
        for row in json.loads(engine.run(*call))["tensors"]:
            snr = engine.snr_db(engine_values[row["name"]], ours[row["name"]])
            if abs(float(row["snr_db"]) - snr) > 0.1 and snr < 150:
                raise SystemExit(f"{row['name']}: {snr} dB, compare says {row['snr_db']}")


def main() -> None:
    """Runs all."""
    for test in (bad_input, wrong_pages, mutations, lab, own_code, without_program):
        test()
        print(f"check_engine: {test.__name__} passed", flush=True)


if __name__ == "__main__":
    main()
