"""Fixtures of complete tiny models: a checkpoint, and what it makes of a mix.

Each configuration gives two files. `<name>.safetensors` is a checkpoint in the official layout. In
`<name>.outputs.safetensors`:

    mix              [A, N]           a whole segment
    final            [S, A, N]        what the model returns for it
    short.mix        [A, n]           a mix shorter than the segment, padded inside the model
    short.final      [S, A, n]
    crosstransformer.x, crosstransformer.xt              [C, F, T], [C, T]
    crosstransformer.layers.i, crosstransformer.layers_t.i  tokens [T·F, C], time-major, and [T, C]

and for the configurations in DETAILED

    core.x           [2A, F, T]       spectrogram, complex as channels, input with the mix
    core.output      [S, 2A, F, T]    the core's spectrogram, denormalised
    core.add_67      [S, A, N]        the core's waveform, denormalised
    input.x, input.xt                 normalised inputs of the first layers
    encoder.i, tencoder.i, decoder.i, tdecoder.i      but the last decoders: see the core's
    encoder.0.embedded                after the frequency embedding
    channel_upsampler(_t), channel_downsampler(_t)    [C, F·T], [C, T]

`base.onnxruntime.safetensors` (see export_onnx.py) has `output` and `add_67` of `base` from ONNX
Runtime, for its `mix` and `core.x`.
"""

from __future__ import annotations

from typing import Any

import torch

import export_onnx
import seeded_model as reference
from core import Core, core_inputs
from fixture import ROOT, SEED, Tensors, float64_snr, in_double, noise, origin, unbatched, write

GROUP = "models"
DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16}
DETAILED = ("base", "merge", "merge_deeper", "context_enc_1", "mono", "kernel_4")
LARGE = ("htdemucs", "htdemucs_6s", "demo")
NAMES = [name for name in reference.CONFIGURATIONS if name not in LARGE]


def layer_outputs(model: reference.HTDemucs, mix: torch.Tensor, detailed: bool) -> Tensors:
    """The outputs of every layer while the model runs on a mix, by hooks."""
    found: Tensors = {}
    handles = []

    def keep(path: str, value: Any) -> None:
        if path == "crosstransformer":
            found[f"{path}.x"], found[f"{path}.xt"] = value
        else:
            # Decoders return what went into their transposed convolution as well.
            found[path] = value[0] if isinstance(value, tuple) else value

    last = len(model.decoder) - 1, len(model.tdecoder) - 1
    told = {f"decoder.{last[0]}", f"tdecoder.{last[1]}"}
    for path, module in model.named_modules():
        parent = path.rsplit(".", 1)[0]
        listed = ("encoder", "tencoder", "decoder", "tdecoder")
        parts = ("crosstransformer.layers", "crosstransformer.layers_t")
        if (
            parent in parts
            or path == "crosstransformer"
            or (detailed and ((parent in listed and parent != path) or "sampler" in path))
        ) and path not in told:
            handles.append(
                module.register_forward_hook(lambda _, __, value, path=path: keep(path, value))
            )
    if detailed:
        before = {"input.x": model.encoder[0], "input.xt": model.tencoder[0]}
        if len(model.encoder) > 1 and model.freq_emb is not None:
            before["encoder.0.embedded"] = model.encoder[1]
        for name, module in before.items():
            handles.append(
                module.register_forward_pre_hook(
                    lambda _, given, name=name: found.__setitem__(name, given[0])
                )
            )
    with torch.no_grad():
        model(mix)
    for handle in handles:
        handle.remove()
    return found


def outputs(
    model: reference.HTDemucs, mix: torch.Tensor, short: torch.Tensor, detailed: bool
) -> Tensors:
    """The model's outputs, and the core's."""
    with torch.no_grad():
        found = {"final": model(mix), "short.final": model(short)}
        if detailed:
            padded, x = core_inputs(model, mix)
            spectrogram, waveform = Core(model)(padded, x)
            found.update({"core.x": x, "core.output": spectrogram, "core.add_67": waveform})
        return found


def make_one(name: str) -> None:
    """Checkpoint and outputs of one configuration."""
    configuration = reference.CONFIGURATIONS[name]
    detailed = name in DETAILED
    path = ROOT / GROUP / f"{name}.safetensors"
    dtype = DTYPES.get(name, torch.float32)
    size = reference.save_safetensors(
        reference.build(configuration, SEED), path, dtype, origin(GROUP)
    )
    print(f"{GROUP}/{name}: checkpoint, {size:,} bytes")
    model = reference.load(
        path
    )  # with the weights as stored, so half precision is in the outputs too
    length = int(model.segment * model.samplerate)
    # Loud and quiet, off centre: the input's mean and deviation must be taken out and put back.
    mix = noise(f"mix {name}", 1, model.audio_channels, length, deviation=0.3, offset=0.1)
    mix *= torch.linspace(0.1, 1.0, length)
    short = noise(f"short {name}", 1, model.audio_channels, length * 3 // 5 + 1, deviation=0.3)

    def run(double: bool) -> Tensors:
        given = (model, mix, short)
        return outputs(*(in_double(given) if double else given), detailed)

    found = {"mix": mix, "short.mix": short, **run(False)}
    found.update(layer_outputs(model, mix, detailed))
    metadata = origin(GROUP, checkpoint=path.name, snr_against_float64_db=float64_snr(run))
    write(GROUP, f"{name}.outputs", {k: unbatched(v) for k, v in found.items()}, metadata)


def make() -> None:
    """Writes Tests/Fixtures/models."""
    for name in NAMES:
        make_one(name)
    folder = ROOT / GROUP
    export_onnx.record(
        folder / "base.safetensors",
        folder / "base.outputs.safetensors",
        folder / "base.onnxruntime.safetensors",
    )
