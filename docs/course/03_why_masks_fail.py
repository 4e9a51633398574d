# %% [markdown]
# # 3. Why masks fail
#
# **The question.** If drums, bass and voice sound different, can't each be cut out of the spectrogram
# with scissors? Why is a network needed at all?
#
# ## The intuition
#
# A *mask* is a number between 0 and 1 for each point of the spectrogram: how much of the mixture's value
# goes to a stem. Here are three of them, from simple to impossible:
#
# 1. **A fixed mask**: one number for each frequency, the same at all times. It is an equaliser. It cannot
#    react to the music.
# 2. **The model**: it listens, and computes the stem itself.
# 3. **An oracle mask**: made from the true stems, which nobody has. It shows what masks could reach.
#
# ## The equation
#
# The *ideal ratio mask* of stem $j$ gives it its share of the magnitudes:
#
# $$M_j[f, t] = \frac{|S_j[f, t]|}{\sum_k |S_k[f, t]|}, \qquad \hat S_j = M_j \cdot X$$
#
# It keeps the phase of the mixture. That is its limit: where two stems overlap, both get the phase of
# their sum, which is neither of theirs. HTDemucs predicts complex numbers, and so phases, directly.
#
# **Shapes.** X is [2, F, T] complex, a mask [2, F, T] real.

# %%
import numpy as np
from scipy import signal

from engine import separated, true_stems

truth, stems = true_stems(), separated()
mixture = sum(truth.values())
samples = mixture.shape[1]


def spectrum(x):
    return signal.stft(x, 44100, nperseg=4096)[2]


def sound(z):
    return signal.istft(z, 44100, nperseg=4096)[1][:, :samples]


def sdr(truth, estimate):
    error = np.square(truth - estimate, dtype=np.float64).sum()
    return 10 * np.log10((np.square(truth, dtype=np.float64).sum() + 1e-7) / (error + 1e-7))


# %% [markdown]
# The best fixed mask has a simple formula. For each frequency it is the gain that leaves the least error,
# $g[f] = \text{Re} \sum_t S\,\bar X / \sum_t |X|^2$. Here it is even fitted on the song that it is scored on, which is
# cheating in its favour.

# %%
X = spectrum(mixture)
scores = {}
for name, stem in truth.items():
    S = spectrum(stem)
    gain = (S * X.conj()).real.sum((0, 2)) / np.square(np.abs(X)).sum((0, 2))
    fixed = sound(gain[None, :, None] * X)
    scores[name] = {"fixed mask": sdr(stem, fixed), "model": sdr(stem, stems[name])}
    print(name, {kind: f"{value:.2f} dB" for kind, value in scores[name].items()})

# %% [markdown]
# ## The picture
#
# ![Four spectrograms: the vocals by the fixed mask, by the model, by the ideal ratio mask of the
# exercise, and the true ones.](figures/03_masks.png)
#
# The fixed mask lets everything through that lies in the band of the voice. The model's picture has
# holes and traces of other stems, but its lines are those of the voice.
#
# ## The check
#
# The same scores for masks that were fitted on other songs, by the script that makes the baseline of the
# demo model: one gain for each frequency (`mask`), and one gain each for the middle and the sides of the
# stereo signal (`stereo mask`). A few songs are enough here. Medians in dB:

# %%
import json
import subprocess
import sys

from engine import ROOT, require

script = ROOT / "training/mask_baseline.py"
call = [sys.executable, script, "--training-songs", "6", "--songs", "4", "--seconds", "8"]
call += ["--kind", "formula"]
table = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
for name, row in table.items():
    print(f"{name:8}", "   ".join(f"{kind} {value:5.2f}" for kind, value in row.items()))
    require(row["mask"] > row["mixture"], f"the fixed mask of {name} is worse than no mask")

# %% [markdown]
# ## Exercise
#
# How good could masks get? Compute the ideal ratio mask of each stem from the true stems, apply it, and
# score it. Then think: why isn't its SDR infinite, although it knows the truth?

# %% [markdown] tags=["answer"]
# The mask scales the mixture, but can't change its phase. Where two stems have energy at the same point,
# the phase of the sum is that of neither stem. This limit holds for every method that multiplies the
# mixture by positive numbers.

# %% tags=["answer"]
magnitudes = {name: np.abs(spectrum(stem)) for name, stem in truth.items()}
total = sum(magnitudes.values())
oracle = {name: sound(m / np.maximum(total, 1e-12) * X) for name, m in magnitudes.items()}
for name in truth:
    scores[name]["ideal ratio mask"] = sdr(truth[name], oracle[name])
    print(f"{name:8} {scores[name]['ideal ratio mask']:.2f} dB")

# %% tags=["answer"]
from figures import why_masks_fail

name = "vocals"
S = spectrum(truth[name])
gain = (S * X.conj()).real.sum((0, 2)) / np.square(np.abs(X)).sum((0, 2))
why_masks_fail.masks(
    {
        "fixed mask": sound(gain[None, :, None] * X),
        "model": stems[name],
        "ideal ratio mask": oracle[name],
        "true vocals": truth[name],
    },
    scores[name],
)
