"""Loaded models, which separate arrays, files and streams."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from ctypes import byref, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union, overload

import numpy as np

from . import _arrays, _call, _library, _progress, _recordings, _runs, _settings, _zoo, errors
from ._arrays import Array
from ._recordings import Path_
from ._runs import FileResult
from ._separation import Separation

if TYPE_CHECKING:
    import random

    from ._settings import SeparateOptions, Unpack

    Seed = Union[int, random.Random, None]

Tensor = TypeVar("Tensor", bound=_arrays.Tensor)
# Far above full scale, and above the peaks of a track with a deviation of 1.
HIGH_PEAK = 50


@contextlib.contextmanager
def _shifts(settings: dict[str, Any], seed: Seed) -> Iterator[tuple[bytes, Any]]:
    """The C library's settings, and its copy of a generator given as ``seed``, which moves on."""
    generator: Any = seed
    if not hasattr(generator, "getstate"):
        yield _settings.encode({**settings, "seed": seed}), None
        return
    began = generator.getstate()
    version, words, gauss = began
    state = _library.Random()
    state.words[:] = words[:-1]
    state.position = words[-1]
    try:
        yield _settings.encode(settings), byref(state)
    finally:
        # A number that a callback or another thread drew meanwhile must not be drawn again.
        if generator.getstate() == began:
            generator.setstate((version, (*state.words, state.position), gauss))


@dataclass(frozen=True)
class Analysis:
    """The tempo, the beats, the bars and the key of a track."""

    #: Beats per minute; None for less than four seconds, or without onsets.
    tempo_bpm: Optional[float]
    #: Times of the beats in seconds, ascending.
    beats: tuple[float, ...]
    #: Times of the first beat of each bar.
    downbeats: tuple[float, ...]
    #: A guess, such as ``4/4``; None without beats.
    metre: Optional[str]
    #: How clearly ``downbeats`` are the first beats of the bars, 0 to 1; None without beats.
    downbeat_confidence: Optional[float]
    #: Such as ``Bb major`` or ``F# minor``; None for a track without pitches.
    key: Optional[str]


