"""Compares whole processes on one track: audio.cpp, demucs and ours (bench_peers.py --audiocpp)."""

from __future__ import annotations

import argparse
import inspect
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import compare_stems
import native
import seeded_model as reference
import separate_reference
import torch
import wav_file
from fixture import noise
from peer_timers import rotate

SECONDS = 24
# The only folder in which audio.cpp looks for HTDemucs: the signature of the published htdemucs.
SIGNATURE = "955717e8"
PROGRAM = Path("build/bin/audiocpp_cli")
DEMUCS = "demucs 4.1.0, PyTorch float32"

# In a process of its own: a child's peak memory starts at that of its parent, which has PyTorch.
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import bench_song
print(*bench_song.run(sys.argv[3:], int(sys.argv[2])))
"""


def checkout(text: str) -> Path:
    """The folder of a built checkout, from the command line."""
    folder = Path(text).resolve()
    if not (folder / PROGRAM).exists():
        raise argparse.ArgumentTypeError(
            f"{folder / PROGRAM} not found; build it: cmake -S {folder} -B {folder}/build"
            f" -DCMAKE_BUILD_TYPE=Release && cmake --build {folder}/build --target audiocpp_cli"
        )
    return folder


def save_package(checkpoint: Path, folder: Path) -> None:
    """Writes the checkpoint in audio.cpp's layout, whose configuration names all arguments."""
    parameters = inspect.signature(reference.HTDemucs).parameters.values()
    arguments = {p.name: p.default for p in parameters if p.default is not p.empty}
    arguments |= reference.REAL | {"multi_freqs": []}
    tops = ("sources", "samplerate", "audio_channels", "segment")
    config = {
        "class_name": "HTDemucs",
        "signature": SIGNATURE,
        "checkpoint_file": checkpoint.name,
        "kwargs": arguments,
        **{name: arguments[name] for name in tops},
    }
    manifest = {"model_type": "demucs_single", "name": "htdemucs", "model": SIGNATURE}
    model = folder / SIGNATURE
    model.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (model / "config.json").write_text(json.dumps(config, default=float))
    (model / "model.safetensors").symlink_to(checkpoint)


def run(command: list[str], threads: int) -> tuple[float, float]:
    """Seconds of a process, and its peak memory in MB."""
    folder = str(Path(__file__).parent)
    launcher = [sys.executable, "-c", RUN, folder, str(threads), *command]
    found = subprocess.run(launcher, check=False, capture_output=True, text=True)
    if found.returncode != 0:
        raise SystemExit(found.stderr)
    seconds, megabytes = map(float, found.stdout.split())
    return seconds, megabytes


def commands(
    given: argparse.Namespace, checkpoint: Path, track: Path, package: Path, out: Path, threads: int
) -> dict[str, list[str]]:
    """The command of each program, which writes its stems into the folder out/<name>."""
    script = Path(separate_reference.__file__)
    paths = [str(path) for path in (checkpoint, track, out / DEMUCS)]
    count = ["--threads", str(threads)]
    found = {DEMUCS: [sys.executable, str(script), *paths, *count]}
    for peer in given.audiocpp:
        command = [str(peer / PROGRAM), "--task", "sep", "--family", "htdemucs"]
        command += ["--model-spec-override", str(peer / "model_specs"), "--model", str(package)]
        command += ["--audio", str(track), "--out-dir", str(out / peer.name), *count]
        found[peer.name] = [*command, "--backend", "cpu"]
    for precision in given.precision:
        name = f"ours {precision}"
        options = ["--shifts", "0", "--precision", precision, *count]
        found[name] = native.command(given.binary, checkpoint, track, out / name, *options)
    return found


def worst_snr(expected: dict[str, torch.Tensor], name: str, folder: Path) -> float:
    """SNR of the worst stem in dB; all stems must be there in full length."""
    found = compare_stems.compare_all(expected, native.stems(folder))
    if not all(stem.passes(-math.inf) for stem in found):
        raise SystemExit(f"{name} lacks stems or samples:\n{compare_stems.table(found)}")
    return min(stem.snr_db for stem in found)


def measure(given: argparse.Namespace, work: Path) -> None:
    """Builds the model and the track, and measures and prints for each number of threads."""
    checkpoint, package, track = work / "model.safetensors", work / "package", work / "track.wav"
    model = reference.build(reference.REAL, given.seed)
    reference.save_safetensors(model, checkpoint)
    save_package(checkpoint, package)
    mix = noise("bench", 2, SECONDS * model.samplerate, deviation=0.1)
    wav_file.write(track, mix, model.samplerate)

    print(f"htdemucs, a track of {SECONDS} s, whole processes, {given.runs} runs")
    for threads in given.threads:
        out = work / f"stems-{threads}"
        programs = commands(given, checkpoint, track, package, out, threads)
        timers: dict[str, Callable[[], tuple[float, float]]] = {
            name: partial(run, command, threads) for name, command in programs.items()
        }
        found = rotate(timers, given.runs)
        expected = native.stems(out / DEMUCS)
        print(f"\n**{threads} {'thread' if threads == 1 else 'threads'}**\n")
        print("| program | median s | range s | peak memory MB | SNR of the worst stem, dB |")
        print("|---|---|---|---|---|")
        for name, results in found.items():
            seconds, megabytes = zip(*results, strict=True)
            median, memory = statistics.median(seconds), statistics.median(megabytes)
            span = f"{min(seconds):.1f} to {max(seconds):.1f}"
            snr = "–" if name == DEMUCS else f"{worst_snr(expected, name, out / name):.1f}"
            print(f"| {name} | {median:.1f} | {span} | {memory:.0f} | {snr} |", flush=True)
