"""``demucs``, by swift_demucs."""

from importlib import import_module as _import
from typing import Any as _Any

from swift_demucs._missing import missing as _missing

__version__ = "4.1.0"


def __getattr__(name: str) -> _Any:
    # ``from demucs import separate`` asks for the module as a name first.
    if name.startswith("_"):
        _missing(name)
    try:
        return _import(f"{__name__}.{name}")
    except ModuleNotFoundError:
        _missing(name)
