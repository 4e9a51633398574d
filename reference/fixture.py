"""Shared functions of the fixture scripts: capturing through forward hooks, and fixture files with
the reference's outputs, their origin, and the rules of the drawn tensors (see draw.py)."""

from __future__ import annotations

import atexit
import contextlib
import copy
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import draw
import tensor_file
from snr import snr_of_each

SEED = 20240
ROOT = Path(__file__).resolve().parents[1] / "Tests" / "Fixtures"
# The folder that fixtures are written to.
out = ROOT
COMMAND = "python reference/make_fixtures.py"

Tensors = dict[str, torch.Tensor]


def noise(name: str, *shape: int, deviation: float = 1.0, offset: float = 0.0) -> torch.Tensor:
    """A normal input of a shape, which depends only on the seed and the name."""
    return draw.tensor(SEED, name, shape, draw.normal(deviation, offset))


def with_floor(samples: torch.Tensor, decibels: float) -> torch.Tensor:
    """Samples with white noise of this level, without which RMSNorm raises a transform's rounding."""
    return samples + noise("floor", *samples.shape, deviation=10 ** (decibels / 20))


@torch.no_grad()
def capture(root: nn.Module, path: str, arguments: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """Runs a real module and returns inputs and output of its submodule at `path`."""
    seen: list[tuple[list[Any], Any]] = []

    def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        seen.append(([copy.deepcopy(value) for value in inputs], copy.deepcopy(output)))

    handle = root.get_submodule(path).register_forward_hook(hook)
    root(*arguments)
    handle.remove()
    assert len(seen) == 1, f"{path} ran {len(seen)} times"
    return seen[0]


@contextlib.contextmanager
def keep_outputs(
    model: nn.Module, names: Iterable[str], entering: dict[str, str]
) -> Iterator[Tensors]:
    """Keeps the outputs of the modules among some names while the model runs, and what enters the
    modules of `entering`."""
    found: Tensors = {}
    modules = dict(model.named_modules())

    def keeper(name: str) -> Callable[..., None]:
        def keep(_: nn.Module, given: tuple[Any, ...], value: Any = None) -> None:
            found[name] = (given[0] if name in entering else value).clone()

        return keep

    handles = [
        modules[entering[name]].register_forward_pre_hook(keeper(name))
        if name in entering
        else modules[name].register_forward_hook(keeper(name))
        for name in names
        if name in entering or name in modules
    ]
    yield found
    for handle in handles:
        handle.remove()


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Makes float64 the type of tables, windows and position embeddings, which the reference makes
    as it runs: `double()` leaves them in float32."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def float64_snr(run: Callable[[bool], Tensors]) -> str:
    """SNR in dB of float32 against float64, for each output, as JSON."""
    single = run(False)
    with float64():
        double = run(True)
    found = snr_of_each(double, single)
    return json.dumps({name: round(value, 1) for name, value in found.items()})


def in_double(value: Any) -> Any:
    """A module, tensor or tuple of them in float64; anything else as it is."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).double()
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, tuple):
        return tuple(in_double(item) for item in value)
    return value


def unbatched(value: torch.Tensor) -> torch.Tensor:
    """The tensor without its batch dimension, if that is one."""
    return value[0] if value.dim() > 2 and value.shape[0] == 1 else value


def batched(
    draws: draw.Draws, name: str, *shape: int, rule: draw.Rule | None = None
) -> torch.Tensor:
    """Draws an input of a shape; the fixture stores it without a batch dimension of one."""
    drops = len(shape) > 2 and shape[0] == 1
    return draws(name, *shape[drops:], rule=rule).reshape(shape)


def origin(group: str, **more: Any) -> dict[str, str]:
    """Metadata of every fixture: command, seed, versions, and additions of the group."""
    return {
        "command": f"{COMMAND} {group}",
        "seed": str(SEED),
        "versions": tensor_file.versions(),
        **{name: v if isinstance(v, str) else json.dumps(v) for name, v in more.items()},
    }


def folder(group: str) -> Path:
    """The folder that a group's fixtures are written to."""
    found = out / group
    found.mkdir(parents=True, exist_ok=True)
    return found


def sampled(tensors: Tensors, every: dict[str, int] | None) -> Tensors:
    """The tensors; of those in `every` only each n-th value in row-major order: `name[::n]`."""
    found = {}
    for key, value in tensors.items():
        step = (every or {}).get(key, 1)
        # A step that shares a factor with the sizes would miss whole rows or columns.
        assert math.gcd(step, math.prod(value.shape[1:])) == 1, f"{key} by {step}"
        found[key if step == 1 else f"{key}[::{step}]"] = (
            value if step == 1 else value.flatten()[::step]
        )
    return found


def write(
    group: str,
    name: str,
    tensors: Tensors,
    metadata: dict[str, str],
    draws: draw.Draws | None = None,
    every: dict[str, int] | None = None,
) -> None:
    """Writes Tests/Fixtures/<group>/<name>.safetensors and prints one line about it.

    The tensors of `draws` are described in the metadata, not stored; of the tensors in `every` only
    a part is stored: see `sampled`.
    """
    for key, value in tensors.items():
        assert not value.is_floating_point() or torch.isfinite(value).all(), f"{name}: {key}"
    if draws:
        assert not tensors.keys() & draws.found.keys()
        metadata = {**metadata, "seed": str(draws.seed), "drawn": draws.text()}
    stored = sampled(tensors, every)
    size = tensor_file.write(folder(group) / f"{name}.safetensors", stored, metadata)
    print(f"{group}/{name}: {len(stored)} tensors, {size:,} bytes")


def read(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Tensors of a fixture, with the drawn ones, and its metadata."""
    tensors, metadata = tensor_file.read(path)
    drawn = draw.arrays(int(metadata.get("seed", 0)), metadata.get("drawn", ""))
    return {**tensors, **{name: torch.from_numpy(a) for name, a in drawn.items()}}, metadata


def written(relative: str) -> Path:
    """A fixture, in the folder that fixtures are written to or else in the checkout."""
    return next(path for path in (out / relative, ROOT / relative) if path.exists())


def complete(relative: str) -> Path:
    """A temporary copy of a fixture that stores its drawn tensors too, for ordinary readers."""
    tensors, metadata = read(written(relative))
    metadata.pop("drawn", None)
    folder = Path(tempfile.mkdtemp())
    path = folder / Path(relative).name
    tensor_file.write(path, tensors, metadata)
    atexit.register(lambda: (path.unlink(), folder.rmdir()))
    return path
