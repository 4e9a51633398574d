"""Runs a catalogue: tracks without a result go to Ray Data in rounds, until none is left to try."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .job import Failure, Job, Track
from .manifest import Catalogue, ManifestError, load
from .preflight import check_storage
from .store import Store
from .table import Table
from .worker import Worker, retried
from .writer import Writer

#: Larger blocks cost less to schedule; smaller blocks show progress sooner.
MOST_TRACKS_IN_BLOCK = 32
BLOCKS_PER_WORKER = 50
#: Number of times that Ray may restart an actor, or retry a call of it, before the round ends.
RESTARTS = 100
#: Consecutive rounds that end early and without a result, after which the run fails.
BROKEN_ROUNDS = 5
LONGEST_PAUSE_SECONDS = 300.0


def run(
    manifest: str,
    job: Job,
    *,
    workers: int | None = None,
    address: str | None = None,
    take_over: bool = False,
    retry_quarantined: bool = False,
) -> Writer:
    """Separates the tracks of a manifest that have no result yet.

    :param workers: largest number of tracks at once; ``None`` for all CPUs of the cluster.
    :param address: address of a Ray cluster; ``None`` for ``RAY_ADDRESS``, else this machine.
    :param take_over: writes the table even if another run seems to be alive.
    :param retry_quarantined: tries tracks in quarantine again.

    Returns the table's writer, which has counted the tracks by status. Raises
    :class:`ManifestError` for a fault that is found before the run starts.
    """
    store = Store(job.storage)
    with tempfile.TemporaryDirectory(prefix="swift-demucs-run-") as name:
        scratch = Path(name)
        try:
            catalogue = load(manifest, job, store, scratch)
            check_storage(catalogue, job, store, scratch)
            table = Table(store, job.out, catalogue.model_folder)
            known = table.latest(
                ["status", "request", "source_version", "tries", "duration_seconds"]
            )
            pending = missing(catalogue, known, store, retry_quarantined)
            counts = _kept(catalogue, known, pending)
            writer = Writer(table, scratch, manifest, job, catalogue, counts)
            table.begin(writer.run, scratch, take_over=take_over)
        except Failure as failure:
            raise ManifestError(str(failure)) from failure
        with writer:
            if pending:
                _start_ray(address)
                _rounds(pending, job, writer, workers)
        return writer


def missing(
    catalogue: Catalogue, known: dict[str, dict[str, Any]], store: Store, retry_quarantined: bool
) -> list[Track]:
    """Tracks without a result for this request and for the present version of the source."""
    done = [track for track in catalogue.tracks if _is_done(track, known)]
    with ThreadPoolExecutor(32) as pool:
        changed = {
            track.id
            for track, is_changed in zip(
                done, pool.map(lambda track: _is_changed(track, known, store), done)
            )
            if is_changed
        }
    finished = {track.id for track in done} - changed
    pending = []
    for track in catalogue.tracks:
        row = known.get(track.id)
        if track.id in finished:
            continue
        if row is not None and row["request"] == track.request and row["status"] != "done":
            if row["status"] == "quarantined" and not retry_quarantined:
                continue
            tries = 0 if row["status"] == "quarantined" else row["tries"]
            track = dataclasses.replace(track, tries=tries)
        pending.append(track)
    return pending


def _is_done(track: Track, known: dict[str, dict[str, Any]]) -> bool:
    row = known.get(track.id)
    return bool(row and row["status"] == "done" and row["request"] == track.request)


def _is_changed(track: Track, known: dict[str, dict[str, Any]], store: Store) -> bool:
    """Whether the source has another version; not if it is missing, as its stems exist."""
    try:
        return bool(store.version(track.path)[1] != known[track.id]["source_version"])
    except Failure as failure:
        if failure.error_class == "unreadable":
            return False
        raise


def _kept(
    catalogue: Catalogue, known: dict[str, dict[str, Any]], pending: list[Track]
) -> dict[str, int]:
    """Counts the tracks that this run does not try, by status."""
    to_do = {track.id for track in pending}
    counts: dict[str, int] = {}
    for track in catalogue.tracks:
        if track.id not in to_do:
            status = "skipped" if known[track.id]["status"] == "done" else "quarantined"
            counts[status] = counts.get(status, 0) + 1
    return counts


# Ray


def _start_ray(address: str | None) -> None:
    """Joins a cluster, or starts one on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    import ray

    if ray.is_initialized():
        return
    address = address or os.environ.get("RAY_ADDRESS")
    if address:
        ray.init(address=address, log_to_driver=False)
    else:
        # A small object store is enough: blocks hold only the names of tracks and their results.
        ray.init(include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)


