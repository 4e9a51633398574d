# %% [markdown]
# # 6. Tokens and self-attention
#
# **The question.** A snare hits on every second beat. Convolutions see a fraction of a second. How can a place
# learn from another one that is far away?
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
# Softmax turns the scores of a query into weights that add up to 1. There are several *heads*: the channels are
# cut into parts, and each part attends on its own. d is the number of channels of one *head*; its root keeps
# scores near 1.
#
# The position embedding of the spectrogram, with $c$ channels, at frame $t$ and frequency $f$:
#
# $$E[2i] = \sin(t \, r_i), \quad E[2i + 1] = \cos(t \, r_i), \quad
# E[\tfrac c2 + 2i] = \sin(f \, r_i), \quad E[\tfrac c2 + 2i + 1] = \cos(f \, r_i), \qquad r_i = 10000^{-4i/c}$$
#
# for $i = 0 \dots c/4 - 1$: clocks, from fast to slow, that tell every place apart. On the way in come, in this
# order, a *1 × 1 convolution* (a matrix that changes the number of channels of each token), `norm_in` (a LayerNorm)
# and the sum with the embedding:
#
# $$\text{tokens} = \text{norm}_{in}(\text{conv}_{1 \times 1}(x)) + E$$
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
# second. The 1 × 1 convolutions before and after the transformer allow another C than the encoder has.

# %%
import numpy as np

from engine import MODEL, check, true_values
from given import conv, gelu, load, normalise


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
inside = truth["encoder.3"].reshape(-1, 1, freqs * times)
x = conv(model / "channel_upsampler", inside)  # 1 × 1
x = x.reshape(-1, freqs, times).transpose(2, 1, 0).reshape(freqs * times, -1)  # time outermost
normed = layer_norm(transformer / "norm_in", x)  # [T · F, C]
positions = positions_2d(freqs, times, normed.shape[1], config.t_max_period)
tokens = normed + np.float32(config.t_weight_pos_embed) * positions
first = self_layer(transformer / "layers.0", tokens, config.t_heads)
name = "crosstransformer.layers.0.self_attn.weights.0"
weights = transformer.seen[name]
check(
    {
        "crosstransformer.norm_in": normed,
        "crosstransformer.pos_emb_2d": positions,
        name: weights,
        "crosstransformer.layers.0": first,
    }
)
print(f"{len(tokens)} tokens: {freqs} frequencies × {times} frames, {tokens.shape[1]} channels")

# %% [markdown]
# ## The pictures
#
# ![The 2-D position embedding: the rows are tokens, the columns channels. The left half changes slowly,
# from frame to frame; the right half repeats with each frame.](figures/06_embedding.png)
#
# *Ten frames of eight frequencies. Left half: time, the same for all tokens of a frame. Right half: frequency, the
# same pattern in each frame.*
#
# ![All heads of the first and of the last self-attention over four seconds: for each frame that asks, how much it
# reads of each frame, on a logarithmic scale.](figures/06_attention.png)
#
# *Bright vertical lines are frames that everybody reads, whoever asks. No head follows the diagonal, which would mean
# "read your own neighbourhood". In layer 0 the heads differ; three heads of layer 2 read everything evenly, and could
# be a mean.*
#
# So this small model does not look up the last snare hit: it gathers a few landmarks of the excerpt, and averages. What the
# published model does, only its weights can show: `COURSE_MODEL=htdemucs python 06_tokens_and_attention.py` draws this
# picture with them.
#

# %%
from figures import tokens_and_attention as pictures
from given import excerpt_with

pictures.embedding(positions, freqs)
seen = {}
excerpt_with(seen=seen)
layers = [0, (config.t_layers - 1) // 2 * 2]  # self and cross layers alternate
heads = {
    f"layer {i}, head {h}": seen[f"crosstransformer.layers.{i}.self_attn.weights.{h}"]
    for i in layers
    for h in range(config.t_heads)
}
pictures.attention(heads, freqs)

# %% [markdown]
# ## Exercise
#
# 1. Replace `norm_out` by a LayerNorm. How wrong is the layer's output?
# 2. Where is the fault in a port whose tokens have the frequency outermost? Which value of the trace shows it?
# 3. The published `htdemucs` spends 85 GFLOP on the products inside attention in one segment of 7.8 s
#    (QKᵀ and the product with V, not the projections). Derive this number. It has 8 · 336 tokens of the
#    spectrogram, 1,344 of the waveform, 512 channels, and five layers in each branch: self, cross,
#    self, cross, self.

# %% [markdown] tags=["answer"]
# 2. In `pos_emb_2d`, if the port orders its embedding so, and otherwise in `norm_in`. All values are there, at other
#    places, so shapes are no help.
# 3. For n queries, m keys and C channels (all heads together) each of the two products takes n · m · C
#    multiplications and as many additions: 4 n m C operations. Nothing else in the network grows with the
#    *square* of the length. This is why a song is cut into segments.

# %% tags=["answer"]
def norm_each_token(m, y):
    norm = m / "norm_out"
    return layer_norm(norm, (y - norm["bias"]) / norm["weight"])  # of what the right norm has made


wrong = norm_each_token(transformer / "layers.0", first)
check({"crosstransformer.layers.0": wrong}, expect_wrong=True)

# %% [markdown] tags=["answer"]
# And in every layer, as a port would have it? Four seconds of the song:

# %% tags=["answer"]
from engine import hear, snr_db
from given import transformer_layer


def token_by_token(m, x, other, heads):
    return norm_each_token(m, transformer_layer(m, x, other, heads))


right, spoiled = excerpt_with(), excerpt_with(transformer_layer=token_by_token)
for k, name in enumerate(config.sources):
    print(f"{name:8} {snr_db(right[k], spoiled[k]):.1f} dB")
k = config.sources.index("drums")
hear("06_right", right[k], start=0)
hear("06_token_by_token", spoiled[k], start=0)

# %% [markdown] tags=["answer"]
# Listen to the drums: [right](sounds/06_right.mp3) · [each token by itself](sounds/06_token_by_token.mp3)

# %% tags=["answer"]
f, t, c = 8 * 336, 1344, 512
self_attention, cross = 4 * c * (f * f + t * t), 4 * c * 2 * f * t
print(f"{(3 * self_attention + 2 * cross) / 1e9:.0f} GFLOP")

# %% [markdown]
# **Read more.** Attention: [arXiv:1706.03762](https://arxiv.org/abs/1706.03762). The 2-D embedding: [arXiv:1908.11415](https://arxiv.org/abs/1908.11415).
