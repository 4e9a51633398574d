"""The settings of the C library: the command's options as JSON, which only the engine knows."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

import numpy as np

from . import _library, errors


def encode(settings: Mapping[str, Any]) -> bytes:
    """The settings of keyword arguments: ``output_rate`` is the option ``--output-rate``.

    ``None`` leaves an option out. A mapping stands for its pairs, ``{"karaoke": "drums+bass"}`` for
    ``karaoke=drums+bass``.

    Raises :class:`TypeError` for a value that is none of text, number, bool, path, list, mapping.
    """
    given = {
        name.replace("_", "-"): _value(value, name)
        for name, value in settings.items()
        if value is not None
    }
    return _library.text(json.dumps(given), "the settings")


def _value(value: Any, name: str) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (str, os.PathLike, int, float, np.number)):
        return _text(value, name)
    if isinstance(value, Mapping):
        return [f"{key}={_text(part, name)}" for key, part in value.items()]
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
