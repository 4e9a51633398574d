"""Makes the golden pack, by which a port is checked without PyTorch, real weights or swift-demucs.

    python golden_pack.py -o swift-demucs-golden.zip
    python golden_pack.py -o tiny.zip htdemucs_tiny hdemucs_tiny

Seeded models of each family, of published and of tiny sizes. For each the pack has the rules that draw
its weights, a chunk of noise as the network's input, some hundred elements of each value inside the
network as PyTorch computes them, and the SNR that float16 and bfloat16 (PyTorch's autocast) and INT8
(ours) reach there. `check.py` in the pack makes the checkpoints and checks a port.

`swift-demucs trace` makes the spectrogram that the core takes; the script fails if a value of ours in
float32 differs from PyTorch's. RoFormers need requirements-roformer.txt.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

import command_line
import draw
import native
import seeded_model
import tensor_file
import wav_file
from fixture import SEED, Tensors, keep_outputs, sampled, unbatched
from snr import snr
from trace_reference import TracedCore

# Configuration in seeded_model.py, and samples of the chunk.
DEMUCS = {
    "htdemucs": ("htdemucs", 22_050),
    "htdemucs_tiny": ("base", 1_950),
    "hdemucs": ("hdemucs", 22_050),
    "hdemucs_tiny": ("hybrid", 400),
    "demucs": ("demucs", 22_050),
    "demucs_tiny": ("waveform", 400),
}
# Configuration in roformer_core.py or, for the tiny ones, in roformer_fixtures.py; a whole number of
# hops, to which the reference cuts its stems.
ROFORMERS = {
    "bs_roformer": ("bs_roformer_ep_317", 20 * 441),
    "bs_roformer_tiny": ("bands", 33 * 20),
    "mel_band_roformer": ("mel_band_roformer_kim", 20 * 441),
    "mel_band_roformer_tiny": ("mel", 24 * 55),
}
# Elements of a value.
MOST_ELEMENTS = 1_000
# SNR of each value that a right float32 port has, and ours.
FLOAT32_DECIBELS = 90.0

Run = Callable[[Tensors], Tensors]


def demucs(name: str, checkpoint: Path) -> tuple[draw.Draws, int, Run]:
    """Writes a checkpoint; returns its draws, its rate, and PyTorch's values for ours."""
    draws = draw.Draws(SEED)
    model = seeded_model.build(seeded_model.CONFIGURATIONS[name], SEED, draws)
    seeded_model.save_safetensors(model, checkpoint)

    def run(ours: Tensors) -> Tensors:
        if "mag" in ours:
            return TracedCore(model).run(ours["mix"][None], ours["mag"][None])
        with keep_outputs(model, ours, {"x": "encoder.0"}) as found:
            found["final"] = model(ours["mix"][None])
        return found

    return draws, model.samplerate, run


def roformer(name: str, checkpoint: Path) -> tuple[draw.Draws, int, Run]:
    """The same for a RoFormer."""
    import roformer_core
    import roformer_fixtures

    draws = draw.Draws(SEED)
    if name in roformer_core.CONFIGURATIONS:
        model = roformer_core.build(name, SEED, flash=False, draws=draws)
        roformer_core.save(model, name, checkpoint)
    else:
        of_class, arguments, _ = roformer_fixtures.CONFIGURATIONS[name]
        model = roformer_fixtures.build(of_class, arguments, draws)
        metadata = roformer_fixtures.description(name)
        tensor_file.write(checkpoint, dict(model.state_dict()), metadata)
    return draws, 44_100, lambda ours: roformer_fixtures.trace(model, ours["mix"][None])


