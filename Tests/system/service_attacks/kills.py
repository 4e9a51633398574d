"""Attacks from outside: kill -9, jumps of the clock."""

from __future__ import annotations

import time
from pathlib import Path

from service_client import GatedService, Service, tone, wait_until

from .attack import Attack, LeftOut, attack, check

# Two segments of the demo model.
SECONDS = 6
# The header of a stem without tags has 78 bytes.
STEM_BYTES = 78 + SECONDS * 4 * 44100


def _check_accepted(service: Service, accepted: list[str], when: str) -> None:
    """Every accepted job is still there, and its stems are whole."""
    for identifier in accepted:
        job = service.job(identifier)
        check(job.get("state") in ("queued", "running", "done"), f"{when}: {job}")
        for stem in job["stems"] if job["state"] == "done" else ():
            status, body = service.get(f"/{stem['url']}")
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
    moments = ["begun", "between segments", "done"] + ["at random"] * attack.size(0, 50)
    accepted: list[str] = []
    with attack.gated_service() as service:
        for moment in moments:
            _kill_at(moment, service, attack, accepted)
            service.start()
            _check_accepted(service, accepted, f"after a kill, {moment}")
            for identifier in accepted[-2:]:
                check(service.wait(identifier)["state"] == "done", f"the job {identifier} is not done")
        _check_accepted(service, accepted, "in the end")
        left = sorted(path.name for path in (service.data / "tracks").iterdir())
        check(left == sorted(accepted), "the tracks' folder holds other things than tracks")
        service.wait_until_empty("tracks/*/input", "tracks/*/.*", "uploads", "tmp")
    return f"{len(moments)} kills: {len(accepted)} jobs, none lost, no broken stem"


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

    # A machine without a clock starts far in the past.
    jump("-9000d")
    with attack.service(
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
    ) as service:
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
    return "jumps by years, forward and back, while the service runs: no result is removed, no job hangs"
