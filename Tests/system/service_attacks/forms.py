"""Attacks by uploads: forms, names, short files, many uploads at once, clients that disconnect."""

from __future__ import annotations

import threading
import time
from collections import Counter

from service_client import FORM_END, LONGEST_SECONDS, Reply, Service, form_field, form_file, tone

from .attack import Attack, attack, check

NESTED = (
    b"--bound\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nx\r\n--in--\r\n" + FORM_END
)


def _send(service: Service, body: bytes, parameters: str = "; boundary=bound") -> Reply:
    return service.fetch("/v1/separations", {"Content-Type": f"multipart/form-data{parameters}"}, "POST", body)


@attack("forms")
def forms(attack: Attack) -> str:
    """Forms without a boundary, an end or a file; with two files, 200 fields, nested forms."""
    sound = tone(0.1)
    shifts = form_field("shifts", b"0")
    with attack.service() as service:
        for name, body, expected in (
            ("whole", shifts + form_file(sound) + FORM_END, {202}),
            ("empty", b"", {400}),
            ("no end", shifts + form_file(sound), {400}),
            ("an end alone", FORM_END, {400}),
            ("no file", shifts + FORM_END, {400}),
            ("two files", form_file(sound) + form_file(sound) + FORM_END, {400}),
            (
                "200 fields",
                b"".join(form_field(f"a{index}", b"1") for index in range(200)) + form_file(sound) + FORM_END,
                {400, 413, 422},
            ),
            ("a field twice", form_field("shifts", b"9") + shifts + form_file(sound) + FORM_END, {202, 422}),
            ("a field of 1 MB", form_field("stems", b"a" * (1 << 20)) + form_file(sound) + FORM_END, {400, 413}),
            ("invalid UTF-8", form_field("stems", b"\xc3\x28") + form_file(sound) + FORM_END, {400}),
            ("a nested form", NESTED, {400}),
            ("no boundary in the body", sound, {400}),
        ):
            reply = _send(service, body)
            check(reply.status in expected, f"{name}: {reply.status} {reply.body!r}")
        whole = shifts + form_file(sound) + FORM_END
        boundaries = (
            "",
            "; boundary",
            "; boundary=",
            '; boundary=""',
            "; boundary=x",
            f"; boundary={'b' * 5000}",
            "; boundary=\x7f",
        )
        count = attack.size(20, 500)
        for parameters in boundaries:
            for _ in range(count):
                reply = _send(service, whole, parameters)
                check(reply.status == 400, f"boundary '{parameters[:30]}': {reply.status} {reply.body!r}")
        left = service.files("uploads")
        check(not left, f"{len(left)} files were left in 'uploads' by {count * len(boundaries)} wrong boundaries")
    return f"refused in words (400, 413, 422); {count * len(boundaries)} wrong boundaries leave no file"


@attack("names")
def names(attack: Attack) -> str:
    """File names that are paths, markup, headers, invalid text."""
    hostile = (
        "../../../../tmp/owned.wav",
        "/etc/passwd",
        "..",
        ".",
        "",
        "C:\\a\\b.wav",
        "a%00b.wav",
        "..%2F..%2Fx",
        "<img src=x onerror=alert(1)>.wav",
        "a%0d%0aSet-Cookie:%20x=1%22;evil.wav",
        "%E2%80%AEvaw.exe",
        "%ff%fe.wav",
        "a" * 1000 + ".wav",
        "%D7%A9%D7%9C%D7%95%D7%9D.wav",
        '";.wav',
        "-rf.wav",
        "%F0%9F%8E%B5.wav",
    )
    with attack.service() as service:
        sound = tone(0.1)
        for name in hostile:
            reply = service.post(sound, headers={"X-Filename": name})
            check(reply.status == 202, f"{name}: {reply.status}")
            label = reply.json["name"]
            is_label = label and label not in (".", "..") and not set(label) & set("/\\\r\n\0\u202e")
            check(bool(is_label) and len(label.encode()) <= 210, f"{name}: the label is {label!r}")
            job = service.wait(reply.json["id"])
            stem = service.fetch(job["stems"][0]["url"])
            check("set-cookie" not in stem.headers, f"{name}: adds a header")
            disposition = stem.headers["content-disposition"]
            check(disposition.startswith('attachment; filename="') and disposition.count('"') == 2, disposition)
            check(stem.headers["x-content-type-options"] == "nosniff", "no 'nosniff'")
        for name in ("../../x", "a\\..\\b", "<script>"):
            body = form_field("shifts", b"0") + form_file(sound, name) + FORM_END
            label = _send(service, body).json["name"]
            check(not set(label) & set("/\\"), f"{name} in a form: the label is {label!r}")
        policy = service.fetch("/").headers["content-security-policy"]
        check("script-src 'self'" in policy and "unsafe" not in policy, policy)
        stray = [path for path in attack.folder.rglob("*owned*")]
        check(not stray, f"files with a client's name: {stray}")
    return f"{len(hostile) + 3} names become labels; none becomes a path, a header or markup"


