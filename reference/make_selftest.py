"""Makes Models/selftest.safetensors, the golden vectors of `swift-demucs selftest`.

    python reference/make_selftest.py

Operators and blocks come from the fixtures that make_fixtures.py took from the reference, with
their drawn tensors, and with axes in the engine's order (channels last). The official package runs
the demo model on an excerpt of its track. Run this again when Models/demo.safetensors changes: the
file stores the fingerprint of its model.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

import command_line
import official
import seeded_model as reference
import tensor_file
import wav_file
from fixture import ROOT as FIXTURES
from fixture import read

MODELS = command_line.ROOT / "Models"
# All four stems sound here. The model pads the excerpt with zeros to its segment of 4 s: half a second
# would be mostly padding, where INT8 has 28 dB, a second has 43 dB and the whole segment 45 dB.
START_SECONDS, SECONDS = 20.0, 1.0
# One of so many samples of the demo's stems is kept: every sample depends on every weight.
STEP = 11

# Fixtures by the names that the engine reads. `rows` are [freq, channel, time].
CASES = {
    "conv2d_3x3": "layers/conv2d_k3x3_p1",
    "dconv_rows": "blocks/dconv_rows",
    "dconv_signal": "blocks/dconv_wide",
    "dconv_deep": "blocks/dconv_deep_rows",
    "encoder": "blocks/encoder_freq",
    "tencoder": "blocks/encoder_time",
    "decoder": "blocks/decoder_freq",
    "tdecoder": "blocks/decoder_time",
    "transformer_self": "blocks/transformer_self",
    "transformer_cross": "blocks/transformer_cross",
}
ACTIVATIONS = {"input", "output", "x", "skip"}
TOKENS = {"transformer_self", "transformer_cross"}
ROWS = {"dconv_rows", "dconv_deep"}
UNUSED = {"pre"}


def channels_last(value: torch.Tensor, rows: bool) -> torch.Tensor:
    """[C, F, T] as [F, T, C], [C, T] as [1, T, C]; rows [F, C, T] as [F, T, C]."""
    if rows:
        return value.permute(0, 2, 1)
    return value.permute(1, 2, 0) if value.dim() == 3 else value.T[None]


def operators_and_blocks() -> dict[str, torch.Tensor]:
    """Vectors of operators and blocks, from the fixtures."""
    found = {}
    for case, fixture in CASES.items():
        tensors, _ = read(FIXTURES / f"{fixture}.safetensors")
        for name, value in tensors.items():
            if name in UNUSED:
                continue
            if name in ACTIVATIONS and case not in TOKENS:
                value = channels_last(value, rows=case in ROWS)
            found[f"{case}.{name}"] = value.contiguous()
    return found


def spectrogram() -> dict[str, torch.Tensor]:
    """Vectors of the STFT and its inverse, which already have the engine's layout."""
    tensors, _ = read(FIXTURES / "signal" / "stft_256.safetensors")
    return {
        "stft.input": tensors["signal_640"],
        "stft.output": tensors["spectrogram_640"],
        "istft.input": tensors["inverse_spectrogram_640"],
        "istft.output": tensors["inverse_signal_640"],
    }


def roformer() -> dict[str, torch.Tensor]:
    """A tiny RoFormer with its mix and its stem; PyTorch's layout is the engine's."""
    parameters, _ = read(FIXTURES / "roformer" / "bands_deep.safetensors")
    outputs, _ = read(FIXTURES / "roformer" / "bands_deep.outputs.safetensors")
    return {
        **{f"roformer.{name}": value for name, value in parameters.items()},
        "roformer.input": outputs["mix"],
        "roformer.output": outputs["final"],
    }


def demo(path: Path, track: Path) -> dict[str, torch.Tensor]:
    """An excerpt of the track, exact in float16, and its stems by the official package."""
    samples, rate = wav_file.excerpt(track, START_SECONDS, SECONDS)
    mix = samples.half()
    model = reference.load(path)
    stems = official.separate(model, mix.float(), rate, official.Options())
    found = {f"demo.{name}": stem[:, ::STEP].contiguous() for name, stem in stems.items()}
    return {"demo.mix": mix, **found}


def fingerprint(path: Path) -> str:
    """FNV-1a hash with 64 bits, as hexadecimal digits; only tells files apart."""
    value = 0xCBF29CE484222325
    for byte in path.read_bytes():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--model", type=Path, default=MODELS / "demo.safetensors")
    parser.add_argument("--track", type=Path, default=MODELS / "demo_track.ogg")
    parser.add_argument("--out", type=Path, default=MODELS / "selftest.safetensors")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tensors = {
        **operators_and_blocks(),
        **spectrogram(),
        **roformer(),
        **demo(options.model, options.track),
    }
    metadata = {
        "command": "python reference/make_selftest.py",
        "demo_fingerprint": fingerprint(options.model),
        "fixtures": json.dumps(CASES),
        "versions": tensor_file.versions(),
    }
    size = tensor_file.write(options.out, tensors, metadata)
    print(f"{options.out}: {len(tensors)} tensors, {size:,} bytes")


if __name__ == "__main__":
    main()
