"""Averages the weights of a model before and after further training.

    python average.py BEFORE AFTER 0.2 0.35 0.5 --validation WORK_DIR
    python average.py BEFORE AFTER 0.35 --write MODEL

SHARE is that of AFTER: each weight is (1 - SHARE) · BEFORE + SHARE · AFTER. A model that was
trained further on other songs may lose on some that the old one knew; a mean of the two often
loses on neither (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", section 3).
`--validation` prints loss and SDR of each share on the validation songs of a training; `--write`
writes the mean for one share.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import torch
from safetensors import safe_open

from reference import HTDemucs, load, save_safetensors
from validation import Validation


def average(before: HTDemucs, after: HTDemucs, share: float) -> HTDemucs:
    """The model whose weights lie between two others' of the same configuration.

    Raises ValueError if their tensors differ in name or shape.
    """
    old, new = before.state_dict(), after.state_dict()
    if {name: value.shape for name, value in old.items()} != {
        name: value.shape for name, value in new.items()
    }:
        raise ValueError("the models have different configurations")
    arguments, keywords = after._init_args_kwargs
    mean = HTDemucs(*arguments, **keywords)
    mean.load_state_dict({name: torch.lerp(old[name], new[name], share) for name in old})
    return mean.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, metavar="BEFORE")
    parser.add_argument("after", type=Path, metavar="AFTER")
    parser.add_argument("shares", type=float, nargs="+", metavar="SHARE")
    parser.add_argument("--validation", type=Path, metavar="WORK_DIR")
    parser.add_argument("--write", type=Path, metavar="MODEL")
    options = parser.parse_args()
    if (options.validation is None) == (options.write is None):
        parser.error("give either --validation or --write")
    if options.write and len(options.shares) > 1:
        parser.error(f"--write takes one SHARE, not {len(options.shares)}")
    before, after = load(options.before).eval(), load(options.after).eval()
    try:
        models = {share: average(before, after, share) for share in options.shares}
    except ValueError as error:
        parser.error(str(error))
    if options.write:
        with safe_open(options.after, "pt") as file:
            note = {"training_steps": (file.metadata() or {}).get("training_steps", "0")}
        save_safetensors(models[options.shares[0]], options.write, torch.float16, note)
        return
    validation = Validation(options.validation, float(after.segment))
    print("| share | loss | drums | bass | other | vocals | mean |\n|---|---|---|---|---|---|---|")
    for share, model in models.items():
        found = validation.measure(model)
        sdr = list(found["sdr"].values())
        cells = [f"{value:.2f}" for value in [*sdr, statistics.mean(sdr)]]
        print(f"| {share:g} | {found['loss']:.4f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
