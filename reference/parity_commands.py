"""Runs the reference's command and ours with every option, and compares the files that they write.

    python parity.py commands
    python parity.py commands --only mp3

Both separate the same short track with the same seeded models, which both find with `--repo`:
`tiny` and `other`, as .th files, and the bag `pair` of the two. File names must be equal. Samples
of float32 files must agree to an SNR of 100 dB, of 16-bit files to one step, of 24-bit files to 256
steps, which are one step of 16 bits. The coding noise of MP3 files must be equal within 0.5 dB.
Calls that the reference refuses must be refused. Random shifts are compared too: the reference runs
after `random.seed(7)`, ours with `--seed 7`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import soundfile
import torch

import command_line
import seeded_model as reference
import wav_file
from snr import snr

SEED = 7
SECONDS = 5
RATE = 44_100

# Small, but at the real sample rate, which MP3 needs.
CONFIGURATION = {
    **reference.CONFIGURATIONS["base"], "samplerate": RATE, "segment": Fraction(39, 20),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A call of both commands, with the reference's options; a seed is added for ours."""

    options: str
    track: str = "mix.wav"
    refused: bool = False

    @property
    def arguments(self) -> list[str]:
        """The options, with the model `tiny` if they name none."""
        words = self.options.split()
        return words if {"-n", "--name"} & set(words) else [*words, "-n", "tiny"]

    @property
    def is_mp3(self) -> bool:
        """Whether the call writes MP3."""
        return "--mp3" in self.options.split()

    @property
    def without_mp3(self) -> Case:
        """The same call with float32 WAV in place of MP3."""
        words = re.sub(r"--mp3(-\w+ \d+)?", "", self.options)
        return Case(f"{words} --float32", self.track)


class Difference(NamedTuple):
    """The difference of two files: its size, larger for worse ones, and whether that is right."""

    size: float
    text: str
    is_right: bool


ACCEPTED = """
-n pair | --name tiny | -v | --verbose | --out elsewhere | -o elsewhere/deeper
--filename {track}_{stem}.{ext} | --filename {track}/{stem}.flac | -d cpu | --device cpu
--shifts 0 | --shifts 2 | --shifts 2 -n pair | --overlap 0.1 | --segment 1
--two-stems vocals | --two-stems drums --other-method add
--two-stems vocals --other-method minus | --two-stems bass --other-method none
--int24 | --float32 | --clip-mode rescale | --clip-mode clamp --float32
--clip-mode none --float32 | --flac | --flac --int24 | --flac --float32 | --mp3
--mp3 --mp3-bitrate 128 | --mp3 --mp3-preset 7 | --mp3 --two-stems vocals | -j 2 | --jobs 2
"""
REFUSED = """
-s abc -n tiny | --no-split --segment 1 | --int24 --float32 | --flac --mp3 | --mp3-preset 8
--other-method sub | --two-stems piano | --segment 3 | --shifts two | -n nothing
"""
CASES = [
    Case("", track="a.b.wav"),
    Case("--filename {stem}/{track}.{trackext}.{ext}", track="a.b.wav"),
    Case("--no-split", track="short.wav"),
    Case("--float32", track="mono48.wav"),
    *(Case(options) for options in re.split(r"\s*[|\n]\s*", ACCEPTED.strip())),
    *(Case(options, refused=True) for options in re.split(r"\s*[|\n]\s*", REFUSED.strip())),
]


def prepare(folder: Path) -> None:
    """Writes the models and the tracks."""
    repository = folder / "models"
    repository.mkdir()
    for name, seed in [("tiny", 1), ("other", 2)]:
        reference.save_package(reference.build(CONFIGURATION, seed), repository, name)
    weights = [[1.0, 0.0, 0.5, 1.0], [0.0, 1.0, 0.5, 2.0]]
    (repository / "pair.yaml").write_text(f"models: ['tiny', 'other']\nweights: {weights}\n")

    generator = torch.Generator().manual_seed(3)
    time = torch.arange(SECONDS * RATE) / RATE
    tones = sum(torch.sin(2 * math.pi * f * time + f) for f in (55.0, 220.0, 933.0, 4100.0))
    noise = torch.randn(2, len(time), generator=generator)
    beat = torch.exp(-8 * (time % 0.5))
    # Loud enough that the stems exceed full scale.
    mix = 0.2 * tones + 0.3 * beat * noise
    wav_file.write(folder / "mix.wav", mix, RATE)
    wav_file.write(folder / "a.b.wav", mix[:, : 2 * RATE], RATE)
    wav_file.write(folder / "short.wav", mix[:, :RATE], RATE)
    wav_file.write(folder / "mono48.wav", mix[:1, : 3 * 48_000], 48_000)


