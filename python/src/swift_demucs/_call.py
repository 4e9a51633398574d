"""Long calls of the C library: Ctrl-C, cancellation, callbacks that raise, a clean exit."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import threading
import time
import weakref
from typing import Any, Callable, ClassVar, Iterator, Optional, TypeVar

from . import _library, errors

Result = TypeVar("Result")

# Far longer than the library takes to stop, which is a fraction of a segment.
EXIT_SECONDS = 10.0


class Enough(Exception):
    """Ends a call from a callback of this package, which has what it needs."""


class Lock:
    """A lock that a forked child has free, whichever thread held it at the fork.

    What it guards must be whole between any two instructions.
    """

    _all: ClassVar[weakref.WeakSet[Lock]] = weakref.WeakSet()

    def __init__(self) -> None:
        #: To be locked by ``with``; the thread that holds it may do so again.
        self.held = threading.RLock()
        Lock._all.add(self)


class Token:
    """Cancellation token of one call of the C library."""

    def __init__(self) -> None:
        self._lock = Lock()
        #: Pointer for the C library; ``None`` after :meth:`free`.
        self.handle: Optional[int] = _library.library().sd_cancellation_create()
        if not self.handle:
            raise MemoryError("no memory for a cancellation")
        #: Whether :meth:`cancel` was called.
        self.is_cancelled = False

    def cancel(self) -> None:
        """Makes the call return within a fraction of a segment; no effect after :meth:`free`."""
        with self._lock.held:
            self.is_cancelled = True
            _library.library().sd_cancellation_cancel(self.handle)

    def free(self) -> None:
        """Frees the handle; the call must have returned."""
        with self._lock.held:
            handle, self.handle = self.handle, None
        _library.library().sd_cancellation_free(handle)


class Cancellation:
    """Cancels calls from another thread. Several calls may share one cancellation."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_cancelled = False
        self._tokens: set[Token] = set()

    def cancel(self) -> None:
        """Makes every call that has this cancellation, now or later, raise :class:`Cancelled`.

        A separation stops within a fraction of a segment; complete files are kept.
        """
        with self._lock.held:
            self._is_cancelled = True
            tokens = list(self._tokens)
        for token in tokens:
            token.cancel()

    @property
    def is_cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._is_cancelled

    def _attach(self, token: Token) -> None:
        with self._lock.held:
            self._tokens.add(token)
            is_cancelled = self._is_cancelled
        if is_cancelled:
            token.cancel()

    def _detach(self, token: Token) -> None:
        with self._lock.held:
            self._tokens.discard(token)


@contextlib.contextmanager
def token(cancellation: Optional[Cancellation]) -> Iterator[Token]:
    """A token for the calls of a block, which the caller's cancellation cancels too."""
    if cancellation is not None and not isinstance(cancellation, Cancellation):
        raise TypeError(
            f"cancellation is a {type(cancellation).__name__}, expected a Cancellation or None"
        )
    own = Token()
    try:
        if cancellation is not None:
            cancellation._attach(own)
        yield own
    finally:
        if cancellation is not None:
            cancellation._detach(own)
        own.free()


