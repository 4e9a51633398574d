# %% [markdown]
# # 6. Tokens and self-attention
#
# **The question.** A chorus comes twice. A snare hits on every second beat. Convolutions see a fraction of a
# second. How can a place learn from another one that is far away?
#
# ## The intuition
#
# Let every place ask every other place. A place is now called a *token*: a vector of numbers. Each token
# makes three vectors of itself: a *query* ("what am I looking for?"), a *key* ("what do I have?") and a
# *value* ("what do I give?"). Where a query fits a key, much of that value is read. This is *attention*,
# and *self-attention* if the tokens ask each other.
#
# The tokens of the spectrogram are its remaining places: 8 frequencies × T frames. Attention does not know
# the order of the tokens, so a vector for its place is added to each token: the *position embedding*. In the
# spectrogram the first half of the channels encodes the time, the second half the frequency.
#
# ## The equations
#
# $$\text{attention}(Q, K, V) = \text{softmax}\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# Softmax turns the scores of a query into weights that add up to 1. The root of the size d of a vector
# keeps scores near 1. There are several *heads*: the channels are cut into parts, and each part attends
# on its own.
#
# A layer has two residual parts, each with a norm before it and a LayerScale after it, and a norm at its end:
#
# $$x \leftarrow x + \gamma_1 \cdot \text{attention}(\text{norm}_1(x)) \qquad
# x \leftarrow x + \gamma_2 \cdot W_2 \, \text{GELU}(W_1 \, \text{norm}_2(x)) \qquad
# x \leftarrow \text{norm}_{out}(x)$$
#
# `norm1` and `norm2` are LayerNorms: each token by itself. `norm_out` is a GroupNorm with one mean and
# variance for **all tokens and channels**. A LayerNorm there is a common mistake.
#
# **Shapes.** Tokens are [T · F, C], time outermost: all frequencies of the first frame, then those of the
# second. With two 1 × 1 convolutions around the transformer its C need not be that of the encoder.

# %%
import numpy as np

from engine import MODEL, check, require, snr_db, true_values
from htdemucs import gelu, load, normalise


def layer_norm(m, x):
    return normalise(x, (1,)) * m["weight"] + m["bias"]


def linear(m, x):
    return x @ m["weight"].T + m["bias"]


def positions_2d(freqs, times, channels, period):
    half = channels // 2
    rate = np.exp(-np.arange(0, half, 2) * np.log(period) / half)
    table = np.zeros((times, freqs, channels))
    for first, place in ((0, np.arange(times)[:, None, None]), (half, np.arange(freqs)[:, None])):
        table[:, :, first : first + half : 2] = np.sin(place * rate)
        table[:, :, first + 1 : first + half : 2] = np.cos(place * rate)
    return table.reshape(times * freqs, channels).astype(np.float32)


# %% [markdown]
# The attention itself. One matrix makes queries, keys and values; `x` asks, and `other` is asked. For
# self-attention they are the same.


# %%
def attention(m, x, other, heads):
    weight, bias = np.split(m["in_proj_weight"], 3), np.split(m["in_proj_bias"], 3)
    q, k, v = (t @ w.T + b for t, w, b in zip((x, other, other), weight, bias, strict=True))
    size = x.shape[1] // heads
    attended = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T * np.float32(size**-0.5)  # [tokens, others]
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        m.see(f"weights.{head}", weights)
        attended.append(weights @ v[:, part])
    return linear(m / "out_proj", np.concatenate(attended, axis=1))


# %% [markdown]
# Subtracting the largest score changes nothing in the result, and keeps exp from overflowing. Now a layer
# of self-attention. Chapter 7 has the complete function, for both kinds of layers.


# %%
def self_layer(m, x, heads):
    query = layer_norm(m / "norm1", x)
    x = x + m["gamma_1.scale"] * attention(m / "self_attn", query, query, heads)
    y = linear(m / "linear2", gelu(linear(m / "linear1", layer_norm(m / "norm2", x))))
    x = x + m["gamma_2.scale"] * y
    norm = m / "norm_out"
    return normalise(x, (0, 1)) * norm["weight"] + norm["bias"]


# %% [markdown]
# ## The check
#
# `trace` writes attention weights only on request: `--attention layers.0:0` requests the first head of the
# first layer, as chapter 2 did.

# %%
config, model = load(MODEL)
transformer = model / "crosstransformer"
transformer.seen = {}
truth = true_values()
freqs, times = truth["encoder.3"].shape[1:]
normed = truth["crosstransformer.norm_in"]  # [T · F, C]
positions = positions_2d(freqs, times, normed.shape[1], config.t_max_period)
tokens = normed + np.float32(config.t_weight_pos_embed) * positions
first = self_layer(transformer / "layers.0", tokens, config.t_heads)
name = "crosstransformer.layers.0.self_attn.weights.0"
weights = transformer.seen[name]
check({"crosstransformer.pos_emb_2d": positions, name: weights, "crosstransformer.layers.0": first})
print(f"{len(tokens)} tokens: {freqs} frequencies × {times} frames, {tokens.shape[1]} channels")

# %% [markdown]
# ## The pictures
#
# ![The 2-D position embedding: the rows are tokens, the columns channels. The left half changes slowly,
# from frame to frame; the right half repeats with each frame.](figures/06_embedding.png)
#
# ![Attention of head 0: a matrix of all queries and keys, and, for one query, how much it reads of each
# place of the spectrogram.](figures/06_attention.png)
#
# In the right-hand picture one token is marked by a cross. Bright places are those that it reads.

# %%
from figures import tokens_and_attention as pictures

pictures.embedding(positions, freqs)
pictures.attention(weights, freqs)

# %% [markdown]
# ## Exercise
#
# 1. Replace `norm_out` by a LayerNorm. How wrong is the layer's output?
# 2. The published `htdemucs` spends 85 GFLOP on the products inside attention in one segment of 7.8 s
#    (QKᵀ and the product with V, not the projections). Derive this number. It has 8 · 336 tokens of the
#    spectrogram, 1,344 of the waveform, 512 channels, and five layers in each branch: self, cross,
#    self, cross, self.

# %% [markdown] tags=["answer"]
# 2. For n queries, m keys and C channels (all heads together) each of the two products takes n · m · C
#    multiplications and as many additions: 4 n m C operations. Nothing else in the network grows with the
#    *square* of the length. This is why a song is cut into segments.

# %% tags=["answer"]
after = first - (transformer / "layers.0" / "norm_out")["bias"]
after = after / (transformer / "layers.0" / "norm_out")["weight"]  # output of the norm
wrong = layer_norm(transformer / "layers.0" / "norm_out", after)
snr = snr_db(truth["crosstransformer.layers.0"], wrong)
require(snr < 60, "a LayerNorm for norm_out should be plainly wrong")
print(f"1. with a LayerNorm: {snr:.1f} dB")

f, t, c = 8 * 336, 1344, 512
self_attention, cross = 4 * c * (f * f + t * t), 4 * c * 2 * f * t
print(f"2. {(3 * self_attention + 2 * cross) / 1e9:.0f} GFLOP")
