"""Threads, processes, signals, exits, asyncio, memory, and the time of the import."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import pytest
from conftest import MODELS, RATE

import swift_demucs
from swift_demucs import Cancellation, Model

LONG = 600.0


def start(code: str) -> subprocess.Popen[str]:
    """Starts another Python process, with `model` and `noise(seconds)`."""
    head = f"""
import os, sys, signal, threading, time
import numpy as np
import swift_demucs
# A shell that starts tests in the background has Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def noise(seconds):
    second = np.random.default_rng(1).standard_normal((2, {RATE})).astype(np.float32)
    return np.tile(second / 10, (1, seconds))
model = swift_demucs.load("demo")
"""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", head + code, str(MODELS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_eight_threads_share_a_model(model: Model, music: Any) -> None:
    golden = [model.separate(music, seed=seed).array for seed in range(2)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: model.separate(music, seed=seed % 2).array, range(8)))
    assert all(np.array_equal(golden[seed % 2], array) for seed, array in enumerate(found))


def test_two_models_at_once(model: Model, music: Any) -> None:
    with swift_demucs.load("demo") as other, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(each.separate, music, shifts=0) for each in (model, other)]
        first, second = (job.result().array for job in jobs)
    assert np.array_equal(first, second)


def test_the_interpreter_is_free_during_a_separation(tmp_path: Path, track: Path) -> None:
    """A counting thread is as fast during a separation here as during one in another process.

    Other load on the machine slows it too, so it has some tries.
    """

    def rate(work: Callable[[], object]) -> float:
        """Counts in a second while `work` runs."""
        counts = [0]
        done = threading.Event()

        def count() -> None:
            while not done.is_set():
                counts[0] += 1

        counter = threading.Thread(target=count)
        began = time.perf_counter()
        counter.start()
        work()
        done.set()
        counter.join()
        return counts[0] / (time.perf_counter() - began)

    command = [
        sys.executable, "-m", "swift_demucs", "-n", "demo", "--shifts", "0", "--threads", "1",
        "--quiet", "-o", str(tmp_path), str(track),
    ]  # fmt: skip
    samples, _ = swift_demucs.read(track)
    with swift_demucs.load("demo", threads=1) as model:
        shares = (
            rate(lambda: model.separate(samples, shifts=0))
            / rate(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
            for _ in range(6)
        )
        assert any(share > 0.9 for share in shares)


def test_callbacks_run_in_the_callers_thread(model: Model, music: Any) -> None:
    def threads() -> List[bool]:
        found: List[bool] = []
        caller = threading.get_ident()
        model.separate(
            music, shifts=0, progress=lambda _: found.append(threading.get_ident() == caller)
        )
        return found

    assert threads() == [True] * 4
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads).result() == [True] * 4


def test_a_stream_goes_on_in_another_thread() -> None:
    process = start(
        """
stream = model.stream([noise(6)], shifts=0, block_frames=10_000, progress=lambda _: None)
assert next(stream)["bass"].shape == (2, 10_000)
thread = threading.Thread(target=lambda: list(stream), daemon=True)
thread.start()
thread.join(20)
os._exit(int(thread.is_alive()))
"""
    )
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0, errors


def test_callbacks_may_use_the_package(model: Model, music: Any) -> None:
    inner: List[Any] = []

    def again(_: Any) -> None:
        if not inner:
            inner.append(model.separate(music[:, :RATE], shifts=0).array)

    model.separate(music, shifts=0, progress=again)
    assert inner[0].shape == (4, 2, RATE)


def test_a_cancellation_stops_calls_now_and_later(model: Model) -> None:
    cancellation = Cancellation()
    samples = np.zeros((2, int(600 * RATE)), np.float32)
    threading.Timer(0.5, cancellation.cancel).start()
    began = time.monotonic()
    with pytest.raises(swift_demucs.Cancelled):
        model.separate(samples, cancellation=cancellation)
    assert time.monotonic() - began < 10
    assert cancellation.is_cancelled
    with pytest.raises(swift_demucs.Cancelled):
        model.separate(samples[:, :RATE], cancellation=cancellation)
    with pytest.raises(TypeError, match="Cancellation"):
        model.separate(samples, cancellation=7)  # type: ignore[arg-type]


def test_closing_during_a_separation_lets_it_end(music: Any) -> None:
    model = swift_demucs.load("demo")
    stems = model.separate(music, shifts=0, progress=lambda _: model.close())
    assert stems.array.shape[0] == 4
    with pytest.raises(swift_demucs.StateError, match="closed"):
        model.separate(music)


def test_ctrl_c_within_a_second() -> None:
    process = start(
        """
samples = noise(3000)
try:
    print("started", flush=True)
    model.separate(samples, shifts=0)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(model.separate(noise(1)).array.shape)
"""
    )
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    time.sleep(2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - began < 1
    output, errors = process.communicate(timeout=LONG)
    assert (process.returncode, output, errors) == (0, "(4, 2, 44100)\n", "")


def test_ctrl_c_again_waits_for_the_library() -> None:
    process = start(
        """
from swift_demucs import _call
ended = []
def work():
    time.sleep(1)
    ended.append("the library has returned")
def interrupt():
    for _ in range(3):
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    with _call.token(None) as token:
        _call.Callbacks().run(work, token)
