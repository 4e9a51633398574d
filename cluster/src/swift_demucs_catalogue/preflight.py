"""Checks of the storage before a run starts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from .job import Failure, Job
from .manifest import Catalogue, ManifestError
from .store import Store, is_url

SAMPLES = 3


def check_storage(catalogue: Catalogue, job: Job, store: Store, scratch: Path) -> None:
    """Reads a byte of a track from each storage, and writes a file into the output folder.

    Raises :class:`ManifestError` that names the storage.
    """
    places: dict[str, list[str]] = {}
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


def _check_readable(place: str, samples: list[str], store: Store) -> None:
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
    # A missing file is a failure of one track; a missing bucket is a failure of all tracks.
    are_missing = all(problem.error_class == "unreadable" for problem in problems)
    if are_missing and (not is_url(place) or store.can_list(place)):
        return
    raise ManifestError(
        f"{place}: tracks can't be read: {problems[0]}; check the name, the credentials and the "
        "permissions"
    )
