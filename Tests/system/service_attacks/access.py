"""Attacks on access: other sites, misplaced tokens, file names that would be paths or markup."""

from __future__ import annotations

from service_client import replies, tone

from .attack import Attack, attack, check


@attack("access")
def access(attack: Attack) -> str:
    """Deletions by pages of other sites, addresses of proxies, misplaced tokens."""
    with attack.service() as service:
        job = service.done(tone(0.2))["id"]
        lines = ("Connection: close", f"X-Forwarded-Host: 127.0.0.1:{service.port}")
        for host in ("evil.example", "0x7f.1"):
            request = service.head("GET", "/v1/separations", *lines, host=host)
            statuses = [reply.status for reply in replies(service.exchange(request))]
            check(statuses in ([421], [400]), f"Host '{host}': {statuses}")
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            reply = service.fetch(f"/v1/separations/{job}", headers, "DELETE")
            check(reply.status == 403, f"DELETE {headers}: {reply.status}")
        check(service.job(job)["state"] == "done", "another site has removed a job")
    token = attack.folder / "token"
    token.write_text("correct-horse-battery\n")
    token.chmod(0o600)
    with attack.service("--token-file", str(token), data="token-data") as service:
        for target in ("/v1/separations", "/demo_track.ogg", f"/v1/separations/{job}"):
            for headers in (
                {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
                {"Cookie": "token=correct-horse-battery"},
            ):
                check(service.fetch(target, headers).status == 401, f"{target} {headers}")
        tokens = [f"Authorization: Bearer {token}" for token in ("wrong", "correct-horse-battery")]
        both = service.head("GET", "/v1/separations", *tokens, "Connection: close")
        check(replies(service.exchange(both))[0].status in (400, 401), "two Authorization headers")
    return "421 for other hosts, 403 for deletions by other sites, 401 for misplaced tokens"


@attack("names")
def names(attack: Attack) -> str:
    """File names of invalid text, other directions and a thousand letters."""
    hostile = (
        ".",
        "C:\\a\\b.wav",
        "%E2%80%AEvaw.exe",
        "%ff%fe.wav",
        "a" * 1000 + ".wav",
        "%D7%A9%D7%9C%D7%95%D7%9D.wav",
        '";.wav',
        "-rf.wav",
        "%F0%9F%8E%B5.wav",
    )
    with attack.service() as service:
        for name in hostile:
            reply = service.post(tone(0.1), headers={"X-Filename": name})
            check(reply.status == 202, f"{name}: {reply.status}")
            label = reply.json["name"]
            is_label = label and label != "." and not set(label) & set("/\\\r\n\0\u202e")
            check(bool(is_label) and len(label.encode()) <= 210, f"{name}: the label is {label!r}")
            stem = service.fetch(service.wait(reply.json["id"])["stems"][0]["url"])
            disposition = stem.headers["content-disposition"]
            check(disposition.startswith('attachment; filename="') and disposition.count('"') == 2, disposition)
    return f"{len(hostile)} names become labels"
