# %% [markdown]
# # 4. Two encoders: strided convolution, GELU, GLU
#
# **The question.** A second of music is 88,200 samples, or 360,000 numbers of a spectrogram. How does the
# network reduce them to a few hundred vectors that describe the music?
#
# ## The intuition
#
# In steps. Each *encoder layer* reads 8 neighbouring positions at a time, moves by 4 (the *stride*), and
# computes more features (*channels*) for each position than it reads. So each layer leaves a quarter of the
# positions, with twice the channels. After four layers there are 256 times fewer positions, and each one
# describes a wide stretch of sound.
#
# There are two such stacks: `encoder` for the spectrogram, which steps along *frequency*, and `tencoder`
# for the waveform, which steps along *time*. In this course a waveform is a spectrogram with a single row,
# [C, 1, N]. So the same code serves both.
#
# ## What a network is
#
# A network is a long function with millions of numbers in it, the *weights*, which training chose (chapter 11). It is
# made of *layers*. A layer does two things in turn:
#
# - a **linear map**: each output is a weighted sum of inputs, plus a constant (the *bias*). A matrix product.
# - a **non-linearity**, applied to each number: something that bends. Without it, two linear maps in a row would be
#   one linear map, and a hundred layers no better than one.
#
# The numbers at one position are its *channels*. They begin as left and right, and become what training found
# useful: an onset here, a steady tone there. Nobody names them. A *batch* is a group of examples that are computed
# together; this course always has one.
#
# ![Left: GELU and its straight relative ReLU. Right: the sigmoid, which a gate multiplies
# with.](figures/04_bends.png)
#
# *The two bends of this network. Left: GELU (blue) is nearly 0 for negative and nearly x for positive numbers. Right:
# the sigmoid is a door between closed (0) and open (1).*
#
# ## The equations
#
# A *convolution* is a matrix product at each place: the weights $W_{ij}$ of a tap (i, j) multiply the
# channels of the neighbour at that distance, and the taps add up:
#
# $$y[:, f, t] = b + \sum_{i,j} W_{ij} \; x[:, s f + i, \; s' t + j]$$
#
# *GELU* is a smooth switch: it lets positive numbers through and closes for negative ones.
# $\Phi$ is the distribution function of the normal distribution; the exact form with erf is used
# everywhere.
#
# $$\text{GELU}(x) = x \, \Phi(x) = \tfrac{x}{2} \left(1 + \text{erf}(x / \sqrt 2)\right)$$
#
# In a *GLU* one half of the channels decides how much of the other half gets through:
#
# $$\text{GLU}(a, b) = a \cdot \text{sigmoid}(b)$$
#
# A whole layer, with DConv left for chapter 5:
#
# $$\text{encode}(x) = \text{GLU}(\text{rewrite}(\text{DConv}(\text{GELU}(\text{conv}(x)))))$$

# %%
import numpy as np
from scipy.special import erf, expit

from engine import MODEL, check, true_values
from given import load


def kernel(m):
    weight = m["weight"]
    return weight[:, :, None] if weight.ndim == 3 else weight


def conv(m, x, stride=(1, 1), padding=(0, 0), dilation=1):
    weight, bias = kernel(m), m["bias"]  # [O, C, kF, kT]
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    outputs, channels, tall, wide = weight.shape
    rows = (x.shape[1] - tall) // stride[0] + 1
    columns = (x.shape[2] - dilation * (wide - 1) - 1) // stride[1] + 1
    y = np.repeat(bias[:, None], rows * columns, axis=1)
    for i in range(tall):
        for j in range(wide):
            taps = x[:, i :: stride[0], j * dilation :: stride[1]][:, :rows, :columns]
            y += weight[:, :, i, j] @ taps.reshape(channels, -1)
    return y.reshape(outputs, rows, columns)


# %% [markdown]
# `m` is a part of the network: `m / "conv"` is a part of that, and `m["weight"]` one of its weights, under
# the names of the checkpoint. (`Module` in [htdemucs.py](htdemucs.py) is twenty lines of dictionary.)


# %%
def gelu(x):
    return x * (np.float32(0.5) + np.float32(0.5) * erf(x * np.float32(np.sqrt(0.5))))


def glu(x):
    a, b = np.split(x, 2)
    return a * expit(b)


