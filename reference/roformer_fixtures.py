"""Fixtures of tiny RoFormers, and their outputs from the reference's classes.

Each configuration gives `<name>.safetensors`, a checkpoint with all tensors drawn (see draw.py; only
`freqs` are stored, because many keys share them) whose metadata have the class and the sections of its
configuration, and `<name>.outputs.safetensors`:

    mix              [A, N]           a whole number of hops (drawn)
    final            [S, A, N]        the model's output for `mix`

and those of DETAILED the values inside, as `swift-demucs trace` names them. `faults.outputs` has
values of `bands_deep` with a mistake.

The reference is audio-separator 0.47.1 (MIT). Its package imports the whole application, so only
its modules of the two classes are loaded. Needs requirements-roformer.txt.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import types
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import nn

import draw
from fixture import (
    COMMAND,
    SEED,
    Tensors,
    batched,
    float64_snr,
    in_double,
    keep_outputs,
    origin,
    read,
    unbatched,
    write,
    written,
)

GROUP = "roformer"

TINY = {"depth": 2, "time_transformer_depth": 1, "freq_transformer_depth": 1}

# Class, arguments, and the length of the mix in hops.
CONFIGURATIONS: dict[str, tuple[str, dict[str, Any], int]] = {
    # Heads whose width together is not that of a token.
    "bands": (
        "bs_roformer.BSRoformer",
        {
            **TINY, "dim": 24, "heads": 3, "dim_head": 10, "stereo": True, "num_stems": 2,
            "freqs_per_bands": [2, 2, 2, 2, 4, 4, 8, 8, 16, 17], "stft_n_fft": 128,
            "stft_win_length": 128, "stft_hop_length": 20, "mask_estimator_depth": 2,
        },
        33,
    ),
    # Transformers of two layers, and wide masks of three.
    "bands_deep": (
        "bs_roformer.BSRoformer",
        {
            "dim": 16, "depth": 1, "time_transformer_depth": 2, "freq_transformer_depth": 2,
            "heads": 2, "dim_head": 8, "freqs_per_bands": [3, 6, 8, 16], "stft_n_fft": 64,
            "stft_win_length": 64, "stft_hop_length": 16, "mask_estimator_depth": 3,
            "mlp_expansion_factor": 2,
        },
        20,
    ),
    "mel": (
        "mel_band_roformer.MelBandRoformer",
        {
            **TINY, "dim": 32, "heads": 2, "dim_head": 16, "stereo": True, "num_bands": 12,
            "stft_n_fft": 256, "stft_win_length": 256, "stft_hop_length": 55,
            "mask_estimator_depth": 2,
        },
        30,
    ),
    # More tokens along time than a tile of queries and a tile of keys, and several stems.
    "mel_long": (
        "mel_band_roformer.MelBandRoformer",
        {
            **TINY, "depth": 1, "dim": 8, "heads": 2, "dim_head": 8, "num_bands": 5, "num_stems": 3,
            "stft_n_fft": 64, "stft_win_length": 64, "stft_hop_length": 8,
            "mask_estimator_depth": 1,
        },
        500,
    ),
}  # fmt: skip


# Patterns of the values inside. Of `mel` those that it has in another way.
DETAILED = {"bands_deep": ("*",), "mel": ("x", "layers.0.0", "layers.0.1.layers.0.0")}


# Mistakes of ports, for `faults.outputs`: value/fault.
FAULTS = (
    "queries that are not scaled", "no rotations", "rotations of halves", "exchanged", "no gates",
    "tanh GELU", "LayerNorm", "no bias", "no gamma",
)  # fmt: skip


def reference_class(name: str) -> type[nn.Module]:
    """A class of the reference, without the imports of its packages."""
    if "audio_separator" not in sys.modules:
        spec = importlib.util.find_spec("audio_separator")
        assert spec is not None and spec.submodule_search_locations
        root = Path(spec.submodule_search_locations[0])
        for package in ("audio_separator", "audio_separator.separator"):
            module = types.ModuleType(package)
            module.__path__ = [str(root.joinpath(*package.split(".")[1:]))]
            sys.modules[package] = module
    module, _, of_class = name.partition(".")
    package = "audio_separator.separator.uvr_lib_v5.roformer"
    return getattr(importlib.import_module(f"{package}.{module}"), of_class)


def rule(name: str, shape: tuple[int, ...]) -> draw.Rule:
    """The rule of a parameter: values that keep activations near 1."""
    if name.endswith("gamma"):
        return draw.uniform(0.7, 1.3)
    if name.endswith("bias"):
        return draw.normal(0.1)
    return draw.normal(1 / math.sqrt(shape[1]))


def build(name: str, arguments: dict[str, Any], draws: draw.Draws) -> nn.Module:
    """The reference's model with drawn parameters; only those without `freqs`, which many keys
    share, are of `draws`."""
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items()}
    model = reference_class(name)(**given, attn_dropout=0.0, flash_attn=False).eval()
    state = {}
    for key, value in model.state_dict().items():
        shape = tuple(value.shape)
        if key.endswith("freqs"):
            # All transformers along one axis share them: `layers.{index}.{axis}`.
            axis = key.split(".")[2]
            state[key] = draw.tensor(SEED, f"freqs.{axis}", shape, draw.uniform(0.05, 1))
        else:
            state[key] = draws(key, *shape, rule=rule(key, shape))
    model.load_state_dict(state)
    return model


@torch.no_grad()
def trace(model: nn.Module, mix: torch.Tensor) -> Tensors:
    """The values that `swift-demucs trace` gives, for a mix [1, A, N]."""
    names = [
        path
        for path, module in model.named_modules()
        if type(module).__name__
        in ("BandSplit", "Transformer", "Attention", "FeedForward", "MaskEstimator")
    ]
    make = torch.stft

    def stft(*arguments: Any, **keywords: Any) -> torch.Tensor:
        value = make(*arguments, **keywords)
        # [channel, freq, time, 2]: frequencies outermost, as the reference reads them.
        numbers = torch.view_as_real(value).movedim(0, 1).flatten(0, 1)
        found["stft_repr"] = numbers
        return value

    with keep_outputs(model, [*names, "final_norm", "x"], {"x": "band_split"}) as found:
        torch.stft = stft
        try:
            stems = model(mix)
        finally:
            torch.stft = make
    # The reference drops the dimension of a single stem.
    found["final"] = stems.reshape(-1, *mix.shape[1:])
    return found


def sections(
    arguments: dict[str, Any], *, chunk: int, target: str | None = None
) -> dict[str, dict[str, Any]]:
    """The configuration of a model, as ZFTurbo's training code writes it as YAML."""
    names = [f"stem{index + 1}" for index in range(arguments.get("num_stems", 1))]
    return {
        "audio": {"chunk_size": chunk, "sample_rate": 44_100},
        "model": arguments,
        "training": {
            "instruments": [target, "other"] if target else names,
            "target_instrument": target,
        },
        "inference": {
            "num_overlap": 2,
            "dim_t": chunk // arguments["stft_hop_length"] + 1,
            "batch_size": 1,
        },
    }


