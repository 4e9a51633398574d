# %% [markdown]
# # 5. DConv: dilation, GroupNorm, LayerScale
#
# **The question.** In the spectrogram's branch the encoder's convolutions step along frequency only:
# kernel 8 × 1. So how does a layer see what happens before and after?
#
# ## The intuition
#
# Each layer has a small *residual path*, *DConv*, that reads along time. It reduces the channels to an
# eighth, reads three frames, expands the channels again, and *adds* the result to its input. If it has
# nothing to contribute, it adds almost nothing. A second round reads three frames that are two steps apart
# (*dilation* 2), and so sees farther at the same cost.
#
# Three ideas keep such paths trainable:
#
# - **Bottleneck**: an eighth of the channels, so it costs little.
# - **GroupNorm**: the values are brought to mean 0 and variance 1 on the way, so that they neither explode
#   nor vanish.
# - **LayerScale**: each channel of the result is multiplied by a learned number $\gamma$ that starts near
#   zero. At the beginning of training the path adds almost nothing; training increases it where it helps.
#
# ## The equation
#
# $$x \leftarrow x + \gamma \cdot \text{GLU}\big(\text{norm}(W_2 \; \text{GELU}(\text{norm}(\text{conv}_3(x))))\big)$$
#
# twice, with dilation 1 and 2. The norm is a *GroupNorm with one group*:
#
# $$\text{norm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + 10^{-5}}} \cdot w + b$$
#
# with mean and variance over all channels and all times. Here is the trap of this chapter: over which
# *frequencies*? In the reference every frequency row is a separate item of the batch, so **each row has its
# own mean and variance**. A waveform has one row, so its statistics run over the whole signal.
#
# **Shapes.** `x` is [C, F, T], or [C, 1, N]. Inside, the bottleneck has C / 8 channels. The result has the
# shape of `x`.

# %%
import numpy as np

from engine import MODEL, check, true_values
from given import conv, gelu, glu, load


def normalise(x, axes):
    mean = x.mean(axes, keepdims=True, dtype=np.float64)
    variance = np.square(x - mean).mean(axes, keepdims=True, dtype=np.float64)
    return ((x - mean) / np.sqrt(variance + 1e-5)).astype(np.float32)


def row_norm(m, x):
    return normalise(x, (0, 2)) * m["weight"][:, None, None] + m["bias"][:, None, None]


def dconv(m, x):
    for d in range(2 if "layers.0.0.weight" in m else 0):
        layer = m / f"layers.{d}"
        y = conv(layer / "0", x, padding=(0, 2**d), dilation=2**d)  # [C / 8, F, T]
        y = gelu(row_norm(layer / "1", y))
        y = glu(row_norm(layer / "4", conv(layer / "3", y)))  # [C, F, T]
        y = y * layer["6.scale"][:, None, None]
        m.see(f"layers.{d}", y.swapaxes(0, 1))
        x = x + y
    m.see("", x.swapaxes(0, 1))
    return x


# %% [markdown]
# `m.see` keeps a value for a trace. The reference makes the frequencies a batch, so its trace has them
# first, [F, C, T].
#
# ## The check
#
# DConv's input is the GELU of the output of `encoder.0.conv`, which the trace has. The same function
# serves the waveform.

# %%
config, model = load(MODEL)
truth = true_values("encoder.0.conv", "tencoder.0.conv", "encoder.0.dconv")
before = gelu(truth["encoder.0.conv"])
after = dconv(model / "encoder.0.dconv", before)
after_t = dconv(model / "tencoder.0.dconv", gelu(truth["tencoder.0.conv"])[:, None])
check({"encoder.0.dconv": after.swapaxes(0, 1), "tencoder.0.dconv": after_t.swapaxes(0, 1)})

# %% [markdown]
# ## The picture
#
# ![Three pictures of one channel: before DConv, after it, and the difference, which the two residual
# layers added.](figures/05_residual.png)
#
# *Red is positive, blue negative, one scale for all. DConv adds something to every row, the silent upper ones
# included, and most around the drum hit near frame 5.*
#
# Before, nearly all energy lies in the lowest rows. DConv adds about as much to the quiet rows as to the
# loud ones: its norm brings every row to variance 1, so the residual path loses the loudness of a row. The
# output of the layer keeps it, because DConv only adds.

# %%
from figures import dconv as pictures

pictures.residual(before, after)

# %% [markdown]
# How strongly does each layer of the network use its residual path? LayerScale shows it. It started at 0.001.

# %%
for branch in ("encoder", "tencoder", "decoder", "tdecoder"):
    scales = [
        np.abs(model[f"{branch}.{i}.dconv.layers.{d}.6.scale"]).mean()
        for i in range(config.depth)
        for d in range(2)
    ]
    print(f"{branch:9}", " ".join(f"{scale:6.3f}" for scale in scales))

# %% [markdown]
# ## Exercise
#
# Normalise all rows together, as `GroupNorm` would if it were given [C, F, T] directly. Where does the
# mistake show first, and how large is it? Does the rest of the network repair it?

# %% [markdown] tags=["answer"]
# Low frequencies are much louder than high ones. The loud rows dominate common statistics, and quiet rows
# end up near a constant. The very first residual layer is wrong.


# %% tags=["answer"]
def norm_of_all_rows(m, x):
    return normalise(x, (0, 1, 2)) * m["weight"][:, None, None] + m["bias"][:, None, None]


def dconv_of_all_rows(m, x):
    for d in range(2):
        layer = m / f"layers.{d}"
        y = conv(layer / "0", x, padding=(0, 2**d), dilation=2**d)
        y = gelu(norm_of_all_rows(layer / "1", y))
        y = glu(norm_of_all_rows(layer / "4", conv(layer / "3", y)))
        x = x + y * layer["6.scale"][:, None, None]
    return x


wrong = dconv_of_all_rows(model / "encoder.0.dconv", before)
check({"encoder.0.dconv": wrong.swapaxes(0, 1)}, expect_wrong=True)

# %% tags=["answer"]
from engine import hear, snr_db
from given import excerpt_with

right, spoiled = excerpt_with(), excerpt_with(row_norm=norm_of_all_rows)
for k, name in enumerate(config.sources):
    print(f"{name:8} {snr_db(right[k], spoiled[k]):.1f} dB")
hear("05_right", right[0], start=0)
hear("05_all_rows", spoiled[0], start=0)

# %% [markdown] tags=["answer"]
# Listen to the drums of these four seconds: [right](sounds/05_right.mp3) · [all rows
# together](sounds/05_all_rows.mp3)
#
# No, nothing repairs it. And in the waveform's branch the same code is right, because there is
# only one row. That is what makes this fault hard to find: half of the network works.

# %% [markdown]
# **Read more.** GroupNorm: [arXiv:1803.08494](https://arxiv.org/abs/1803.08494). LayerScale:
# [arXiv:2103.17239](https://arxiv.org/abs/2103.17239). DConv: [arXiv:2111.03600](https://arxiv.org/abs/2111.03600).
