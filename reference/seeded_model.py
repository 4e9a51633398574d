"""Builds reference models with seeded weights and saves them in the official layout.

Most other scripts import the classes of the reference package from here.

A freshly constructed model hides errors: LayerScale starts at 1e-4 or 1e-3, gains at one, many
biases at zero, so a wrong transformer changes the output too little to see. Therefore every
parameter is drawn: LayerScale in 0.05...0.35, gains of norms in 0.8...1.2, every bias in
-0.1...0.1, weights and the frequency embedding normal, with a variance that keeps activations near
one through GELU and GLU. Each value depends only on the seed, its parameter's name and its index
(see draw.py).

Run as a script it writes a named configuration as a checkpoint:

    python seeded_model.py htdemucs htdemucs-seeded.safetensors --half
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import demucs.transformer as transformer
import torch
from demucs.api import Separator
from demucs.apply import BagOfModels, apply_model
from demucs.audio import convert_audio
from demucs.demucs import BLSTM, DConv, Demucs, LocalState
from demucs.demucs import LayerScale as ConvLayerScale
from demucs.hdemucs import HDecLayer, HDemucs, HEncLayer, ScaledEmbedding
from demucs.hf import load_safetensors_model
from demucs.htdemucs import HTDemucs
from demucs.separate import main as separate_command
from demucs.transformer import (
    CrossTransformerEncoder,
    CrossTransformerEncoderLayer,
    LayerScale,
    MyTransformerEncoderLayer,
    create_2d_sin_embedding,
    create_sin_embedding,
)
from torch import nn

import command_line
import draw
import tensor_file

# The fused path of nn.MultiheadAttention and nn.TransformerEncoderLayer neither exports to ONNX nor
# calls hooks; without it all scripts use the same path.
torch.backends.mha.set_fastpath_enabled(False)

SOURCES = ["drums", "bass", "other", "vocals"]

REAL: dict[str, Any] = {
    "sources": SOURCES, "channels": 48, "bottom_channels": 512, "t_layers": 5, "t_heads": 8,
    "dconv_mode": 3, "segment": Fraction(39, 5),
}  # fmt: skip

# 128 frequencies -> 32 -> 8 with two layers; 400 samples are 6.25 hops of 64.
TINY: dict[str, Any] = {
    "sources": ["drums", "rest"], "channels": 4, "nfft": 256, "depth": 2, "dconv_mode": 3,
    "dconv_comp": 2, "t_layers": 2, "t_heads": 2, "t_hidden_scale": 2.0, "samplerate": 1600,
    "segment": Fraction(1, 4),
}  # fmt: skip

# 128 frequencies -> 32 -> 8 -> 1, where the branches merge, and one layer on time alone; the last
# two layers have norms, LSTMs and attention. 400 samples are seven frames; some fixtures are longer
# than a window of the LSTM.
TINY_HYBRID: dict[str, Any] = {
    "klass": HDemucs, "sources": ["drums", "rest"], "channels": 8, "nfft": 256, "depth": 4,
    "norm_starts": 2, "dconv_lstm": 2, "dconv_attn": 2, "samplerate": 1600,
    "segment": Fraction(1, 4),
}  # fmt: skip

TINY_WAVEFORM: dict[str, Any] = {
    "klass": Demucs, "sources": ["drums", "rest"], "channels": 16, "depth": 3, "norm_starts": 1,
    "dconv_lstm": 1, "dconv_attn": 2, "samplerate": 1600, "segment": Fraction(1, 4),
}  # fmt: skip


def hybrid(**changes: Any) -> dict[str, Any]:
    """The tiny configuration of Hybrid Demucs v3 with some arguments changed."""
    return {**TINY_HYBRID, **changes}


def waveform(**changes: Any) -> dict[str, Any]:
    """The tiny configuration of time-only Demucs v3 with some arguments changed."""
    return {**TINY_WAVEFORM, **changes}


def tiny(**changes: Any) -> dict[str, Any]:
    """The tiny configuration with some arguments changed."""
    return {**TINY, **changes}


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "htdemucs": REAL,
    # The published file of 55 MB has room for 27 million parameters: none of a bottom.
    "htdemucs_6s": {**REAL, "bottom_channels": 0, "sources": [*SOURCES, "guitar", "piano"]},
    # Like the real one except for its size: four layers, 1,024 frequencies -> 256 -> 64 -> 16 -> 4.
    "base": tiny(
        sources=SOURCES,
        depth=4,
        nfft=2048,
        dconv_comp=4,
        bottom_channels=16,
        t_layers=3,
        t_hidden_scale=4.0,
        samplerate=4000,
        segment=Fraction(39, 80),
    ),  # fmt: skip
    # 128 frequencies -> 32 -> 8 -> 1: the last layer spans all, and adds an empty time layer.
    "merge": tiny(depth=3, norm_starts=2, t_layers=3),
    "norm_from_second": tiny(norm_starts=1, norm_groups=2),
    "norm_everywhere": tiny(norm_starts=0, norm_groups=1),
    "context_enc_1": tiny(context_enc=1),
    "context_0": tiny(context=0),
    "context_2": tiny(context=2, context_enc=2),
    "dconv_mode_0": tiny(dconv_mode=0),
    "dconv_mode_1": tiny(dconv_mode=1),
    "dconv_mode_2": tiny(dconv_mode=2),
    "dconv_depth_0": tiny(dconv_depth=0),
    "dconv_depth_1": tiny(dconv_depth=1),
    "dconv_depth_3": tiny(dconv_depth=3, dconv_comp=3),
    "dconv_no_dilation": tiny(dconv_depth=-2),
    "no_transformer": tiny(depth=3, t_layers=0),
    # Without a transformer the reference skips the samplers, but keeps their parameters.
    "bottom_without_transformer": tiny(bottom_channels=12, t_layers=0),
    "bottom_narrow": tiny(bottom_channels=4, t_layers=1, t_heads=1),
    "cross_first": tiny(t_layers=4, t_cross_first=True),
    "hidden_scale": tiny(channels=8, t_layers=1, t_hidden_scale=2.5, t_heads=4),
    "growth_1": tiny(channels=8, depth=3, nfft=512, growth=1),
    "growth_3": tiny(growth=3, freq_emb=None),
    "no_freq_emb": tiny(freq_emb=0),
    "freq_emb_other": tiny(freq_emb=0.5, emb_scale=3),
    "positions": tiny(t_weight_pos_embed=0.5, t_max_period=500.0),
    "mono": tiny(audio_channels=1),
    "three_channels": tiny(audio_channels=3),
    "one_source": tiny(sources=["all"]),
    "six_sources": tiny(sources=[*SOURCES, "guitar", "piano"]),
    "any_length": tiny(use_train_segment=False),
    "kernel_4": tiny(kernel_size=4, stride=2, nfft=128, depth=3),
    "segment_whole": tiny(samplerate=397, segment=1),
    "half": tiny(),
    "bfloat16": tiny(),
    # The sizes of hdemucs_mmi and of the mdx models, which the official bags run in segments of 44 s.
    "hdemucs": {"klass": HDemucs, "sources": SOURCES, "segment": 44},
    "demucs": {"klass": Demucs, "sources": SOURCES, "segment": 44},
    "hybrid": hybrid(),
    # 330 frames: more than a window of the LSTM.
    "hybrid_long": hybrid(segment=Fraction(66, 5), depth=3),
    "hybrid_old": hybrid(hybrid_old=True),
    "hybrid_decoder": hybrid(dconv_mode=3, context_enc=1, context=0, time_stride=4),
    "hybrid_deep": hybrid(dconv_lstm=0, dconv_attn=3, dconv_mode=2, norm_starts=4, depth=5),
    "hybrid_mono": hybrid(audio_channels=1, freq_emb=None, dconv_lstm=9, dconv_attn=3),
    "hybrid_half": hybrid(channels=4, dconv_depth=1),
    "waveform": waveform(),
    "waveform_lstm": waveform(lstm_layers=2, dconv_mode=0, normalize=False),
    "waveform_plain_rate": waveform(resample=False, dconv_mode=3, context=2, audio_channels=1),
}


def _rule(name: str, owner: nn.Module, shape: torch.Size) -> draw.Rule:
    """Rule by which one parameter is drawn."""
    if isinstance(owner, (LayerScale, ConvLayerScale)):
        return draw.uniform(0.05, 0.35)
    if isinstance(owner, (nn.GroupNorm, nn.LayerNorm)):
        return draw.uniform(0.8, 1.2) if name.endswith("weight") else draw.uniform(-0.1, 0.1)
    if name.endswith("bias"):
        return draw.uniform(-0.1, 0.1)
    if isinstance(owner, nn.LSTM):
        # Biases of an LSTM are named `bias_ih_l0` and the like, and have one dimension.
        return draw.normal(1 / math.sqrt(shape[1])) if len(shape) > 1 else draw.uniform(-0.1, 0.1)
    if isinstance(owner, nn.Embedding):
        return draw.normal(0.1)
    if isinstance(owner, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
        taps = math.prod(owner.kernel_size) / math.prod(owner.stride)
        return draw.normal(1.2 / math.sqrt(owner.in_channels * taps))
    if isinstance(owner, (nn.Conv1d, nn.Conv2d)):
        return draw.normal(1.2 / math.sqrt(math.prod(shape[1:])))
    if isinstance(owner, (nn.Linear, nn.MultiheadAttention)):
        return draw.normal(1.2 / math.sqrt(shape[1]))
    raise TypeError(f"no rule for {name} of {type(owner).__name__}")


@torch.no_grad()
def perturb(module: nn.Module, draws: draw.Draws) -> nn.Module:
    """Draws every parameter of a module and puts the module in evaluation mode."""
    for path, owner in module.named_modules():
        for name, parameter in owner.named_parameters(prefix=path, recurse=False):
            shape = parameter.shape
            parameter.copy_(draws(name, *shape, rule=_rule(name, owner, shape)))
    return module.eval()


def build(configuration: dict[str, Any], seed: int, draws: draw.Draws | None = None) -> HTDemucs:
    """A reference model of a configuration, with every parameter drawn from the seed."""
    keywords = dict(configuration)
    model = keywords.pop("klass", HTDemucs)(**keywords)
    perturb(model, draws or draw.Draws(seed))
    if configuration == REAL:
        parameters = list(model.parameters())
        assert (len(parameters), sum(p.numel() for p in parameters)) == (533, 41_984_456)
    return model


def encode(value: Any) -> Any:
    """Constructor arguments in the JSON encoding of official checkpoints."""
    if isinstance(value, Fraction):
        return {
            "_type": "fraction",
            "numerator": value.numerator,
            "denominator": value.denominator,
        }
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def save_safetensors(
    model: HTDemucs,
    path: Path,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
) -> int:
    """Writes a checkpoint in the official layout, checks that it loads; returns its bytes."""
    arguments, keywords = model._init_args_kwargs
    state = {name: value.to(dtype) for name, value in model.state_dict().items()}
    size = tensor_file.write(
        path,
        state,
        {
            **(metadata or {}),
            "klass": f"{type(model).__module__}.{type(model).__name__}",
            "args": json.dumps(encode(arguments)),
            "kwargs": json.dumps(encode(keywords)),
        },
    )
    for name, value in load(path).state_dict().items():
        assert torch.equal(value, state[name].float()), f"{path}: {name} does not load back"
    return size


def package(model: HTDemucs, dtype: torch.dtype, training: dict[str, Any]) -> dict[str, Any]:
    """Content of a checkpoint as the official `serialize_model` saves it."""
    arguments, keywords = model._init_args_kwargs
    return {
        "klass": type(model),
        "args": arguments,
        "kwargs": keywords,
        "state": {name: value.to(dtype) for name, value in model.state_dict().items()},
        "training_args": training,
    }


def save_package(model: HTDemucs, repository: Path, name: str) -> Path:
    """Writes a checkpoint as `torch.save` does, under the name that the reference's command finds."""
    file = io.BytesIO()
    torch.save(package(model, torch.float32, {}), file)
    checksum = hashlib.sha256(file.getvalue()).hexdigest()[:8]
    path = repository / f"{name}-{checksum}.th"
    path.write_bytes(file.getvalue())
    return path


def load(path: Path) -> HTDemucs:
    """A checkpoint in the official layout, read by the official loader, in evaluation mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_safetensors_model(path).eval()


def saved(configuration: dict[str, Any], seed: int, path: Path) -> HTDemucs:
    """Writes a checkpoint with seeded weights; returns the model that it holds."""
    save_safetensors(build(configuration, seed), path)
    return load(path)


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "seed")
    parser.add_argument("configuration", choices=sorted(CONFIGURATIONS))
    parser.add_argument("checkpoint", type=Path, help="file to write")
    parser.add_argument("--half", action="store_true", help="store float16")
    options = parser.parse_args()
    model = build(CONFIGURATIONS[options.configuration], options.seed)
    dtype = torch.float16 if options.half else torch.float32
    size = save_safetensors(model, options.checkpoint, dtype)
    print(f"{options.checkpoint}: {size:,} bytes")


if __name__ == "__main__":
    main()
