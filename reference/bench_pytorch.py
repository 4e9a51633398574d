"""Times a segment of the real configuration in our binary against PyTorch float32, in the same run.

    python bench_pytorch.py --threads 1 2

PyTorch is timed as model.forward on one segment. Our binary is timed as a whole process on tracks
of one and of four segments that do not overlap; a third of the difference is the time of a segment,
with its share of resampling, overlap-add and writing, which PyTorch's time does not have. The two
alternate, --runs times after one run as warm-up. Prints medians and ranges. Exits with 1 if ours is
slower.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import native
import seeded_model as reference
import wav_file
from fixture import noise

FEW, MANY = 1, 4


def time_pytorch(model: reference.HTDemucs, mix: torch.Tensor) -> float:
    """Seconds of one forward."""
    start = time.perf_counter()
    with torch.no_grad():
        model(mix)
    return time.perf_counter() - start


def time_ours(binary: Path, checkpoint: Path, tracks: dict[int, Path], threads: int) -> float:
    """Seconds per segment of our binary."""
    seconds = {}
    for count, track in tracks.items():
        with tempfile.TemporaryDirectory() as out:
            options = ("--shifts", "0", "--overlap", "0", "--threads", str(threads))
            run = native.separate(binary, checkpoint, track, Path(out), *options)
            seconds[count] = run[1]
    return (seconds[MANY] - seconds[FEW]) / (MANY - FEW)


def summary(times: list[float]) -> str:
    """Median and range as text."""
    return f"{statistics.median(times):7.3f} s ({min(times):.3f} to {max(times):.3f})"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--configuration", default="htdemucs", choices=reference.CONFIGURATIONS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    slower = False
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "model.safetensors"
        built = reference.build(reference.CONFIGURATIONS[given.configuration], given.seed)
        reference.save_safetensors(built, checkpoint)
        model = reference.load(checkpoint)
        length = int(model.segment * model.samplerate)
        mix = noise("bench", 1, model.audio_channels, length, deviation=0.1)
        tracks = {count: Path(folder) / f"{count}.wav" for count in (FEW, MANY)}
        for count, track in tracks.items():
            wav_file.write(track, mix[0].repeat(1, count), model.samplerate)
        print(f"{given.configuration}, one segment of {length:,} samples, {given.runs} runs")
        for threads in given.threads:
            torch.set_num_threads(threads)
            time_pytorch(model, mix)
            time_ours(given.binary, checkpoint, tracks, threads)
            theirs, ours = [], []
            for _ in range(given.runs):
                theirs.append(time_pytorch(model, mix))
                ours.append(time_ours(given.binary, checkpoint, tracks, threads))
            ratio = statistics.median(theirs) / statistics.median(ours)
            slower = slower or ratio < 1
            print(
                f"{threads} threads: PyTorch {summary(theirs)}, ours {summary(ours)}, {ratio:.2f} ×"
            )
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
