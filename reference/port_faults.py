"""Faults that ports of the model have had, put into the reference on purpose.

    python port_faults.py model.safetensors chunks/chunk-00000

Draws faults and layers, traces a prepared chunk with each one, and compares the trace with ours by
`swift-demucs compare`: prints the first value that differs from the right reference's, bit by bit,
and the value that compare names. Then ports with two faults each are exported to ONNX and replayed
(onnx_trace.py); both values must be named.

Each function changes a model in place. Functions of the reference's modules, which are not part of
the model, are replaced while a part of the model runs.
"""

from __future__ import annotations

import argparse
import copy
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from onnx import numpy_helper
from torch import nn

import command_line
import native
import program
import seeded_model as reference
import tensor_file
from chunks import Chunks
from core import INPUTS, OUTPUTS, Core
from export_onnx import write_graph
from fixture import Tensors
from trace_reference import trace

Model = reference.HTDemucs


def _while_running(module: nn.Module, owner: Any, name: str, value: Any) -> None:
    """Replaces `owner.name` whenever `module` runs."""
    kept = getattr(owner, name)
    module.register_forward_pre_hook(lambda *_: setattr(owner, name, value))
    module.register_forward_hook(lambda *_: setattr(owner, name, kept))


def _after(module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Changes what a module computes; inside of it, so that an export has it there too."""
    plain = module.forward
    module.forward = lambda *given: change(plain(*given))


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


def relu(model: Model, path: str) -> None:
    """ReLU instead of GELU in one layer."""
    layer = model.get_submodule(path)
    if path.startswith("crosstransformer"):
        layer.activation = functional.relu
    else:
        _while_running(layer, functional, "gelu", lambda x, approximate="none": functional.relu(x))


def swapped_gates(model: Model, path: str) -> None:
    """GLU with the halves of its channels swapped, in one layer."""

    def glu(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
        gate, value = x.chunk(2, dim)
        return value * gate.sigmoid()

    _while_running(model.get_submodule(path), functional, "glu", glu)


def no_norm_out(model: Model, path: str) -> None:
    """A transformer layer without its last norm."""
    model.get_submodule(path).norm_out = None


def swapped_sines(model: Model, path: str) -> None:
    """Cosine and sine exchanged in both embeddings."""
    sine, cosine = torch.sin, torch.cos
    _while_running(model.get_submodule(path), torch, "sin", cosine)
    _while_running(model.get_submodule(path), torch, "cos", sine)


def large_eps(model: Model, path: str) -> None:
    """An eps of 1e-3 instead of 1e-5 in one norm."""
    model.get_submodule(path).eps = 1e-3


def unbiased_norm(model: Model, path: str) -> None:
    """A norm's variance with n − 1 instead of n."""
    norm = model.get_submodule(path)

    def forward(x: torch.Tensor) -> torch.Tensor:
        axes = (-1,) if isinstance(norm, nn.LayerNorm) else tuple(range(1, x.dim()))
        mean, variance = (f(axes, keepdim=True) for f in (x.mean, x.var))
        y = (x - mean) / (variance + norm.eps).sqrt()
        shape = (1,) * (x.dim() - 1) + (-1,) if len(axes) == 1 else (-1,) + (1,) * (x.dim() - 2)
        return y * norm.weight.view(shape) + norm.bias.view(shape)

    norm.forward = forward


def unit_scale(model: Model, path: str) -> None:
    """A residual without its LayerScale."""
    model.get_submodule(path).scale.data.fill_(1)


def no_skip(model: Model, path: str) -> None:
    """A decoder layer that doesn't add its skip."""
    model.get_submodule(path).register_forward_pre_hook(
        lambda _, given: (given[0], torch.zeros_like(given[1]), *given[2:])
    )


def undilated(model: Model, path: str) -> None:
    """A dilation of 1 instead of 2."""
    convolution = model.get_submodule(path)
    convolution.dilation = convolution.padding = (1,)


def unscaled_attention(model: Model, path: str) -> None:
    """Queries that are not divided by the square root of their size."""
    attention = model.get_submodule(path)
    size = attention.embed_dim
    for values in (attention.in_proj_weight.data, attention.in_proj_bias.data):
        values[:size] *= attention.head_dim**0.5


def fewer_heads(model: Model, path: str) -> None:
    """Half the heads, of twice the size."""
    attention = model.get_submodule(path)
    attention.num_heads //= 2
    attention.head_dim *= 2


def swapped_queries(model: Model, path: str) -> None:
    """Queries and keys exchanged."""
    attention = model.get_submodule(path)
    for values in (attention.in_proj_weight, attention.in_proj_bias):
        queries, keys, rest = values.data.chunk(3)
        values.data = torch.cat([keys, queries, rest])


def no_bias(model: Model, path: str) -> None:
    """A convolution without its bias."""
    model.get_submodule(path).bias.data.zero_()


def flipped_kernel(model: Model, path: str) -> None:
    """A kernel read from its end."""
    weight = model.get_submodule(path).weight
    weight.data = weight.data.flip(2)


def coarse_weights(model: Model, path: str) -> None:
    """Weights in bfloat16."""
    weight = model.get_submodule(path).weight
    weight.data = weight.data.bfloat16().float()


def negated(model: Model, path: str) -> None:
    """A layer with the opposite sign."""
    _after(model.get_submodule(path), lambda value: -value)


def halved(model: Model, path: str) -> None:
    """A layer's output by a constant factor."""
    _after(model.get_submodule(path), lambda value: value / 2)


def shifted(model: Model, path: str) -> None:
    """A convolution that begins a step later."""
    _after(model.get_submodule(path), lambda value: value.roll(1, 2))


def swapped_channels(model: Model, path: str) -> None:
    """Channels in pairs in the opposite order: left and right, real and imaginary."""
    _after(
        model.get_submodule(path),
        lambda value: value.unflatten(1, (-1, 2)).flip(2).flatten(1, 2),
    )


Fault = Callable[[Model, str], None]

# The faults of Tests/Fixtures/ports: two layers for each fault that can occur in several.
FAULTS: dict[str, tuple[Fault, str]] = {
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


def layers(*branches: str) -> list[str]:
    """The layers of branches of the published model."""
    return [f"{branch}.{index}" for branch in branches for index in range(4)]


ENCODERS, DECODERS = layers("encoder", "tencoder"), layers("decoder", "tdecoder")
CROSS = [
    f"crosstransformer.{branch}.{index}" for branch in ("layers", "layers_t") for index in (1, 3)
]
SELF = [
    f"crosstransformer.{branch}.{index}" for branch in ("layers", "layers_t") for index in (0, 2, 4)
]
ATTENTION = [f"{path}.cross_attn" for path in CROSS] + [f"{path}.self_attn" for path in SELF]


def parts(paths: list[str], *names: str) -> list[str]:
    """Parts of modules."""
    return [f"{path}.{name}" for path in paths for name in names]


# Every fault, with what compare must say of it ({} is the place) and the modules of the published
# model in which it is tried.
PLACES: dict[Fault, tuple[str, list[str]]] = {
    tanh_gelu: (
        "GELU's tanh approximation in place of GELU",
        ENCODERS + layers("decoder")[:3] + CROSS + SELF,
    ),
    relu: ("ReLU in place of GELU", ENCODERS + CROSS + SELF),
    swapped_gates: ("the halves of the channels swapped in the GLU", ENCODERS + DECODERS),
    layer_norm_out: ("LayerNorm's statistics, over channels, in {}.norm_out", CROSS + SELF),
    no_norm_out: ("without normalisation in {}.norm_out", CROSS + SELF),
    symmetric_padding: ("zeros on both sides of the samples", layers("tencoder")[1:]),
    swapped_halves: ("the halves of the channels swapped", ["crosstransformer"]),
    wrong_exponent: ("another denominator in the exponents", ["crosstransformer"]),
    swapped_sines: ("cosine and sine exchanged", ["crosstransformer"]),
    rows_together: (
        "statistics over all rows, everywhere",
        parts(layers("encoder", "decoder"), "dconv"),
    ),
    unscaled_embedding: ("freq_emb.embedding.weight × 10", ["freq_emb"]),
    crop_from_start: ("2 later along the samples", layers("tdecoder")),
    updated_tokens: (
        "with crosstransformer.layers.",
        ["crosstransformer.layers_t.1", "crosstransformer.layers_t.3"],
    ),
    large_eps: (
        "an eps of 0.001 in {}",
        parts(ENCODERS + DECODERS, "dconv.layers.0.1", "dconv.layers.1.4")
        + parts(CROSS + SELF, "norm1", "norm_out"),
    ),
    unbiased_norm: (
        "the variance with n − 1 in {}",
        parts(layers("encoder", "decoder"), "dconv.layers.0.1")
        + parts(CROSS + SELF, "norm1", "norm2"),
    ),
    unit_scale: (
        "without {}.scale",
        parts(ENCODERS + DECODERS, "dconv.layers.0.6", "dconv.layers.1.6")
        + parts(CROSS + SELF, "gamma_1", "gamma_2"),
    ),
    no_skip: ("without {}", DECODERS),
    undilated: (
        "a dilation of 1 in {}.weight",
        parts(ENCODERS + DECODERS, "dconv.layers.1.0"),
    ),
    unscaled_attention: ("queries that are not scaled", ATTENTION),
    fewer_heads: ("half the heads", ATTENTION),
    swapped_queries: ("queries and keys exchanged", ATTENTION),
    no_bias: (
        "without {}.bias",
        parts(ENCODERS, "conv", "rewrite") + parts(DECODERS, "rewrite", "conv_tr"),
    ),
    flipped_kernel: (
        "the kernel of {}.weight reversed",
        parts(ENCODERS, "conv") + parts(DECODERS, "conv_tr"),
    ),
    coarse_weights: (
        "{}.weight in bfloat16",
        parts(ENCODERS, "conv", "rewrite") + parts(DECODERS, "rewrite", "conv_tr"),
    ),
    negated: (
        "with the opposite sign",
        [*parts(ENCODERS, "dconv", "conv"), "channel_upsampler", "channel_downsampler_t"],
    ),
    halved: (
        "× 0.5",
        [*parts(ENCODERS, "dconv", "conv"), "channel_upsampler_t", "channel_downsampler"],
    ),
    shifted: ("1 later along", parts(ENCODERS, "conv")),
    swapped_channels: ("channels swapped in pairs", parts(["decoder.3", "tdecoder.3"], "conv_tr")),
}


def explanation(fault: Fault, place: str) -> str:
    """What compare must say of a fault in a place."""
    if fault is no_skip:
        # The skip of a decoder layer is the output of the encoder layer on its level.
        branch, index = place.split(".")
        place = f"{branch.replace('decoder', 'encoder')}.{3 - int(index)}"
    return PLACES[fault][0].format(place)


class Trial:
    """A right model, and ports of it with faults, on one chunk."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        torch.set_num_threads(options.threads)
        given = Chunks(options.chunk.parent).inputs(options.chunk.name)
        self.inputs = [torch.from_numpy(given[name]) for name in INPUTS]
        # Without gradients, because exports take what the faults' functions hold as constants.
        self.model = reference.load(options.checkpoint).requires_grad_(False)
        self.binary, self.chunk = options.binary, options.chunk
        self.ours, self.theirs = work / "ours.safetensors", work / "theirs.safetensors"
        self.graph = work / "core.onnx"
        native.trace(options.binary, options.checkpoint, options.chunk, self.ours)
        self.like: list[str] = []
        self.casts = options.bfloat16
        if self.casts:
            like = work / "like.safetensors"
            words = (options.checkpoint, options.chunk, like, "--precision", "bfloat16")
            native.trace(options.binary, *words)
            self.like = ["--like", str(like)]
        self.right = self.trace(self.model)

    def trace(self, model: Model) -> Tensors:
        """The values of a port."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.casts):
            return {name: value.float() for name, value in trace(model, *self.inputs).items()}

    def port(self, *faults: tuple[Fault, str]) -> Model:
        """A model with faults."""
        model = copy.deepcopy(self.model)
        for fault, place in faults:
            fault(model, place)
        return model

    def changed(self, found: Tensors, order: list[str]) -> str:
        """The first value that a fault changes; none for weights in bfloat16 that were so before."""
        return next((name for name in order if not self.is_right(name, found)), "none")

    def is_right(self, name: str, found: Tensors) -> bool:
        """Whether a value is that of the right model, bit by bit; the trace has final besides."""
        return name not in found or torch.equal(self.right[name], found[name])

    def named(self, model: Model) -> tuple[str, dict[str, Any]]:
        """The first value that a port has wrong, and what compare says of the port's trace."""
        found = self.trace(model)
        tensor_file.write(self.theirs, found, {})
        report = program.compare(self.binary, self.ours, self.theirs, *self.like)
        return self.changed(found, [row["name"] for row in report["tensors"]]), report

    def export(self, model: Model) -> None:
        """Exports a port's core."""
        core = Core(model, any_length=True)
        write_graph(core, tuple(self.inputs), self.graph, INPUTS, OUTPUTS)

    def traced(self, *options: str) -> Tensors:
        """The values of the exported core in ONNX Runtime."""
        words = [self.graph, self.ours, "-o", self.theirs, *options]
        script = Path(__file__).with_name("onnx_trace.py")
        subprocess.run([sys.executable, script, *words], check=True, capture_output=True)
        return tensor_file.read(self.theirs)[0]

    def replayed(self, model: Model) -> list[str]:
        """The values that compare calls wrong after a replay in ONNX Runtime."""
        self.export(model)
        self.traced("--replay")
        report = program.compare(self.binary, self.ours, self.theirs, "--replay")
        return [cliff["name"] for cliff in report["cliffs"]]


# Nodes of an exported graph, and what takes their place.
OTHER_NODES = {
    "Erf": "Tanh", "Sigmoid": "Tanh", "Add": "Sub", "Mul": "Div", "Div": "Mul", "Sqrt": "Abs",
}  # fmt: skip


def mutate(graph: onnx.GraphProto, random: Random) -> str | None:
    """Changes one node of a module, or a weight of one; None if nothing of a drawn one fits."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    node = random.choice([n for n in graph.node if n.name.count("/") > 3])
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type in OTHER_NODES:
        text = f"{node.op_type} is {OTHER_NODES[node.op_type]}"
        node.op_type = OTHER_NODES[node.op_type]
    elif "epsilon" in attributes:
        attributes["epsilon"].f, text = 1e-3, "eps is 1e-3"
    elif node.op_type == "Softmax":
        attributes["axis"].i, text = 1, "Softmax over the queries"
    elif node.op_type == "Conv" and sum(attributes["pads"].ints) and random.random() < 0.5:
        pads = attributes["pads"].ints
        half = len(pads) // 2
        axis = next(axis for axis in range(half) if pads[axis])
        pads[axis], pads[axis + half] = pads[axis] - 1, pads[axis + half] + 1
        text = "padding is one step later"
    elif len(node.input) > 1 and node.input[1] in weights:
        tensor = weights[node.input[1]]
        values = numpy_helper.to_array(tensor).copy()
        kind = random.choice(["a factor of 1.1", "a zero channel", "values in reverse"])
        if kind == "a factor of 1.1":
            values *= np.float32(1.1)
        elif kind == "a zero channel":
            values[random.randrange(len(values))] = 0
        else:
            values = values[::-1].copy()
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        text = f"{tensor.name} with {kind}"
    else:
        return None
    return f"{node.name}: {text}"


def draw_faults(count: int, random: Random) -> list[tuple[Fault, str]]:
    """Faults and places, each pair once, as many of each fault as there are places and turns."""
    left = {fault: random.sample(places, len(places)) for fault, (_, places) in PLACES.items()}
    drawn: list[tuple[Fault, str]] = []
    while len(drawn) < count and any(left.values()):
        drawn += [(fault, places.pop()) for fault, places in left.items() if places]
    return drawn[:count]


def spread(values: tuple[float, ...]) -> str:
    """The lowest and the highest level."""
    low, high = (f"{value:.0f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def try_ports(trial: Trial, drawn: list[tuple[Fault, str]]) -> None:
    """Prints a line for each wrong port, a row for each fault, and how many were named."""
    found: dict[Fault, list[tuple[bool, bool, float, float]]] = {}
    for fault, place in drawn:
        first, report = trial.named(trial.port((fault, place)))
        cliff = report["cliff"] or {"name": "none", "snr_db": math.nan, "explanation": None}
        text = cliff["explanation"]["text"] if cliff["explanation"] else "no explanation"
        levels = {row["name"]: float(row["snr_db"]) for row in report["tensors"]}
        result = (
            cliff["name"] == first,
            explanation(fault, place) in text,
            float(cliff["snr_db"]),
            min(levels["output"], levels["add_67"]),
        )
        found.setdefault(fault, []).append(result)
        verdict = "named" if result[0] else f"NOT NAMED, but {cliff['name']}"
        verdict += ", explained" if result[1] else ", NOT EXPLAINED"
        where = f"{fault.__name__} in {place}"
        print(f"{where}: {first} {verdict}, {result[2]:.1f} dB: {text}", flush=True)
    print("\n| fault | ports | named | explained | SNR of the value | of the worse output |")
    print("|---|---|---|---|---|---|")
    for fault, results in found.items():
        text = (fault.__doc__ or "").split("\n")[0].rstrip(".")
        named, explained, values, outputs = zip(*results, strict=True)
        counts = f"{len(results)} | {sum(named)} | {sum(explained)}"
        print(f"| {text} | {counts} | {spread(values)} | {spread(outputs)} |")
    for index, what in enumerate(("named", "explained")):
        count = sum(result[index] for results in found.values() for result in results)
        print(f"\n{what}: {count} of {len(drawn)}")


def try_pairs(trial: Trial, pairs: list[list[tuple[Fault, str]]]) -> None:
    """Prints a line for each port with two faults, and how often a replay names both."""
    count = 0
    for faults in pairs:
        wanted = {trial.named(trial.port(one))[0] for one in faults}
        found = trial.replayed(trial.port(*faults))
        count += wanted <= set(found)
        text = " and ".join(f"{fault.__name__} in {place}" for fault, place in faults)
        print(f"{text}: {', '.join(sorted(wanted))}; replay: {', '.join(found)}", flush=True)
    print(f"both named: {count} of {len(pairs)}")


def try_graphs(trial: Trial, count: int, random: Random) -> None:
    """Prints a line for each mutated graph, and how many were named."""
    trial.export(trial.model)
    right, path = onnx.load(trial.graph), trial.graph
    values = trial.traced()
    order = [
        row["name"] for row in program.compare(trial.binary, trial.ours, trial.theirs)["tensors"]
    ]
    named = tried = 0
    while tried < count:
        graph = copy.deepcopy(right)
        text = mutate(graph.graph, random)
        if not text:
            continue
        onnx.save(graph, path)
        try:
            found = trial.traced()
        except subprocess.CalledProcessError:
            # A shape that no longer fits is no port.
            continue
        # Runtimes fuse other nodes in another graph, which rounds otherwise.
        first = next((n for n in order if n in found and snr(values[n], found[n]) < 110), None)
        if first is None:
            continue
        tried += 1
        report = program.compare(trial.binary, trial.ours, trial.theirs)
        cliff = report["cliff"] or {"name": "none", "snr_db": math.nan, "explanation": None}
        named += cliff["name"] == first
        verdict = "named" if cliff["name"] == first else f"NOT NAMED, but {cliff['name']}"
        said = cliff["explanation"]["text"] if cliff["explanation"] else "no explanation"
        print(f"{text}: {first} {verdict}, {float(cliff['snr_db']):.1f} dB: {said}", flush=True)
    print(f"mutated graphs named: {named} of {tried}")


def snr(expected: torch.Tensor, found: torch.Tensor) -> float:
    """SNR in dB; -inf for values that are not finite."""
    error = (expected.double() - found.double()).square().sum().item()
    if not math.isfinite(error):
        return -math.inf
    return 10 * math.log10(expected.double().square().sum().item() / max(error, 1e-300))


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__, "binary", "threads", "seed")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("chunk", type=Path, help="folder of one prepared chunk")
    parser.add_argument("--bfloat16", action="store_true", help="ports of PyTorch's autocast")
    parser.add_argument("--ports", type=int, default=100, help="wrong ports")
    parser.add_argument("--pairs", type=int, default=20, help="ports with two faults, replayed")
    parser.add_argument("--graphs", type=int, default=20, help="mutations of the exported graph")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(options, Path(folder))
        random = Random(options.seed)
        drawn = draw_faults(options.ports, random)
        try_ports(trial, drawn)
        try_pairs(trial, [random.sample(drawn, 2) for _ in range(options.pairs)])
        try_graphs(trial, options.graphs, random)


if __name__ == "__main__":
    main()
