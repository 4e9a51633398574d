"""Threads, processes, signals, exits and memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODELS, RATE

import swift_demucs
from swift_demucs import Cancellation, Model, _call

# Against hangs alone.
LONG = 30.0


def run(code: str) -> tuple[str, str]:
    """Output and errors of another Python process, with `model` and `noise(seconds)`."""
    head = f"""
import os, queue, sys, signal, threading, time
import numpy as np
import swift_demucs
from swift_demucs import _call
# A shell that starts tests in the background has Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def noise(seconds):
    second = np.random.default_rng(1).standard_normal((2, {RATE})).astype(np.float32)
    return np.tile(second / 10, (1, seconds))
model = swift_demucs.load("demo")
"""
    # With one arena for all threads, the C library's memory is what is in use.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", head + code, str(MODELS)], env=environment,
        input="", capture_output=True, text=True, timeout=LONG,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
def test_eight_threads_share_a_model(model: Model, music: Any) -> None:
    golden = [model.separate(music, seed=seed).array for seed in range(2)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: model.separate(music, seed=seed % 2).array, range(8)))
    assert all(np.array_equal(golden[seed % 2], array) for seed, array in enumerate(found))


def test_callbacks_run_in_the_callers_thread(model: Model, music: Any) -> None:
    def threads() -> list[bool]:
        found: list[bool] = []
        caller = threading.get_ident()
        model.separate(
            music, shifts=0, progress=lambda _: found.append(threading.get_ident() == caller)
        )
        return found

    assert threads() == [True] * 4
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads).result() == [True] * 4


def test_a_stream_goes_on_in_another_thread() -> None:
    run(
        """
stream = model.stream([noise(6)], shifts=0, block_frames=10_000, progress=lambda _: None)
assert next(stream)["bass"].shape == (2, 10_000)
thread = threading.Thread(target=lambda: list(stream), daemon=True)
thread.start()
thread.join(20)
os._exit(int(thread.is_alive()))
"""
    )


def test_callbacks_may_use_the_package(model: Model, music: Any) -> None:
    inner: list[Any] = []

    def again(_: Any) -> None:
        if not inner:
            inner.append(model.separate(music[:, :RATE], shifts=0).array)

    model.separate(music, shifts=0, progress=again)
    assert inner[0].shape == (4, 2, RATE)


def test_a_cancellation_by_another_thread_stops_calls_now_and_later(
    model: Model, tmp_path: Path
) -> None:
    """The interpreter is free during a call: otherwise the other thread would come after it."""
    cancellation = Cancellation()
    samples = np.zeros((2, 60 * RATE), np.float32)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(model.separate, samples, cancellation=cancellation)
        while not _call._running._tokens and not job.done():
            pass
        cancellation.cancel()
        with pytest.raises(swift_demucs.Cancelled):
            job.result(LONG)
    assert cancellation.is_cancelled
    with pytest.raises(swift_demucs.Cancelled):
        model.separate(samples[:, :RATE], cancellation=cancellation)
    with pytest.raises(TypeError, match="Cancellation"):
        model.separate(samples, cancellation=7)  # type: ignore[arg-type]


def test_a_named_pipe_is_read_until_its_end_or_a_cancellation(tmp_path: Path, track: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def wait() -> None:
        given = Cancellation()
        threading.Timer(0.2, given.cancel).start()
        with pytest.raises(swift_demucs.Cancelled):
            swift_demucs.read(pipe, cancellation=given)
        assert given.is_cancelled
        with pytest.raises(swift_demucs.Cancelled):
            swift_demucs.read(pipe, cancellation=given)

    wait()
    with os.fdopen(os.open(pipe, os.O_RDWR), "wb", buffering=0) as silent:
        silent.write(b"RIFF")
        wait()
    threading.Thread(target=pipe.write_bytes, args=(b"no sound",)).start()
    with pytest.raises(swift_demucs.InputError, match=f"^{re.escape(str(pipe))}: "):
        swift_demucs.read(pipe)
    threading.Thread(target=pipe.write_bytes, args=(track.read_bytes(),)).start()
    assert np.array_equal(swift_demucs.read(pipe)[0], swift_demucs.read(track)[0])


def test_closing_during_a_separation_lets_it_end(music: Any) -> None:
    model = swift_demucs.load("demo")
    stems = model.separate(music, shifts=0, progress=lambda _: model.close())
    assert stems.array.shape[0] == 4
    with pytest.raises(swift_demucs.StateError, match="closed"):
        model.separate(music)


def test_ctrl_c_stops_a_separation() -> None:
    assert run(
        """
last = 0.0
begun = threading.Event()
def note(progress):
    global last
    last = progress.fraction
    begun.set()
def interrupt():
    begun.wait()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    model.separate(noise(120), shifts=0, progress=note)
