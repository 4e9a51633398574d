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
from engine import MODEL, check, true_values
from given import attention, gelu, layer_norm, linear, load, normalise


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
# ![Cross-attention of the waveform over four seconds, a picture for each head: for each token of the waveform, how
# much it reads of each frame of the spectrogram, on a logarithmic scale.](figures/07_cross_attention.png)
#
# *Heads 0 and 3 read a few fixed frames, whoever asks (vertical lines); heads 1 and 2 read nearly everything. Nobody reads
# the own moment: that would be a diagonal.*

# %%
from figures import the_branches_talk
from given import excerpt_with

seen = {}
excerpt_with(seen=seen)
name = "crosstransformer.layers_t.1.cross_attn.weights"
heads = {f"head {h}": seen[f"{name}.{h}"] for h in range(config.t_heads)}
the_branches_talk.cross_attention(heads, truth["encoder.3"].shape[1])

# %% [markdown]
# ## What is it worth?
#
# A part that is in a paper need not earn its place in every model. Switch it off, and measure (an *ablation*). Here
# four seconds of the demo track are separated without any attention, without the cross layers' attention, and without
# positions. Predict the order of the losses first.

# %%
from engine import RATE_HZ, TRACE_SECOND, hear, snr_db, true_stems


def nothing(m, x, other, heads):
    return np.zeros_like(x)


def no_cross(m, x, other, heads):
    return nothing(m, x, other, heads) if m.name.endswith("cross_attn") else attention(m, x, other, heads)


zeros = {
    "positions_1d": lambda n, c, period: np.zeros((n, c), np.float32),
    "positions_2d": lambda f, t, c, period: np.zeros((f * t, c), np.float32),
}
ablations = {
    "without any attention": {"attention": nothing},
    "without cross-attention": {"attention": no_cross},
    "without positions": zeros,
}
part = slice(TRACE_SECOND * RATE_HZ, (TRACE_SECOND + 4) * RATE_HZ)
true = [true_stems()[name][:, part] for name in config.sources]
found = {"the model": excerpt_with()}
for name, functions in ablations.items():
    found[name] = excerpt_with(**functions)
print(" " * 26 + "   ".join(f"{name:>7}" for name in config.sources))
for name, stems in found.items():
    row = [snr_db(stem, mine) for stem, mine in zip(true, stems, strict=True)]
    print(f"{name:24}" + "  ".join(f"{value:5.2f} dB" for value in row))

# %% [markdown]
# In this small model, attention matters for bass and drums. Cross-attention and positions give 0.2 dB at most, and four
# seconds of one song can't tell 0.2 dB from nothing. So the story above
# ("each branch learns what the other knows") is the *idea* of the paper, not something that this model proves. It is
# small, and its music has no choruses to look up. With a model 18 times as large and 800 songs more to train on, the
# authors measured that the transformer as a whole gains 0.45 dB (their abstract). To ablate the published one: `COURSE_MODEL=htdemucs python 07_the_branches_talk.py`.
#
# Listen to the bass: [the model](sounds/07_bass.mp3) · [without any attention](sounds/07_bass_without.mp3)

# %%
bass = config.sources.index("bass")
hear("07_bass", found["the model"][bass], start=0)
hear("07_bass_without", found["without any attention"][bass], start=0)

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
check({"crosstransformer.layers_t.1": careless}, expect_wrong=True)

# %% [markdown]
# **Read more.** HTDemucs, with its own ablations: [arXiv:2211.08553](https://arxiv.org/abs/2211.08553).
