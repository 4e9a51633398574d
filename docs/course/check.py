"""Your own HTDemucs: checks the functions in mine.py, and separates a song with them.

    python check.py                  progress: each function against the truth
    python check.py TRACK FOLDER     separate a song, when all are right

The first call writes mine.py with empty functions. Replace `raise NotImplementedError` with your
code, in the order of the chapters. Later chapters use each function that you have filled in.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import engine
import render
import small
from engine import htdemucs

HERE = Path(__file__).resolve().parent
MINE = Path(os.environ.get("COURSE_MINE") or HERE / "mine.py")
EMPTY = "raise NotImplementedError"
# The functions as htdemucs.py defines them, before any of mine.py's takes their place.
REFERENCE = {
    name: value
    for name, value in vars(htdemucs).items()
    if callable(value) and getattr(value, "__module__", "") == htdemucs.__name__
    and isinstance(value, type(engine.run)) and name != "load"
}  # fmt: skip


def chapters() -> dict[str, str]:
    """The number of the chapter that builds each function."""
    found = {}
    for path in render.chapters():
        for node in render.syntax(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in REFERENCE:
                found.setdefault(node.name, path.name.split("_")[0])
    return found


def write_empty(path: Path) -> None:
    """Writes mine.py: every function with its arguments and its docstring."""
    number = chapters()
    text = '"""My HTDemucs. `python check.py` says which functions are right."""\n\n'
    text += "import numpy as np\nfrom swift_demucs.htdemucs import *\nfrom scipy.special import erf, expit\n"
    nodes = {n.name: n for n in ast.parse(render.CAPSTONE.read_text(encoding="utf-8")).body
             if isinstance(n, ast.FunctionDef)}  # fmt: skip
    for name in sorted(number, key=lambda name: number[name]):
        node = nodes[name]
        node.body = [*node.body[:1], ast.parse(EMPTY).body[0]]
        text += f"\n\n# ---- chapter {number[name]} ----\n{ast.unparse(node)}\n"
    path.write_text(text.replace("Array", "np.ndarray"), encoding="utf-8")


def read(path: Path) -> dict[str, Callable]:
    """The functions of the reader's file that are filled in.

    They call each other, and htdemucs.py's functions where they are still empty.
    """
    source = path.read_text(encoding="utf-8")
    spec = importlib.util.spec_from_file_location("mine", path)
    module: ModuleType = importlib.util.module_from_spec(spec)
    try:
        body = ast.parse(source, filename=str(path)).body
        spec.loader.exec_module(module)
    except ImportError as error:
        raise engine.CourseError(
            f"{path.name}: {error}; it begins with `from swift_demucs.htdemucs import *`") from None
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise engine.CourseError(f"{path.name}, line {error.lineno}: {error.msg}: `{text}`") from None
    filled = {
        node.name for node in body
        if isinstance(node, ast.FunctionDef) and EMPTY not in ast.unparse(node)
    }  # fmt: skip
    for name, function in REFERENCE.items():
        if name not in filled:
            setattr(module, name, function)
    return {name: getattr(module, name) for name in REFERENCE if name in filled}


def use(functions: dict[str, Callable]) -> None:
    """Puts functions in place of htdemucs.py's."""
    for name, function in functions.items():
        setattr(htdemucs, name, function)


def calls() -> dict[str, list[tuple]]:
    """Arguments and result of the first calls of each function, in a separation of two seconds."""
    found: dict[str, list[tuple]] = {name: [] for name in REFERENCE}

    def watched(name: str, function: Callable) -> Callable:
        def call(*arguments, **named):
            result = function(*arguments, **named)
            kinds = [getattr(a, "name", "") for a in arguments]
            # Both branches, whose code differs, and a self and a cross layer.
            is_new = len(found[name]) < 12 and not any(kinds[:1] == kept[3] for kept in found[name])
            if is_new or not found[name]:
                found[name].append((arguments, named, result, kinds[:1]))
            return result

        return call

    config, model = htdemucs.load(engine.MODEL)
    config.segment_samples = engine.RATE_HZ
    track = engine.read_track()[:, 20 * engine.RATE_HZ :][:, : 2 * engine.RATE_HZ - 1001]
    functions = {name: watched(name, function) for name, function in REFERENCE.items()}
    with patch.dict(vars(htdemucs), functions):
        htdemucs.separate(model, track, config)
    return found


def report(functions: dict[str, Callable]) -> int:
    """Prints the state of every function; returns how many are right."""
    recorded, number = calls(), chapters()
    right, replaced = 0, {}
    for name in sorted(number, key=lambda name: number[name]):
        state = "empty"
        if name in functions:
            # With the right ones in place of wrong ones that it calls.
            with patch.dict(functions[name].__globals__, replaced):
                wrong = small.mistake(functions[name], REFERENCE[name], recorded[name])
            if wrong:
                replaced[name] = REFERENCE[name]
            right += not wrong
            state = f"wrong: {wrong}" if wrong else "right"
        print(f"chapter {number[name]:4} {name:20} {state}")
    print(f"[{'#' * right}{'.' * (len(number) - right)}] {right} of {len(number)}")
    return right


def main() -> None:
    """Command line."""
    if len(sys.argv) not in (1, 3):
        raise SystemExit("usage: python check.py [TRACK FOLDER]")
    if not MINE.exists():
        write_empty(MINE)
        print(f"wrote {MINE.name}: fill in its functions, chapter by chapter")
    functions = read(MINE)
    right = report(functions)
    if len(sys.argv) == 3:
        missing = len(chapters()) - right
        engine.require(missing == 0, f"{missing} functions are not right yet")
        use(functions)
        config, model = htdemucs.load(engine.MODEL)
        track = engine.read_track(Path(sys.argv[1]))
        stems = htdemucs.separate(model, track, config, report=print)
        for name, stem in zip(config.sources, stems, strict=True):
            engine.write_wav(Path(sys.argv[2]) / f"{name}.wav", stem)


if __name__ == "__main__":
    main()