except KeyboardInterrupt:
    print(*ended)
"""
    )
    output, errors = process.communicate(timeout=LONG)
    assert (process.returncode, output, errors) == (0, "the library has returned\n", "")


@pytest.mark.parametrize(
    "code",
    [
        # A daemon thread is in the library when the interpreter exits.
        "threading.Thread(target=model.separate, args=(noise(3000),), daemon=True).start()\n"
        "time.sleep(1)",
        # A daemon thread is in the library, with a callback that Python must run.
        "threading.Thread(target=lambda: model.separate(noise(3000), progress=lambda _: None),"
        " daemon=True).start()\ntime.sleep(1)",
        # A stream is not finished, and a model is not closed.
        "stream = model.stream([noise(20)])\nnext(stream)",
        "model.separate(noise(100), progress=lambda _: sys.exit(0))",
    ],
)
def test_exit_in_the_middle(code: str) -> None:
    process = start(code)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0, errors
    assert "Fatal" not in errors and "Exception ignored" not in errors


def test_a_forked_child_opens_the_model_again() -> None:
    process = start(
        """
golden = model.separate(noise(3), seed=1).array
child = os.fork()
if child == 0:
    same = np.array_equal(model.separate(noise(3), seed=1).array, golden)
    os._exit(0 if same else 3)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(model.separate(noise(3), seed=1).array, golden)
"""
    )
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0, errors


WORKER = """
import multiprocessing, sys
import numpy as np
import swift_demucs
def loud(model, seed):
    samples = np.random.default_rng(1).standard_normal((2, 44100)).astype(np.float32)
    return float(np.abs(model.separate(samples, seed=seed).array).sum())
if __name__ == "__main__":
    model = swift_demucs.load("demo")
    golden = [loud(model, seed) for seed in (1, 2)]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.starmap(loud, [(model, 1), (model, 2)]) == golden
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    subprocess.run([sys.executable, script, method], check=True, timeout=2 * LONG)


def test_asyncio(model: Model, music: Any, track: Path, tmp_path: Path) -> None:
    golden = model.separate(music, shifts=0)

    async def work() -> None:
        ticks = 0
        events: List[bool] = []
        main = threading.get_ident()

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        stems = await model.separate_async(
            music, shifts=0, progress=lambda _: events.append(threading.get_ident() == main)
        )
        assert np.array_equal(stems.array, golden.array)
        assert events == [True] * 4 and ticks > 2

        async def blocks() -> Any:
            for start in range(0, music.shape[1], RATE):
                await asyncio.sleep(0)
                yield music[:, start : start + RATE]

        for given in (blocks(), [music]):
            found = [block["bass"] async for block in model.stream_async(given, shifts=0)]
            assert np.array_equal(np.concatenate(found, axis=1), golden.bass)
        results = await model.separate_files_async([track], tmp_path, duration=1.0)
        assert results[0].ok
        with pytest.raises(ValueError, match="shifts"):
            await model.separate_async(music, shifts=-1)

        task = asyncio.ensure_future(
            model.separate_async(np.zeros((2, 600 * RATE), np.float32), shifts=0)
        )
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 10
        ticking.cancel()

    asyncio.run(work())


def test_a_stream_that_waits_for_input_is_cancelled_at_once(model: Model, music: Any) -> None:
    async def work(count: int) -> None:
        is_idle = asyncio.Event()

        async def blocks() -> Any:
            for _ in range(count):
                yield music[:, :RATE]
            is_idle.set()
            await asyncio.sleep(LONG)

        async def separate() -> None:
            async for _ in model.stream_async(blocks(), shifts=0):
                pass

        task = asyncio.ensure_future(separate())
        await is_idle.wait()
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 10

    for count in (0, 2):
        asyncio.run(work(count))


def resident() -> int:
    """Resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_memory_stays_flat_over_separations(model: Model, music: Any) -> None:
    short = music[:, : RATE // 4]
    cancellation = Cancellation()

    def work(count: int) -> None:
        for _ in range(count):
            model.separate(short, shifts=0, progress=lambda _: None, cancellation=cancellation)

    work(40)
    before = resident()
    work(150)
    # 13 kB for each; the stems of a single separation have 350 kB.
    assert resident() - before < 2_000_000


def test_opening_and_closing_leaks_nothing() -> None:
    """Runs in another process, in which nothing else allocates memory."""
    process = start(
        """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
def work(count):
    for _ in range(count):
        with swift_demucs.load("demo") as loaded:
            loaded.separate(noise(1), shifts=0)
        list(swift_demucs.load("demo").stream([noise(1)], shifts=0))
work(10)
before = resident()
work(20)
# The thread of a stream that has ended frees its memory a moment later on a busy machine.
deadline = time.monotonic() + 600
while resident() - before >= 8_000_000 and time.monotonic() < deadline:
    time.sleep(0.1)
assert resident() - before < 8_000_000, resident() - before
"""
    )
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0, errors


def test_the_import_is_quick() -> None:
    """Time without NumPy's import; the bound is for busy machines, bench_python.py measures."""
    code = (
        "import time, numpy\nbegan = time.perf_counter()\nimport swift_demucs.api\n"
        "print(time.perf_counter() - began)"
    )
    seconds = min(
        float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)
    )
    assert seconds < 0.15
