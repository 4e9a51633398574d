"""Scores separated stems of held-out songs, from the official package or from files of any engine.

    python evaluate.py MODEL.safetensors --json scores.json
    python evaluate.py --estimates ESTIMATE_DIR

The first form separates with the official package (no shifts, overlap 0.25). The second reads
ESTIMATE_DIR/SEED/{drums,bass,other,vocals}.wav, which any engine may have written. `--write
SONG_DIR` writes SONG_DIR/SEED/mixture.wav, the input for such an engine, and the true stems;
`--read SONG_DIR` reads these songs instead of making them again. `--held-out-instruments` is that
of generate.py. `--parts drums=a.wav other=b.wav` scores the model on a recording whose parts are
known.

The score is the signal-to-distortion ratio of the Music Demixing Challenge (Mitsufuji et al.
2022): one number for a song and stem, 10 log10((sum s^2 + 1e-7) / (sum (s - e)^2 + 1e-7)) over
both channels. The table shows medians over songs, for the model and for the mixture taken as the
estimate of each stem. A stem below -60 dB is silent and not scored.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from generate import generate, write_song
from packs import FIRST_HELD_OUT_SEED
from stems import RATE_HZ, STEMS, Array, medians, mixture_of, sdr_of


class Separation:
    """Separation by the official package."""

    def __init__(self, checkpoint: Path) -> None:
        import torch
        from demucs.apply import apply_model
        from demucs.hf import load_safetensors_model

        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.model = load_safetensors_model(checkpoint).eval()
        self.apply = apply_model
        self.tensor = torch.from_numpy

    def __call__(self, mixture: Array) -> Array:
        """Stems [4, 2, n] of a mixture [2, n], normalised as the package's command line does it."""
        mono = mixture.mean(0)
        # As torch.std: divided by n - 1, and with the package's guard against silence.
        shift, scale = mono.mean(), mono.std(ddof=1) + 1e-8
        normal = self.tensor((mixture - shift) / scale)[None]
        stems = self.apply(self.model, normal, shifts=0, split=True, overlap=0.25)[0]
        return stems.numpy() * scale + shift


def recorded(parts: list[str]) -> Array:
    """The stems [4, 2, n] of a recording from its parts, STEM=FILE; a stem may have several."""
    import soundfile

    sounds = []
    for part in parts:
        name, _, path = part.partition("=")
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if name not in STEMS or rate != RATE_HZ or sound.shape[1] != 2:
            raise SystemExit(
                f"{part}: stem {name!r}, {rate} Hz, {sound.shape[1]} channels; "
                f"expected one of {', '.join(STEMS)}, {RATE_HZ} Hz, 2 channels"
            )
        sounds.append((STEMS.index(name), sound.T))
    stems = np.zeros((len(STEMS), 2, max(s.shape[1] for _, s in sounds)), dtype=np.float32)
    for k, sound in sounds:
        stems[k, :, : sound.shape[1]] += sound
    return stems


def read_stems(directory: Path) -> Array:
    """Stems [4, 2, n] from one file each."""
    return recorded([f"{name}={directory / name}.wav" for name in STEMS])


def score(stems: Array, estimates: Array) -> dict[str, dict[str, float]]:
    """The SDR of the stems, for the mixture and for the estimates."""
    mixture = mixture_of(stems)
    return {"mixture": sdr_of(stems, [mixture] * len(STEMS)), "sdr": sdr_of(stems, estimates)}


def report(rows: list[dict[str, dict[str, float]]], path: Path | None) -> None:
    """Prints the table of medians; writes it with all scores if a file is given."""
    table = {measure: medians([row[measure] for row in rows]) for measure in rows[0]}
    for found in table.values():
        found["median of stems"] = float(np.median(list(found.values())))
    print(f"{'median, dB':16s}" + "".join(f"{measure:>10s}" for measure in table))
    for name in table["sdr"]:
        print(f"{name:16s}" + "".join(f"{table[measure][name]:10.2f}" for measure in table))
    if path:
        path.write_text(json.dumps({"medians": table, "songs": rows}, indent=1) + "\n")


def songs(options: argparse.Namespace) -> Iterator[tuple[int, Array]]:
    """Seeds and stems of the songs that the options choose; a recording has the seed 0."""
    if options.parts:
        yield 0, recorded(options.parts)
        return
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.songs):
        if options.read:
            yield seed, read_stems(options.read / str(seed))
        else:
            held_out = options.held_out_instruments
            yield seed, generate(seed, options.seconds, held_out_instruments=held_out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint", type=Path, nargs="?", metavar="MODEL")
    add("--estimates", type=Path, metavar="DIR", help="score these files instead")
    add("--write", type=Path, metavar="SONG_DIR", help="write the songs, score nothing")
    add("--read", type=Path, metavar="SONG_DIR", help="score these songs")
    add("--held-out-instruments", action="store_true")
    add("--parts", nargs="+", metavar="STEM=FILE", help="score MODEL on this recording")
    add("--songs", type=int, default=50)
    add("--seconds", type=float, default=12.0)
    add("--json", type=Path, metavar="FILE", help="write all scores here")
    options = parser.parse_args()
    if [options.checkpoint, options.estimates, options.write].count(None) != 2:
        parser.error("give one of MODEL, --estimates, --write")
    if options.parts and not options.checkpoint:
        parser.error("--parts needs a MODEL")
    if options.write:
        for seed, stems in songs(options):
            write_song(options.write / str(seed), stems)
        return
    separate = Separation(options.checkpoint) if options.checkpoint else None
    rows = []
    for seed, stems in songs(options):
        if separate:
            estimates = separate(mixture_of(stems))
        else:
            estimates = read_stems(options.estimates / str(seed))
        rows.append(score(stems, estimates))
        print(seed, {name: round(value, 2) for name, value in rows[-1]["sdr"].items()}, flush=True)
    report(rows, options.json)


if __name__ == "__main__":
    main()