def description(name: str) -> dict[str, str]:
    """The metadata of a configuration's checkpoint: its class and its sections."""
    of_class, arguments, hops = CONFIGURATIONS[name]
    given = sections(arguments, chunk=hops * arguments["stft_hop_length"])
    return {"klass": of_class, "args": "[]", "kwargs": json.dumps(given)}


def is_kept(name: str, key: str) -> bool:
    """Whether a value of a configuration is a golden one."""
    return key == "final" or any(fnmatch(key, pattern) for pattern in DETAILED.get(name, ()))


def make_one(name: str) -> None:
    """Writes checkpoint and outputs of one configuration."""
    of_class, arguments, hops = CONFIGURATIONS[name]
    draws = draw.Draws(SEED)
    model = build(of_class, arguments, draws)
    metadata = origin(GROUP, **description(name))
    freqs = {key: value for key, value in model.state_dict().items() if key.endswith("freqs")}
    write(GROUP, name, freqs, metadata, draws)

    draws = draw.Draws(SEED)
    channels = 2 if arguments.get("stereo") else 1
    length = hops * arguments["stft_hop_length"]
    mix = batched(draws, "mix", 1, channels, length, rule=draw.swell(0.3, 0.01))

    @torch.no_grad()
    def run(double: bool) -> Tensors:
        used, given = in_double((model, mix)) if double else (model, mix)
        found = trace(used, given)
        return {key: unbatched(value) for key, value in found.items() if is_kept(name, key)}

    snr = float64_snr(run)
    write(
        GROUP, f"{name}.outputs", run(False), {**metadata, "snr_against_float64_db": snr}, draws
    )


def wrong(fault: str, model: nn.Module) -> str:
    """Makes a mistake of ports in one block of `bands_deep`; the value that it changes first."""
    attention, feed_forward = model.layers[0][0].layers[1]
    weight = attention.to_qkv.weight.data
    inner = weight.shape[0] // 3
    queries, keys, values = weight.split(inner)
    if fault == "queries that are not scaled":
        attention.attend.scale = 1.0
    elif fault == "no rotations":
        attention.rotary_embed = None
    elif fault == "rotations of halves":
        # The reference turns neighbours: those of another order are one of each half.
        order = torch.arange(inner).reshape(attention.heads, 2, -1).transpose(1, 2).flatten()
        attention.to_qkv.weight.data = torch.cat([queries[order], keys[order], values])
    elif fault == "exchanged":
        attention.to_qkv.weight.data = torch.cat([keys, queries, values])
    elif fault == "no gates":
        attention.to_gates.weight.data.zero_()
        attention.to_gates.bias.data.fill_(100)
    elif fault == "tanh GELU":
        feed_forward.net[2] = nn.GELU(approximate="tanh")
    elif fault == "LayerNorm":
        feed_forward.net[0].register_forward_pre_hook(lambda _, x: x[0] - x[0].mean(-1, True))
    elif fault == "no bias":
        feed_forward.net[4].bias.data.zero_()
    elif fault == "no gamma":
        model.final_norm.gamma.data.fill_(1)
        return "final_norm"
    block = feed_forward if fault in ("tanh GELU", "LayerNorm", "no bias") else attention
    return next(name for name, module in model.named_modules() if module is block)


def make_faults() -> None:
    """Writes the value that each fault changes first."""
    of_class, arguments, _ = CONFIGURATIONS["bands_deep"]
    mix = read(written(f"{GROUP}/bands_deep.outputs.safetensors"))[0]["mix"][None]
    found = {}
    for fault in FAULTS:
        model = build(of_class, arguments, draw.Draws(SEED))
        name = wrong(fault, model)
        found[f"{name}/{fault}"] = unbatched(trace(model, mix)[name])
    write(GROUP, "faults.outputs", found, {"command": f"{COMMAND} {GROUP}"})


def make() -> None:
    """Writes Tests/Fixtures/roformer."""
    for name in CONFIGURATIONS:
        make_one(name)
    make_faults()
