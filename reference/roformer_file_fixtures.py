"""Fixtures of tiny RoFormers: checkpoints in the forms that are published, each with its YAML file, and
the stems of a track.

    <name>.ckpt, <name>.yaml       the checkpoint, and its configuration as PyYAML writes it
    <name>.outputs.safetensors     `mix` [A, N] (drawn), and the stems [A, N] of it:
        demix.<stem>               of `demix` in ZFTurbo's Music-Source-Separation-Training (MIT)
        demix.<stem>.<samples>     the same for the first samples of `mix`: fewer than a chunk's

It runs the classes of audio-separator. Needs requirements-roformer.txt, and a
checkout of https://github.com/ZFTurbo/Music-Source-Separation-Training at commit ccc011a.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
import yaml
from ml_collections import ConfigDict
from torch import nn

import draw
from fixture import SEED, Tensors, folder, origin, write
from roformer_fixtures import TINY, build, sections

GROUP = "roformer_files"
COMMIT = "ccc011abf7f89dd7922bb2888d48493b575c0289"
SHORT = (448, 208)

MEL = {
    **TINY, "depth": 1, "dim": 8, "heads": 1, "dim_head": 8, "num_bands": 4, "stft_n_fft": 64,
    "stft_win_length": 64, "stft_hop_length": 16, "mask_estimator_depth": 1,
}  # fmt: skip
BANDS = {**MEL, "stereo": True, "freqs_per_bands": (4, 8, 21)}
del BANDS["num_bands"]

# Class, arguments, stem of a network that gives one, key of the state dict, samples of a chunk.
FILES: dict[str, tuple[str, dict[str, Any], str | None, str | None, int]] = {
    "target": ("bs_roformer.BSRoformer", BANDS, "vocals", None, 640),
    "two_stems": ("bs_roformer.BSRoformer", {**BANDS, "num_stems": 2}, None, "state_dict", 640),
    "mel_target": ("mel_band_roformer.MelBandRoformer", MEL, "dry", "model", 480),
}


def demixed(model: nn.Module, config: ConfigDict, mix: torch.Tensor) -> dict[str, torch.Tensor]:
    """The stems of `demix`."""
    from utils.model_utils import demix

    with mock.patch("torch.cuda.amp.autocast", lambda enabled: torch.no_grad()):
        stems = demix(config, model, mix, torch.device("cpu"), "roformer")
    return {name: torch.as_tensor(stem) for name, stem in stems.items()}


def make_one(name: str) -> None:
    """Writes checkpoint, configuration and stems of one model."""
    of_class, arguments, target, key, chunk = FILES[name]
    model = build(of_class, arguments, draw.Draws(SEED))
    content = sections(arguments, chunk=chunk, target=target)
    out = folder(GROUP)
    state = model.state_dict()
    torch.save({key: state, "epoch": 3} if key else state, out / f"{name}.ckpt")
    (out / f"{name}.yaml").write_text(yaml.dump(content, sort_keys=False))

    draws = draw.Draws(SEED)
    channels = 2 if arguments.get("stereo") else 1
    mix = draws("mix", channels, 3001, rule=draw.swell(0.3, 0.01))
    config = ConfigDict(content)
    outputs: Tensors = {}
    for samples in (mix.shape[1], *SHORT):
        for stem, output in demixed(model, config, mix[:, :samples]).items():
            suffix = "" if samples == mix.shape[1] else f".{samples}"
            outputs[f"demix.{stem}{suffix}"] = output.contiguous()
    write(GROUP, f"{name}.outputs", outputs, origin(GROUP, commit=COMMIT), draws)


def make() -> None:
    """Writes Tests/Fixtures/roformer_files."""
    for name in FILES:
        make_one(name)
