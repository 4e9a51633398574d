"""Measures whole tracks through the bags of version 3 against the official package.

    python bag_parity.py --audio song.wav                       # real sizes
    python bag_parity.py --audio song.wav --channels 8 --segment 4 --seconds 10

The YAML file of each bag (models, weights, segment) comes from the official package. Each member is
a model with seeded, fully perturbed weights: time-only Demucs, or Hybrid Demucs with or without
`hybrid_old`. The kind of each published signature does not matter here; a bag mixes both kinds if
the published one is said to. Our binary gets the bag as a folder with the YAML file and the
members; the official `BagOfModels` and `apply_model` get the same members. Prints the SNR of each
stem, and exits with 1 if one is below --min-snr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import demucs
import torch
import yaml

import compare_stems
import native
import seeded_model as reference
import wav_file
from separate_reference import Options, separate

REMOTE = Path(demucs.__file__).parent / "remote"
TIME: dict[str, Any] = {"klass": reference.Demucs, "sources": reference.SOURCES}
HYBRID: dict[str, Any] = {"klass": reference.HDemucs, "sources": reference.SOURCES}
OLD: dict[str, Any] = {**HYBRID, "hybrid_old": True}

# Configurations of the members of each bag, in its order.
BAGS: dict[str, list[dict[str, Any]]] = {
    "hdemucs_mmi": [HYBRID],
    "mdx": [TIME, TIME, OLD, OLD],
    "mdx_extra": [OLD, OLD, OLD, OLD],
    "repro_mdx_a": [TIME, TIME, HYBRID, HYBRID],
}


def make_bag(
    name: str, folder: Path, given: argparse.Namespace
) -> tuple[Path, reference.BagOfModels]:
    """Writes a bag's file and its members; returns the file and the bag of the official package."""
    bag = yaml.safe_load((REMOTE / f"{name}.yaml").read_text())
    if given.segment:
        bag["segment"] = given.segment
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(bag))
    members = []
    for seed, (signature, configuration) in enumerate(
        zip(bag["models"], BAGS[name], strict=True), start=1
    ):
        changes = {"channels": given.channels} if given.channels else {}
        path = folder / f"{signature}.safetensors"
        reference.save_safetensors(reference.build({**configuration, **changes}, seed), path)
        members.append(reference.load(path))
    return folder / f"{name}.yaml", reference.BagOfModels(
        members, bag.get("weights"), bag.get("segment")
    )


def measure(name: str, given: argparse.Namespace) -> float:
    """Separates the track both ways, prints a table, and returns the worst stem's SNR in dB."""
    options = Options(shifts=given.shifts, seed=1234, overlap=given.overlap)
    wav, rate = wav_file.read(given.audio)
    start = int(given.start * rate)
    wav = wav[:, start : start + int(given.seconds * rate)]
    with tempfile.TemporaryDirectory() as work:
        path, bag = make_bag(name, Path(work), given)
        wav_file.write(Path(work) / "mix.wav", wav, rate)
        golden = separate(bag, wav, rate, options)
        # Our float32 WAVs are clamped to 1.
        peak = max(float(stem.abs().max()) for stem in golden.values())
        if peak > 0.9:
            wav = wav * (0.9 / peak)
            wav_file.write(Path(work) / "mix.wav", wav, rate)
            golden = separate(bag, wav, rate, options)
        arguments = ["--shifts", str(given.shifts), "--overlap", str(given.overlap)]
        arguments += ["--seed", "1234"] if given.shifts else []
        arguments += ["--threads", str(given.threads)]
        ours, seconds = native.separate(
            given.binary, path, Path(work) / "mix.wav", Path(work) / "out", *arguments
        )
    found = compare_stems.compare_all(golden, ours)
    print(f"{name}, {seconds:.1f} s\n{compare_stems.table(found)}", flush=True)
    return min(c.snr_db if c.shape == c.reference_shape else -float("inf") for c in found)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, required=True, help="real music")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the file")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bags", nargs="+", choices=BAGS, default=list(BAGS), metavar="BAG")
    parser.add_argument("--channels", type=int, help="channels of the members (default: the real ones)")
    parser.add_argument("--segment", type=float, help="seconds instead of the bags' 44")
    parser.add_argument("--shifts", type=int, default=0)
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--min-snr", type=float, default=100.0, help="dB")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    worst = min(measure(name, given) for name in given.bags)
    print(f"worst stem {worst:.1f} dB, {given.min_snr:g} dB asked for")
    return int(worst < given.min_snr)


if __name__ == "__main__":
    sys.exit(main())