def step(shape: torch.Size) -> int:
    """The step of some elements that touches all rows and columns."""
    found = max(1, math.prod(shape) // MOST_ELEMENTS)
    while math.gcd(found, math.prod(shape[1:])) != 1:
        found += 1
    return found


def levels(golden: Tensors, found: Tensors) -> dict[str, float]:
    """The SNR of each value in dB."""
    # Ours may have the residual after the network's stems.
    return {
        name: round(snr(value.flatten(), found[name].float().flatten()[: value.numel()]), 1)
        for name, value in golden.items()
    }


@torch.no_grad()
def add(name: str, binary: Path, out: Path) -> None:
    """Writes the files of one model to a folder."""
    configuration, samples = {**DEMUCS, **ROFORMERS}[name]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        checkpoint = work / "model.safetensors"
        draws, rate, run = (demucs if name in DEMUCS else roformer)(configuration, checkpoint)
        tensors, metadata = tensor_file.read(checkpoint)
        mix = draw.tensor(SEED, "mix", (2, samples), draw.swell(0.3, 0.1))
        wav_file.write(work / "mix.wav", mix, rate)

        def trace(precision: str) -> Tensors:
            words = ["--chunk", str((samples + 0.5) / rate), "--precision", precision]
            out = work / f"{precision}.safetensors"
            return native.trace(binary, checkpoint, work / "mix.wav", out, *words)

        ours = trace("float32")
        int8 = trace("int8")
    golden = {key: unbatched(value) for key, value in run(ours).items() if key in ours}
    found = {"float32": ours, "int8": int8}
    for dtype in ("float16", "bfloat16"):
        with torch.autocast("cpu", getattr(torch, dtype)):
            found[dtype] = {key: unbatched(value) for key, value in run(ours).items()}
    reached = {precision: levels(golden, values) for precision, values in found.items()}
    worst = min(reached["float32"].items(), key=lambda item: item[1])
    if worst[1] < FLOAT32_DECIBELS:
        raise SystemExit(f"{name}: ours has {worst[1]} dB at {worst[0]}")
    steps = {key: step(value.shape) for key, value in golden.items()}
    described = {"levels": {}, "shapes": {}}
    for key, value in golden.items():
        stored = key if steps[key] == 1 else f"{key}[::{steps[key]}]"
        described["shapes"][stored] = list(value.shape)
        described["levels"][stored] = {
            precision: FLOAT32_DECIBELS if precision == "float32" else reached[precision][key]
            for precision in reached
        }
    texts = {key: json.dumps(value) for key, value in described.items()}
    entering = ("mix", "mag") if name in DEMUCS else ("mix", "stft_repr", "x")
    inputs = {key: ours[key] for key in entering if key in ours}
    kept = {key: value for key, value in tensors.items() if key not in draws.found}
    tensor_file.write(
        out / "weights.safetensors",
        kept,
        {**metadata, "seed": str(draws.seed), "drawn": draws.text()},
    )
    tensor_file.write(out / "chunk.safetensors", inputs, {})
    tensor_file.write(out / "values.safetensors", sampled(golden, steps), texts)
    least = {p: min(level.values()) for p, level in reached.items()}
    print(f"{name}: {len(golden)} values; least SNR in dB: {least}; float32 at {worst[0]}")


def main() -> int:
    """Command line."""
    names = [*DEMUCS, *ROFORMERS]
    parser = command_line.parser(__doc__, "binary")
    parser.add_argument("names", nargs="*", help="models; all by default: " + ", ".join(names))
    parser.add_argument("-o", "--output", type=Path, required=True, help="zip file to write")
    given = parser.parse_args()
    unknown = set(given.names) - set(names)
    if unknown:
        raise SystemExit(f"golden_pack.py: no model {', '.join(unknown)}; {', '.join(names)}")
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder)
        shutil.copy(Path(__file__).with_name("golden_check.py"), pack / "check.py")
        for name in ("draw.py", "snr.py"):
            shutil.copy(Path(__file__).with_name(name), pack)
        for name in given.names or names:
            add(name, given.binary, pack / name)
        unfinished = given.output.with_name(f".{given.output.name}.unfinished")
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in pack.rglob("*") if path.is_file()):
                # Without times, so that equal content gives equal bytes.
                info = zipfile.ZipInfo(f"golden/{path.relative_to(pack)}")
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
        unfinished.replace(given.output)
    print(f"{given.output}: {given.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    command_line.run(main)
