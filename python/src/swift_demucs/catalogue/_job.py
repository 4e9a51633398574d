"""The job of a run, its tracks and their failures. Every worker gets a copy of the job."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._library import PROGRAM


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
    options: Tuple[str, ...] = ()
    threads: int = 1
    limits: Limits = Limits()
    #: Path of the native command; ``None`` for the package's own on each node.
    program: Optional[str] = None
    #: Settings of fsspec by protocol, as in its configuration files.
    storage: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> List[str]:
        """The native command, without manifest and output folder."""
        return [self.program or str(PROGRAM), "-n", self.model, *self.options]


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
    line: Dict[str, Any]
    #: Files of the stems below ``out``, by stem.
    files: Dict[str, str]
    #: Digest of checkpoints and parameters; a result with the same digest is not made again.
    request: str
    tries: int = 0
    place_tries: int = 0
    #: Nodes on which the track failed.
    avoid: Tuple[str, ...] = ()

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

    def __init__(self, error_class: str, text: str, result: Optional[Dict[str, Any]] = None):
        super().__init__(text)
        self.error_class = error_class
        #: Result line of the command; empty if there was none.
        self.result = result or {}
