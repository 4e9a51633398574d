"""Fixtures of the checkpoint reader and of the configuration.

weights/configurations.json: the model that demucs' real HTDemucs class makes of several argument
sets: every tensor's name and shape, the sizes of every layer (read from its modules, and from the
tensors that pass through them), and the length of a segment. Also int(segment * samplerate) for
several kinds of numbers.

weights/types.safetensors: every element type that torch and the safetensors package can store,
with the metadata of a checkpoint.
"""
import json
from fractions import Fraction

import demucs
import numpy as np
import safetensors
import torch
from demucs.htdemucs import HTDemucs
from safetensors.torch import save_file

import fixture
from seeded_model import encode

FOUR = ["drums", "bass", "other", "vocals"]
SIX = FOUR + ["guitar", "piano"]
# Two sources and few layers, so that a case has few tensor names.
SMALL = {
    "sources": ["a", "b"], "channels": 8, "nfft": 512, "depth": 2, "t_layers": 1, "t_heads": 2,
    "segment": Fraction(1, 2), "samplerate": 8000, "dconv_depth": 1,
}

CASES = {
    "htdemucs": {
        "sources": FOUR, "channels": 48, "bottom_channels": 512, "t_layers": 5, "t_heads": 8,
        "dconv_mode": 3, "segment": Fraction(39, 5)},
    "six sources": {
        "sources": SIX, "channels": 48, "t_layers": 5, "dconv_mode": 3,
        "segment": Fraction(39, 5)},
    "defaults": {"sources": FOUR},
    "depth 5 merges": {
        **SMALL, "nfft": 4096, "depth": 5, "channels": 4, "norm_groups": 2, "dconv_comp": 4},
    "depth 5 merges, dconv everywhere": {
        **SMALL, "nfft": 4096, "depth": 5, "channels": 4, "norm_starts": 3, "dconv_mode": 3,
        "dconv_comp": 2, "bottom_channels": 12},
    "growth 1.5": {**SMALL, "depth": 4, "channels": 5, "growth": 1.5, "t_layers": 0,
                   "nfft": 4096, "dconv_comp": 2},
    "growth 3": {**SMALL, "growth": 3},
    "norm starts at 1": {**SMALL, "norm_starts": 1, "norm_groups": 2},
    "norm starts at 0": {**SMALL, "norm_starts": 0},
    "contexts": {**SMALL, "context_enc": 1, "context": 2},
    "no context": {**SMALL, "context": 0},
    "dconv mode 0": {**SMALL, "dconv_mode": 0},
    "dconv mode 1": {**SMALL, "dconv_mode": 1, "dconv_depth": 3, "dconv_comp": 2.5},
    "dconv mode 2": {**SMALL, "dconv_mode": 2, "dconv_depth": -2},
    "dconv mode 3": {**SMALL, "dconv_mode": 3, "dconv_depth": 2, "dconv_comp": 3},
    "no dconv layers": {**SMALL, "dconv_mode": 3, "dconv_depth": 0},
    "no transformer, bottom": {**SMALL, "t_layers": 0, "bottom_channels": 8},
    "cross first": {**SMALL, "t_layers": 2, "t_cross_first": True, "t_hidden_scale": 1.3},
    "kernel 4, stride 2": {**SMALL, "kernel_size": 4, "stride": 2, "nfft": 64, "depth": 3},
    "kernel 6, stride 4": {**SMALL, "kernel_size": 6},
    "mono, one source": {**SMALL, "audio_channels": 1, "sources": ["a"], "freq_emb": 0},
    "depth 1": {**SMALL, "depth": 1},
    "depth 1 merges": {**SMALL, "depth": 1, "nfft": 16},
}

SEGMENTS = [
    (Fraction(39, 5), 44100), (7.8, 44100), (10, 44100), (0.1, 44100), (2.3, 48000),
    (Fraction(1, 3), 44100), (Fraction(10, 7), 22050), (1.1, 10), (0.29, 100), (5.85, 44100),
    (11, 16000), (Fraction(-39, -5), 44100),
]


def shapes_through(model, samples):
    """Shapes (in, out) of each encoder layer for an input of `samples` samples."""
    seen = {}
    handles = []
    for branch in ("encoder", "tencoder"):
        for index, layer in enumerate(getattr(model, branch)):
            def hook(_, inputs, output, key=(branch, index)):
                seen[key] = (list(inputs[0].shape), list(output.shape))
            handles.append(layer.register_forward_hook(hook))
    model.use_train_segment = False
    model.eval()
    with torch.no_grad():
        output = model(torch.randn(1, model.audio_channels, samples))
    assert output.shape[-1] == samples
    for handle in handles:
        handle.remove()
    return seen


