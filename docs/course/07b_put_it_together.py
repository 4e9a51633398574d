# %% [markdown]
# # 7½. Put it together
#
# **The question.** You have encoders, DConv, attention and two kinds of layers. In which order do they run, and
# what happens between them?
#
# ## The weights
#
# A checkpoint is a table from names to arrays, and the arguments that the model was made with. The names are
# paths: `encoder.0.dconv.layers.1.3.weight` is a weight of part 3 of layer 1 of DConv of the first encoder layer.
# `Module` walks along such a path with `/`, and takes a weight with `[ ]`.

# %%
import json
from fractions import Fraction

import numpy as np
from safetensors import safe_open


class Configuration:
    samplerate, audio_channels = 44100, 2  # Hz
    nfft, depth, stride = 4096, 4, 4
    freq_emb, emb_scale = 0.2, 10
    t_layers, t_heads, t_cross_first = 5, 8, False
    t_max_period, t_weight_pos_embed = 10000.0, 1.0
    segment = 10  # seconds

    def __init__(self, arguments):
        self.__dict__.update(arguments)
        if isinstance(self.segment, dict):
            self.segment = Fraction(self.segment["numerator"], self.segment["denominator"])
        self.segment_samples = int(self.segment * self.samplerate)
        if self.depth > 4:  # such layers have norms, and merge the branches
            raise SystemExit(f"this file is for models of depth 4; this one has {self.depth}")


# %%
class Module:
    def __init__(self, tensors, name="", seen=None):
        self.tensors, self.name, self.seen = tensors, name, seen

    def path(self, part):
        return ".".join(filter(None, (self.name, part)))

    def __truediv__(self, part):
        return Module(self.tensors, self.path(part), self.seen)

    def __getitem__(self, part):
        return self.tensors[self.path(part)]

    def __contains__(self, part):
        return self.path(part) in self.tensors

    def see(self, part, x):
        if self.seen is not None:
            self.seen[self.path(part)] = x
        return x


def load(path):
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    return Configuration(json.loads(metadata["kwargs"])), Module(tensors)


# %% [markdown]
# ## In and out of the transformer
#
# A 1 × 1 convolution before the transformer changes the channels of each token (`channel_upsampler`), another one
# after it changes them back. Models such as `htdemucs_6s` have none.
#
# **Shapes.** The spectrogram [C, F, T] becomes tokens [T · F, C'], time outermost; the waveform [C, 1, N] becomes
# [N, C'].

# %%
from given import (
    conv,
    decode,
    encode,
    istft,
    layer_norm,
    positions_1d,
    positions_2d,
    standardise,
    stft,
    transformer_layer,
)


# %%
def resample(m, way, x, xt):
    name = f"channel_{way}sampler"
    if f"{name}.weight" not in m:
        return x, xt
    return m.see(name, conv(m / name, x)), m.see(f"{name}_t", conv(m / f"{name}_t", xt))


def transform(m, x, xt, config):
    _, freqs, times = x.shape
    x, xt = resample(m, "up", x.reshape(len(x), 1, -1), xt)
    c, t = len(x), m / "crosstransformer"
    tokens = x.reshape(c, freqs, times).transpose(2, 1, 0).reshape(-1, c)  # time outermost
    position = t.see("pos_emb_2d", positions_2d(freqs, times, c, config.t_max_period))
    position_t = t.see("pos_emb", positions_1d(xt.shape[2], c, config.t_max_period))
    weight = np.float32(config.t_weight_pos_embed)
    tokens = t.see("norm_in", layer_norm(t / "norm_in", tokens)) + weight * position
    tokens_t = t.see("norm_in_t", layer_norm(t / "norm_in_t", xt[:, 0].T)) + weight * position_t
    for i in range(config.t_layers):
        is_cross = i % 2 == (0 if config.t_cross_first else 1)
        others = (tokens_t, tokens) if is_cross else (None, None)  # from before this layer
        tokens = transformer_layer(t / f"layers.{i}", tokens, others[0], config.t_heads)
        tokens_t = transformer_layer(t / f"layers_t.{i}", tokens_t, others[1], config.t_heads)
    x = tokens.reshape(times, freqs, c).transpose(2, 1, 0).reshape(c, 1, -1)
    x, xt = resample(m, "down", x, tokens_t.T[:, None])
    return x.reshape(len(x), freqs, times), xt


# %% [markdown]
# ## The network from end to end
#
# Down, across, up, with two stacks of skips: what goes down last comes up first. `decode` and `istft` are the
# subject of the next chapter. Take them as given, and come back.


# %%
def forward(m, mix, config):
    n, sources = mix.shape[1], len(config.sources)
    x, mean, std = standardise(m.see("mag", stft(m.see("mix", mix), config.nfft)))
    xt, mean_t, std_t = standardise(mix)
    m.see("x", x), m.see("xt", xt)
    xt = xt[:, None]  # [2, 1, N]

    skips, skips_t, lengths = [], [], []
    for i in range(config.depth):
        lengths.append(xt.shape[2])
        xt = encode(m / f"tencoder.{i}", xt, config)
        x = encode(m / f"encoder.{i}", x, config)
        if i == 0 and config.freq_emb:
            embedding = m["freq_emb.embedding.weight"].T[:, :, None]  # [C, F, 1]
            x = x + np.float32(config.freq_emb * config.emb_scale) * embedding
            m.see("encoder.0.embedded", x)
        skips.append(x), skips_t.append(xt)
    if config.t_layers:
        x, xt = transform(m, x, xt, config)
    for i in range(config.depth):
        x = decode(m / f"decoder.{i}", x, skips.pop(), config, 0)
        xt = decode(m / f"tdecoder.{i}", xt, skips_t.pop(), config, lengths.pop())

    x, xt = x * std + mean, xt[:, 0] * std_t + mean_t  # [sources · 4, F, T], [sources · 2, N]
    m.see("output", x.reshape(sources, -1, *x.shape[1:]))
    m.see("add_67", xt.reshape(sources, -1, n))
    return m.see("final", (istft(x, n) + xt).reshape(sources, -1, n))


# %% [markdown]
# ## The check

# %%
from engine import MODEL, check, true_values

config, model = load(MODEL)
model.seen = {}
truth = true_values()
final = forward(model, truth["mix"], config)
names = ["channel_upsampler", "channel_upsampler_t", "crosstransformer.layers.2"]
names += ["channel_downsampler", "channel_downsampler_t"]
names = [name for name in names if name in truth]
check({name: model.seen[name].reshape(truth[name].shape) for name in names} | {"final": final})

# %% [markdown]
# Listen to what came out, the drums of this second three times: [drums](sounds/07b_drums.mp3)

# %%
from engine import hear

hear("07b_drums", np.tile(0.1 * final[0], 3), start=0)

# %% [markdown]
# ## Exercise
#
# Most weights of the model are not where most of its computation is. Which part has the most weights? Count them by
# the first word of their names. Predict first.

# %% [markdown] tags=["answer"]
# The transformer. Its matrices are large but run over a few hundred tokens. The outermost layers have few weights
# and use each of them at thousands of places: those of the first spectrogram layer at 512 · 44 = 22,528 in this second.

# %% tags=["answer"]
counts = {}
for name, tensor in model.tensors.items():
    part = name.split(".")[0]
    counts[part] = counts.get(part, 0) + tensor.size
for part in sorted(counts, key=counts.get, reverse=True)[:5]:
    print(f"{part:18} {counts[part]:9,} weights")
