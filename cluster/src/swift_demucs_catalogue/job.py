"""The job of a run, its tracks and their failures. Every worker gets a copy of the job."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

#: Environment variable that names another ``swift-demucs`` than that on PATH.
PROGRAM_VARIABLE = "SWIFT_DEMUCS"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a track: time, memory, duration and number of tries."""

    #: Time for one track; a process that hangs is killed a little later.
    timeout_seconds: float = 3600.0
    #: Resident memory of the process that separates.
    memory_bytes: int = 8 << 30
    #: Longest track.
    duration_seconds: float = 4 * 3600.0
    #: Failures of the track after which it is put into quarantine.
    tries: int = 3
    #: Failures of the network, a disk or a node after which a run gives the track up.
    place_tries: int = 6


@dataclasses.dataclass(frozen=True)
class Job:
    """The model, its options, and the output folder."""

    #: Output folder, or a URL that fsspec knows.
    out: str
    model: str = "htdemucs"
    #: More arguments of ``swift-demucs``, such as ``("--precision", "auto")``.
    options: tuple[str, ...] = ()
    threads: int = 1
    limits: Limits = Limits()
    #: The command on each node: a path, or a name on PATH.
    program: str = dataclasses.field(
        default_factory=lambda: os.environ.get(PROGRAM_VARIABLE) or "swift-demucs"
    )
    #: Settings of fsspec by protocol, as in its configuration files.
    storage: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """The command, without manifest and output folder."""
        return [self.program, "-n", self.model, *self.options]


def canonical(value: object) -> str:
    """Canonical JSON: equal texts for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """SHA-256 of texts, joined by newlines."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Track:
    """A track of the manifest, and its failures so far."""

    id: str
    path: str
    #: The track's line of the manifest, without the path.
    line: dict[str, Any]
    #: Files of the stems below ``out``, by stem.
    files: dict[str, str]
    #: Digest of checkpoints and parameters; a result with the same digest is not made again.
    request: str
    tries: int = 0
    place_tries: int = 0
    #: Nodes on which the track failed.
    avoid: tuple[str, ...] = ()

    def key(self, audio_sha256: str) -> str:
        """Identifies a result: equal for equal audio, checkpoints and parameters."""
        return digest(audio_sha256, self.request)

    @property
    def folder(self) -> str:
        """Folder of the stems, below ``out``."""
        return next(iter(self.files.values())).rpartition("/")[0]

    def pack(self) -> str:
        """Encodes the track as JSON, for Ray's blocks."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def unpack(text: str) -> Track:
        """The inverse of :meth:`pack`."""
        values = json.loads(text)
        values["avoid"] = tuple(values["avoid"])
        return Track(**values)


#: Classes of transient errors: a try later or on another node may succeed.
TRANSIENT_ERRORS = frozenset({"network", "no_room", "model", "node"})


class Failure(Exception):
    """Failure of a track; its class is one of the command's, ``network`` or ``node``."""

    def __init__(self, error_class: str, text: str, result: dict[str, Any] | None = None):
        super().__init__(text)
        self.error_class = error_class
        #: Result line of the command; empty if there was none.
        self.result = result or {}
