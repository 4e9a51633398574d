"""Trains the demo model on a bank of generated songs; resumes where it stopped.

    python bank.py BANK_DIR &
    python train.py BANK_DIR --work WORK_DIR --steps 3000
    python train.py BANK_DIR --work WORK_DIR --steps 6000 --resume
    python train.py BANK_DIR --work WORK_DIR --start ../../Models/demo.safetensors
    python train.py BANK_DIR --work WORK_DIR --export ../../Models/demo.safetensors

WORK_DIR holds the checkpoint (written every ten minutes, at the end, and on SIGTERM or SIGINT),
and log.jsonl: loss, learning rate and pace every 20 steps, validation at every checkpoint.
`--resume` needs that folder; `--start` goes on from an exported model alone, with a new optimiser.

The learning rate rises over the first steps, stays, and falls to zero over the last part of
`--steps`, so a run can be made longer (or shorter) when it is resumed without having spent its
schedule; `--minutes` lays the same schedule over the time of this call. The first part of the run
uses short excerpts, the last part excerpts as long as the model's segment.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bank import excerpt, songs
from evaluate import mdx_sdr
from generate import generate
from oscillators import RATE_HZ
from reference import HTDemucs, augment, load, save_safetensors
from song import STEMS

CONFIGURATION: dict[str, Any] = {
    "sources": list(STEMS),
    "channels": 16,
    "bottom_channels": 128,
    "dconv_mode": 3,
    "t_layers": 3,
    "t_heads": 4,
    "segment": Fraction(4),
}
# Ways to compute attention. On a CPU plain matrix products take less time than the first.
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
# Seeds of the songs that validation hears: neither trained on nor scored.
VALIDATION_SEEDS = range(2_000_000, 2_000_008)
SHORT_SECONDS = 2.0
CHECKPOINT_SECONDS = 600.0
LOG_STEPS = 20
WARM_UP_STEPS = 100


class Average:
    """Exponential moving average of a model's parameters, quick at first and slow later."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Moves the average towards the model's present parameters."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, value in model.named_parameters():
            self.values[name].lerp_(value, share)


def rate_at(step: int, done: float, peak: float, falling: float) -> float:
    """Learning rate: linear rise, constant, linear fall over the last `falling` of the run."""
    return peak * max(0.0, min(1.0, (step + 1) / WARM_UP_STEPS, (1 - done) / max(falling, 1e-6)))


class Optimiser:
    """Muon (Jordan et al. 2024) for matrices and convolutions, Adam for vectors.

    Muon replaces the momentum of a matrix by the nearest orthogonal matrix, so that all its
    directions learn at one pace; a convolution counts as a matrix with a row for each output.
    """

    def __init__(self, model: nn.Module, rate: float) -> None:
        self.pairs = []
        vectors = []
        for parameter in model.parameters():
            rows = parameter.shape[0]
            if parameter.ndim >= 2 and 1 < rows < parameter.numel():
                self.pairs.append((parameter, nn.Parameter(parameter.data.view(rows, -1))))
            else:
                vectors.append(parameter)
        matrices = [view for _, view in self.pairs]
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, rate, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
            torch.optim.Adam(vectors, rate),
        ]

    def step(self, rate: float) -> None:
        """Moves the parameters along their gradients at this learning rate."""
        for parameter, view in self.pairs:
            view.grad = parameter.grad.view(view.shape)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def state(self) -> list[dict[str, Any]]:
        """What `load` takes."""
        return [part.state_dict() for part in self.parts]

    def load(self, state: list[dict[str, Any]]) -> None:
        """Goes on from a state."""
        for part, its in zip(self.parts, state, strict=True):
            part.load_state_dict(its)


