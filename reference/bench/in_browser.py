#!/usr/bin/env python3
"""Measures times and memory in headless Chromium. Needs Tests/Page/requirements.txt.

    swift build -c release --product gated-service    builds the service
    tools/build_web                                   builds dist/web
    python reference/bench/in_browser.py first-sound --precision int8 --threads 2
    python reference/bench/in_browser.py memory --minutes 60
    python reference/bench/in_browser.py explain
    python reference/bench/in_browser.py segment --model htdemucs-seeded.safetensors \\
        --demucs-cpp FOLDER --ggml ggml-htdemucs.bin --threads 1 2

first-sound: how soon the service's page plays a song that is being separated: from the click on the
example to the first sound. It presses play as soon as the mixer is there; a new data folder for each
run. --model takes a name or a file; without --model it is the bundled one.

memory: the memory of a tab that plays a separated song with its spectrogram open. The song repeats
the demo track. The service separates it with the bundled model; then the browser opens it, shows
the spectrogram and plays for --play minutes. Prints the resident set of the tab's process as it
plays, and its peak.

explain: the explainer, from a first visit to sound, and from a change to its sound; memory of the tab.
The host is on this machine and isolates the page, as `swift-demucs serve --web` does. A first visit
has an empty cache.

segment: one segment of the published size in the web build of the engine and in demucs.cpp. FOLDER
holds demucs.js and demucs.wasm, which src_wasm/CMakeLists.txt of demucs.cpp builds with emscripten.
seeded_model.py writes the model; --ggml is the same one in demucs.cpp's layout. The track of 5.2
seconds fills one segment of 7.8 s: both programs shift it by up to half a second and pad it. Every
run loads the model, separates once as warm-up and once for the time. The programs alternate. Prints
the peak memory of the tab's process (the largest resident set of a renderer), and how many times as
fast as demucs.cpp each is.

Every run opens a new browser. Prints medians with ranges.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("SE_OFFLINE", "true")

import numpy
import soundfile

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("Tests/Page", "Tests/Web")]

from browser import Browser
from hosts import PageHost
from subject import GatedSubject

LONGEST_SECONDS = 600


@contextlib.contextmanager
def tab(host: GatedSubject | PageHost) -> Iterator[Browser]:
    """Starts a service or a host, and a new browser."""
    host.start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as downloads:
        browser = Browser(downloads)
        if isinstance(host, GatedSubject):
            browser.prelude = 'const { stage } = await import("/main.js");'
        browser.command_executor.client_config.timeout = 2 * LONGEST_SECONDS
        browser.set_script_timeout(LONGEST_SECONDS)
        try:
            yield browser
        finally:
            browser.quit()
            host.stop()


def resident_bytes(browser: Browser, field: str = "VmHWM") -> int:
    """Peak resident bytes of the browser's renderer that needed most; VmRSS: now."""
    profile = browser.capabilities["chrome"]["userDataDir"]
    found = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if "--type=renderer" not in command or not is_below(process, profile):
                continue
            lines = (process / "status").read_text().splitlines()
        except OSError:
            continue
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith(field)]
    return max(found)


def is_below(process: Path, profile: str) -> bool:
    """Whether a process descends from the browser with this profile."""
    while process.name not in ("0", "1"):
        if profile in (process / "cmdline").read_bytes().decode(errors="replace"):
            return True
        status = (process / "status").read_text()
        parent = next(line for line in status.splitlines() if line.startswith("PPid:"))
        process = Path("/proc") / parent.split()[1]
    return False


