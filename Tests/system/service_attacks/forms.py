"""Attacks by uploads: odd forms, many uploads at once, clients that disconnect."""

from __future__ import annotations

from service_client import FORM_END, Reply, Service, form_field, form_file, tone

from .attack import Attack, attack, check, in_parallel

NESTED = b"--bound\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nx\r\n--in--\r\n" + FORM_END


def _send(service: Service, body: bytes, parameters: str = "; boundary=bound") -> Reply:
    return service.fetch("/v1/separations", {"Content-Type": f"multipart/form-data{parameters}"}, "POST", body)


@attack("forms")
def forms(attack: Attack) -> str:
    """Forms with two files, 200 fields, a field of 1 MB, a form in a form; odd boundaries."""
    sound = form_file(tone(0.1))
    with attack.service() as service:
        for name, body, expected in (
            ("an end alone", FORM_END, {400}),
            ("two files", sound + sound + FORM_END, {400}),
            (
                "200 fields",
                b"".join(form_field(f"a{index}", b"1") for index in range(200)) + sound + FORM_END,
                {400, 413, 422},
            ),
            ("a field twice", form_field("shifts", b"9") + form_field("shifts", b"0") + sound + FORM_END, {202, 422}),
            ("a field of 1 MB", form_field("stems", b"a" * (1 << 20)) + sound + FORM_END, {400, 413}),
            ("a nested form", NESTED, {400}),
            ("no boundary in the body", tone(0.1), {400}),
        ):
            reply = _send(service, body)
            check(reply.status in expected, f"{name}: {reply.status} {reply.body!r}")
        boundaries = ("; boundary", f"; boundary={'b' * 5000}", "; boundary=\x7f")
        count = attack.size(20, 500)
        for parameters in boundaries * count:
            reply = _send(service, sound + FORM_END, parameters)
            check(reply.status == 400, f"boundary '{parameters[:30]}': {reply.status} {reply.body!r}")
        service.wait_until_empty("uploads")
    return f"refused in words (400, 413, 422); {count * len(boundaries)} wrong boundaries leave no file"


@attack("uploads")
def uploads(attack: Attack) -> str:
    """Hundreds of uploads at once, more than the queue takes."""
    count, most = attack.size(60, 300), attack.size(30, 150)
    accepted: list[str] = []
    with attack.gated_service("--max-queue", str(most)) as service:
        # The queue does not move while the gate is shut.
        service.hold()
        blocking = service.upload(tone(0.1, 50))[1]["id"]
        service.wait_until_running(blocking)

        def upload(pitch: str) -> int:
            reply = service.post(tone(0.1, float(pitch)))
            if reply.status == 202:
                accepted.append(reply.json["id"])
            check(reply.status != 429 or "retry-after" in reply.headers, "429 without Retry-After")
            return reply.status

        statuses = in_parallel(upload, [str(100 + index) for index in range(count)])
        check(dict(statuses) == {202: most, 429: count - most}, f"{statuses}")
        service.open()
        for identifier in accepted:
            check(service.wait(identifier)["state"] == "done", "an accepted job is not done")
        service.wait_until_empty("inputs", "uploads")
    return f"{count} at once with --max-queue {most}: {most} accepted, {count - most} × 429, none lost, no file left"


@attack("gone-clients")
def gone_clients(attack: Attack) -> str:
    """Clients that disconnect in the middle of requests and replies."""
    with attack.gated_service() as service:
        sound = tone(10)
        length = f"Content-Length: {len(sound)}"
        for sent in (0, 1000, 500_000):
            service.ask(service.head("POST", "/v1/separations", length) + sound[:sent]).close()
        # A client that waits for its stem disconnects: its job is cancelled.
        service.hold()
        with service.ask(service.head("PUT", "/v1/separate/bass.wav?shifts=0", length) + sound):
            service.follow("/v1/events", rb'"state":"running"')
        service.follow("/v1/events", rb'"state":"cancelled"')
        service.open()
        done = service.done(tone(1))["id"]
        for target in ("stems.zip", "stems/bass.wav", "events", "mix"):
            with service.ask(service.head("GET", f"/v1/separations/{done}/{target}")) as connection:
                connection.recv(10)
        service.wait_until_empty("uploads", "inputs")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    return "nothing left behind; the job that nobody waits for is cancelled"
