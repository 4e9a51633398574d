"""What is checked about the storage before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List
from urllib.parse import urlsplit

from ._job import Failure, Job
from ._manifest import Catalogue, ManifestError
from ._store import Store, is_url

SAMPLES = 3


def check_storage(catalogue: Catalogue, job: Job, store: Store, scratch: Path) -> None:
    """Reads a byte from each place that tracks come from, and writes a file where stems go.

    Raises :class:`ManifestError` that names the place.
    """
    places: Dict[str, List[str]] = {}
    for track in catalogue.tracks:
        parts = urlsplit(track.path) if is_url(track.path) else None
        place = f"{parts.scheme}://{parts.netloc}" if parts else "local files"
        samples = places.setdefault(place, [])
        if len(samples) < SAMPLES:
            samples.append(track.path)
    for place, samples in places.items():
        _check_readable(place, samples, store)
    try:
        store.check_writable(job.out, scratch)
    except Failure as failure:
        raise ManifestError(
            f"{job.out}: stems can't be written there: {failure}; check the name, the credentials "
            "and the permissions"
        ) from failure


def _check_readable(place: str, samples: List[str], store: Store) -> None:
    problems = []
    for sample in samples:
        try:
            with store.open(sample) as file:
                file.read(1)
            return
        except Failure as failure:
            problems.append(failure)
        except OSError as error:
            problems.append(Failure("network", f"{sample}: {error}"))
    # A missing track is a failure of that track; a missing bucket is one of all.
    are_missing = all(problem.error_class == "unreadable" for problem in problems)
    if are_missing and (not is_url(place) or store.can_list(place)):
        return
    raise ManifestError(
        f"{place}: tracks can't be read: {problems[0]}; check the name, the credentials and the "
        "permissions"
    )
