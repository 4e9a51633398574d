"""Runs programs that use demucs on this engine, unmodified, and prints which work.

    pip install dist/swift_demucs-*.whl
    python dependents.py TRACK

Installs each program from PyPI, without what it depends on, and calls it by `as_demucs` with 8 s of
the track. The model is the demo model with segments of 7.8 s, under the name htdemucs. Modules that
a program imports and this environment lacks are stand-ins; torchaudio's loads files. A program
works if it returns, and leaves the files that it should, with sound in them.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import command_line
import program
import swift_demucs
from command_line import ROOT

# By requirement: modules to stand in for, the files that the program leaves, and the call.
PROGRAMS = {
    "vokal==1.0.2": ("", "out/htdemucs/song/*vocals.wav", """
from vokal.separator import VocalSeparator
VocalSeparator("out").separate_vocals("song.wav")"""),
    "demucs-acapella==1.0.3": ("pydub eyed3", "out/song_*.wav", """
from demucs_acapella.demucs_acapella import process_files
process_files(".", "out")"""),
    "novacal==0.1.0": ("", "a.wav", """
from novacal import separate_no_vocals_with_demucs
separate_no_vocals_with_demucs(
    input_audio_file_path=song, output_file_path=out.with_name("a.wav"), device="cpu",
    use_float32=True, shifts=0)"""),
    "dinnote==0.2.0": ("", "out/out_denoised.wav", """
bare("dinnote")
from dinnote.denoise import run
run(song, out, {})"""),
    "allin1==1.1.0": ("", "out/htdemucs/song/*.wav", """
bare("allin1")
from allin1.demix import demix
demix([song], out, "cpu")"""),
    "extra-demucs==0.6.0": ("validators yt_dlp", "out/song_vocals.mp3", """
import validators
validators.url = lambda _: False
from extra_demucs.separate import extra_separator
extra_separator(["song.wav"], "audio", "low", "out")"""),
    "stemextract==0.2.0": ("", "vocals.wav", """
import soundfile, stemextract.core
stems = stemextract.core.separate("song.wav", device="cpu")
soundfile.write("vocals.wav", stems["vocals"].numpy().T, 44100)"""),
    "remucs==0.4": ("", "out/htdemucs/*.wav", """
bare("remucs")
from remucs.analysis import analyze
out.mkdir()
analyze(song, out, types.SimpleNamespace(model="htdemucs", quiet=False))"""),
    "audio-separation==0.1.5": ("", "out/song_*.mp3", """
from app.inference import run_inference
run_inference("song.wav", "out")"""),
    "libretta==0.1.2": ("", "out/*.wav", """
bare("libretta")
from libretta.stems import separate_stems
separate_stems("song.wav", "out")"""),
    "stem-separator==2.0.0": ("rich", "out/song_*.wav", """
import rich.logging
rich.logging.RichHandler.return_value.level = 0
from stem_separator.processing import StemSeparator
result = StemSeparator(force_cpu=True).separate(song, out)
assert result.success, result.error"""),
    "phantom-audio-separation==1.5.0": ("phantom", "out/*.wav", """
import phantom._utils as _utils
_utils.wrap_errors = decorator
_utils.validate_output_path = _utils.validate_input_path = str
from phantom_separation import separate_stems
separate_stems("song.wav", "out")"""),
    "tts-webui-extension-demucs==0.0.4": ("gradio tts_webui", "vocals.wav", """
import soundfile
import tts_webui.utils.manage_model_state as states
states.manage_model_state = decorator
from tts_webui_extension.demucs.main import demucs_audio
rate, samples = demucs_audio("song.wav")[3]
soundfile.write("vocals.wav", samples, rate)"""),
    "stable-ts==2.19.1": ("whisper", "vocals.wav", """
bare("stable_whisper")
import soundfile
from stable_whisper.audio.demucs import demucs_audio
soundfile.write("vocals.wav", demucs_audio("song.wav", device="cpu"), 44100)"""),
}  # fmt: skip
# Before each call, with the names of the stand-ins as arguments.
PRELUDE = """
import importlib.machinery, sys, types
from pathlib import Path
from unittest import mock
song, out, missing = Path("song.wav").resolve(), Path("out").resolve(), sys.argv[1:]
class Finder:
    def find_spec(self, name, *_):
        if name.split(".")[0] in missing:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return mock.MagicMock(__path__=[])
    def exec_module(self, module): pass
sys.meta_path.append(Finder())
def decorator(*_):
    return lambda function: function
def bare(name):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [str(Path(p, name)) for p in sys.path if Path(p, name).is_dir()]
if "torchaudio" in missing:
    import torch, torchaudio, swift_demucs
    def load(path):
        samples, rate = swift_demucs.read(path)
        return torch.from_numpy(samples), rate
    torchaudio.load = load
"""


def add_model(folder: Path) -> None:
    """Writes the demo model with segments of 7.8 s, which its weights allow, as htdemucs."""
    content = (ROOT / "Models" / "demo.safetensors").read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    old, new = rb"\"numerator\": 4, \"denominator\": 1", rb"\"numerator\": 39, \"denominator\": 5"
    header = content[8:end].replace(old, new)
    assert len(header) > end - 8
    (folder / "955717e8.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + content[end:]
    )
    (folder / "htdemucs.yaml").write_text("models: ['955717e8']\n")


def failure(requirement: str, folder: Path, track: Path, models: Path) -> str:
    """Runs a program in an empty folder; returns why it does not work, or nothing."""
    missing, wanted, call = PROGRAMS[requirement]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder / "site"]
    subprocess.run([*pip, requirement], check=True)
    work = folder / "work"
    (work / "bin").mkdir(parents=True)
    samples, rate = swift_demucs.read(track)
    swift_demucs.write(work / "song.wav", samples[:, : 8 * rate], rate)
    # Some call the command, which is on PATH where demucs is installed.
    (work / "bin" / "demucs").symlink_to(program.default())
    path = [str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ, "SWIFT_DEMUCS_MODELS": str(models), "PYTHONPATH": os.pathsep.join(path),
        "PATH": f"{work / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    command = [sys.executable, "-m", "swift_demucs.as_demucs", "--", sys.executable, "-c"]
    command += [PRELUDE + call, *missing.split(), "torchaudio"]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return (done.stderr.strip() or "no message").splitlines()[-1]
    files = list(work.glob(wanted))
    silent = [file.name for file in files if abs(swift_demucs.read(file)[0]).max() < 1e-3]
    return f"silent: {', '.join(silent)}" if silent else "" if files else f"no {wanted}"


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("track", type=Path)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        models = Path(root, "models")
        models.mkdir()
        add_model(models)
        for requirement in given.programs:
            why = failure(requirement, Path(root, requirement), given.track, models)
            failed += bool(why)
            print(f"{requirement:36}{f'fails: {why}' if why else 'works'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    command_line.run(main)
