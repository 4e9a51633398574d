"""The functions of ``demucs.api`` (demucs 4.1.0), on this engine.

    import swift_demucs.api as demucs_api  # instead of: import demucs.api as demucs_api

Arguments, results, callbacks and random shifts are the reference's; but shifts and a bag's models
advance together, and so do their callbacks. Where the reference returns torch tensors, so does this
module if the caller imported torch; else it returns NumPy arrays.
``device`` is accepted and has no effect: everything runs on the CPU.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Callable, Optional, Union

from . import _arrays, _modules, _progress, _recordings, audio
from ._modules import LoadModelError, list_models
from .audio import LoadAudioError, save_audio

__all__ = ["LoadAudioError", "LoadModelError", "Separator", "list_models", "save_audio"]


class _NotProvided:
    """Default value of an argument that was left out."""


NotProvided = _NotProvided()

Callback = Callable[[dict[str, Any]], object]


def reporter(
    callback: Optional[Callback],
    callback_arg: Optional[dict[Any, Any]],
    bar: Optional[Callable[[_progress.Progress], object]],
) -> _progress.ProgressOption:
    """A function that reports to a bar, and to a callback with the reference's dictionary."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}, expected a function that takes a dict, or None")
    if not isinstance(callback_arg, (dict, type(None))):
        raise TypeError(f"callback_arg is {callback_arg!r}, expected a dict or None")
    if callback is None and bar is None:
        return False

    def report(progress: _progress.Progress) -> None:
        if bar is not None:
            bar(progress)
        if callback is not None:
            callback(
                {
                    "progress": progress.fraction,
                    **(callback_arg or {}),
                    "models": progress.member_count,
                    "model_idx_in_bag": progress.member,
                    "shift_idx": progress.shift,
                    "segment_offset": progress.segment_offset,
                    "state": "end" if progress.has_ended else "start",
                }
            )

    return report


def tuning(shifts: Any, split: Any, overlap: Any, segment: Any) -> dict[str, Any]:
    """The engine's settings for arguments of the reference. Raises :class:`TypeError`."""
    return {
        "shifts": _arrays.integer(shifts, "shifts", 0, 100),
        "no_split": not _arrays.flag(split, "split"),
        "overlap": None if overlap is None else _arrays.real(overlap, "overlap"),
        "segment": None if segment is None else _arrays.real(segment, "segment"),
    }