class _Running:
    """Calls in progress in this process, which are cancelled before the interpreter exits."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._tokens: list[Token] = []
        self.is_exiting = False

    @contextlib.contextmanager
    def call(self, token: Token) -> Iterator[None]:
        """Registers the block as a call in progress."""
        with self._condition:
            if self.is_exiting:
                raise errors.StateError("the interpreter is exiting; nothing new can be started")
            self._tokens.append(token)
        try:
            yield
        finally:
            with self._condition:
                self._tokens.remove(token)
                self._condition.notify_all()

    def stop(self) -> None:
        """Cancels the calls of daemon threads, and waits until they have left the library."""
        end = time.monotonic() + EXIT_SECONDS
        with self._condition:
            self.is_exiting = True
            for token in self._tokens:
                token.cancel()
            while self._tokens and time.monotonic() < end:
                self._condition.wait(0.1)


_running = _Running()
atexit.register(lambda: _running.stop())


def _after_fork() -> None:
    global _running
    _running = _Running()
    for lock in Lock._all:
        lock.held = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


class Callbacks:
    """The caller's callbacks during one call.

    They run in the thread that made the call. If a callback raises, the call is cancelled and
    raises the same exception.
    """

    def __init__(self) -> None:
        self._requests: Optional[queue.SimpleQueue[Any]] = None
        self._error: Optional[BaseException] = None

    def guard(self, work: Callable[[], object]) -> int:
        """Runs the body of a C callback; returns the callback's result: 0, or 1 to cancel."""
        if self._error is None:
            if self._requests is None:
                self._run(work)
            else:
                answered = threading.Event()
                self._requests.put((work, answered))
                while not answered.wait(0.1) and self._error is None:
                    pass
        return 0 if self._error is None else 1

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error

    def run(self, work: Callable[[], Result], token: Token) -> Result:
        """Makes the call; `token` cancels it.

        Python handles signals only in the main thread, between Python instructions. So a call from
        the main thread runs in another thread, while the main thread waits where Ctrl-C reaches it.
        """
        is_main = threading.current_thread() is threading.main_thread()
        with _running.call(token):
            try:
                return self._beside(work, token) if is_main else work()
            finally:
                error, self._error = self._error, None
                if error is not None:
                    raise error

    def invoke(self, token: Token, name: str, *arguments: Any, path: Optional[str] = None) -> int:
        """Calls a function of the C library, as :func:`_library.invoke` does."""
        return self.run(lambda: _library.invoke(name, *arguments, path=path), token)

    def _beside(self, work: Callable[[], Result], token: Token) -> Result:
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._requests = requests
        results: list[Result] = []
        failures: list[BaseException] = []
        returned = threading.Event()

        def call() -> None:
            try:
                results.append(work())
            except BaseException as error:
                failures.append(error)
            returned.set()
            requests.put(None)

        threading.Thread(target=call, name="swift-demucs", daemon=True).start()
        try:
            while True:
                request = requests.get()
                if request is None:
                    break
                self._run(request[0])
                request[1].set()
        except BaseException as error:
            # Ctrl-C, or another exception of a signal handler.
            self._error = error
            # Another Ctrl-C must not free what the library still reads. In some versions of Python,
            # a thread counts as ended when its join() is interrupted.
            while not returned.is_set():
                with contextlib.suppress(BaseException):
                    token.cancel()
                    returned.wait(0.1)
            raise
        finally:
            # A stream may go on in another thread.
            self._requests = None
        for failure in failures:
            raise failure
        return results[0]


def event_callback(callbacks: Callbacks, take: Callable[[dict[str, Any], int], object]) -> Any:
    """A callback of the C library that takes events, each with a status."""

    def guarded(_context: Any, event: bytes, status: int) -> int:
        return callbacks.guard(lambda: take(json.loads(event), status))

    return _library.EventCallback(guarded)


def event(name: str, *arguments: Any) -> dict[str, Any]:
    """Calls a function of the C library that gives one event at once, and returns the event."""
    events: list[dict[str, Any]] = []
    callback = event_callback(Callbacks(), lambda event, _status: events.append(event))
    _library.invoke(name, *arguments, callback, None)
    return events[0]


class Handle:
    """A handle of the C library, freed when it is closed and no call uses it."""

    def __init__(self, value: Any, close: str, *alive: object) -> None:
        self._value = value
        self._close = getattr(_library.library(), close)
        # Objects that the C library refers to while the handle is open.
        self._alive = alive
        self._users = 0
        self._lock = Lock()
        self._is_closed = False
        self.process = os.getpid()

    @contextlib.contextmanager
    def use(self, name: str) -> Iterator[Any]:
        """The C library's handle, open until the end of the block.

        Raises :class:`StateError` if it was closed; `name` is the object's name in the message.
        """
        with self._lock.held:
            if self._is_closed:
                raise errors.StateError(f"the {name} is closed; open another one")
            self._users += 1
        try:
            yield self._value
        finally:
            with self._lock.held:
                self._users -= 1
                self._free_if_unused()

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Frees the handle as soon as the calls that use it have ended."""
        with self._lock.held:
            self._is_closed = True
            self._free_if_unused()

    def _free_if_unused(self) -> None:
        if self._is_closed and self._users == 0 and self._value is not None:
            value, self._value = self._value, None
            self._close(value)

    def __del__(self) -> None:
        # When the interpreter exits, the system frees the memory.
        if not _running.is_exiting and self._value is not None:
            self._close(self._value)