def gate(m, x):
    padding = [taps // 2 for taps in kernel(m).shape[2:]]
    return glu(m.see("", conv(m, x, padding=padding)))


# %% [markdown]
# The layer itself. Mind the padding. The spectrogram gets 2 rows of zeros at each side. The waveform gets
# them too, and before that zeros **on the right only**, up to a multiple of the stride. Ports that spread
# these zeros over both sides shift everything by a sample, and still sound almost right.

# %%
from given import dconv


def encode(m, x, config):
    stride, edge = config.stride, m["conv.weight"].shape[2] // 4
    if m.name.startswith("tencoder"):
        x = np.pad(x, ((0, 0), (0, 0), (0, -x.shape[2] % stride)))  # zeros on the right only
        y = conv(m / "conv", x, (1, stride), (0, edge))
    else:
        y = conv(m / "conv", x, (stride, 1), (edge, 0))
    y = dconv(m / "dconv", gelu(m.see("conv", y)))
    return m.see("", gate(m / "rewrite", y))


# %% [markdown]
# ## Before the first layer: two normalisations
#
# Both inputs are brought to mean 0 and standard deviation 1, each over all of its elements. The
# variance is divided by n − 1, and 1e-5 is added to the standard deviation, not to the variance. The two
# numbers are kept: chapter 8 undoes the step.
#
# $$\hat x = \frac{x - \text{mean}}{10^{-5} + \text{std}}$$


# %%
def standardise(x):
    mean = np.float32(x.mean(dtype=np.float64))
    std = np.float32(x.std(dtype=np.float64, ddof=1))
    return (x - mean) / (np.float32(1e-5) + std), mean, std


config, model = load(MODEL)
truth = true_values("mix", "mag")
x, mean, std = standardise(truth["mag"])
xt, mean_t, std_t = standardise(truth["mix"])
check({"x": x, "xt": xt})

# %% [markdown]
# ## After the first layer: where am I?
#
# A convolution treats all frequencies alike. But music at 100 Hz differs from music at 10 kHz, so the network
# gets the frequency as an input: a learned vector for each of the remaining frequencies is added, once, after
# `encoder.0`. The vector is stored small and multiplied by 10 · 0.2; the 10 only makes it learn faster, the 0.2 is its
# weight against the rest.
#
# ## Shapes
#
# The outputs of all encoder layers for a second of music. The last column is the number of elements.

# %%
found, shapes = {}, []
xt = xt[:, None]  # [2, 1, N]: one row
for i in range(config.depth):
    xt = found[f"tencoder.{i}"] = encode(model / f"tencoder.{i}", xt, config)
    x = found[f"encoder.{i}"] = encode(model / f"encoder.{i}", x, config)
    if i == 0:
        embedding = model["freq_emb.embedding.weight"].T[:, :, None]  # [C, F, 1]
        x = x + np.float32(config.freq_emb * config.emb_scale) * embedding
        found["encoder.0.embedded"] = x
    shapes.append((f"encoder.{i}", x.shape, f"tencoder.{i}", xt.shape))
for name, shape, name_t, shape_t in shapes:
    size = int(np.prod(shape) + np.prod(shape_t))
    print(f"{name} {shape!s:16} {name_t} {shape_t!s:16} {size:8,}")

# %% [markdown]
# ## The picture
#
# ![The mean magnitude of the values that each encoder layer of the spectrogram computes: four pictures
# with fewer and fewer rows, the same columns.](figures/04_activations.png)
#
# *Bright is strong, each picture on its own scale. The bright patch near frame 5 is a drum hit, the lines at the bottom
# are tones. From level to level rows get fewer, columns never.*
#
# Time runs to the right in all four, and always has 44 frames: along time the spectrogram's branch never shrinks. In the
# last picture a row stands for 2.8 kHz, and what a channel means has little to do with loudness any more.

# %%
from figures import two_encoders

two_encoders.bends(gelu)
two_encoders.activations({name: found[name] for name in found if name.startswith("encoder.")})

# %% [markdown]
# ## The check

# %%
check(found)

# %% [markdown]
# ## Exercise
#
# 1. Predict all shapes for a segment of the published `htdemucs`: 343,980 samples, 336 frames, 48 channels
#    after the first layer.
# 2. How many samples of the waveform can one vector of `tencoder.3` see? Count its *receptive field*,
#    without DConv.

# %% [markdown] tags=["answer"]
# 1. Frequencies: 2048 / 4 = 512, then 128, 32, 8. Samples are divided by 4 and rounded up, because of
#    the zeros on the right. Channels double.
# 2. A layer with kernel 8 and stride 4 turns a field of r places into 4 (r − 1) + 8 places of its input.

# %% tags=["answer"]
channels, freqs, samples = 48, 2048, 343980
for i in range(4):
    freqs, samples = freqs // 4, -(-samples // 4)
    print(f"level {i}: {channels * 2**i} × {freqs} × 336   and   {channels * 2**i} × {samples}")
field = 1
for _ in range(4):
    field = 4 * (field - 1) + 8
print(f"receptive field of tencoder.3: {field} samples, {1000 * field / 44100:.0f} ms")

# %% [markdown]
# **Read more.** GELU: [arXiv:1606.08415](https://arxiv.org/abs/1606.08415). GLU: [arXiv:1612.08083](https://arxiv.org/abs/1612.08083). Hybrid Demucs, the
# two branches: [arXiv:2111.03600](https://arxiv.org/abs/2111.03600).
