"""Trains the demo model on a bank of generated songs; resumes an interrupted training.

    python bank.py BANK_DIR &
    python train.py BANK_DIR --work WORK_DIR --start ../Models/demo.safetensors
    python train.py BANK_DIR --work WORK_DIR --cooldown 20000
    python train.py BANK_DIR --work WORK_DIR --export ../Models/demo.safetensors

Without `--start` the weights are random. The same call resumes from WORK_DIR/state.pt after any
interruption; with `--start` steps are counted from those of the exported model, so that each
continuation draws other excerpts. WORK_DIR/log.jsonl has loss, learning rate and pace every 20
steps and validation every quarter of an hour. `--export` writes the moving average of the weights
at any time. README.md describes the schedule and the settings.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from loss import waveform_loss
from mixing import Batches
from optimiser import Average, Optimiser
from reference import HTDemucs, load, save_safetensors
from song import STEMS
from validation import Validation

CONFIGURATION: dict[str, Any] = {
    "sources": list(STEMS),
    "channels": 16,
    "bottom_channels": 128,
    "dconv_mode": 3,
    "t_layers": 3,
    "t_heads": 4,
    "segment": Fraction(4),
}
# Ways to compute attention. On a CPU plain matrix products are faster than the first.
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
LONG_SHARE = 0.28  # share of the cooldown with excerpts as long as the model's segment
STATE_SECONDS = 180.0
VALIDATION_SECONDS = 900.0
LOG_STEPS = 20
WARM_UP_STEPS = 100
# Settings that the state stores, with their values in a new training.
SETTINGS = {
    "batch": 2,
    "long_batch": 2,
    "rate": 1.5e-3,
}
SECONDS = 2.0  # length of an excerpt before the end of the cooldown
DECAY = 0.999  # of the moving average of the weights
LARGEST_NORM = 0.2  # of the gradient


def rate_at(step: int, cooled: float, peak: float) -> float:
    """Learning rate of a step since the start: a linear rise, then constant, then a linear fall
    during the cooldown.
    """
    return peak * max(0.0, min(1.0, (step + 1) / WARM_UP_STEPS, 1 - cooled))


class Training:
    """A training run: model, optimiser, average of the weights, step and cooldown."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        torch.manual_seed(1)
        self.model = self.build()
        self.optimiser = Optimiser(self.model, options.rate)
        self.average = Average(self.model, DECAY)
        # One copy for each worker, with shared parameters and its own gradients.
        self.replicas = [self.model]
        for _ in range(options.workers - 1):
            replica = copy.deepcopy(self.model)
            for mine, shared in zip(replica.parameters(), self.model.parameters(), strict=True):
                mine.data = shared.data
            self.replicas.append(replica)
        self.pool = ThreadPoolExecutor(options.workers, initializer=settle_thread)
        self.step = 0
        self.first = 0  # the step at which the training began
        self.rate = 0.0
        self.cooldown: list[int] | None = None  # first step and number of steps
        self.coming: Future[torch.Tensor] | None = None  # the next step's excerpts
        self.path = options.work / "state.pt"

    def build(self) -> HTDemucs:
        """A model with random weights."""
        return HTDemucs(**CONFIGURATION).to(self.device)

    def start(self, checkpoint: Path) -> None:
        """Takes the weights of an exported model, read from a file."""
        self.model.load_state_dict(load(checkpoint).state_dict())
        self.average = Average(self.model, DECAY)
        with safe_open(checkpoint, "pt") as file:
            self.step = self.first = int((file.metadata() or {}).get("training_steps", 0))

    def load(self, state: dict[str, Any]) -> None:
        """Restores everything from a state."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load(state["optimiser"])
        self.average.values = state["average"]
        self.step = state["step"]
        self.first = state["first"]
        self.cooldown = state["cooldown"]

    def save(self) -> None:
        """Writes the state; the previous one stays until the new one is complete."""
        pending = self.path.with_suffix(".pending")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state(),
                "average": self.average.values,
                "step": self.step,
                "first": self.first,
                "cooldown": self.cooldown,
                "settings": {name: getattr(self.options, name) for name in SETTINGS},
            },
            pending,
        )
        pending.rename(self.path)

    def averaged(self) -> HTDemucs:
        """A model with the averaged weights, in evaluation mode."""
        model = self.build()
        model.load_state_dict(self.average.values)
        return model.eval()

    def gradient(self, model: HTDemucs, stems: torch.Tensor) -> float:
        """Computes the gradient of the loss on some excerpts into a model; returns the loss."""
        device = self.device.type
        with sdpa_kernel(ATTENTION[device == "cpu" :]):
            with torch.autocast(device, torch.bfloat16, enabled=self.options.bfloat16):
                estimate = model(stems.sum(1))
            loss = waveform_loss(estimate.float(), stems)
            model.zero_grad()
            loss.backward()
        return float(loss.detach())

    def cooled(self, step: int) -> float:
        """Share of the cooldown completed before a step; 0 before the cooldown, 1 at its end."""
        if self.cooldown is None:
            return 0.0
        return (step - self.cooldown[0]) / self.cooldown[1]

    def excerpts(self, batches: Batches, step: int) -> torch.Tensor:
        """Draws the excerpts of a step [batch, 4, 2, n]."""
        options = self.options
        if self.cooled(step) >= 1 - LONG_SHARE:
            return batches.draw(step, options.long_batch, float(CONFIGURATION["segment"]))
        return batches.draw(step, options.batch, SECONDS)

    def advance(self, batches: Batches) -> float:
        """Trains one step; returns its loss."""
        options = self.options
        self.rate = rate_at(self.step - self.first, self.cooled(self.step), options.rate)
        stems = self.coming.result() if self.coming else self.excerpts(batches, self.step)
        losses = list(self.pool.map(self.gradient, self.replicas, stems.chunk(options.workers)))
        # Another thread draws while this one changes the weights, so that two cores stay busy.
        self.coming = self.pool.submit(self.excerpts, batches, self.step + 1)
        for replica in self.replicas[1:]:
            for mine, other in zip(self.model.parameters(), replica.parameters(), strict=True):
                mine.grad += other.grad
        for mine in self.model.parameters():
            mine.grad /= options.workers
        nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_NORM)
        self.optimiser.step(self.rate)
        self.step += 1
        self.average.update(self.model, self.step - self.first)
        return float(np.mean(losses))


def run(training: Training, options: argparse.Namespace) -> None:
    """Trains until the last step or a signal."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    batches = Batches(options.bank, training.device)
    validation = Validation(options.work, float(CONFIGURATION["segment"]))
    log = (options.work / "log.jsonl").open("a")

    def note(entry: dict[str, Any]) -> None:
        line = json.dumps({"step": training.step, **entry})
        print(line, flush=True)
        print(line, file=log, flush=True)

    training.save()
    losses: list[float] = []
    began = saved = validated = time.monotonic()
    for model in training.replicas:
        model.train()
    while training.cooled(training.step) < 1 and training.step < options.steps and not stopped:
        losses.append(training.advance(batches))
        now = time.monotonic()
        if training.step % LOG_STEPS == 0:
            pace = len(losses) / (now - began)
            entry = {"loss": float(np.mean(losses)), "rate": training.rate}
            note({**entry, "steps_per_second": round(pace, 3)})
            losses, began = [], now
        if now - saved > STATE_SECONDS:
            training.save()
            saved = time.monotonic()
        if now - validated > VALIDATION_SECONDS:
            note({"validation": validation.measure(training.averaged())})
            validated = time.monotonic()
            losses, began = [], validated
    training.save()
    if not stopped:
        note({"validation": validation.measure(training.averaged())})


