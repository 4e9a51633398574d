#!/usr/bin/env python3
"""The service's interface without a model: jobs take a few seconds and give generated music.

For work on the page and for its tests. The page's files are read again for each request, so that a
reload shows a change. Attributes of `Mock` set its behaviour; the tests change them.
"""
import argparse
import gzip
import hashlib
import io
import json
import random
import re
import threading
import time
import urllib.parse
import zipfile
from datetime import datetime, timezone
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy
import soundfile

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "Sources" / "Service" / "Page"
SAMPLE_RATE = 44100
# Rate of the uploaded songs: not that of the stems.
SONG_SAMPLE_RATE = 48000
STEMS = ["drums", "bass", "other", "vocals"]
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg",
}


def make_music(seconds: float, seed: int) -> dict[str, numpy.ndarray]:
    """A stereo signal [frame, channel] for each stem, exact in 16 bits, similar to a song."""
    random = numpy.random.default_rng(seed)
    frames = int(seconds * SAMPLE_RATE)
    t = numpy.arange(frames) / SAMPLE_RATE
    beat = 60 / 112
    bar = 4 * beat
    section = (t // (4 * bar)).astype(int) + seed
    root = numpy.array([110.0, 87.31, 130.81, 98.0])[(t // bar).astype(int) % 4]
    phase = 2 * numpy.pi * numpy.cumsum(root) / SAMPLE_RATE
    since_beat = t % beat
    since_half = t % (beat / 2)
    kick = numpy.sin(2 * numpy.pi * 55 * since_beat) * numpy.exp(-since_beat * 14)
    snare = random.standard_normal(frames) * numpy.exp(-((t + beat) % (2 * beat)) * 18) * 0.4
    hats = random.standard_normal(frames) * numpy.exp(-since_half * 60) * 0.12
    def drift(seconds_per_turn, low):
        """A slowly varying random loudness in low…1."""
        count = int(seconds / seconds_per_turn) + 3
        levels = numpy.interp(t / seconds_per_turn, numpy.arange(count), random.random(count))
        return low + (1 - low) * levels

    drums = (0.6 * kick + snare + hats) * numpy.where(section % 5 == 0, 0.35, 0.9) * drift(beat / 2, 0.55)
    bass = (numpy.sin(phase / 2) + 0.3 * numpy.sin(phase)) * numpy.exp(-since_half * 2.2) * 0.55
    bass *= numpy.where(section % 4 == 3, 0.15, 1) * drift(beat, 0.35)
    chord = sum(numpy.sin(phase * ratio + shift) for ratio, shift in ((2, 0), (2.5198, 1), (2.9966, 2), (4, 3)))
    other = chord * 0.14 * (0.55 + 0.45 * numpy.exp(-(t % bar) * 1.4)) * drift(bar, 0.4) * drift(beat / 2, 0.6)
    syllables = numpy.repeat(random.choice([0, 0.5, 0.8, 1], int(seconds / beat) + 2), int(beat * SAMPLE_RATE))[:frames]
    syllables = numpy.convolve(syllables, numpy.hanning(4000) / 2000, "same") * drift(beat / 3, 0.3) * drift(bar, 0.4)
    glide = 2 * numpy.pi * numpy.cumsum(root * 3 * (1 + 0.006 * numpy.sin(2 * numpy.pi * 5.4 * t))) / SAMPLE_RATE
    vocals = sum(numpy.sin(glide * n) / n**1.4 for n in range(1, 7)) * syllables * 0.6 * numpy.where(section % 3 == 2, 0.08, 1)
    edges = numpy.minimum(1, numpy.minimum(t * 4, (seconds - t) / 2))
    stems = {}
    for index, signal in enumerate((drums, bass, other, vocals)):
        turned = numpy.stack([signal, numpy.roll(signal, 20 + 10 * index) * 0.96], axis=1) * edges[:, None] * 0.4
        stems[STEMS[index]] = numpy.round(numpy.clip(turned, -1, 1) * 32767).astype(numpy.int16)
    return stems


def encode(samples: numpy.ndarray, form: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, SAMPLE_RATE, format=form.upper(), subtype="PCM_16" if form != "mp3" else None)
    return out.getvalue()


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def panned(signal: numpy.ndarray, pan: float) -> numpy.ndarray:
    """Pans `[samples, 2]` as a browser's StereoPannerNode does."""
    if pan == 0:
        return signal
    left, right = signal.T
    angle = (pan + 1 if pan < 0 else pan) * numpy.pi / 2
    if pan < 0:
        return numpy.stack([left + right * numpy.cos(angle), right * numpy.sin(angle)], axis=1)
    return numpy.stack([left * numpy.cos(angle), right + left * numpy.sin(angle)], axis=1)


def defaults(options: dict) -> dict:
    """A job's options with the defaults that the service would add."""
    return {"two-stems": None, "other-method": "add", "stems": None, "mix": [], "residual": False, "precision": "int8", "format": "wav", **options}


class Refused(Exception):
    """A problem document; `retry_after` in seconds if the same request can succeed later."""

    def __init__(self, status: int, kind: str, title: str, detail: str, retry_after: int | None = None, headers: dict | None = None):
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.headers = {**(headers or {}), **({} if retry_after is None else {"Retry-After": str(retry_after)})}

    def document(self, instance: str) -> dict:
        return {"type": f"urn:swift-demucs:problem:{self.kind}", "title": self.title, "status": self.status, "detail": self.detail, "instance": instance}


def not_ready() -> Refused:
    return Refused(503, "not-ready", "The service is not ready", "The model is being loaded.", 1)


class Mock:
    """The service's state, which survives a restart of its server, like the real service's database."""

    def __init__(self, port: int = 0, seconds: float = 2.0, music_seconds: float = 12.0):
        self.port = port
        self.job_seconds = seconds
        self.music_seconds = music_seconds
        self.token = None
        # Reply of /readyz: None or a `Refused`.
        self.not_ready = None
        self.is_installed = True
        # What a request or an event is late at most, in seconds.
        self.delay = 0.0
        self.fails = None
        # The sound of the last accepted upload.
        self.received = b""
        self.lock = threading.Condition()
        self.jobs: dict[str, dict] = {}
        self.music: dict[str, dict] = {}
        self.encoded: dict[tuple, bytes] = {}
        self.events: list[tuple[int, str, str]] = []
        self.last_event = 0
        self.epoch = 0
        self.created = 0
        self.requests: list[tuple[str, str, dict]] = []
        self.server = None
        self.is_stopped = False
        threading.Thread(target=self.work, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        mock = self

        class Bound(Handler):
            pass

        Bound.mock = mock
        ThreadingHTTPServer.allow_reuse_address = True
        ThreadingHTTPServer.daemon_threads = True
        ThreadingHTTPServer.request_queue_size = 64
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Bound)
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def dawdle(self) -> None:
        if self.delay:
            time.sleep(random.uniform(0, self.delay))

    def drop_streams(self) -> None:
        with self.lock:
            self.epoch += 1
            self.lock.notify_all()

    def stop(self) -> None:
        self.drop_streams()
        server, self.server = self.server, None
        server.shutdown()
        server.server_close()

    def close(self) -> None:
        self.is_stopped = True
        self.stop()

    # Jobs

    def waiting(self) -> list[str]:
        return [job["id"] for job in sorted(self.jobs.values(), key=lambda job: job["_turn"]) if job["state"] == "queued"]

    def move(self, identity: str, before: str) -> dict:
        """Moves a waiting job before another one."""
        with self.lock:
            line = self.waiting()
            turns = [self.jobs[each]["_turn"] for each in line]
            line.remove(identity)
            line.insert(line.index(before), identity)
            for each, turn in zip(line, turns):
                self.jobs[each]["_turn"] = turn
            for each in line:
                self.emit("job", self.public(self.jobs[each], line))
            return self.public(self.jobs[identity], line)

    def public(self, job: dict, waiting: list[str] | None = None) -> dict:
        waiting = self.waiting() if waiting is None else waiting
        return {key: value for key, value in job.items() if not key.startswith("_")} | {
            "queue_position": waiting.index(job["id"]) + 1 if job["id"] in waiting else None,
        }

    def page(self, limit: int, after: str | None) -> tuple[list[dict], str | None]:
        """Jobs, newest first, and the cursor of the next page."""
        older = [job for job in reversed(self.jobs.values()) if after is None or job["_seed"] < int(after)]
        return older[:limit], str(older[limit - 1]["_seed"]) if len(older) > limit else None

    def state(self) -> list[tuple[int, str, str]]:
        """The events that tell the present state to a stream that begins."""
        newest, following = self.page(100, None)
        active = [job for job in reversed(self.jobs.values()) if job["state"] in ("queued", "running") and job not in newest]
        waiting = self.waiting()
        return [(self.last_event, "state", json.dumps({"total": len(self.jobs), "next": following})),
                *((self.last_event, "job", json.dumps(self.public(job, waiting))) for job in newest + active)]

    def emit(self, kind: str, data: dict) -> None:
        self.last_event += 1
        self.events.append((self.last_event, kind, json.dumps(data)))
        del self.events[:-4000]
        self.lock.notify_all()

    def add(self, name: str, options: dict, state: str = "queued", music_seconds: float | None = None) -> dict:
        with self.lock:
            self.created += 1
            identity = hashlib.sha256(f"{name} {self.created}".encode()).hexdigest()[:16]
            job = {
                "id": identity, "state": "queued", "name": name, "created": now(), "started": None, "finished": None,
                "model": options.get("model", "htdemucs"), "options": defaults(options), "fraction": 0.0,
                "seconds_left": None, "duration_seconds": music_seconds or self.music_seconds, "sample_rate": SONG_SAMPLE_RATE, "stem_rate": None, "channels": 2,
                "stems": [], "warnings": [], "error": None, "cached": False, "_seed": self.created, "_turn": self.created,
            }
            self.jobs[identity] = job
            if state == "done":
                self.finish(job)
            elif state == "failed":
                self.fail(job, "Broken sound file", f"{name} ends in the middle of a block; decode it again from the original.")
            elif state == "cancelled":
                job.update(state="cancelled", finished=now())
            self.emit("job", self.public(job))
            return self.public(job)

    def fill(self, count: int) -> None:
        """Adds many finished jobs with the sound of one."""
        first = self.add("Song 1.wav", {}, "done", 5)
        with self.lock:
            model = self.jobs[first["id"]]
            for number in range(2, count + 1):
                self.created += 1
                identity = hashlib.sha256(f"many {self.created}".encode()).hexdigest()[:16]
                stems = [{**stem, "url": stem["url"].replace(model["id"], identity)} for stem in model["stems"]]
                self.jobs[identity] = {**model, "id": identity, "name": f"Song {number}.wav", "created": now(), "stems": stems, "_seed": self.created}
                self.music[identity] = self.music[model["id"]]

    def fail(self, job: dict, title: str, detail: str, status: int = 422, kind: str = "unusable-sound") -> None:
        problem = Refused(status, kind, title, detail).document(f"/v1/separations/{job['id']}")
        job.update(state="failed", finished=now(), error=problem)

    def finish(self, job: dict) -> None:
        stems = make_music(job["duration_seconds"], job["_seed"])
        options = job["options"]
        sources, two = stems, options["two-stems"]

        def total(names) -> numpy.ndarray:
            return numpy.clip(sum(sources[name].astype(numpy.int32) for name in names), -32768, 32767).astype(numpy.int16)

        if two:
            rest = {"add": [f"no_{two}"], "minus": [f"minus_{two}"], "none": []}[options["other-method"]]
            stems = {two: sources[two], **{name: total(set(sources) - {two}) for name in rest}}
        sums = dict(mix.split("=") for mix in options["mix"])
        stems = {**stems, **{name: total(parts.split("+")) for name, parts in sums.items()}}
        if options["residual"]:
            noise = numpy.random.default_rng(job["_seed"]).integers(-300, 300, stems[next(iter(stems))].shape)
            stems = {**stems, "residual": noise.astype(numpy.int16)}
        self.music[job["id"]] = stems
        form = options["format"]
        job.update(state="done", started=job["started"] or now(), finished=now(), fraction=1.0, seconds_left=None, stem_rate=SAMPLE_RATE, stems=[
            {"name": name, "is_part": name not in sums, "peak": float(numpy.abs(signal.astype(numpy.int32)).max()) / 32768, "bytes": len(self.file(job["id"], name, form)),
             "url": f"/v1/separations/{job['id']}/stems/{name}.{form}"} for name, signal in stems.items()])

    def file(self, identity: str, name: str, form: str) -> bytes:
        key = (identity, name, form)
        if key not in self.encoded:
            self.encoded[key] = encode(self.music[identity][name], form)
        return self.encoded[key]

    def work(self) -> None:
        """Separates the queued jobs, one after the other."""
        while not self.is_stopped:
            with self.lock:
                running = [job["id"] for job in self.jobs.values() if job["state"] == "running"]
                job = self.jobs.get(next(iter(running + self.waiting()), None))
                if job is None or self.not_ready:
                    self.lock.wait(0.2)
                    continue
                job.update(state="running", started=job["started"] or now())
                waiting = self.waiting()
                for other in self.jobs.values():
                    if other["state"] in ("queued", "running"):
                        self.emit("job", self.public(other, waiting))
            while True:
                time.sleep(0.1)
                with self.lock:
                    if job["state"] != "running":
                        break
                    job["fraction"] = min(1.0, job["fraction"] + 0.1 / max(0.1, self.job_seconds))
                    job["seconds_left"] = round((1 - job["fraction"]) * self.job_seconds, 1)
                    if self.fails and job["fraction"] > 0.3:
                        self.fail(job, "The disk is full", self.fails, 503, "disk-full")
                        self.fails = None
                    elif job["fraction"] >= 1:
                        self.finish(job)
                    self.emit("job", self.public(job))

    def delete(self, identity: str) -> None:
        with self.lock:
            job = self.jobs.get(identity)
            if job is None:
                raise Refused(404, "not-found", "Not found", "There is no such separation; it may have been deleted.")
            if job["state"] in ("queued", "running"):
                job.update(state="cancelled", finished=now(), seconds_left=None)
                self.emit("job", self.public(job))
            else:
                del self.jobs[identity]
                self.music.pop(identity, None)
                self.emit("removed", {"id": identity})


class Handler(BaseHTTPRequestHandler):
    mock: Mock
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_request()

    def do_HEAD(self):
        self.handle_request()

    def do_POST(self):
        self.handle_request()

    def do_PUT(self):
        self.handle_request()

    def do_DELETE(self):
        self.handle_request()

    def handle_request(self):
        if self.server is not self.mock.server:
            # A connection that was left by a stopped server.
            self.close_connection = True
            return
        url = urllib.parse.urlsplit(self.path)
        self.mock.requests.append((self.command, self.path, dict(self.headers)))
        self.mock.dawdle()
        try:
            if self.command in ("GET", "HEAD") and self.send_page(url.path):
                return
            if self.mock.token and self.headers.get("Authorization") != f"Bearer {self.mock.token}":
                raise Refused(401, "unauthorized", "A token is needed", "This service wants a token.", headers={"WWW-Authenticate": "Bearer"})
            self.route(url.path, dict(urllib.parse.parse_qsl(url.query)))
        except Refused as refusal:
            # Unread bytes of the body would be parsed as the next request.
            self.close_connection = self.command == "POST"
            self.reply(refusal.status, json.dumps(refusal.document(url.path)).encode(), "application/problem+json", refusal.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int, body: bytes, kind: str, headers: dict | None = None):
        self.send_response(status)
        for name, value in {
            "Content-Type": kind, "Content-Length": str(len(body)), "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache", **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value: dict, status: int = 200, headers: dict | None = None):
        self.reply(status, json.dumps(value).encode(), "application/json", headers)

    def send_page(self, path: str) -> bool:
        name = "index.html" if path == "/" else path[1:]
        file = PAGE / name
        if "/" in name or file.suffix not in TYPES or not file.is_file():
            return False
        self.reply(200, gzip.compress(file.read_bytes(), mtime=0), TYPES[file.suffix], {"Content-Encoding": "gzip"})
        return True

    def route(self, path: str, query: dict):
        mock = self.mock
        if path == "/demo_track.ogg":
            return self.send_ranged((ROOT / "Models" / "demo_track.ogg").read_bytes(), "audio/ogg")
        if path == "/readyz":
            if mock.not_ready:
                raise mock.not_ready
            return self.reply(200, b"ready\n", "text/plain")
        if path == "/v1/models":
            return self.json({
                "engine": {"model": "htdemucs" if mock.is_installed else None, "precision": "int8" if mock.is_installed else None, "threads": 2, "instruction_set": "avx2", "version": "1.0.0"},
                "models": [{"name": "htdemucs", "is_loaded": mock.is_installed, "is_installed": mock.is_installed, "stems": STEMS},
                           {"name": "htdemucs_6s", "is_loaded": False, "is_installed": False, "stems": [*STEMS, "guitar", "piano"]}],
                "has_example": True, "formats": ["wav", "flac", "mp3"], "precisions": ["float32", "bfloat16", "int8", "auto"],
                "limits": {"body_bytes": 100_000_000, "seconds": 7200, "queue": 100, "keep_seconds": None}})
        if path == "/v1/events":
            return self.stream()
        if path == "/v1/separations":
            if self.command == "POST":
                return self.accept(query)
            with mock.lock:
                jobs, following = mock.page(int(query.get("limit", 100)), query.get("after"))
                waiting = mock.waiting()
                return self.json({"separations": [mock.public(job, waiting) for job in jobs], "next": following, "total": len(mock.jobs), "last_event": mock.last_event})
        match = re.fullmatch(r"/v1/separations/([0-9a-f]+)(/.*)?", path)
        job = match and mock.jobs.get(match[1])
        if not job:
            raise Refused(404, "not-found", "Not found", "There is no such separation; it may have been deleted.")
        rest = match[2]
        if rest is None:
            if self.command == "DELETE":
                mock.delete(job["id"])
                return self.reply(204, b"", "text/plain")
            with mock.lock:
                return self.json(mock.public(job))
        if rest == "/place":
            return self.json(mock.move(job["id"], query["before"]))
        stems = mock.music.get(job["id"])
        if stems is None:
            raise Refused(409, "conflict", "Not done", "This separation has no results yet.")
        match = re.fullmatch(r"/stems/(\w+)\.(wav|flac|mp3)", rest)
        if match and match[1] in stems:
            part = self.part(query, stems[match[1]])
            if part is not None:
                return self.reply(200, encode(part, match[2]), TYPES["." + match[2]], self.attachment(job, match[1], match[2]))
            return self.send_ranged(mock.file(job["id"], match[1], match[2]), TYPES["." + match[2]])
        if rest == "/stems.zip":
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                form = query.get("format", "wav")
                for stem in job["stems"]:
                    part = self.part(query, stems[stem["name"]])
                    archive.writestr(f"{stem['name']}.{form}", mock.file(job["id"], stem["name"], form) if part is None else encode(part, form))
            return self.reply(200, out.getvalue(), "application/zip", self.attachment(job, "stems", "zip"))
        if rest == "/mix":
            parts = {stem["name"]: stem["is_part"] for stem in job["stems"]}
            total = sum(panned(signal * float(query.get(name, parts[name])) / 32768, float(query.get(f"{name}.pan", 0)))
                        for name, signal in stems.items())
            form = query.get("format", "wav")
            part = self.part(query, total)
            total = total if part is None else part
            return self.reply(200, encode(total, form), TYPES["." + form], self.attachment(job, "mix", form))
        if rest == "/analysis":
            return self.json(self.analysis(job))
        if rest == "/peaks":
            return self.json(self.peaks(job, stems, int(query.get("points", 1000)), float(query.get("from", 0)), float(query.get("to", "inf"))))
        raise Refused(404, "not-found", "Not found", f"There is nothing at {rest}.")

    def analysis(self, job: dict) -> dict:
        """The beats of `make_music`."""
        beats = [round(index * 60 / 112, 2) for index in range(int(job["duration_seconds"] * 112 / 60))]
        return {"tempo_bpm": 112, "beats": beats, "downbeats": beats[::4], "key": "A minor"}

    @staticmethod
    def part(query: dict, signal: numpy.ndarray) -> numpy.ndarray | None:
        """The part from `from` to `to` in seconds; None if the whole is meant."""
        if "from" not in query and "to" not in query:
            return None
        first, end = (round(float(query.get(name, default)) * SAMPLE_RATE) for name, default in (("from", 0), ("to", len(signal) / SAMPLE_RATE)))
        return signal[first:end]

    def peaks(self, job: dict, stems: dict, points: int, start: float, end: float) -> dict:
        frames = len(next(iter(stems.values())))
        first, last = int(start * SAMPLE_RATE), int(min(end * SAMPLE_RATE, frames))
        reply = {"points": points, "duration_seconds": job["duration_seconds"], "from": first / SAMPLE_RATE, "to": last / SAMPLE_RATE, "stems": []}
        for name, whole in stems.items():
            signal = whole[first:last]
            edges = numpy.linspace(0, len(signal), points, endpoint=False).astype(int)
            low = numpy.minimum.reduceat(signal, edges) >> 8
            high = numpy.maximum.reduceat(signal, edges) >> 8
            reply["stems"].append({"name": name, "channels": [
                {"min": low[:, channel].tolist(), "max": high[:, channel].tolist()} for channel in range(2)]})
        return reply

    def attachment(self, job: dict, part: str, ending: str) -> dict[str, str]:
        return {"Content-Disposition": f'attachment; filename="{Path(job["name"]).stem} - {part}.{ending}"'}

    def send_ranged(self, body: bytes, kind: str):
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Disposition": "attachment"}
        if not wanted:
            return self.reply(200, body, kind, headers)
        first = int(wanted[1])
        last = min(int(wanted[2] or len(body)), len(body) - 1)
        if first > last:
            raise Refused(416, "range-not-satisfiable", "Range not satisfiable", "The range lies behind the end.", headers={"Content-Range": f"bytes */{len(body)}"})
        return self.reply(206, body[first:last + 1], kind, {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"})

    def accept(self, query: dict):
        mock = self.mock
        left = int(self.headers["Content-Length"])
        chunks = []
        while left:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                raise BrokenPipeError
            left -= len(chunk)
            chunks.append(chunk)
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        options, name, sound = dict(query), "song", b""
        for part in BytesParser().parsebytes(head + b"".join(chunks)).get_payload():
            field = part.get_param("name", header="content-disposition")
            if field == "file":
                name, sound = part.get_filename() or name, part.get_payload(decode=True)
            elif field == "mix":
                options.setdefault("mix", []).append(part.get_payload(decode=True).decode())
            else:
                options[field] = part.get_payload(decode=True).decode()
        # BytesParser returns non-ASCII bytes as surrogates.
        name = name.encode("ascii", "surrogateescape").decode("utf-8", "replace")
        if not sound.startswith((b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb")):
            raise Refused(415, "not-a-sound", "The file is not a sound file", f"{name} is not a sound file that this service reads: WAV, FLAC, OGG, MP3 and AIFF are.")
        mock.received = sound
        job = mock.add(name, options)
        self.json(job, 202, {"Location": f"/v1/separations/{job['id']}"})

    def stream(self):
        mock = self.mock
        last = self.headers.get("Last-Event-ID")
        self.close_connection = True
        self.send_response(200)
        for name, value in {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        with mock.lock:
            epoch = mock.epoch
        seen = int(last) if last else -1
        self.wfile.write(b": hello\n\n")
        while True:
            with mock.lock:
                if mock.epoch != epoch:
                    return
                oldest = mock.events[0][0] if mock.events else mock.last_event + 1
                is_kept = oldest - 1 <= seen <= mock.last_event
                fresh = [event for event in mock.events if event[0] > seen] if is_kept else mock.state()
                if not fresh and not mock.lock.wait(5):
                    fresh = [(seen, None, None)]
            mock.dawdle()
            for number, kind, data in fresh:
                seen = number
                text = ": still here\n\n" if kind is None else f"id: {number}\nevent: {kind}\ndata: {data}\n\n"
                self.wfile.write(text.encode())
            self.wfile.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--seconds", type=float, default=8, help="what a separation takes")
    parser.add_argument("--token", help="ask for this token")
    options = parser.parse_args()
    mock = Mock(options.port, options.seconds, 60)
    mock.token = options.token
    mock.add("Let's Go Fishin'.mp3", {}, "done", 192)
    mock.start()
    print(mock.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
