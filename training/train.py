"""Trains the demo model on packs of songs (bank.py), on one GPU or on a CPU if PyTorch finds none.

    python train.py PACK... --work WORK_DIR --out OUT_DIR --minutes 9.5 --total 38

A call lasts at most --minutes and ends with its state in WORK_DIR/state.pt; the same call goes on
from there. --total is the length of all calls together: over its second half the learning rate
falls to zero. OUT_DIR gets model.safetensors (the moving average of the weights, in the layout of
the official checkpoints) and log.jsonl after every minute. With --start a training begins with the
weights of an exported model. SIGTERM ends a call at once, with its state. README.md says which
songs are for validation.
"""

import argparse
import copy
import io
import json
import math
import pickle
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from demucs.htdemucs import HTDemucs
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mixing import Batches, Songs
from packs import STEP, read_packs, whole_file
from stems import RATE_HZ, STEMS, medians, sdr_of

BATCH = 64  # excerpts of a step
RATE = 2e-3  # highest learning rate
WARM_UP_STEPS = 100
CHANNELS = 24  # of the first layer
BOTTOM_CHANNELS = 192  # of the transformer
SEGMENT_SECONDS = 4  # of the model, and of an excerpt
DECAY = 0.999  # of the moving average of the weights
LARGEST_NORM = 0.2  # of the gradient
QUIET = 0.01  # standard deviation of a mixture below which an excerpt counts for less
REPORT_SECONDS = 60.0
VALIDATION_EVERY = 25  # seeds that it divides are for validation
VALIDATION_SONGS = 16  # at most
DAMAGE = (LookupError, ValueError, TypeError, RuntimeError, AttributeError, EOFError,
          pickle.UnpicklingError, safetensors.SafetensorError)  # fmt: skip


