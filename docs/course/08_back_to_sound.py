# %% [markdown]
# # 8. Back to sound: transposed convolution, skips, inverse STFT
#
# **The question.** A few hundred vectors describe the music. How do they become four stems of 44,100
# samples a second again?
#
# ## The intuition
#
# By the same steps in reverse. Each *decoder layer* undoes the size of an encoder layer: four times as many
# places, half the channels. It uses a *transposed convolution*: where a convolution reads 8 places and writes
# one, this one reads one place and writes 8, and neighbours overlap and add up.
#
# But details were lost on the way down. So each decoder layer also gets the output of the encoder layer of the
# same size, the *skip*. The vectors from the bottom say *what* should be there, and the skip says exactly
# *where*.
#
# At the end the spectrogram's branch gives a complex spectrogram for each stem, which an inverse STFT turns
# into sound. The waveform's branch gives samples. Both are added. Training decides how the branches share
# the work.
#
# ## The equations
#
# $$y[:, \; 4 f + i, \; t] \mathrel{+}= W_i^\top x[:, f, t] \qquad i = 0 \dots 7, \qquad y \text{ begins as the bias}$$
#
# ![Left: a U-Net, whose encoder layers hand their outputs across to the decoder layers of the same size. Right: a
# transposed convolution: three inputs write eight places each, four apart, and add up.](figures/08_unet.png)
#
# *Left: four levels down, four up, and the skips across. Right: each colour is one input's copy of the kernel; where two
# overlap they are added.*
#
# The result is 4 places too long, so 2 are cut off at each end (of the waveform: from sample 2 on, as
# many as the encoder's input had). A layer:
#
# $$\text{decode}(x) = \text{GELU}(\text{cut}(\text{conv}^\top(\text{DConv}(\text{GLU}(\text{rewrite}(x + \text{skip}))))))$$
#
# with no GELU in the last one, because sound has both signs. The inverse STFT adds the windowed pieces up
# and divides by the sum of the squared windows. The factor $\sqrt n$ undoes that of chapter 2; $m$ counts the samples:
#
# $$x[m] = \frac{\sum_t w[m - th] \; \sqrt n \; y_t[m - th]}{\sum_t w[m - th]^2}$$

# %%
import numpy as np

from engine import MODEL, TRACE_SECOND, check, hear, true_stems, true_values
from given import dconv, gate, gelu, kernel, load, window


def conv_transpose(m, x, stride):
    weight = kernel(m)  # [C, O, kF, kT]
    channels, rows, columns = x.shape
    _, outputs, tall, wide = weight.shape
    size = (rows - 1) * stride[0] + tall, (columns - 1) * stride[1] + wide
    y = np.zeros((outputs, *size), dtype=np.float32) + m["bias"][:, None, None]
    for i in range(tall):
        for j in range(wide):
            part = weight[:, :, i, j].T @ x.reshape(channels, -1)
            place = y[:, i :: stride[0], j :: stride[1]][:, :rows, :columns]
            place += part.reshape(outputs, rows, columns)
    return y


# %%
def decode(m, x, skip, config, length):
    stride, edge = config.stride, m["conv_tr.weight"].shape[2] // 4
    is_time, is_last = m.name.startswith("tdecoder"), m.name.endswith(f".{config.depth - 1}")
    y = dconv(m / "dconv", gate(m / "rewrite", x + skip))
    y = m.see("conv_tr", conv_transpose(m / "conv_tr", y, (1, stride) if is_time else (stride, 1)))
    y = y[:, :, edge : edge + length] if is_time else y[:, edge:-edge]
    return m.see("", y if is_last else gelu(y))


def istft(z, samples):
    nfft, hop = 2 * z.shape[1], z.shape[1] // 2
    spectrum = (z[0::2] + 1j * z[1::2]).swapaxes(1, 2)  # [C, T, F]
    spectrum = np.pad(spectrum, ((0, 0), (2, 2), (0, 1)))  # two empty frames; Nyquist is zero
    frames = np.fft.irfft(spectrum, axis=2) * window(nfft) * np.sqrt(nfft)
    total = np.zeros((len(frames), nfft + (frames.shape[1] - 1) * hop))
    weight = np.zeros(total.shape[1])
    for t in range(frames.shape[1]):
        total[:, t * hop : t * hop + nfft] += frames[:, t]
        weight[t * hop : t * hop + nfft] += window(nfft) ** 2
    start = 2 * hop + 3 * hop // 2  # the empty frames, then the reflected edge
    kept = slice(start, start + samples)
    return (total[:, kept] / weight[kept]).astype(np.float32)


