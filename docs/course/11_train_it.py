# %% [markdown]
# # 11. Train it
#
# **The question.** All weights so far came from a file. Where do they come from? What does a network that
# knows nothing sound like, and how does it learn?
#
# ## The intuition
#
# Show the network a mixture whose stems are known. Measure how far its stems are from the true ones: the
# *loss*. Compute for every weight in which direction the loss falls (the *gradient*), and move all weights a
# small step that way. Repeat. Nobody tells the network what a drum is. It learns this because it lowers the loss.
#
# ## The equation
#
# The loss is the mean absolute error of all samples of all stems (L1), divided by the level of the mixture, so
# that soft excerpts count as much as loud ones:
#
# $$\mathcal L = \frac{1}{\text{std}(x)} \cdot \frac{1}{4 \cdot 2 \cdot N} \sum_{j, c, n}
# \left| s_j[c, n] - \hat s_j[c, n] \right|, \qquad w \leftarrow w - \eta \, \frac{\partial \mathcal L}{\partial w}$$
#
# $\eta$ is the *learning rate*. Adam, the rule below, divides the gradient of each weight by its usual size, so
# that all weights move at the same pace.
#
# **Shapes.** A batch of stems is [B, 4, 2, N], the mixture [B, 2, N], and the network's output has the shape of
# the stems.
#
# This is the first chapter that needs PyTorch, because gradients by hand would be a course of their own. The
# network is the reference's own class, with a fifth of the demo model's weights and excerpts of one second.

# %%
import os
import sys

import numpy as np
import torch
from demucs.htdemucs import HTDemucs

from engine import RATE_HZ, ROOT, hear, require, snr_db, true_stems

SOURCES = ["drums", "bass", "other", "vocals"]
SMALL = {"channels": 8, "bottom_channels": 64, "t_layers": 2, "t_heads": 2, "segment": 1}


def network(seed):
    torch.manual_seed(seed)
    return HTDemucs(SOURCES, **SMALL)


def loss_of(estimate, stems):
    level = stems.sum(1).std((1, 2)).clamp(min=0.01)
    return ((estimate - stems).abs().mean((1, 2, 3)) / level).mean()


model = network(0)
print(f"{sum(w.numel() for w in model.parameters()):,} weights")

# %% [markdown]
# ## One song
#
# Before anything else, let a network *overfit*: learn ten seconds of one song by heart. If it can't, there is a
# mistake in the loop, and no amount of data repairs it. An excerpt begins at a random place.

# %%
song = np.stack([true_stems()[name] for name in SOURCES])  # [4, 2, N]
song = torch.from_numpy(song[:, :, 15 * RATE_HZ : 25 * RATE_HZ].copy())


def excerpts(songs, random, batch, remixed):
    """A batch of excerpts [B, 4, 2, N]; remixed ones take each stem from another song and place."""
    count, found = RATE_HZ, []
    for _ in range(batch):
        picks = random.integers(len(songs), size=4)
        starts = random.integers(songs[0].shape[2] - count, size=4)
        if not remixed:
            picks[:], starts[:] = picks[0], starts[0]
        places = enumerate(zip(picks, starts, strict=True))
        found.append(torch.stack([songs[i][k, :, n : n + count] for k, (i, n) in places]))
    return torch.stack(found)


# %% [markdown]
# ## Is the gradient right?
#
# PyTorch computes the gradient by the chain rule. Test it by differences: move all weights a little along
# a random direction d, forth and back. The loss must change as the gradient $g$ predicts:
#
# $$\frac{\mathcal L(w + \epsilon d) - \mathcal L(w - \epsilon d)}{2 \epsilon} \approx g \cdot d$$
#
# Double precision, because the difference of two nearly equal numbers loses digits.

