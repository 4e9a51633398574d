"""Measures the quality of INT8: the numbers of docs/int8-study.md.

    python bench/int8_study.py songs --work DIR          # the demo model on its held-out songs
    python bench/int8_study.py real --work DIR           # the real configuration, perturbed weights
    python bench/int8_study.py plots --work DIR          # docs/int8_layers.png

`songs` scores each recipe with the demo model: the SDR of each stem, less that of float32. `real`
builds the published configuration with the perturbed weights of seeded_model.py and measures the
SNR of each stem against float32, on a segment of noise and on a song. Weights that `swift-demucs
quantize` does not write (nearest integers, other scales) are rounded here and run as float32.
Results are written to DIR as JSON; existing files are not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "training"), str(ROOT / "reference")]

import evaluate
import seeded_model
import native
import wav_file
from fixture import noise
from generate import FIRST_HELD_OUT_SEED, RATE_HZ, generate, mixture_of, write_wav
from song import STEMS

SPARED = (
    "encoder.0.", "tencoder.0.", "decoder.2.", "tdecoder.2.", "decoder.3.", "tdecoder.3.",
)  # fmt: skip
FORMS = {"float": "#cc3311", "int8-weights": "#ddaa33", "int8": "#4477aa"}
KINDS = (
    "conv.weight", "rewrite.weight", "conv_tr.weight", "in_proj_weight", "out_proj.weight",
    "linear1.weight", "linear2.weight", "sampler.weight", "sampler_t.weight",
)  # fmt: skip


def is_quantised(name: str, spared: bool) -> bool:
    """Whether a tensor of weights is rounded: the layers of `swift-demucs quantize`."""
    return name.endswith(KINDS) and not (spared and name.startswith(SPARED))


def rounded(weight: torch.Tensor, output_axis: int, group: int | None) -> torch.Tensor:
    """Rounds to symmetric INT8: a scale per output channel, per `group` inputs, or one if 0."""
    rows = weight.movedim(output_axis, 0)
    flat = rows.flatten() if group == 0 else rows.flatten(1)
    width = flat.shape[-1] if not group else min(group, flat.shape[-1])
    padded = torch.nn.functional.pad(flat, (0, -flat.shape[-1] % width))
    blocks = padded.reshape(*padded.shape[:-1], -1, width)
    scale = (blocks.abs().amax(-1, keepdim=True) / 127).clamp_min(1e-30)
    blocks = (blocks / scale).round().clamp(-127, 127) * scale
    flat = blocks.reshape(padded.shape)[..., : flat.shape[-1]]
    return flat.reshape(rows.shape).movedim(0, output_axis)


def round_file(source: Path, target: Path, group: int | None, *, spared: bool) -> None:
    """Writes a float32 checkpoint with the values of INT8 weights."""
    tensors = {}
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
        for name in file.keys():  # noqa: SIM118
            value = file.get_tensor(name).float()
            if is_quantised(name, spared):
                value = rounded(value, 1 if name.endswith("conv_tr.weight") else 0, group)
            tensors[name] = value.contiguous()
    save_file(tensors, target, metadata)


class Study:
    """Runs of the binary in a working folder."""

    def __init__(
        self, given: argparse.Namespace, work: Path, model: Path, music: list[Path]
    ) -> None:
        self.binary, self.measures_layers = given.binary, given.layers
        self.work, self.model, self.music = work, model, music

    def command(self, *arguments: object) -> None:
        """Calls the program."""
        subprocess.run([str(self.binary), *map(str, arguments)], check=True, cwd=self.work)

    def quantised(self, name: str, *options: object) -> Path:
        """Checkpoint that `quantize` writes."""
        path = self.work / f"{name}.safetensors"
        if not path.exists():
            self.command("quantize", self.model, "-o", path, *options)
        return path

    def rounded(self, name: str, group: int | None, *, spared: bool = True) -> Path:
        """Checkpoint that :func:`round_file` writes."""
        path = self.work / f"{name}.safetensors"
        if not path.exists():
            round_file(self.model, path, group, spared=spared)
        return path

    def recipes(self, samples: int) -> dict[str, tuple[Callable[[], Path], str]]:
        """The model of each recipe, and the precision that it runs in."""
        music = [word for path in self.music for word in ("--calibrate", path)]

        def noise() -> Path:
            return self.quantised("noise")

        def calibrated() -> Path:
            report = ["--report", self.work / "music.json"] if self.measures_layers else []
            return self.quantised("music", *music, "--samples", samples, *report)

        return {
            "float32": (lambda: self.model, "float32"),
            "bfloat16": (lambda: self.model, "bfloat16"),
            "nearest integers, float32": (lambda: self.rounded("nearest", None), "float32"),
            "fitted to noise, float32": (noise, "float32"),
            "fitted to music, float32": (calibrated, "float32"),
            "nearest integers, int8": (lambda: self.model, "int8"),
            "fitted to noise, int8": (noise, "int8"),
            "fitted to music, int8": (calibrated, "int8"),
            "fitted to noise, bfloat16": (noise, "bfloat16"),
            "fitted to music, bfloat16": (calibrated, "bfloat16"),
            "nearest integers, nothing spared": (
                lambda: self.rounded("unspared", None, spared=False), "float32"),
            "one scale a tensor": (lambda: self.rounded("tensor", 0), "float32"),
            "a scale for 128 inputs": (lambda: self.rounded("group128", 128), "float32"),
            "a scale for 32 inputs": (lambda: self.rounded("group32", 32), "float32"),
        }  # fmt: skip

    def separate(self, name: str, model: Path, precision: str, tracks: list[Path]) -> Path:
        """Separates all tracks; returns the folder of TRACK/STEM.wav."""
        out = self.work / "stems" / name.replace(" ", "_").replace(",", "")
        if not (out / model.stem).exists():
            self.command(
                "separate", "-n", model, "-o", out, "--precision", precision, "--float32",
                "--clip-mode", "none", "--shifts", "0", "-q", *tracks,
            )  # fmt: skip
        return out / model.stem


def decibels(reference: np.ndarray, found: np.ndarray) -> float:
    """SNR in dB of a stem against that of float32."""
    return float(10 * np.log10(np.square(reference).sum() / np.square(reference - found).sum()))


def read(path: Path) -> np.ndarray:
    """Samples of a sound file in float64."""
    return soundfile.read(path, dtype="float64")[0]


def calibration_songs(given: argparse.Namespace, work: Path) -> list[Path]:
    """Songs to calibrate on, none of them held out."""
    paths = [work / f"training_{seed}.wav" for seed in range(given.calibration_songs)]
    for seed, path in enumerate(paths):
        if not path.exists():
            write_wav(path, mixture_of(generate(seed, given.seconds, "formula")))
    return paths


def songs(given: argparse.Namespace) -> Iterator[dict]:
    """Scores each recipe with the demo model; yields the results so far after each."""
    work = given.work / "songs"
    (work / "mixes").mkdir(parents=True, exist_ok=True)
    music = calibration_songs(given, work)
    seeds = range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + given.songs)
    truths = {}
    for seed in seeds:
        cache = work / f"{seed}.npy"
        if not cache.exists():
            np.save(cache, generate(seed, given.seconds, "formula"))
        truths[seed] = np.load(cache)
        mix = work / "mixes" / f"{seed}.wav"
        if not mix.exists():
            write_wav(mix, mixture_of(truths[seed]))
    tracks = [work / "mixes" / f"{seed}.wav" for seed in seeds]
    study = Study(given, work, ROOT / "Models" / "demo.safetensors", music)
    results: dict = {}
    folders: dict[str, Path] = {}
    for name, (model, precision) in study.recipes(given.samples).items():
        folders[name] = study.separate(name, model(), precision, tracks)
        scores: dict[str, list[float]] = {stem: [] for stem in STEMS}
        noises: dict[str, list[float]] = {stem: [] for stem in STEMS}
        for seed in seeds:
            for index, stem in enumerate(STEMS):
                found = read(folders[name] / str(seed) / f"{stem}.wav")
                scores[stem].append(evaluate.mdx_sdr(truths[seed][index].T, found))
                if name != "float32":
                    reference = read(folders["float32"] / str(seed) / f"{stem}.wav")
                    noises[stem].append(decibels(reference, found))
        results[name] = {
            "sdr": scores, "snr": {k: float(np.median(v)) for k, v in noises.items() if v},
        }  # fmt: skip
        base = results["float32"]["sdr"]
        change = {s: np.median(np.array(scores[s]) - np.array(base[s])) for s in STEMS}
        print(name, {s: round(float(np.median(scores[s])), 3) for s in STEMS},
              {s: round(float(change[s]), 4) for s in STEMS}, results[name]["snr"], flush=True)  # fmt: skip
        yield results


def real(given: argparse.Namespace) -> Iterator[dict]:
    """SNR of each recipe with the published configuration; yields the results so far after each."""
    work = given.work / "real"
    work.mkdir(parents=True, exist_ok=True)
    model = work / "htdemucs.safetensors"
    configuration = seeded_model.CONFIGURATIONS["htdemucs"]
    if not model.exists():
        seeded_model.save_safetensors(seeded_model.build(configuration, 1), model)
    tracks = [work / "noise.wav", work / "song.wav"]
    if not tracks[0].exists():
        samples = int(configuration.get("samplerate", RATE_HZ) * 7.8)
        wav_file.write(tracks[0], noise("int8", 1, 2, samples, deviation=0.1)[0], RATE_HZ)
    if not tracks[1].exists():
        write_wav(tracks[1], mixture_of(generate(FIRST_HELD_OUT_SEED, given.seconds, "formula")))
    study = Study(given, work, model, calibration_songs(given, work))
    results: dict = {}
    folders: dict[str, Path] = {}
    for name, (path, precision) in study.recipes(given.samples).items():
        folders[name] = study.separate(name, path(), precision, tracks)
        if name == "float32":
            continue
        results[name] = {
            track.stem: {
                stem: decibels(*(
                    read(folders[recipe] / track.stem / f"{stem}.wav")
                    for recipe in ("float32", name)))
                for stem in STEMS
            }
            for track in tracks
        }  # fmt: skip
        print(name, {t: {s: round(v, 2) for s, v in stems.items()}
                     for t, stems in results[name].items()}, flush=True)  # fmt: skip
        yield results


def plots(given: argparse.Namespace) -> None:
    """Plots a dot for each layer: the real configuration above, the demo model below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    titles = {"real": "published configuration, perturbed weights", "songs": "demo model"}
    measured = {p: t for p, t in titles.items() if (given.work / p / "music.json").exists()}
    height = 3.3 * len(measured)
    figure, axes = plt.subplots(
        len(measured), figsize=(9, height), layout="constrained", squeeze=False
    )
    for axis, (part, title) in zip(axes[:, 0], measured.items(), strict=True):
        layers = json.loads((given.work / part / "music.json").read_text())["layers"]
        for form, colour in FORMS.items():
            places = [i for i, layer in enumerate(layers) if layer["form"] == form]
            levels = [layers[i]["output_snr_db"] for i in places]
            axis.scatter(places, levels, s=14, color=colour, label=form)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("layer, in the order of the model", fontsize=8)
        axis.set_ylabel("output SNR with it alone in INT8, dB", fontsize=8)
        axis.legend(fontsize=7)
    figure.savefig(ROOT / "docs" / "int8_layers.png", dpi=110)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("songs", "real", "plots"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--binary", type=Path, default=native.DEFAULT)
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--calibration-songs", type=int, default=8)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--layers", action="store_true", help="measure each layer alone too")
    given = parser.parse_args()
    if given.part == "plots":
        plots(given)
        return
    for found in {"songs": songs, "real": real}[given.part](given):
        (given.work / f"{given.part}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
