"""Ports of HTDemucs with a mistake each, for chapter 10.

    python mystery_ports.py                        the chapter's six: work/port_1.safetensors …
    python mystery_ports.py --lab NAME             ten more, drawn from your name: work/lab_1.safetensors …
    python mystery_ports.py --lab NAME --answers   their mistakes

Solve chapter 10 before you read on: the code below shows the mistakes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine import MODEL, WORK, htdemucs, in_shapes, save_values, true_values
from swift_demucs.mistakes import ALL, MISTAKES, Functions, replaced, right


def partly(is_wrong: Callable[..., bool], mistake: str) -> Functions:
    """A mistake for some arguments only."""

    def wrong(name, function):
        return lambda *given: (function if is_wrong(*given) else getattr(right, name))(*given)

    return {name: wrong(name, function) for name, function in MISTAKES[mistake].items()}


PORTS: dict[int, Functions] = {
    1: MISTAKES["frequency before time in the 2-D embedding's channels"],
    2: MISTAKES["zeros on both sides of the samples, more before"],
    3: MISTAKES["twice the heads"],
    4: MISTAKES["GELU's tanh approximation in place of GELU"],
    5: partly(lambda m, *_: m.name.startswith("tdecoder"), "a crop from the start"),
    6: {},
}
# Mistakes of the lab, and the first value that is wrong.
FIRST_WRONG = {
    "a window that ends at zero on both sides": "mag",
    "the real parts before the imaginary parts": "mag",
    "each channel's mean and std in the inputs' norm": "x",
    "the halves of the channels swapped in the GLU": "tencoder.0.dconv.layers.0",
    "ReLU in place of GELU": "tencoder.0.dconv.layers.0",
    "x · sigmoid(1.702 x) in place of GELU": "tencoder.0.dconv.layers.0",
    "an eps of 0.001": "tencoder.0.dconv.layers.0",
    "a dilation of 1": "tencoder.0.dconv.layers.1",
    "frequency outermost in the 2-D embedding": "crosstransformer.pos_emb_2d",
    "d / 2, not d / 2 − 1, in the 1-D embedding's exponent": "crosstransformer.pos_emb",
    "scores that are not scaled": "crosstransformer.layers.0.self_attn",
    "each token's statistics (LayerNorm)": "crosstransformer.layers.0",
    "a crop one step early": "decoder.0",
    "GELU after the last layer": "decoder.3",
    "no square root of n in the inverse STFT": "final",
    "the inverse STFT one sample late": "final",
}
LAB: dict[str, tuple[Functions, str]] = {
    mistake: (MISTAKES[mistake], first) for mistake, first in FIRST_WRONG.items()
}
LAYER_NORM = "each token's statistics (LayerNorm)"  # in norm_out alone
LAB[LAYER_NORM] = partly(lambda x, axes: axes == ALL, LAYER_NORM), FIRST_WRONG[LAYER_NORM]
LAB_PORTS = 10


def lab(name: str) -> list[str]:
    """The mistakes of a reader's ports in their order; one port is right, with an empty name."""
    drawn = random.Random(name)
    mistakes = [*drawn.sample(sorted(LAB), LAB_PORTS - 1), ""]
    drawn.shuffle(mistakes)
    return mistakes


def values_of(functions: Functions) -> dict[str, np.ndarray]:
    """All values of a port on the second of the trace."""
    config, model = htdemucs.load(MODEL)
    model.seen = {}
    truth = true_values()
    with replaced(functions):
        htdemucs.forward(model, truth["mix"], config)
    shapes = {name: value.shape for name, value in truth.items() if ".weights." not in name}
    return in_shapes(model.seen, shapes)


def write(port: int) -> Path:
    """Runs a port of the chapter and writes all values inside it."""
    path = WORK / f"port_{port}.safetensors"
    save_values(path, values_of(PORTS[port]))
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lab", metavar="NAME", help="draw ten ports from your name")
    parser.add_argument("--answers", action="store_true", help="print their mistakes")
    options = parser.parse_args()
    if options.lab is None:
        for number in PORTS:
            print(write(number))
        return
    for number, mistake in enumerate(lab(options.lab), 1):
        if options.answers:
            where = f"first wrong value {LAB[mistake][1]}" if mistake else "right"
            print(f"lab_{number}: {mistake or 'no mistake'} ({where})")
        else:
            path = WORK / f"lab_{number}.safetensors"
            save_values(path, values_of(LAB[mistake][0] if mistake else {}))
            print(path)


if __name__ == "__main__":
    main()
