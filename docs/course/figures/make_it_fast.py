"""Pictures of chapter 12."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from .style import BAD, GOOD, GREY, save


def roofline(
    layers: list[dict[str, Any]], peak: float, bandwidth: float,
    numpy_points: dict[str, tuple[float, float]],
) -> None:  # fmt: skip
    """Speed of each block over its arithmetic intensity."""
    figure, axis = plt.subplots(figsize=(7, 4))
    intensity = np.geomspace(0.5, 3000, 100)
    axis.loglog(intensity, np.minimum(peak, intensity * bandwidth), color=GREY, lw=2)
    branches = {
        "spectrogram branch": (GOOD, [r for r in layers if r["name"].startswith(("enc", "dec"))]),
        "waveform branch": (BAD, [r for r in layers if r["name"].startswith("t")]),
        "transformer": ("#228833", [r for r in layers if r["name"].startswith("cross")]),
    }
    for name, (colour, rows) in branches.items():
        place = [r["intensity"] for r in rows], [r["gflops"] for r in rows]
        axis.scatter(*place, s=24, color=colour, label=name, zorder=3)
        for row in rows if name == "spectrogram branch" else []:
            level = row["name"].split(".")[-1]
            axis.annotate(
                f"{row['name'][0]}{level}", (row["intensity"], row["gflops"]),
                fontsize=7, xytext=(4, 3), textcoords="offset points",
            )  # fmt: skip
    for name, (intensity, speed) in numpy_points.items():
        axis.plot(intensity, speed, "x", color="black", ms=7)
        axis.annotate(f"NumPy {name}", (intensity, speed), fontsize=7, xytext=(6, -3), textcoords="offset points")
    axis.set_xlabel("operations per byte")
    axis.set_ylabel("GFLOP/s")
    axis.legend(loc="lower right")
    save(figure, "12_roofline")


def sensitivity(layers: list[dict[str, Any]]) -> None:
    """SNR of the output with one layer in INT8, in the order of the network."""
    figure, axis = plt.subplots(figsize=(9, 3.6))
    levels = [row["output_snr_db"] for row in layers]
    colours = [GREY if row["form"] == "float" else GOOD for row in layers]
    axis.bar(range(len(layers)), levels, color=colours)
    parts = [row["tensor"].split(".")[0] for row in layers]
    starts = [i for i, part in enumerate(parts) if i == 0 or part != parts[i - 1]]
    labels = [parts[i].replace("crosstransformer", "transformer") for i in starts]
    axis.set_xticks(starts, labels, rotation=60, ha="right", fontsize=7)
    axis.set_ylabel("SNR of the output, dB")
    axis.set_title("grey: kept in 16 bits", loc="left", fontsize=9)
    save(figure, "12_sensitivity")
