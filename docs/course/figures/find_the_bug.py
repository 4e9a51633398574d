"""Picture of chapter 10."""

from __future__ import annotations

import matplotlib.pyplot as plt

from .style import GREY, save


def cliffs(reports: dict[int, list[tuple[str, float]]]) -> None:
    """SNR of every value in the order of computation, a row for each port."""
    figure, axes = plt.subplots(len(reports), 1, figsize=(9, 8), sharex=True, sharey=True)
    for axis, (port, rows) in zip(axes, reports.items(), strict=True):
        levels = [snr for _, snr in rows]
        axis.axhline(100, color=GREY, lw=0.8, ls=":")
        axis.plot(levels, lw=1.2, color="#4477aa")
        bad = next((i for i, level in enumerate(levels) if level < 100), None)
        if bad is not None:
            axis.plot(bad, levels[bad], "o", color="#cc3311", ms=5)
        axis.set_ylabel(f"port {port}\nSNR, dB")
        axis.set_ylim(-10, 165)
    names = [name for name, _ in next(iter(reports.values()))]
    starts, labels = [], []
    for i, name in enumerate(names):
        part = name.split(".")[0]
        part = {"tencoder": "encoder", "tdecoder": "decoder"}.get(part, part)
        if part in ("encoder", "crosstransformer", "decoder", "output") and part not in labels:
            starts.append(i)
            labels.append(part)
    axes[-1].set_xticks(starts, [f"{label}s" if "coder" in label else label for label in labels])
    save(figure, "10_cliffs")