class Batches:
    """Draws excerpts; the draw of a step depends on the step only, given the bank."""

    def __init__(self, directory: Path, device: torch.device) -> None:
        self.directory = directory
        self.device = device
        self.paths = songs(directory)
        if not self.paths:
            raise SystemExit(f"{directory}: no songs; make some with bank.py first")
        self.change = nn.Sequential(
            augment.FlipChannels(),
            augment.FlipSign(),
            augment.Scale(proba=0.5, min=0.25, max=1.25),
            augment.Remix(proba=0.5, group_size=0),
        ).train()

    def draw(self, step: int, batch: int, seconds: float) -> torch.Tensor:
        """Stems [batch, 4, 2, n]."""
        if step % 100 == 0:
            self.paths = songs(self.directory)
        random = np.random.default_rng([7, step])
        torch.manual_seed(step)
        augment.random.seed(step)
        count = int(seconds * RATE_HZ)
        stems = []
        for path in random.choice(len(self.paths), size=batch, replace=len(self.paths) < batch):
            whole = np.load(self.paths[path], mmap_mode="r").shape[2]
            stems.append(excerpt(self.paths[path], int(random.integers(whole - count)), count))
        return self.change(torch.from_numpy(np.stack(stems)).to(self.device))


class Validation:
    """L1 and SDR on a few songs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stems = [generate(seed, 12.0) for seed in VALIDATION_SEEDS]

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Mean loss, and the median SDR of each stem, over excerpts of the middle of each song."""
        count = int(self.seconds * RATE_HZ)
        device = next(model.parameters()).device
        losses, scores = [], []
        for stems in self.stems:
            start = (stems.shape[2] - count) // 2
            truth = torch.from_numpy(stems[None, :, :, start : start + count].copy()).to(device)
            estimate = model(truth.sum(1))
            losses.append(float((estimate - truth).abs().mean()))
            pairs = zip(truth[0].cpu().numpy(), estimate[0].cpu().numpy(), strict=True)
            scores.append([mdx_sdr(reference, guess) for reference, guess in pairs])
        medians = np.median(scores, axis=0)
        return {
            "loss": float(np.mean(losses)),
            "sdr": dict(zip(STEMS, medians.round(2).tolist(), strict=True)),
        }


