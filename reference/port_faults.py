"""Faults that ports of the model have had, put into the reference on purpose.

    python port_faults.py model.safetensors chunks/chunk-00000

Traces a prepared chunk with each fault, and compares the trace with ours by `swift-demucs compare`:
prints the first value below 100 dB, and the SNR of the core's outputs.

Each function changes a model in place. Functions of the reference's modules, which are not part of
the model, are replaced while a part of the model runs.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn

import command_line
import native
import seeded_model as reference
import tensor_file
from chunks import Chunks
from core import INPUTS
from trace_reference import trace

Model = reference.HTDemucs


def _while_running(module: nn.Module, owner: Any, name: str, value: Any) -> None:
    """Replaces `owner.name` whenever `module` runs."""
    kept = getattr(owner, name)
    module.register_forward_pre_hook(lambda *_: setattr(owner, name, value))
    module.register_forward_hook(lambda *_: setattr(owner, name, kept))


def _tanh_gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU's approximation with tanh (Hendrycks, Gimpel 2016)."""
    return 0.5 * x * (1 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def tanh_gelu(model: Model, path: str) -> None:
    """GELU by its tanh approximation in one layer."""
    layer = model.get_submodule(path)
    if path.startswith("crosstransformer"):
        layer.activation = _tanh_gelu
    else:
        _while_running(layer, functional, "gelu", lambda x, approximate="none": _tanh_gelu(x))


def layer_norm_out(model: Model, path: str) -> None:
    """LayerNorm in place of GroupNorm(1) at the end of a transformer layer."""
    layer = model.get_submodule(path)
    norm = nn.LayerNorm(layer.norm_out.num_channels)
    norm.load_state_dict(layer.norm_out.state_dict())
    layer.norm_out = norm


def symmetric_padding(model: Model, path: str) -> None:
    """Zeros on both sides of a waveform, as in "same" padding, instead of on the right."""
    layer = model.get_submodule(path)

    def pad(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x, *rest = given
        missing = -x.shape[-1] % layer.stride
        return (functional.pad(x, (missing // 2, missing - missing // 2)), *rest)

    layer.register_forward_pre_hook(pad)


def biased_std(model: Model, path: str) -> None:
    """Standard deviation with n instead of n − 1 for one input: `x` or `xt`."""
    wanted = {"x": (1, 2, 3), "xt": (1, 2)}[path]
    original = torch.Tensor.std

    def std(x: torch.Tensor, *arguments: Any, dim: Any = None, **keywords: Any) -> torch.Tensor:
        if dim == wanted:
            keywords["unbiased"] = False
        return original(x, *arguments, dim=dim, **keywords)

    _while_running(model, torch.Tensor, "std", std)


def swapped_halves(model: Model, path: str) -> None:
    """Frequency in the first half of the 2-D embedding's channels, time in the second."""
    make = reference.transformer.create_2d_sin_embedding

    def swapped(*arguments: Any, **keywords: Any) -> torch.Tensor:
        made = make(*arguments, **keywords)
        return torch.cat(made.chunk(2, dim=1)[::-1], dim=1)

    _while_running(model.get_submodule(path), reference.transformer, make.__name__, swapped)


def wrong_exponent(model: Model, path: str) -> None:
    """i / (d/2) instead of i / (d/2 − 1) in the exponents of the 1-D embedding."""
    make = reference.transformer.create_sin_embedding

    def made(length: int, dim: int, shift: int = 0, device: Any = "cpu", max_period: float = 1e4):
        position = shift + torch.arange(length, device=device).view(-1, 1, 1)
        index = torch.arange(dim // 2, device=device).view(1, 1, -1)
        phase = position / (max_period ** (index / (dim // 2)))
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)

    _while_running(model.get_submodule(path), reference.transformer, make.__name__, made)


def rows_together(model: Model, path: str) -> None:
    """Norms of a DConv with statistics over all frequency rows at once, instead of for each row."""
    for norm in model.get_submodule(path).modules():
        if isinstance(norm, nn.GroupNorm):
            plain = norm.forward

            def together(x: torch.Tensor, plain: Any = plain) -> torch.Tensor:
                rows, channels, times = x.shape
                y = plain(x.transpose(0, 1).reshape(1, channels, rows * times))
                return y.view(channels, rows, times).transpose(0, 1)

            norm.forward = together


def unscaled_embedding(model: Model, path: str) -> None:
    """The frequency embedding times its scale of 10, but not times its weight of 0.2."""
    model.freq_emb_scale = 1.0


def crop_from_start(model: Model, path: str) -> None:
    """A transposed convolution cut at its end only, instead of from its third sample on."""
    model.get_submodule(path).pad = 0


def updated_tokens(model: Model, path: str) -> None:
    """A cross layer reads the other branch's tokens after that branch's layer, not before it."""
    found: list[torch.Tensor] = []
    other = model.get_submodule(path.replace("layers_t", "layers"))
    other.register_forward_hook(lambda _, __, value: found.append(value))
    model.get_submodule(path).register_forward_pre_hook(lambda _, given: (given[0], found.pop()))


# Two layers for each fault that can occur in several; the embeddings are made in one place.
FAULTS: dict[str, tuple[Callable[[Model, str], None], str]] = {
    "tanh_gelu_encoder": (tanh_gelu, "encoder.1"),
    "tanh_gelu_transformer": (tanh_gelu, "crosstransformer.layers_t.1"),
    "layer_norm_out_cross": (layer_norm_out, "crosstransformer.layers.0"),
    "layer_norm_out_self": (layer_norm_out, "crosstransformer.layers_t.3"),
    "symmetric_padding_first": (symmetric_padding, "tencoder.0"),
    "symmetric_padding_second": (symmetric_padding, "tencoder.1"),
    "biased_std_spectrogram": (biased_std, "x"),
    "biased_std_waveform": (biased_std, "xt"),
    "swapped_halves": (swapped_halves, "crosstransformer"),
    "wrong_exponent": (wrong_exponent, "crosstransformer"),
    "rows_together": (rows_together, "encoder.0.dconv"),
    "unscaled_embedding": (unscaled_embedding, "encoder.0.embedded"),
    "crop_from_start": (crop_from_start, "tdecoder.0"),
    "updated_tokens": (updated_tokens, "crosstransformer.layers_t.2"),
}

# Other layers for the published model and the demo model, whose cross layers have odd indices.
CLASSIC = {
    "layer_norm_out_cross": "crosstransformer.layers.1",
    "layer_norm_out_self": "crosstransformer.layers_t.2",
    "updated_tokens": "crosstransformer.layers_t.1",
}


def row(binary: Path, ours: Path, theirs: Path) -> list[str]:
    """Name and SNR of the first wrong value, and the SNR of the core's outputs."""
    report = json.loads(native.run(binary, "compare", ours, theirs, "--bound", "100", "--json"))
    found = {entry["name"]: float(entry["snr_db"]) for entry in report["tensors"]}
    first = report.get("first_below")
    values = [found[name] for name in (first or "output", "output", "add_67")]
    return [first or "none", *(f"{value:.1f}" for value in values)]


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("chunk", type=Path, help="folder of one prepared chunk")
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = Chunks(options.chunk.parent).inputs(options.chunk.name)
    mix, x = (torch.from_numpy(given[name]) for name in INPUTS)
    model = reference.load(options.checkpoint)
    print("| fault | in | first value off | its SNR | output | add_67 |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.safetensors", Path(folder) / "theirs.safetensors"
        native.trace(options.binary, options.checkpoint, options.chunk, ours)
        for name, (fault, layer) in FAULTS.items():
            layer = CLASSIC.get(name, layer)
            faulty = copy.deepcopy(model)
            fault(faulty, layer)
            tensor_file.write(theirs, trace(faulty, mix, x), {})
            cells = [name, layer, *row(options.binary, ours, theirs)]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
