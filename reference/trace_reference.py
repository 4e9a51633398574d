"""The values inside the reference model, under the names that `swift-demucs trace` gives them.

    python trace_reference.py model.safetensors chunks/chunk-00000 trace.safetensors

Hooks on the real modules, and around the two functions that make position embeddings, collect every
value while the core runs on a prepared chunk, for `swift-demucs compare`.

Names are the modules' paths, and: `mix`, `mag` (its spectrogram, complex as channels), `x` and `xt`
(both normalised), `encoder.0.embedded`, `crosstransformer.pos_emb_2d`, `crosstransformer.pos_emb`,
and the core's outputs `output` and `add_67`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import command_line
import seeded_model as reference
import tensor_file
from chunks import Chunks
from core import INPUTS, OUTPUTS, Core
from fixture import unbatched

Tensors = dict[str, torch.Tensor]

BRANCHES = ("encoder", "tencoder", "decoder", "tdecoder")
PARTS = ("conv", "rewrite", "conv_tr", "dconv")
SAMPLERS = ("channel_upsampler", "channel_downsampler")
TRANSFORMER = "crosstransformer"


def is_traced(path: str) -> bool:
    """Whether a trace has a module's output."""
    parts = path.split(".")
    if parts[0] in BRANCHES:
        inner = parts[2:]
        if inner[:2] == ["dconv", "layers"]:
            return len(inner) == 3
        return len(parts) == 2 or (len(inner) == 1 and inner[0] in PARTS)
    if parts[0] == TRANSFORMER:
        inner = parts[1:]
        if inner and inner[0] in ("layers", "layers_t"):
            return len(inner) == 2 or (len(inner) == 3 and inner[2] in ("self_attn", "cross_attn"))
        return inner in (["norm_in"], ["norm_in_t"])
    return len(parts) == 1 and parts[0].removesuffix("_t") in SAMPLERS


class TracedCore:
    """The core, and the values inside."""

    def __init__(self, model: reference.HTDemucs, any_length: bool = True) -> None:
        self.core = Core(model, any_length)
        self.found: Tensors = {}
        model = self.core.model
        for path, module in model.named_modules():
            if is_traced(path):
                module.register_forward_hook(self._keeper(path))
        self._before(model.encoder[0], "x")
        self._before(model.tencoder[0], "xt")
        if len(model.encoder) > 1 and model.freq_emb is not None:
            self._before(model.encoder[1], "encoder.0.embedded")
        if getattr(model, "crosstransformer", None) is not None:
            # [1, C, F, T] and [T, 1, C]
            self._wrap("create_2d_sin_embedding", "pos_emb_2d", (0, 3, 2, 1))
            self._wrap("create_sin_embedding", "pos_emb", (1, 0, 2))

    def _keeper(self, path: str) -> Callable[..., None]:
        def keep(_: nn.Module, __: Any, value: Any) -> None:
            # Decoders and attention return more than one value; the first is kept.
            self.found[path] = value[0] if isinstance(value, tuple) else value

        return keep

    def _before(self, module: nn.Module, name: str) -> None:
        def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
            self.found[name] = given[0]

        # First, before hooks that change the module's input.
        module.register_forward_pre_hook(keep, prepend=True)

    def _wrap(self, function: str, name: str, axes: tuple[int, ...]) -> None:
        """Keeps the result of a function of the reference while the transformer runs, as tokens."""
        module = self.core.model.crosstransformer
        owner = reference.transformer
        originals: list[Any] = []

        def begin(*_: Any) -> None:
            make = getattr(owner, function)
            originals.append(make)

            def made(*arguments: Any, **keywords: Any) -> torch.Tensor:
                value = make(*arguments, **keywords)
                self.found[f"{TRANSFORMER}.{name}"] = value.permute(axes).flatten(0, -2)
                return value

            setattr(owner, function, made)

        def end(*_: Any) -> None:
            setattr(owner, function, originals.pop())

        module.register_forward_pre_hook(begin)
        # First, before the hooks of earlier wrappers of the function.
        module.register_forward_hook(end, prepend=True)

    def run(self, mix: torch.Tensor, x: torch.Tensor) -> Tensors:
        """Runs the core; returns every value, in the order of computation."""
        self.found = {}
        outputs = self.core(mix, x)
        found = {"mix": mix, "mag": x, **self.found}
        found.update(zip(OUTPUTS, outputs, strict=True))
        return found


@torch.no_grad()
def trace(model: reference.HTDemucs, mix: torch.Tensor, x: torch.Tensor) -> Tensors:
    """Every value inside the core, without the batch dimension."""
    return {name: unbatched(value) for name, value in TracedCore(model).run(mix, x).items()}


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("chunk", type=Path, help="folder of one prepared chunk")
    parser.add_argument("trace", type=Path, help="safetensors file to write")
    parser.add_argument("--bfloat16", action="store_true", help="run in PyTorch's autocast")
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = Chunks(options.chunk.parent).inputs(options.chunk.name)
    mix, x = (torch.from_numpy(given[name]) for name in INPUTS)
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        values = trace(reference.load(options.checkpoint), mix, x)
    found = {name: value.float() for name, value in values.items()}
    size = tensor_file.write(options.trace, found, {"versions": tensor_file.versions()})
    print(f"{options.trace}: {len(found)} tensors, {size:,} bytes")


if __name__ == "__main__":
    command_line.run(main)
