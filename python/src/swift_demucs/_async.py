"""Long calls for asyncio: each runs in its own thread; cancelling its task cancels the call."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from typing import Any, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Optional, Union

from . import _call, errors

_END = object()


async def run(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Calls a function that takes ``cancellation``; ``progress`` runs in the loop's thread."""
    loop = asyncio.get_running_loop()
    cancellation = options.pop("cancellation", None) or _call.Cancellation()
    progress = options.get("progress")
    if callable(progress):

        def report(value: Any) -> None:
            async def publish() -> None:
                progress(value)

            asyncio.run_coroutine_threadsafe(publish(), loop).result()

        options["progress"] = report
    with concurrent.futures.ThreadPoolExecutor(1, "swift-demucs") as pool:
        work = loop.run_in_executor(
            pool, lambda: function(*arguments, cancellation=cancellation, **options)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancellation.cancel()
            with contextlib.suppress(BaseException):
                await work
            raise


async def stream(
    function: Callable[..., Iterator[Any]],
    blocks: Union[Iterable[Any], AsyncIterable[Any]],
    *arguments: Any,
    **options: Any,
) -> AsyncIterator[Any]:
    """Async generator over a blocking generator, whose steps run in a thread."""
    loop = asyncio.get_running_loop()
    cancellation = options.pop("cancellation", None) or _call.Cancellation()
    given: Iterable[Any]
    # The block that the thread waits for.
    waiting: Optional[concurrent.futures.Future[Any]] = None
    if isinstance(blocks, AsyncIterable):
        iterator = blocks.__aiter__()

        async def following() -> Any:
            try:
                return await iterator.__anext__()
            except StopAsyncIteration:
                return _END

        def taken() -> Iterator[Any]:
            nonlocal waiting
            while True:
                waiting = asyncio.run_coroutine_threadsafe(following(), loop)
                # The task may have been cancelled before there was a block to wait for.
                if cancellation.is_cancelled:
                    waiting.cancel()
                try:
                    block = waiting.result()
                except concurrent.futures.CancelledError:
                    if cancellation.is_cancelled:
                        raise errors.Cancelled("cancelled") from None
                    raise
                if block is _END:
                    return
                yield block

        given = taken()
    else:
        given = blocks
    with concurrent.futures.ThreadPoolExecutor(1, "swift-demucs") as pool:
        stems = function(given, *arguments, cancellation=cancellation, **options)
        try:
            while True:
                step = loop.run_in_executor(pool, next, stems, _END)
                try:
                    block = await asyncio.shield(step)
                except asyncio.CancelledError:
                    cancellation.cancel()
                    if waiting is not None:
                        waiting.cancel()
                    with contextlib.suppress(BaseException):
                        await step
                    raise
                if block is _END:
                    return
                yield block
        finally:
            await loop.run_in_executor(pool, stems.close)  # type: ignore[attr-defined]
