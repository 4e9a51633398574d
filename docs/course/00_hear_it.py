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
# The check of this chapter, and chapter 12, also need the program `swift-demucs` ([README](README.md#read-or-run)).
#
# Before you build it, hear what it does. The song is one that no human recorded: a program wrote
# it, so its true stems are known, and the model has never heard it. The model is small and was trained
# on such music only. The published model `htdemucs` has the same layers, wider, and two more in its transformer.

# %%
from engine import SEPARATION, command, hear, read_track, run, scores, separated, true_stems

print(command(*SEPARATION))
stems = separated()
for name, samples in stems.items():
    print(f"{name:8}", samples.shape, samples.dtype)

# %% [markdown]
# Each stem is an array [channels, samples] of float32: two channels, 44,100 samples a second.
#
# ## Listen
#
# Eight seconds of the mixture, and of each stem as the model finds it and as it was mixed. If your page shows no
# players, open the files.
#
# | | by the model | true |
# |---|---|---|
# | mixture | <audio controls src="sounds/mixture.mp3"></audio> [mixture](sounds/mixture.mp3) | |
# | drums | <audio controls src="sounds/drums.mp3"></audio> [drums](sounds/drums.mp3) | <audio controls src="sounds/true_drums.mp3"></audio> [true drums](sounds/true_drums.mp3) |
# | bass | <audio controls src="sounds/bass.mp3"></audio> [bass](sounds/bass.mp3) | <audio controls src="sounds/true_bass.mp3"></audio> [true bass](sounds/true_bass.mp3) |
# | other | <audio controls src="sounds/other.mp3"></audio> [other](sounds/other.mp3) | <audio controls src="sounds/true_other.mp3"></audio> [true other](sounds/true_other.mp3) |
# | vocals | <audio controls src="sounds/vocals.mp3"></audio> [vocals](sounds/vocals.mp3) | <audio controls src="sounds/true_vocals.mp3"></audio> [true vocals](sounds/true_vocals.mp3) |

# %%
truth, mixture = true_stems(), read_track()
hear("mixture", mixture, seconds=8)
for name in stems:
    hear(name, stems[name], seconds=8)
    hear(f"true_{name}", truth[name], seconds=8)

# %% [markdown]
# ## See
#
# ![Five spectrograms, one below the other: the mixture and the four stems. Drums are vertical lines,
# the bass lies in the lowest lines, voice and other instruments are stacks of horizontal
# lines.](figures/00_spectrograms.png)
#
# *One scale for all five. The vertical stripes of the drums are hits; the ladders of the vocals are sung notes.*
#
# A spectrogram shows which frequencies sound at which time (chapter 2). Look at the mixture first: all
# parts share the same area, so no region belongs to one of them alone. Drums are vertical lines: short
# in time and wide in frequency. Bass, voice and chords are horizontal lines: long in time, at a
# fundamental frequency and its multiples.

# %%
from figures import hear_it

hear_it.spectrograms(stems, seconds=(15, 23))

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
print(run("selftest").splitlines()[-1].split(":")[0])

# %% [markdown]
# ## Exercise
#
# Listen to the four stems and write down which one is worst. Then look at the scores. SDR is the
# signal-to-distortion ratio, in dB; higher is better, and chapter 1 explains it.

# %% [markdown] tags=["answer"]
# The true stems are known, so the command can compute the scores:

# %% tags=["answer"]
sdr = {name: row["sdr"] for name, row in scores().items()}
for name in sorted(sdr, key=sdr.get):
    print(f"{name:8} {sdr[name]:6.2f} dB")

# %% [markdown] tags=["answer"]
# The first one is the worst. Ears and numbers often differ: a stem with a soft echo of another one
# gets a fair score and still annoys, while a dull stem, without its highest frequencies, loses little
# energy and little SDR.
