"""Measures how the quality of live separation falls with its delay, and what each point costs.

    python reference/bench/live_curve.py songs/*/ -o docs/images/live.png
    python reference/bench/live_curve.py songs/*/ --model htdemucs.safetensors --against-offline

Each folder holds `mixture.wav` and true stems, `drums.wav` and so on, as `training/generate.py --songs`
makes them; stems that are missing are not scored. Prints a Markdown table: the delay is the one that
`swift-demucs live` has, twice the hop included; SDR is the mean of all stems of all songs in dB; SNR
against the offline stems the median; a pass must take less than the hop. Then the presets: the points
that the rules in docs/live.md choose. Needs the Python package; matplotlib for -o.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np
import swift_demucs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import command_line
from snr import snr

# Look-ahead, hop and window in seconds; 0 is the window that the model was trained on.
LOOKAHEADS = [(look, 0.5, 0) for look in (0, 0.5, 1, 2, 3, 4)]
WINDOWS = [(0.25, 0.25, window) for window in (1, 1.5, 2, 3)]
HOPS = [(0.5, 0.5, 2), (0, 0.25, 2), (0.1, 0.1, 2), (0, 0.1, 2), (0.05, 0.1, 1.5), (0.1, 0.1, 1), (0, 0.1, 1), (0.05, 0.05, 1), (0, 0.05, 1), (0, 0.05, 0.5)]
# A preset loses at most so many dB, takes at most this share of its hop, and has the shortest delay or the best SDR.
RULES = {"fast": (1.0, 0.5, "delay"), "balanced": (0.5, 0.25, "delay"), "best": (0.3, 0.1, "sdr")}


@dataclass
class Point:
    look: float
    hop: float
    window: float
    sdr: float
    snr: float
    seconds: float  # of a pass

    @property
    def delay(self) -> float:
        return self.look + 2 * self.hop + min(0.2 * self.hop, 0.1)


def songs(folders: list[Path], seconds: float) -> Iterator[tuple[np.ndarray, int, dict[str, np.ndarray]]]:
    """The mixture `[channels, samples]`, its rate, and the true stems."""
    for folder in folders:
        mix, rate = swift_demucs.read(folder / "mixture.wav")
        count = min(mix.shape[1], int(seconds * rate))
        stems = {p.stem: swift_demucs.read(p)[0][:, :count] for p in folder.glob("*.wav") if p.stem != "mixture"}
        yield np.ascontiguousarray(mix[:, :count]), rate, {name: stem for name, stem in stems.items() if stem.any()}


def live(model: swift_demucs.Model, mix: np.ndarray, rate: int, look: float, hop: float, window: float) -> dict:
    options = {"lookahead": look, "hop": hop, "window": window} if window else {"lookahead": look, "hop": hop}
    blocks = list(model.stream([mix], sample_rate=rate, live=True, **options))
    return {name: np.concatenate([block[name] for block in blocks], -1) for name in blocks[0]}


def main() -> None:
    """Command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("songs", nargs="+", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--precision", default="default")
    parser.add_argument("--seconds", type=float, default=24.0, help="of each song")
    parser.add_argument("--against-offline", action="store_true", help="no SDR, for seeded weights")
    parser.add_argument("-o", "--out", type=Path, help="picture of the curve")
    options = parser.parse_args()
    model = swift_demucs.Model(options.model, precision=options.precision)
    tracks = list(songs(options.songs, options.seconds))
    offline = [dict(model.separate(mix, rate, shifts=0)) for mix, rate, _ in tracks]
    if options.against_offline:
        tracks = [(mix, rate, stems) for (mix, rate, _), stems in zip(tracks, offline, strict=True)]

    def sdr(found: list[dict]) -> float:
        scores = []
        for (_, rate, truth), stems in zip(tracks, found, strict=True):
            both = [{name: each[name] for name in truth if name in stems} for each in (truth, stems)]
            if both[0]:
                scores += swift_demucs.evaluate(*both, rate, metrics=["sdr"]).values()
        return mean(score.sdr for score in scores)

    reference = sdr(offline)
    segment = model.segment_seconds
    print(f"{len(tracks)} songs, offline {reference:.2f} dB, segments of {segment:g} s\n")
    print("| look-ahead, hop, window (s) | delay (s) | SDR (dB) | lost (dB) | SNR against offline (dB) | pass (s) |")
    print("|---|---|---|---|---|---|")
    points: list[Point] = []
    for look, hop, window in LOOKAHEADS + WINDOWS + HOPS:
        window = window or segment
        if look + hop + min(0.2 * hop, 0.1) > window or window > segment:
            continue
        begin = time.perf_counter()
        found = [live(model, mix, rate, look, hop, window) for mix, rate, _ in tracks]
        passes = sum(-(-mix.shape[1] // int(hop * rate)) for mix, rate, _ in tracks)
        seconds = (time.perf_counter() - begin) / passes
        levels = [snr(whole[name], stems[name]) for whole, stems in zip(offline, found, strict=True) for name in whole]
        point = Point(look, hop, window, sdr(found), median(levels), seconds)
        points.append(point)
        print(
            f"| {look:g}, {hop:g}, {window:g} | {point.delay:.2f} | {point.sdr:.2f} | {reference - point.sdr:.2f} "
            f"| {point.snr:.1f} | {seconds:.3f} |",
            flush=True,
        )
    for name, (loss, share, aim) in RULES.items():
        allowed = [p for p in points if reference - p.sdr <= loss and p.seconds <= share * p.hop]
        chosen = min(allowed, key=lambda p: p.delay if aim == "delay" else -p.sdr, default=None)
        print(f"\n{name}, within {loss} dB: {chosen}")
    if options.out:
        draw(points, reference, options.out)


def draw(points: list[Point], reference: float, path: Path) -> None:
    """SDR against the delay, a colour for each window."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for window in sorted({point.window for point in points}):
        chosen = sorted((point.delay, point.sdr) for point in points if point.window == window)
        axes.plot(*zip(*chosen, strict=True), "o", label=f"window of {window:g} s")
    axes.axhline(reference, color="grey", linestyle="--", label="offline")
    axes.set(xlabel="delay (s)", ylabel="SDR, mean of all stems (dB)", xlim=(0, None), ylim=(None, reference + 0.1))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
