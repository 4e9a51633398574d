"""The settings of the C library: the command's options, as keywords and as JSON.

The engine checks their values. A test compares the names with the engine's.
"""

from __future__ import annotations

import difflib
import json
import os
from typing import TYPE_CHECKING, Any, Iterable, Literal, Mapping, Optional, TypedDict, Union

import numpy as np

from . import _library, errors

if TYPE_CHECKING:
    import random

    from typing_extensions import Unpack as Unpack

    from . import _call, _progress, _recordings

Precision = Literal["default", "float32", "bfloat16", "int8", "auto"]
Names = Union[str, Iterable[str], None]
Pairs = Union[str, Iterable[str], Mapping[str, str], None]
Number = Union[float, str, None]


class TuningSettings(TypedDict, total=False):
    """How to separate."""

    shifts: Optional[int]
    overlap: Optional[float]
    segment: Optional[float]
    no_split: Optional[bool]
    transition_power: Optional[float]
    precision: Optional[Precision]


class SeparateSettings(TuningSettings, total=False):
    """Also which signals to make, and their rate."""

    stems: Names
    two_stems: Optional[str]
    other_method: Optional[str]
    mix: Pairs
    residual: Optional[bool]
    then: Pairs
    output_rate: Optional[str]


class CallOptions(TypedDict, total=False):
    """Keywords that are no settings."""

    progress: _progress.ProgressOption
    cancellation: Optional[_call.Cancellation]


class SeparateOptions(SeparateSettings, CallOptions, total=False):
    """The keywords of `separate`."""

    seed: Union[int, random.Random, None]
    normalize: bool


class StreamSettings(SeparateSettings, total=False):
    """The settings of a stream."""

    live: Optional[bool]
    lookahead: Number
    hop: Number
    window: Number
    spool: Optional[_recordings.Path_]


class StreamOptions(StreamSettings, CallOptions, total=False):
    """The keywords of `stream`."""

    seed: Union[int, random.Random, None]
    block_frames: int


class EncodingSettings(TypedDict, total=False):
    """How samples are written."""

    flac: Optional[bool]
    mp3: Optional[bool]
    mp3_bitrate: Optional[int]
    mp3_preset: Optional[int]
    int24: Optional[bool]
    float32: Optional[bool]
    clip_mode: Optional[str]


class WriteSettings(EncodingSettings, total=False):
    """Also the container of a file."""

    format: Optional[str]


class FileSettings(SeparateSettings, WriteSettings, total=False):
    """The settings of a run over files."""

    seed: Optional[int]
    start: Number
    duration: Number
    downmix: Optional[str]
    filename: Optional[str]
    safe_names: Optional[bool]
    gain: Optional[str]
    no_tags: Optional[bool]
    analyze: Optional[bool]
    stem_file: Optional[str]
    stem_codec: Optional[str]
    spool: Optional[_recordings.Path_]
    skip_existing: Optional[bool]
    force: Optional[bool]
    dry_run: Optional[bool]
    timeout: Number
    max_duration: Number
    failed: Optional[_recordings.Path_]


class FileOptions(FileSettings, CallOptions, total=False):
    """The keywords of `separate_files`."""


def check(given: Iterable[str], kind: Any) -> None:
    """Raises :class:`TypeError` for a keyword that a TypedDict of settings hasn't."""
    names = sorted(kind.__optional_keys__)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}"
            raise TypeError(f"unknown setting {name!r}; {hint}")


def encode(settings: Mapping[str, Any]) -> bytes:
    """The JSON of :func:`values`: ``output_rate`` is the option ``--output-rate``."""
    given = {name.replace("_", "-"): value for name, value in values(settings).items()}
    return _library.text(json.dumps(given), "the settings")


def values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of keyword arguments for JSON. Reads an iterator, which has its items only once.

    ``None`` leaves an option out, and so does the precision ``"default"``. A mapping stands for its
    pairs, ``{"karaoke": "drums+bass"}`` for ``karaoke=drums+bass``.

    Raises :class:`TypeError` for a value that is none of text, number, bool, path, list, mapping.
    """
    return {
        name: _value(value, name)
        for name, value in settings.items()
        if value is not None and not (name == "precision" and value == "default")
    }


def _value(value: Any, name: str) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (str, os.PathLike, int, float, np.number)):
        return _text(value, name)
    if isinstance(value, Mapping):
        return [f"{key}={_text(part, name)}" for key, part in value.items()]
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise _unknown(value, name)
    try:
        return [_text(part, name) for part in value]
    except TypeError:
        raise _unknown(value, name) from None


def _text(value: Any, name: str) -> str:
    """A value as text; a number without an exponent."""
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return errors.path_text(value)
    if isinstance(value, (float, np.floating)):
        return np.format_float_positional(value, trim="-")
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    raise _unknown(value, name)


def _unknown(value: Any, name: str) -> TypeError:
    return TypeError(
        f"{name} is {value!r}, a {type(value).__name__}; expected text, a number, True or False, "
        "a list or a mapping of these"
    )
