"""Progress of a separation: values for callbacks, and progress bars."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import Any, Callable, Iterator, Optional, Union

from . import _call, _library, _recordings


@dataclasses.dataclass(frozen=True)
class Progress:
    """Progress of a separation, reported as each segment begins and when it has ended."""

    #: 0 to 1; 0 while the length of a live stream is unknown.
    fraction: float
    #: Segments that went through a network, over all shifts and the models of a bag.
    segments_done: int
    segments_total: int
    #: Frames of the track at the model's rate.
    track_frames: int
    #: First frame of the segment, in its shifted track.
    segment_offset: int
    #: Numbers of the segment's shift and of its model in the bag, from 0.
    shift: int
    member: int
    #: True if the segment has ended, False if it begins.
    has_ended: bool
    member_count: int


ProgressOption = Union[bool, Callable[[Progress], object], None]


def check(progress: Any) -> None:
    """Raises :class:`TypeError` unless the value is a progress option."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(
            f"progress is {progress!r}, expected a function that takes a Progress, True, False or "
            "None"
        )


def _of(value: Any) -> Progress:
    members = {field.name: getattr(value, field.name) for field in dataclasses.fields(Progress)}
    return Progress(**{**members, "has_ended": value.has_ended != 0})


def c_callback(callbacks: _call.Callbacks, report: Callable[[Progress], object]) -> Any:
    """Wraps the caller's function as a callback of the C library."""

    def take(_context: Any, value: Any) -> int:
        progress = _of(value.contents)
        return callbacks.guard(lambda: report(progress))

    return _library.ProgressCallback(take)


@contextlib.contextmanager
def reporting(
    progress: ProgressOption, rate: int, title: Callable[[], Optional[str]] = lambda: None
) -> Iterator[Optional[Callable[[Progress], object]]]:
    """The function to report to: the caller's, a bar's, or none.

    ``None`` shows a bar if standard error is a terminal, ``True`` always; both only if tqdm is
    installed. ``title`` gives the name of the present track.
    """
    if callable(progress):
        yield progress
        return
    is_wanted = progress if progress is not None else sys.stderr is not None and sys.stderr.isatty()
    if not is_wanted:
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            _recordings.logger.warning("no progress bar, because tqdm is not installed")
        yield None
        return
    with tqdm(
        total=0.0,
        unit="s",
        bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} s [{elapsed}<{remaining}]",
    ) as bar:

        def show(value: Progress) -> None:
            seconds = value.track_frames / rate
            if bar.total != seconds:
                bar.total = seconds
                bar.set_description(title(), refresh=False)
            bar.update(value.fraction * seconds - bar.n)

        yield show
