# %% [markdown]
# # 3. What a mask can and can't do
#
# **The question.** If drums, bass and voice sound different, can't each be cut out of the spectrogram
# with scissors? Why is a network needed at all?
#
# ## The intuition
#
# A *mask* is a number between 0 and 1 for each point of the spectrogram: how much of the mixture's value
# goes to a stem. The phase stays that of the mixture. Here are three masks, from simple to impossible:
#
# 1. **The best fixed mask**: one number for each frequency, the same at all times. It is an equaliser, and
#    can't react to the music.
# 2. **The ideal ratio mask**: the share of the stem in the magnitudes. It needs the true stems.
# 3. **The best mask**: at each point the number that leaves the least error. It needs the true stems too, and
#    no mask leaves less error in the spectrogram.
#
# ## The equations
#
# With the mixture's value $X$ and the stem's value $S_j$ at a point:
#
# $$M_j^{\text{ratio}} = \frac{|S_j|}{\sum_k |S_k|}, \qquad
# M_j^{\text{best}} = \min\left(1, \max\left(0, \frac{\text{Re}(S_j \bar X)}{|X|^2}\right)\right), \qquad \hat S_j = M_j X$$
#
# The best fixed mask is the same formula with sums over all times above and below the bar.
#
# **Shapes.** X is [2, F, T] complex, a mask [2, F, T] real, a fixed mask [F].

# %%
import numpy as np

from engine import hear, require, separated, snr_db, true_stems
from given import istft, stft

truth, stems = true_stems(), separated()
mixture = sum(truth.values())


def spectrum(x):
    z = stft(x, 4096)
    return z[0::2] + 1j * z[1::2]  # [2, F, T]


def sound(z):
    parts = np.stack([z.real, z.imag], axis=1).reshape(-1, *z.shape[1:])
    return istft(parts.astype(np.float32), mixture.shape[1])


# %%
X = spectrum(mixture)
S = {name: spectrum(stem) for name, stem in truth.items()}
total = sum(np.abs(z) for z in S.values())
masks, estimates = {}, {}
for name, z in S.items():
    fit, power = (z * X.conj()).real, np.square(np.abs(X)) + 1e-12
    fixed = fit.sum((0, 2)) / power.sum((0, 2))
    masks[name] = {
        "fixed mask": np.clip(fixed, 0, 1)[None, :, None],
        "ideal ratio mask": np.abs(z) / (total + 1e-12),
        "best mask": np.clip(fit / power, 0, 1),
    }
    estimates[name] = {kind: sound(mask * X) for kind, mask in masks[name].items()}
    estimates[name]["model"] = stems[name]
kinds = ["fixed mask", "model", "ideal ratio mask", "best mask"]
for name in truth:
    row = [f"{kind} {snr_db(truth[name], estimates[name][kind]):.2f} dB" for kind in kinds]
    print(f"{name:8}", "   ".join(row))

# %% [markdown]
# The SDR of chapter 1 is a signal-to-noise ratio, so `snr_db` computes it. Read the rows. The model, which is no
# mask, beats the fixed mask by far. But **both masks that know the true stems beat the model by far**. Masks do not fail: a mask
# that knew the truth would be better than this network.
#
# ## Is the mixture's phase the limit?
#
# Where two stems overlap, a mask gives both the phase of their sum, which is neither of theirs. HTDemucs
# computes complex numbers, and so phases, itself. How much does that gain? Keep the model's magnitudes and
# exchange their phases: for the mixture's, then for the true ones.

# %%
for name in truth:
    magnitude = np.abs(spectrum(stems[name]))
    phases = {"mixture's phase": X, "true phase": S[name]}
    row = [f"own phase {snr_db(truth[name], stems[name]):.2f} dB"]
    for kind, z in phases.items():
        estimates[name][kind] = sound(magnitude * z / (np.abs(z) + 1e-12))
        row.append(f"{kind} {snr_db(truth[name], estimates[name][kind]):.2f} dB")
    print(f"{name:8}", "   ".join(row))