except KeyboardInterrupt:
    print("interrupted", last < 1)
print(model.separate(noise(1)).array.shape)
"""
    ) == ("interrupted True\n(4, 2, 44100)\n", "")


def test_ctrl_c_again_waits_for_the_library() -> None:
    assert run(
        """
ended = []
inside, sent, waits = threading.Event(), threading.Event(), queue.SimpleQueue()
class Event(threading.Event):
    # Tells when the main thread waits for the library, after the first Ctrl-C.
    def wait(self, timeout=None):
        if token.is_cancelled:
            waits.put(self)
        return super().wait(timeout)
def work():
    # A thread that begins to wait sees a signal only when it is woken.
    while not token.is_cancelled:
        callbacks.guard(inside.set)
    sent.wait()
    ended.append("the library has returned")
def interrupt():
    inside.wait()
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(2):
        waited = waits.get()
        os.kill(os.getpid(), signal.SIGINT)
        with waited._cond:
            waited._cond.notify_all()
    waits.get()
    sent.set()
callbacks = _call.Callbacks()
try:
    with _call.token(None) as token:
        threading.Thread(target=interrupt).start()
        threading.Event = Event
        callbacks.run(work, token)
except KeyboardInterrupt:
    print(*ended)
"""
    ) == ("the library has returned\n", "")


@pytest.mark.parametrize(
    "code",
    [
        # A daemon thread is in the library when the interpreter exits.
        "threading.Thread(target=model.separate, args=(noise(300),), daemon=True).start()\n"
        "while not _call._running._tokens: time.sleep(0.001)",
        # A daemon thread is in the library, with a callback that Python must run.
        "begun = threading.Event()\n"
        "separate = lambda: model.separate(noise(300), progress=lambda _: begun.set())\n"
        "threading.Thread(target=separate, daemon=True).start()\nbegun.wait()",
        # A stream is not finished, and a model is not closed.
        "stream = model.stream([noise(20)])\nnext(stream)",
        "model.separate(noise(100), progress=lambda _: sys.exit(0))",
    ],
)
def test_exit_in_the_middle(code: str) -> None:
    _, errors = run(code)
    assert "Fatal" not in errors and "Exception ignored" not in errors


def test_a_forked_child_opens_the_model_again() -> None:
    run(
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


def test_a_child_needs_no_lock_that_another_thread_held_at_the_fork() -> None:
    """As when threads use models while the program forks."""
    run(
        """
from swift_demucs.apply import apply_model
from swift_demucs.pretrained import get_model
cancellation = swift_demucs.Cancellation()
own = get_model("demo")
mix = noise(1)[None]
golden = apply_model(own, mix, shifts=0)
held, leave = threading.Event(), threading.Event()
def hold():
    for lock in [*_call.Lock._all]: lock.held.acquire()
    held.set()
    leave.wait()
def change():
    while not leave.is_set():
        for seconds in (2.0, 3.0):
            own.segment = seconds
            apply_model(own, mix, shifts=0)
threads = [threading.Thread(target=change, daemon=True)]
for index in range(5):
    if index == 4:
        leave.set()
        threads[0].join()
        leave.clear()
        threads.append(threading.Thread(target=hold))
    if index in (0, 4): threads[-1].start()
    if index == 4: held.wait()
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        own.segment = 4.0
        apply_model(own, mix, shifts=0)
        model.separate(noise(1), shifts=0, cancellation=cancellation)
        model.close()
        cancellation.cancel()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, index
leave.set()
"""
    )


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
    subprocess.run([sys.executable, script, method], check=True, timeout=LONG)


# Resident memory in bytes.
RESIDENT = """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
"""


@pytest.mark.slow
def test_memory_stays_flat_over_separations() -> None:
    run(
        RESIDENT
        + """
cancellation = swift_demucs.Cancellation()
def work(count):
    for _ in range(count):
        model.separate(noise(1), shifts=0, progress=lambda _: None, cancellation=cancellation)
work(5)
grown = []
for _ in range(3):
    before = resident()
    work(10)
    grown.append(resident() - before)
# A leak grows in each round, what is mapped once in one of them. 13 kB for each separation; the
# stems of a single one have 1.4 MB.
assert min(grown) < 130_000, grown
"""
    )


def test_opening_and_closing_leaks_nothing() -> None:
    run(
        RESIDENT
        + """
def work(count):
    for _ in range(count):
        with swift_demucs.load("demo") as loaded:
            loaded.separate(noise(1), shifts=0)
        list(swift_demucs.load("demo").stream([noise(1)], shifts=0))
work(3)
before = resident()
work(4)
# The thread of a stream that has ended frees its memory a moment later.
while resident() - before >= 1_600_000:
    time.sleep(0.01)
"""
    )
