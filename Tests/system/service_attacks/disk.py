"""Attacks on the data folder: a full disk, a small quota, shared and damaged files."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
import time
import zipfile

from service_client import LONGEST_SECONDS, Reply, tone

from .attack import Attack, LeftOut, attack, check


def _is_disk_full(reply: Reply) -> bool:
    """A full disk is 503 without Retry-After: somebody must make room."""
    return reply.status == 503 and reply.kind == "disk-full" and "retry-after" not in reply.headers


@attack("full-disk")
def full_disk(attack: Attack) -> str:
    """A disk of 40 MB that fills while receiving, separating, packing and mixing."""
    disk = attack.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True).returncode:
        raise LeftOut("a small file system can't be mounted here")
    try:
        with attack.service(data="disk/data", log=attack.folder / "log") as service:
            done = service.done(tone(10))["id"]
            # Receiving: the body is larger than the room on the disk.
            reply = service.post(tone(240))
            check(_is_disk_full(reply), f"upload: {reply}")
            # Accepting: four stems, their spools and growing copies of 10 MB do not fit.
            reply = service.post(tone(30))
            check(reply.status == 422 and reply.kind == "no-room", f"no room for the results: {reply}")
            check(not service.files_left("inputs", "uploads"), "refused sounds were left behind")
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
            filler.unlink()
            service.done(tone(1))
            check(service.get(f"/v1/separations/{done}/mix")[0] == 200, "no mix when there is room again")
    finally:
        subprocess.run(["umount", disk], check=True)
    return (
        "503 'disk-full' while receiving, packing and mixing; 422 'no-room' for results that don't fit; goes "
        "on when there is room"
    )


@attack("quota")
def quota(attack: Attack) -> str:
    """Quotas below one result, below two, and sounds that are too large for them."""
    run = subprocess.run(
        attack.service("--disk-quota", "1kB", "--port", "0", data="tiny").words,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    check(run.returncode not in (0, -9) and "quota" in run.stderr, f"--disk-quota 1kB: {run.returncode} {run.stderr}")
    with attack.service("--disk-quota", "100MB") as service:
        reply = service.post(tone(200))
        check(reply.status == 422 and reply.kind == "no-room", f"141 MB of results for 100 MB: {reply}")
        identifiers = [service.done(tone(40, 200 + index))["id"] for index in range(4)]
        # 4 × 28 MB: the oldest result is removed, within some seconds.
        deadline = time.monotonic() + LONGEST_SECONDS
        statuses: list[int] = []
        while time.monotonic() < deadline and statuses != [404, 200, 200, 200]:
            statuses = [service.fetch(f"/v1/separations/{identifier}").status for identifier in identifiers]
            time.sleep(0.2)
        check(statuses == [404, 200, 200, 200], f"after four results: {statuses}")
        status, body = service.get(f"/v1/separations/{identifiers[3]}/stems/bass.wav")
        check(status == 200 and len(body) == 44 + 40 * 176400, "the newest result is not whole")
        check(not service.files_left("inputs", "uploads", "tmp"), "files were left behind")
    return (
        "a quota below one result is refused at the start; results above it get 422 'no-room'; the oldest are "
        "removed first"
    )


@attack("hard-links")
def hard_links(attack: Attack) -> str:
    """Equal uploads share their files: deleting one, and its mixes, leaves the other whole."""
    with attack.service() as service:
        sound = tone(5)
        first, second = service.done(sound), service.done(sound)
        check(second["cached"] is True and first["cached"] is False, "the equal upload is separated again")
        whole = {stem["name"]: service.get(stem["url"])[1] for stem in first["stems"]}
        for target in ("mix?vocals=0", "stems/bass.flac", "stems.zip?format=mp3", "peaks"):
            check(service.get(f"/v1/separations/{second['id']}/{target}")[0] == 200, target)
        inodes = {path.stat().st_ino for path in (service.data / "results").rglob("*.wav")}
        check(service.fetch(f"/v1/separations/{first['id']}", method="DELETE").status == 204, "deletion")
        for stem in second["stems"]:
            check(service.get(stem["url"]) == (200, whole[stem["name"]]), f"{stem['name']} has changed")
        other = service.done(sound, "shifts=1")
        check(other["cached"] is False, "other options give the same result")
    return f"8 stems in {len(inodes)} files; the other job stays whole after deletion, mixes and conversions"


@attack("damaged-files")
def damaged_files(attack: Attack) -> str:
    """Damaged, shortened and missing files; links; a damaged record and database."""
    service = attack.service()
    service.start()
    data = service.data
    try:
        sound = tone(2)
        job = service.done(sound)
        base = f"/v1/separations/{job['id']}"
        peaks = service.get(f"{base}/peaks")[1]
        waveforms = [path for path in (data / "cache" / job["id"]).iterdir() if "waveform" in path.name]
        check(len(waveforms) == 1, f"the cache holds {waveforms}")
        for content in (
            b"",
            b"damaged",
            attack.draw.randbytes(waveforms[0].stat().st_size),
            waveforms[0].read_bytes()[:-5],
        ):
            waveforms[0].write_bytes(content)
            status, body = service.get(f"{base}/peaks")
            check((status, body) == (200, peaks), f"peaks with {len(content)} damaged bytes: {status} {body[:300]!r}")
        stems = sorted((data / "results" / job["id"]).iterdir())
        stems[0].write_bytes(stems[0].read_bytes()[:1000])
        secret = attack.folder / "secret"
        secret.write_bytes(b"secret")
        stems[1].unlink()
        stems[1].symlink_to(secret)
        stems[2].unlink()
        for target in [stem["url"] for stem in job["stems"]] + [f"{base}/stems.zip", f"{base}/mix?vocals=0.3"]:
            status, body = service.get(target)
            check(status in (200, 404) and b"secret" not in body, f"{target}: {status}")
        shutil.rmtree(data / "results" / job["id"])
        check(service.get(f"{base}/stems.zip")[0] == 404, "a ZIP of removed files")
        check(service.fetch(base, method="DELETE").status == 204, "deletion of a damaged job")
        check(secret.read_bytes() == b"secret", "deletion followed a link")
        again = service.done(sound)
        check(again["cached"] is False, "a removed result was reused")
        service.stop()
        with sqlite3.connect(data / "jobs.sqlite") as database:
            database.execute("UPDATE jobs SET record = 'damaged'")
        database.close()
        service.start()
        check(not service.fetch("/v1/separations").json["separations"], "a damaged record gives a job")
        check(len(list(data.glob("damaged-*/jobs.sqlite"))) == 1, "the damaged database was not set aside")
        service.done(sound)
        service.stop()
        (data / "jobs.sqlite").write_bytes(attack.draw.randbytes(20_000))
        for extra in data.glob("jobs.sqlite-*"):
            extra.unlink()
        service.start()
        service.done(sound)
        service.stop()
        shutil.rmtree(data / "results")
        (data / "results").symlink_to("/etc")
        run = subprocess.run([*service.words, "--port", "0"], capture_output=True, text=True, timeout=LONGEST_SECONDS)
        check(
            run.returncode not in (0, -9) and "error" in run.stderr,
            f"'results' is a link: {run.returncode} {run.stderr}",
        )
    finally:
        if service.is_running:
            service.kill()
    return (
        "damaged waveforms are made again; missing and linked stems are 404; a damaged database is set aside; "
        "a linked folder is refused at the start"
    )
