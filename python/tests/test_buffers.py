"""Buffers, streams, progress and cancellation of the C library, called by ctypes alone."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import byref, c_size_t, c_uint64
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import numpy as np
import pytest
from conftest import write_bag
from test_arguments import ARGUMENT, CANCELLED, DONE, INPUT, MODEL, OK, RATE, STATE, Library, none

from swift_demucs import _library

STEMS, CHANNELS, SEGMENT = 4, 2, 400
ROWS = STEMS * CHANNELS
EventCallback, ProgressCallback = _library.EventCallback, _library.ProgressCallback


@pytest.fixture(scope="module")
def library(tiny: Path, tmp_path_factory: Any) -> Iterator[Library]:
    made = Library(tiny, tmp_path_factory.mktemp("buffers"))
    yield made
    made.c.sd_close(made.model)


@pytest.fixture
def bag(library: Library, tiny: Path, tmp_path: Path) -> Iterator[Any]:
    """A handle of a bag of the model, twice."""
    result = (ctypes.c_void_p * 1)()
    path = os.fsencode(write_bag(tmp_path, tiny))
    assert library.c.sd_open(path, None, none("log"), None, result, None, 0) == OK
    yield result[0]
    library.c.sd_close(result[0])


def encoded(**settings: Any) -> bytes:
    given = {"seed": "7", "shifts": 1, **settings}
    return json.dumps({name.replace("_", "-"): value for name, value in given.items()}).encode()


def noise(frames: int) -> Any:
    return np.random.default_rng(3).uniform(-0.3, 0.3, (CHANNELS, frames)).astype(np.float32)


def arranged(samples: Any, layout: int) -> Any:
    """Samples [..., channel, frame] in the order of a layout."""
    return np.ascontiguousarray(samples.swapaxes(-1, -2) if layout else samples)


def separated(
    library: Library, mix: Any, rate: int = RATE, layout: int = 0, room: int = 0, **more: Any
) -> tuple[int, Any]:
    """The status, and the stems [stem, channel, frame] of a buffer that held 42 before."""
    settings = more.pop("settings", encoded())
    frames: list[int] = []
    take = EventCallback(lambda _, event, __: frames.append(json.loads(event)["frames"]) or 0)
    planned = (library.model, settings, mix.shape[1], rate, take, None, None, 0)
    assert library.c.sd_plan(*planned) == OK
    given = arranged(mix, layout)
    audio = _library.Audio(given.ctypes.data, mix.shape[1], CHANNELS, rate, layout)
    capacity = frames[0] + room
    stems = np.full(ROWS * capacity, 42, np.float32)
    status, _ = library.call(
        "sd_separate", mix=byref(audio), settings=settings, outputs=stems.ctypes,
        capacity=capacity, layout=layout, **{"seed": None, **more},
    )  # fmt: skip
    shape = (STEMS, capacity, CHANNELS) if layout else (STEMS, CHANNELS, capacity)
    return status, arranged(stems.reshape(shape), layout)


CASES = [
    # block, capacity, rate, shifts, layout, settings
    (1, 1, RATE, 0, 0, {}),
    (7, 4096, RATE, 1, 1, {}),
    (SEGMENT - 1, 3, RATE, 2, 0, {}),
    (SEGMENT, SEGMENT, 2000, 1, 1, {}),
    (5000, 100, 2000, 1, 0, {"output_rate": "input"}),
    (333, 5000, 1000, 0, 1, {"output_rate": "input"}),
]


@pytest.mark.parametrize("frames", [2, SEGMENT, 1234])
@pytest.mark.parametrize("case", CASES)
def test_both_layouts_and_streams_give_the_same_samples(
    frames: int, case: Any, library: Library
) -> None:
    block, capacity, rate, shifts, layout, more = case
    settings, mix = encoded(shifts=shifts, **more), noise(frames)
    status, stems = separated(library, mix, rate, settings=settings)
    assert status == OK and stems.any()
    status, other = separated(library, mix, rate, layout=1, room=13, settings=settings)
    assert (
        status == OK and np.array_equal(other[..., :-13], stems) and np.all(other[..., -13:] == 42)
    )
    blocks = [mix[:, first : first + block] for first in range(0, frames, block)]
    found = through_stream(library, blocks, rate, layout, capacity, settings)
    assert np.array_equal(found, stems)


def through_stream(
    library: Library, blocks: Any, rate: int, layout: int, capacity: int, settings: bytes
) -> Any:
    c, result, count = library.c, (ctypes.c_void_p * 1)(), c_size_t(1)
    given = (library.model, CHANNELS, rate, settings, None, none("progress"), None, None)
    assert c.sd_stream_open(*given, result, None, 0) == OK
    stems = np.zeros(ROWS * capacity, np.float32)
    found: list[Any] = []

    def pull() -> int:
        given = (result[0], stems.ctypes, capacity, layout, byref(count), None, 0)
        while (status := c.sd_stream_pull(*given)) == OK and count.value:
            shape = (STEMS, capacity, CHANNELS) if layout else (STEMS, CHANNELS, capacity)
            found.append(arranged(stems.reshape(shape), layout)[..., : count.value].copy())
        return int(status)

    for block in blocks:
        samples = arranged(block, layout)
        assert c.sd_stream_push(result[0], samples.ctypes, block.shape[1], layout, None, 0) == OK
        # Nothing before the end, since the stream is not live.
        assert pull() == OK and not found
    assert c.sd_stream_finish(result[0], None, 0) == OK
    # After the end, the end again.
    assert pull() == pull() == DONE and count.value == 0
    c.sd_stream_close(result[0])
    return np.concatenate(found, axis=2)


def test_a_track_is_separated_without_its_normalisation(library: Library) -> None:
    raw = encoded(no_normalization=True)
    given = (library.model, raw, 9, RATE, EventCallback(lambda *_: 0), None, None, 0)
    assert library.c.sd_plan(*given) == ARGUMENT
    stems = np.zeros((2, ROWS, SEGMENT), np.float32)
    for settings, place in zip((raw, encoded()), stems):
        status, _ = library.call("sd_separate", settings=settings, outputs=place.ctypes)
        assert status == OK
    assert not np.array_equal(*stems)


def test_a_stream_called_out_of_turn_says_so(library: Library) -> None:
    c, count, stems = library.c, c_size_t(77), np.zeros(ROWS * 4, np.float32)
    result = (ctypes.c_void_p * 1)()
    broken = np.array([0, np.nan, 0, 0], np.float32).ctypes
    given = (library.model, CHANNELS, RATE, None, None, none("progress"), None, None)
    assert c.sd_stream_open(*given, result, None, 0) == OK
    assert c.sd_stream_push(result[0], None, 0, 0, None, 0) == OK
    pulled = (result[0], stems.ctypes, 4, 0, byref(count), None, 0)
    assert c.sd_stream_pull(*pulled) == OK and count.value == 0
    assert c.sd_stream_finish(result[0], None, 0) == ARGUMENT
    c.sd_stream_close(result[0])
    assert c.sd_stream_open(*given, result, None, 0) == OK
    # A refused block doesn't change the stream.
    assert c.sd_stream_push(result[0], broken, 2, 0, None, 0) == ARGUMENT
    assert c.sd_stream_push(result[0], noise(2).ctypes, 2, 0, None, 0) == OK
    assert c.sd_stream_finish(result[0], None, 0) == OK
    assert c.sd_stream_push(result[0], broken, 2, 0, None, 0) == STATE
    assert c.sd_stream_finish(result[0], None, 0) == STATE
    pulled = (result[0], stems.ctypes, 4, 0, byref(count), None, 0)
    assert c.sd_stream_pull(*pulled) == OK and count.value == 2
    c.sd_stream_close(result[0])


@pytest.mark.parametrize("shifts", range(3))
@pytest.mark.parametrize("members", [1, 2])
def test_progress_tells_each_segments_begin_and_end(
    members: int, shifts: int, library: Library, bag: Any
) -> None:
    frames = 1500
    calls: list[Any] = []

    def note(_context: Any, progress: Any) -> int:
        fields = {name: getattr(progress.contents, name) for name, _ in _library.Progress._fields_}
        calls.append(fields)
        return 0

    model = bag if members == 2 else library.model
    status, _ = separated(
        library, noise(frames), settings=encoded(shifts=shifts), model=model,
        progress=ProgressCallback(note),
    )  # fmt: skip
    assert status == OK
    begun = ended = 0
    for now in calls:
        ended += now["has_ended"]
        begun += not now["has_ended"]
        assert now["segments_done"] == ended <= begun and now["segments_total"] == len(calls) // 2
        assert now["fraction"] == ended / now["segments_total"] and now["track_frames"] == frames
        assert 0 <= now["member"] < now["member_count"] == members and now["segment_offset"] >= 0
        assert 0 <= now["shift"] <= max(shifts - 1, 0)
    assert begun == ended == len(calls) // 2 and calls[-1]["has_ended"]


# Three ways to separate noise, which return the status.
def buffer(library: Library, progress: Any, cancellation: Any) -> int:
    seed = c_uint64(99)
    status, _ = separated(
        library, noise(1500), settings=encoded(shifts=2), progress=progress,
        cancellation=cancellation, seed=byref(seed),
    )  # fmt: skip
    assert status == OK or seed.value == 99
    return status


def files(library: Library, progress: Any, cancellation: Any) -> int:
    output = library.folder / "vocals.wav"
    output.unlink(missing_ok=True)
    mix = noise(1500)
    audio = _library.Audio(mix.ctypes.data, 1500, CHANNELS, RATE, 0)
    assert library.call("sd_write", audio=byref(audio), output=library.input)[0] == OK
    settings = encoded(shifts=2, stems="vocals", out=str(library.folder), filename="{stem}.{ext}")
    status, _ = library.call(
        "sd_run", settings=settings, progress=progress, cancellation=cancellation
    )
    assert output.exists() == (status == OK)
    return status


def stream(library: Library, progress: Any, cancellation: Any, **more: Any) -> int:
    c, count, result = library.c, c_size_t(), (ctypes.c_void_p * 1)()
    stems = np.zeros(ROWS * 100, np.float32).ctypes
    given = (library.model, CHANNELS, RATE, encoded(**{"shifts": 2, **more}), None, progress, None)
    status = c.sd_stream_open(*given, cancellation, result, None, 0)
    if status == OK:
        status = c.sd_stream_push(result[0], noise(1500).ctypes, 1500, 0, None, 0)
    if status == OK:
        status = c.sd_stream_finish(result[0], None, 0)
    while status == OK:
        status = c.sd_stream_pull(result[0], stems, 100, 0, byref(count), None, 0)
    if status == CANCELLED:
        # After an error, only closing is left.
        assert c.sd_stream_pull(result[0], stems, 100, 0, byref(count), None, 0) == STATE
    c.sd_stream_close(result[0])
    return OK if status == DONE else status


WAYS = [buffer, files, stream]


@pytest.mark.parametrize("way", WAYS)
def test_a_callback_cancels_at_each_of_its_calls(way: Callable[..., int], library: Library) -> None:
    count = 0

    def stopping(at: Optional[int]) -> Any:
        def call(*_: Any) -> int:
            nonlocal count
            count += 1
            return int(count - 1 == at)

        return ProgressCallback(call)

    assert way(library, stopping(None), None) == OK
    calls = count
    assert calls >= 10
    # The last call comes after all work, and may be too late to cancel anything.
    for at in range(calls - 1):
        count = 0
        assert way(library, stopping(at), None) == CANCELLED
        assert count < calls
    assert way(library, none("progress"), None) == OK


def test_a_cancellation_stays_and_a_callbacks_result_cancels_its_call_alone(
    library: Library,
) -> None:
    cancellation = library.c.sd_cancellation_create()
    assert buffer(library, ProgressCallback(lambda *_: 1), cancellation) == CANCELLED
    assert [way(library, none("progress"), cancellation) for way in WAYS] == [OK] * 3
    library.c.sd_cancellation_cancel(cancellation)
    assert [way(library, none("progress"), cancellation) for way in WAYS] == [CANCELLED] * 3
    library.c.sd_cancellation_free(cancellation)


@pytest.mark.parametrize("is_live", [False, True])
def test_calls_within_a_call_on_a_stream_are_refused(is_live: bool, library: Library) -> None:
    c, count, result = library.c, c_size_t(), (ctypes.c_void_p * 1)()
    stems, found = np.zeros(ROWS * 1500, np.float32).ctypes, []

    def again(*_: Any) -> int:
        found.append(c.sd_stream_pull(result[0], stems, 1, 0, byref(count), None, 0))
        found.append(c.sd_stream_push(result[0], stems, 1, 0, None, 0))
        found.append(c.sd_stream_finish(result[0], None, 0))
        return 0

    progress = ProgressCallback(again)
    settings = encoded(shifts=0, **({"live": True} if is_live else {}))
    given = (library.model, CHANNELS, RATE, settings, None, progress, None, None, result, None, 0)
    assert c.sd_stream_open(*given) == OK
    assert c.sd_stream_push(result[0], noise(1500).ctypes, 1500, 0, None, 0) == OK
    assert c.sd_stream_finish(result[0], None, 0) == OK
    frames = 0
    while c.sd_stream_pull(result[0], stems, 1500, 0, byref(count), None, 0) == OK:
        frames += count.value
    assert frames == 1500 and found and set(found) == {STATE}
    c.sd_stream_close(result[0])


def test_a_track_that_fails_is_an_event_and_does_not_stop_the_others(library: Library) -> None:
    tracks = (ctypes.c_char_p * 2)(b"/no/such.wav", library.input)
    for skips in (False, True):
        found: list[Any] = []

        def take(_context: Any, event: bytes, status: int, found: Any = found) -> int:
            found.append((json.loads(event)["event"], status))
            return 0

        settings = encoded(stems="drums", out=str(library.folder / "many"), skip_existing=skips)
        status, message = library.call(
            "sd_run", tracks=tracks, track_count=2, settings=settings, event=EventCallback(take)
        )
        assert status == _library.TRACKS_FAILED and "/no/such.wav" in message
        names = [name for name, _ in found]
        assert [names.count(name) for name in ("start", "track", "manifest")] == [1, 2, 1]
        assert [status for _, status in found if status] == [INPUT]
        # The second run leaves the track out.
        assert ("progress" in names) != skips
    hidden = (ctypes.c_char_p * 1)(b"/no/\x1b[2Jsuch.wav")
    status, message = library.call("sd_run", tracks=hidden, event=EventCallback())
    assert status == _library.TRACKS_FAILED and r"/no/\u{1B}[2Jsuch.wav" in message


def test_a_trace_is_cancelled_at_each_tensor(library: Library, bag: Any) -> None:
    names: list[bytes] = []

    def stopping(at: Optional[int]) -> Any:
        def take(_context: Any, name: bytes, shape: Any, rank: int, values: Any) -> int:
            names.append(name)
            count = int(np.prod(shape[:rank]))
            assert rank > 0 and np.isfinite(np.ctypeslib.as_array(values, (count,))).all()
            return int(len(names) - 1 == at)

        return _library.TraceCallback(take)

    assert library.call("sd_trace", callback=stopping(None))[0] == OK
    tensors = len(names)
    assert tensors > 10
    for at in range(tensors - 1):
        names.clear()
        given = {"start_seconds": 0.1, "chunk_seconds": 0.2, "callback": stopping(at)}
        assert library.call("sd_trace", **given)[0] == CANCELLED
        assert len(names) == at + 1
    library.refuses("sd_trace", MODEL, model=bag)
