"""Attacks on HTTP itself: methods, framing, pipelines."""

from __future__ import annotations

from service_client import replies, tone

from .attack import Attack, attack, check


@attack("methods")
def methods(attack: Attack) -> str:
    """HEAD everywhere, methods that no address takes, other forms and versions of requests."""
    with attack.service() as service:
        base = f"/v1/separations/{service.done(tone(1))['id']}"
        # Made first: a client that has ended its side of the connection counts as gone while they are made.
        for name in ("mix?vocals=0", "peaks"):
            service.get(f"{base}/{name}")
        parts = ("", "/stems/bass.wav", "/stems.zip", "/mix?vocals=0", "/peaks")
        targets = ["/", "/livez", "/metrics", "/v1/models", "/v1/separations", "/v1/events", "/nothing"]
        targets += [base + part for part in parts]
        for target in targets:
            head, _, body = service.exchange(service.head("HEAD", target)).partition(b"\r\n\r\n")
            status = int(head.split(b" ")[1])
            check(status == (404 if target == "/nothing" else 200), f"HEAD {target}: {status}")
            # libmicrohttpd ends a reply of unknown length with an empty chunk also for HEAD. A client would take it
            # for the beginning of the next reply.
            is_last = body == b"0\r\n\r\n" and b"Connection: close" in head
            check(not body or is_last, f"HEAD {target}: {len(body)} bytes of a body")
            check(service.fetch(target, method="OPTIONS").status == 204, f"OPTIONS {target}")
        for method, target in (
            ("TRACE", "/"), ("PATCH", base), ("PUT", base), ("PATCH", "/v1/separations"), ("BREW", "/livez"),
            ("get", "/livez"), ("POST", "/livez"),
        ):
            status = service.fetch(target, method=method).status
            check(status == 405, f"{method} {target}: {status}")
        odd = {
            "CONNECT": service.head("CONNECT", "127.0.0.1:22"),
            "an absolute target": service.head("GET", "http://example.org/livez", "Connection: close"),
            "HTTP/0.9": b"GET /livez\r\n\r\n",
            "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "HTTP/3.0": service.head("GET", "/livez", version="HTTP/3.0"),
            "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(200),
        }
        for name, request in odd.items():
            statuses = [reply.status for reply in replies(service.exchange(request))]
            check(all(400 <= status < 500 or status == 505 for status in statuses), f"{name}: {statuses}")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    return (
        f"HEAD of {len(targets)} addresses has no body; 7 methods get 405; other forms and versions get 400, "
        "505 or no reply"
    )


@attack("chunking")
def chunking(attack: Attack) -> str:
    """Chunks of impossible sizes, garbage, endless extensions and trailers."""
    with attack.service("--max-body", "1MB") as service:
        chunked = service.head("POST", "/v1/separations?shifts=0", "Transfer-Encoding: chunked")
        bodies = {
            "size 2^68": (b"100000000000000000\r\nabc\r\n0\r\n\r\n", {400, 413}),
            "size -1": (b"-1\r\nabc\r\n0\r\n\r\n", {400}),
            "garbage": (b"garbage\r\nabc\r\n0\r\n\r\n", {400}),
            "no line end": (b"3abc0\r\n\r\n", {400}),
            "a wrong end": (b"3\r\nabcXX0\r\n\r\n", {400}),
            # libmicrohttpd's own reply, if the extension does not fit into its memory for a connection.
            "an extension of 100 kB": (b"3;" + b"a" * 100_000 + b"\r\nabc\r\n0\r\n\r\n", {400, 413, 431, 500}),
            "20,000 trailers": (b"3\r\nabc\r\n0\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n", {400, 413, 415, 431}),
            "cut off": (b"ff\r\nabc", {400}),
            "beyond the limit": (
                b"10000\r\n" + bytes(0x10000) + b"\r\n" + b"200000\r\n" + bytes(0x200000) + b"\r\n",
                {413},
            ),
        }
        seen = []
        for name, (body, expected) in bodies.items():
            statuses = [reply.status for reply in replies(service.exchange(chunked + body))]
            # A client that closes in the middle gets no reply.
            check(len(statuses) <= 1 and set(statuses) <= expected, f"{name}: {statuses}")
            seen.append(str(statuses[0]) if statuses else "closed")
        service.wait_until_empty("uploads")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    return f"{len(bodies)} broken bodies: {', '.join(seen)}; no file left"


@attack("pipelining")
def pipelining(attack: Attack) -> str:
    """Pipelined requests, thousands on one connection, HTTP/1.0."""
    with attack.service() as service:
        targets = ("/livez", "/v1/models", "/readyz", "/nothing", "/livez")
        found = replies(service.exchange(b"".join(service.head("GET", target) for target in targets)))
        check([reply.status for reply in found] == [200, 200, 200, 404, 200], f"pipelined: {found}")
        check(b'"models"' in found[1].body and found[2].body == b"ready\n", "the order of the replies")
        count = attack.size(2_000, 20_000)
        with service.connect() as connection:
            file = connection.makefile("rb")
            for _ in range(count):
                connection.sendall(service.head("GET", "/livez"))
                check(b" 200 " in file.readline(), "a request on a used connection")
                while file.readline() != b"\r\n":
                    pass
                file.read(3)
        for request, status in (
            (b"GET /livez HTTP/1.0\r\n\r\n", 200),
            (b"GET /livez HTTP/1.0\r\nHost: evil\r\n\r\n", 421),
            (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        ):
            found = replies(service.exchange(request))
            check([reply.status for reply in found] == [status], f"{request!r}: {found}")
    return f"5 pipelined requests answered in order; {count} requests on a connection; HTTP/1.0 needs no Host"
