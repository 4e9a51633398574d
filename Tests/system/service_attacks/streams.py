"""Attacks by many connections and songs: idle event streams, unread streams and ZIPs, no descriptors left, long lists."""

from __future__ import annotations

import socket
import statistics
import time
from contextlib import ExitStack

from many_songs import copy_song
from service_client import Service, replies, tone, wait_until

from .attack import Attack, attack, check


@attack("idle-streams")
def idle_streams(attack: Attack) -> str:
    """Hundreds of event streams with nothing to tell."""
    count = attack.size(400, 1500)
    with attack.service("--max-connections", "4096") as service:
        service.done(tone(0.2))
        held = []
        for _ in range(count):
            held.append(service.ask(service.head("GET", "/v1/events")))
        for connection in held:
            check(b" 200 " in connection.recv(4096), "a stream is refused")
        # From one comment to the next, which come every ten seconds.
        _read_until(held[-1], b"still here")
        before = service.cpu_seconds
        _read_until(held[-1], b"still here")
        spent = service.cpu_seconds - before
        most = 0.5 * count / 1500
        check(
            spent < most or attack.is_sanitized,
            f"{count} idle streams take {spent:.2f} s of 10 s, expected {most:.2f} s",
        )
        service.done(tone(0.3))
        for connection in held:
            _read_until(connection, b"event: job")
            connection.close()
    return f"{count} streams take {spent:.2f} s of CPU time in 10 s, and all get the next event"


def _read_until(connection: socket.socket, text: bytes) -> None:
    """Reads until a text has come."""
    received = b""
    while text not in received:
        piece = connection.recv(1 << 16)
        check(piece != b"", f"a stream ends without {text!r}")
        received += piece


@attack("unread-streams")
def unread_streams(attack: Attack) -> str:
    """Event streams that nobody reads, with thousands of jobs in the list."""
    jobs, count = attack.size(1000, 10_000), attack.size(100, 200)
    with attack.service(data="one") as source:
        source.done(tone(0.2), "shifts=0&stems=bass")
        source.stop()
    copy_song(source.data, attack.folder / "data", jobs)
    with attack.service() as service, ExitStack() as held:
        identifier = service.fetch("/v1/separations").json["separations"][0]["id"]
        before = service.memory_megabytes
        for _ in range(count):
            held.enter_context(service.ask(service.head("GET", "/v1/events"), receive_bytes=2048))
        for _ in range(100):
            check(service.get(f"/v1/separations/{identifier}")[0] == 200, "a job")
        grown = service.memory_megabytes - before
        # A thread and the first page for each stream.
        most = 0.5 * count
        check(
            grown < most or attack.is_sanitized, f"{count} unread streams take {grown:.0f} MB, expected {most:.0f} MB"
        )
    return f"{count} streams of {jobs} jobs take {max(0, grown):.0f} MB; other requests are answered meanwhile"


@attack("many-songs")
def many_songs(attack: Attack) -> str:
    """A start with 20,000 songs of 60 users, and pages of one user's list: prints the times and the memory."""
    songs, users = 20_000, 60
    with attack.service() as empty:
        without = empty.peak_megabytes
    with attack.service(data="one") as source:
        source.done(tone(0.2))
        source.stop()
    copy_song(source.data, attack.folder / "data", songs, users)
    tokens = attack.folder / "tokens"
    tokens.write_text("".join(f"user{number}:user{number}-has-this-token\n" for number in range(1, users + 1)))
    tokens.chmod(0o600)
    options = ("--token-file", str(tokens), "--max-finished", str(songs))
    start = time.monotonic()
    with attack.service(*options) as service:
        ready = time.monotonic() - start
        pages = []
        for _ in range(21):
            start = time.monotonic()
            reply = service.fetch("/v1/separations", {"Authorization": "Bearer user7-has-this-token"})
            pages.append(time.monotonic() - start)
            check(reply.json["total"] in (songs // users, songs // users + 1), f"a page: {reply.json['total']} songs")
        memory = service.peak_megabytes - without
        check(memory < songs * 0.004 or attack.is_sanitized, f"{songs} songs take {memory:.0f} MB more, expected 4 kB a song")
    page = 1000 * statistics.median(pages)
    return f"{songs} songs: ready after {ready:.1f} s, a page of 100 after {page:.0f} ms, {memory:.0f} MB more than without"


@attack("streams-of-one-user")
def streams_of_one_user(attack: Attack) -> str:
    """4,352 event streams of one user from 17 addresses, and 20 requests of another user."""
    tokens = attack.folder / "tokens"
    tokens.write_text("anna:anna-has-this-token\nben:ben-has-another-token\n")
    tokens.chmod(0o600)
    with attack.service("--token-file", str(tokens)) as service, ExitStack() as held:
        head = service.head("GET", "/v1/events", "Authorization: Bearer ben-has-another-token")
        for number in range(4352):
            held.enter_context(service.ask(head, source=f"127.0.2.{1 + number % 17}"))
        times = []
        for _ in range(20):
            start = time.monotonic()
            reply = service.fetch("/v1/separations", {"Authorization": "Bearer anna-has-this-token"})
            times.append(time.monotonic() - start)
            check(reply.status == 200, f"the other user: {reply}")
    return f"20 of 20 requests of the other user, after {max(times):.2f} s at most"


@attack("unread-zips")
def unread_zips(attack: Attack) -> str:
    """ZIPs that nobody reads, until no file descriptor is left."""
    descriptors = 200
    with attack.service(descriptors=descriptors) as service:
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
            with ExitStack() as held:
                for _ in range(25):
                    held.enter_context(service.ask(service.head("GET", f"{base}/stems.zip"), receive_bytes=2048))
                wait_until(
                    lambda: service.descriptor_count > descriptors - len(job["stems"]), "no room for another ZIP"
                )
                check(ask("/livez")[0] == 200, "/livez with no descriptor left")
                status, body = ask(f"{base}/stems.zip")
                check(status == 503 and b"removed" not in body, f"a ZIP with no descriptor left: {status} {body!r}")
        wait_until(lambda: _has_zip(service, base), "a service that goes on when the clients have gone")
    return "503 that says so; open connections go on; all is well when the clients have gone"


def _has_zip(service: Service, base: str) -> bool:
    try:
        return service.get(f"{base}/stems.zip")[0] == 200
    except OSError:  # No descriptor for the connection.
        return False
