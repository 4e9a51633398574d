#!/usr/bin/env python3
"""Times of the explainer in headless Chromium: from a first visit to sound, and from a change to its sound; memory of the tab.

    python3 -m venv v && v/bin/pip install -r Tests/Page/requirements.txt
    v/bin/python bench/explain.py dist/web [--runs 5]

The host is on this machine and isolates the page, as `swift-demucs serve --web` does. A first visit has an empty cache.
"""
import argparse
import gzip
import os
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("SE_OFFLINE", "true")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "Tests/Page", "Tests/Web")]

from bench_web import largest_renderer
from browser import Browser
from hosts import PageHost

CHANGES = ["encoder.1=zero", "*coder.?.skip=zero", "*cross_attn=zero", "crosstransformer.layers.0.self_attn.weights.0=zero", "*weight=quantise:4", "output=phase:mag"]


def median(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("web", type=Path, help="the folder that tools/build_web makes")
    parser.add_argument("--runs", type=int, default=5, help="runs of each time (default: 5)")
    options = parser.parse_args()
    first, changes, memory = [], {edit: [] for edit in CHANGES}, 0
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as downloads:
            host, browser = PageHost(options.web.resolve(), True), Browser(downloads)
            host.start()
            browser.prelude = ""
            try:
                browser.get(f"{host.address}/explain/")
                browser.wait("document.body.dataset.runs")
                # The service worker fetches all files; those of the engine's worker are not the page's, but for reduce.js.
                scripts = {"/explain/reduce.js"} | set(browser.execute_script("return performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.endsWith('.js'))"))
                first.append(float(browser.execute_script("return document.body.dataset.sound")) / 1000)
                browser.wait("document.querySelector('.stem .facts').textContent.includes('SDR')")
                for edit in CHANGES:
                    for change in (edit, None):
                        browser.run(
                            """const { page } = await import("/explain/main.js");
                            await (args[0] ? page.toggleEdit(args[0]) : page.clear());""", change)
                        if change:
                            changes[edit].append(float(browser.execute_script("return document.body.dataset.changeSeconds")))
                memory = max(memory, largest_renderer(browser.capabilities["chrome"]["userDataDir"]))
            finally:
                browser.quit()
                host.stop()
    # Those of the engine are a package of their own.
    engine = {file.name for file in (ROOT / "Web").glob("*.js")}
    own = [path for path in scripts if path.strip("/") not in engine]
    script = sum(len(gzip.compress((options.web / path.strip("/")).read_bytes(), 9)) for path in own)
    print(f"first visit to sound: {median(first)}")
    for edit, seconds in changes.items():
        print(f"{edit}: {median(seconds)}")
    print(f"memory of the tab, at most: {memory / 1e6:.0f} MB")
    print(f"scripts beside the engine: {script / 1000:.1f} KB with gzip, {len(own)} files")


if __name__ == "__main__":
    main()
