"""Mutated requests."""

from __future__ import annotations

import random
import socket

from service_client import Service, tone

from .attack import Attack, attack, check


def _mutated(seed: bytes, draw: random.Random) -> bytes:
    """A request with a few changes."""
    pieces = [
        b"..",
        b"%00",
        b"%2e%2e%2f",
        b"\r\n",
        b"\x00",
        b"\xff\xfe",
        b"A" * 5000,
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Range: bytes=9-1\r\n",
        b"--",
        b'"',
        b";",
        b"HEAD ",
        b"/",
        b"?",
        b"&",
        b"=",
        b"9" * 30,
        b"-1",
        b"NaN",
        b"\xc3\x28",
        b"Host: x\r\n",
        b" ",
        b"\t",
    ]
    data = bytearray(seed)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            data[at:at] = draw.choice(pieces)
        elif kind == 1:
            del data[at : at + draw.randint(1, 20)]
        elif kind == 2 and at < len(data):
            data[at] = draw.randrange(256)
        else:
            data[at : at + draw.randint(0, 8)] = draw.choice(pieces)
    return bytes(data)


def _seeds(service: Service, job: str) -> list[bytes]:
    """A valid request of each kind."""
    host = f"Host: 127.0.0.1:{service.port}\r\n"
    end = "Connection: close\r\n\r\n"
    base = f"/v1/separations/{job}"
    form = (
        (
            '--bound\r\nContent-Disposition: form-data; name="shifts"\r\n\r\n0\r\n'
            '--bound\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        ).encode()
        + tone(0.02)
        + b"\r\n--bound--\r\n"
    )
    seeds = [
        f"GET {target} HTTP/1.1\r\n{host}{extra}{end}".encode()
        for target, extra in (
            ("/", ""),
            ("/livez", ""),
            ("/metrics", ""),
            ("/openapi.json", ""),
            ("/v1/models", ""),
            ("/v1/separations?limit=5&after=9", ""),
            (base, ""),
            (f"{base}/stems/bass.wav", "Range: bytes=0-99\r\n"),
            (f"{base}/stems/bass.flac", 'If-None-Match: "x"\r\n'),
            (f"{base}/stems.zip?format=wav", ""),
            (f"{base}/mix?vocals=0&drums=0.5&format=wav", ""),
            (f"{base}/peaks?points=10", ""),
            ("/v1/separations?x=%C3%A9", "Origin: http://127.0.0.1\r\n"),
            ("/", "Accept-Encoding: gzip\r\n"),
        )
    ]
    seeds.append(f"DELETE {base}0 HTTP/1.1\r\n{host}{end}".encode())
    head = f"POST /v1/separations?stems=bass HTTP/1.1\r\n{host}Content-Type: multipart/form-data; boundary=bound\r\n"
    seeds.append(f"{head}Content-Length: {len(form)}\r\n{end}".encode() + form)
    seeds.append(
        f"POST /v1/separations?shifts=0&mix=a=bass HTTP/1.1\r\n{host}X-Filename: a%20b.wav\r\n"
        f"Content-Length: {len(tone(0.02))}\r\n{end}".encode()
        + tone(0.02)
    )
    return seeds


def _status_of(service: Service, request: bytes) -> int:
    """Status of the first reply; 0 if the connection was closed without one."""
    reply = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                # Event streams do not end: only their beginning is kept.
                if len(reply) < 100:
                    reply += piece
        except (ConnectionError, TimeoutError):
            pass
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
