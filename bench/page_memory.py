#!/usr/bin/env python3
"""Measures the memory of a tab that plays a separated song with its spectrogram open, in headless Chromium.

    tools/run -n demo --dry-run Models/demo_track.ogg    builds the program
    python bench/page_memory.py --minutes 10
    python bench/page_memory.py --minutes 60

The song repeats the demo track. The service separates it with the bundled model; then a new browser
opens it, shows the spectrogram and plays for --play minutes. Prints the resident set of the tab's
process as it plays, and its peak. Needs Tests/Page/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("SE_OFFLINE", "true")

import numpy
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/Page"))

from bench_web import largest_renderer
from browser import Browser
from subject import BinarySubject


def write_song(path: Path, minutes: float) -> None:
    """Repeats the demo track."""
    samples, rate = soundfile.read(ROOT / "Models/demo_track.ogg", dtype="int16")
    soundfile.write(path, numpy.resize(samples, (int(minutes * 60 * rate), samples.shape[1])), rate)


def separate(subject: BinarySubject, song: Path) -> str:
    """Separates the song; returns the job's identifier."""
    headers = {"Content-Type": "audio/wav", "X-Filename": song.name}
    job = json.loads(subject.request("POST", "v1/separations", song.read_bytes(), headers))
    while job["state"] not in ("done", "failed", "cancelled"):
        time.sleep(0.5)
        job = json.loads(subject.request("GET", f"v1/separations/{job['id']}"))
    if job["state"] != "done":
        raise SystemExit(f"error: the song is {job['state']}: {job['error']}")
    return job["id"]


def play(browser: Browser, address: str, minutes: float) -> None:
    """Opens the song, plays it, and prints the memory."""
    profile = browser.capabilities["chrome"]["userDataDir"]
    browser.get(address)
    browser.wait("document.querySelector('.mixer .play')")
    browser.run("while (!stage.mixer?.board.waveforms.scale) await new Promise((resolve) => setTimeout(resolve, 25))")
    browser.run("await stage.mixer.toggleSpectrogram()")
    # An hour shows its spectrogram in a closer view.
    browser.run("""
        const { timeline } = stage.mixer;
        while (timeline.span > 600) {
          document.querySelector("[aria-label^='Zoom in']").click();
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        stage.mixer.toggle();""")
    began = time.monotonic()
    for part in range(1, 11):
        time.sleep(max(0.0, began + part * minutes * 6 - time.monotonic()))
        resident, peak = (largest_renderer(profile, field) / 1e6 for field in ("VmRSS", "VmHWM"))
        at = browser.run("return stage.mixer.time")
        print(f"{at / 60:5.1f} minutes played: {resident:.0f} MB, peak {peak:.0f} MB", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/swift-demucs")
    parser.add_argument("--minutes", type=float, default=10, help="length of the song (10)")
    parser.add_argument("--play", type=float, default=5, help="minutes that are played (5)")
    given = parser.parse_args()
    subject = BinarySubject(str(given.binary))
    subject.start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        song = Path(folder) / "song.wav"
        write_song(song, given.minutes)
        try:
            identifier = separate(subject, song)
            browser = Browser(folder)
            try:
                play(browser, f"{subject.url}#song={identifier}", given.play)
            finally:
                browser.quit()
        finally:
            subject.stop()


if __name__ == "__main__":
    main()