def median(values: list[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


# ---- The service's page

#: Names of what is measured, in the order in which it happens.
EVENTS = {
    "mixer": "the mixer is there",
    "sound": "first sound",
    "done": "the whole song is separated",
}


def first_sound(given: argparse.Namespace) -> None:
    """Seconds from the click until each event."""
    runs = []
    words = ("-n", given.model, "--precision", given.precision, "--threads", str(given.threads))
    for _ in range(given.runs):
        subject = GatedSubject(str(given.binary), *words)
        with tab(subject) as browser:
            browser.get(subject.url)
            browser.wait("!document.querySelector('#example').hidden")
            runs.append(browser.run("""
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
                return found;"""))
    print(f"{given.model}, {given.precision}, {given.threads} threads; after the click:")
    for event, meaning in EVENTS.items():
        print(f"{meaning}: {median([run[event] for run in runs])}")


def memory(given: argparse.Namespace) -> None:
    """The memory of a tab that plays a long song."""
    subject = GatedSubject(str(given.binary))
    with tab(subject) as browser:
        song = browser.downloads / "song.wav"
        samples, rate = soundfile.read(ROOT / "Models/demo_track.ogg", dtype="int16")
        length = int(given.minutes * 60 * rate)
        soundfile.write(song, numpy.resize(samples, (length, samples.shape[1])), rate)
        play(browser, f"{subject.url}#song={separate(subject, song)}", given.play)


def separate(subject: GatedSubject, song: Path) -> str:
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
        resident, peak = (resident_bytes(browser, field) / 1e6 for field in ("VmRSS", "VmHWM"))
        at = browser.run("return stage.mixer.time")
        print(f"{at / 60:5.1f} minutes played: {resident:.0f} MB, peak {peak:.0f} MB", flush=True)


# ---- The explainer

CHANGES = ["encoder.1=zero", "*coder.?.skip=zero", "*cross_attn=zero", "crosstransformer.layers.0.self_attn.weights.0=zero", "*weight=quantise:4", "output=phase:mag"]


def explain(given: argparse.Namespace) -> None:
    """Times of the explainer."""
    first: list[float] = []
    changes: dict[str, list[float]] = {edit: [] for edit in CHANGES}
    peak = 0
    for _ in range(given.runs):
        host = PageHost(given.web.resolve(), True)
        with tab(host) as browser:
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
            peak = max(peak, resident_bytes(browser))
    own = [path for path in scripts if not path.startswith("/engine/")]
    script = sum(len(gzip.compress((given.web / path.strip("/")).read_bytes(), 9)) for path in own)
    print(f"first visit to sound: {median(first)}")
    for edit, seconds in changes.items():
        print(f"{edit}: {median(seconds)}")
    print(f"memory of the tab, at most: {peak / 1e6:.0f} MB")
    print(f"scripts beside the engine: {script / 1000:.1f} KB with gzip, {len(own)} files")


# ---- A segment

# Samples of the track: with a shift of half a second it is still shorter than a segment's stride.
TRACK = """
const count = 230000;
const noise = (seed) => {
  const samples = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    samples[i] = seed / 2 ** 32 - 0.5;
  }
  return samples;
};
const channels = [noise(1), noise(2)];
const timed = async (separate) => {
  await separate();
  const begin = performance.now();
  await separate();
  return (performance.now() - begin) / 1000;
};
"""

OURS = TRACK + """
const { load } = await import("/web/swift-demucs.js");
const [precision, threads] = args;
const engine = await load(await (await fetch("/model")).arrayBuffer(), { precision, threads });
if (engine.threads !== threads) throw new Error(`${engine.threads} threads`);
return timed(() => engine.separate({ channels, sampleRate: 44100 }, { shifts: 1, seed: 0 }));
"""

DEMUCS_CPP = """
const source = `(${async () => {
  %s
  try {
    importScripts("/demucs-cpp/demucs.js");
    const module = await libdemucs({ locateFile: (name) => "/demucs-cpp/" + name });
    const model = new Uint8Array(await (await fetch("/ggml")).arrayBuffer());
    const bytes = module._malloc(model.length);
    module.HEAPU8.set(model, bytes);
    module._modelInit(bytes, model.length);
    module._free(bytes);
    const plane = () => module._malloc(4 * count);
    const inputs = [plane(), plane()];
    channels.forEach((samples, i) => module.HEAPF32.set(samples, inputs[i] / 4));
    const outputs = Array.from({ length: 14 }, plane);
    postMessage(await timed(async () => module._modelDemixSegment(...inputs, count, ...outputs, false)));
  } catch (error) { postMessage(String(error)); }
}})()`.replaceAll('"/', `"${location.origin}/`);
const worker = new Worker(URL.createObjectURL(new Blob([source])));
const { data } = await new Promise((resolve) => { worker.onmessage = resolve; });
if (typeof data === "string") throw new Error(data);
return data;
""" % TRACK


@dataclass
class Program:
    """A program under measurement: the script that runs it with `args`, and its results."""

    name: str
    threads: int
    script: str
    args: list[Any]
    #: Files that the page gets, by their addresses.
    paths: dict[str, Path]
    seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Runs the program once in a new browser, and keeps its time and memory."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "index.html").touch()
            for name, target in self.paths.items():
                link = Path(folder) / name
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(target.resolve())
            host = PageHost(Path(folder), True)
            with tab(host) as browser:
                browser.get(host.address)
                self.seconds.append(browser.run(self.script, *self.args))
                self.peak_bytes.append(resident_bytes(browser))


def segment(given: argparse.Namespace) -> None:
    """Times of one segment in each program."""
    if bool(given.demucs_cpp) != bool(given.ggml):
        raise SystemExit("error: --demucs-cpp and --ggml go together")
    programs = []
    for precision in ("float32", "int8"):
        for name in ("simd128", "relaxedsimd"):
            paths = {f"web/{file.name}": file for file in (given.web / "engine").iterdir()}
            # The page takes relaxed SIMD where the browser has it: there the other module stands in for it.
            paths["web/engine_relaxedsimd.wasm"] = given.web / f"engine/engine_{name}.wasm"
            paths["model"] = given.model
            for threads in given.threads:
                title = f"swift-demucs, {precision}, {name}"
                programs.append(Program(title, threads, OURS, [precision, threads], paths))
    peer = None
    if given.demucs_cpp:
        paths = {"demucs-cpp": given.demucs_cpp, "ggml": given.ggml}
        peer = Program("demucs.cpp", 1, DEMUCS_CPP, [], paths)
        programs.append(peer)
    for _ in range(given.runs):
        for program in programs:
            program.run()
    for program in programs:
        peak = statistics.median(program.peak_bytes) / 1e6
        line = f"{program.name}, {program.threads} threads: {median(program.seconds)}, {peak:.0f} MB"
        if peer:
            ratio = statistics.median(peer.seconds) / statistics.median(program.seconds)
            line += f", {ratio:.1f} × as fast as demucs.cpp"
        print(line)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/gated-service")
    parser.add_argument("--web", type=Path, default=ROOT / "dist/web", help="default: dist/web")
    parser.add_argument("--runs", type=int, default=5, help="runs of each time (default: 5)")
    measurements = parser.add_subparsers(required=True)
    words = measurements.add_parser("first-sound")
    words.set_defaults(measure=first_sound)
    words.add_argument("--model", default="demo")
    words.add_argument("--precision", default="int8")
    words.add_argument("--threads", type=int, default=2)
    words = measurements.add_parser("memory")
    words.set_defaults(measure=memory)
    words.add_argument("--minutes", type=float, default=10, help="length of the song (10)")
    words.add_argument("--play", type=float, default=5, help="minutes that are played (5)")
    words = measurements.add_parser("explain")
    words.set_defaults(measure=explain)
    words = measurements.add_parser("segment")
    words.set_defaults(measure=segment)
    words.add_argument("--model", type=Path, required=True, help="a model of the published size")
    words.add_argument("--demucs-cpp", type=Path, help="folder with demucs.js and demucs.wasm")
    words.add_argument("--ggml", type=Path, help="the model for demucs.cpp, in its format")
    words.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    given.measure(given)


if __name__ == "__main__":
    main()
