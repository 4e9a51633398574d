# %% [markdown]
# # 1. How good is it? SDR and SI-SDR
#
# **The question.** Two programs separate the same song. Which one is better, and by how much? Listening
# decides in the end, but a number is needed for every step of the way.
#
# ## The intuition
#
# Subtract the estimate from the true stem. The rest is the *error*. Compare the energy of the
# true stem with the energy of the error, on a logarithmic scale: that is the *signal-to-distortion
# ratio*, SDR. Ten times less error energy is 10 dB more.
#
# | SDR | the error's energy is |
# |---|---|
# | 0 dB | as large as the stem's; this is the score of silence |
# | 5 dB | a third |
# | 10 dB | a tenth |
# | 20 dB | a hundredth |
#
# ## The equation
#
# $$\text{SDR} = 10 \log_{10} \frac{\sum s^2}{\sum (s - \hat s)^2}$$
#
# Sums run over all samples and both channels. A small number (1e-7) is added to both sums, so that
# silence gives no division by zero. This is the definition of the Music Demixing Challenge 2021.
#
# *SI-SDR* is scale-invariant: turning the volume up or down changes nothing. The true stem is first
# scaled to fit the estimate best, by $\alpha = \langle s, \hat s\rangle / \langle s, s\rangle$:
#
# $$\text{SI-SDR} = 10 \log_{10} \frac{\sum (\alpha s)^2}{\sum (\alpha s - \hat s)^2}$$
#
# In the rows below SI-SDR is a little lower than SDR. A network that makes its error small makes its estimates a little
# too soft ($\alpha < 1$); SI-SDR scales the truth down to them, so less energy stands above the error. This is no law: an
# estimate at a wrong volume loses SDR, but no SI-SDR.
#
# Papers often print
# a third score, the SDR of *BSSEval* version 4: it forgives any fixed filter of 512 taps, and takes the median of
# windows of one second. The "9 dB" of HTDemucs is that one; `bench/bsseval.py` computes it with museval.
# Never compare numbers of two kinds.
#
# **Shapes**: both stems are [2, samples]; the result is one number.

# %%
import numpy as np

from engine import hear, require, scores, separated, true_stems


def sdr(truth, estimate):
    truth, estimate = truth.astype(np.float64), estimate.astype(np.float64)
    error = np.square(truth - estimate).sum()
    return 10 * np.log10((np.square(truth).sum() + 1e-7) / (error + 1e-7))


def si_sdr(truth, estimate):
    truth, estimate = truth.astype(np.float64), estimate.astype(np.float64)
    scale = (truth * estimate).sum() / np.square(truth).sum()
    return sdr(scale * truth, estimate)


truth, stems = true_stems(), separated()
for name in stems:
    score, scaled = sdr(truth[name], stems[name]), si_sdr(truth[name], stems[name])
    print(f"{name:8} SDR {score:6.2f} dB   SI-SDR {scaled:6.2f} dB")

# %% [markdown]
# Sums are in double precision: a song has millions of samples, and float32 has seven digits.
#
# ## The picture
#
# ![Four rows, one for each stem: the energy of the true stem and the energy of the error, in dB, over
# 30 seconds. The distance between the two curves is the SDR of that moment.](figures/01_error_over_time.png)
#
# *Coloured: the true stem. Red: the error. The gap between them is the score of that second.*
#
# One number for a whole song hides a lot. The distance between the two curves is the SDR of that second.
# Where a stem is silent, the error's curve is the higher one: there the estimate contains only error.

# %%
from figures import how_good_is_it

how_good_is_it.error_over_time(truth, stems)

# %% [markdown]
# ## Listen
#
# The error of each stem, five seconds: what is missing, and what came in from other stems.
#
# [drums](sounds/01_error_drums.mp3) · [bass](sounds/01_error_bass.mp3) · [other](sounds/01_error_other.mp3) ·
# [vocals](sounds/01_error_vocals.mp3)

# %%
for name in stems:
    hear(f"01_error_{name}", truth[name] - stems[name])

# %% [markdown]
# ## The check
#
# Compare your numbers with those of `swift-demucs eval`, to 0.01 dB:

# %%
for name, row in scores().items():
    mine = sdr(truth[name], stems[name]), si_sdr(truth[name], stems[name])
    distance = max(abs(mine[0] - row["sdr"]), abs(mine[1] - row["si_sdr"]))
    require(distance < 0.01, f"your scores of {name} are {distance:.2f} dB from those of eval")
    print(f"{name:8} right")

# %% [markdown]
# ## Exercise
#
# Take the mixture itself as the estimate of each stem, which needs no program at all. Predict its SDR
# first: if the four stems are equally loud, which number will it be? Then measure.

# %% [markdown] tags=["answer"]
# With the mixture as the estimate of $s_1$ the error is $s_2 + s_3 + s_4$. The energies of unrelated
# stems add up, so the error has three times the energy of the stem:
#
# $$10 \log_{10} \tfrac13 = -4.8\ \text{dB}$$
#
# Louder stems score higher, softer ones lower. Every separation has to beat this score.

# %% tags=["answer"]
mixture = sum(truth.values())
for name in truth:
    print(f"{name:8} {sdr(truth[name], mixture):6.2f} dB")
energies = [np.square(stem, dtype=np.float64).sum() for stem in truth.values()]
predicted = [10 * np.log10(energy / (sum(energies) - energy)) for energy in energies]
print("predicted from the stems' energies:", ", ".join(f"{p:.2f} dB" for p in predicted))

# %% [markdown]
# **Read more.** SI-SDR: [arXiv:1811.02508](https://arxiv.org/abs/1811.02508). The definition of SDR used here:
# [arXiv:2108.13559](https://arxiv.org/abs/2108.13559).
