"""The models that can be downloaded, and their files on this machine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Optional

from . import _call, _library, _recordings, errors
from ._recordings import Path_


@dataclasses.dataclass(frozen=True)
class PublishedModel:
    """A published model, and its files on this machine."""

    name: str
    summary: str
    stems: tuple[str, ...]
    #: Signatures of the checkpoints.
    signatures: tuple[str, ...]
    #: Repository on Hugging Face, as ``hf://...`` accepts it.
    hub_repository: str
    #: Size of the download in MB, rounded; ``None`` if unknown.
    download_megabytes: Optional[int]
    #: Files of the model; empty if it is not on this machine.
    files: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class LinkedModel:
    """A model of another author that :func:`fetch` knows, and its files on this machine."""

    name: str
    summary: str
    #: What is known of the licence of the weights.
    licence: str
    url: str
    #: Checksum of the checkpoint; ``None`` if none is published.
    sha256: Optional[str]
    #: Size of the checkpoint in bytes; ``None`` if unknown.
    size: Optional[int]
    #: The checkpoint; empty if it is not on this machine.
    files: tuple[Path, ...]


def models(repository: Optional[Path_] = None) -> list[PublishedModel]:
    """The published models, and which of them are on this machine."""
    return _listed(PublishedModel, "model", repository)


def linked_models(repository: Optional[Path_] = None) -> list[LinkedModel]:
    """Models of other authors that :func:`fetch` knows, and which of them are on this machine."""
    return _listed(LinkedModel, "linked", repository)


# Fields that the events of ``sd_models`` call otherwise.
_KEYS = {
    "stems": "sources", "hub_repository": "hubRepository", "size": "countBytes",
    "download_megabytes": "downloadMegabytes",
}  # fmt: skip


def _listed(kind: Any, title: str, repository: Optional[Path_]) -> list[Any]:
    """The models of one kind of the events of ``sd_models``."""
    found: list[Any] = []

    def value(event: dict[str, Any], field: Any) -> Any:
        key = _KEYS.get(field.name, field.name)
        given = event.get(key) if field.type.startswith("Optional") else event[key]
        if isinstance(given, list):
            return tuple(map(Path, given) if field.name == "files" else given)
        return given

    def take(event: dict[str, Any], _status: int) -> None:
        if event["event"] == title:
            found.append(kind(**{f.name: value(event, f) for f in dataclasses.fields(kind)}))

    folder = None if repository is None else errors.path_text(repository)
    callbacks = _call.Callbacks()
    callback = _call.event_callback(callbacks, take)
    with _call.token(None) as token:
        encoded = None if folder is None else folder.encode()
        callbacks.invoke(token, "sd_models", encoded, callback, None, path=folder)
    return found


def fetch(name: str, *, cancellation: Optional[_call.Cancellation] = None) -> list[Path]:
    """Downloads a published model if it is missing, and returns its files.

    An interrupted download goes on where it stopped. Raises :class:`ModelMissingError` for an
    unknown name and a failed download, and :class:`Cancelled`.
    """
    encoded = _library.text(name, "the model")
    _recordings.logger.info("fetching the model %s", name)
    files: list[Path] = []

    def take(event: dict[str, Any], _status: int) -> None:
        if event["event"] == "file":
            files.append(Path(event["path"]))

    callbacks = _call.Callbacks()
    callback = _call.event_callback(callbacks, take)
    with _call.token(cancellation) as token:
        callbacks.invoke(token, "sd_fetch", encoded, callback, None, token.handle, path=name)
    return files
