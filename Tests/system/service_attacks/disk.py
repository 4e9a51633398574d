"""Attacks on the data folder: a full disk."""

from __future__ import annotations

import io
import subprocess
import time
import zipfile

from service_client import LONGEST_SECONDS, Reply, tone, wait_until

from .attack import Attack, LeftOut, attack, check


def _is_disk_full(reply: Reply) -> bool:
    """A full disk is 503 without Retry-After: somebody must make room."""
    return reply.status == 503 and reply.kind == "disk-full" and "retry-after" not in reply.headers


@attack("full-disk")
def full_disk(attack: Attack) -> str:
    """A disk of 40 MB that fills while receiving, separating, packing and mixing, and as jobs run."""
    disk = attack.folder / "data"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True).returncode:
        raise LeftOut("a small file system can't be mounted here")
    try:
        with attack.gated_service(log=attack.folder / "log") as service:
            done = service.done(tone(10))["id"]
            # Receiving: the body is larger than the room on the disk.
            reply = service.post(tone(240))
            check(_is_disk_full(reply), f"upload: {reply}")
            # Accepting: four stems, their spools and growing copies of 10 MB do not fit.
            reply = service.post(tone(30))
            check(reply.status == 422 and reply.kind == "no-room", f"no room for the results: {reply}")
            service.wait_until_empty("tracks/*/input", "uploads", "tmp")
            wait_until(lambda: service.unnamed_megabytes == 0, "no open file of a refused sound")
            service.hold()
            waiting = [service.upload(tone(2, pitch))[1]["id"] for pitch in (300, 400)]
            # Packing and mixing: new files do not fit; existing stems are still served.
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                except OSError:
                    pass
            for target in ("stems.zip?format=flac", "mix"):
                reply = service.fetch(f"/v1/separations/{done}/{target}")
                check(_is_disk_full(reply), f"{target} on a full disk: {reply}")
            status, body = service.get(f"/v1/separations/{done}/stems.zip")
            check(zipfile.ZipFile(io.BytesIO(body)).testzip() is None, "the archive is broken")
            reply = service.post(tone(1))
            check(_is_disk_full(reply), f"upload on a full disk: {reply}")
            service.open()
            wait_until(lambda: service.get("/readyz")[0] == 503, "a service that takes no jobs")
            states = {service.job(identifier)["state"] for identifier in waiting}
            check(states <= {"queued", "running"}, f"jobs on a full disk: {states}")
            filler.unlink()
            # The service looks again after 30 s, as long as anything is waited for here.
            time.sleep(LONGEST_SECONDS)
            for identifier in waiting:
                check(service.wait(identifier)["state"] == "done", "a job failed for the full disk")
            service.done(tone(1))
            check(service.get(f"/v1/separations/{done}/mix")[0] == 200, "no mix when there is room again")
    finally:
        subprocess.run(["umount", disk], check=True)
    return (
        "503 'disk-full' while receiving, packing and mixing; 422 'no-room' for results that don't fit; jobs "
        "wait, and go on when there is room"
    )
