"""Ports of a model with common mistakes, which the parity command must name and explain.

    python port_faults.py ../Models/demo.safetensors song.wav --start 8

Draws mistakes from the list `swift_demucs.mistakes` and modules of the network,
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
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load_file

import command_line
import program
from snr import snr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "src"))
from swift_demucs import htdemucs, mistakes, parity

Values = dict[str, np.ndarray]
Functions = dict[str, Callable[..., Any]]
# The least accurate values of a right float32 port, but for sums over a whole input.
ROUNDING_DB = 105
# Sentences that give the same value to the last bits.
EQUAL_DB = 135
SUMS = ("x", "xt", "output", "add_67")


class Port:
    """The network in NumPy, with a mistake in one module."""

    def __init__(self, checkpoint: Path, mix: np.ndarray) -> None:
        self.configuration, self.model = htdemucs.load(checkpoint)
        self.mix = mix
        names = {name for functions in mistakes.MISTAKES.values() for name in functions}
        self.names = sorted(names | {"encode", "decode", "dconv", "gate", "transformer_layer"})
        #: The modules that each function runs in, by the right network.
        self.modules: dict[str, set[str]] = {name: set() for name in self.names}
        self.right = self.run()

    def run(self, wrong: Functions = {}, module: str | None = None) -> Values:  # noqa: B006
        """All values with functions replaced in a module, or everywhere."""
        inside: list[str] = []

        def entered(name: str) -> Callable[..., Any]:
            right = vars(htdemucs)[name]

            def call(*given: Any, **more: Any) -> Any:
                has_module = bool(given) and isinstance(given[0], htdemucs.Module)
                inside.append(given[0].name if has_module else "")
                self.modules[name].update(filter(None, inside))
                is_wrong = module is None or any(f"{n}.".startswith(f"{module}.") for n in inside)
                value = (wrong.get(name, right) if is_wrong else right)(*given, **more)
                inside.pop()
                return value

            return call

        seen: Values = {}
        model = htdemucs.Module(self.model.tensors, "", seen)
        with mistakes.replaced({name: entered(name) for name in self.names}):
            htdemucs.forward(model, self.mix.copy(), self.configuration)
        return {name: value for name, value in seen.items() if ".weights." not in name}

    def draw(self, phrase: str, random: Random) -> tuple[str | None, Values] | None:
        """A module with a mistake, and the port's values; None if the mistake changes nothing."""
        functions = mistakes.MISTAKES[phrase]
        modules = sorted({path for name in functions for path in self.modules[name]})
        module = random.choice(modules) if modules else None
        try:
            return module, self.run(functions, module)
        except (ValueError, LookupError, ArithmeticError):
            return None

    def first(self, found: Values) -> tuple[str, float] | None:
        """The value that differs first, and its SNR."""
        for name, value in self.right.items():
            if name in found and not np.array_equal(value, found[name]):
                return name, snr(value.ravel(), found[name].ravel())
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
        shaped = {
            name: found[name].reshape(value.shape)
            if found[name].size == value.size
            else found[name]
            for name, value in self.ours.items()
            if name in found
        }
        return parity.compare(self.ours, shaped, model=self.checkpoint, explain="all")

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
        right = trial.port.right
        outputs = min(snr(right[n].ravel(), found[n].ravel()) for n in ("output", "add_67"))
        place = f"{first[0]}" + ("" if is_named else f", NOT {wrong[0].name if wrong else 'none'}")
        print(
            f"| {phrase} | {module or 'all'} | {place} | {first[1]:.0f} | {outputs:.0f} | {said} |",
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
