"""Runs swift-demucs, reads its traces, and compares the reader's arrays with them.

A chapter uses four functions: `run` for a command, `true_values` for the values inside the network,
`check` for a comparison with them and `read_track` for samples. Their errors say what to run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.io import wavfile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODEL = ROOT / "Models" / "demo.safetensors"
TRACK = ROOT / "Models" / "demo_track.ogg"
TRUE_STEMS = ROOT / "Models" / "demo_stems"
# Everything that chapters write, apart from pages and pictures; $COURSE_WORK names another folder.
WORK = Path(os.environ.get("COURSE_WORK") or HERE / "work")
TRACE = WORK / "trace.safetensors"
TRUTH = WORK / "truth"
# The second of the demo track that is traced, and the heads whose attention is kept.
TRACE_SECOND = 20
HEADS = "layers.0:0,layers_t.1:0"
TRACE_OPTIONS = ["--start", str(TRACE_SECOND), "--chunk", "1", "--attention", HEADS]
MINIMUM_SNR_DB = 100
# No random shifts and no change of the level, so that a chapter can compute the same stems.
EXACTLY = ["--shifts", "0", "--float32", "--clip-mode", "none"]
SEPARATION = ["separate", TRACK, "-n", MODEL, *EXACTLY, "-o", WORK / "stems"]


class CourseError(SystemExit):
    """A problem that the reader can fix; the message says how."""

    def __init__(self, message: str) -> None:
        print(f"error: {message}", file=sys.stderr)
        super().__init__(1)


def program() -> str:
    """The path of swift-demucs: $SWIFT_DEMUCS, the build of this repository, or the one on PATH."""
    built = ROOT / ".build" / "release" / "swift-demucs"
    found = os.environ.get("SWIFT_DEMUCS") or (str(built) if built.exists() else "")
    found = found or shutil.which("swift-demucs") or ""
    if not found or not shutil.which(found):
        raise CourseError(
            f"no swift-demucs program{f' at {found}' if found else ''}; build it with\n"
            "    swift build -c release --product swift-demucs\n"
            "in the repository, or name one in the environment variable SWIFT_DEMUCS"
        )
    return found


def run(*arguments: str | Path, expected: tuple[int, ...] = (0,)) -> str:
    """Runs `swift-demucs ARGUMENTS`; returns its standard output."""
    call = [program(), *map(str, arguments)]
    environment = {"SWIFT_DEMUCS_MODELS": str(MODEL.parent), **os.environ}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode not in expected:
        raise CourseError(f"this failed:\n    {command(*arguments)}\n{done.stderr.strip()}")
    return done.stdout


def command(*arguments: str | Path) -> str:
    """The command as text, as it is typed in docs/course."""
    texts = (os.path.relpath(a, HERE) if isinstance(a, Path) else str(a) for a in arguments)
    return " ".join(["swift-demucs", *texts])


# ---- true values ----
def trace_command(track: Path = TRACK, out: Path = TRACE) -> list[str | Path]:
    """The command that writes the true values of the network for a second of the demo track."""
    return ["trace", track, "-n", MODEL, *TRACE_OPTIONS, "-o", out]


def write_trace() -> None:
    """Writes the true values to TRACE."""
    WORK.mkdir(exist_ok=True)
    run(*trace_command())


def true_values(*names: str, path: Path = TRACE) -> dict[str, np.ndarray]:
    """Values that the engine computes, by the names of docs/porting.md; all if no name is given."""
    hint = f"to write it, run in docs/course:\n    {command(*trace_command())}"
    if not path.exists():
        raise CourseError(f"{os.path.relpath(path, HERE)} is missing; {hint}")
    with safe_open(path, "numpy") as file:
        if file.metadata().get("model_sha256") != hashlib.sha256(MODEL.read_bytes()).hexdigest():
            raise CourseError(f"{os.path.relpath(path, HERE)} belongs to another model; {hint}")
    values = load_file(path)
    for name in names:
        if name not in values:
            near = ", ".join(sorted(values)[:6])
            raise CourseError(f"the trace has no value '{name}', but {near}, …; {hint}")
    return {name: values[name] for name in names or values}


def check(
    mine: dict[str, np.ndarray], minimum: float = MINIMUM_SNR_DB, path: Path = TRACE
) -> dict[str, float]:
    """Says whether arrays equal the engine's, by `swift-demucs compare`; returns their SNR in dB."""
    truth = true_values(*mine, path=path)
    arrays = {}
    for name, array in mine.items():
        wanted = truth[name].shape
        if array.shape != wanted and tuple(n for n in array.shape if n != 1) == wanted:
            array = array.reshape(wanted)  # a waveform's single row
        if array.shape != wanted:
            raise CourseError(
                f"your '{name}' has the shape {array.shape}, expected {wanted}: print the shape "
                "after each step, and find the first that the chapter's table doesn't have"
            )
        if not np.isfinite(array).all():
            raise CourseError(f"your '{name}' has values that are no finite numbers")
        arrays[name] = np.ascontiguousarray(array, dtype=np.float32)
    found = WORK / "mine.safetensors"
    save_file(arrays, found)
    arguments = [path, found, "--only", ",".join(arrays), "--min-snr", str(minimum)]
    table = json.loads(run("compare", *arguments, "--json", expected=(0, 1)))["tensors"]
    result = {}
    for row in table:
        result[row["name"]] = snr = float(row["snr_db"])
        verdict = "right" if snr >= minimum else f"wrong: less than {minimum} dB"
        print(f"{row['name']:50} {'equal' if np.isinf(snr) else f'{snr:.0f} dB':>8}   {verdict}")
    return result


