"""Fixtures of complete tiny models: a checkpoint, and its outputs for a mix.

Each configuration gives two files. `<name>.safetensors` is a checkpoint in the official layout with
all tensors drawn (except those of DTYPES, which are stored).
`<name>.outputs.safetensors` has:

    mix              [A, N]           a whole segment (drawn)
    final            [S, A, N]        the model's output for `mix`
    short.mix        [A, n]           a mix that is padded inside the model (drawn)
    short.final      [S, A, n]

and for the configurations in DETAILED, whose core runs on `mix` and `core.x`:

    core.x           [2A, F, T]       an arbitrary spectrogram, complex as channels (drawn; for
                                      `mono` it is that of its mix: its core's stems are `final`)
    core.output      [S, 2A, F, T]    the core's spectrogram, denormalised
    core.add_67      [S, A, N]        the core's waveform, denormalised
    encoder.i, tencoder.i, decoder.i, tdecoder.i      without the last decoders: see core.*
    encoder.0.embedded                after the frequency embedding
    channel_upsampler(_t), channel_downsampler(_t)    [C, F·T], [C, T]
    crosstransformer.layers.i, crosstransformer.layers_t.i  tokens [T·F, C], time-major, and [T, C]

`base.onnxruntime.safetensors` has `output` and `add_67` of `base` from ONNX
Runtime, for its `mix` and `core.x`.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import draw
import export_onnx
import run_core
import seeded_model as reference
import tensor_file
from core import OUTPUTS, core_inputs
from fixture import (
    SEED,
    Tensors,
    batched,
    complete,
    float64_snr,
    folder,
    in_double,
    origin,
    unbatched,
    write,
)
from trace_reference import TracedCore

GROUP = "models"
DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16, "hybrid_half": torch.float16}
DETAILED = ("base", "merge", "context_enc_1", "mono", "kernel_4", "hybrid", "hybrid_old")
OF_THE_MIX = "mono"
# Steps of the largest outputs, with values of each channel, frequency and frame (fixture.sampled).
EVERY = {
    "base": {"core.output": 5, "core.add_67": 7},
    "hybrid_long": {"final": 7, "short.final": 5},
}
LARGE = ("htdemucs", "htdemucs_6s", "demo", "hdemucs", "demucs")
NAMES = [name for name in reference.CONFIGURATIONS if name not in LARGE]


def is_kept(path: str, model: reference.HTDemucs) -> bool:
    """Whether a traced value is a golden one."""
    parent, _, index = path.rpartition(".")
    if parent in ("decoder", "tdecoder"):
        return int(index) < len(model.get_submodule(parent)) - 1
    layers = ("encoder", "tencoder", "crosstransformer.layers", "crosstransformer.layers_t")
    return parent in layers or "sampler" in path or path == "encoder.0.embedded"


def layer_outputs(model: reference.HTDemucs, mix: torch.Tensor, x: torch.Tensor) -> Tensors:
    """Outputs of the core and of its layers."""
    found = TracedCore(model, any_length=False).run(mix, x)
    outputs = {f"core.{name}": found[name] for name in OUTPUTS}
    return outputs | {key: value for key, value in found.items() if is_kept(key, model)}


def save_checkpoint(name: str) -> reference.HTDemucs:
    """Writes the checkpoint of a configuration; returns the model from the official loader."""
    draws = draw.Draws(SEED)
    model = reference.build(reference.CONFIGURATIONS[name], SEED, draws)
    path = folder(GROUP) / f"{name}.safetensors"
    reference.save_safetensors(model, path, DTYPES.get(name, torch.float32), origin(GROUP))
    # Loaded with the weights as stored, so that rounding to 16 bits affects the outputs too.
    loaded = reference.load(path)
    if name not in DTYPES:
        assert model.state_dict().keys() == draws.found.keys()
        write(GROUP, name, {}, tensor_file.read(path)[1], draws)
    return loaded


def make_one(name: str) -> None:
    """Writes checkpoint and outputs of one configuration."""
    model = save_checkpoint(name)
    channels, length = model.audio_channels, int(model.segment * model.samplerate)
    draws = draw.Draws(SEED)
    # Loud and quiet, with an offset: the model must remove and restore mean and deviation.
    mix = batched(draws, "mix", 1, channels, length, rule=draw.swell(0.3, 0.1))
    short = batched(draws, "short.mix", 1, channels, length * 3 // 5 + 1, rule=draw.normal(0.3))
    given: tuple[Any, ...] = (model, mix, short)
    if name in DETAILED:
        x = core_inputs(model, mix)[1]
        if name != OF_THE_MIX:
            x = batched(draws, "core.x", *x.shape, rule=draw.normal(0.3, 0.1))
        given += (x,)

    @torch.no_grad()
    def run(double: bool) -> Tensors:
        model, mix, short, *rest = in_double(given) if double else given
        found = {"final": model(mix), "short.final": model(short)}
        if rest:
            found |= layer_outputs(model, mix, rest[0])
        return found

    metadata = origin(
        GROUP, checkpoint=f"{name}.safetensors", snr_against_float64_db=float64_snr(run)
    )
    outputs = {key: unbatched(value) for key, value in run(False).items()}
    if name == OF_THE_MIX:
        outputs["core.x"] = unbatched(given[-1])
    write(GROUP, f"{name}.outputs", outputs, metadata, draws, EVERY.get(name))


def record(name: str) -> None:
    """Writes the outputs of a configuration's core in ONNX Runtime."""
    checkpoint = f"{name}.safetensors"
    tensors, _ = tensor_file.read(complete(f"{GROUP}/{name}.outputs.safetensors"))
    with tempfile.TemporaryDirectory() as work:
        graph = Path(work) / "core.onnx"
        export_onnx.export(reference.load(complete(f"{GROUP}/{checkpoint}")), graph)
        _, run = run_core.onnx_runtime(graph, threads=1)
        values = run([tensors["mix"][None].numpy(), tensors["core.x"][None].numpy()])
    found = {key: torch.from_numpy(v[0]) for key, v in zip(OUTPUTS, values, strict=True)}
    metadata = origin(GROUP, onnxruntime=version("onnxruntime"), checkpoint=checkpoint)
    write(GROUP, f"{name}.onnxruntime", found, metadata, every={"output": 5, "add_67": 7})


def make() -> None:
    """Writes Tests/Fixtures/models."""
    for name in NAMES:
        make_one(name)
    record("base")
