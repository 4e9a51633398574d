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
# Songs with true stems are rare, so every excerpt is varied each time it is used: channels exchanged, signs
# flipped, volumes changed. Most important, stems of *different songs* are mixed (*remixing*). The network
# must not learn that this voice always comes with that bass.
#
# ## The equation
#
# The loss is the mean absolute error of all samples of all stems (L1):
#
# $$\mathcal L = \frac{1}{4 \cdot 2 \cdot N} \sum_{j, c, n} \left| s_j[c, n] - \hat s_j[c, n] \right|, \qquad
# w \leftarrow w - \eta \, \frac{\partial \mathcal L}{\partial w}$$
#
# The step $\eta$ (the *learning rate*) rises at the beginning and falls to zero at the end. In place of the
# plain gradient the script uses Muon and Adam, which scale it.
#
# **Shapes.** An excerpt is [4, 2, N], and the network's output has the same shape. Some millions of weights
# move at each step.
#
# This is the first chapter that needs PyTorch: gradients by hand would be a course of their own. The scripts
# are those that trained the demo model, in [training/](../../training/README.md).
#
# ## A bank of songs

# %%
import json
import os
import shutil
import subprocess
import sys

from engine import MODEL, ROOT, WORK, require

# COURSE_STEPS=20 runs a shorter training, to see that everything works.
STEPS = int(os.environ.get("COURSE_STEPS", "300"))
SONGS, PARTS = (24 if STEPS >= 300 else 4), (3 if STEPS >= 60 else 1)
scripts = ROOT / "training"
work = WORK / "training"
shutil.rmtree(work, ignore_errors=True)


def script(name, *arguments):
    call = [sys.executable, str(name), *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{' '.join(call)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


kind = ["--kind", "formula"]  # the other kind, of sampled instruments, needs sound fonts
script(scripts / "bank.py", work / "bank", "--songs", SONGS, "--seconds", 12, *kind)

# %% [markdown]
# ## A short training
#
# `train.py` runs in parts, so that the weights in between can be kept. The demo model took some thousands of
# steps; this is only the beginning.

# %%
models = {}
for part in range(1, PARTS + 1):
    steps = STEPS * part // PARTS
    run_here = [work / "bank", "--work", work / "run", *kind]
    script(scripts / "train.py", *run_here, "--steps", steps)  # goes on where the last call stopped
    models[steps] = work / f"after-{steps}.safetensors"
    script(scripts / "train.py", work / "bank", "--work", work / "run", "--export", models[steps])

log = [json.loads(line) for line in (work / "run" / "log.jsonl").read_text().splitlines()]
losses = [(entry["step"], entry["loss"]) for entry in log if "loss" in entry]
for step, loss in losses[:: max(1, len(losses) // 8)]:
    print(f"step {step:4}   loss {loss:.4f}")

# %% [markdown]
# ## The picture
#
# ![Left: the loss over the steps. Right: spectrograms of the drums of the demo track, by the models after each
# third of the training, and the true ones.](figures/11_learning.png)
#
# The loss of single steps jumps, because some excerpts are harder than others. Read the trend. In the
# spectrograms, look for the moment when vertical lines stand out from the rest.

# %%
from engine import EXACTLY, TRACK, read_wav, run, true_stems
from figures import train_it

drums = {}
for steps, path in models.items():
    out = WORK / f"after-{steps}"
    run("separate", TRACK, "-n", path, *EXACTLY, "-o", out, "-q")
    drums[f"after {steps} steps"] = read_wav(next(out.glob("*/*/drums.wav")))
drums["true drums"] = true_stems()["drums"]
train_it.learning(losses, drums)

# %% [markdown]
# ## The check
#
# `evaluate.py` scores a model on songs that no training has heard, with the official package. Compare your
# model with the mixture itself (chapter 1) and with the demo model. Two songs are few: expect numbers to differ
# from those in [Models/README.md](../../Models/README.md).


# %%
def scores(model):
    out = work / "scores.json"
    script(scripts / "evaluate.py", model, "--songs", 2, "--seconds", 8, *kind, "--json", out)
    return json.loads(out.read_text())["medians"]


mine, demo = scores(models[STEPS]), scores(MODEL)
print("SDR in dB   mixture   yours    demo")
for name, value in mine["sdr"].items():
    print(f"{name:12}{mine['mixture'][name]:7.2f}{value:8.2f}{demo['sdr'][name]:8.2f}")
median = "median of stems"
require(mine["sdr"][median] > mine["mixture"][median], "the training didn't get past the mixture")

# %% [markdown]
# ## Exercise
#
# Leave out remixing and train again. Predict first: is the loss on the training songs higher or lower? And
# the score on new songs?

# %% [markdown] tags=["answer"]
# Without remixing the task is easier: real combinations of stems repeat, and a network can learn songs by heart.
# So the training loss tends to be lower. The price comes on new songs, and only in long trainings on few songs,
# where it is large. A few hundred steps are too short to show it reliably. The numbers below are one
# run; don't read more into them than that.
#
# Every excerpt then has its four stems from one song, and `train.py` runs as before:

# %% tags=["answer"]
without = work / "without_remixing.py"
without.write_text(f"""
import runpy, sys
sys.path.insert(0, {str(scripts)!r})
import mixing
mixing.REMIXED = 0.0
sys.argv[0] = __file__
runpy.run_path({str(scripts / "train.py")!r}, run_name="__main__")
""")
script(without, work / "bank", "--work", work / "plain", *kind, "--steps", STEPS)
export = ["--export", work / "plain.safetensors"]
script(scripts / "train.py", work / "bank", "--work", work / "plain", *export)
log = [json.loads(line) for line in (work / "plain" / "log.jsonl").read_text().splitlines()]
plain_losses = [entry["loss"] for entry in log if "loss" in entry]
plain = scores(work / "plain.safetensors")
last = max(1, len(plain_losses) // 5)
print(
    f"loss at the end: {sum(loss for _, loss in losses[-last:]) / last:.4f} with remixing,", end=" "
)
print(f"{sum(plain_losses[-last:]) / last:.4f} without")
print(f"median SDR:      {mine['sdr'][median]:.2f} dB with, {plain['sdr'][median]:.2f} dB without")
