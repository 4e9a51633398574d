#!/usr/bin/env python3
"""Measures how soon the service's page plays a song that is being separated: from the click on the example to the first sound.

    tools/run -n demo --dry-run Models/demo_track.ogg    builds the program
    python bench/first_sound.py --precision int8 --threads 2

Starts the service with a model, opens the page in headless Chromium, and presses play as soon as the
mixer is there: a new browser and a new data folder for each run. Prints medians with ranges, as
Markdown. --model takes a name or a file; without --model it is the bundled one. Needs
Tests/Page/requirements.txt.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("SE_OFFLINE", "true")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/Page"))

from browser import Browser
from subject import BinarySubject

#: Names of what is measured, in the order in which it happens.
EVENTS = {
    "mixer": "the mixer is there",
    "sound": "first sound",
    "done": "the whole song is separated",
}


def measure(given: argparse.Namespace) -> dict[str, float]:
    """Seconds from the click until each event."""
    subject = BinarySubject(
        str(given.binary), "-n", given.model, "--precision", given.precision,
        "--threads", str(given.threads))  # fmt: skip
    subject.start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            browser.get(subject.url)
            browser.wait("!document.querySelector('#example').hidden")
            return browser.run("""
                const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
                const begin = performance.now();
                const seconds = () => (performance.now() - begin) / 1000;
                const found = {};
                document.querySelector("#example").click();
                while (!stage.mixer) await soon();
                found.mixer = seconds();
                stage.mixer.toggle();
                while (!(stage.mixer.time > 0)) await soon();
                found.sound = seconds();
                while (stage.mixer.job.state === "running") await soon();
                found.done = seconds();
                return found;""")
        finally:
            browser.quit()
            subject.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/swift-demucs")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    runs = [measure(given) for _ in range(given.runs)]
    print(f"{given.model}, {given.precision}, {given.threads} threads, {given.runs} runs\n")
    print("| after the click | median | range |\n|---|---|---|")
    for event, words in EVENTS.items():
        times = [run[event] for run in runs]
        print(f"| {words} | {statistics.median(times):.2f} s | {min(times):.2f}–{max(times):.2f} |")


if __name__ == "__main__":
    main()
