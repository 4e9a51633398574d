# %% [markdown]
# # 0. Hear it
#
# **The question.** A song reaches you as two channels of samples. Somebody mixed it from drums, a
# bass, a voice and more. Can a program give the parts back?
#
# A *stem* is the sound of one such part. *Source separation* means to estimate the stems from the
# mixture alone. In this course you build a network that does it, HTDemucs, in 400 lines of NumPy, and
# compare each of its layers with a fast engine, `swift-demucs`. You need Python and a little linear
# algebra: matrix products, and what a complex number is.
#
# Before you build it, hear what it does. The song is one that no human recorded: a program wrote
# it, so its true stems are known, and the model has never heard it. The model is small and was trained
# on such music only. The published model `htdemucs` has the same layers, only wider ones.

# %%
from engine import MODEL, SEPARATION, TRACK, TRUTH, WORK, command, run, separated, true_stems

print(command(*SEPARATION))
run(*SEPARATION)
stems = separated()
for name, samples in stems.items():
    print(f"{name:8}", samples.shape, samples.dtype)

# %% [markdown]
# Each stem is an array [channels, samples] of float32: two channels, 44,100 samples a second.
#
# ## Listen
#
# Eight seconds of the mixture and of the four stems. If your page shows no players, open the files.
#
# | | |
# |---|---|
# | mixture | <audio controls src="sounds/mixture.mp3"></audio> [mixture.mp3](sounds/mixture.mp3) |
# | drums | <audio controls src="sounds/drums.mp3"></audio> [drums.mp3](sounds/drums.mp3) |
# | bass | <audio controls src="sounds/bass.mp3"></audio> [bass.mp3](sounds/bass.mp3) |
# | other | <audio controls src="sounds/other.mp3"></audio> [other.mp3](sounds/other.mp3) |
# | vocals | <audio controls src="sounds/vocals.mp3"></audio> [vocals.mp3](sounds/vocals.mp3) |

# %%
excerpt = ["--start", "15", "--duration", "8", "--mix", "mixture=drums+bass+other+vocals"]
mp3 = ["--mp3", "--mp3-bitrate", "96", "--shifts", "0"]
run("separate", TRACK, "-n", MODEL, *excerpt, *mp3, "-o", WORK / "excerpt")

# %% [markdown]
# ## See
#
# ![Five spectrograms, one below the other: the mixture and the four stems. Drums are vertical lines,
# the bass lies in the lowest lines, voice and other instruments are stacks of horizontal
# lines.](figures/00_spectrograms.png)
#
# A spectrogram shows which frequencies sound at which time (chapter 2). Look at the mixture first: all
# parts share the same area, so no region belongs to one of them alone. Drums are vertical lines: short
# in time and wide in frequency. Bass, voice and chords are horizontal lines: long in time, at a
# fundamental frequency and its multiples.

# %%
from figures import hear_it

hear_it.spectrograms(stems, seconds=(15, 23))
hear_it.keep_sounds(WORK / "excerpt")

# %% [markdown]
# ## The equation
#
# The mixture is the sum of the stems:
#
# $$x = s_1 + s_2 + s_3 + s_4$$
#
# There are four unknowns for each known sample. Without more knowledge there are infinitely many
# solutions, and "everything is drums" is one of them. A network adds the knowledge: it has heard what
# drums sound like. The estimates need not add up to the mixture exactly, because nothing in the
# network forces them to.

# %%
import numpy as np

from engine import read_track

mixture = read_track()
residual = mixture - sum(stems.values())
share = np.square(residual).sum() / np.square(mixture).sum()
print(f"what the four stems leave out has {100 * share:.2f} % of the mixture's energy")

# %% [markdown]
# ## The check
#
# `swift-demucs selftest` compares the engine with numbers that PyTorch computed, with each instruction
# set that your processor has. It prints a long table. Only the last line matters: it must begin with
# "passed". Otherwise stop here, because no later result could be trusted.

# %%
print(run("selftest").splitlines()[-1])

# %% [markdown]
# ## Exercise
#
# Listen to the four stems and write down which one is worst. Then look at the scores. SDR is the
# signal-to-distortion ratio, in dB; higher is better, and chapter 1 explains it.

# %% [markdown] tags=["answer"]
# The true stems are known, so the command can compute the scores:

# %% tags=["answer"]
import json

truth = true_stems()
report = json.loads(
    run("eval", TRUTH, WORK / "stems/demo/demo_track", "--metrics", "sdr", "--json")
)
scores = {name: row["sdr"] for name, row in report["tracks"][0]["stems"].items()}
for name in sorted(scores, key=scores.get):
    print(f"{name:8} {scores[name]:6.2f} dB")

# %% [markdown] tags=["answer"]
# The first one is the worst. Ears and numbers often differ: a stem with a soft echo of another one
# gets a fair score and still annoys, while a dull stem, without its highest frequencies, loses little
# energy and little SDR.