class Network(HTDemucs):
    """HTDemucs whose Fourier transforms stay in float32 in a training with bfloat16."""

    def _spec(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super()._spec(x.float())

    def _ispec(self, z: torch.Tensor, length: int | None = None, scale: int = 0) -> torch.Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return super()._ispec(z.to(torch.complex64), length, scale)


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Weights in float32, and the metadata, of an exported model."""
    with safetensors.safe_open(path.resolve(strict=True), "pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name).float() for name in names}, file.metadata() or {}


def waveform_loss(estimate: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of stems [batch, 4, 2, n] relative to the level of each mixture.

    HTDemucs normalises each mixture, and the SDR is independent of level. Without the division,
    loud excerpts would dominate the gradient.
    """
    level = stems.sum(1).std((1, 2)).clamp(min=QUIET)[:, None, None, None]
    return ((estimate - stems) / level).abs().mean()


def optimisers(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for matrices and convolutions, Adam for vectors.

    Muon replaces the momentum of a matrix by the nearest orthogonal matrix, so that all directions
    learn at the same pace; a convolution counts as a matrix with a row for each output. It gets
    views of these parameters and of their gradients, so the gradients must stay where they are:
    `zero_grad` needs `set_to_none=False`.
    """
    matrices, vectors = [], []
    for parameter in model.parameters():
        rows = parameter.shape[0]
        if parameter.ndim >= 2 and 1 < rows < parameter.numel():
            parameter.grad = torch.zeros_like(parameter)
            matrices.append(nn.Parameter(parameter.data.view(rows, -1)))
            matrices[-1].grad = parameter.grad.view(rows, -1)
        else:
            vectors.append(parameter)
    return [
        torch.optim.Muon(matrices, rate, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(vectors, rate, fused=True),
    ]


class Training:
    """A training: model, optimiser, average of the weights, random numbers, steps, seconds, log."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # The arguments of HTDemucs that differ from its defaults, except for the segment.
        self.keywords = {
            "sources": list(STEMS), "channels": options.channels,
            "bottom_channels": options.bottom, "dconv_mode": 3, "t_layers": 3, "t_heads": 4,
        }  # fmt: skip
        self.path = options.work / "state.pt"
        state = self._read()
        torch.manual_seed(1)
        network = Network(**self.keywords, segment=Fraction(SEGMENT_SECONDS))
        self.model = network.to(self.device).train()
        if state:
            self.model.load_state_dict(state["model"])
        self.step, self.first = state.get("step", 0), state.get("first", 0)  # in all; of --start
        self.seconds: float = state.get("seconds", 0.0)  # of all calls before this one
        self.log: list[dict[str, Any]] = state.get("log", [])
        self.losses: list[torch.Tensor] = []  # since the last report
        self.random = torch.Generator(self.device).manual_seed(7 + self.step)
        self.optimisers = optimisers(self.model, options.rate)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        if "average" in state:
            self.average.load_state_dict(state["average"])
            for part, its in zip(self.optimisers, state["optimiser"], strict=True):
                part.load_state_dict(its)
            self.random.set_state(state["random"])

    def _read(self) -> dict[str, Any]:
        """The state of an earlier call, or weights and steps of the model of --start."""
        path = self.path
        if path.exists():
            state = torch.load(io.BytesIO(path.read_bytes()), "cpu", weights_only=True)
            keywords = state["keywords"]
        elif path := self.options.start:
            weights, metadata = read_model(path)
            keywords = json.loads(metadata.get("kwargs", "{}"))
            keywords.pop("segment", None)
            steps = int(metadata.get("training_steps", 0))
            state = {"model": weights, "step": steps, "first": steps}
        else:
            return {}
        if keywords != self.keywords:
            raise SystemExit(
                f"{path}: {keywords.get('channels')} channels, {keywords.get('bottom_channels')} "
                f"at the bottom; expected {self.options.channels} and {self.options.bottom}, with "
                "the same layers: give its --channels and --bottom, or another --work or --start"
            )
        return state

    def advance(self, batches: Batches, progress: float) -> None:
        """Trains one step at a share 0...1 of the training's time."""
        options = self.options
        # A linear rise over the first steps, then constant, then a fall over the second half.
        rise = (self.step - self.first + 1) / WARM_UP_STEPS
        self.rate = options.rate * max(0.0, min(1.0, rise, 2 * (1 - progress)))
        stems = batches.draw(options.batch, SEGMENT_SECONDS * RATE_HZ)
        with self._precision():
            estimate = self.model(stems.sum(1))
        loss = waveform_loss(estimate.float(), stems)
        self.model.zero_grad(set_to_none=False)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_NORM)
        for part in self.optimisers:
            for group in part.param_groups:
                group["lr"] = self.rate
            part.step()
        self.step += 1
        steps = self.step - self.first
        decay = min(DECAY, (1 + steps) / (10 + steps))  # the average is fast at first
        both = list(self.average.parameters()), list(self.model.parameters())
        get_ema_multi_avg_fn(decay)(*both, steps)
        self.losses.append(loss.detach())
        # Waits for the step before, so that the clock is right and the device always has work.
        float(self.losses[max(0, len(self.losses) - 2)])

    def _precision(self) -> torch.autocast:
        """Computes in bfloat16 where PyTorch finds it safe, on a GPU."""
        kind = self.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")

    @torch.no_grad()
    def validate(self, songs: list[np.ndarray]) -> dict[str, Any]:
        """Mean loss, and median SDR of each stem, of the averaged weights on validation songs.

        The excerpt of a song is its middle.
        """
        count = SEGMENT_SECONDS * RATE_HZ
        losses, scores = [], []
        for song in songs:
            first = max(0, song.shape[2] - count) // 2
            truth = song[:, :, first : first + count] * np.float32(STEP)
            target = torch.from_numpy(truth)[None].to(self.device)
            with self._precision():
                estimate = self.average(target.sum(1)).float()
            losses.append(float(waveform_loss(estimate, target)))
            scores.append(sdr_of(truth, estimate[0].cpu().numpy()))
        found = {name: round(value, 2) for name, value in medians(scores).items()}
        return {"loss": round(float(np.mean(losses)), 5), "sdr": found}

    def report(self, songs: list[np.ndarray], seconds: float, pace: float) -> None:
        """Validates, and writes log, model and state; `seconds` is the length of all calls."""
        loss = float(torch.stack(self.losses).mean())
        if not math.isfinite(loss):
            raise SystemExit(
                f"{self.path}: the loss is {loss} after {self.step} steps; the state of the last "
                "report is kept: call again with a lower --rate"
            )
        entry = {"step": self.step, "minutes": round(seconds / 60, 2), "loss": round(loss, 5)}
        entry |= {"rate": self.rate, "excerpts_per_second": round(pace, 2)}
        self.log.append({**entry, "validation": self.validate(songs)})
        self.losses = []
        print(json.dumps(self.log[-1]), flush=True)
        with whole_file(self.options.out / "log.jsonl") as file:
            file.write("".join(json.dumps(line) + "\n" for line in self.log).encode())
        segment = {"_type": "fraction", "numerator": SEGMENT_SECONDS, "denominator": 1}
        kwargs = json.dumps({**self.keywords, "segment": segment})
        metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": kwargs}
        metadata["training_steps"] = str(self.step)
        weights = {name: value.half() for name, value in self.average.state_dict().items()}
        with whole_file(self.options.out / "model.safetensors") as file:
            file.write(safetensors.torch.save(weights, metadata))
        state = {
            "keywords": self.keywords, "model": self.model.state_dict(),
            "average": self.average.state_dict(), "step": self.step, "first": self.first,
            "optimiser": [part.state_dict() for part in self.optimisers], "seconds": seconds,
            "log": self.log, "random": self.random.get_state(),
        }  # fmt: skip
        memory = io.BytesIO()
        torch.save(state, memory)  # into a file it would turn "no space" into another error
        with whole_file(self.path) as file:
            file.write(memory.getbuffer())


def run(training: Training, batches: Batches, held_out: list[np.ndarray], began: float) -> None:
    """Trains until the time is over, the last step, or a signal; `began` is a monotonic time."""
    options = training.options
    stopped: list[int] = []  # signals
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopped.append(number))
    end = min(60 * options.minutes, 60 * options.total - training.seconds)
    marked = time.monotonic()
    cost = 0.0  # seconds of the longest report: those that the last one will take
    while True:
        now = time.monotonic()
        spent = now - began + cost
        seconds = training.seconds + spent
        is_over = stopped or spent >= end or training.step >= options.steps
        if training.losses and (is_over or now - marked >= REPORT_SECONDS):
            pace = len(training.losses) * options.batch / (now - marked)
            training.report(held_out, seconds, pace)
            marked = time.monotonic()
            cost = max(cost, marked - now)
        if is_over:
            return
        training.advance(batches, seconds / (60 * options.total))


