"""Attacks on results: deletion while reading, many waveforms at once."""

from __future__ import annotations

import threading
from collections import Counter

from service_client import Service, replies, tone, wait_until

from .attack import Attack, attack, check, in_parallel


def _get_in_parallel(service: Service, targets: list[str]) -> Counter[int]:
    return in_parallel(lambda target: service.get(target)[0], targets)


@attack("deletion")
def deletion(attack: Attack) -> str:
    """A job that is deleted while its stems, ZIP, mixes and waveforms are read."""
    with attack.service() as service:
        job = service.done(tone(30))
        base = f"/v1/separations/{job['id']}"
        stem = job["stems"][0]
        request = service.head("GET", f"/{stem['url']}", "Connection: close")
        with service.ask(request, receive_bytes=4096) as connection:
            beginning = connection.recv(2000)
            statuses: Counter[int] = Counter()
            asking = threading.Thread(
                target=lambda: statuses.update(
                    _get_in_parallel(
                        service,
                        [f"{base}/mix?vocals=0.{index}" for index in range(1, 5)]
                        + [f"{base}/peaks", f"{base}/stems.zip?format=flac"],
                    )
                )
            )
            asking.start()
            wait_until(
                lambda: any("/." in file for file in service.files("cache")) or not asking.is_alive(),
                "a mix that is being made",
            )
            check(service.fetch(base, method="DELETE").status == 204, "deletion")
            while piece := connection.recv(1 << 16):
                beginning += piece
            asking.join()
        check(len(replies(beginning)[0].body) == stem["bytes"], "the download does not end")
        check(set(statuses) <= {200, 404}, f"mixes: {statuses}")
        check(service.fetch(base).status == 404, "the job is still there")
        service.wait_until_empty("tracks", "cache", "tmp")
    return "a download that has begun ends whole, other requests get 404, no file is left"


@attack("peaks")
def peaks(attack: Attack) -> str:
    """Waveforms of a long song at full resolution, many at once."""
    count, seconds = attack.size(20, 40), attack.size(120, 300)
    with attack.service() as service:
        base = f"/v1/separations/{service.done(tone(seconds))['id']}"
        service.get(f"{base}/peaks")
        before = service.memory_megabytes
        service.forget_peak()
        statuses = _get_in_parallel(service, [f"{base}/peaks?points=50000"] * count)
        check(set(statuses) <= {200, 503}, f"{statuses}")
        grown = service.peak_megabytes - before
        check(grown < 200 or attack.is_sanitized, f"{count} requests take {grown:.0f} MB")
    return f"{count} × 50,000 points of {seconds} s: {grown:.0f} MB more at the peak"
