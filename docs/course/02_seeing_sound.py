# %% [markdown]
# # 2. Seeing sound: the STFT, padding, and complex numbers as channels
#
# **The question.** HTDemucs has two branches. One reads the waveform. The other one reads a picture of
# the sound. How is that picture made, so that it can be turned back into sound exactly?
#
# ## The intuition
#
# Cut the sound into short pieces that overlap, the *frames*. A Fourier transform says how much of each frequency a
# piece contains. Put the results side by side, one column for each piece: time runs to the right,
# frequency upwards. This is the *short-time Fourier transform*, STFT.
#
# Each result is a complex number. Its magnitude says how strong a frequency is; its *phase*, the angle, says where
# in its cycle the wave is. Pictures show magnitudes, but without the phases nobody can get the sound back.
#
# The choices are a compromise. A long piece tells frequencies apart, but blurs time; a short one does
# the reverse. HTDemucs takes 4,096 samples (93 ms) and moves by 1,024 (the *hop*).
#
# ![Left: a sine whose edges jump, and the same sine times a Hann window. Middle: four windows that
# overlap by three quarters. Right: a spectrogram.](figures/02_window_hop_spectrogram.png)
#
# *Left: the window (blue) takes away the jumps at the edges of a piece. Middle: five neighbouring windows. Right: the
# traced second, vertical lines are drums.*
#
# ## The equation
#
# $$Z[f, t] = \frac{1}{\sqrt{n}} \sum_{k=0}^{n-1} w[k] \; x[t h + k] \; e^{-2 \pi i f k / n}$$
#
# where $x$ is the padded signal: with the padding below, frame $t$ begins at sample $1024\,t - 1536$ of the original.
# Here $n = 4096$, the hop is $h = n / 4$, and the *Hann window* $w[k] = \tfrac12 - \tfrac12 \cos(2 \pi k / n)$.
# The window fades each piece in and out; without it the cut edges would look like clicks, which have
# all frequencies. It is *periodic*: it ends one step before zero, and shifted copies add up evenly.
#
# ## Padding
#
# The first piece should be centred near the first sample, so it needs samples before the first one. The
# signal is *reflected* at both ends: 3/2 hops on the left, and on the right 3/2 hops plus the samples that
# fill the last hop. The reflection leaves out the edge sample: … 3 2 **1** 2 3 …, not … 3 2 1 **1** 2 3 ….
#
# ## Complex numbers as channels
#
# Convolutions work on real numbers. So real and imaginary parts become channels of their own: left
# real, left imaginary, right real, right imaginary. Nothing is lost, and the network can change phases.
#
# **Shapes.** `x` is [2, N], the result [4, 2048, T] with T = ⌈N / 1024⌉. A transform of 4,096 real
# numbers has 2,049 frequencies; the last one (22,050 Hz) is dropped.

# %%
import numpy as np


def window(nfft):
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(nfft) / nfft)).astype(np.float32)


def stft(x, nfft):
    hop = nfft // 4
    frames = -(-x.shape[1] // hop)
    edge = 3 * hop // 2
    right = edge + frames * hop - x.shape[1]
    x = np.pad(x, ((0, 0), (edge, right)), mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(x, nfft, axis=1)[:, ::hop][:, :frames]
    spectrum = np.fft.rfft(pieces * window(nfft), axis=2)[..., :-1] / np.sqrt(nfft)
    parts = np.stack([spectrum.real, spectrum.imag], axis=1)  # [C, 2, T, F]
    return parts.reshape(-1, *parts.shape[2:]).swapaxes(1, 2).astype(np.float32)


# %% [markdown]
# ## True values
#
# `swift-demucs trace` writes every value inside the network for one second of the demo track: the input,
# the spectrogram, and what each layer computes. All chapters use the file that this command writes:

# %%
from engine import command, trace_command, true_values, write_trace

print(command(*trace_command()))
write_trace()
truth = true_values("mix", "mag")
for name, array in truth.items():
    print(f"{name:4}", array.shape)

# %% [markdown]
# `mix` is the second of music that the network reads, `mag` its spectrogram. (The name comes from the
# reference, where it once held magnitudes.)
#
# Before it reads the music, the network's caller brings the song to mean 0 and standard deviation 1 (chapter 9), so
# `mix` is louder than the song.
#
# ## The check
#
# From here on every check is the same. It computes the *signal-to-noise ratio* of your array $\hat v$ against the
# engine's $v$:
#
# $$\text{SNR} = 10 \log_{10} \frac{\sum v^2}{\sum (v - \hat v)^2}$$
#
# At least 100 dB is right; anything less stops the chapter. Float32 has about 24 bits, and sums in another order
# differ in the last ones, so two correct programs agree to 110 to 150 dB, not to infinity. Most mistakes give 60 dB
# or less; an approximation that is used everywhere can reach 90.

# %%
from engine import check

mine = stft(truth["mix"], 4096)
check({"mag": mine})

# %%
from figures import seeing_sound

seeing_sound.window_hop_spectrogram(window(4096), mine)

# %% [markdown]
# ## And back
#
# Can it be turned back into sound exactly? The inverse transform of each piece, windowed again, is added up, and
# the sum divided by the sum of the squared windows. Chapter 8 writes it down. Here it is from the capstone:

# %%
from engine import hear, require, snr_db
from given import istft

back = istft(mine, truth["mix"].shape[1])
inside = slice(3072, -3072)
level = snr_db(truth["mix"][:, inside], back[:, inside])
print(f"the middle {level:.0f} dB, with both ends {snr_db(truth['mix'], back):.0f} dB")
require(level >= 100, "the round trip should change nothing in the middle")

# %% [markdown]
# Inside it is exact. The ends lose a little: the reference leaves out the two outermost frames at each side, and
# the inverse takes them as empty. Whole songs get context there (chapter 9).
#
# Without phases the same magnitudes are another sound. Listen: [the second, three
# times](sounds/02_original.mp3) · [its magnitudes with all phases zero](sounds/02_no_phase.mp3)

# %%
flat = np.zeros_like(mine)
flat[0::2] = np.hypot(mine[0::2], mine[1::2])
for name, sound in (("original", truth["mix"]), ("no_phase", istft(flat, back.shape[1]))):
    hear(f"02_{name}", np.tile(0.1 * sound, 3), start=0)

# %% [markdown]
# ## Exercise
#
# Pad with NumPy's `mode="symmetric"`, which repeats the edge sample. Which frames go wrong, and why only
# those? Predict first.

# %% [markdown] tags=["answer"]
# Only frames whose window reaches into the padding can change. Frame t covers the samples from
# 1,024 t − 1,536 to 1,024 t + 2,560 of the signal, so the first two frames see the left edge, and those at
# the end see the right one. All others are the same to the last bit.


# %% tags=["answer"]
def with_padding(x, mode, nfft=4096):
    hop = nfft // 4
    right = 3 * hop // 2 + -x.shape[1] % hop
    x = np.pad(x, ((0, 0), (3 * hop // 2, right)), mode=mode)
    pieces = np.lib.stride_tricks.sliding_window_view(x, nfft, axis=1)[:, ::hop]
    return np.fft.rfft(pieces * window(nfft), axis=2)


mirror = with_padding(truth["mix"], "reflect")
other = with_padding(truth["mix"], "symmetric")
wrong = [t for t in range(mirror.shape[1]) if not np.array_equal(mirror[:, t], other[:, t])]
print("frames:", mirror.shape[1], "  different:", wrong)

# %% [markdown]
# **Read more.** Allen and Rabiner, "A unified approach to short-time Fourier analysis and synthesis", 1977: why the inverse divides by
# the squared windows.