def run_reference(folder: Path, case: Case, out: str = "reference") -> bool:
    """Runs the reference in the folder `out`; returns whether it accepted the call."""
    random.seed(SEED)
    arguments = [str(folder / case.track), "--repo", str(folder / "models"), *case.arguments]
    (folder / out).mkdir()
    silence = io.StringIO()
    with (
        contextlib.chdir(folder / out),
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
    ):
        try:
            reference.separate_command(arguments)
        except SystemExit as stop:
            return not stop.code
        except Exception:  # an exception that the reference does not catch is a refusal, too
            return False
    return True


def run_ours(binary: Path, folder: Path, case: Case) -> bool:
    """Runs ours in the folder `ours`; returns whether it accepted the call."""
    (folder / "ours").mkdir()
    arguments = [str(folder / case.track), "--repo", str(folder / "models"), *case.arguments]
    command = [str(binary), *arguments, "--seed", str(SEED), "--offline"]
    run = subprocess.run(command, cwd=folder / "ours", capture_output=True, text=True, check=False)
    if run.returncode and not case.refused:
        print(run.stderr, file=sys.stderr)
    return run.returncode == 0


def files(folder: Path) -> dict[str, Path]:
    """Files by their relative paths."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def coding_noise(mp3: Path, wave: Path) -> float:
    """SNR in dB of an MP3 file against the samples that were encoded.

    The reference's files don't state the encoder's delay, so decoders keep it; the shift with the
    smallest error is used.
    """
    coded, samples = (wav_file.read(path)[0] for path in (mp3, wave))
    length = samples.shape[1]
    first, last = length // 2, length // 2 + 8192
    middle = samples[:, first:last]
    shift = min(
        range(coded.shape[1] - length + 1),
        key=lambda s: float((coded[:, first + s : last + s] - middle).square().sum()),
    )
    return snr(samples, coded[:, shift : shift + length])


def compare_coded(ours: Path, theirs: Path, wave: Path) -> Difference:
    """Compares two MP3 files by their coding noise.

    A change of one sample by one step before coding changes the coding noise, so the files differ
    by that noise even if the encoders are the same.
    """
    apart = abs(coding_noise(ours, wave) - coding_noise(theirs, wave))
    return Difference(apart, f"{apart:.2f} dB between their coding noises", apart < 0.5)


def compare(ours: Path, theirs: Path) -> Difference:
    """Compares two files in the unit of their format."""
    fields = ("format", "subtype", "samplerate", "channels", "frames")
    forms = [[getattr(soundfile.info(p), name) for name in fields] for p in (ours, theirs)]
    if forms[0] != forms[1]:
        return Difference(math.inf, f"{forms[0]} instead of {forms[1]}", False)
    x, y = (wav_file.read(path)[0].double() for path in (ours, theirs))
    if forms[0][1] == "FLOAT":
        decibels = snr(y, x)
        return Difference(-decibels, f"{decibels:.1f} dB", decibels >= 100)
    scale, most = {"PCM_16": (1 << 15, 1), "PCM_24": (1 << 23, 256)}[forms[0][1]]
    steps = float((x - y).abs().max()) * scale
    return Difference(steps, f"{steps:.0f} steps apart at most", steps <= most)


def check(binary: Path, folder: Path, case: Case) -> tuple[str, bool]:
    """Runs a case; returns its result in words, and whether it is right."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        for shared in ("models", case.track):
            (place / shared).symlink_to(folder / shared)
        accepted = run_reference(place, case), run_ours(binary, place, case)
        if case.refused:
            good = not any(accepted)
            return "refused by both" if good else f"accepted (reference, ours): {accepted}", good
        if not all(accepted):
            return f"accepted: reference {accepted[0]}, ours {accepted[1]}", False
        theirs, ours = files(place / "reference"), files(place / "ours")
        if theirs.keys() != ours.keys():
            return f"names: {sorted(ours)} instead of {sorted(theirs)}", False
        if case.is_mp3:
            run_reference(place, case.without_mp3, "plain")
            waves = files(place / "plain")
            found = [
                compare_coded(ours[name], path, waves[name.replace(".mp3", ".wav")])
                for name, path in theirs.items()
            ]
        else:
            found = [compare(ours[name], path) for name, path in theirs.items()]
        return f"{len(found)} files, {max(found).text}", all(one.is_right for one in found)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command_line.add(parser, "binary")
    parser.add_argument("--only", default="", help="cases whose options hold this text")


def cases(given: argparse.Namespace) -> Iterator[tuple[str, bool, str]]:
    """The worst file of each case."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for case in CASES:
            if given.only in case.options:
                text, good = check(given.binary.resolve(), folder, case)
                yield f"{case.options or 'none'} {case.track}", good, text