def parse() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packs", type=Path, nargs="+", metavar="PACK")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="for the state")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model and log")
    parser.add_argument("--minutes", type=float, required=True, help="of this call, at most")
    parser.add_argument("--total", type=float, required=True, help="minutes of all calls")
    parser.add_argument("--start", type=Path, metavar="MODEL", help="begin with its weights")
    parser.add_argument("--steps", type=int, default=sys.maxsize, help="end after so many in all")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--batch", type=int, default=BATCH, help="excerpts of a step")
    parser.add_argument("--channels", type=int, default=CHANNELS, help="of the first layer")
    parser.add_argument("--bottom", type=int, default=BOTTOM_CHANNELS, help="of the transformer")
    options = parser.parse_args()
    for name in ("minutes", "total", "batch", "rate", "channels", "bottom"):
        if not getattr(options, name) > 0:  # also for NaN
            parser.error(f"--{name} is {getattr(options, name)}; expected more than 0")
    if options.channels < 8 or options.bottom % 4:
        parser.error("expected --channels of at least 8, and --bottom a multiple of 4")
    return options


def main() -> None:
    """Command line."""
    began = time.monotonic()
    options = parse()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    try:
        for folder in (options.work, options.out):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            training = Training(options)
        except torch.OutOfMemoryError:
            raise
        except DAMAGE:
            path = options.work / "state.pt"
            raise SystemExit(
                f"{path if path.exists() else options.start}: damaged: remove it, or copy it "
                f"again; {options.out / 'model.safetensors'} has the last minute's average"
            ) from None
        if training.seconds >= 60 * options.total:
            raise SystemExit(
                f"{training.path}: has all {options.total:g} minutes of --total: "
                f"{options.out / 'model.safetensors'} is ready"
            )
        songs = read_packs(options.packs)
        held_out = [stems for seed, stems in songs if seed % VALIDATION_EVERY == 0]
        others = [stems for seed, stems in songs if seed % VALIDATION_EVERY]
        if not held_out or not others:
            raise SystemExit(
                f"{', '.join(map(str, options.packs))}: {len(others)} songs for training and "
                f"{len(held_out)} for validation (seeds that {VALIDATION_EVERY} divides); "
                "expected some of both: add a pack"
            )
        batches = Batches(Songs(others, training.device), training.random)
        del songs, others  # of which the device has a copy
        run(training, batches, held_out[:VALIDATION_SONGS], began)
    except torch.OutOfMemoryError:
        raise SystemExit(
            f"--batch {options.batch}: not enough memory: give fewer excerpts, or fewer packs"
        ) from None
    except OSError as error:
        path, why = error.filename or options.start, error.strerror or error
        raise SystemExit(f"{path}: {why}: give a path that is there") from None


if __name__ == "__main__":
    main()