# %% [markdown]
# `rewrite` is a 3 × 3 convolution in the decoder (3 taps for the waveform), so `gate` of chapter 4 pads by
# one on each side. These are the largest convolutions of the network.
#
# ## The check
#
# From the transformer's output to the stems. The names in the trace are those of the ONNX export:
# `output` is the output of the spectrogram's branch, `add_67` the *waveform output*, both denormalised
# with the mean and standard deviation of chapter 4: times std, plus mean, **without** the 1e-5.

# %%
config, model = load(MODEL)
truth = true_values()
freqs, samples, sources = truth["encoder.3"].shape[1], truth["mix"].shape[1], len(config.sources)
down, down_t = truth["channel_downsampler"], truth["channel_downsampler_t"]
x, xt = down.reshape(len(down), freqs, -1), down_t[:, None]
found = {}
for i in range(config.depth):
    level = config.depth - 1 - i
    skip = truth["encoder.0.embedded" if level == 0 else f"encoder.{level}"]
    skip_t = truth[f"tencoder.{level}"][:, None]
    length = samples if level == 0 else truth[f"tencoder.{level - 1}"].shape[1]
    x = found[f"decoder.{i}"] = decode(model / f"decoder.{i}", x, skip, config, 0)
    xt = found[f"tdecoder.{i}"] = decode(model / f"tdecoder.{i}", xt, skip_t, config, length)
    print(f"decoder.{i} {x.shape!s:16} tdecoder.{i} {xt.shape!s:16}")

# %%
mean, std = truth["mag"].mean(dtype=np.float64), truth["mag"].std(ddof=1, dtype=np.float64)
mean_t, std_t = truth["mix"].mean(dtype=np.float64), truth["mix"].std(ddof=1, dtype=np.float64)
spectra = (x * std + mean).astype(np.float32)
waves = (xt[:, 0] * std_t + mean_t).astype(np.float32)
final = istft(spectra, samples) + waves
found["output"] = spectra.reshape(sources, -1, *spectra.shape[1:])
found["add_67"] = waves.reshape(sources, -1, samples)
found["final"] = final.reshape(sources, -1, samples)
check(found)

# %% [markdown]
# This is the whole network. [htdemucs.py](htdemucs.py) has the same functions, one after the other, and
# `forward` calls them.
#
# ## The picture
#
# ![For each stem the energy of the spectrogram branch's part and of the waveform branch's part over
# frequency.](figures/08_shares.png)
#
# *The sum (grey), and what each branch adds. The vocals are nearly all from the spectrogram (blue). In `other`, below
# 100 Hz, both branches lie 25 dB above their sum: they cancel each other.*
#
# The two branches do not divide a stem cleanly: where both curves lie above the sum, they cancel each other.

# %%
from figures import back_to_sound

from_spectrogram = istft(spectra, samples).reshape(sources, -1, samples)
back_to_sound.unet()
back_to_sound.shares(config.sources, from_spectrogram, found["add_67"])

# %% [markdown]
# ## Exercise
#
# Silence one branch, then the other, and score the stems of this second against the true ones. Which branch
# matters more, and is it the same for all stems?

# %% [markdown] tags=["answer"]
# The engine traced the second that begins at 20 s of the track, after it brought the track to standard
# deviation 1. The true stems get the same scale, which follows from the mixture.

# %% tags=["answer"]
start = TRACE_SECOND * config.samplerate
second = slice(start, start + samples)
stems = {name: stem[:, second] for name, stem in true_stems().items()}
mixture = sum(stems.values())
scale = np.sqrt(np.square(truth["mix"]).sum() / np.square(mixture).sum())


def sdr(truth, estimate):
    return 10 * np.log10(np.square(truth).sum() / np.square(truth - estimate).sum())


for kind, sound in (("spectrogram", from_spectrogram), ("waveform", found["add_67"])):
    hear(f"08_{kind}", np.tile(0.1 * sound[3], 3), start=0)
print("          both branches   spectrogram only   waveform only")
for name, whole, z, wave in zip(
    config.sources, found["final"], from_spectrogram, found["add_67"], strict=True
):
    row = [sdr(scale * stems[name], part) for part in (whole, z, wave)]
    print(f"{name:8}" + "".join(f"{value:13.2f} dB" for value in row))

# %% [markdown] tags=["answer"]
# Listen to the vocals of one branch: [spectrogram](sounds/08_spectrogram.mp3) ·
# [waveform](sounds/08_waveform.mp3)
#
# A branch alone scores worse than both. The branches were trained together and depend on each other: a branch
# that was trained alone could have learned some of the parts that it leaves out here.

# %% [markdown]
# **Read more.** U-Net: [arXiv:1505.04597](https://arxiv.org/abs/1505.04597). The first Demucs, a U-Net on waveforms:
# [arXiv:1909.01174](https://arxiv.org/abs/1909.01174).
