"""Doubles the channels of a trained model without changing what it computes, to train it further.

    python grow.py ../Models/demo.safetensors wide.safetensors
    python train.py BANK_DIR --work WORK_DIR --start wide.safetensors

Each channel of the convolutions becomes two with equal values, as in Net2Net (Chen, Goodfellow and
Shlens 2016, section 2.2). What reads them gets weights that add up to the old ones, split unevenly
at random: otherwise both would have the same gradients and stay equal. Norms see the same mean and
variance. The transformer keeps its width.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors import safe_open

from reference import HTDemucs, load, save_safetensors

# Parameters before a gated linear unit: the gates follow the values.
GATED = ("rewrite.", "dconv.layers.0.3.", "dconv.layers.0.4.", "dconv.layers.1.3.",
         "dconv.layers.1.4.")  # fmt: skip
SPLIT = (0.35, 0.65)  # share of a weight that the first of two equal channels gets


def _doubled(value: torch.Tensor, axis: int, halves: int) -> torch.Tensor:
    """Repeats the channels of an axis, or those of each of its halves."""
    parts = value.chunk(halves, axis)
    return torch.cat([part for part in parts for _ in range(2)], axis)


def _shared(value: torch.Tensor, axis: int, random: torch.Generator) -> torch.Tensor:
    """Weights for each of two equal inputs, which add up to the old weights."""
    low, high = SPLIT
    share = low + (high - low) * torch.rand(value.shape, generator=random)
    return torch.cat([value * share, value * (1 - share)], axis)


def grow(model: HTDemucs, seed: int = 1) -> HTDemucs:
    """A model with twice the channels and the same output, up to rounding."""
    arguments, keywords = model._init_args_kwargs
    wide = HTDemucs(*arguments, **{**keywords, "channels": 2 * keywords["channels"]})
    random = torch.Generator().manual_seed(seed)
    state = {}
    new = wide.state_dict()
    for name, value in model.state_dict().items():
        # A transposed convolution has its inputs first.
        inputs = 0 if "conv_tr.weight" in name else 1
        for axis in range(value.ndim):
            if new[name].shape[axis] == value.shape[axis]:
                continue
            if axis == inputs and "embedding" not in name:
                value = _shared(value, axis, random)
            else:
                value = _doubled(value, axis, 2 if any(part in name for part in GATED) else 1)
        state[name] = value
    wide.load_state_dict(state)
    return wide.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("out", type=Path, metavar="OUT")
    options = parser.parse_args()
    with safe_open(options.model, "pt") as file:
        note = {"training_steps": (file.metadata() or {}).get("training_steps", "0")}
    wide = grow(load(options.model))
    size = save_safetensors(wide, options.out, torch.float16, note)
    count = sum(value.numel() for value in wide.parameters())
    print(f"{options.out}: {count:,} parameters, {size:,} bytes")


if __name__ == "__main__":
    main()
