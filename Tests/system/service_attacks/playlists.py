"""Attacks by files that refer to other files: playlists and manifests for ffmpeg's demuxers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from service_client import Service, tone

from .attack import Attack, LeftOut, attack, check


def _manifest(target: str) -> bytes:
    """A DASH manifest whose only segment is another file."""
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT5S" minBufferTime="PT1S" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="audio/mp4" '
        'contentType="audio"><Representation id="1" bandwidth="128000" codecs="mp4a.40.2" '
        f'audioSamplingRate="44100"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    ).encode()


def _playlist(target: str) -> bytes:
    """An HLS playlist of one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n".encode()


def _references(target: str) -> dict[str, bytes]:
    """A file of each kind that refers to `target`."""
    return {
        "DASH, file:": _manifest(f"file://{target}"),
        "DASH, a path": _manifest(target),
        "DASH, ../": _manifest("../" * 12 + target[1:]),
        "HLS, file:": _playlist(f"file://{target}"),
        "HLS, a path": _playlist(target),
        "HLS with a key": b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n"
        + f'#EXT-X-KEY:METHOD=AES-128,URI="file://{target}"\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n'.encode(),
        "HLS with a map": b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n"
        + f'#EXT-X-MAP:URI="file://{target}"\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n'.encode(),
        "HLS of HLS": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile://{target}\n".encode(),
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n".encode(),
        "M3U": f"#EXTM3U\n{target}\n".encode(),
        "SDP": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:file://{target}\n".encode(),
        "SMIL": f'<smil><body><audio src="file://{target}"/></body></smil>'.encode(),
        "XSPF": f"<playlist><trackList><track><location>file://{target}</location></track></trackList></playlist>".encode(),
        "IMF": b'<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
        + f"<Id>file://{target}</Id></CompositionPlaylist>".encode(),
        "an ffmetadata chapter": f";FFMETADATA1\n[STREAM]\nfile={target}\n".encode(),
    }


def _upload(service: Service, name: str, body: bytes, secrets: list[str]) -> str:
    """The problem's detail of a refused upload."""
    reply = service.post(body, headers={"X-Filename": "song.mp3"})
    check(reply.status in (415, 422), f"{name}: {reply.status} {reply.body[:300]!r}")
    text = reply.json["detail"]
    check(not any(secret in text for secret in secrets), f"{name}: the reply has the path: {text}")
    return text


@attack("playlists")
def playlists(attack: Attack) -> str:
    """DASH, HLS, concat, SDP, IMF and other files that refer to a private file or a FIFO."""
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        raise LeftOut("there is no ffmpeg on PATH")
    private = attack.folder / "private"
    private.mkdir()
    (private / "a.wav").write_bytes(tone(3, 440))
    sound = private / "a.m4a"
    words = f"-loglevel error -nostdin -i {private}/a.wav -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof"
    subprocess.run([ffmpeg, *words.split(), sound], check=True)
    # Opening a FIFO that nobody writes to waits for ever.
    fifo = private / "fifo.m4a"
    os.mkfifo(fifo)
    targets = {"a sound": sound, "a FIFO": fifo, "a device": Path("/dev/zero"), "/etc/passwd": Path("/etc/passwd")}
    with attack.service("--allow-ffmpeg") as service:
        details = {
            (label, name): _upload(service, f"{name} of {label}", body, [str(target), str(private), "/etc/passwd"])
            for label, target in targets.items()
            for name, body in _references(str(target)).items()
        }
        for name, body in _references(str(private / "absent.m4a")).items():
            words = [_upload(service, name, body, [str(private)]), details["a sound", name]]
            check(words[0] == words[1], f"{name}: the reply tells whether a file exists: {words}")
        job = service.done(sound.read_bytes())
        check(job["duration_seconds"] > 2.9, "an M4A file is not decoded")
        assert service.process
        children = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True).stdout
        check(not children, f"an ffmpeg is still running: {children}")
    out = attack.folder / "out"
    evil = attack.folder / "song.mp3"
    for name in ("DASH, file:", "HLS, file:"):
        evil.write_bytes(_references(str(sound))[name])
        run = subprocess.run(
            [attack.program, "-n", "demo", "--offline", "-q", "--shifts", "0", "-o", out, evil], capture_output=True
        )
        check(run.returncode != 0 and not list(out.rglob("*.wav")), f"the command separates {name}")
    return (
        f"{len(details)} files that refer to others: all refused (415, 422); no reply tells whether a file exists; "
        "M4A is decoded"
    )
