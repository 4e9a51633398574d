"""Attacks from outside: kill -9, SIGTERM under load, jumps of the clock."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from service_client import Service, tone

from .attack import Attack, LeftOut, attack, check

STEM_BYTES = 44 + 4 * 44100


def _check_accepted(service: Service, accepted: list[str], when: str) -> None:
    """Every accepted job is still there, and its stems are whole."""
    for identifier in accepted:
        job = service.job(identifier)
        check(job.get("state") in ("queued", "running", "done"), f"{when}: {job}")
        for stem in job["stems"]:
            status, body = service.get(stem["url"])
            check(
                (status, len(body)) == (200, STEM_BYTES) == (200, stem["bytes"]),
                f"{when}: {stem['url']} has status {status}, {len(body)} bytes",
            )


@attack("kills")
def kills(attack: Attack) -> str:
    """kill -9 while jobs are accepted, run and finish: none is lost, and no broken stem is served."""
    service = attack.service()
    count = attack.size(4, 50)
    accepted: list[str] = []
    service.start()
    try:
        for turn in range(count):
            for _ in range(2):
                status, job = service.upload(tone(1, attack.draw.uniform(100, 900)))
                check(status == 202, f"upload: {status} {job}")
                accepted.append(job["id"])
            # A job of 1 s of audio takes a few tenths of a second: it is queued, running or finishing.
            time.sleep(attack.draw.uniform(0, 0.4))
            service.kill()
            service.start()
            _check_accepted(service, accepted, f"after kill {turn + 1}")
        for identifier in accepted:
            check(service.wait(identifier)["state"] == "done", f"the job {identifier} is not done")
        left = sorted(path.name for path in (service.data / "results").iterdir())
        check(left == sorted(accepted), "the results' folder holds other things than results")
        check(not service.files_left("inputs", "uploads", "tmp"), "files of finished jobs were left behind")
    finally:
        if service.is_running:
            service.kill()
    return f"{count} kills: {len(accepted)} jobs, none lost, no broken stem"


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
        for turn in range(attack.size(3, 20)):
            for path in sorted((service.data / "cache").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()

            def ask(target: str) -> None:
                try:
                    service.get(target)
                except (OSError, ValueError):
                    pass
                except Exception:  # The reply is cut off: http.client's own errors.
                    pass

            threads = [threading.Thread(target=ask, args=(target,)) for target in targets]
            for thread in threads:
                thread.start()
            time.sleep(0.05 + 0.1 * turn % 0.4)
            service.kill()
            for thread in threads:
                thread.join()
            service.start()
            left = [
                path for path in service.files("cache", "tmp", "uploads", "results") if Path(path).name.startswith(".")
            ]
            check(not left, f"temporary files are left after the start: {left}")
            for index in (0, 3, 5):
                status, body = service.get(targets[index])
                check(status == 200 and body == whole[index][1], f"{targets[index]} differs after a kill")
    finally:
        if service.is_running:
            service.kill()
    return "no incomplete file is served; temporary files are gone after the next start"


@attack("termination")
def termination(attack: Attack) -> str:
    """SIGTERM with open streams, unread ZIPs, an upload and a running job."""
    service = attack.service()
    service.start()
    held = []
    try:
        done = service.done(tone(60))["id"]
        running = service.upload(tone(60, 300), "shifts=10")[1]["id"]
        while service.job(running)["state"] != "running":
            time.sleep(0.01)
        for target in ["/v1/events"] * 50 + [f"/v1/separations/{done}/stems.zip"] * 5:
            held.append(service.ask(service.head("GET", target), receive_bytes=4096))
        held.append(service.ask(service.head("POST", "/v1/separations", "Content-Length: 1000000") + bytes(1000)))
        seconds = service.stop()
        check(seconds < 30, f"SIGTERM took {seconds:.1f} s")
        service.start()
        check(service.job(running)["state"] in ("queued", "running"), "the running job is not in the queue again")
        check(not service.files_left("uploads"), "the unfinished upload is still there")
    finally:
        for connection in held:
            connection.close()
        if service.is_running:
            service.kill()
    return (
        f"50 streams, 5 unread ZIPs, an upload and a running job: ended in {seconds:.2f} s, the job continues "
        "at the next start"
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
            time.sleep(2.5)
            states = [service.fetch(f"/v1/separations/{identifier}").status for identifier in identifiers]
            check(states == [200] * 3, f"the clock jumps to {text}: {states}")
            identifiers.append(service.done(tone(0.3, 300 + len(identifiers)))["id"])
            identifiers.pop(0)
        job = service.upload(tone(60, 500))[1]["id"]
        jump("-30d")
        time.sleep(0.3)
        left = service.job(job)["seconds_left"]
        check(left is None or 0 <= left < 3600, f"{left} s left after a jump back")
        after = service.wait(job)
        check(after["state"] == "done", f"the job is not done after a jump: {after}")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    finally:
        if service.is_running:
            service.kill()
    return "jumps by years, forward and back, while the service runs: no result is removed, no job hangs"
