"""Separates a catalogue with poisoned tracks on a Ray cluster of three simulated nodes.

The cluster loses a node and actors. Checks that every good track is done once and completely, and
that every poisoned one is in quarantine with its error class. Tests/system/test_cluster runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"

import ray
from conftest import program, write_track
from ray.cluster_utils import Cluster

from swift_demucs_catalogue.job import Job, Limits
from swift_demucs_catalogue.run import run
from swift_demucs_catalogue.status import status
from swift_demucs_catalogue.store import Store
from swift_demucs_catalogue.table import Table
from swift_demucs_catalogue.verify import verify

# Error class of each kind of poisoned track.
POISON = {"text": "unreadable", "long": "too_long", "kill": "internal"}
# Passes lines to the command. At a track called kill-…, kills the command and itself; at one called
# actor-…, which is tried again, the actor that started it.
PROGRAM = """
child = subprocess.Popen([program, *sys.argv[1:]], stdin=subprocess.PIPE)
os.close(1)
for line in sys.stdin.buffer:
    track = json.loads(line)
    mark = track["path"] + ".killed"
    if track["id"].startswith("kill-"):
        child.kill()
        os.kill(os.getpid(), signal.SIGKILL)
    if track["id"].startswith("actor-") and not os.path.exists(mark):
        open(mark, "w").close()
        child.kill()
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit()
    child.stdin.write(line)
    child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=40, help="good and poisoned")
    parser.add_argument("--poisoned", type=int, default=5)
    parser.add_argument("--actor-kills", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a good track")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-trial-") as folder:
        trial(Path(folder), arguments)


def trial(folder: Path, arguments: argparse.Namespace) -> None:
    good, poisoned = make_tracks(folder, arguments)
    manifest = folder / "manifest.jsonl"
    # Shuffled, so that poisoned tracks are spread over the manifest.
    names = good + list(poisoned)
    random.Random(1).shuffle(names)
    manifest.write_text(
        "".join(json.dumps({"id": name, "path": f"{folder}/{name}.wav"}) + "\n" for name in names)
    )
    job = Job(
        out=f"{folder}/stems",
        model="demo",
        options=("--shifts", "0", "--flac"),
        limits=Limits(timeout_seconds=60, duration_seconds=2 * arguments.seconds, tries=2),
        program=program(folder, PROGRAM),
    )
    start = time.monotonic()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 200 << 20,
            "include_dashboard": False,
        },
    )
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=200 << 20) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()
    print(f"three nodes after {time.monotonic() - start:.1f} s", flush=True)
    ended = threading.Event()
    killer = threading.Thread(
        target=kill, args=(cluster, nodes[-1], folder / "stems", len(good), ended)
    )
    killer.start()
    try:
        start = time.monotonic()
        counts = run(str(manifest), job).counts
        print(f"{counts} after {time.monotonic() - start:.1f} s", flush=True)
        ended.set()
        killer.join()
        assert len(list(folder.glob("actor-*.killed"))) == arguments.actor_kills
        assert sum(node["Alive"] for node in ray.nodes()) == 2, "no node was killed"
        check(folder, job, good, poisoned, counts)
        rerun(folder, manifest, job, good, poisoned)
    finally:
        ended.set()
        killer.join()
        ray.shutdown()
        cluster.shutdown()
    print("Passed")


def make_tracks(folder: Path, arguments: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Writes all tracks; returns the good names, and the poisoned names with their error class."""
    good = [
        f"{'actor' if index < arguments.actor_kills else 'track'}-{index:04}"
        for index in range(arguments.tracks - arguments.poisoned)
    ]
    for name in good:
        write_track(folder / f"{name}.wav", arguments.seconds)
    poisoned = {}
    for index in range(arguments.poisoned):
        kind = list(POISON)[index % len(POISON)]
        name = f"{kind}-{index:04}"
        poisoned[name] = POISON[kind]
        path = write_track(folder / f"{name}.wav", arguments.seconds * (3 if kind == "long" else 1))
        if kind == "text":
            path.write_text("This is no music.\n" * 100)
    return good, poisoned


def kill(cluster: Cluster, node: object, stems: Path, good: int, ended: threading.Event) -> None:
    """Kills a node when half of the tracks are done."""
    while not ended.wait(0.05):
        done = len(list(stems.glob("demo/*/result.json")))
        if done >= good / 2:
            print(f"killing a node after {done} tracks", flush=True)
            cluster.remove_node(node, allow_graceful=False)
            return


def check(
    folder: Path,
    job: Job,
    good: list[str],
    poisoned: dict[str, str],
    counts: dict[str, int],
) -> None:
    """Checks that good tracks are done once and whole, and poisoned ones quarantined by class."""
    store = Store({})
    table = Table(store, job.out, "demo")
    rows = list(table.rows())
    done = Counter(row["id"] for row in rows if row["status"] == "done")
    assert done == dict.fromkeys(good, 1), f"not each good track once: {done}"
    latest = table.latest()
    assert set(latest) == set(good) | set(poisoned)
    for name, error_class in poisoned.items():
        row = latest[name]
        found = (row["status"], row["error_class"], row["tries"])
        assert found == ("quarantined", error_class, 2), f"{name}: {found}: {row['error']}"
    assert counts == {"done": len(good), "quarantined": len(poisoned)}, counts
    with tempfile.TemporaryDirectory() as scratch:
        verification = verify(table, store, Path(scratch))
    assert verification.problems == [], verification.problems
    assert verification.files == 4 * len(good)
    stems = sorted((folder / "stems" / "demo").rglob("*"))
    assert not [path for path in stems if path.name.startswith(".part-")]
    assert len([path for path in stems if path.suffix == ".flac"]) == 4 * len(good)
    nodes = Counter(row["node"][:6] for row in latest.values())
    print(f"tracks by node: {dict(nodes)}; {len(rows)} rows in {len(table.parts())} parts")
    print(status(table).text(), flush=True)


def rerun(
    folder: Path,
    manifest: Path,
    job: Job,
    good: list[str],
    poisoned: dict[str, str],
) -> None:
    """Checks that another run separates and writes nothing."""

    def files() -> dict[str, int]:
        return {
            str(path): path.stat().st_mtime_ns
            for path in (folder / "stems").rglob("*")
            if path.is_file() and path.name != "run.json"
        }

    before = files()
    counts = run(str(manifest), job).counts
    assert counts == {"skipped": len(good), "quarantined": len(poisoned)}, counts
    assert files() == before, "the rerun wrote files"
    print(f"again: {counts}", flush=True)


if __name__ == "__main__":
    main()