class Training:
    """A model, its optimiser, its average and its place in the run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        torch.manual_seed(1)
        self.model = HTDemucs(**CONFIGURATION).to(self.device)
        self.optimiser = Optimiser(self.model, options.rate)
        self.average = Average(self.model, options.decay)
        # Copies that share their parameters and differ in their gradients: one a worker.
        self.replicas = [self.model]
        for _ in range(options.workers - 1):
            replica = copy.deepcopy(self.model)
            for mine, shared in zip(replica.parameters(), self.model.parameters(), strict=True):
                mine.data = shared.data
            self.replicas.append(replica)
        self.pool = ThreadPoolExecutor(options.workers, initializer=settle_thread)
        self.step = 0
        self.rate = 0.0
        self.began = time.monotonic()
        self.path = options.work / "checkpoint.pt"

    def start(self, checkpoint: Path) -> None:
        """Takes the weights of an exported model."""
        self.model.load_state_dict(load(checkpoint).state_dict())
        self.average = Average(self.model, self.options.decay)

    def load(self) -> None:
        """Takes everything from the last checkpoint."""
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load(state["optimiser"])
        self.average.values = state["average"]
        self.step = state["step"]

    def save(self) -> None:
        """Writes a checkpoint; the one before stays until the new one is whole."""
        pending = self.path.with_suffix(".pending")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state(),
                "average": self.average.values,
                "step": self.step,
            },
            pending,
        )
        pending.rename(self.path)

    def averaged(self) -> HTDemucs:
        """A model with the averaged weights, in evaluation mode."""
        model = HTDemucs(**CONFIGURATION).to(self.device)
        model.load_state_dict(self.average.values)
        return model.eval()

    def gradient(self, model: HTDemucs, stems: torch.Tensor) -> float:
        """Leaves the gradient of the loss on some excerpts in a model; returns the loss."""
        device = self.device.type
        with sdpa_kernel(ATTENTION[device == "cpu" :]):
            with torch.autocast(device, torch.bfloat16, enabled=self.options.bfloat16):
                estimate = model(stems.sum(1))
            loss = (estimate.float() - stems).abs().mean()
            model.zero_grad()
            loss.backward()
        return float(loss.detach())

    def done(self) -> float:
        """Share of the run that is over, by its steps or by its time, whichever is later."""
        minutes = (time.monotonic() - self.began) / 60
        return max(self.step / self.options.steps, minutes / self.options.minutes)

    def advance(self, batches: Batches) -> float:
        """One step; returns its loss."""
        options = self.options
        done = self.done()
        long = done >= options.short_share
        seconds = float(CONFIGURATION["segment"]) if long else SHORT_SECONDS
        batch = options.long_batch if long else options.batch
        self.rate = rate_at(self.step, done, options.rate, options.falling)
        parts = batches.draw(self.step, batch, seconds).chunk(options.workers)
        losses = list(self.pool.map(self.gradient, self.replicas, parts))
        for replica in self.replicas[1:]:
            for mine, other in zip(self.model.parameters(), replica.parameters(), strict=True):
                mine.grad += other.grad
        for mine in self.model.parameters():
            mine.grad /= options.workers
        nn.utils.clip_grad_norm_(self.model.parameters(), options.clip)
        self.optimiser.step(self.rate)
        self.step += 1
        self.average.update(self.model, self.step)
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
    validation = Validation(float(CONFIGURATION["segment"]))
    log = (options.work / "log.jsonl").open("a")

    def note(entry: dict[str, Any]) -> None:
        line = json.dumps({"step": training.step, **entry})
        print(line, flush=True)
        print(line, file=log, flush=True)

    def keep() -> None:
        training.save()
        note({"validation": validation.measure(training.averaged())})

    losses: list[float] = []
    training.began = time.monotonic()
    began = saved = time.monotonic()
    for model in training.replicas:
        model.train()
    while training.done() < 1 and not stopped:
        losses.append(training.advance(batches))
        now = time.monotonic()
        if training.step % LOG_STEPS == 0:
            pace = len(losses) / (now - began)
            entry = {"loss": float(np.mean(losses)), "rate": training.rate}
            note({**entry, "steps_per_second": round(pace, 3)})
            losses, began = [], now
        if now - saved > CHECKPOINT_SECONDS:
            keep()
            began = saved = time.monotonic()
    keep()


def settle_thread() -> None:
    """What PyTorch keeps for each thread: no threads of its own, denormal numbers are zero.

    Workers that meet once a step cost far less than operators whose threads meet at every end,
    above all where other work shares the cores.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def settle() -> None:
    """Restarts the process with settings that only count when it starts.

    The allocator keeps what it has: otherwise each step maps and clears the same memory again.
    Threads that wait sleep: where other work shares the cores, spinning makes a step several times
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
        "--steps", type=int, help="length of the whole run (3000, or without end with --minutes)"
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="end after this time, if it is earlier"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--start", type=Path, metavar="FILE", help="begin with an exported model")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the averaged weights, do not train"
    )
    parser.add_argument("--batch", type=int, default=2, help="short excerpts of a step")
    parser.add_argument("--long-batch", type=int, default=2, help="long excerpts of a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument(
        "--falling", type=float, default=0.5, help="share of the run in which the rate falls"
    )
    parser.add_argument(
        "--short-share", type=float, default=0.9, help="share of the run with short excerpts"
    )
    parser.add_argument("--decay", type=float, default=0.998, help="of the moving average")
    parser.add_argument("--clip", type=float, default=5.0, help="largest norm of the gradient")
    parser.add_argument(
        "--bfloat16", action="store_true", help="compute in bfloat16 where PyTorch finds it safe"
    )
    parser.add_argument(
        "--workers", type=int, help="threads that share a batch; a core each, one with a GPU"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    settle()
    if options.steps is None:
        options.steps = 3000 if options.minutes == float("inf") else float("inf")
    smallest = min(options.batch, options.long_batch)
    if options.workers is None:
        options.workers = min(smallest, os.cpu_count() or 1) if options.device == "cpu" else 1
    if not 1 <= options.workers <= smallest:
        parser.error(f"{options.workers} workers; expected 1 to {smallest}, the smallest batch")
    settle_thread()
    options.work.mkdir(parents=True, exist_ok=True)
    training = Training(options)
    if not options.resume and not options.export and training.path.exists():
        parser.error(
            f"{training.path} exists: --resume goes on from it; to begin anew, move it away"
        )
    if options.resume or options.export:
        training.load()
    if options.start:
        training.start(options.start)
    if options.export:
        note = {"training_steps": str(training.step)}
        size = save_safetensors(training.averaged().cpu(), options.export, torch.float16, note)
        print(f"{options.export}: {size:,} bytes after {training.step:,} steps")
        return
    run(training, options)


if __name__ == "__main__":
    main()
