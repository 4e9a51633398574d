# %% [markdown]
# # 12. Make it fast: roofline, Winograd, INT8
#
# **The question.** The engine separates the demo track many times faster than your NumPy did in chapter 9, on
# the same processor. Where is the difference?
#
# ## The intuition
#
# A processor has two limits: how many operations it does in a second, and how many bytes it fetches from
# memory in a second. A layer that does little with each byte waits for memory, however good the code is. The
# *arithmetic intensity* of a layer, operations per byte, decides which limit holds.
#
# NumPy passes the whole array through memory for each small step: once for the bias, once for GELU, once for the
# norm. The engine does all steps on a piece of the array that fits into the cache, and only then fetches the
# next piece: far fewer bytes.
#
# ## The equation
#
# $$\text{speed} \le \min(\text{peak}, \; \text{intensity} \times \text{bandwidth})$$
#
# Drawn with two logarithmic axes, this bound looks like a roof: it rises, then it is flat. Hence *roofline*.
#
# ## Measure
#
# Everything on **one core**, so that peak and bandwidth belong together. `bench --layers --json` says for each block its time, its operations per second and the bytes that it must
# move at least. The peak is measured too. The bandwidth we measure here, by copying a large array.

# %% tags=["varies"]
import json
import time

import numpy as np

from engine import MODEL, WORK, check, command, require, run, true_values

bench = ["bench", "-n", MODEL, "--threads", "1", "--runs", "3", "--layers", "--json"]
print(command(*bench))
report = json.loads(run(*bench))[0]
layers = [row for row in report["layers"] if row["gflops"] > 0]
peak = report["gflops"] / report["share_of_peak"]
source = np.ones(1 << 26, np.float32)
target = np.empty_like(source)
times = []
for _ in range(4):
    began = time.perf_counter()
    np.copyto(target, source)
    times.append(time.perf_counter() - began)
bandwidth = 3 * source.nbytes / min(times) / 1e9  # read, fetch the target's line, write
print(f"the engine: {report['realtime_factor']:.0f} s of music in a second")
print(f"one core: peak {peak:.0f} GFLOP/s, bandwidth {bandwidth:.0f} GB/s")

# %% tags=["varies"]
for row in sorted(layers, key=lambda row: -row["seconds"])[:6]:
    row["intensity"] = row["gflops"] * row["seconds"] * 1e9 / row["bytes"]
    print(
        f"{row['name']:16} {100 * row['share']:5.1f} % of the time {row['gflops']:6.0f} GFLOP/s"
        f" {row['intensity']:6.1f} operations per byte"
    )

# %% [markdown]
# ## The pictures
#
# ![Roofline on one core: each block of the network as a point, its operations per byte against its speed, below the roof of
# peak and bandwidth, and three steps in NumPy as crosses.](figures/12_roofline.png)
#
# Labels: e0 is `encoder.0`, d3 is `decoder.3`. Points far below the roof have another limit: small matrices that
# don't fill the registers, or functions such as exp. Points above the flat roof do fewer operations than are
# counted: the next section explains this. This model is small. With the weights of `htdemucs` most points move
# up and to the right (`swift-demucs bench --random-weights htdemucs --layers`).
#
# ![Sensitivity: for each layer, the SNR of the output if this layer alone computes in INT8.](figures/12_sensitivity.png)
#
# *Low bars are layers that INT8 hurts. The command keeps the grey ones in 16 bits.*

# The crosses are NumPy, as chapters 4 and 5 wrote it, on the layer `encoder.0` of the traced second, on one core too:

# %% tags=["varies"]
from given import conv, gelu, load, normalise

config, model = load(MODEL)
truth = true_values()
image, hidden = truth["x"], truth["encoder.0.conv"]
taps = model["encoder.0.conv.weight"]
steps = {  # a function, its operations, and the least bytes that it must move
    "conv": (lambda: conv(model / "encoder.0.conv", image, (4, 1), (2, 0)),
             2 * taps.size * hidden[0].size, image.nbytes + hidden.nbytes),
    "GELU": (lambda: gelu(hidden), 10 * hidden.size, 2 * hidden.nbytes),
    "norm": (lambda: normalise(hidden, (0, 2)), 6 * hidden.size, 2 * hidden.nbytes),
}  # fmt: skip
numpy_points = {}
for name, (step, operations, bytes_moved) in steps.items():
    times = []
    for _ in range(5):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    numpy_points[name] = operations / bytes_moved, operations / min(times) / 1e9
    print(f"NumPy {name}: {1000 * min(times):.1f} ms, {numpy_points[name][1]:.1f} GFLOP/s")

# %% [markdown]
# That answers the question. GELU and norm do little with each byte, so they live at the foot of the roof, and NumPy
# does not even reach it there: each of their five or six small steps passes through memory. Its convolution is a
# series of matrix products with few channels each, which leaves the registers half empty.

# %%
from figures import make_it_fast

for row in layers:
    row["intensity"] = row["gflops"] * row["seconds"] * 1e9 / row["bytes"]
make_it_fast.roofline(layers, peak, bandwidth, numpy_points)

# %% [markdown]
# ## Fewer multiplications: Winograd
#
# A convolution with 3 taps needs 3 multiplications for each output, 6 for two. Winograd's trick gets two outputs
# with 4: it multiplies *sums* of inputs with *sums* of taps. For inputs $d_0 \dots d_3$ and taps $g_0, g_1, g_2$:
#
# $$m_1 = (d_0 - d_2) g_0, \quad m_2 = (d_1 + d_2) \tfrac{g_0 + g_1 + g_2}{2}, \quad
# m_3 = (d_2 - d_1) \tfrac{g_0 - g_1 + g_2}{2}, \quad m_4 = (d_1 - d_3) g_2$$
#
# $$y_0 = m_1 + m_2 + m_3, \qquad y_1 = m_2 - m_3 - m_4$$
#
# The sums of taps are computed once, when the model loads. With many channels each multiplication is a matrix
# product, and the additions hardly count.
#
# **Shapes.** x is [C, N], the taps [O, C, 3], the result [O, N].

