# %% [markdown]
# # 9. Whole songs: normalise, overlap, shifts
#
# **The question.** The network reads segments of a few seconds. How do you separate a song of any length, and
# hear no seams?
#
# ## The intuition
#
# Cut the song into segments that overlap by a quarter. Near the edge of a segment the network knows only one
# side, so it is less sure there. So every segment is multiplied by a *triangle*: full weight in the middle,
# almost none at the edges. Add everything, and divide by the sum of the weights. Each sample is then a
# weighted mean of one or two estimates.
#
# Before that, the song is brought to mean 0 and standard deviation 1, once for the whole song (the
# standard deviation of its mono mix). A segment on its own couldn't know whether it is soft because the
# song is soft or because it is the intro.
#
# *Shifts* are a further trick: run the whole song several times with random offsets of up to half a
# second, undo the offsets, and take the mean. Errors that depend on where segments begin average out. It
# costs a whole separation for each shift. The code stands in the exercise.
#
# ## The equation
#
# $$\hat s[n] = \frac{\sum_k w[n - n_k] \; \hat s_k[n - n_k]}{\sum_k w[n - n_k]}, \qquad n_k = k \cdot 0.75 L$$
#
# ## Details that decide
#
# - Segments begin at *every* multiple of the stride below the song's length.
# - The last ones are short. The network still gets its full length: the missing samples come from the song
#   before and after the segment, and only beyond the song's ends they are zeros. The result is cut back.
# - A short segment takes the *first* values of the triangle.
#
# **Shapes.** The track is [2, N], the result [4, 2, N].

# %%
import numpy as np

from engine import MODEL, hear, read_track, require, scores, separated, snr_db, true_stems
from given import forward, load


def triangle(length):
    half = length // 2
    rise_and_fall = np.concatenate([np.arange(1, half + 1), np.arange(length - half, 0, -1)])
    return (rise_and_fall / rise_and_fall.max()).astype(np.float32)


def cut(track, start, count, length):
    first = start - (length - count) // 2
    last = first + length
    kept = track[:, max(first, 0) : min(last, track.shape[1])]
    return np.pad(kept, ((0, 0), (max(-first, 0), max(last - track.shape[1], 0))))


# %%
def separate(m, track, config, overlap=0.25, report=None):
    mono = track.mean(0, dtype=np.float64)
    mean, std = np.float32(mono.mean()), np.float32(mono.std(ddof=1) + 1e-8)
    track = (track - mean) / std
    n, length = track.shape[1], config.segment_samples
    stems = np.zeros((len(config.sources), *track.shape), dtype=np.float32)
    weights, total = triangle(length), np.zeros(n, dtype=np.float32)
    starts = range(0, n, int((1 - overlap) * length))
    for start in starts:
        count = min(length, n - start)
        found = forward(m, cut(track, start, count, length), config)
        spare = (length - count) // 2
        stems[:, :, start : start + count] += found[:, :, spare : spare + count] * weights[:count]
        total[start : start + count] += weights[:count]
        if report:
            report(f"segment {starts.index(start) + 1} of {len(starts)}", flush=True)
    return stems / total * std + mean


# %% [markdown]
# ## The check
#
# This is the capstone: your own NumPy separates the whole demo track, and the check compares every sample with
# the stems that the command wrote in chapter 0. They must agree to 100 dB in every stem. A float WAV has samples
# up to ±1, as the reference writes it, so the check limits yours too.

# %% tags=["varies"]
import time

config, model = load(MODEL)
track = read_track()
began = time.monotonic()
mine = separate(model, track, config)
print(f"{track.shape[1] / config.samplerate:.0f} s of music in {time.monotonic() - began:.0f} s")

# %%
theirs = separated()
for name, stem in zip(config.sources, mine, strict=True):
    snr = snr_db(theirs[name], np.clip(stem, -1, 1))
    require(snr >= 100, f"{name}: {snr:.1f} dB, expected at least 100")
    print(f"{name:8} {snr:6.1f} dB   right")

# %% [markdown]
# The same from the command line: `python htdemucs.py ../../Models/demo_track.ogg work/mine`.
#
# ## The picture
#
# ![Above: the triangular weights of the segments. Below: ten milliseconds around the border with the largest
# jump, the stem with a hard cut and with overlap.](figures/09_overlap.png)
#
# *Above: segments and their weights. Below: at the dotted border the hard cut (red) jumps, the overlap (blue) doesn't.*
#
#
# Each segment of the hard cut was separated without knowing the other, so the two estimates don't meet at the
# border. A jump between two samples is a click. With overlap both estimates fade into each other.
#
# Listen to the border: [hard cut](sounds/09_hard_cut.mp3) · [overlap 0.25](sounds/09_overlap.mp3)

# %%
from figures import whole_songs

hard = separated(overlap=0)
name, border = whole_songs.overlap(triangle(config.segment_samples), hard, theirs)
around = border / config.samplerate - 1
hear("09_hard_cut", hard[name], start=around, seconds=2)
hear("09_overlap", theirs[name], start=around, seconds=2)

# %% [markdown]
# ## Exercise
#
# Predict first: how much does overlap improve the SDR? Then measure 0, 0.25, 0.5 and 0.75 with the command (it
# is faster than NumPy), and look at the cost of each. Then write shifts: predict how much two of them gain.

# %% [markdown] tags=["answer"]
# Little: nothing to 0.3 dB for each step. The cost grows by 1 / (1 − overlap): 1.33, 2 and 4 times the
# work. The first quarter also removes the hard cuts, which change the sound more than the SDR, so 0.25 is the
# default.

# %% tags=["answer"]
for overlap in (0, 0.25, 0.5, 0.75):
    row = scores(overlap)
    shown = "  ".join(f"{name} {row[name]['sdr']:.2f} dB" for name in config.sources)
    print(f"overlap {overlap:4}: {shown}   work × {1 / (1 - overlap):.2f}")

# %% [markdown] tags=["answer"]
# Shifts: the track begins at a random place of half a second of silence, is separated, and the silence is cut off
# again. The command's default is one shift, with its own random numbers, so its results vary by this much too.


# %% tags=["answer"]
def with_shifts(m, track, config, shifts, seed=0):
    random, most = np.random.default_rng(seed), config.samplerate // 2
    total = 0
    for offset in random.integers(most, size=shifts):
        padded = np.pad(track, ((0, 0), (offset, most - offset)))
        total = total + separate(m, padded, config)[:, :, offset : offset + track.shape[1]]
    return total / shifts


three = track[:, 20 * config.samplerate :][:, : 3 * config.samplerate]  # short, to be quick
truth = [true_stems()[name][:, 20 * config.samplerate :][:, : three.shape[1]] for name in config.sources]
for shifts, stems in ((0, separate(model, three, config)), (2, with_shifts(model, three, config, 2))):
    row = (f"{n} {snr_db(t, s):.2f} dB" for n, t, s in zip(config.sources, truth, stems, strict=True))
    print(f"{shifts} shifts:", "  ".join(row))

# %% [markdown]
# **Read more.** Shifts: [arXiv:1909.01174](https://arxiv.org/abs/1909.01174), section 4.4.
