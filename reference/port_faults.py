"""Ports of a model with common mistakes, which the parity command must name and explain.

    python port_faults.py ../Models/demo.safetensors song.wav --start 8

Draws mistakes from the list of the course (docs/course/mistakes.py) and modules of the network,
runs the network in NumPy with each one on a second of the song, and gives its values to the parity
tool of the Python package: prints the value that differs first from the right network's, bit by
bit, and what is said of it. Mistakes that change less than rounding can't be told from a right port
and are drawn again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import load_file

import command_line
import program

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "src"))
from swift_demucs import mistakes, parity
from swift_demucs._explanation import Network, _Block, _Pass, snr_db

Values = dict[str, np.ndarray]
# The least accurate values of a right float32 port, but for sums over a whole input.
ROUNDING_DB = 105
# Sentences that give the same value to the last bits.
EQUAL_DB = 135
SUMS = ("x", "xt", "output", "add_67")


class Port:
    """The network in NumPy, with a mistake in one module."""

    def __init__(self, checkpoint: Path, mix: np.ndarray) -> None:
        network = Network.open(checkpoint)
        assert network
        self.block = _Block(network, "final", mix, {"mix": mix})
        right = _Pass(self.block)
        right.run()
        self.block.calls = dict(enumerate(right.calls))
        self.right = {name: right[name] for name in right if ".weights." not in name}

    def draw(self, phrase: str, random: Random) -> tuple[str | None, Values] | None:
        """A module with a mistake, and the port's values; None if the mistake fits no module."""
        functions = mistakes.MISTAKES[phrase]
        parts = {
            tuple(place.split("."))
            for name, place in self.block.calls.values()
            if name in functions
        }
        modules = {".".join(path) for path in parts} | {
            ".".join(path[:end]) + "." for path in parts for end in range(1, len(path))
        }
        module = random.choice(sorted(modules - {""}) or [None])
        wrong = _Pass(self.block, functions, module)
        wrong.run()
        return (module, {**self.right, **wrong}) if "final" in wrong else None

    def first(self, found: Values) -> tuple[str, float] | None:
        """The value that differs first, and its SNR."""
        for name, value in self.right.items():
            if name in found and not np.array_equal(value, found[name]):
                return name, snr_db(value, found[name])
        return None


class Trial:
    """A right trace, and what the parity command says of ports of it."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        os.environ["SWIFT_DEMUCS"] = str(options.binary)
        self.checkpoint = options.checkpoint
        trace = work / "ours.safetensors"
        words = ("-n", options.checkpoint, "--start", str(options.start), "--chunk", "1", "-q")
        program.run(options.binary, "trace", options.song, *words, "-o", trace)
        self.ours = load_file(trace)
        self.port = Port(options.checkpoint, self.ours["mix"])

    def report(self, found: Values) -> parity.Report:
        """What is said of a port's values."""
        shaped = {}
        for name, ours in self.ours.items():
            value = found[name]
            shaped[name] = value.reshape(ours.shape if ours.size == value.size else value.shape)
        return parity.compare(self.ours, shaped, model=self.checkpoint)

    def drawn(self, count: int, random: Random) -> Iterator[tuple[str, str | None, Values]]:
        """Ports with a mistake each: every mistake of the list about as often."""
        while True:
            for phrase in random.sample(sorted(mistakes.MISTAKES), len(mistakes.MISTAKES)):
                drawn = self.port.draw(phrase, random)
                first = drawn and self.port.first(drawn[1])
                if drawn and first and (first[1] < ROUNDING_DB or first[0] in SUMS):
                    yield (phrase, *drawn)
                    count -= 1
                    if count == 0:
                        return


def try_ports(trial: Trial, count: int, random: Random) -> bool:
    """Prints a row for each wrong port, and how many were named and explained; whether all were
    named, and nearly all explained."""
    named = explained = 0
    print("| mistake | module | first wrong value | SNR | of the worse output | said |")
    print("|---|---|---|---|---|---|")
    for phrase, module, found in trial.drawn(count, random):
        first = trial.port.first(found)
        assert first
        wrong = trial.report(found).wrong
        is_named = bool(wrong) and wrong[0].name == first[0]
        text = (wrong[0].explanation or "nothing") if wrong else "right"
        named += is_named
        # Another sentence may say the same: in one channel groups are instances.
        level = wrong[0].explanation_db or 0 if wrong else 0
        explained += is_named and (phrase in text or level >= EQUAL_DB)
        said = "this" if phrase in text else f"{text}: {level:.0f} dB"
        outputs = min(snr_db(trial.port.right[n], found[n]) for n in ("output", "add_67"))
        place = f"{first[0]}" + ("" if is_named else f", NOT {wrong[0].name if wrong else 'none'}")
        print(
            f"| {phrase} | {(module or 'all').rstrip('.')} | {place} | {first[1]:.0f} | {outputs:.0f} | {said} |",
            flush=True,
        )
    print(f"\nnamed: {named} of {count}\nexplained: {explained} of {count}")
    return named == count and explained >= 0.95 * count


def main() -> int:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "start", "seed")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("song", type=Path)
    parser.add_argument("--ports", type=int, default=100, help="wrong ports")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(options, Path(folder))
        return int(not try_ports(trial, options.ports, Random(options.seed)))


if __name__ == "__main__":
    command_line.run(main)
