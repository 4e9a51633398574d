"""The C library refuses invalid arguments of every function, with the documented error.

The table walks the functions that the package declares: each argument has odd values by its name or
its type. The library is called by ctypes alone, as another language would.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import random
import re
import subprocess
import sys
from ctypes import byref, c_char, c_double, c_int32, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

from swift_demucs import _library

OK, DONE, ARGUMENT, MISSING, MODEL, INPUT, OUTPUT, CANCELLED, STATE = 0, 1, 2, 3, 4, 5, 6, 7, 8
ENGINE, INTERNAL = 10, 11
FRAMES, RATE, ROOM = 400, 1600, 700
SIZE_MAX, INT_MAX, INT_MIN = 2**64 - 1, 2**31 - 1, -(2**31)

# The names of the arguments of each function; ! follows those that may not be NULL.
ARGUMENTS = {
    "sd_open": "model! settings log context result!",
    "sd_model_describe": "model! event! context",
    "sd_plan": "model! settings frames sample_rate event! context",
    "sd_separate": "model! mix! settings outputs! capacity layout random seed progress context "
    "cancellation",
    "sd_analyze": "model! mix! settings event! progress context cancellation",
    "sd_run": "model! tracks! track_count settings event progress context cancellation",
    "sd_models": "repository event context",
    "sd_fetch": "model! event context cancellation",
    "sd_read": "input! channels sample_rate callback! context log log_context cancellation",
    "sd_convert": "audio! channels sample_rate outputs capacity layout result_frames!",
    "sd_write": "audio! output! settings",
    "sd_stream_open": "model! channels sample_rate settings random progress context cancellation "
    "result!",
    "sd_stream_push": "stream! samples! frames layout",
    "sd_stream_finish": "stream!",
    "sd_stream_pull": "stream! outputs! capacity layout result_frames!",
    "sd_quantize": "checkpoint! output! tracks track_count settings event log context cancellation",
    "sd_evaluate": "references! estimates! stem_count channels frames sample_rate layout sdr "
    "si_sdr",
    "sd_trace": "model! mix! start_seconds chunk_seconds names callback! context",
}
LARGE = (SIZE_MAX, SIZE_MAX // 8 + 1, 1 << 62)
SECONDS = (-1.0, 1e9, math.nan, math.inf, -math.inf, 1e300)
ODD_NUMBERS = {
    "channels": (-1, 65, INT_MAX, INT_MIN),
    "sample_rate": (-1, 999, 768_001, INT_MIN),
    "layout": (-1, 2, INT_MAX),
    "stem_count": (0, -1, 65, INT_MAX),
    "frames": LARGE,
    "capacity": (0, FRAMES - 1, *LARGE),
    "track_count": LARGE[:2],
    "start_seconds": SECONDS,
    "chunk_seconds": SECONDS,
}
assert ARGUMENTS.keys() == _library._FUNCTIONS.keys()
# Zeros that other functions take, as the file's own or as nothing.
ODD_ZEROS = {
    "sd_plan": "sample_rate",
    "sd_run": "track_count",
    "sd_stream_open": "channels sample_rate",
    "sd_evaluate": "channels sample_rate frames",
}
ODD_SETTINGS = [
    b"", b"{", b"[]", b"{} {}", b"\xff", b'{"stemz": 1}', b'{"stems": {}}',
    b'{"precision": [["a"]]}', b'{"precision": "int8\\u0000x"}', b'{"format": "raw"}',
    b'{"threads": 0}', b'{"jobs": 0}', b'{"samples": 0}', b'{"hop": "inf"}',
]  # fmt: skip
# Settings that are wrong at one function, or belong to others.
ODD_SETTINGS_OF = {
    "sd_open": '{"threads": 1025} {"threads": "many"} {"jobs": -2147483648} {"precision": "int7"} '
    '{"precision": 1} {"repo": "/no/such"} {"shifts": 1} {"samples": 1} {"stems": ["kazoo"]}',
    "sd_quantize": '{"samples": 10001} {"precision": "auto"} {"threads": 1025} {"stems": "vocals"}',
    "sd_plan": '{"no-normalization": true} {"flac": true} {"stems": ["vocals", "kazoo"]}',
    "sd_separate": '{"flac": true} {"out": "x"} {"live": true} {"start": 1} {"shifts": [0, 1]}',
    "sd_analyze": '{"stems": "vocals"} {"live": true}',
    "sd_stream_open": '{"start": 1} {"live": true, "shifts": 2} {"live": true, "hop": 0} '
    '{"no-normalization": true}',
    "sd_write": '{"gain": "common"} {"int24": "maybe"} {"flac": true} {"stems": "vocals"}',
    "sd_run": '{"stems": ["vocals", "kazoo"]} {"shifts": 1e999} {"mix": [["a=drums+bass"]]} '
    '{"int24": "maybe"} {"flac": true, "mp3": true} {"filename": "same.wav"} {"out": "x\\u0000y"}',
}
TEXTS = ["model", "input", "output", "checkpoint", "names", "repository"]


def names_of(function: str) -> list[str]:
    return ARGUMENTS[function].replace("!", "").split()


class Library:
    """The library with a loaded model, and valid arguments for each of its functions."""

    def __init__(self, tiny: Path, folder: Path) -> None:
        self.c = _library.library()
        self.path, self.folder = os.fsencode(tiny), folder
        # 64 stems of 64 channels, the most that a call may read.
        noise = np.random.default_rng(1).uniform(-0.3, 0.3, 64 * 64 * FRAMES + 1)
        self.block = noise.astype(np.float32)
        self.target, self.quiet = np.zeros((2, 64 * ROOM), np.float32)
        self.mix = self.audio()
        self.stop = 0.0
        self.random = random.Random(20240607)
        stop = lambda *_: int(self.random.random() < self.stop)  # noqa: E731
        self.callbacks = {
            kind: kind(stop)
            for kind in (
                _library.EventCallback, _library.ProgressCallback, _library.TraceCallback,
                _library.AudioCallback,
            )
        }  # fmt: skip
        self.callbacks[_library.LogCallback] = _library.LogCallback(lambda *_: None)
        self.cancellation = self.c.sd_cancellation_create()
        self.input = os.fsencode(folder / "in.wav")
        self.model = c_void_p()
        result = (c_void_p * 1)()
        assert (
            self.c.sd_open(self.path, b'{"threads": 2}', none("log"), None, result, None, 0) == OK
        )
        self.model = result[0]
        assert self.call("sd_write", output=self.input)[0] == OK

    def audio(self, **members: Any) -> Any:
        valid = {"frames": FRAMES, "channels": 2, "sample_rate": RATE, "layout": 0}
        return _library.Audio(**{"samples": self.block.ctypes.data, **valid, **members})

    def stream(self, is_ended: bool = False) -> Any:
        result = (c_void_p * 1)()
        given = (self.model, 2, RATE, None, None, none("progress"), None, None, result, None, 0)
        assert self.c.sd_stream_open(*given) == OK
        assert self.c.sd_stream_push(result[0], self.quiet.ctypes.data, FRAMES, 0, None, 0) == OK
        if is_ended:
            assert self.c.sd_stream_finish(result[0], None, 0) == OK
        return result[0]

    def valid(self, function: str, stream: Any) -> dict[str, Any]:
        """Valid arguments by name."""
        out = json.dumps({"out": str(self.folder / "out"), "stems": "vocals"}).encode()
        settings = {"sd_run": out, "sd_quantize": b'{"samples": 1}'}
        outputs = {"sd_quantize": "small.safetensors", "sd_write": "out.wav"}
        is_named = function in ("sd_open", "sd_fetch")
        values: dict[str, Any] = {
            "model": self.path if is_named else self.model, "settings": settings.get(function),
            "mix": byref(self.mix), "audio": byref(self.mix), "stream": stream,
            "tracks": (ctypes.c_char_p * 1)(self.input) if function == "sd_run" else None,
            "track_count": int(function == "sd_run"), "input": self.input, "checkpoint": self.path,
            "output": os.fsencode(self.folder / outputs.get(function, "none")),
            "samples": self.block.ctypes.data, "references": self.block.ctypes.data,
            "estimates": self.block[1:].ctypes.data, "outputs": self.target.ctypes.data,
            "stem_count": 1, "channels": 2, "sample_rate": RATE, "frames": FRAMES, "layout": 0,
            "capacity": FRAMES, "start_seconds": 0.0, "chunk_seconds": 0.0,
        }  # fmt: skip
        for name, kind in zip(names_of(function), _library._FUNCTIONS[function]):
            if kind in self.callbacks:
                values[name] = self.callbacks[kind]
        return values

    def call(self, function: str, room: int = 4096, **changes: Any) -> tuple[int, str]:
        """The status and the message of a call, which leaves results alone unless it succeeds."""
        needs_stream = function.startswith("sd_stream_") and function != "sd_stream_open"
        stream = self.stream(function == "sd_stream_pull") if needs_stream else None
        found = {
            "result": (c_void_p * 1)(), "result_frames": (c_size_t * 1)(), "seed": (c_uint64 * 1)(),
            "sdr": (c_double * 64)(), "si_sdr": (c_double * 64)(),
        }  # fmt: skip
        for value in found.values():
            ctypes.memset(value, 0x5A, ctypes.sizeof(value))
        before = {name: bytes(value) for name, value in found.items()}
        values = {**self.valid(function, stream), **found, **changes}
        memory = bytearray(b"\x5a" * (room + 16))
        message = (c_char * room).from_buffer(memory, 8)
        arguments = [values.get(name) for name in names_of(function)]
        status = getattr(self.c, function)(*arguments, message, room)
        where = f"{function}, {changes}: {status}, {bytes(message)[:200]!r}"
        assert memory[:8] == memory[room + 8 :] == b"\x5a" * 8, where
        assert room == 0 or 0 in bytes(message), where
        assert 0 <= status <= 12 and status != INTERNAL, where
        if status in (OK, DONE):
            if function == "sd_open":
                self.c.sd_close(found["result"][0])
            if function == "sd_stream_open":
                self.c.sd_stream_close(found["result"][0])
        else:
            assert before == {name: bytes(value) for name, value in found.items()}, where
        self.c.sd_stream_close(stream)
        return status, bytes(message).split(b"\0")[0].decode()

    def refuses(self, function: str, status: int = ARGUMENT, text: str = "", **odd: Any) -> None:
        found, message = self.call(function, **odd)
        where = f"{function}, {odd}: {found}, {message!r}"
        assert found == status and text in message and len(message) > 8, where
        # A sentence, not a value of Swift.
        assert not re.search(r"\w\(\w+: |Optional\(|[a-z]Error\b", message), where


def none(name: str) -> Any:
    kinds = {"log": _library.LogCallback, "progress": _library.ProgressCallback}
    return kinds[name]()


@pytest.fixture(scope="module")
def library(tiny: Path, tmp_path_factory: Any) -> Iterator[Library]:
    made = Library(tiny, tmp_path_factory.mktemp("arguments"))
    yield made
    made.c.sd_close(made.model)


each_function = pytest.mark.parametrize("function", ARGUMENTS)


@each_function
def test_null_is_refused_where_something_is_needed(function: str, library: Library) -> None:
    kinds = dict(zip(names_of(function), _library._FUNCTIONS[function]))
    assert len(kinds) == len(_library._FUNCTIONS[function])
    assert library.call(function) == (OK, "")
    for name in ARGUMENTS[function].split():
        plain = name.rstrip("!")
        kind = kinds[plain]
        null = kind() if kind in library.callbacks else None
        if name.endswith("!"):
            library.refuses(function, text=plain.replace("result_", ""), **{plain: null})
        elif plain not in ODD_NUMBERS:
            if (function, plain) == ("sd_run", "settings"):
                continue  # It would write into the working folder.
            assert library.call(function, **{plain: null}) == (OK, ""), plain
    if function == "sd_evaluate":
        library.refuses(function, text="sdr", sdr=None, si_sdr=None)


@each_function
def test_numbers_out_of_range_are_refused(function: str, library: Library) -> None:
    for name, kind in zip(names_of(function), _library._FUNCTIONS[function]):
        if kind not in (c_int32, c_size_t, c_double):
            continue
        values = list(ODD_NUMBERS[name])
        values += [0] * (name in ODD_ZEROS.get(function, "").split())
        if function == "sd_stream_pull" and name == "capacity":
            values.remove(FRAMES - 1)
        for value in values:
            changes = {name: value}
            if name == "track_count":
                changes["tracks"] = (ctypes.c_char_p * 1)(library.input)
            library.refuses(function, text=name.split("_")[0], **changes)


@each_function
def test_odd_texts_and_structures_are_refused(function: str, library: Library) -> None:
    for name in names_of(function):
        if name in TEXTS and not (name == "model" and function not in ("sd_open", "sd_fetch")):
            library.refuses(function, text="UTF-8", **{name: b"\xff\xfe"})
        if name in ("mix", "audio"):
            for member, values in ODD_NUMBERS.items():
                if member in ("frames", "channels", "sample_rate", "layout"):
                    for value in (*values, *[0] * (member != "layout")):
                        odd = library.audio(**{member: value})
                        library.refuses(function, text=member.split("_")[0], **{name: byref(odd)})
            library.refuses(function, text="NULL", **{name: byref(library.audio(samples=None))})
        if name == "random":
            for position in (-1, 625):
                state = _library.Random(position=position)
                library.refuses(function, text="position", random=byref(state))
        if name == "tracks":
            library.refuses(function, text="tracks[1]", tracks=(ctypes.c_char_p * 2)(b"x"),
                            track_count=2)  # fmt: skip
        if name == "settings":
            odd = [part.encode() for part in re.findall(r"\{.*?\}(?= |$)",
                                                        ODD_SETTINGS_OF[function])]  # fmt: skip
            for text in ODD_SETTINGS + odd:
                library.refuses(function, settings=text)
            assert not Path("separated").exists()


@each_function
def test_a_handle_of_another_kind_is_refused(function: str, library: Library) -> None:
    stream = library.stream()
    zeros = library.target.ctypes.data
    for name in names_of(function):
        if name == "model" and function in ("sd_open", "sd_fetch"):
            continue
        others = {"model": stream, "stream": library.model, "cancellation": library.model}
        for odd in (others.get(name), zeros, zeros + 3, library.path):
            if name in others:
                library.refuses(function, text="open sd_" + name, **{name: odd})
    for close in ("sd_close", "sd_cancellation_cancel", "sd_cancellation_free", "sd_stream_close"):
        getattr(library.c, close)(None)
        getattr(library.c, close)(stream if close == "sd_close" else library.model)
    assert library.call("sd_model_describe")[0] == OK
    assert library.c.sd_stream_finish(stream, None, 0) == OK
    library.c.sd_stream_close(stream)


def test_a_sample_that_is_not_finite_is_named(library: Library) -> None:
    samples = library.block
    for odd in (math.nan, math.inf, -math.inf):
        kept, samples[FRAMES + 17] = samples[FRAMES + 17], odd
        for function in ("sd_separate", "sd_analyze", "sd_trace", "sd_convert", "sd_write",
                         "sd_stream_push", "sd_evaluate"):  # fmt: skip
            library.refuses(function, text="at frame 17 of channel 1")
        samples[FRAMES + 17] = kept
    kept = samples[[3, FRAMES + 3]]
    # The sum of both channels overflows float32.
    samples[[3, FRAMES + 3]] = np.finfo("f4").max
    for function in ("sd_separate", "sd_analyze", "sd_trace"):
        library.refuses(function, INPUT)
    samples[[3, FRAMES + 3]] = kept


def test_each_failure_has_its_status(library: Library) -> None:
    garbage = library.folder / "garbage.safetensors"
    garbage.write_text("this is no checkpoint, and no sound either")
    missing = b"/no/such"
    cancellation = library.c.sd_cancellation_create()
    library.c.sd_cancellation_cancel(cancellation)
    library.refuses("sd_open", text="model", model=b"")
    library.refuses("sd_open", MISSING, "no_such_model", model=b"no_such_model")
    library.refuses("sd_open", MISSING, model=missing + b".safetensors")
    library.refuses("sd_open", MODEL, model=os.fsencode(garbage))
    library.refuses("sd_fetch", MISSING, model=b"no_such_model")
    library.refuses("sd_separate", MISSING, settings=b'{"then": "vocals=/no/such"}')
    library.refuses("sd_read", INPUT, "/no/such", input=missing)
    library.refuses("sd_read", INPUT, input=os.fsencode(garbage))
    library.refuses("sd_quantize", INPUT, tracks=(ctypes.c_char_p * 1)(missing), track_count=1)
    library.refuses("sd_write", OUTPUT, "/no/such", output=missing + b"/x.wav")
    for name in ("x", "x.FLAC"):
        path = library.folder / name
        settings = None if name == "x" else b'{"format": "wav"}'
        library.refuses("sd_write", output=os.fsencode(path), settings=settings)
        assert not path.exists()
    library.stop = 1
    for function in ("sd_model_describe", "sd_plan", "sd_separate", "sd_analyze", "sd_run",
                     "sd_models", "sd_read", "sd_trace"):  # fmt: skip
        library.refuses(function, CANCELLED, "cancelled")
    library.stop = 0
    for function in ("sd_separate", "sd_analyze", "sd_run", "sd_quantize"):
        library.refuses(function, CANCELLED, "cancelled", cancellation=cancellation)
    library.c.sd_cancellation_free(cancellation)
    foreign = "neon" if os.uname().machine == "x86_64" else "avx2"
    code = "import swift_demucs, sys\ntry: swift_demucs.load(sys.argv[1])\n"
    code += "except swift_demucs.EngineError: sys.exit(7)"
    call = [sys.executable, "-c", code, library.path]
    assert subprocess.run(call, env={**os.environ, "SWIFT_DEMUCS_ISA": foreign}).returncode == 7


def test_two_tracks_of_one_name_are_refused_in_a_run(library: Library) -> None:
    tracks = (ctypes.c_char_p * 2)(library.input, b"/no/such/in.wav")
    status, message = library.call(
        "sd_run", tracks=tracks, track_count=2, settings=b'{"dry-run": true}'
    )
    assert status == _library.TRACKS_FAILED and "in.wav" in message


def test_messages_are_cut_at_a_characters_boundary(library: Library) -> None:
    # Characters of two, three and four bytes.
    model = "/no/ä€\U0001f3b5/ä€\U0001f3b5.safetensors".encode()
    status, whole = library.call("sd_open", model=model)
    assert status == MISSING and model.decode() in whole
    for room in range(len(whole.encode()) + 3):
        status, message = library.call("sd_open", room, model=model)
        length = len(message.encode())
        assert status == MISSING and whole.startswith(message)
        assert room == 0 or (length < room and length + 4 >= min(room, len(whole.encode())))
    assert library.c.sd_open(None, None, none("log"), None, None, None, 99) == ARGUMENT


@pytest.mark.slow
def test_two_thousand_calls_of_chance_crash_nothing(library: Library) -> None:
    draw = library.random
    numbers = {
        c_int32: (0, 1, 2, -1, 3, 7, 64, 65, 1000, RATE, 44_100, 768_001, INT_MAX, INT_MIN),
        c_size_t: (0, 1, 100, FRAMES, *LARGE),
        c_double: (0.0, 0.1, 1e-300, 9.3e18, *SECONDS),
    }
    texts = [None, b"", b"vocals", b"\xff", b"drums+bass", b"x" * 5000, b"*", b"/", b".", b"demo",
             b"hf://", b"a\nb", b"%s%n", b"-"]  # fmt: skip
    settings = [b"{}", b'{"shifts": 3, "overlap": 0.999}', b'{"residual": true}', b"[1]",
                b'{"two-stems": "vocals", "output-rate": "input"}', b'{"segment": 0.1}',
                b'{"live": true, "hop": 1e-30}', b'{"mp3": true, "mp3-bitrate": 8}',
                b'{"threads": 1, "jobs": 3}', b'{"precision": "int8"}', *ODD_SETTINGS]  # fmt: skip
    handles = [None, library.model, library.target.ctypes.data + 3, library.cancellation]
    counts = [0] * 13

    def odd(name: str, kind: Any) -> Any:
        if name in ("mix", "audio"):
            member = draw.choice(["frames", "channels", "sample_rate", "layout"])
            kind = c_size_t if member == "frames" else c_int32
            return draw.choice([None, byref(library.audio(**{member: draw.choice(numbers[kind])}))])
        if name == "track_count":
            return draw.choice([0, 1, *LARGE])
        if kind in numbers:
            return draw.choice(numbers[kind])
        if kind in library.callbacks:
            return kind()
        if name in ("settings", *TEXTS) and kind is ctypes.c_char_p:
            return draw.choice(settings if name == "settings" else texts)
        return draw.choice(handles) if name in ("model", "stream", "cancellation") else None

    library.stop = 0.05
    for _ in range(2000):
        function = draw.choice(list(ARGUMENTS))
        arguments = zip(names_of(function), _library._FUNCTIONS[function])
        changes = {name: odd(name, kind) for name, kind in arguments if draw.random() < 0.1}
        if function == "sd_run" and "settings" in changes:
            changes["settings"] = draw.choice(ODD_SETTINGS)
        if "output" in changes:
            changes["output"] = draw.choice([None, b"\xff", b"/dev/null/x"])
        if function == "sd_fetch":
            changes.pop("model", None)
        room = draw.choice([0, 1, 2, 7, 200])
        counts[library.call(function, room, **{"capacity": ROOM, **changes})[0]] += 1
    library.stop = 0
    assert counts[OK] > 100 and counts[ARGUMENT] > 100 and counts[CANCELLED] > 10, counts
