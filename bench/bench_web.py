#!/usr/bin/env python3
"""Times one segment of the published size in Chromium: the web build of the engine and demucs.cpp.

    tools/build_web
    python bench/bench_web.py --model htdemucs-seeded.safetensors \\
        --demucs-cpp FOLDER --ggml ggml-htdemucs.bin --threads 1 2 --runs 5

FOLDER holds demucs.js and demucs.wasm, which src_wasm/CMakeLists.txt of demucs.cpp builds with
emscripten. seeded_model.py writes the model; --ggml is the same one in demucs.cpp's layout.

The track of 5.2 seconds fills one segment of 7.8 s: both programs shift it by up to half a second
and pad it. Every run opens a new browser, loads the model, separates once as warm-up and once for
the time. The programs alternate. Prints medians with ranges, the peak memory of the tab's process
(the largest resident set of a renderer), and how many times as fast as demucs.cpp each is, as
Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
SETS = ("simd128", "relaxedsimd")
PRECISIONS = ("float32", "int8")
LONGEST_SECONDS = 600

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
const report = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
const timed = async (separate) => {
  await separate();
  const begin = performance.now();
  await separate();
  return (performance.now() - begin) / 1000;
};
"""

OURS = """<!doctype html><script type="module">
import { load } from "/web/swift-demucs.js";
%s
try {
  const { precision, threads } = %s;
  const model = await (await fetch("/model")).arrayBuffer();
  const engine = await load(model, { precision, threads });
  if (engine.threads !== threads) throw new Error(`${engine.threads} threads`);
  const seconds = await timed(() => engine.separate({ channels, sampleRate: 44100 }, { shifts: 1, seed: 0 }));
  await report({ seconds });
} catch (error) { await report({ error: String(error) }); }
</script>"""

DEMUCS_CPP = """<!doctype html><script>
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
    const seconds = await timed(async () => module._modelDemixSegment(...inputs, count, ...outputs, false));
    await report({ seconds });
  } catch (error) { await report({ error: String(error) }); }
}})()`.replaceAll('"/', `"${location.origin}/`);
new Worker(URL.createObjectURL(new Blob([source])));
</script>"""


@dataclass
class Program:
    """A program under measurement: the page that runs it, and its results."""

    name: str
    threads: int
    page: str
    #: Files that the page gets, by their addresses.
    paths: dict[str, Path]
    seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)


class Handler(SimpleHTTPRequestHandler):
    """Serves the page, the models and the two builds, isolated so that memory can be shared."""

    paths: dict[str, Path]
    results: Queue

    def translate_path(self, path: str) -> str:
        # The longest address first: a single file may stand in for one of a folder.
        for prefix, target in sorted(self.paths.items(), reverse=True):
            if path == prefix:
                return str(target)
            if path.startswith(prefix + "/"):
                return str(target / path[len(prefix) + 1 :])
        return os.devnull

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.results.put(json.loads(body))

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def largest_renderer(profile: str, field: str = "VmHWM") -> int:
    """Peak resident bytes of the renderer of a browser with this profile that needed most; VmRSS: now."""
    peaks = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if "--type=renderer" not in command or not is_below(process, profile):
                continue
            lines = (process / "status").read_text().splitlines()
        except OSError:
            continue
        peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith(field)]
    return max(peaks)


def is_below(process: Path, profile: str) -> bool:
    """Whether a process descends from the browser with this profile."""
    while process.name not in ("0", "1"):
        if profile in (process / "cmdline").read_bytes().decode(errors="replace"):
            return True
        status = (process / "status").read_text()
        parent = next(line for line in status.splitlines() if line.startswith("PPid:"))
        process = Path("/proc") / parent.split()[1]
    return False


def run(program: Program) -> None:
    """Runs a program once in a new browser, and keeps its time and memory."""
    results: Queue = Queue()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        page = Path(profile) / "page.html"
        page.write_text(program.page)
        parts = {"paths": {"/": page, **program.paths}, "results": results}
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("PageHandler", (Handler,), parts))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = ["chromium", "--headless", "--no-sandbox", f"--user-data-dir={profile}"]
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        browser = subprocess.Popen([*command, address], stderr=subprocess.DEVNULL)
        try:
            result = results.get(timeout=LONGEST_SECONDS)
            program.peak_bytes.append(largest_renderer(profile))
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    if "error" in result:
        raise SystemExit(f"{program.name}: {result['error']}")
    program.seconds.append(result["seconds"])


def table(programs: list[Program]) -> str:
    """The results as Markdown."""
    peer = next((p for p in programs if p.name == "demucs.cpp"), None)
    lines = [
        "| program | threads | segment | range | peak memory of the tab | of demucs.cpp's speed |",
        "|---|---|---|---|---|---|",
    ]
    for program in programs:
        median = statistics.median(program.seconds)
        memory = statistics.median(program.peak_bytes) / 1e6
        ratio = f"{statistics.median(peer.seconds) / median:.1f} ×" if peer else ""
        lines.append(
            f"| {program.name} | {program.threads} | {median:.2f} s "
            f"| {min(program.seconds):.2f}–{max(program.seconds):.2f} | {memory:.0f} MB | {ratio} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a model of the published size")
    parser.add_argument("--web", type=Path, default=ROOT / "dist/web", help="default: dist/web")
    parser.add_argument("--demucs-cpp", type=Path, help="folder with demucs.js and demucs.wasm")
    parser.add_argument("--ggml", type=Path, help="the model for demucs.cpp, in its format")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if bool(given.demucs_cpp) != bool(given.ggml):
        parser.error("--demucs-cpp and --ggml go together")
    # The page takes relaxed SIMD where the browser has it: there the other module stands in for it.
    programs = [
        Program(
            f"swift-demucs, {precision}, {name}",
            threads,
            OURS % (TRACK, json.dumps({"precision": precision, "threads": threads})),
            {
                "/web": given.web,
                "/web/engine_relaxedsimd.wasm": given.web / f"engine_{name}.wasm",
                "/model": given.model,
            },
        )
        for precision in PRECISIONS
        for name in SETS
        for threads in given.threads
    ]
    if given.demucs_cpp:
        paths = {"/demucs-cpp": given.demucs_cpp, "/ggml": given.ggml}
        programs.append(Program("demucs.cpp", 1, DEMUCS_CPP % TRACK, paths))
    for _ in range(given.runs):
        for program in programs:
            run(program)
    print(table(programs))


if __name__ == "__main__":
    main()