# %%
exact = network(0).double()
weights = [w for w in exact.parameters() if w.requires_grad]
stems = excerpts([song], np.random.default_rng(0), 1, remixed=False).double()
loss_of(exact(stems.sum(1)), stems).backward()
torch.manual_seed(1)
direction = [torch.randn_like(w) for w in weights]
predicted = sum(float((w.grad * d).sum()) for w, d in zip(weights, direction, strict=True))


def loss_at(epsilon):
    with torch.no_grad():
        for w, d in zip(weights, direction, strict=True):
            w += epsilon * d
        loss = float(loss_of(exact(stems.sum(1)), stems))
        for w, d in zip(weights, direction, strict=True):
            w -= epsilon * d
    return loss


measured = (loss_at(1e-7) - loss_at(-1e-7)) / 2e-7
print(f"gradient {predicted:.6f}, differences {measured:.6f}")
require(abs(measured / predicted - 1) < 1e-3, "the gradient is wrong")

# %% [markdown]
# ## The loop
#
# This is all. The scripts that trained the demo model add more songs, more patience, a better optimiser and an
# average of the weights ([training/](../../training/README.md)); the five lines in the middle are the same.


# %%
def train(model, songs, steps, seed=0, remixed=False, rate=3e-3):
    """Trains a model; returns the loss of each step."""
    random, losses = np.random.default_rng(seed), []
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    for step in range(steps):
        # The rate rises over the first steps, and falls to zero over the last half.
        share = min(1, (step + 1) / 10, 2 * (1 - step / steps))
        optimiser.param_groups[0]["lr"] = rate * share
        stems = excerpts(songs, random, 1, remixed)
        loss = loss_of(model(stems.sum(1)), stems)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


# %% [markdown]
# Predict the first loss. A network with random weights puts out nearly nothing compared with the mixture, so
# the loss is about that of silence.

# %% tags=["varies"]
# COURSE_STEPS=12 runs shorter trainings, to see that everything works.
STEPS = int(os.environ.get("COURSE_STEPS", "300"))
silence = float(loss_of(torch.zeros_like(song[None]), song[None]))


@torch.no_grad()
def separate_song(model):
    """The song by a model, second by second [4, 2, N]."""
    model.eval()
    return torch.cat([model(part[None].sum(1))[0] for part in song.split(RATE_HZ, dim=2)], dim=2)


sounds = {"after 0 steps": separate_song(model)}
losses = train(model, [song], STEPS)
sounds[f"after {STEPS} steps"] = separate_song(model)
parts = [np.mean(part) for part in np.array_split(losses, 6)]
print(f"silence {silence:.3f}, first step {losses[0]:.3f}")
print("means of six parts of the training:", " ".join(f"{loss:.3f}" for loss in parts))
print("expected after 300 steps, in about a minute on two cores: below 0.2 in the last part")
require(abs(losses[0] / silence - 1) < 0.5, "the first loss should be near that of silence")
enough = 0.2 if STEPS >= 300 else 1.1 * losses[0]
require(parts[-1] < enough, f"the network did not learn: {parts[-1]:.3f} at the end")

# %% [markdown]
# ## The picture
#
# ![Left: the loss over the steps. Right: spectrograms of the drums of the song, by the untrained network, by the
# trained one, and the true ones.](figures/11_learning.png)
#
# *Left: the loss of each step (grey) and its mean over 25 (blue). It jumps, because some excerpts are harder. Right: the untrained
# network puts out a hum near 0 Hz; after 300 steps the hits are where they belong, among remains of other stems.*
#
# Listen to the drums: [untrained](sounds/11_before.mp3) · [trained](sounds/11_after.mp3) · [true](sounds/11_true.mp3)

# %%
from figures import train_it

drums = {name: sound[0].numpy() for name, sound in sounds.items()} | {"true": song[0].numpy()}
train_it.learning(list(enumerate(losses)), drums)
for short, sound in zip(("before", "after", "true"), drums.values(), strict=True):
    hear(f"11_{short}", sound, start=2)

