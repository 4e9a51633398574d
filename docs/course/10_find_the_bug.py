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
# The signal-to-noise ratio between a value $v$ and the port's $\hat v$:
#
# $$\text{SNR} = 10 \log_{10} \frac{\sum v^2}{\sum (v - \hat v)^2}$$
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
import json

from engine import TRACE, WORK, command, require, run, write_trace
from mystery_ports import PORTS, write

write_trace()
for port in PORTS:
    write(port)
print(command("compare", TRACE, WORK / "port_1.safetensors", "--min-snr", "100"))

# %% [markdown]
# `compare` lists all values in the order of computation and names the first below the bound. It does all the
# work of this chapter; the code only collects its answers.
#
# **Shapes.** A port may order its axes as it likes inside. Its files must have the shapes of the table in
# [porting.md](../porting.md#where-a-port-goes-wrong); otherwise `compare` says so.

# %%
reports = {}
for port in PORTS:
    found = WORK / f"port_{port}.safetensors"
    rows = ["compare", TRACE, found, "--min-snr", "100", "--json"]
    table = json.loads(run(*rows, expected=(0, 1)))["tensors"]
    reports[port] = [(row["name"], float(row["snr_db"])) for row in table if "found_shape" in row]
    values = [snr for _, snr in reports[port]]
    bad = sum(snr < 100 for snr in values)
    print(f"port {port}: {len(values)} values, {bad:3} below 100 dB, the last {values[-1]:5.1f} dB")

# %% [markdown]
# ## The picture
#
# ![SNR of each value in the order of computation, one line for each port. Each wrong port falls off a cliff at
# another place; one stays above 100 dB to the end.](figures/10_cliffs.png)
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