class Model:
    """A loaded model and the threads that it runs on; :func:`swift_demucs.load` makes it.

    Any number of threads may use one model at once. After ``fork()`` the child loads it again when
    it first needs it, and so does a process that receives it by :mod:`pickle`.
    """

    def __init__(
        self,
        model: Path_ = "htdemucs",
        *,
        stems: Optional[Iterable[str]] = None,
        precision: _settings.Precision = "default",
        threads: Optional[int] = None,
        jobs: int = 1,
        segment: Optional[float] = None,
        repository: Optional[Path_] = None,
        download: bool = False,
    ) -> None:
        """See :func:`swift_demucs.load`."""
        self._model = errors.path_text(model)
        options = {"precision": precision, "threads": threads, "jobs": jobs, "stems": stems}
        self._options = _settings.values(options)
        if segment is not None:
            self._options["segment"] = _arrays.real(segment, "segment")
        self._repository = None if repository is None else errors.path_text(repository)
        self._lock = _call.Lock()
        try:
            self._handle = self._open()
        except errors.ModelMissingError:
            if not download or self._repository is not None:
                raise
            _zoo.fetch(self._model)
            self._handle = self._open()
        # The program may be in another folder when it opens the model again.
        self._model = errors.settled(self._model)
        if self._repository is not None:
            self._repository = str(Path(self._repository).absolute())
        self._describe()

    def _open(self) -> _call.Handle:
        options = {**self._options, "repo": self._repository}
        handle = c_void_p()
        _library.invoke(
            "sd_open", self._model.encode(), _settings.encode(options), _recordings.log, None,
            byref(handle), path=self._model,
        )  # fmt: skip
        return _call.Handle(handle, "sd_close")

    def _describe(self) -> None:
        with self._handle.use("model") as handle:
            info = _call.event("sd_model_describe", handle)
        #: The published name, or the file's name without extension.
        self.name: str = info["name"]
        #: Names of the stems that the model gives, in their order.
        self.stems: tuple[str, ...] = tuple(info["stems"])
        #: Channels of the model's input and of the stems; other audio is converted.
        self.channels: int = info["channels"]
        #: Sample rate of the model's input and of the stems, in Hz; other audio is converted.
        self.sample_rate: int = info["sample_rate_hz"]
        #: Number of checkpoints; more than one for a bag.
        self.member_count: int = info["member_count"]
        self.parameter_count: int = info["parameter_count"]
        #: Longest and default length of a segment, in seconds.
        self.segment_seconds: float = info["segment_seconds"]
        self._members: list[dict[str, Any]] = info["members"]
        #: Instruction set, matrix products, precision and threads, as text for people.
        self.engine: str = info["engine"]

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        with self._lock.held:
            if self._handle.process != os.getpid() and not self._handle.is_closed:
                self._handle = self._open()
            handle = self._handle
        with handle.use("model") as value:
            yield value

    def __getstate__(self) -> dict[str, Any]:
        if self._handle.is_closed:
            raise errors.StateError("the model is closed; open another one")
        return {"model": self._model, "repository": self._repository, **self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def close(self) -> None:
        """Frees the model, once the calls that use it have ended."""
        self._handle.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Model {self.name!r}: {', '.join(self.stems)}; {self.engine}>"

    @contextlib.contextmanager
    def _calling(
        self,
        callbacks: _call.Callbacks,
        progress: _progress.ProgressOption,
        cancellation: Optional[_call.Cancellation],
        title: Callable[[], Optional[str]] = lambda: None,
    ) -> Iterator[tuple[_call.Token, Any, Any]]:
        """A token, the model's handle and C's progress, for a call that separates."""
        with contextlib.ExitStack() as stack:
            token = stack.enter_context(_call.token(cancellation))
            handle = stack.enter_context(self._use())
            report = stack.enter_context(_progress.reporting(progress, self.sample_rate, title))
            callback = (
                _progress.c_callback(callbacks, report) if report else _library.ProgressCallback()
            )
            yield token, handle, callback

    @overload
    def separate(
        self, source: Tensor, sample_rate: Optional[int] = ..., **options: Unpack[SeparateOptions]
    ) -> Separation[Tensor]: ...

    @overload
    def separate(
        self, source: Any, sample_rate: Optional[int] = ..., **options: Unpack[SeparateOptions]
    ) -> Separation[Array]: ...

    def separate(
        self,
        source: Any,
        sample_rate: Optional[int] = None,
        *,
        seed: Seed = None,
        normalize: bool = True,
        progress: _progress.ProgressOption = None,
        cancellation: Optional[_call.Cancellation] = None,
        **settings: Unpack[_settings.SeparateSettings],
    ) -> Separation[Any]:
        """Separates a sound file, or samples ``[channels, frames]`` with full scale 1.

        :param source: a path; or float32 samples in a NumPy array, a torch tensor, or anything with
            ``__dlpack__`` or a buffer. The stems of a torch tensor are torch tensors.
        :param sample_rate: rate of the samples in Hz; ``None`` is the model's. Not for files.
        :param seed: seed of the shifts, as for ``random.seed(seed)``; or a ``random.Random``, which
            draws them and ends in the same state as with demucs, unless the caller draws from it
            meanwhile; ``None`` draws a seed.
        :param normalize: whether the track is normalised by its mean and its standard deviation.
        :param progress: a function that takes a :class:`Progress`, or whether to show a bar;
            ``None`` shows one in a terminal. If the function raises, the separation stops.
        :param settings: the command's options, with underscores: which signals to make
            (``stems=["vocals"]``, ``two_stems="vocals"``, ``mix={"karaoke": "drums+bass"}``,
            ``residual``, ``then={"drums": "drumsep"}``, ``output_rate="input"``), and how to
            separate (``shifts``, ``overlap``, ``segment``).

        Raises :class:`ArgumentError`, :class:`InputError`, :class:`Cancelled`, :class:`StateError`.
        """
        _settings.check(settings, _settings.SeparateOptions)
        _progress.check(progress)
        title, array, input_rate, layout, kind = self._source(source, sample_rate, cancellation)
        callbacks = _call.Callbacks()
        values = _settings.values(settings)
        planned = _settings.encode(values)
        values["no_normalization"] = not _arrays.flag(normalize, "normalize")
        with (
            _shifts(values, seed) as (given, generator),
            self._calling(callbacks, progress, cancellation, lambda: title) as (
                token,
                handle,
                report,
            ),
        ):
            mix = _arrays.audio(array, layout, input_rate)
            plan = _call.event("sd_plan", handle, planned, mix.frames, input_rate)
            names, frames = tuple(plan["outputs"]), plan["frames"]
            stems = np.empty((len(names), plan["channels"], frames), np.float32)
            drawn = c_uint64()
            callbacks.invoke(
                token, "sd_separate", handle, byref(mix), given, stems.ctypes.data, frames,
                _library.PLANAR, generator, byref(drawn), report, None, token.handle,
            )  # fmt: skip
        stem_rate = plan["sample_rate_hz"]
        return Separation(
            stems,
            names,
            stem_rate,
            drawn.value,
            lambda: kind(self._converted(array, layout, input_rate, stem_rate)),
            kind,
        )

    def _source(
        self,
        source: Any,
        sample_rate: Optional[int],
        cancellation: Optional[_call.Cancellation] = None,
    ) -> tuple[Optional[str], Array, int, int, Callable[[Array], Any]]:
        """The title of a file, and the samples of a source with their rate, layout and type."""
        if isinstance(source, (str, bytes, os.PathLike)):
            array, input_rate = _recordings.read(source, cancellation=cancellation)
            title = Path(errors.path_text(source)).name
            return title, array, input_rate, _library.PLANAR, _arrays.as_numpy
        array, layout, kind = _arrays.samples_of(source, "source")
        input_rate = self.sample_rate if sample_rate is None else _arrays.rate(sample_rate)
        if (peak := max(array.max(), -array.min())) > HIGH_PEAK:
            _recordings.logger.warning(
                "the samples have a peak of %.0f, far above full scale, which is 1; for 16-bit "
                "integers: samples / 32768", peak,
            )  # fmt: skip
        return None, array, input_rate, layout, kind

    def analyze(
        self,
        source: Any,
        sample_rate: Optional[int] = None,
        *,
        seed: Optional[int] = None,
        progress: _progress.ProgressOption = None,
        cancellation: Optional[_call.Cancellation] = None,
        **settings: Unpack[_settings.TuningSettings],
    ) -> Analysis:
        """Finds the tempo, the beats and the key of a track, which is separated for it.

        The arguments are those of :meth:`separate` that say how to separate. By default there are
        no shifts, so that a track always gets the same beats.

        Raises :class:`ArgumentError`, :class:`InputError`, :class:`Cancelled`, :class:`StateError`.
        """
        _settings.check(settings, _settings.TuningSettings)
        _progress.check(progress)
        title, array, input_rate, layout, _ = self._source(source, sample_rate, cancellation)
        found: list[Analysis] = []

        def take(event: dict[str, Any], _status: int) -> None:
            values = {field.name: event[field.name] for field in fields(Analysis)}
            values.update({key: tuple(values[key]) for key in ("beats", "downbeats")})
            found.append(Analysis(**values))

        callbacks = _call.Callbacks()
        callback = _call.event_callback(callbacks, take)
        given = _settings.encode({"shifts": 0, "seed": seed, **settings})
        with self._calling(callbacks, progress, cancellation, lambda: title) as call:
            token, handle, report = call
            mix = _arrays.audio(array, layout, input_rate)
            callbacks.invoke(
                token, "sd_analyze", handle, byref(mix), given, callback, report, None, token.handle
            )
        return found[0]

    def _converted(self, array: Array, layout: int, old_rate: int, new_rate: int) -> Array:
        """The samples in the model's channels and a new rate; the array itself if it has both."""
        if old_rate == new_rate and array.shape[0] == self.channels:
            return array
        return _recordings.convert(array, layout, old_rate, self.channels, new_rate)

    def stream(
        self,
        blocks: Iterable[Any],
        sample_rate: Optional[int] = None,
        *,
        block_frames: int = 44_100,
        seed: Seed = None,
        progress: _progress.ProgressOption = False,
        cancellation: Optional[_call.Cancellation] = None,
        **settings: Unpack[_settings.StreamSettings],
    ) -> Iterator[dict[str, Any]]:
        """Separates blocks of samples ``[channels, frames]`` in flat memory.

        Yields blocks of stems by name, of at most ``block_frames`` frames. HTDemucs normalises a
        track by its mean and its standard deviation, so blocks wait in a temporary file (in the
        folder ``spool``) until the last one has come; the stems then equal those of
        :meth:`separate`. With ``live=True`` stems come after a constant delay and differ a little,
        and nothing is written to the disk; ``lookahead``, ``hop`` and ``window`` are in seconds.

        The other arguments are those of :meth:`separate`. Raises its errors, and
        :class:`OutputError` for the temporary file.
        """
        _settings.check(settings, _settings.StreamOptions)
        _progress.check(progress)
        capacity = _arrays.integer(block_frames, "block_frames", 1, 10_000_000)
        input_rate = self.sample_rate if sample_rate is None else _arrays.rate(sample_rate)
        return self._stream(
            iter(blocks), input_rate, {**settings}, capacity, seed, progress, cancellation
        )

    def _stream(
        self,
        blocks: Iterator[Any],
        input_rate: int,
        settings: dict[str, Any],
        capacity: int,
        seed: Seed,
        progress: _progress.ProgressOption,
        cancellation: Optional[_call.Cancellation],
    ) -> Iterator[dict[str, Any]]:
        callbacks = _call.Callbacks()
        with contextlib.ExitStack() as stack:
            given, generator = stack.enter_context(_shifts(settings, seed))
            token, model, report = stack.enter_context(
                self._calling(callbacks, progress, cancellation)
            )
            try:
                array, layout, kind = _arrays.samples_of(next(blocks), "block 0", True)
            except StopIteration:
                raise errors.ArgumentError(
                    "the stream has no block, expected at least one"
                ) from None
            channels = array.shape[0]
            opened = c_void_p()
            _library.invoke(
                "sd_stream_open", model, channels, input_rate, given, generator, report, None,
                token.handle, byref(opened),
            )  # fmt: skip
            names = _call.event("sd_plan", model, given, 0, input_rate)["outputs"]
            handle = _call.Handle(opened, "sd_stream_close")
            stack.callback(handle.close)
            stream = stack.enter_context(handle.use("stream"))
            frames = c_size_t()

            def pull(stems: Array) -> int:
                """Fills the stems; returns the frames, 0 if input is missing or at the end."""
                status = callbacks.invoke(
                    token, "sd_stream_pull", stream, stems.ctypes.data, capacity, _library.PLANAR,
                    byref(frames),
                )  # fmt: skip
                return 0 if status == _library.DONE else frames.value

            def pulled() -> Iterator[dict[str, Any]]:
                shape = (len(names), self.channels, capacity)
                stems = np.empty(shape, np.float32)
                while (count := pull(stems)) > 0:
                    yield {name: kind(stem[:, :count]) for name, stem in zip(names, stems)}
                    stems = np.empty(shape, np.float32)

            def push() -> None:
                _library.invoke("sd_stream_push", stream, array.ctypes.data, array.shape[1], layout)

            push()
            for index, block in enumerate(blocks, 1):
                # Nothing yet, unless the stream is live.
                yield from pulled()
                array, layout, _ = _arrays.samples_of(block, f"block {index}", True)
                if array.shape[0] != channels:
                    raise errors.ArgumentError(
                        f"block {index} has {array.shape[0]} channels, expected {channels} as in "
                        "the first block"
                    )
                push()
            callbacks.invoke(token, "sd_stream_finish", stream)
            yield from pulled()

    def trace(
        self,
        source: Any,
        sample_rate: Optional[int] = None,
        *,
        start: float = 0.0,
        seconds: Optional[float] = None,
        names: Union[str, Iterable[str], None] = None,
    ) -> dict[str, Array]:
        """Activations inside the network for one chunk of audio, by the reference's names.

        :param source: as for :meth:`separate`; normalised by the statistics of the whole source.
        :param start: start of the chunk in the track, in seconds.
        :param seconds: length of the chunk; ``None`` is the model's segment.
        :param names: patterns such as ``"encoder.*"``; ``None`` gives all.

        Raises :class:`ArgumentError`, and :class:`ModelError` for a bag of several models.
        """
        _, array, input_rate, layout, _ = self._source(source, sample_rate)
        if names is not None and not isinstance(names, str):
            names = ",".join(names)
        patterns = None if names is None else _library.text(names, "names")
        mix = _arrays.audio(array, layout, input_rate)
        length = 0.0 if seconds is None else _arrays.real(seconds, "seconds")
        values: dict[str, Array] = {}
        callbacks = _call.Callbacks()
        with _call.token(None) as token, self._use() as handle:

            def keep(name: bytes, shape: Any, rank: int, samples: Any) -> None:
                sizes = tuple(shape[axis] for axis in range(rank))
                values[name.decode()] = _arrays.copied(samples, sizes)

            def take(_context: Any, *given: Any) -> int:
                failed = callbacks.guard(lambda: keep(*given))
                return 1 if token.is_cancelled else failed

            callback = _library.TraceCallback(take)
            callbacks.invoke(
                token, "sd_trace", handle, byref(mix), _arrays.real(start, "start"), length,
                patterns, callback, None,
            )  # fmt: skip
        return values

    def separate_files(
        self,
        paths: Iterable[Path_],
        out: Path_ = "separated",
        **options: Unpack[_settings.FileOptions],
    ) -> list[FileResult]:
        """See :func:`swift_demucs.separate_files`."""
        return _runs.separate_files(self, paths, out, **options)


def load(
    model: Path_ = "htdemucs",
    *,
    stems: Optional[Iterable[str]] = None,
    precision: _settings.Precision = "default",
    threads: Optional[int] = None,
    jobs: int = 1,
    segment: Optional[float] = None,
    repository: Optional[Path_] = None,
    download: bool = False,
) -> Model:
    """Loads a model.

    :param model: a published name (``htdemucs``, ``htdemucs_ft``, ``htdemucs_6s``), ``demo``, a
        signature, ``hf://...``; or the path of a checkpoint (safetensors, th, demucs.cpp's bin,
        onnx) or of a bag's yaml; or several with ``+`` between them, whose stems are averaged.
    :param stems: names of the wanted stems; a bag loads only the models that they need.
    :param precision: ``default`` (``int8`` for files with INT8 weights, else ``float32``, which
        equals demucs), ``float32``, ``bfloat16``, ``int8``, or ``auto``: ``int8`` for HTDemucs on
        CPUs with VNNI and without AMX, else the faster of ``bfloat16`` and ``float32``.
    :param threads: cores to use; ``None`` for all.
    :param jobs: segments of a track that run at once, sharing the threads.
    :param segment: seconds of the network's input, the attribute ``segment`` of a model of demucs
        (that of :meth:`Model.separate` is its argument): of HTDemucs at most its own, of Demucs v3
        any length. That of a RoFormer can't be changed.
    :param repository: a folder of models that is searched first.
    :param download: whether to :func:`fetch` the model if it is missing.

    Raises :class:`ModelMissingError`, :class:`ModelError`, :class:`ArgumentError`,
    :class:`EngineError`.
    """
    return Model(
        model, stems=stems, precision=precision, threads=threads, jobs=jobs, segment=segment,
        repository=repository, download=download,
    )  # fmt: skip
