"""Attacks by many connections: idle event streams, unread streams and ZIPs, no descriptors left."""

from __future__ import annotations

import time

from service_client import LONGEST_SECONDS, multiply_jobs, replies, tone

from .attack import Attack, attack, check

@attack("idle-streams")
def idle_streams(attack: Attack) -> str:
    """Hundreds of event streams with nothing to tell."""
    count = attack.size(400, 1500)
    with attack.service() as service:
        service.done(tone(0.2))
        held = []
        for _ in range(count):
            held.append(service.ask(service.head("GET", "/v1/events")))
        for connection in held:
            check(b" 200 " in connection.recv(4096), "a stream is refused")
        time.sleep(1)
        start, before = time.monotonic(), service.cpu_seconds
        time.sleep(5)
        share = (service.cpu_seconds - before) / (time.monotonic() - start)
        # A comment every ten seconds for each stream.
        most = 0.05 * count / 1500
        check(
            share < most or attack.is_sanitized,
            f"{count} idle streams take {100 * share:.1f} % of a core, expected {100 * most:.1f} %",
        )
        service.done(tone(0.3))
        for connection in held:
            check(b"event: job" in connection.recv(1 << 16), "a stream misses an event")
            connection.close()
    return f"{count} streams take {100 * share:.1f} % of a core, and all get the next event"


@attack("unread-streams")
def unread_streams(attack: Attack) -> str:
    """Event streams that nobody reads, with thousands of jobs in the list."""
    jobs, count = attack.size(1000, 10_000), attack.size(100, 200)
    service = attack.service()
    service.start()
    held = []
    try:
        identifier = service.done(tone(0.2), "shifts=0&stems=bass")["id"]
        service.stop()
        multiply_jobs(service.data, jobs)
        service.start()
        service.get("/v1/separations")
        before = service.memory_megabytes
        for _ in range(count):
            held.append(service.ask(service.head("GET", "/v1/events"), receive_bytes=2048))
        slowest = 0.0
        for _ in range(100):
            start = time.monotonic()
            check(service.get(f"/v1/separations/{identifier}")[0] == 200, "a job")
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.01)
        grown = service.memory_megabytes - before
        # A thread and the first page for each stream.
        most = 0.5 * count
        check(
            grown < most or attack.is_sanitized, f"{count} unread streams take {grown:.0f} MB, expected {most:.0f} MB"
        )
        check(slowest < 30, f"a request took {slowest:.1f} s meanwhile")
    finally:
        for connection in held:
            connection.close()
        if service.is_running:
            service.kill()
    return (
        f"{count} streams of {jobs} jobs take {max(0, grown):.0f} MB; a job request takes at most "
        f"{1000 * slowest:.0f} ms meanwhile"
    )


@attack("unread-zips")
def unread_zips(attack: Attack) -> str:
    """ZIPs that nobody reads, until no file descriptor is left."""
    with attack.service(descriptors=200) as service:
        # 12 stems and a connection for each ZIP.
        job = service.done(tone(20), "shifts=0" + "".join(f"&mix=m{index}=bass" for index in range(8)))
        base = f"/v1/separations/{job['id']}"
        with service.connect() as witness:

            def ask(target: str) -> tuple[int, bytes]:
                witness.sendall(service.head("GET", target))
                received = b""
                while not received.endswith(b"}\n") and b"\r\n\r\nok\n" not in received:
                    part = witness.recv(1 << 16)
                    check(part != b"", "an open connection was closed when no descriptor was left")
                    received += part
                reply = replies(received)[0]
                return reply.status, reply.body

            check(ask("/livez")[0] == 200, "the first request")
            held = []
            try:
                for _ in range(25):
                    held.append(service.ask(service.head("GET", f"{base}/stems.zip"), receive_bytes=2048))
                time.sleep(2)
                check(ask("/livez")[0] == 200, "/livez with no descriptor left")
                status, body = ask(f"{base}/stems.zip")
                check(status == 503 and b"removed" not in body, f"a ZIP with no descriptor left: {status} {body!r}")
            finally:
                for connection in held:
                    connection.close()
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            try:
                if service.get(f"{base}/stems.zip")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.2)
        else:
            check(False, "the service does not go on when the clients have gone")
    return "503 that says so; open connections go on; all is well when the clients have gone"
