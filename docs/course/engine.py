"""True values of the network, comparisons with them, tracks, stems and sounds.

True values come from `swift-demucs trace`. Without the program they come from htdemucs.py, and are
compared with samples of the engine's values that this folder has (truth.safetensors). So chapters 1 to
10 need nothing but Python. Errors say what to do.

Environment: SWIFT_DEMUCS names the program, COURSE_MODEL another model (a name such as htdemucs, or a
checkpoint), COURSE_WORK the folder for everything that chapters write.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The package of this checkout; the modules that the course takes from it need no compiled library.
sys.path.insert(0, str(ROOT / "python" / "src"))
from swift_demucs import htdemucs

DEMO = ROOT / "Models" / "demo.safetensors"
TRACK = ROOT / "Models" / "demo_track.ogg"
TRUTH = ROOT / "Models" / "demo_stems"
# Samples of the engine's values, with its scores of the demo model's stems.
SHIPPED = HERE / "truth.safetensors"
SHIPPED_SAMPLES = 2048
# The second of the demo track that is traced, and the heads whose attention is kept.
TRACE_SECOND = 20
HEADS = "layers.0:0,layers_t.1:0"
TRACE_OPTIONS = ["--start", str(TRACE_SECOND), "--chunk", "1", "--attention", HEADS]
MINIMUM_SNR_DB = 100
# No random shifts and no change of the level, so that a chapter can compute the same stems.
EXACTLY = ["--shifts", "0", "--float32", "--clip-mode", "none"]
RATE_HZ = 44100
# What another model must have in common with the demo model: the capstone has no other layers, and the
# track no other true stems. A missing argument is the reference's default, which is as wanted.
SUPPORTED = {
    "klass": "HTDemucs",
    "sources": ["drums", "bass", "other", "vocals"],
    "depth": 4,
    "t_cross_first": False,
    "samplerate": RATE_HZ,
    "audio_channels": 2,
}


class CourseError(SystemExit):
    """A problem that the reader can fix; the message says how."""

    def __init__(self, message: str) -> None:
        print(f"error: {message}", file=sys.stderr)
        super().__init__(1)
        self.message = message


# ---- the program ----
def find_program() -> str:
    """The path of swift-demucs, or nothing: $SWIFT_DEMUCS, this repository's build, or on PATH."""
    if wanted := os.environ.get("SWIFT_DEMUCS"):
        return shutil.which(wanted) or ""
    built = ROOT / ".build" / "release" / "swift-demucs"
    return str(built) if built.exists() else shutil.which("swift-demucs") or ""


def run(*arguments: str | Path, expected: tuple[int, ...] = (0,)) -> str:
    """Runs `swift-demucs ARGUMENTS`; returns its standard output."""
    program = find_program()
    if not program:
        wanted = os.environ.get("SWIFT_DEMUCS")
        raise CourseError(
            f"no swift-demucs program{f' at {wanted}' if wanted else ''}; build it with\n"
            "    swift build -c release --product swift-demucs\n"
            "in the repository, or name one in the environment variable SWIFT_DEMUCS"
        )
    call = [program, *map(str, arguments)]
    environment = {"SWIFT_DEMUCS_MODELS": str(DEMO.parent), **os.environ}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode not in expected:
        raise CourseError(f"this failed:\n    {command(*arguments)}\n{done.stderr.strip()}")
    return done.stdout


def command(*arguments: str | Path) -> str:
    """The command as text, as it is typed in docs/course."""
    texts = (os.path.relpath(a, HERE) if isinstance(a, Path) else str(a) for a in arguments)
    return " ".join(["swift-demucs", *(text.replace(os.sep, "/") for text in texts)])


def require(is_right: bool, problem: str) -> None:
    """Stops a chapter whose text would no longer be true."""
    if not is_right:
        raise CourseError(problem)


