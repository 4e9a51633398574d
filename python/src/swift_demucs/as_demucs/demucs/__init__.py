"""``demucs``, by swift_demucs."""

import sys
from importlib import import_module as _import
from typing import Any

from swift_demucs.as_demucs import missing as _missing

__version__ = "4.1.0"


class _Missing:
    """The last finder: raises for modules that no other one has found."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name.startswith(f"{__name__}."):
            _missing(name)


sys.meta_path.append(_Missing)


def __getattr__(name: str) -> object:
    # ``from demucs import separate`` asks for the module as a name first.
    return _missing(name) if name.startswith("_") else _import(f"{__name__}.{name}")
