"""``demucs``, by swift_demucs."""

from importlib import import_module as _import

from swift_demucs.as_demucs import missing as _missing

__version__ = "4.1.0"


def __getattr__(name: str) -> object:
    # ``from demucs import separate`` asks for the module as a name first.
    try:
        return _missing(name) if name.startswith("_") else _import(f"{__name__}.{name}")
    except ModuleNotFoundError:
        _missing(name)
