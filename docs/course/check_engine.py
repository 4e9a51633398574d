"""Checks that the course fails when it is wrong.

Bad input stops with a message that says what to do; each mutation of a chapter, of htdemucs.py or of a
page is noticed; the ports of the lab go wrong where their answers say; a filled mine.py is right;
chapters run as a notebook, with another model, and without the program, with the values of the engine.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import json
import linecache
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

os.environ["COURSE_MINE"] = os.devnull

import jupytext
import numpy as np
from nbclient import NotebookClient
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import changes
import check
import diagnosis
import engine
import given
import mystery_ports
import render
import small
from engine import htdemucs
from swift_demucs import mistakes
from wrong_functions import CASES, SEVERAL

HERE = Path(__file__).resolve().parent

# A page, a number or a sentence in it, and what takes its place.
WRONG_PAGES = [
    ("01_how_good_is_it", "10.40 dB", "99.99 dB"),
    ("04_two_encoders", "536,848", "536,849"),
    ("02_seeing_sound", "[0, 1, 41, 42, 43]", "[0, 1, 42, 43]"),
    ("06_tokens_and_attention", "[0.5  0.5 ]", "[0.5  0.6 ]"),
    ("07_the_branches_talk", "(173, 352)", "(352, 173)"),
]
# Chapters that run with another model: one that scores stems, and those of the transformer.
OTHER_MODEL = ("01_how_good_is_it", "06_tokens_and_attention", "07_the_branches_talk")
# Chapters that run without the program: one with a separation, and one with the trace.
WITHOUT_PROGRAM = ("01_how_good_is_it", "05_dconv")


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
        damaged = folder / "a.wav"
        stops("no track", lambda: engine.read_track(damaged), "no such file")
        damaged.write_bytes(b"no sound")
        stops("a damaged track", lambda: engine.read_track(damaged), "a.wav", "convert")
        engine.write_wav(damaged, np.zeros((1, 9), np.float32), 48000)
        stops("a rate", lambda: engine.read_track(damaged), "1 channels at 48000 Hz", "ffmpeg")
        with patch.dict(os.environ, {"SWIFT_DEMUCS": str(folder / "program")}):
            stops("no program", lambda: engine.run("--version"), "swift build -c release")
    stops("a value", lambda: engine.true_values("encoder.9"), "'encoder.9'", "python engine.py")
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
    """Runs each function's chapter with its first case; the chapter's checks must stop it."""
    capstone, number = render.CAPSTONE.read_text(), check.chapters()
    # A wrong kernel has a shape that conv can't take.
    if missing := number.keys() - CASES.keys() - {"kernel"}:
        raise SystemExit(f"no wrong function for {', '.join(sorted(missing))}")
    for name, ((old, new, _), *_) in CASES.items():
        (chapter,) = HERE.glob(f"{number[name]}_*.md")
        source = chapter.read_text()
        wrong = mutated(source, old, new)
        module = ModuleType("htdemucs")
        module.__file__ = str(render.CAPSTONE)
        exec(compile(capstone.replace(old, new), "htdemucs.py", "exec"), vars(module))
        with patch.object(given, "htdemucs", module):
            stops(f"{name} with {new!r}", lambda c=chapter, s=wrong: render.run(c, render.cells(s)), "wrong")
        # A mistake in one of the two files is seen without a run.
        with patch.object(Path, "read_text", lambda path, texts={chapter: wrong, render.CAPSTONE: capstone}: texts[path]):
            stops(f"{name} against htdemucs.py", lambda c=chapter: render.check_capstone(c), "not the same")


def wrong_pages() -> None:
    """Compares true outputs with pages whose numbers are wrong."""
    for name, old, new in WRONG_PAGES:
        text = (HERE / f"{name}.md").read_text()
        for true, wrong in zip(render.cells(text), render.cells(mutated(text, old, new)), strict=True):
            if (true.output != wrong.output) != bool(render.difference(wrong.output, true.output)):
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
        for wrong in ("0.49", "np.nan"):
            text = mutated(render.CAPSTONE.read_text(), "np.float32(0.5) * erf", f"np.float32({wrong}) * erf")
            path.write_text(text)
            if check.report(check.read(path)) >= len(check.chapters()):
                raise SystemExit(f"a GELU with {wrong} is called right")


def changed_function(name: str, old: str, new: str) -> Callable:
    """A function of htdemucs.py with other text."""
    text = mutated(inspect.getsource(check.REFERENCE[name]), old, new)
    function = changes.compiled(name, text)
    path = function.__code__.co_filename
    linecache.cache[path] = len(text), None, ["", *text.splitlines()], path
    return function


@patch.object(diagnosis, "evidence", lambda *_: "")
def wrong_functions() -> None:
    """Wrong functions are found by small inputs and told in words; right ones in other forms pass."""
    cases = [(name, *case) for table in (CASES, SEVERAL) for name, rows in table.items() for case in rows]
    for name, old, new, part in cases:
        found = small.mistake(changed_function(name, old, new), check.REFERENCE[name])
        if part not in found or (found and not part):
            raise SystemExit(f"{name} with {new!r}: expected {part!r}, found {found!r}")
    calls = itertools.count()
    endless = changed_function("glu", "    return", "    while True:\n        pass\n    return")
    for function, part in (endless, "an endless loop?"), (lambda x: x[:2] if next(calls) < 20 else sys.exit(), "is another one"):
        if part not in (found := small.mistake(function, check.REFERENCE["glu"], seconds=1)):
            raise SystemExit(f"expected {part!r}, found {found!r}")
    pairs = [pair for functions in mistakes.MISTAKES.values() for pair in functions.items()]
    said = [small.mistake(wrong, check.REFERENCE[name]) for name, wrong in pairs]
    told = sum(any(f"with {phrase}" in text for phrase in mistakes.MISTAKES) for text in said)
    # The demo model's parameters are in float16. Others need more channels, or stop.
    if said.count("") != 1 or told < len(said) - 12:
        raise SystemExit(f"{said.count('')} mistakes are called right, and {told} of {len(said)} named")


def written_by_themselves() -> None:
    """Takes the true values away, then those of another model in their place: they are written again."""
    right = engine.true_values("final")["final"]
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(engine, "TRACE", Path(folder) / "trace.safetensors"),
    ):
        missing = engine.true_values("final")["final"]
        save_file({"final": -right}, engine.TRACE, metadata={"model_sha256": "0"})
        other = engine.true_values("final")["final"]
    if not (np.array_equal(right, missing) and np.array_equal(right, other)):
        raise SystemExit("true values that were written again differ")


def chapters_run(names: tuple[str, ...], **environment: str) -> None:
    """Runs chapters in a process of their own; their checks must hold."""
    call = [sys.executable, HERE / "render.py", *(f"{name}.md" for name in names)]
    whole = {**os.environ, **environment}
    done = subprocess.run(call, env=whole, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"with {environment}: {done.stdout}{done.stderr}")


def notebook() -> None:
    """Runs a chapter as a notebook: its picture and its players stand below their cells."""
    page = (HERE / "05_dconv.md").read_text()
    book = jupytext.reads(render.notebook(page), fmt="ipynb")
    if not any("http://127.0.0.1:8765/explain/" in cell.source for cell in book.cells):
        raise SystemExit("the notebook has no link to the explainer")
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": HERE}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    players = sum("<audio" in output.get("data", {}).get("text/html", "") for output in outputs)
    if (pictures, players) != (1, 2):
        raise SystemExit(f"the notebook has {pictures} pictures and {players} players, expected 1 and 2")


def another_model() -> None:
    """Runs chapters with a model of another size and other weights; others are refused in words."""
    with tempfile.TemporaryDirectory() as name:
        folder, random = Path(name), np.random.default_rng(0)
        with safe_open(engine.DEMO, "numpy") as file:
            metadata = file.metadata()
        arguments = json.loads(metadata["kwargs"])
        # A transformer of two layers, with twice the heads, and weights that are up to a fifth off.
        changed = {
            name: (value * random.uniform(0.8, 1.2, value.shape)).astype(value.dtype)
            for name, value in load_file(engine.DEMO).items()
            if not name.startswith(("crosstransformer.layers.2.", "crosstransformer.layers_t.2."))
        }

        def model(file_name: str, metadata: dict[str, str], **other: object) -> str:
            path = folder / file_name
            save_file(changed, path, metadata | {"kwargs": json.dumps(arguments | other)})
            return str(path)

        small = model("small.safetensors", metadata, t_layers=2, t_heads=8)
        chapters_run(OTHER_MODEL, COURSE_MODEL=small, COURSE_WORK=name)
        with patch.dict(os.environ, {"COURSE_MODEL": os.path.relpath(engine.DEMO)}):
            if engine.chosen_model() != engine.DEMO:
                raise SystemExit("the demo model by its path is taken for another one")
        refused = [
            (model("six.safetensors", metadata, sources=["guitar"]), "its sources is ['guitar']"),
            (model("deep.safetensors", metadata, depth=5), "its depth is 5, expected 4"),
            (model("narrow.safetensors", metadata, bottom_channels=0), "channel_upsampler"),
            (model("int8.safetensors", metadata | {"quantization": "{}"}), "INT8"),
            (model("v3.safetensors", metadata | {"klass": "demucs.hdemucs.HDemucs"}), "HDemucs"),
            (model("model.th", metadata), "swift-demucs convert"),
            ("htdemucs_ft", "a bag; give one of its files"),
            ("htdemucs_9", "htdemucs_9"),
        ]
        for signature in ("f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"):
            model(f"{signature}.safetensors", metadata)
        for wanted, why in refused:
            with patch.dict(os.environ, {"COURSE_MODEL": wanted, "SWIFT_DEMUCS_MODELS": name}):
                stops(f"COURSE_MODEL={wanted}", engine.chosen_model, why)


def without_program() -> None:
    """Compares the true values without the program, and its `compare` with ours; runs chapters so."""
    engine_values = engine.true_values()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.safetensors"
        # The reader's functions, wrong ones too, take no part in the true values.
        with patch.object(engine, "find_program", lambda: ""), \
                patch.object(engine, "TRACE", path), \
                patch.object(htdemucs, "gelu", np.sin):  # fmt: skip
            engine.write_trace()
            ours = engine.true_values()
        call = ["compare", engine.TRACE, path, "--min-snr", "100", "--json"]
        for row in json.loads(engine.run(*call))["tensors"]:
            snr = engine.snr_db(engine_values[row["name"]], ours[row["name"]])
            if abs(float(row["snr_db"]) - snr) > 0.1 and snr < 150:
                raise SystemExit(f"{row['name']}: {snr} dB, compare says {row['snr_db']}")
        none = {"SWIFT_DEMUCS": str(Path(folder) / "none"), "COURSE_WORK": folder}
        chapters_run(WITHOUT_PROGRAM, **none)
        with patch.dict(os.environ, none):
            chapter = HERE / "12_make_it_fast.md"
            stops(
                "chapter 12 without the program",
                lambda: render.run(chapter, render.cells(chapter.read_text())),
                "swift build -c release",
            )


def main() -> None:
    """Runs all."""
    for test in (
        bad_input,
        wrong_pages,
        mutations,
        lab,
        own_code,
        wrong_functions,
        written_by_themselves,
        notebook,
        another_model,
        without_program,
    ):
        test()
        print(f"check_engine: {test.__name__} passed", flush=True)


if __name__ == "__main__":
    main()
