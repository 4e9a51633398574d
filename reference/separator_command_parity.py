#!/usr/bin/env python3
"""Measure `--chunking audio-separator` against audio-separator's own command, file by file.

A small Mel-Band RoFormer with 60 bands and drawn weights separates three tracks of noise that swells:
12 s above full scale, 12 s quiet, and 4 s, for which audio-separator takes other chunks. Both programs
read the same float32 WAV and write 32-bit samples, with their default options otherwise. Prints the
SNR of each stem, and exits with 1 below --min-snr: one float32 network against the other has 120 dB
or less.

audio-separator 0.47.1 runs as its command does (`audio_separator.utils.cli.main`), except that the
files of the model are not looked for on the network. Needs requirements-roformer.txt, in an
environment of its own, and ffmpeg, which audio-separator asks for.

Usage: separator_command_parity.py [--min-snr DB]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch
import yaml

import draw
import native
import wav_file
from fixture import SEED, snr
from roformer_fixtures import TINY, build, sections

RATE = 44_100
ARGUMENTS = {
    **TINY,
    "dim": 16,
    "heads": 2,
    "dim_head": 8,
    "stereo": True,
    "num_stems": 1,
    "num_bands": 60,
    "stft_n_fft": 2048,
    "stft_win_length": 2048,
    "stft_hop_length": 441,
    "mask_estimator_depth": 2,
}
# Seconds and factor of each track.
TRACKS = {"loud": (12, 3.0), "quiet": (12, 0.5), "short": (4, 3.0)}
MODEL = "seeded_mel_band_roformer"


def write_model(folder: Path) -> None:
    """Writes the checkpoint and its YAML file."""
    model = build("mel_band_roformer.MelBandRoformer", ARGUMENTS, draw.Draws(SEED))
    torch.save(model.state_dict(), folder / f"{MODEL}.ckpt")
    content = sections(ARGUMENTS, chunk=2 * RATE, target="vocals")
    (folder / f"{MODEL}.yaml").write_text(yaml.dump(content, sort_keys=False))


def run_separator(folder: Path, tracks: list[Path]) -> None:
    """audio-separator's command, whose stems are `out/<track>_(<stem>)_<model>.wav`."""
    for name in [key for key in sys.modules if key.startswith("audio_separator")]:
        del sys.modules[name]
    # Packages for other models, for downloads and for files that it does not write here.
    for name in ["onnxruntime", "onnx", "onnx2torch", "pydub", "resampy", "samplerate"]:
        sys.modules.setdefault(name, mock.MagicMock())
    from audio_separator.separator import Separator
    from audio_separator.utils import cli

    files = (f"{MODEL}.ckpt", "MDXC", MODEL, str(folder / f"{MODEL}.ckpt"), f"{MODEL}.yaml")
    words = ["audio-separator", *map(str, tracks), "-m", files[0], "--use_soundfile"]
    words += ["--model_file_dir", str(folder), "--output_dir", str(folder / "out")]
    words += ["--output_format", "WAV", "--log_level", "warning"]
    with (
        mock.patch.object(Separator, "download_model_files", lambda self, name: files),
        mock.patch.object(sys, "argv", words),
    ):
        cli.main()


def main() -> int:
    """Runs both programs, and compares their files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--min-snr", type=float, default=100)
    least = parser.parse_args().min_snr
    worst = torch.inf
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder)
        tracks = []
        for track, (seconds, factor) in TRACKS.items():
            samples = draw.Draws(SEED)(track, 2, seconds * RATE, rule=draw.swell(0.2, 0.01))
            tracks.append(folder / f"{track}.wav")
            wav_file.write(tracks[-1], factor * samples, RATE)
        run_separator(folder, tracks)
        subprocess.run(
            [str(native.DEFAULT), "-n", str(folder / f"{MODEL}.ckpt"),
             "--chunking", "audio-separator", "--float32", "-o", str(folder / "ours"), "--quiet",
             *map(str, tracks)],
            check=True,
        )  # fmt: skip
        for track in TRACKS:
            for stem in ("vocals", "other"):
                (theirs,) = (folder / "out").glob(f"{track}_({stem})*.wav")
                expected, _ = wav_file.read(theirs)
                actual, _ = wav_file.read(folder / "ours" / MODEL / track / f"{stem}.wav")
                is_whole = actual.shape == expected.shape
                decibels = snr(expected, actual) if is_whole else -torch.inf
                print(f"{track} {stem}: {decibels:.1f} dB, peak {float(actual.abs().max()):.4f}")
                worst = min(worst, decibels)
    return 0 if worst >= least else 1


if __name__ == "__main__":
    sys.exit(main())
