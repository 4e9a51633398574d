"""Attacks from outside: kill -9, SIGTERM under load, jumps of the clock."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from service_client import GatedService, Service, tone, wait_until

from .attack import Attack, LeftOut, attack, check

# Two segments of the demo model.
SECONDS = 6
STEM_BYTES = 44 + SECONDS * 4 * 44100


def _check_accepted(service: Service, accepted: list[str], when: str) -> None:
    """Every accepted job is still there, and its stems are whole."""
    for identifier in accepted:
        job = service.job(identifier)
        check(job.get("state") in ("queued", "running", "done"), f"{when}: {job}")
        for stem in job["stems"] if job["state"] == "done" else ():
            status, body = service.get(stem["url"])
            check(
                (status, len(body)) == (200, STEM_BYTES) == (200, stem["bytes"]),
                f"{when}: {stem['url']} has status {status}, {len(body)} bytes",
            )


def _upload(service: Service, attack: Attack, accepted: list[str]) -> str:
    status, job = service.upload(tone(SECONDS, attack.draw.uniform(100, 900)))
    check(status == 202, f"upload: {status} {job}")
    accepted.append(job["id"])
    return job["id"]


def _kill_at(moment: str, service: GatedService, attack: Attack, accepted: list[str]) -> None:
    """Uploads two sounds and kills the service at a moment of the first one."""
    service.hold(1 if moment == "between segments" else 0)
    first = _upload(service, attack, accepted)
    _upload(service, attack, accepted)
    if moment == "begun":
        service.wait_until_running(first)
    elif moment == "between segments":
        service.wait_for_stems(first)
    else:
        service.open()
        if moment == "done":
            service.wait(first)
        else:
            time.sleep(attack.draw.uniform(0, 0.4))
    service.kill()


@attack("kills")
def kills(attack: Attack) -> str:
    """kill -9 when a job is begun, between its segments, and done: none is lost, no broken stem is served."""
    service = attack.gated_service()
    moments = ["begun", "between segments", "done"] + ["at random"] * attack.size(0, 50)
    accepted: list[str] = []
    service.start()
    try:
        for moment in moments:
            _kill_at(moment, service, attack, accepted)
            service.start()
            _check_accepted(service, accepted, f"after a kill, {moment}")
            for identifier in accepted[-2:]:
                check(service.wait(identifier)["state"] == "done", f"the job {identifier} is not done")
        _check_accepted(service, accepted, "in the end")
        left = sorted(path.name for path in (service.data / "results").iterdir())
        check(left == sorted(accepted), "the results' folder holds other things than results")
        service.wait_until_empty("inputs", "uploads", "tmp")
    finally:
        service.end()
    return f"{len(moments)} kills: {len(accepted)} jobs, none lost, no broken stem"


def _unfinished(service: Service) -> list[str]:
    """Files that are being written."""
    return [path for path in service.files("cache", "tmp", "uploads", "results") if Path(path).name.startswith(".")]


@attack("mix-kills")
def mix_kills(attack: Attack) -> str:
    """kill -9 while mixes, other formats and waveforms are written."""
    service = attack.service()
    service.start()
    try:
        base = f"/v1/separations/{service.done(tone(30))['id']}"
        targets = [f"{base}/mix?vocals=0.{index}" for index in range(1, 5)] + [
            f"{base}/stems.zip?format=flac",
            f"{base}/peaks",
        ]
        whole = [service.get(target) for target in targets]

        def ask(target: str) -> None:
            try:
                service.get(target)
            except Exception:  # The reply is cut off: OSError, ValueError, http.client's own errors.
                pass

        for _ in range(attack.size(3, 20)):
            for path in sorted((service.data / "cache").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            threads = [threading.Thread(target=ask, args=(target,)) for target in targets]
            for thread in threads:
                thread.start()
            wait_until(
                lambda: _unfinished(service) or not any(thread.is_alive() for thread in threads),
                "a file that is being written",
            )
            service.kill()
            for thread in threads:
                thread.join()
            service.start()
            left = _unfinished(service)
            check(not left, f"temporary files are left after the start: {left}")
            for index in (0, 3, 5):
                check(service.get(targets[index]) == whole[index], f"{targets[index]} differs after a kill")
    finally:
        service.end()
    return "no incomplete file is served; temporary files are gone after the next start"


@attack("termination")
def termination(attack: Attack) -> str:
    """SIGTERM with open streams, unread ZIPs, an upload and a running job."""
    service = attack.gated_service()
    service.start()
    held = []
    try:
        done = service.done(tone(20))["id"]
        service.hold(1)
        running = service.upload(tone(20, 300))[1]["id"]
        service.wait_for_stems(running)
        for target in ["/v1/events"] * 50 + [f"/v1/separations/{done}/stems.zip"] * 5:
            held.append(service.ask(service.head("GET", target), receive_bytes=4096))
        held.append(service.ask(service.head("POST", "/v1/separations", "Content-Length: 1000000") + bytes(1000)))
        service.stop()
        service.start()
        check(service.wait(running)["state"] == "done", "the running job does not continue at the next start")
        service.wait_until_empty("uploads")
    finally:
        for connection in held:
            connection.close()
        service.end()
    return (
        "50 streams, 5 unread ZIPs, an upload and a running job: the service ends, the job continues at the next start"
    )


def _faketime() -> str:
    """Debian's libfaketime."""
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        for name in ("libfaketimeMT.so.1", "libfaketime.so.1"):
            path = Path(folder) / "faketime" / name
            if path.exists():
                return str(path)
    raise LeftOut("libfaketime is not installed (Debian: faketime)")


