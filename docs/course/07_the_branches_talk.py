# %% [markdown]
# # 7. The branches talk: cross-attention
#
# **The question.** The spectrogram's branch knows which frequencies sound. The waveform's branch knows exactly
# when. How does each of them learn what the other one knows?
#
# ## The intuition
#
# With the attention of chapter 6 and one change: the *queries* come from one branch, keys and values from the
# other. A token of the waveform asks, tokens of the spectrogram answer, and the other way around. This is
# *cross-attention*. The H in HTDemucs stands for "hybrid", because there are two branches, and the T for this
# transformer between them.
#
# Layers alternate: self, cross, self, and so on. In a cross layer both branches are updated at the same
# time. So each one must read the tokens that the other had **before** this layer. This is the trap of the
# chapter.
#
# ## The equation
#
# $$x' = \text{layer}(x, \; \text{other} = x_t), \qquad x_t' = \text{layer}_t(x_t, \; \text{other} = x)$$
#
# with the old $x$ on both right-hand sides. Queries are normalised by `norm1`, the other branch's tokens
# by `norm2`, and the small network behind them by `norm3`.
#
# **Shapes.** With n tokens of the waveform and m of the spectrogram, the weights of `layers_t.1` are
# [n, m]: not square. The result still has n tokens.

# %%
from engine import MODEL, check, require, snr_db, true_values
from htdemucs import attention, gelu, layer_norm, linear, load, normalise


def transformer_layer(m, x, other, heads):
    query = layer_norm(m / "norm1", x)
    is_cross = other is not None
    part = "cross_attn" if is_cross else "self_attn"
    keys = layer_norm(m / "norm2", other) if is_cross else query
    x = x + m["gamma_1.scale"] * m.see(part, attention(m / part, query, keys, heads))
    y = layer_norm(m / ("norm3" if is_cross else "norm2"), x)
    y = linear(m / "linear2", gelu(linear(m / "linear1", y)))
    x = x + m["gamma_2.scale"] * y
    norm = m / "norm_out"  # GroupNorm: one mean and variance for all tokens and channels
    return m.see("", normalise(x, (0, 1)) * norm["weight"] + norm["bias"])


# %% [markdown]
# The tokens of the waveform have one position, time, and an embedding of their own kind: cosines in the
# first half of the channels, sines in the second. The exponent has d / 2 − 1 in it, not d / 2.
#
# $$\text{phase}(p, i) = p \; / \; 10000^{\,i / (d/2 - 1)}$$

# %%
import numpy as np


def positions_1d(length, channels, period):
    half = channels // 2
    phase = np.arange(length)[:, None] / period ** (np.arange(half) / (half - 1))
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


# %% [markdown]
# ## The check
#
# Start from the tokens after layer 0, which the trace has for both branches. Layer 1 is a cross layer.

# %%
config, model = load(MODEL)
transformer = model / "crosstransformer"
transformer.seen = {}
truth = true_values()
x, xt = truth["crosstransformer.layers.0"], truth["crosstransformer.layers_t.0"]
new_x = transformer_layer(transformer / "layers.1", x, xt, config.t_heads)
new_xt = transformer_layer(transformer / "layers_t.1", xt, x, config.t_heads)
name = "crosstransformer.layers_t.1.cross_attn.weights.0"
weights = transformer.seen[name]
check(
    {
        "crosstransformer.pos_emb": positions_1d(*xt.shape, config.t_max_period),
        "crosstransformer.layers.1": new_x,
        name: weights,
        "crosstransformer.layers_t.1": new_xt,
    }
)
print("queries of the waveform × keys of the spectrogram:", weights.shape)

# %% [markdown]
# ## The picture
#
# ![Attention of the waveform. Left: for each token of the waveform, how much it reads of each frame. Right:
# how much all tokens of the waveform together read of each place of the spectrogram.](figures/07_cross_attention.png)
#
# Left: if the waveform read only the same moment of the spectrogram, there would be a bright diagonal. The
# clearer the diagonal, the more local is this head. Vertical lines are moments that all tokens read.

# %%
from figures import the_branches_talk

freqs = truth["encoder.3"].shape[1]
the_branches_talk.cross_attention(weights, freqs)

# %% [markdown]
# ## Exercise
#
# Let the waveform read the spectrogram's **updated** tokens, `new_x`, as a careless loop would. Which values
# are wrong, and by how much?

# %% [markdown] tags=["answer"]
# The spectrogram's tokens are computed first, so they are right. Only the waveform is wrong. A test of the
# spectrogram's branch alone finds nothing.

# %% tags=["answer"]
careless = transformer_layer(transformer / "layers_t.1", xt, new_x, config.t_heads)
snr = snr_db(truth["crosstransformer.layers_t.1"], careless)
require(snr < 60, "reading the updated tokens should be plainly wrong")
print(f"crosstransformer.layers_t.1: {snr:.1f} dB")
