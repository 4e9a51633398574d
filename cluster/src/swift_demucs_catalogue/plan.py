"""Estimate of a run, from a sample of the durations and the speed of this machine."""

from __future__ import annotations

import dataclasses
import os
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .engine import Engine
from .job import Failure, Job, Track
from .manifest import Catalogue, ManifestError, load
from .preflight import check_storage
from .run import missing
from .store import Store, is_url
from .table import Table
from .worker import CoreClaim

MEASURED_SECONDS = 60
#: Tracks to probe, drawn at random.
PROBED_TRACKS = 200


@dataclasses.dataclass(frozen=True)
class Plan:
    """Estimate of a run. Hours of audio and bytes are extrapolated from the probed tracks."""

    tracks: int
    pending: int
    probed: int
    unreadable: int
    audio_hours: float
    source_bytes: int
    output_bytes: int
    #: Seconds of audio that a core separates in a second, with all cores at work.
    realtime_factor_per_core: float
    cores: int

    @property
    def core_hours(self) -> float:
        """Core-hours for all pending tracks."""
        return self.audio_hours / self.realtime_factor_per_core

    @property
    def hours(self) -> float:
        """Hours on all cores for all pending tracks."""
        return self.core_hours / self.cores

    def text(self, price: float | None) -> str:
        """The estimate as text; with the cost, if a price per core-hour is given."""
        sample = f"{self.probed} probed" + (
            f", {self.unreadable} of them unreadable" if self.unreadable else ""
        )
        rows = [
            ("tracks", f"{self.pending} of {self.tracks} to separate ({sample})"),
            ("audio", f"{self.audio_hours:.2f} h"),
            ("to read", f"{self.source_bytes / 1e9:.3f} GB"),
            ("to write", f"{self.output_bytes / 1e9:.3f} GB"),
            ("speed", f"{self.realtime_factor_per_core:.2f} times real time per core"),
            ("work", f"{self.core_hours:.2f} core-hours"),
            ("time", f"{self.hours:.2f} h on {self.cores} cores"),
        ]
        if price is not None:
            rows.append(("cost", f"{self.core_hours * price:.2f} at {price} per core-hour"))
        return "\n".join(f"{name:10}{value}" for name, value in rows)


def plan(manifest: str, job: Job, *, cores: int | None = None) -> Plan:
    """Probes durations and measures this machine.

    :param cores: number of cores of the cluster; ``None`` for those of this machine.

    Raises :class:`ManifestError`.
    """
    store = Store(job.storage)
    with tempfile.TemporaryDirectory(prefix="swift-demucs-plan-") as name:
        scratch = Path(name)
        catalogue = load(manifest, job, store, scratch)
        check_storage(catalogue, job, store, scratch)
        pending = _pending(catalogue, job, store)
        chosen = random.Random(0).sample(pending, min(PROBED_TRACKS, len(pending)))
        with ThreadPoolExecutor(16) as pool:
            probes = list(pool.map(lambda track: probe(track, store), chosen))
        readable = [(track, *found) for track, found in zip(chosen, probes) if found is not None]
        if pending and not readable:
            raise ManifestError(f"{manifest}: none of the {len(chosen)} tracks probed is readable")
        scale = len(pending) / len(chosen) if chosen else 0.0
        factor, bytes_per_second = 1.0, 0.0
        if readable:
            longest = max(readable, key=lambda entry: entry[1])[0]
            factor, bytes_per_second = measure(longest, job, store, scratch)
        seconds = scale * sum(duration for _, duration, _ in readable)
        return Plan(
            tracks=len(catalogue.tracks),
            pending=len(pending),
            probed=len(chosen),
            unreadable=len(chosen) - len(readable),
            audio_hours=seconds / 3600,
            source_bytes=round(scale * sum(size for _, _, size in readable)),
            output_bytes=round(seconds * bytes_per_second),
            realtime_factor_per_core=factor,
            cores=cores or len(os.sched_getaffinity(0)),
        )


def _pending(catalogue: Catalogue, job: Job, store: Store) -> list[Track]:
    table = Table(store, job.out, catalogue.model_folder)
    known = table.latest(["status", "request", "source_version", "tries"])
    return missing(catalogue, known, store, retry_quarantined=False)


def probe(track: Track, store: Store) -> tuple[float, int] | None:
    """Seconds and bytes of a track, by its header; ``None`` if the header can't be read."""
    import soundfile

    try:
        size = store.version(track.path)[0]
        with store.open(track.path) as file, soundfile.SoundFile(file) as sound:
            seconds = sound.frames / sound.samplerate
    except (Failure, OSError, RuntimeError, TypeError):
        return None
    start = _seconds(track.line.get("start"))
    seconds = max(0.0, seconds - start)
    if "duration" in track.line:
        seconds = min(seconds, _seconds(track.line["duration"]))
    return seconds, size


def _seconds(time: Any) -> float:
    """Seconds from ``83.5`` or ``1:23.5``; the command has checked the syntax."""
    total = 0.0
    for part in str(time or 0).split(":"):
        total = total * 60 + float(part)
    return total


def measure(track: Track, job: Job, store: Store, scratch: Path) -> tuple[float, float]:
    """Speed of a core with all cores at work, and bytes of stems per second of audio.

    As many processes as a run would have workers on this machine each separate a minute of the
    track, after a shorter piece that loads the model.
    """
    source = track.path
    if is_url(source):
        copy = scratch / f"input{Path(source).suffix}"
        store.fetch(source, copy)
        source = str(copy)
    count = max(1, len(os.sched_getaffinity(0)) // job.threads)
    line: dict[str, Any] = {**track.line, "path": source, "duration": MEASURED_SECONDS}

    def work(index: int) -> dict[str, Any]:
        folder = scratch / f"measured-{index}"
        folder.mkdir()
        claim = CoreClaim(job.threads)
        engine = Engine(job, folder, claim.cores)
        try:
            engine.separate({**line, "duration": 1})
            return engine.separate(line)
        finally:
            engine.close()
            claim.release()

    with ThreadPoolExecutor(count) as pool:
        try:
            results = list(pool.map(work, range(count)))
        except Failure as failure:
            raise ManifestError(f"the speed can't be measured: {failure}") from failure
    speed = sum(result["realtime_factor"] for result in results) / len(results)
    seconds = results[0]["duration_seconds"]
    written = sum(output["bytes"] for output in results[0]["outputs"])
    return speed / job.threads, written / seconds
