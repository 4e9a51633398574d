"""Attacks on access: hosts, origins, tokens, users, paths in replies."""

from __future__ import annotations

import os

from service_client import Reply, replies, tone

from .attack import Attack, attack, check


@attack("access")
def access(attack: Attack) -> str:
    """DNS rebinding, pages of other sites, wrong and misplaced tokens."""
    with attack.service("--allow-origin", "https://mine.example") as service:
        job = service.done(tone(0.2))["id"]
        own = f"127.0.0.1:{service.port}"
        for host in (
            "evil.example",
            f"evil.example:{service.port}",
            "localhost.evil.example",
            "x@localhost",
            "0x7f.1",
            "",
        ):
            lines = ("Connection: close", f"X-Forwarded-Host: {own}")
            request = service.head("GET", "/v1/separations", *lines, host=host)
            statuses = [reply.status for reply in replies(service.exchange(request))]
            check(statuses in ([421], [400]), f"Host '{host}': {statuses}")
        twice = service.head("GET", "/livez", "Host: evil.example", "Connection: close")
        check([reply.status for reply in replies(service.exchange(twice))] == [400], "two Host headers")
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "file://"},
            {"Origin": "http://localhost.evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            for method, target in (("POST", "/v1/separations"), ("DELETE", f"/v1/separations/{job}")):
                reply = service.fetch(target, headers, method, tone(0.1) if method == "POST" else None)
                check(reply.status == 403, f"{method} {headers}: {reply.status}")
                check("access-control-allow-origin" not in reply.headers, f"{headers} may read the reply")
        check(service.job(job)["state"] == "done", "another site has removed a job")
        named = service.fetch("/v1/models", {"Origin": "https://mine.example"})
        check(named.headers.get("access-control-allow-origin") == "https://mine.example", "the allowed origin")
    token = attack.folder / "token"
    token.write_text("correct-horse-battery\n")
    token.chmod(0o600)
    with attack.service("--token-file", str(token), data="token-data") as service:
        right = {"Authorization": "Bearer correct-horse-battery"}
        for target in (
            "/v1/separations",
            "/v1/events",
            "/v1/models",
            "/metrics",
            "/demo_track.ogg",
            f"/v1/separations/{job}",
        ):
            for headers in (
                {},
                {"Authorization": "Bearer"},
                {"Authorization": "Bearer wrong"},
                {"Authorization": "Basic Y29ycmVjdA=="},
                {"Authorization": "Bearer correct-horse-batterz"},
                {"Authorization": "Bearer correct-horse-battery-2"},
                {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
                {"Cookie": "token=correct-horse-battery"},
            ):
                check(service.fetch(target, headers).status == 401, f"{target} {headers}")
        tokens = [f"Authorization: Bearer {token}" for token in ("wrong", "correct-horse-battery")]
        both = service.head("GET", "/v1/separations", *tokens, "Connection: close")
        check(replies(service.exchange(both))[0].status in (400, 401), "two Authorization headers")
        for name in ("token", "access_token"):
            check(service.fetch(f"/v1/separations?{name}=correct-horse-battery", right).status == 400, f"?{name}=")
        check(service.fetch("/v1/separations", right).status == 200, "the right token")
    return "421 for other hosts, 403 for other sites, 401 without the token, 400 for a token in the address"


@attack("users")
def users(attack: Attack) -> str:
    """A user who looks for the jobs of another."""
    tokens = attack.folder / "tokens"
    tokens.write_text("alice:alice-alice-alice\nbob:bob-bob-bob-bob-bob\n")
    tokens.chmod(0o600)
    alice, bob = {"Authorization": "Bearer alice-alice-alice"}, {"Authorization": "Bearer bob-bob-bob-bob-bob"}
    service = attack.service("--token-file", str(tokens))
    service.start()
    try:
        sound = tone(0.5)
        first = service.post(sound, headers={**alice, "X-Filename": "secret-song.wav"})
        check(first.status == 202, f"Alice's upload: {first.status}")
        job = first.json["id"]
        base = f"/v1/separations/{job}"
        while service.fetch(base, alice).json["state"] != "done":
            pass
        for target in (
            base,
            f"{base}/events",
            f"{base}/stems/bass.wav",
            f"{base}/stems.zip",
            f"{base}/mix",
            f"{base}/peaks",
        ):
            check(service.fetch(target, bob).status == 404, f"Bob reads {target}")
        check(service.fetch(base, bob, "DELETE").status == 404, "Bob deletes Alice's job")
        listed = service.fetch("/v1/separations", bob).json
        check(not listed["separations"] and listed["total"] == 0, f"Bob's list: {listed}")
        second = service.post(sound, headers=bob)
        check(second.json["cached"] is False, "'cached' tells Bob that Alice has the same sound")
        check(service.post(sound, headers=alice).json["cached"] is True, "Alice's own sound is separated again")
        request = service.head("GET", "/v1/events", f"Authorization: {bob['Authorization']}")
        with service.ask(request) as connection:
            connection.settimeout(1)
            service.post(tone(0.3), headers={**alice, "X-Filename": "secret-song.wav"})
            events = b""
            try:
                while piece := connection.recv(1 << 16):
                    events += piece
            except TimeoutError:
                pass
        check(b"secret-song" not in events and job.encode() not in events, "Bob gets events of Alice's jobs")
        check(second.json["id"].encode() in events, "Bob gets no events of his own job")
    finally:
        if service.is_running:
            service.kill()
    return "404 for each address of another's job; not in list and events; 'cached' only for own sounds"


def _is_clean(reply: Reply, secrets: list[str]) -> bool:
    return not any(secret in reply.body.decode(errors="replace") for secret in secrets)


@attack("paths")
def paths(attack: Attack) -> str:
    """Replies that could name folders of the server: a missing model, broken sounds, a full queue."""
    models = attack.folder / "models"
    models.mkdir()
    secrets = [
        str(attack.folder),
        str(models),
        os.path.expanduser("~"),
        str(os.getcwd()),
        "/tmp/",
        "/home",
        "/Models",
        "/.cache",
    ]
    service = attack.service("--allow-ffmpeg", model="missing", environment={"SWIFT_DEMUCS_MODELS": str(models)})
    service.start(is_ready=lambda reply: reply.status == 503 and "loaded" not in reply.json["detail"])
    try:
        for target in ("/readyz", "/v1/models", "/", "/metrics"):
            check(_is_clean(service.fetch(target), secrets), f"{target} has a path: {service.fetch(target).body!r}")
        reply = service.fetch("/readyz")
        check("missing" in reply.json["detail"], f"/readyz doesn't name the model: {reply.json}")
        check(reply.kind == "no-model" and "retry-after" not in reply.headers, f"/readyz: {reply.kind} {reply.headers}")
        reply = service.post(tone(0.1))
        check(reply.status == 503 and reply.kind == "no-model" and _is_clean(reply, secrets), f"upload: {reply}")
    finally:
        if service.is_running:
            service.kill()
    with attack.service("--allow-ffmpeg", data="other") as service:
        bodies = (
            b"hello",
            bytes(5000),
            tone(0.1)[:44],
            b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100),
            b"#EXTM3U\n/etc/passwd\n",
        )
        for body in bodies:
            reply = service.post(body)
            check(
                reply.status in (415, 422) and _is_clean(reply, secrets),
                f"{body[:20]!r}: {reply.status} {reply.body!r}",
            )
        # The result of a job that fails when it runs.
        job = service.done(tone(0.1))
        for file in (attack.folder / "other/results" / job["id"]).iterdir():
            file.unlink()
        # Waveforms are made during the separation, and kept apart.
        for part in ("stems/bass.wav", "stems.zip", "mix"):
            reply = service.fetch(f"/v1/separations/{job['id']}/{part}")
            check(reply.status == 404 and _is_clean(reply, secrets), f"{part}: {reply.status} {reply.body!r}")
    return "no reply has a path; a missing model is 503 'no-model' with its name"