# %% [markdown]
# ## The check
#
# By heart means by heart: the SDR on the very song must be above that of the mixture itself (chapter 1) in every
# stem.

# %% tags=["varies"]
mixture = song.sum(0).numpy()
for k, name in enumerate(SOURCES):
    before = snr_db(song[k].numpy(), mixture)
    after = snr_db(song[k].numpy(), sounds[f"after {STEPS} steps"][k].numpy())
    print(f"{name:8} mixture {before:6.2f} dB   trained {after:6.2f} dB")
    require(after > before, f"the {name} are no better than the mixture")

# %% [markdown]
# ## From one song to all songs
#
# A network that knows one song knows nothing about the next one. The demo model heard hundreds of generated songs, in
# 16,100 steps of two cores ([Models/README.md](../../Models/README.md)). Songs with true stems are rare,
# so every excerpt is varied each time: channels exchanged, signs flipped, volumes and tempo changed. In half of its
# excerpts the stems come from *different songs* (*remixing*): the network must not learn that this voice always comes
# with that bass. Its learning rate rises, stays constant, and falls to zero only at the end, when the training is told
# to end (`train.py --cooldown`).
#
# ## Exercise
#
# Does remixing help? Train with and without it on four songs, and score on two others. Predict first: where is the
# training loss lower? Where is the score on new songs higher? One pair of runs proves nothing, because the random
# numbers matter as much; so three pairs.

# %% [markdown] tags=["answer"]
# Without remixing the four stems of a batch belong together, and real combinations repeat: the task is easier to
# learn by heart. So the expected answer is a higher loss with remixing, and a higher score on new songs.
#
# The numbers say otherwise: with remixing, new songs score 0.1 to 0.4 dB *lower* in all three pairs, and the loss is lower
# in two of them. Both are explained by how short this is. After 150 steps no network knows four songs by heart, so there is nothing
# yet that remixing could prevent; and remixed stems, in different keys and tempos, are further from the new songs. The price of
# learning by heart comes later. An experiment that could show it needs some thousands of steps: `COURSE_STEPS=5000`, a night. This one
# shows why three pairs are better than one: the seeds differ by more than the effect.

# %% tags=["answer", "varies"]
sys.path.insert(0, str(ROOT / "training"))
from generate import generate


def songs(seeds):
    return [torch.from_numpy(generate(seed, 6.0, "formula")) for seed in seeds]


def score(model, songs):
    """Median SDR of all stems of songs that have a sound, in dB."""
    model.eval()
    found = []
    with torch.no_grad():
        for stems in songs:
            part = stems[:, :, 2 * RATE_HZ : 3 * RATE_HZ]
            estimate = model(part[None].sum(1))[0]
            pairs = zip(part.numpy(), estimate.numpy(), strict=True)
            found += [snr_db(truth, mine) for truth, mine in pairs if np.square(truth).mean() > 1e-6]
    return np.median(found)


# %% tags=["answer", "varies"]
heard, new = songs(range(4)), songs(range(900, 902))
results = {}
for seed in range(3):
    for remixed in (True, False):
        model = network(seed)
        losses = train(model, heard, max(4, STEPS // 2), seed, remixed)
        end = np.mean(losses[-len(losses) // 4 :])
        results[seed, remixed] = end, score(model, new)
        way = "with   " if remixed else "without"
        print(f"seed {seed} {way} remixing: loss {end:.4f}, new songs {results[seed, remixed][1]:.2f} dB")
gains = [results[seed, True][1] - results[seed, False][1] for seed in range(3)]
print("gain of remixing on new songs:", ", ".join(f"{gain:+.2f} dB" for gain in gains))
ends = [end for end, _ in results.values()]
require(len(set(ends)) == len(ends), "two trainings ended with the same loss: one of them is a copy")

# %% [markdown]
# **Read more.** Adam: [arXiv:1412.6980](https://arxiv.org/abs/1412.6980). Remixing of stems: Uhlich and others, ICASSP 2017.
