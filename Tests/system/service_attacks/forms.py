"""Attacks by uploads: many at once, clients that disconnect."""

from __future__ import annotations

from service_client import tone

from .attack import Attack, attack, check, in_parallel


@attack("uploads")
def uploads(attack: Attack) -> str:
    """Hundreds of uploads at once, more than the queue takes."""
    count, most = attack.size(60, 300), attack.size(30, 150)
    accepted: list[str] = []
    with attack.gated_service("--max-queue", str(most), "--max-connections", "4096") as service:
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
        service.wait_until_empty("tracks/*/input", "uploads")
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
        service.wait_until_empty("uploads", "tracks/*/input")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    return "nothing left behind; the job that nobody waits for is cancelled"
