"""A catalogue of tracks, separated on a Ray cluster.

    python -m swift_demucs.catalogue run manifest.parquet s3://bucket/stems --model htdemucs

Needs the extra ``ray``: ``pip install "swift-demucs[ray]"``. ``docs/cluster.md`` describes it. The
native command separates; this package hands out tracks, moves files and keeps the table of results.
"""

from __future__ import annotations

try:
    import fsspec as _fsspec  # noqa: F401
    import pyarrow as _pyarrow  # noqa: F401
except ImportError as _error:
    raise ImportError(
        f"swift_demucs.catalogue needs {_error.name}; install it with: "
        'pip install "swift-demucs[ray]"'
    ) from _error

from ._job import Job, Limits
from ._manifest import Catalogue, ManifestError, load
from ._plan import Plan, plan
from ._report import report
from ._run import run, start_ray
from ._status import Status, status
from ._table import COLUMNS, SCHEMA, Table
from ._verify import Verification, verify

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "Catalogue",
    "Job",
    "Limits",
    "ManifestError",
    "Plan",
    "Status",
    "Table",
    "Verification",
    "load",
    "plan",
    "report",
    "run",
    "start_ray",
    "status",
    "verify",
]