def settle_thread() -> None:
    """Per-thread settings of PyTorch: operators use no other threads, denormal numbers are zero.

    Workers that synchronise once a step cost far less than operators whose threads synchronise at
    the end of each, above all if other processes share the cores.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def settle() -> None:
    """Restarts the process with environment variables that are read only at its start.

    The allocator keeps freed memory: otherwise each step maps and clears the same memory again.
    Waiting threads sleep: if other processes share the cores, spinning makes a step several times
    slower.
    """
    wanted = {
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
        "MALLOC_TRIM_THRESHOLD_": "17179869184",
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
    }
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bank", type=Path, metavar="BANK_DIR")
    parser.add_argument("--work", type=Path, required=True, metavar="WORK_DIR")
    parser.add_argument(
        "--steps", type=int, default=sys.maxsize, help="stop after this many steps in total"
    )
    parser.add_argument(
        "--cooldown", type=int, metavar="STEPS", help="let the rate fall to zero over so many steps"
    )
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with an exported model")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the averaged weights, do not train"
    )
    for name, what in {
        "batch": "excerpts of a step",
        "long_batch": "excerpts of a step at the end of the cooldown",
        "rate": "highest learning rate",
    }.items():
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=type(SETTINGS[name]),
            help=f"{what} (default: as before, at first {SETTINGS[name]})",
        )
    parser.add_argument(
        "--bfloat16", action="store_true", help="compute in bfloat16 where PyTorch finds it safe"
    )
    parser.add_argument(
        "--workers", type=int, help="threads that share a batch; a core each, one with a GPU"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    settle()
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / "state.pt"
    state = None
    if path.exists():
        state = torch.load(path, map_location=options.device, weights_only=True)
    known = {**SETTINGS, **(state["settings"] if state else {})}
    for name in SETTINGS:
        if getattr(options, name) is None:
            setattr(options, name, known[name])
    batches = math.gcd(options.batch, options.long_batch)
    if options.workers is None:
        options.workers = math.gcd(batches, os.cpu_count() or 1) if options.device == "cpu" else 1
    if options.workers < 1 or batches % options.workers:
        parser.error(
            f"{options.workers} workers; expected a number that divides both batches, "
            f"{options.batch} and {options.long_batch}"
        )
    settle_thread()
    # Otherwise attention on a CPU converts bfloat16 to float32 and back.
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    training = Training(options)
    if state:
        training.load(state)
    elif options.export:
        parser.error(f"{training.path}: no such file; nothing was trained in {options.work}")
    elif options.start:
        training.start(options.start)
    if options.cooldown and training.cooldown is None:
        training.cooldown = [training.step, options.cooldown]
    if options.export:
        note = {"training_steps": str(training.step)}
        size = save_safetensors(training.averaged().cpu(), options.export, torch.float16, note)
        print(f"{options.export}: {size:,} bytes after {training.step:,} steps")
        return
    run(training, options)


if __name__ == "__main__":
    main()
