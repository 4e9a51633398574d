"""The folder of a package ``demucs`` over this one; ``__main__`` says how to use it."""

from __future__ import annotations

from typing import NoReturn


class MissingNameError(NotImplementedError, ModuleNotFoundError):
    """A name or module of demucs that this engine doesn't have.

    ``except ImportError`` takes it where an import is optional. It is no :class:`AttributeError`,
    which ``import`` would replace by a message without advice.
    """


def missing(name: str) -> NoReturn:
    """``__getattr__`` of the modules; private names are those that Python itself looks for."""
    kind = AttributeError if name.startswith("_") else MissingNameError
    raise kind(
        f"swift-demucs has no {name!r} of demucs; docs/from-demucs.md lists the names that exist, "
        "and without as_demucs the program runs on demucs"
    )
