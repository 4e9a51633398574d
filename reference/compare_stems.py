"""Compares two folders of stems, or two safetensors files, sample by sample.

    python compare_stems.py REFERENCE OURS --min-snr 100

Prints per stem: SNR in dB (signal: the reference), largest absolute error, relative L2 error, both
lengths, and the first sample with an error above --tolerance times the reference's peak. Exits with
1 if a stem is missing, differs in length or channels, or is below --min-snr.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

import tensor_file
import wav_file


@dataclass(frozen=True)
class Comparison:
    """Difference of one stem from its reference; shapes are [channels, samples]."""

    stem: str
    snr_db: float
    max_abs: float
    relative_l2: float
    shape: tuple[int, ...]
    reference_shape: tuple[int, ...]
    first_bad: tuple[int, ...] | None

    def passes(self, min_snr: float) -> bool:
        """Whether the shapes are equal and the SNR is high enough."""
        return self.shape == self.reference_shape and self.snr_db >= min_snr


def compare(
    stem: str, reference: torch.Tensor, ours: torch.Tensor, tolerance: float = 1e-4
) -> Comparison:
    """Compares the common part of two stems; silence against silence has an infinite SNR."""
    shapes = tuple(ours.shape), tuple(reference.shape)
    common = [slice(0, min(sizes)) for sizes in zip(*shapes, strict=True)]
    a, b = reference[tuple(common)].double(), ours[tuple(common)].double()
    error = b - a
    noise, signal = float((error**2).sum()), float((a**2).sum())
    if not math.isfinite(noise):
        snr, relative = -math.inf, math.inf
    elif noise == 0:
        snr, relative = math.inf, 0.0
    elif signal == 0:
        snr, relative = -math.inf, math.inf
    else:
        snr, relative = 10 * math.log10(signal / noise), math.sqrt(noise / signal)
    peak = float(a.abs().max()) if a.numel() else 0.0
    bad = (~(error.abs() <= tolerance * peak)).nonzero()
    return Comparison(
        stem,
        snr,
        float(error.abs().max()) if error.numel() else 0.0,
        relative,
        *shapes,
        # The earliest in time, in any channel.
        tuple(bad[bad[:, -1].argmin()].tolist()) if len(bad) else None,
    )


def read(path: Path) -> dict[str, torch.Tensor]:
    """Stems by name, from a folder of audio files or a safetensors file (without its `mix`)."""
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in (".wav", ".flac"))
        return {file.stem: wav_file.read(file)[0] for file in files}
    return {name: value for name, value in tensor_file.read(path)[0].items() if name != "mix"}


def compare_all(
    reference: dict[str, torch.Tensor], ours: dict[str, torch.Tensor], tolerance: float = 1e-4
) -> list[Comparison]:
    """One comparison per stem of the reference; a missing stem counts as empty."""
    empty = {name: torch.zeros(stem.shape[0], 0) for name, stem in reference.items()}
    return [
        compare(name, reference[name], ours.get(name, empty[name]), tolerance)
        for name in sorted(reference)
    ]


def table(comparisons: list[Comparison]) -> str:
    """Table as text, one line per stem."""
    lines = [f"{'stem':12} {'SNR dB':>8} {'max abs':>10} {'rel L2':>10} {'shape':>14}  first bad"]
    for c in comparisons:
        shape = "×".join(map(str, c.shape))
        if c.shape != c.reference_shape:
            shape += " instead of " + "×".join(map(str, c.reference_shape))
        bad = "–" if c.first_bad is None else str(list(c.first_bad))
        lines.append(
            f"{c.stem:12} {c.snr_db:8.1f} {c.max_abs:10.2e} {c.relative_l2:10.2e}"
            f" {shape:>14}  {bad}"
        )
    return "\n".join(lines)


def finite(value: object) -> object:
    """The value for JSON, which has no infinity: text in its place."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reference", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("--min-snr", type=float, default=-math.inf, help="dB")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="share of the peak, for the first bad index")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    reference, ours = read(options.reference), read(options.ours)
    if not reference:
        parser.error(f"{options.reference} holds no stems")
    found = compare_all(reference, ours, options.tolerance)
    extra = sorted(ours.keys() - reference.keys())
    if options.json:
        rows = [{k: finite(v) for k, v in asdict(c).items()} for c in found]
        print(json.dumps({"stems": rows, "extra": extra}, indent=2))
    else:
        print(table(found))
        if extra:
            print(f"not in the reference: {', '.join(extra)}")
    return 0 if not extra and all(c.passes(options.min_snr) for c in found) else 1


if __name__ == "__main__":
    sys.exit(main())
