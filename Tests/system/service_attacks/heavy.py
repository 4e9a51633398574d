"""Attacks by small files that decode to gigabytes."""

from __future__ import annotations

import shutil
import subprocess
import threading

from service_client import Service, tone

from .attack import Attack, LeftOut, attack, check, in_parallel


def silence(ffmpeg: str, seconds: int, rate: int, channels: int, *options: str) -> bytes:
    """An encoded silence."""
    words = f"-loglevel error -nostdin -f lavfi -i anullsrc=r={rate}:cl={channels}c -ac {channels} -t {seconds}"
    run = subprocess.run([ffmpeg, *words.split(), *options, "pipe:1"], check=True, stdout=subprocess.PIPE)
    return run.stdout


class Watch:
    """The service's largest memory and spool while a block runs. It answers `/livez` meanwhile."""

    def __init__(self, service: Service):
        self.service = service
        self.spool = self.memory = 0.0
        self.is_answering = True
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        before = self.service.memory_megabytes
        while not self._is_over.wait(0.02):
            try:
                self.service.get("/livez")
            except OSError:
                self.is_answering = False
            self.spool = max(self.spool, self.service.unnamed_megabytes)
            self.memory = max(self.memory, self.service.memory_megabytes - before)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


@attack("bombs")
def bombs(attack: Attack) -> str:
    """Small FLAC, Ogg, Matroska and M4A files that decode to hours, many channels or high rates."""
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        raise LeftOut("there is no ffmpeg on PATH")
    minutes = attack.size(2, 10)
    flac = silence(ffmpeg, 30 * minutes, 384_000, 8, "-f", "flac")
    ogg = silence(ffmpeg, 300 * minutes, 44_100, 1, "-c:a", "libvorbis", "-f", "ogg")
    # Only ffmpeg decodes Matroska. The rate and the length are beyond the limits.
    fast = silence(ffmpeg, 60 * minutes, 500_000, 2, "-c:a", "flac", "-f", "matroska")
    long = silence(ffmpeg, 300 * minutes, 48_000, 2, "-c:a", "aac", "-f", "matroska")
    with attack.service("--allow-ffmpeg", "--max-length", "60s") as service, Watch(service) as watch:
        for name, body, statuses in (
            ("384 kHz", flac, {202, 413, 422}),
            ("Ogg", ogg, {413}),
            ("500 kHz", fast, {413, 422}),
            ("Matroska", long, {413}),
        ):
            reply = service.post(body, "shifts=0&stems=bass")
            check(reply.status in statuses, f"{name}: {reply.status} {reply.body!r}")
            if reply.status == 202:
                service.fetch(f"/v1/separations/{reply.json['id']}", method="DELETE")
    check(watch.spool < 10, f"{watch.spool:.0f} MB were spooled for files that are refused")
    check(watch.memory < 100 or attack.is_sanitized, f"the memory has grown by {watch.memory:.0f} MB")
    song = silence(ffmpeg, 600, 48_000, 2, "-c:a", "aac", "-f", "matroska")
    with attack.service("--allow-ffmpeg", "--disk-quota", "100MB", data="quota") as service, Watch(service) as watch:
        reply = service.post(song)
        check(reply.status == 422 and reply.kind == "no-room", f"230 MB of spool with --disk-quota 100MB: {reply}")
    check(watch.spool < 110, f"{watch.spool:.0f} MB were spooled with --disk-quota 100MB")
    count = attack.size(12, 24)
    with attack.service("--allow-ffmpeg", "--max-queue", "100", data="parallel") as service:
        wide = silence(ffmpeg, 120, 192_000, 8, "-f", "flac")
        with Watch(service) as parallel:
            statuses = in_parallel(
                lambda query: service.post(wide, query).status, ["shifts=0&stems=bass&duration=1"] * count
            )
        check(set(statuses) <= {202, 429, 503}, f"{statuses}")
        check(parallel.is_answering, f"/livez is not answered while {count} bombs are checked")
        check(parallel.memory < 200 or attack.is_sanitized, f"the memory has grown by {parallel.memory:.0f} MB")
        check(service.post(tone(0.2)).status in (202, 429), "a small upload after the bombs")
    sizes = ", ".join(f"{len(body) / 1e3:.0f} kB" for body in (flac, ogg, fast, long))
    return (
        f"{sizes}: at most {watch.spool:.0f} MB spooled, {watch.memory:.0f} MB more memory; "
        f"{count} at once: {parallel.memory:.0f} MB more memory"
    )