def require(is_right: bool, problem: str) -> None:
    """Stops a chapter whose text would no longer be true."""
    if not is_right:
        raise CourseError(problem)


def snr_db(truth: np.ndarray, found: np.ndarray) -> float:
    """Signal-to-noise ratio of an array against the truth, in dB."""
    noise = np.square(truth - found, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(truth, dtype=np.float64).sum() / max(noise, 1e-300)))


# ---- sound ----
def read_track(track: Path = TRACK) -> np.ndarray:
    """The samples [channels, N] of any audio file, as swift-demucs decodes them."""
    if not Path(track).exists():
        raise CourseError(f"{track}: no such file")
    folder = WORK / "chunks"
    shutil.rmtree(folder, ignore_errors=True)
    run("tensors", "prepare", track, "-n", MODEL, "--overlap", "0", "-o", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    shape = manifest["inputs"][0]["shape"][1:]
    files = sorted(folder.glob("chunk-*/input.raw"))
    samples = np.concatenate([np.fromfile(file, "<f4").reshape(shape) for file in files], axis=1)
    shutil.rmtree(folder)
    normalisation = manifest["normalisation"]  # undone: the engine normalises what it prepares
    scale, mean = np.float32(normalisation["scale"]), np.float32(normalisation["mean"])
    return samples[:, : manifest["source"]["samples"]] * scale + mean


def true_stems() -> dict[str, np.ndarray]:
    """The stems that the demo track was mixed from, [channels, N] each; decoded to TRUTH once."""
    sources = sorted(TRUE_STEMS.glob("*.ogg"))
    if not sources:
        raise CourseError(f"{TRUE_STEMS}: no true stems; take the folder from the repository")
    for source in sources:
        decoded = TRUTH / f"{source.stem}.wav"
        if not decoded.exists() or decoded.stat().st_mtime < source.stat().st_mtime:
            write_wav(decoded, read_track(source))
    return {source.stem: read_wav(TRUTH / f"{source.stem}.wav") for source in sources}


def separated() -> dict[str, np.ndarray]:
    """The stems that swift-demucs makes of the demo track in chapter 0, [channels, N] each."""
    folder = WORK / "stems" / MODEL.stem / TRACK.stem
    if not folder.exists():
        run(*SEPARATION)
    return {path.stem: read_wav(path) for path in sorted(folder.glob("*.wav"))}


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 44100) -> None:
    """Writes [channels, N] as a 32-bit float WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate_hz, np.ascontiguousarray(samples.T, dtype=np.float32))


def read_wav(path: Path) -> np.ndarray:
    """The samples [channels, N] of a float WAV."""
    if not path.exists():
        raise CourseError(f"{path}: no such file")
    return wavfile.read(path)[1].T.astype(np.float32)


if __name__ == "__main__":
    write_trace()
    print(f"{len(true_values())} values in {os.path.relpath(TRACE, Path.cwd())}")