def sizes(conv, decoder):
    """What the layers of both branches have: those of an encoder's convolution and of its decoder."""
    return {
        "channels_in": conv.in_channels, "channels_out": conv.out_channels,
        "decoder_channels_out": decoder.conv_tr.out_channels,
        "kernel": conv.kernel_size[0], "stride": conv.stride[0], "pad": conv.padding[0],
    }


def describe_layers(model, samples):
    """Sizes of each depth, outermost first."""
    seen = shapes_through(model, samples)
    layers = []
    for index in range(model.depth):
        enc, dec = model.encoder[index], model.decoder[-1 - index]
        tenc, tdec = model.tencoder[index], model.tdecoder[-1 - index]
        freq_in, freq_out = seen["encoder", index]
        time_in, time_out = seen["tencoder", index]
        dconv = enc.dconv or dec.dconv
        hidden = dconv.layers[0][0].out_channels if dconv and len(dconv.layers) else None
        layers.append({
            "normed": isinstance(dec.norm2, torch.nn.GroupNorm),
            "dconv_hidden": hidden,
            "dconv_dilations": [layer[0].dilation[0] for layer in dconv.layers] if dconv else None,
            "frequency": {
                **sizes(enc.conv, dec), "decoder_pad": dec.pad,
                "frequencies_in": freq_in[2], "frequencies_out": freq_out[2],
            },
            "time": {
                **sizes(tenc.conv, tdec), "empty": tenc.empty,
                "length_in": time_in[2], "length_out": time_out[2],
            },
        })
    return layers


def describe(name, kwargs, samples=5001):
    model = HTDemucs(**kwargs)
    transformer = model.crosstransformer
    frames = []
    spec = model._spec

    def hooked(mix):
        result = spec(mix)
        frames.append(result.shape[-1])
        return result

    model._spec = hooked
    layers = describe_layers(model, samples)
    return {
        "name": name,
        # A string, as in a checkpoint's metadata.
        "kwargs": json.dumps(encode(kwargs)),
        "tensors": {key: list(value.shape) for key, value in model.state_dict().items()},
        "segment_samples": int(model.segment * model.samplerate),
        "samples": samples,
        "frames": frames[0],
        "transformer_channels": transformer.norm_in.normalized_shape[0] if transformer else None,
        "transformer_hidden": transformer.layers[0].linear1.out_features if transformer else None,
        "layers": layers,
    }


def write_types(path):
    """One tensor of each element type, of different ranks, one of them without elements."""
    values = torch.tensor([[0.0, -0.0, 1.5], [-2.25, 65504.0, 6e-8]])
    tensors = {
        "float32": values, "float16": values.half(), "bfloat16": values.bfloat16(),
        "float64": values.double(), "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3), "special": torch.tensor(
            [float("inf"), float("-inf"), float("nan")]).half(),
        "int64": torch.arange(3), "int32": torch.arange(3, dtype=torch.int32),
        "int16": torch.arange(3, dtype=torch.int16), "int8": torch.arange(3, dtype=torch.int8),
        "uint8": torch.arange(3, dtype=torch.uint8), "uint16": torch.arange(3).to(torch.uint16),
        "uint32": torch.arange(3).to(torch.uint32), "uint64": torch.arange(3).to(torch.uint64),
        "bool": torch.tensor([True, False]), "float8_e4m3": values.to(torch.float8_e4m3fn),
        "float8_e5m2": values.to(torch.float8_e5m2), "complex64": torch.tensor([1 + 2j]),
        "näme \"quoted\"\n": torch.ones(1),
    }
    save_file(tensors, path, metadata={
        "klass": "demucs.htdemucs.HTDemucs",
        "args": json.dumps([FOUR]),
        "kwargs": json.dumps(encode({"segment": Fraction(39, 5), "growth": 2, "t_lr": None,
                                     "t_hidden_scale": 4.0, "cac": True, "note": "é\n\"🎵\""})),
    })


def make():
    """Write two files of Tests/Fixtures/weights."""
    folder = fixture.folder("weights")
    torch.manual_seed(2)
    result = {
        "versions": {"demucs": demucs.__version__, "torch": torch.__version__,
                     "safetensors": safetensors.__version__, "numpy": np.__version__},
        "segments": [{"segment": json.dumps(encode(segment)), "samplerate": rate,
                      "samples": int(segment * rate)} for segment, rate in SEGMENTS],
        "configurations": [describe(name, kwargs) for name, kwargs in CASES.items()],
    }
    with open(folder / "configurations.json", "w") as file:
        json.dump(result, file, separators=(",", ":"), sort_keys=True)
        file.write("\n")
    write_types(folder / "types.safetensors")