class Separator:
    """Separates tracks, with the arguments of ``demucs.api.Separator``.

    A missing model is downloaded, unless ``repo`` is given. ``callback`` is called as a segment
    begins and when it has ended, in the thread that called the separation, with a dictionary of
    ``callback_arg`` and ``model_idx_in_bag``, ``shift_idx``, ``segment_offset``, ``state``
    (``"start"`` or ``"end"``), ``audio_length``, ``models``, and ``progress`` from 0 to 1. The
    models of a bag and the shifts advance together, unlike in the reference. An
    exception in it, such as :class:`KeyboardInterrupt`, stops the separation, which then raises it.

    Raises :class:`LoadModelError`.
    """

    def __init__(
        self,
        model: str = "htdemucs",
        repo: Optional[Path] = None,
        device: Any = "cpu",
        shifts: int = 1,
        overlap: Optional[float] = None,
        split: bool = True,
        segment: Optional[float] = None,
        jobs: int = 0,
        progress: bool = False,
        callback: Optional[Callback] = None,
        callback_arg: Optional[dict[Any, Any]] = None,
    ) -> None:
        self._name, self._repo = _modules.settled(model, repo)
        self._arguments: dict[str, Any] = {}
        self.update_parameter(
            device, shifts, overlap, split, segment, jobs, progress, callback, callback_arg
        )
        self._engine_jobs = self._wanted_jobs()
        self._load_model()

    def update_parameter(
        self,
        device: Any = NotProvided,
        shifts: Union[int, _NotProvided] = NotProvided,
        overlap: Union[float, _NotProvided, None] = NotProvided,
        split: Union[bool, _NotProvided] = NotProvided,
        segment: Union[float, _NotProvided, None] = NotProvided,
        jobs: Union[int, _NotProvided] = NotProvided,
        progress: Union[bool, _NotProvided] = NotProvided,
        callback: Union[Callback, _NotProvided, None] = NotProvided,
        callback_arg: Union[dict[Any, Any], _NotProvided, None] = NotProvided,
    ) -> None:
        """Changes the arguments that are given, for later separations."""
        given = {
            "device": device, "shifts": shifts, "overlap": overlap, "split": split,
            "segment": segment, "jobs": jobs, "progress": progress, "callback": callback,
            "callback_arg": callback_arg,
        }  # fmt: skip
        given = {name: value for name, value in given.items() if value is not NotProvided}
        _modules.ignore(given.get("device"))
        reporter(given.get("callback"), given.get("callback_arg"), None)
        self._arguments.update(given)

    def _wanted_jobs(self) -> int:
        return max(1, _arrays.integer(self._arguments["jobs"], "jobs", 0, 1024))

    def _load_model(self) -> None:
        """Sets the model, its rate and its channels; a subclass may set another model."""
        self._model = _modules.load(self._name, self._repo, self._engine_jobs)
        self._samplerate = self._model.samplerate
        self._audio_channels = self._model.audio_channels

    def separate_tensor(self, wav: Any, sr: Optional[int] = None) -> tuple[Any, dict[str, Any]]:
        """Separates samples ``[channels, frames]``, float32 with full scale 1.

        Returns the samples, converted to the model's rate if ``sr`` is another one, and the stems
        by name.
        """
        if self._wanted_jobs() != self._engine_jobs:
            self._engine_jobs = self._wanted_jobs()
            segment = getattr(self._model, "segment", None)
            self._load_model()
            if segment is not None:
                self._model.segment = segment
        array, layout, kind = _arrays.samples_of(wav, "wav")
        rate = self._samplerate if sr is None else _arrays.rate(sr, "sr")
        if rate != self._samplerate:
            array = _recordings.convert(array, layout, rate, self._audio_channels, self._samplerate)
            wav = kind(array)
        shifts, split, overlap, segment = (
            self._arguments[name] for name in ("shifts", "split", "overlap", "segment")
        )
        settings = tuning(shifts, split, overlap, segment)
        with _progress.reporting(bool(self._arguments["progress"]), self._samplerate) as bar:
            stems = self._model.engine.separate(
                array,
                seed=random,  # type: ignore[call-overload]
                **settings,
                progress=reporter(
                    self._arguments["callback"],
                    {**(self._arguments["callback_arg"] or {}), "audio_length": array.shape[1]},
                    bar,
                ),
            )
        return wav, {name: kind(stem) for name, stem in stems.items()}

    def separate_audio_file(self, file: Union[str, Path]) -> tuple[Any, dict[str, Any]]:
        """Separates a sound file; returns its samples at the model's rate and the stems by name.

        Raises :class:`LoadAudioError`.
        """
        return self.separate_tensor(self._load_audio(file), self._samplerate)

    def _load_audio(self, track: Union[str, Path]) -> Any:
        """Samples of a sound file at the model's rate. Raises :class:`LoadAudioError`."""
        with audio.loading(track):
            array, _ = _recordings.read(
                track, sample_rate=self._samplerate, channels=self._audio_channels
            )
        return _arrays.as_caller_wants(array)

    @property
    def samplerate(self) -> int:
        """Sample rate of the model and the stems, in Hz."""
        return self._samplerate

    @property
    def audio_channels(self) -> int:
        """Number of channels of the model and the stems."""
        return self._audio_channels

    @property
    def model(self) -> _modules.AnyModel:
        """The model's ``sources``, ``samplerate``, ``audio_channels`` and ``segment``."""
        return self._model
