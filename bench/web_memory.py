#!/usr/bin/env python3
"""Measures the memory of a tab that separates a long song: the static page in headless Chromium.

    tools/build_web
    python bench/web_memory.py --minutes 60

The song repeats the demo track, in a file that the page gets like a dropped one. The stems go to the
browser's private file system, 85 MB for each minute. Only WAV files may have an hour. Prints
the peak of the resident set of the tab's process as the song goes on.
Needs Page/tests/requirements.txt.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("SE_OFFLINE", "true")

import numpy
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Page/tests"), str(ROOT / "Tests/Web")]

from browser import Browser
from hosts import PageHost

from bench_web import largest_renderer

#: The states of a job that has ended.
ENDED = {"done", "failed", "cancelled"}


def write_song(path: Path, minutes: float) -> None:
    """Repeats the demo track."""
    samples, rate = soundfile.read(ROOT / "Models/demo_track.ogg", dtype="int16")
    left = int(minutes * 60 * rate)
    with soundfile.SoundFile(path, "w", rate, samples.shape[1]) as file:
        while left > 0:
            file.write(numpy.ascontiguousarray(samples[:left]))
            left -= len(samples)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--web", type=Path, default=ROOT / "dist/web", help="default: dist/web")
    parser.add_argument("--minutes", type=float, default=60, help="length of the song (60)")
    parser.add_argument("--format", choices=["wav", "flac", "mp3"], default="wav", help="of the song (wav)")
    parser.add_argument("--model", default="demo", help="a model of the page (demo)")
    parser.add_argument("--precision", default="float32")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        song = Path(folder) / f"song.{given.format}"
        write_song(song, given.minutes)
        host = PageHost(given.web, is_isolated=True)
        host.start()
        browser = Browser(folder)
        try:
            measure(browser, host.address, str(song), given)
        finally:
            browser.quit()
            host.stop()


def measure(browser: Browser, address: str, song: str, given: argparse.Namespace) -> None:
    """Separates the song, and prints the memory as it goes on."""
    profile = browser.capabilities["chrome"]["userDataDir"]
    browser.get(address)
    browser.wait("document.querySelector('#engine').textContent")
    browser.execute_script(
        """
        for (const [name, value] of Object.entries(arguments[0])) document.querySelector(`[name=${name}]`).value = value;
        document.querySelector("#options").dispatchEvent(new Event("change"));""",
        {"model": given.model, "precision": given.precision},
    )
    browser.find_element("css selector", "#chooser").send_keys(song)
    began = time.monotonic()
    shown = 0.0
    while True:
        time.sleep(1)
        job = browser.run(
            "const { backend } = await import('/backend.js'); return (await backend.list({ limit: 1 })).separations[0] ?? null"
        )
        if job is None:
            continue
        minutes = (job.get("ready_seconds") or 0) / 60
        if minutes >= shown + given.minutes / 10 or job["state"] in ENDED:
            shown = minutes
            peak = largest_renderer(profile) / 1e6
            print(f"{minutes:5.1f} minutes after {time.monotonic() - began:5.0f} s: peak {peak:.0f} MB", flush=True)
        if job["state"] in ENDED:
            break
    if job["state"] != "done":
        raise SystemExit(f"error: the song is {job['state']}: {job['error']}")


if __name__ == "__main__":
    main()
