"""What a run is asked to do. Every worker gets a copy."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._library import PROGRAM


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a track, and how often it is tried."""

    #: Of a track; a stuck process is killed a little later.
    timeout_seconds: float = 3600.0
    #: Resident memory of the process that separates.
    memory_bytes: int = 8 << 30
    #: Longest track.
    duration_seconds: float = 4 * 3600.0
    #: A track that has failed so often is in quarantine.
    tries: int = 3
    #: Tries that failed because of the network, a disk or a node.
    place_tries: int = 6


@dataclasses.dataclass(frozen=True)
class Job:
    """The model, its options, and where stems go."""

    #: A folder, or a URL that fsspec knows.
    out: str
    model: str = "htdemucs"
    #: More arguments of ``swift-demucs``, such as ``("--precision", "auto")``.
    options: Tuple[str, ...] = ()
    threads: int = 1
    limits: Limits = Limits()
    #: ``None`` for the package's own on each node.
    program: Optional[str] = None
    #: Settings of fsspec by protocol, as in its configuration files.
    storage: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> List[str]:
        """The native command, without manifest and output folder."""
        return [self.program or str(PROGRAM), "-n", self.model, *self.options]


def canonical(value: object) -> str:
    """JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """SHA-256 of some texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Track:
    """A track of the manifest, and what became of it so far."""

    id: str
    path: str
    #: Its line of the manifest, but for the path.
    line: Dict[str, Any]
    #: Files of its stems below ``out``, by stem.
    files: Dict[str, str]
    #: Of checkpoints and parameters: results with the same one need no other separation.
    request: str
    tries: int = 0
    place_tries: int = 0
    #: Nodes that failed with it.
    avoid: Tuple[str, ...] = ()

    def key(self, audio_sha256: str) -> str:
        """Identifies a result: equal for equal audio, checkpoints and parameters."""
        return digest(audio_sha256, self.request)

    @property
    def folder(self) -> str:
        """Of its stems, below ``out``."""
        return next(iter(self.files.values())).rpartition("/")[0]

    def pack(self) -> str:
        """As text, for Ray's blocks."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def unpack(text: str) -> Track:
        """The inverse of :meth:`pack`."""
        values = json.loads(text)
        values["avoid"] = tuple(values["avoid"])
        return Track(**values)


#: Errors of the place: another try, elsewhere or later, may succeed with the same track.
PLACE_ERRORS = frozenset({"network", "no_room", "model", "node"})


class Failure(Exception):
    """Why a track failed, in the classes of the command and ``network`` and ``node``."""

    def __init__(self, error_class: str, text: str, result: Optional[Dict[str, Any]] = None):
        super().__init__(text)
        self.error_class = error_class
        #: The result line, where there was one.
        self.result = result or {}
