"""Mutated requests."""

from __future__ import annotations

import random

from service_client import FORM_END, Service, form_field, form_file, tone

from .attack import Attack, attack, check


PIECES = [
    *(b"..", b"%00", b"%2e%2e%2f", b"\r\n", b"\x00", b"\xff\xfe", b"A" * 5000, b"--", b'"', b";", b"HEAD ", b"/", b"?"),
    *(b"&", b"=", b"9" * 30, b"-1", b"NaN", b"\xc3\x28", b" ", b"\t", b"Host: x\r\n", b"Content-Length: 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Range: bytes=9-1\r\n"),
]


def _mutated(seed: bytes, draw: random.Random) -> bytes:
    """A request with a few changes."""
    data = bytearray(seed)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            data[at:at] = draw.choice(PIECES)
        elif kind == 1:
            del data[at : at + draw.randint(1, 20)]
        elif kind == 2 and at < len(data):
            data[at] = draw.randrange(256)
        else:
            data[at : at + draw.randint(0, 8)] = draw.choice(PIECES)
    return bytes(data)


def _seeds(service: Service, job: str) -> list[bytes]:
    """A valid request of each kind."""
    base = f"/v1/separations/{job}"
    form = form_field("shifts", b"0") + form_file(tone(0.02)) + FORM_END
    close = "Connection: close"
    seeds = [
        service.head("GET", target, *lines, close)
        for target, *lines in (
            ("/",),
            ("/livez",),
            ("/metrics",),
            ("/openapi.json",),
            ("/v1/models",),
            ("/v1/separations?limit=5&after=9",),
            (base,),
            (f"{base}/stems/bass.wav", "Range: bytes=0-99"),
            (f"{base}/stems/bass.flac", 'If-None-Match: "x"'),
            (f"{base}/stems.zip?format=wav",),
            (f"{base}/mix?vocals=0&drums=0.5&format=wav&bass.pan=-1",),
            (f"{base}/peaks?points=10&from=0.1&to=0.5",),
            ("/v1/separations?x=%C3%A9", "Origin: http://127.0.0.1"),
            ("/", "Accept-Encoding: gzip"),
        )
    ]
    seeds += [service.head("DELETE", f"{base}0", close), service.head("HEAD", f"{base}/stems.zip", close)]
    chunked = service.head("POST", "/v1/separations?shifts=0", "Transfer-Encoding: chunked", close)
    seeds.append(chunked + b"3;a=b\r\nabc\r\n0\r\nX-A: b\r\n\r\n")
    multipart = ("Content-Type: multipart/form-data; boundary=bound", f"Content-Length: {len(form)}", close)
    seeds.append(service.head("POST", "/v1/separations?stems=bass", *multipart) + form)
    named = ("X-Filename: a%20b.wav", f"Content-Length: {len(tone(0.02))}", close)
    seeds.append(service.head("POST", "/v1/separations?shifts=0&mix=a=bass", *named) + tone(0.02))
    return seeds


def _status_of(service: Service, request: bytes) -> int:
    """Status of the first reply; 0 if the connection was closed without one."""
    reply = service.exchange(request)
    words = reply.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else 0


@attack("mutations")
def mutations(attack: Attack) -> str:
    """Mutated requests: no crash, and no status above 499 other than 503 and 505."""
    statuses: dict[int, int] = {}
    count = attack.size(500, 10_000)
    with attack.service("--max-queue", "5", "--disk-quota", "100MB") as service:
        seeds = _seeds(service, service.done(tone(1))["id"])
        for index in range(count):
            request = _mutated(attack.draw.choice(seeds), attack.draw)
            status = _status_of(service, request)
            statuses[status] = statuses.get(status, 0) + 1
            check(service.is_running, f"request {index} ended the service: {request[:300]!r}")
            # 505 is the HTTP library's reply to versions other than HTTP/1.
            check(status in (503, 505) or status < 500, f"request {index} has status {status}: {request[:300]!r}")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    text = ", ".join(f"{count} × {status or 'closed'}" for status, count in sorted(statuses.items()))
    return f"{count} mutated requests: {text}"
