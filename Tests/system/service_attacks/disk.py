"""Attacks on the data folder: a full disk, files of another user."""

from __future__ import annotations

import io
import os
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


@attack("foreign-files")
def foreign_files(attack: Attack) -> str:
    """Parts of the data folder that belong to root, as after it has restored a backup."""
    if os.geteuid() != 0:
        raise LeftOut("only root can give files to another user")
    user, data = 23456, attack.folder / "data"
    attack.folder.chmod(0o755)
    data.mkdir()
    os.chown(data, user, user)
    with attack.service(user=user) as service:
        song = service.done(tone(0.5))["id"]
        kept = service.fetch(f"/v1/sets/{song}", method="PUT", body=b'{"name": "A", "songs": []}')
        check(kept.status == 200, f"no set: {kept}")
        service.stop()
    service = attack.service(user=user)
    track, songs = data / "tracks" / song, data / "sets" / song
    own = [data, data / "lock", data / "clock", *map(data.joinpath, ("tracks", "sets", "cache", "uploads", "tmp"))]
    for path in [*own, songs, songs / "set.json", track, track / "track.json", track / "stems", track / "stems" / "2.wav"]:
        mode = path.stat().st_mode
        path.chmod(mode & 0o700)
        os.chown(path, 0, 0)
        try:
            service.start(ready=503)
            wait_until(lambda: service.fetch("/readyz").kind != "not-ready", "a model")
        except SystemExit as failure:
            text = str(failure)
            check(path in own, f"{path}: {text}")
        else:
            check(path not in own, f"the service starts with another user's {path}")
            text = service.fetch("/readyz").json["detail"]
            fault = b"swift_demucs_machine_fault 1"
            check(fault in service.get("/metrics")[1], f"no fault of the machine with another user's {path}")
            job = service.job(song)
            check(job.get("state") in ("done", None), f"another user's {path} changes the song: {job}")
            service.done(tone(0.2, 300))
            service.stop()
        words = f"belongs to user root, run chown -R {user}"
        check(words in text, f"another user's {path}: {text}")
        os.chown(path, user, user)
        path.chmod(mode)
    service.start()
    status, body = service.get(f"/v1/separations/{song}/stems/bass.wav")
    check(status == 200 and len(body) > 1000, "the song is not there as before")
    service.stop()
    return "refused, or 503 at /readyz, with whose it is and the chown to do; the song is as before afterwards"