# %% [markdown]
# With this model the mixture's phase costs nothing. The true phase would gain 1.6 to 3.7 dB, but no method knows
# it. So the limit of this model is its *magnitudes*: it does not know well enough what belongs to whom. A
# published model, whose magnitudes are better, has more to gain from phases.
#
# **Why not let a network predict masks?** Many do. Open-Unmix (2019) predicts a ratio mask of the magnitudes;
# BS-RoFormer (2023) predicts complex masks, which change phases too, and is the family that scores best today.
# HTDemucs adds what no mask can: a branch that writes samples directly. Whether that is worth it is a matter of
# measurement, not of principle.
#
# ## The picture
#
# ![Four spectrograms of the vocals from 16 to 22 s: by the fixed mask, by the model, by the best mask, and the
# true ones.](figures/03_masks.png)
#
# *The fixed mask lets through everything in the band of the voice. The model's lines are those of the voice, over a
# haze of other stems. The best mask is hard to tell from the truth.*
#
# Listen to the vocals: [fixed mask](sounds/03_fixed.mp3) · [model](sounds/03_model.mp3) ·
# [ideal ratio mask](sounds/03_ratio.mp3) · [best mask](sounds/03_best.mp3) · [true](sounds/03_true.mp3)

# %%
from figures import masks as pictures

name = "vocals"
shown = {kind: estimates[name][kind] for kind in ("fixed mask", "model", "best mask")}
levels = {kind: snr_db(truth[name], x) for kind, x in shown.items()}
pictures.masks({**shown, "true vocals": truth[name]}, levels)
for kind, short in zip(kinds, ("fixed", "model", "ratio", "best"), strict=True):
    hear(f"03_{short}", estimates[name][kind], start=16)
hear("03_true", truth[name], start=16)

# %% [markdown]
# ## The check
#
# Three facts that must hold, whatever the music: the transform itself loses next to nothing (the
# dropped highest frequency); the best mask is at least as
# good as every other mask; and the masks of the ideal ratio add up to one, so their stems add up to the mixture.

# %%
inside = slice(4096, -4096)  # the ends: chapter 2
back = sound(X)[:, inside]
require(snr_db(mixture[:, inside], back) >= 50, "the transform loses too much")
for name in truth:
    level = {kind: snr_db(truth[name], estimates[name][kind]) for kind in kinds}
    best = max(level[kind] for kind in kinds if kind.endswith("mask"))
    require(level["best mask"] == best, f"a mask of {name} beats the best mask")
together = sum(estimates[name]["ideal ratio mask"] for name in truth)
require(snr_db(mixture[:, inside], together[:, inside]) >= 50, "the ideal ratio masks don't add up to the mixture")
print("right: next to nothing is lost, the best mask is best, ratio masks add up to one")

# %% [markdown]
# ## Exercise
#
# A *binary mask* gives each point to the loudest stem: 1 there, 0 elsewhere. Predict: is it better or worse than
# the ratio mask, and by how much? Then code it.

# %% [markdown] tags=["answer"]
# Better, by 1.0 to 1.3 dB, though it can only say yes or no. Stems rarely overlap at the same point with the same
# loudness: in most points one stem has nearly all of the energy, and 1 is nearly right there. The ratio of magnitudes takes
# too much away: a stem ten times as strong as another keeps 0.91 and gives 0.09 to the other. Separation is possible at all
# because music is *sparse* in the spectrogram.

# %% tags=["answer"]
loudest = np.argmax([np.abs(z) for z in S.values()], axis=0)
for k, name in enumerate(S):
    binary = sound((loudest == k) * X)
    ratio = estimates[name]["ideal ratio mask"]
    print(
        f"{name:8} binary {snr_db(truth[name], binary):.2f} dB, "
        f"ratio {snr_db(truth[name], ratio):.2f} dB"
    )

# %% [markdown]
# **Read more.** Stöter and others, "Open-Unmix", 2019: a network that predicts masks. Lu and others, "BS-RoFormer",
# [arXiv:2309.02612](https://arxiv.org/abs/2309.02612): complex masks.