# ---- the model ----
def chosen_model() -> Path:
    """The checkpoint of the course: the demo model, or that of $COURSE_MODEL."""
    name = os.environ.get("COURSE_MODEL", "demo")
    if name == "demo":
        return DEMO
    files = [name] if Path(name).exists() else run("models", "path", name).splitlines()
    require(len(files) == 1, f"COURSE_MODEL={name} is a bag; give one of its files: {', '.join(files)}")
    path = Path(files[0]).absolute()
    if path.samefile(DEMO):
        return DEMO
    hint = f"convert it: swift-demucs convert {path} --float16 -o model.safetensors"
    require(path.suffix == ".safetensors", f"COURSE_MODEL is {path}, expected .safetensors; {hint}")
    with safe_open(path, "numpy") as file:
        problems = unsupported(file.metadata() or {})
    require(not problems, f"the course can't run {path}: {', '.join(problems)}")
    return path


def unsupported(metadata: dict[str, str]) -> list[str]:
    """The reasons why the chapters can't run a checkpoint; they build the layers of htdemucs alone."""
    found = {
        "klass": metadata.get("klass", "missing").split(".")[-1],
        "bottom_channels": 0,
        **json.loads(metadata.get("kwargs", "{}")),
    }
    problems = [
        f"its {key} is {found[key]}, expected {wanted}"
        for key, wanted in SUPPORTED.items()
        if found.get(key, wanted) != wanted
    ]
    if not found["bottom_channels"]:
        problems.append("it has no channel_upsampler")
    if "quantization" in metadata:
        problems.append("its weights are INT8, expected float16 or float32")
    return problems


@cache
def model_hash() -> str:
    """SHA-256 of the checkpoint."""
    return hashlib.sha256(MODEL.read_bytes()).hexdigest()


MODEL = chosen_model()
IS_DEMO = MODEL == DEMO
# Everything that chapters write, for other models in folders of their own. Pages get their pictures
# and sounds from $COURSE_OUT.
WORK = Path(os.environ.get("COURSE_WORK") or HERE / "work")
if not IS_DEMO:
    WORK = WORK / f"{MODEL.stem}-{model_hash()[:8]}"
OUT = Path(os.environ.get("COURSE_OUT") or WORK)
TRACE = WORK / "trace.safetensors"
SEPARATION = ["separate", TRACK, "-n", MODEL, *EXACTLY, "-o", WORK / "stems"]


# ---- true values ----
def trace_command() -> list[str | Path]:
    """The command that writes the true values of the network for a second of the demo track."""
    return ["trace", TRACK, "-n", MODEL, *TRACE_OPTIONS, "-o", TRACE]


def write_trace() -> None:
    """Writes the true values to TRACE: by the program, or else by htdemucs.py."""
    WORK.mkdir(parents=True, exist_ok=True)
    if find_program():
        run(*trace_command())
        return
    truth, metadata = shipped()
    config, model = capstone().load(MODEL)
    model.seen = {}
    capstone().forward(model, truth["mix"], config)
    values = in_shapes(model.seen, json.loads(metadata["shapes"]))
    for name, samples in truth.items():
        if name in values:
            mine = values[name] if name == "mix" else samples_of(values[name])
            snr = snr_db(samples, mine)
            problem = f"htdemucs.py computes another '{name}' than the engine: {snr:.0f} dB"
            require(snr >= MINIMUM_SNR_DB, problem)
    save_values(TRACE, values)