@attack("short-files")
def short_files(attack: Attack) -> str:
    """Sound files that announce more than they hold, or hold nothing."""
    wav = tone(20)
    cut = wav[:60]
    with attack.service() as service:
        reply = service.post(cut)
        check(reply.status in (202, 415, 422), f"16 bytes of 20 s: {reply.status}")
        outcome = str(reply.status)
        if reply.status == 202:
            job = service.wait(reply.json["id"])
            check(job["state"] == "done" and job["warnings"], f"no warning about the missing 20 s: {job}")
            check(job["stems"][0]["bytes"] < 1000, "the stems are longer than the sound")
            outcome = "accepted with the warning that the file is cut"
        for name, body, expected in (
            ("nothing", b"", {400}),
            ("a header alone", wav[:44], {415}),
            ("half a header", wav[:20], {415}),
            ("zeros", bytes(5000), {415}),
            ("text", b"hello, world", {415}),
            ("a page", b"<html><script>", {415}),
            ("a RIFF of random bytes", wav[:12] + attack.draw.randbytes(5000), {415, 422}),
            ("a FLAC marker", b"fLaC" + bytes(100), {415, 422}),
            ("an Ogg marker", b"OggS" + bytes(100), {415, 422}),
        ):
            reply = service.post(body)
            check(reply.status in expected, f"{name}: {reply.status} {reply.body!r}")
            check(str(attack.folder) not in reply.body.decode(), f"{name}: the reply has a path")
        check(not service.files_left("inputs", "uploads"), "refused sounds were left behind")
    return f"16 bytes of an announced 20 s: {outcome}; 9 others refused (400, 415, 422)"


@attack("uploads")
def uploads(attack: Attack) -> str:
    """Hundreds of uploads at once, more than the queue takes."""
    count, most = attack.size(60, 300), attack.size(30, 150)
    found: list[Reply] = []
    with attack.service("--max-queue", str(most)) as service:
        # The queue does not move while this job runs.
        blocking = service.upload(tone(120), "shifts=10")[1]["id"]
        while service.job(blocking)["state"] != "running":
            time.sleep(0.01)
        threads = [
            threading.Thread(target=lambda pitch: found.append(service.post(tone(0.1, pitch))), args=(100.0 + index,))
            for index in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = Counter(reply.status for reply in found)
        check(len(found) == count and set(statuses) == {202, 429}, f"{statuses}, {count - len(found)} without a reply")
        check(statuses[202] >= most, f"{statuses[202]} accepted, expected {most}")
        check(all("retry-after" in reply.headers for reply in found if reply.status == 429), "429 without Retry-After")
        service.fetch(f"/v1/separations/{blocking}", method="DELETE")
        for reply in found:
            if reply.status == 202:
                check(service.wait(reply.json["id"])["state"] == "done", "an accepted job is not done")
        check(not service.files_left("inputs", "uploads"), "sounds of finished jobs were left behind")
    return (
        f"{count} at once with --max-queue {most}: {statuses[202]} accepted, {statuses[429]} × 429, none lost, "
        "no file left"
    )


@attack("gone-clients")
def gone_clients(attack: Attack) -> str:
    """Clients that disconnect in the middle of requests and replies."""
    with attack.service() as service:
        sound = tone(60)
        length = f"Content-Length: {len(sound)}"
        for sent in (0, 1000, 500_000):
            service.ask(service.head("POST", "/v1/separations", length) + sound[:sent]).close()
        # A client that waits for its stem disconnects: its job is cancelled.
        with service.ask(service.head("PUT", "/v1/separate/bass.wav?shifts=0&overlap=0.9", length) + sound):
            deadline = time.monotonic() + LONGEST_SECONDS
            while b'"running"' not in service.get("/v1/separations")[1] and time.monotonic() < deadline:
                time.sleep(0.02)
        done = service.done(tone(1))["id"]
        states = service.get("/v1/separations")[1]
        check(b'"cancelled"' in states, "the job that nobody waits for was not cancelled")
        for target in ("stems.zip", "stems/bass.wav", "events", "mix"):
            with service.ask(service.head("GET", f"/v1/separations/{done}/{target}")) as connection:
                connection.recv(10)
        check(not service.files_left("uploads"), "unfinished uploads were left behind")
        check(not service.files_left("inputs"), "sounds of finished jobs were left behind")
        check(service.get("/livez")[0] == 200, "the service does not answer")
    return "nothing left behind; the job that nobody waits for is cancelled"