def _rounds(pending: list[Track], job: Job, writer: Writer, workers: int | None) -> None:
    """Tries all tracks, and after a pause retries the failed ones that may succeed."""
    broken = 0
    while pending:
        tracks = {track.id: track for track in _placed(pending)}
        again: list[Track] = []
        try:
            for row in _results(list(tracks.values()), job, workers):
                track = tracks.pop(row["id"], None)
                if track is None:
                    continue
                next_try = retried(track, row)
                if row["status"] == "elsewhere":
                    # Avoid nodes only once: the others may all be busy, or gone.
                    again.append(dataclasses.replace(next_try, avoid=()))
                    continue
                is_final = row["status"] != "failed" or (
                    next_try.place_tries >= job.limits.place_tries
                )
                writer.add(row, is_final=is_final)
                if not is_final:
                    again.append(next_try)
            broken = 0
        except _ray_errors() as error:
            # Tracks without a row are tried again: a dead actor or node is not their fault.
            broken = broken + 1 if len(tracks) == len(pending) else 0
            print(f"warning: a round ended early: {error}", file=sys.stderr)
            if broken >= BROKEN_ROUNDS:
                raise Failure("node", f"Ray gives no results: {error}") from error
        pending = list(tracks.values()) + again
        place_tries = max((track.place_tries for track in pending), default=0)
        if pending and (place_tries or broken):
            time.sleep(min(LONGEST_PAUSE_SECONDS, 2.0 ** max(place_tries, broken)))


def _placed(tracks: list[Track]) -> list[Track]:
    """The tracks; a track that has failed on every node may go to any node again."""
    import ray

    nodes = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    return [
        dataclasses.replace(track, avoid=()) if nodes <= set(track.avoid) else track
        for track in tracks
    ]


def _results(tracks: list[Track], job: Job, workers: int | None) -> Iterator[dict[str, Any]]:
    """Yields the rows of the tracks as they are done."""
    import ray

    cpus = int(ray.cluster_resources().get("CPU", 1))
    most = max(1, min(workers or cpus // job.threads, len(tracks)))
    in_block = max(1, min(MOST_TRACKS_IN_BLOCK, len(tracks) // (most * BLOCKS_PER_WORKER)))
    # The first actor that is ready must not take the tracks of all actors.
    in_flight = min(Worker.THREADS, -(-len(tracks) // (most * in_block)))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A block of long tracks does not hang: each track has its own time limit.
    context.execution_no_progress_timeout_s = 10**9
    results = ray.data.from_items(
        [{"track": track.pack()} for track in tracks],
        override_num_blocks=-(-len(tracks) // in_block),
    ).map_batches(
        Worker,
        fn_constructor_args=(job,),
        batch_size=None,
        num_cpus=job.threads,
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=most,
            initial_size=most,
            max_tasks_in_flight_per_actor=in_flight,
            max_concurrent_calls_per_actor=in_flight,
            enable_true_multi_threading=True,
        ),
        ray_remote_args_fn=lambda: {"max_restarts": RESTARTS, "max_task_retries": RESTARTS},
    )
    for row in results.iter_rows():
        yield json.loads(row["row"])


def _ray_errors() -> tuple[type[Exception], ...]:
    import ray

    return (ray.exceptions.RayError,)
