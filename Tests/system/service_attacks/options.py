"""Attacks by options: extremes that are invalid, endless or huge."""

from __future__ import annotations

import time

from service_client import tone

from .attack import Attack, attack, check


@attack("options")
def options(attack: Attack) -> str:
    """Extreme options, refused at acceptance and never in the queue."""
    invalid = (
        "shifts=-1",
        "shifts=100000",
        "shifts=1e9",
        "shifts=NaN",
        "shifts=",
        "seed=-1",
        f"seed={2**64}",
        "overlap=-0.1",
        "overlap=1",
        "overlap=NaN",
        "overlap=inf",
        "overlap=0.9999999",
        "segment=0",
        "segment=-1",
        "segment=1e9",
        "segment=nan",
        "start=-1",
        "start=999999999",
        "start=1",
        "start=inf",
        "duration=0",
        "duration=-5",
        "stems=",
        "stems=bass,bass",
        "stems=nothing",
        "two-stems=nothing",
        "stems=bass&two-stems=bass",
        "mix=../x=bass",
        "mix=a",
        "mix=a=",
        "mix=a=nothing",
        "mix=bass=drums",
        "format=exe",
        "mp3-bitrate=7",
        "precision=float1024",
        "clip-mode=explode",
        "output-rate=-1",
        "model=../../etc/passwd",
        "model=/etc/passwd",
        "model=hf://someone/something",
        "model=nothing",
        "unknown=1",
        "out=/tmp/x",
        "no-split=perhaps",
    )
    endless = ("overlap=0.99999&shifts=100", "overlap=0.999", "segment=0.01", "shifts=100", "shifts=50&overlap=0.9")
    harmless = (
        "shifts=4",
        "overlap=0.5",
        "shifts=2&overlap=0.5",
        f"seed={2**64 - 1}",
        "segment=3",
        "start=0.5",
        "duration=999999999",
    )
    with attack.service() as service:
        sound = tone(1)
        long = tone(60)
        slowest = 0.0
        for queries, body, kinds in (
            (invalid, sound, ("invalid-option", "unusable-sound")),
            (endless, long, ("too-much-work", "invalid-option")),
        ):
            for query in queries:
                start = time.monotonic()
                reply = service.post(body, query)
                slowest = max(slowest, time.monotonic() - start)
                check(reply.status in (400, 404, 422), f"{query}: {reply.status} {reply.body!r}")
                check(reply.status != 422 or reply.kind in kinds, f"{query}: {reply.kind}")
        listed = service.fetch("/v1/separations").json["separations"]
        check(not listed and not service.files_left("inputs", "uploads"), "refused requests left jobs or files")
        for query in harmless:
            reply = service.post(sound, query)
            check(reply.status == 202, f"{query}: {reply.status} {reply.body!r}")
            check(service.wait(reply.json["id"])["state"] == "done", f"{query}: not done")
    return (
        f"{len(invalid)} invalid and {len(endless)} endless ones refused when uploaded (422), in at most "
        f"{slowest:.1f} s; {len(harmless)} unusual ones done"
    )


@attack("outputs")
def outputs(attack: Attack) -> str:
    """Hundreds of outputs from one sound."""
    with attack.service() as service:
        sound = tone(5)

        def query(count: int) -> str:
            return "shifts=0" + "".join(f"&mix=m{index}=bass" for index in range(count))

        for count in (13, 17, 100, 250, 350):
            reply = service.post(sound, query(count))
            check(reply.status in (413, 414, 422, 431), f"{count} mixes: {reply.status}")
            check(reply.status != 422 or reply.kind == "invalid-option", f"{count} mixes: {reply.kind}")
        check(not service.files_left("results", "inputs", "uploads"), "refused requests left files")
        job = service.done(sound, query(12))
        check(len(job["stems"]) == 16, f"{len(job['stems'])} outputs")
        sums = [stem["name"] for stem in job["stems"] if not stem["is_part"]]
        check(len(sums) == 12, f"sums: {sums}")
    return "16 outputs done; 17 and more refused (422); no file left"
