"""Attacks on results: deletion while reading, endless mixes and peaks, odd numbers, slow readers."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter

from service_client import LONGEST_SECONDS, Service, replies, tone

from .attack import Attack, attack, check


def _in_parallel(service: Service, targets: list[str]) -> Counter[int]:
    """Statuses of requests that are sent at once."""
    statuses: Counter[int] = Counter()
    threads = [
        threading.Thread(target=lambda target: statuses.update([service.get(target)[0]]), args=(target,))
        for target in targets
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(sum(statuses.values()) == len(targets), f"of {len(targets)} requests, not each has a reply: {statuses}")
    return statuses


@attack("deletion")
def deletion(attack: Attack) -> str:
    """A job that is deleted while its stems, ZIP, mixes and waveforms are read."""
    with attack.service() as service:
        job = service.done(tone(30))
        base = f"/v1/separations/{job['id']}"
        stem = job["stems"][0]
        request = service.head("GET", stem["url"], "Connection: close")
        with service.ask(request, receive_bytes=4096) as connection:
            beginning = connection.recv(2000)
            statuses: Counter[int] = Counter()
            asking = threading.Thread(
                target=lambda: statuses.update(
                    _in_parallel(
                        service,
                        [f"{base}/mix?vocals=0.{index}" for index in range(1, 5)]
                        + [f"{base}/peaks", f"{base}/stems.zip?format=flac"],
                    )
                )
            )
            asking.start()
            time.sleep(0.3)
            check(service.fetch(base, method="DELETE").status == 204, "deletion")
            while piece := connection.recv(1 << 16):
                beginning += piece
            asking.join()
        check(len(replies(beginning)[0].body) == stem["bytes"], "the download does not end")
        check(set(statuses) <= {200, 404}, f"mixes: {statuses}")
        check(service.fetch(base).status == 404, "the job is still there")
        left = service.files("results", "cache", "inputs", "tmp")
        check(not left, f"files were left behind: {left}")
    return "a download that has begun ends whole, other requests get 404, no file is left"


@attack("mixes")
def mixes(attack: Attack) -> str:
    """A new mix of the same song again and again, which fills the disk."""
    count = attack.size(30, 300)
    with attack.service("--cache-quota", "30MB") as service:
        base = f"/v1/separations/{service.done(tone(30))['id']}"
        statuses = _in_parallel(service, [f"{base}/mix?vocals=0.{index:03}" for index in range(1, count)])
        check(set(statuses) <= {200, 404, 503}, f"{statuses}")
        deadline = time.monotonic() + LONGEST_SECONDS
        while (most := sum((service.data / file).stat().st_size for file in service.files("cache"))) > 30e6:
            check(time.monotonic() < deadline, f"{most / 1e6:.0f} MB on the disk with --cache-quota 30MB")
            time.sleep(0.2)
        check(service.get(f"{base}/stems/bass.wav")[0] == 200, "the mixes have displaced their song")
        check(not [file for file in service.files("cache", "tmp") if "/." in file], "temporary files were left behind")
    return (
        f"{count - 1} mixes at once: the oldest are removed, {most / 1e6:.0f} MB stay for a quota of 30 MB, "
        "the song stays"
    )


@attack("peaks")
def peaks(attack: Attack) -> str:
    """Waveforms of a long song at full resolution, many at once."""
    count, seconds = attack.size(20, 40), attack.size(120, 3600)
    with attack.service() as service:
        base = f"/v1/separations/{service.done(tone(seconds))['id']}"
        service.get(f"{base}/peaks")
        before = service.memory_megabytes
        service.forget_peak()
        start = time.monotonic()
        statuses = _in_parallel(service, [f"{base}/peaks?points=50000"] * count)
        seconds_taken = time.monotonic() - start
        check(set(statuses) <= {200, 503}, f"{statuses}")
        grown = service.peak_megabytes - before
        check(grown < 200 or attack.is_sanitized, f"{count} requests take {grown:.0f} MB")
    return f"{count} × 50,000 points of {seconds} s: {seconds_taken:.1f} s, {grown:.0f} MB more at the peak"


@attack("odd-numbers")
def odd_numbers(attack: Attack) -> str:
    """Volumes, places, points, pages and event ids that are no numbers, or no sensible ones."""
    odd = (
        "nan",
        "-nan",
        "inf",
        "-inf",
        "1e-45",
        "1e999",
        "-1",
        "-0",
        str(-(2**63)),
        str(2**63),
        str(2**64),
        "9" * 20,
        "9" * 300,
        "0x10",
        "1,5",
        "",
        "%00",
        "%20",
        "true",
        "1e",
        "+1",
        "٣",
        "0" * 500 + "1",
    )
    with attack.service() as service:
        base = f"/v1/separations/{service.done(tone(0.5))['id']}"
        statuses: Counter[int] = Counter()
        for value in odd:
            text = value if value.isascii() else "%D9%A3"
            for target in (
                f"{base}/mix?vocals={text}",
                f"{base}/mix?vocals.pan={text}",
                f"{base}/mix?{text}=1",
                f"{base}/peaks?points={text}",
                f"{base}/mix?format={text}",
                f"/v1/separations?limit={text}",
                f"/v1/separations?after={text}",
                f"/v1/separations/{text}",
            ):
                status, body = service.get(target)
                check(status == 200 or 400 <= status < 500, f"{target}: {status}")
                check(
                    b"nan" not in body.lower() or status != 200 or target.startswith("/v1/separations/"),
                    f"{target}: {body!r}",
                )
                statuses[status] += 1
        good = service.get(f"{base}/mix")[1]
        check(service.get(f"{base}/mix?vocals=1e-45")[0] == 200 and len(good) > 44, "a mix after the odd ones")
        for value in (*odd[:-2], "0", "1"):
            if "%" in value:
                continue
            request = service.head("GET", "/v1/events?limit=5", f"Last-Event-ID: {value}")
            with service.ask(request) as connection:
                connection.settimeout(5)
                check(b" 200 " in connection.recv(1000) and service.is_running, f"Last-Event-ID: {value}")
    return f"{sum(statuses.values())} requests: " + ", ".join(
        f"{number} × {status}" for status, number in sorted(statuses.items())
    )


@attack("slow-readers")
def slow_readers(attack: Attack) -> str:
    """A client that stops reading a reply, and one that reads 700 bytes a second."""
    with attack.service() as service:
        url = service.done(tone(60))["stems"][0]["url"]
        start = time.monotonic()
        # Short segments, as on a real network: loopback's are so long that the sender waits 30 s for one.
        request = service.head("GET", url)
        readers = {
            name: service.ask(request, receive_bytes=4096, segment_bytes=536) for name in ("silent", "slow")
        }
        for reader in readers.values():
            reader.settimeout(1)
        open_connections = {"silent", "slow"}
        while open_connections and time.monotonic() - start < 45:
            for name in list(open_connections):
                if not _is_open(service, readers[name]):
                    open_connections.discard(name)
                elif name == "slow":
                    try:
                        readers[name].recv(350)
                    except OSError:
                        open_connections.discard(name)
            time.sleep(0.5)
        seconds = time.monotonic() - start
        for reader in readers.values():
            reader.close()
        check(
            not open_connections, f"after {seconds:.0f} s, connections are open: {', '.join(sorted(open_connections))}"
        )
        check(service.get(url)[0] == 200, "the stem is not served any more")
    return f"both lose their connections, the later after {seconds:.0f} s"


def _is_open(service: Service, connection: socket.socket) -> bool:
    """Whether the service has its end of a connection open, by the kernel's table."""
    port = connection.getsockname()[1]
    ours, theirs = f"{service.port:04X}", f"{port:04X}"
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            # 01: established
            if fields[1].endswith(f":{ours}") and fields[2].endswith(f":{theirs}") and fields[3] == "01":
                return True
    return False
