"""RoFormers of published sizes with seeded weights, and their core as a graph of its own.

The core is what lies between the transforms: from the numbers of all bands, [1, T, N], to the masks
of all stems, [1, S, T, N]. As a graph it is `core.onnx`, with the input `x` and
the output `masks`.

The reference is audio-separator 0.47.1 (requirements-roformer.txt). Every parameter is drawn but the
frequencies of the rotations, which published models keep as the class makes them. Weights have
PyTorch's initial variance, 1 / (3 · inputs), times the square of --gain: RoFormers have no LayerScale
that would make the blocks of their transformers a fraction of the residual stream.

Run as a script it writes a checkpoint:

    python roformer_core.py mel_band_roformer_kim kim-seeded.safetensors
"""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import command_line
import draw
import run_core
import tensor_file
from roformer_fixtures import reference_class, rule, sections

COMMON = {
    "stereo": True,
    "time_transformer_depth": 1,
    "freq_transformer_depth": 1,
    "mask_estimator_depth": 2,
}

# Class, arguments, samples of a chunk; the sizes of the models' own YAML files.
CONFIGURATIONS: dict[str, tuple[str, dict[str, Any], int]] = {
    "mel_band_roformer_kim": (
        "mel_band_roformer.MelBandRoformer",
        {**COMMON, "dim": 384, "depth": 6, "num_bands": 60, "stft_hop_length": 441},
        352_800,
    ),
    "bs_roformer_ep_317": (
        "bs_roformer.BSRoformer",
        {**COMMON, "dim": 512, "depth": 12, "stft_hop_length": 441},
        352_800,
    ),
    "bs_roformer_sw": (
        "bs_roformer.BSRoformer",
        {**COMMON, "dim": 256, "depth": 12, "num_stems": 6, "stft_hop_length": 512},
        588_800,
    ),
    "mel_band_roformer_karaoke_becruily": (
        "mel_band_roformer.MelBandRoformer",
        {**COMMON, "dim": 384, "depth": 6, "num_stems": 2, "stft_hop_length": 441},
        485_100,
    ),
    "mel_band_roformer_dereverb_echo": (
        "mel_band_roformer.MelBandRoformer",
        {**COMMON, "dim": 256, "depth": 8, "num_stems": 2, "stft_hop_length": 441},
        352_800,
    ),
}


def build(
    name: str, seed: int, gain: float = 1.0, flash: bool = True, draws: draw.Draws | None = None
) -> nn.Module:
    """The model of a configuration with drawn parameters; `flash` uses PyTorch's fused attention."""
    draws = draws or draw.Draws(seed)
    of_class, arguments, _ = CONFIGURATIONS[name]
    model = reference_class(of_class)(**arguments, attn_dropout=0.0, flash_attn=flash).eval()
    for key, value in model.named_parameters():
        if key.endswith("freqs"):
            continue
        shape = tuple(value.shape)
        drawn = draw.normal(gain / math.sqrt(3 * shape[1])) if len(shape) == 2 else rule(key, shape)
        value.data = draws(key, *shape, rule=drawn)
    return model


def save(model: nn.Module, name: str, path: Path) -> None:
    """Writes a checkpoint with its class and the sections of its configuration."""
    of_class, arguments, chunk = CONFIGURATIONS[name]
    target = None if "num_stems" in arguments else "vocals"
    given = sections(arguments, chunk=chunk, target=target)
    metadata = {"klass": of_class, "args": "[]", "kwargs": json.dumps(given)}
    tensor_file.write(path, dict(model.state_dict()), metadata)


class Core(nn.Module):
    """From the numbers of the bands, [1, T, N], to the masks of the stems, [1, S, T, N]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The part of the reference's `forward` between band split and masks, for a batch of one."""
        model = self.model
        x = model.band_split(x)[0]  # [T, bands, dim]
        for time, band in model.layers:
            x = band(time(x.transpose(0, 1)).transpose(0, 1))
        if hasattr(model, "final_norm"):
            x = model.final_norm(x)
        return torch.stack([estimator(x[None]) for estimator in model.mask_estimators], dim=1)


class _Bands(nn.Module):
    """Takes the place of a band split: runs a core, and keeps its masks."""

    def __init__(self, run: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.run = run
        # The reference asks for the type of a parameter.
        self.weight = nn.Parameter(torch.zeros(1))
        self.masks = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Runs the core; the result is not used."""
        self.masks = self.run(x)
        return x


class _Masks(nn.Module):
    """Takes the place of a mask estimator: the masks of the core."""

    def __init__(self, bands: _Bands, stem: int) -> None:
        super().__init__()
        self.bands = (bands,)  # Not a submodule.
        self.stem = stem

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        """The masks of the stem."""
        return self.bands[0].masks[:, self.stem]


def with_core(model: nn.Module, run: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """The model with its own transforms around another core."""
    other = copy.copy(model)
    other._modules = dict(model._modules)
    bands = _Bands(run)
    other.band_split = bands
    other.layers = nn.ModuleList()
    other.final_norm = nn.Identity()
    other.mask_estimators = nn.ModuleList(
        _Masks(bands, stem) for stem in range(len(model.mask_estimators))
    )
    return other


def core_input(model: nn.Module, mix: torch.Tensor) -> torch.Tensor:
    """The core's input for a mix [1, A, N]."""
    inputs = []

    def run(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x)
        return x[:, None].expand(-1, len(model.mask_estimators), -1, -1)

    with torch.no_grad():
        with_core(model, run)(mix)
    return inputs[0]


def export(name: str, seed: int, gain: float, x: torch.Tensor, path: Path) -> None:
    """Writes the core as an ONNX graph of fixed shapes, by the exporter of torch.export: the older
    one gives a wrong axis to some operators of this model."""
    core = Core(build(name, seed, gain, flash=False))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            core,
            (x,),
            str(path),
            input_names=["x"],
            output_names=["masks"],
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def onnx_core(path: Path, threads: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The exported core in ONNX Runtime."""
    _, run = run_core.onnx_runtime(path, threads)
    return lambda x: torch.from_numpy(run([x.numpy()])[0])


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "seed")
    parser.add_argument("name", choices=CONFIGURATIONS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--gain", type=float, default=1.0, help="of the weights")
    given = parser.parse_args()
    save(build(given.name, given.seed, given.gain), given.name, given.out)


if __name__ == "__main__":
    command_line.run(main)