@cache
def capstone() -> ModuleType:
    """A copy of htdemucs.py of its own: given.py replaces functions of the other by the reader's."""
    spec = importlib.util.spec_from_file_location("capstone", htdemucs.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_shapes(seen: dict, shapes: dict) -> dict[str, np.ndarray]:
    """Values that a port kept, in the shapes of the trace; a wrong size keeps its own shape."""
    found = {}
    for name, shape in shapes.items():
        if name in seen:
            value = np.asarray(seen[name], dtype=np.float32)
            fits = value.size == np.prod(shape)
            found[name] = np.ascontiguousarray(value.reshape(shape) if fits else value)
    return found


def save_values(path: Path, values: dict[str, np.ndarray]) -> None:
    """Writes values as `trace` does, for the model of the course."""
    metadata = {"model_sha256": model_hash(), "order": json.dumps(list(values))}
    save_file(values, path, metadata=metadata)


def samples_of(value: np.ndarray) -> np.ndarray:
    """At most SHIPPED_SAMPLES elements of a value, spread over all of it."""
    flat = np.asarray(value, dtype=np.float32).reshape(-1)
    if flat.size <= SHIPPED_SAMPLES:
        return flat
    return flat[np.arange(SHIPPED_SAMPLES, dtype=np.int64) * 2654435761 % flat.size]


def shipped() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The engine's samples and scores for the demo model."""
    require(IS_DEMO, f"without the program only the demo model has true values, not {MODEL.name}")
    with safe_open(SHIPPED, "numpy") as file:
        metadata = file.metadata()
    require(
        metadata["model_sha256"] == model_hash(),
        f"{SHIPPED.name} belongs to another model; it is made by: python engine.py --ship",
    )
    return load_file(SHIPPED), metadata


@cache
def trace_values(path: Path, changed: float) -> dict[str, np.ndarray]:
    """All values of a trace in the order of computation."""
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    if metadata.get("model_sha256") != model_hash():
        return {}
    values, order = load_file(path), json.loads(metadata.get("order", "[]"))
    for value in values.values():
        value.flags.writeable = False  # a function that changes it stops
    return {name: values[name] for name in order or values}


def true_values(*names: str) -> dict[str, np.ndarray]:
    """Values that the engine computes, by the names of docs/porting.md; all if no name is given.

    They are written first where they are missing, or those of another model.
    """
    values = trace_values(TRACE, TRACE.stat().st_mtime) if TRACE.exists() else {}
    if not values:
        write_trace()
        values = trace_values(TRACE, TRACE.stat().st_mtime)
    for name in names:
        near = ", ".join(sorted(values)[:6])
        problem = f"the trace has no value '{name}', but {near}, …; to write it again: python engine.py"
        require(name in values, problem)
    return {name: values[name] for name in names or values}


def snr_db(truth: np.ndarray, found: np.ndarray) -> float:
    """The signal-to-noise ratio in dB: 160 for equal arrays, −160 for noise in place of silence, one NaN or other shapes."""
    if np.array_equal(truth, found, equal_nan=True):
        return 160
    if truth.shape != np.shape(found) or not np.isfinite(truth + found).all() or not truth.any():
        return -160
    noise = np.square(truth - found, dtype=np.float64).sum()
    ratio = np.square(truth, dtype=np.float64).sum() / max(noise, 1e-300)
    return min(float(10 * np.log10(ratio)), 160.0)


def check(mine: dict[str, np.ndarray], expect_wrong: bool = False) -> dict[str, float]:
    """Compares arrays with the engine's and stops at wrong ones; returns their SNR in dB.

    In an exercise that makes a mistake on purpose, `expect_wrong` stops at right ones.
    """
    truth = true_values(*mine)
    result, bad = {}, []
    for name, array in mine.items():
        wanted = truth[name].shape
        if array.shape != wanted and tuple(n for n in array.shape if n != 1) == wanted:
            array = array.reshape(wanted)  # a waveform's single row
        require(
            array.shape == wanted,
            f"your '{name}' has the shape {array.shape}, expected {wanted}: print the shape "
            "after each step, and find the first that the chapter's table doesn't have",
        )
        require(bool(np.isfinite(array).all()), f"your '{name}' has infinite values or NaN")
        result[name] = snr = snr_db(truth[name], array)
        is_right = snr >= MINIMUM_SNR_DB
        shown = f"{snr:.0f} dB" if snr < 150 else ">150 dB"
        verdict = "right" if is_right else f"wrong: less than {MINIMUM_SNR_DB} dB"
        print(f"{name:50} {shown:>8}   {verdict}")
        if is_right == expect_wrong:
            bad.append(f"'{name}' ({shown})")
    if bad and expect_wrong:
        raise CourseError(f"right, though this exercise makes a mistake: {', '.join(bad)}")
    if bad:
        raise CourseError(
            f"wrong: {', '.join(bad)}, expected at least {MINIMUM_SNR_DB} dB; compare your function "
            "line by line with the chapter's, the first wrong value first"
        )
    return result


# ---- sound ----
def read_track(track: Path = TRACK) -> np.ndarray:
    """The samples [2, N] of a stereo sound file at 44,100 Hz."""
    require(Path(track).exists(), f"{track}: no such file")
    try:
        samples, rate_hz = soundfile.read(track, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise CourseError(f"{track}: {error}; convert it to WAV") from None
    form = f"{samples.shape[1]} channels at {rate_hz} Hz"
    require(
        (samples.shape[1], rate_hz) == (2, RATE_HZ),
        f"{track} has {form}, expected 2 at {RATE_HZ}; convert it: ffmpeg -i IN -ac 2 -ar 44100 OUT",
    )
    return samples.T


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    """Writes [channels, N] as a 32-bit float WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate_hz, subtype="FLOAT")


def true_stems() -> dict[str, np.ndarray]:
    """The stems that the demo track was mixed from, [channels, N] each."""
    require(TRUTH.is_dir(), f"{TRUTH}: no true stems; take the folder from the repository")
    return {source.stem: read_track(source) for source in sorted(TRUTH.glob("*.ogg"))}


def separated(overlap: float = 0.25) -> dict[str, np.ndarray]:
    """The stems of the demo track, [channels, N] each: by the program, or else by htdemucs.py."""
    out = stems_folder(overlap)
    folder = out / MODEL.stem / TRACK.stem
    if not folder.exists() and find_program():
        run(*SEPARATION[:-1], out, "--overlap", str(overlap), "-q")
    elif not folder.exists():
        truth, _ = shipped()
        config, model = capstone().load(MODEL)
        stems = capstone().separate(model, read_track(), config, overlap)
        for name, stem in zip(config.sources, stems, strict=True):
            stem = np.clip(stem, -1, 1)
            snr = snr_db(truth[f"stems-{overlap}.{name}"], samples_of(stem))
            require(snr >= MINIMUM_SNR_DB, f"htdemucs.py makes other {name} than the engine: {snr:.0f} dB")
            write_wav(folder / f"{name}.wav", stem)
    return {path.stem: read_track(path) for path in sorted(folder.glob("*.wav"))}


def stems_folder(overlap: float) -> Path:
    """Where `separated` keeps stems; those of htdemucs.py apart from those of the program."""
    name = "stems" if overlap == 0.25 else f"overlap-{overlap}"
    return WORK / (name if find_program() else f"{name}-numpy")


def scores(overlap: float = 0.25) -> dict[str, dict[str, float]]:
    """The engine's `sdr` and `si_sdr` of each stem of `separated`."""
    if not find_program():
        return json.loads(shipped()[1]["scores"])[str(overlap)]
    separated(overlap)
    stems = stems_folder(overlap) / MODEL.stem / TRACK.stem
    report = json.loads(run("eval", TRUTH, stems, "--metrics", "sdr,si-sdr", "--json"))
    return report["tracks"][0]["stems"]


def hear(name: str, sound: np.ndarray, start: float = 15, seconds: float = 5) -> None:
    """Writes some seconds of a sound [2, N] as sounds/NAME.mp3; a notebook also plays them."""
    first = int(start * RATE_HZ)
    part = np.clip(sound[:, first : first + int(seconds * RATE_HZ)], -1, 1)
    path = OUT / "sounds" / f"{name}.mp3"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, part.T, RATE_HZ, format="MP3", compression_level=0.85)
    if "ipykernel" in sys.modules:
        from IPython.display import Audio, display

        display(Audio(part, rate=RATE_HZ, normalize=False))


def ship() -> None:
    """Writes SHIPPED from the program's trace and scores."""
    write_trace()
    values = true_values()
    sampled = {name: samples_of(value) for name, value in values.items()}
    sampled["mix"] = values["mix"]
    overlaps = (0, 0.25, 0.5, 0.75)
    for overlap in overlaps:
        for name, stem in separated(overlap).items():
            sampled[f"stems-{overlap}.{name}"] = samples_of(stem)
    metadata = {
        "model_sha256": model_hash(),
        "shapes": json.dumps({name: value.shape for name, value in values.items()}),
        "scores": json.dumps({str(overlap): scores(overlap) for overlap in overlaps}),
    }
    save_file(sampled, SHIPPED, metadata=metadata)


if __name__ == "__main__":
    if sys.argv[1:] == ["--ship"]:
        ship()
    write_trace()
    print(f"{len(true_values())} values in {os.path.relpath(TRACE, Path.cwd())}")