# %%
def winograd(weight, bias, x):
    outputs, n = len(weight), x.shape[1]
    x = np.pad(x, ((0, 0), (1, 2 + n % 2)))  # a tap to each side, and an even number of outputs
    d0, d1, d2, d3 = (x[:, k : k + n + n % 2 : 2] for k in range(4))
    g0, g1, g2 = weight[:, :, 0], weight[:, :, 1], weight[:, :, 2]
    m1, m4 = g0 @ (d0 - d2), g2 @ (d1 - d3)
    m2, m3 = (g0 + g1 + g2) / 2 @ (d1 + d2), (g0 - g1 + g2) / 2 @ (d2 - d1)
    y = np.empty((outputs, n + n % 2), dtype=np.float32)
    y[:, 0::2], y[:, 1::2] = m1 + m2 + m3, m2 - m3 - m4
    return y[:, :n] + bias[:, None]


# %% [markdown]
# ## The check
#
# The 3-tap convolution of the first decoder layer of the waveform:

# %%
x = truth["channel_downsampler_t"] + truth[f"tencoder.{config.depth - 1}"]
rewrite = model / "tdecoder.0.rewrite"
check({"tdecoder.0.rewrite": winograd(rewrite["weight"], rewrite["bias"], x)})

# %% [markdown]
# Still right: the sums cost a little precision, and the engine uses the same trick.
#
# ## Fewer bits: INT8
#
# A weight as an 8-bit integer takes a quarter of the bytes of a float32, and processors multiply such
# numbers two to four times as fast. Each output channel o gets a *scale*, so that its largest weight becomes
# 127:
#
# $$q = \text{round}(w / s_o), \qquad s_o = \max_i |w_{oi}| / 127, \qquad w \approx s_o q$$
#
# Some layers tolerate this better than others. `quantize --report` measures it: for each layer the SNR of its
# rounded weights, and the SNR of the stems if only this layer computes in INT8.

# %% tags=["varies"]
run("quantize", MODEL, "-o", WORK / "int8.safetensors", "--report", WORK / "int8.json")
sensitivity = json.loads((WORK / "int8.json").read_text())["layers"]
make_it_fast.sensitivity(sensitivity)
ranked = sorted(sensitivity, key=lambda row: row["output_snr_db"])
for row in ranked[:3] + ranked[-3:]:
    print(f"{row['tensor']:50} {row['output_snr_db']:6.1f} dB")
small, large = (WORK / "int8.safetensors").stat().st_size, MODEL.stat().st_size
print(f"{small / 1e6:.2f} MB in place of {large / 1e6:.2f} MB (which is float16)")

# %% tags=["varies"]
from engine import EXACTLY, TRACK, hear, read_track, separated, snr_db

run("separate", TRACK, "-n", WORK / "int8.safetensors", *EXACTLY, "-o", WORK / "int8", "-q")
exact, rounded = separated()["bass"], read_track(WORK / "int8" / "int8" / TRACK.stem / "bass.wav")
print(f"bass, INT8 against float32: {snr_db(exact, rounded):.1f} dB")
hear("12_float32", exact)
hear("12_int8", rounded)
hear("12_difference", 30 * (exact - rounded))

# %% [markdown]
# Listen to the bass: [float32](sounds/12_float32.mp3) · [INT8](sounds/12_int8.mp3) · [the difference, 30 times
# as loud](sounds/12_difference.mp3)
#
# The first and the last layers are among the most sensitive: they work at full resolution, and no other layer
# repairs their errors. The command keeps them in 16 bits.
#
# ## Exercise
#
# Predict the SNR of a layer's rounded weights without rounding them. Hint: the error of rounding is spread evenly
# between −s/2 and s/2. Then round, compare, and compare both with the report.

# %% [markdown] tags=["answer"]
# A number spread evenly over a width s has the variance s² / 12. So the noise is the mean of s² / 12 over the
# output channels, and
#
# $$\text{SNR} \approx 10 \log_{10} \frac{\text{mean}(w^2)}{\text{mean}(s_o^2) / 12}$$
#
# The report's numbers differ, and most are lower. The command doesn't round to the nearest: it chooses the roundings so that the
# layer's *output* is best (GPTQ). It accepts larger errors of single weights if they cancel.

# %% tags=["answer", "varies"]
for row in [row for row in sensitivity if row["form"] == "int8"][::8]:
    w = model[row["tensor"]]
    w = w.reshape(len(w), -1)  # [outputs, inputs · taps]
    s = np.abs(w).max(1, keepdims=True) / 127
    predicted = 10 * np.log10(np.square(w).mean() / (np.square(s).mean() / 12))
    rounded = s * np.round(w / s)
    measured = 10 * np.log10(np.square(w).sum() / np.square(w - rounded).sum())
    name, reported = row["tensor"], row["weights_snr_db"]
    print(f"{name:50} predicted {predicted:.1f}  rounded {measured:.1f}  report {reported:.1f} dB")
    require(abs(predicted - measured) < 1, f"the prediction for {name} is off by more than 1 dB")

# %% [markdown]
# **Read more.** Roofline: Williams, Waterman and Patterson, CACM 2009. Winograd: [arXiv:1509.09308](https://arxiv.org/abs/1509.09308). GPTQ:
# [arXiv:2210.17323](https://arxiv.org/abs/2210.17323).