@attack("clock")
def clock(attack: Attack) -> str:
    """Jumps of the clock with --keep 24h, as at a start without a clock."""
    if attack.is_sanitized:
        raise LeftOut("AddressSanitizer must be loaded before libfaketime")
    offset = attack.folder / "offset"

    def jump(text: str) -> None:
        # Replaced at once: the service reads it at every look at the clock.
        new = attack.folder / "new-offset"
        new.write_text(text + "\n")
        new.rename(offset)

    jump("+0")
    service = attack.service(
        "--keep",
        "24h",
        "--cache-quota",
        "1kB",
        environment={
            "LD_PRELOAD": _faketime(),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # The times of files do not jump with the clock.
            "NO_FAKE_STAT": "1",
        },
    )
    # A machine without a clock starts far in the past.
    jump("-9000d")
    service.start()
    try:
        identifiers = [service.done(tone(0.3, 200 + index))["id"] for index in range(3)]
        created = service.job(identifiers[0])["created"]
        check(created < "2015", f"libfaketime does not work here: {created}")
        for text in ("+0", "+400d", "-400d", "+0"):
            jump(text)
            # The mix is removed at the end of the next search for old files.
            check(service.get(f"/v1/separations/{identifiers[-1]}/mix?bass=0")[0] == 200, "a mix")
            wait_until(lambda: not any("mix-" in file for file in service.files("cache")), "no mix")
            states = [service.fetch(f"/v1/separations/{identifier}").status for identifier in identifiers]
            check(states == [200] * 3, f"the clock jumps to {text}: {states}")
            identifiers.append(service.done(tone(0.3, 300 + len(identifiers)))["id"])
            identifiers.pop(0)
        job = service.upload(tone(30, 500))[1]["id"]
        service.wait_for_stems(job)
        jump("-30d")
        left = service.job(job)["seconds_left"]
        check(left is None or 0 <= left < 3600, f"{left} s left after a jump back")
        after = service.wait(job)
        check(after["state"] == "done", f"the job is not done after a jump: {after}")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    finally:
        service.end()
    return "jumps by years, forward and back, while the service runs: no result is removed, no job hangs"
