"""Fixtures of the values inside a tiny model, correct and with the faults that ports have had.

The model is `cross_first` of Tests/Fixtures/models. `trace.safetensors` has every value inside its
core (see trace_reference.py) for a chunk whose length no stride divides. `{fault}.safetensors` has
the values of the blocks up to the first decoders, with a fault of port_faults.py in one layer,
which the metadata name.
"""

from __future__ import annotations

import copy

import torch

import draw
import port_faults
import seeded_model as reference
from core import core_inputs
from fixture import SEED, Tensors, batched, complete, float64_snr, in_double, origin, write
from trace_reference import BRANCHES, TRANSFORMER, trace

GROUP = "ports"
MODEL = "cross_first"
# 4 divides neither this length nor that of the next layer, and both lack at least two samples: a
# single zero can't be split between both sides.
SAMPLES = 69


def chunk(model: reference.HTDemucs, draws: draw.Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised noise of one chunk, and its spectrogram."""
    model = copy.deepcopy(model)
    model.use_train_segment = False
    rule = draw.normal(1, 0.1)
    return core_inputs(model, batched(draws, "mix", 1, model.audio_channels, SAMPLES, rule=rule))


def is_kept(name: str) -> bool:
    """Whether a faulty trace keeps a value: outputs of blocks, up to decoder.0."""
    parts = name.split(".")
    if parts[0] in BRANCHES:
        if parts[-1] == "embedded":
            return True
        return len(parts) == 2 and not (parts[0].endswith("decoder") and parts[1] != "0")
    if parts[0] == TRANSFORMER:
        return len(parts) == 3 or parts[1].startswith("pos_emb")
    return name in ("x", "xt")


def make() -> None:
    """Writes Tests/Fixtures/ports."""
    model = reference.load(complete(f"models/{MODEL}.safetensors"))
    draws = draw.Draws(SEED)
    mix, x = chunk(model, draws)

    def run(double: bool) -> Tensors:
        return trace(*(in_double((model, mix, x)) if double else (model, mix, x)))

    metadata = origin(
        GROUP, checkpoint=f"{MODEL}.safetensors", snr_against_float64_db=float64_snr(run)
    )
    found = run(False)
    assert torch.equal(found.pop("mix"), mix[0])
    write(GROUP, "trace", found, metadata, draws)
    for name, (fault, layer) in port_faults.FAULTS.items():
        faulty = copy.deepcopy(model)
        fault(faulty, layer)
        found = {key: value for key, value in trace(faulty, mix, x).items() if is_kept(key)}
        write(GROUP, name, found, origin(GROUP, checkpoint=f"{MODEL}.safetensors", layer=layer))
