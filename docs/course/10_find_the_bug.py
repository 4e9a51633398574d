# %% [markdown]
# # 10. Find the bug in a port
#
# **The question.** Somebody ported HTDemucs to another language. It runs, and it even sounds like music. But
# the scores are a little low. Where is the mistake, among more than a hundred operations?
#
# ## The intuition
#
# Don't search the code. Compare *every value on the way* with the truth, in the order of computation. Up to
# the mistake all values agree, apart from rounding. From there on they don't. The first bad value shows the
# wrong operation, and everything after it is only a consequence.
#
# ## The measure
#
# The SNR of each value, as [chapter 2](02_seeing_sound.md#the-check) defined it:
#
# | SNR | meaning |
# |---|---|
# | above 100 dB | the same computation, sums in another order |
# | 60 to 100 dB | almost the same formula: an approximation, an epsilon in the wrong place |
# | 40 to 60 dB | lower precision, such as bfloat16 or INT8, or a slight mistake |
# | 0 to 40 dB | a mistake in a part of the values |
# | 0 dB and below | unrelated: wrong order, wrong place, wrong weights |
#
# Rounding makes the SNR fall slowly from layer to layer. A mistake makes a **cliff**.
#
# ## Six ports
#
# `mystery_ports.py` runs six ports of the network and writes their values in the format of `trace`. Five
# have one mistake each. All of these mistakes have been made in real ports. Don't open the file yet.

# %%
from engine import (
    TRACE,
    WORK,
    command,
    hear,
    require,
    snr_db,
    trace_values,
    true_values,
    write_trace,
)
from mystery_ports import PORTS, write

write_trace()
for port in PORTS:
    write(port)
print(command("compare", TRACE, WORK / "port_1.safetensors", "--min-snr", "100"))

# %% [markdown]
# `compare` lists all values in the order of computation and names the first below the bound. The same in NumPy:
#
# **Shapes.** A port may order its axes as it likes inside. Its files must have the shapes of the table in
# [porting.md](../porting.md#where-a-port-goes-wrong); otherwise `compare` says so.

# %%
def compare(path):
    found = trace_values(path, path.stat().st_mtime)
    truth = true_values()
    return [(name, snr_db(truth[name], found[name])) for name in truth if name in found]


reports = {}
for port in PORTS:
    reports[port] = compare(WORK / f"port_{port}.safetensors")
    values = [snr for _, snr in reports[port]]
    bad = sum(snr < 100 for snr in values)
    print(f"port {port}: {len(values)} values, {bad:3} below 100 dB, the last {values[-1]:5.1f} dB")

# %% [markdown]
# ## The picture
#
# ![SNR of each value in the order of computation, one line for each port. Each wrong port falls off a cliff at
# another place; one stays above 100 dB to the end.](figures/10_cliffs.png)
#
# *The red dot is the first value below 100 dB: look there, and nowhere else.*
#
# The branches alternate in the list. So a line that jumps up and down between two levels is a port in which one
# branch is wrong and the other right.

# %%
from figures import find_the_bug

find_the_bug.cliffs(reports)

# %% [markdown]
# ## The check
#
# One port is right. Which?

# %%
right = [port for port, rows in reports.items() if all(snr >= 100 for _, snr in rows)]
print("right:", right)
require(len(right) == 1, "exactly one of the ports should be right")

# %% [markdown]
# ## Exercise
#
# Diagnose the others. For each: the first bad value, how bad it is, and which branch. Then guess the mistake
# before you unfold the answer.

# %%
for port, rows in reports.items():
    bad = [(name, snr) for name, snr in rows if snr < 100]
    for name, snr in bad[:2]:
        print(f"port {port}: {name:42} {snr:6.1f} dB")

# %% [markdown] tags=["answer"]
# - **Port 1**: the first bad value is the 2-D position embedding itself, near 0 dB or below. All numbers are
#   there, but in the wrong places: the halves for time and frequency are swapped.
# - **Port 2**: a `tencoder` convolution, while the spectrogram's encoder stays right. The first layer is right
#   too, because its length is a multiple of the stride and needs no zeros. So: the zeros at the end of
#   a waveform. This port put them on both sides.
# - **Port 3**: the first attention. Its inputs (`norm_in`, the embeddings) are right, and so are all shapes.
#   The number of heads is wrong, which no shape can show.
# - **Port 4**: 60 to 90 dB nearly everywhere, from the first GELU on. A formula that is almost right, and is
#   used in all layers: GELU by its tanh approximation.
# - **Port 5**: the first `tdecoder` after right values of its own `conv_tr`. Only the cut comes
#   between the two. It began at sample 0 in place of 2.
#
# Now read [mystery_ports.py](mystery_ports.py). [porting.md](../porting.md#traps) lists the common mistakes
# of ports.

# %% tags=["answer"]
first = {
    port: next((name for name, snr in rows if snr < 100), None) for port, rows in reports.items()
}
require(first[1] == "crosstransformer.pos_emb_2d", f"port 1 is first off at {first[1]}")
require(first[2].startswith("tencoder."), f"port 2 is first off at {first[2]}")
require(first[3].endswith("_attn"), f"port 3 is first off at {first[3]}")
require("coder.0.dconv" in first[4], f"port 4 is first off at {first[4]}")
require(first[5] == "tdecoder.0", f"port 5 is first off at {first[5]}")
print("all five are where the answer says")

# %% [markdown]
# ## Listen
#
# The vocals of this second, three times in a row, by each port: an SNR of 45 dB can't be heard, one of 11 dB is obvious.
#
# [port 1](sounds/10_port_1.mp3) · [port 2](sounds/10_port_2.mp3) · [port 3](sounds/10_port_3.mp3) ·
# [port 4](sounds/10_port_4.mp3) · [port 5](sounds/10_port_5.mp3) · [port 6](sounds/10_port_6.mp3)

# %%
import numpy as np

for port in PORTS:
    path = WORK / f"port_{port}.safetensors"
    vocals = trace_values(path, path.stat().st_mtime)["final"][3]
    hear(f"10_port_{port}", np.tile(0.1 * vocals, 3), start=0)

# %% [markdown]
# ## Ten more
#
# `python mystery_ports.py --lab YOUR_NAME` writes ten ports that are drawn from your name: nine have a mistake each, drawn
# from sixteen that are not among those above, and one is right. Diagnose them with `swift-demucs compare` or with the code above, then
# compare with `--answers`. Who names nine of ten operations before looking is ready to port the model.
#
# The next port is your own: in Rust, in JavaScript, for a microcontroller. [porting.md](../porting.md) shows how to
# write its trace.
