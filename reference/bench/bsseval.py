"""Scores stems by BSSEval v4 with museval, the measure in which papers print results on MUSDB18.

    pip install museval==0.4.1 soundfile
    python reference/bench/bsseval.py REFERENCE_FOLDER STEMS_FOLDER

Both folders hold the stems of one track as sound files with equal names, rates and lengths. Prints SDR,
ISR, SIR and SAR of each stem in dB: medians over windows of one second, with one set of filters for the
whole track. `swift-demucs eval` computes the SDR of the MDX challenges instead. Stems that were decoded
from AAC or MP3 have no content at high frequencies, so rounding decides their SIR.

Vincent, Gribonval, Févotte 2006; Stöter, Liutkus, Ito 2018, arXiv:1804.06267.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import museval
import numpy as np
import soundfile

#: The mixture, which may lie beside the stems.
MIXTURES = ("mixture", "mix")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, metavar="REFERENCE_FOLDER")
    parser.add_argument("estimates", type=Path, metavar="STEMS_FOLDER")
    arguments = parser.parse_args()
    references = {
        file.stem: file for file in sorted(arguments.references.iterdir())
        if file.suffix[1:].upper() in soundfile.available_formats() and file.stem not in MIXTURES
    }  # fmt: skip
    estimates = {file.stem: file for file in arguments.estimates.iterdir()}
    missing = ", ".join(references.keys() - estimates.keys())
    if missing or not references:
        parser.error(f"{arguments.estimates} has no {missing}" if missing else "no stems")
    true = [soundfile.read(file, always_2d=True) for file in references.values()]
    found = [soundfile.read(estimates[name], always_2d=True) for name in references]
    rate = true[0][1]
    if len({(samples.shape, its_rate) for samples, its_rate in true + found}) > 1:
        parser.error("the files differ in rate, channels or length")
    with warnings.catch_warnings():
        # museval 0.4.1 uses functions that newer NumPy and SciPy warn of.
        warnings.simplefilter("ignore")
        try:
            scores = museval.evaluate(
                np.stack([samples for samples, _ in true]),
                np.stack([samples for samples, _ in found]),
                win=rate, hop=rate, mode="v4",
            )  # fmt: skip
        except ValueError as error:
            raise SystemExit(f"error: {error}") from None
        medians = np.nanmedian(np.stack(scores), axis=2)
    print(f"{'dB':12}" + "".join(f"{name:>9}" for name in ("SDR", "ISR", "SIR", "SAR")))
    for name, row in zip(references, medians.T, strict=True):
        print(f"{name:12}" + "".join(f"{value:9.3f}" for value in row))


if __name__ == "__main__":
    main()
