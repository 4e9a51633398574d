"""Checks that the helpers of engine.py refuse bad input with a message that says what to do."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
from safetensors.numpy import load_file, save_file

import engine


def refuses(what: str, call: Callable[[], object], *expected: str) -> None:
    """Fails unless the call stops with a message that has all the expected parts."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
            call()
    except engine.CourseError:
        text = printed.getvalue()
        missing = [part for part in expected if part not in text]
        if not missing:
            return
        raise SystemExit(f"{what}: the message lacks {missing}:\n{text}") from None
    raise SystemExit(f"{what}: was accepted")


def main() -> None:
    """Tries every kind of bad input once."""
    right = engine.true_values("encoder.0")["encoder.0"]
    command = "swift-demucs trace"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        none = folder / "none.safetensors"
        refuses("no trace", lambda: engine.true_values(path=none), "is missing", command)
        other = folder / "other.safetensors"
        save_file(load_file(engine.TRACE), other, metadata={"model_sha256": "0"})
        refuses("another model", lambda: engine.true_values(path=other), "another model", command)
        refuses("a value", lambda: engine.true_values("encoder.9"), "'encoder.9'", command)
        refuses(
            "a wrong shape", lambda: engine.check({"encoder.0": right[:, 1:]}),
            str(right[:, 1:].shape), str(right.shape), "print the shape",
        )  # fmt: skip
        refuses("NaN", lambda: engine.check({"encoder.0": right * np.nan}), "no finite numbers")
        refuses("no track", lambda: engine.read_track(folder / "a.wav"), "no such file")
        damaged = folder / "a.wav"
        damaged.write_bytes(b"no sound")
        refuses("a damaged track", lambda: engine.read_track(damaged), "this failed", "a.wav")
        with patch.dict(os.environ, {"SWIFT_DEMUCS": str(folder / "program")}):
            refuses("no program", engine.program, "swift build -c release", "SWIFT_DEMUCS")
    # A wrong value is a result, not an error.
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        engine.check({"encoder.0": right * 1.01})
    if "wrong: less than 100 dB" not in printed.getvalue():
        raise SystemExit(f"a value off by 1 % was called right:\n{printed.getvalue()}")
    shutil.rmtree(engine.WORK / "chunks", ignore_errors=True)
    print("bad input: every message says what to do")


if __name__ == "__main__":
    main()
