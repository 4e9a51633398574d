"""Fixtures of whole tracks through the official separator, with tiny models.

Tensors: `mix` [C, n] at the metadata's `samplerate`, drawn, and the stems [A, n] under their names,
at the model's rate; long stems have every fifth sample only. Metadata: `checkpoint` (a file of
Tests/Fixtures/models), or `bag` (a list of them) with `weights`; `options` as JSON.
"""

from __future__ import annotations

import json

import draw
import seeded_model as reference
from fixture import SEED, Tensors, complete, float64_snr, in_double, origin, write
from official import Options, separate

GROUP = "tracks"
MODEL = "cross_first"
RATE = reference.CONFIGURATIONS[MODEL]["samplerate"]


SWELL = draw.swell(0.3, 0.05)
# Longer stems keep every fifth sample: no seam, segment or padding is shorter than that.
LONG = 1100


def save(
    name: str,
    shape: tuple[int, int],
    *,
    rule: draw.Rule = SWELL,
    silent: int = 0,
    models: tuple[str, ...] = (MODEL,),
    weights: list[list[float]] | None = None,
    rate: int | None = None,
    segment_of_bag: float | None = None,
    **options: float | bool | None,
) -> None:
    """Separates a track of a shape that begins with `silent` zeros, and writes its stems."""
    chosen = Options(**options)
    draws = draw.Draws(SEED)
    mix = draws("mix", *shape, rule=rule)
    mix[:, :silent] = 0

    def run(double: bool) -> Tensors:
        members = [reference.load(complete(f"models/{model}.safetensors")) for model in models]
        if double:
            members = [in_double(member) for member in members]
        bag = len(members) > 1 or segment_of_bag is not None
        model = reference.BagOfModels(members, weights, segment_of_bag) if bag else members[0]
        return separate(model, mix.double() if double else mix, rate or model.samplerate, chosen)

    first = reference.CONFIGURATIONS[models[0]]
    metadata = origin(GROUP, options=chosen.text(), samplerate=str(rate or first["samplerate"]))
    if len(models) > 1 or segment_of_bag is not None:
        metadata["bag"] = json.dumps([f"{model}.safetensors" for model in models])
        metadata["weights"] = json.dumps(weights)
        metadata["bag_segment"] = json.dumps(segment_of_bag)
    else:
        metadata["checkpoint"] = f"{models[0]}.safetensors"
    if mix.abs().max() > 0:
        metadata["snr_against_float64_db"] = float64_snr(run)
    stems = run(False)
    every = {name: 5 for name, stem in stems.items() if stem.shape[1] > LONG}
    if silent:
        write(GROUP, name, {"mix": mix, **stems}, metadata, every=every)
    else:
        write(GROUP, name, stems, metadata, draws, every)


def make() -> None:
    """Writes Tests/Fixtures/tracks. The model's segment is 400 samples, the largest shift 800."""
    song = (2, 1777)
    save("overlap_0.25", song)
    save("overlap_0.1", song, overlap=0.1)
    save("overlap_0.9", song, overlap=0.9)
    save("overlap_0", song, overlap=0.0)
    save("transition_power_2", song, transition_power=2.0)
    save("segment_0.15", song, segment=0.15)
    save("segment_0.15_any_length", song, models=("any_length",), segment=0.15)
    save("any_length", song, models=("any_length",))
    save("shifts_1", song, shifts=1, seed=7)
    save("shifts_2", song, shifts=2, seed=1234)
    save("shifts_2_segment_0.15", song, shifts=2, seed=1234, segment=0.15, overlap=0.1)
    save("shifts_1_seed_large", song, shifts=1, seed=2**40 + 3)
    save("base", (2, 4501), models=("base",))
    save("half", song, models=("half",))

    short = (2, 301)
    save("short", short)
    save("short_shifts_2", short, shifts=2, seed=1234)
    save("short_no_split", short, split=False)
    save("short_segment_0.15", short, segment=0.15)
    save("one_segment", (2, 400))
    save("one_more_sample", (2, 401))
    save("one_segment_no_split", (2, 400), split=False)
    save("ten_samples", (2, 10))
    save("ten_samples_shifts_2", (2, 10), shifts=2, seed=1234)
    save("two_samples", (2, 2))

    save("silence", (2, 900), rule=draw.normal(0))
    save("silence_shifts_1", (2, 500), rule=draw.normal(0), shifts=1, seed=3)
    save("silent_start", (2, 1201), silent=700)

    save("mono_track", (1, 900))
    save("four_channels", (4, 900))
    save("mono_model", (2, 900), models=("mono",))
    save("mono_model_mono_track", (1, 900), models=("mono",))
    save("resampled_up", (2, 700), rate=1200)
    save("resampled_down", (1, 1400), rate=2205)

    pair = (MODEL, "positions")
    save("bag", song, models=pair)
    save("bag_weights", song, models=pair, weights=[[1.0, 0.25], [3.0, 0.75]])
    save("bag_identity_shifts_2", song, models=pair, weights=[[1, 0], [0, 1]], shifts=2, seed=1234)
    save("bag_segment_0.15", song, models=pair, segment_of_bag=0.15)

    # Version 3: segments of any length; for Demucs of valid lengths, with the track's samples around.
    for model in ("hybrid", "waveform"):
        save(model, song, models=(model,))
        save(f"{model}_shifts_2", song, models=(model,), shifts=2, seed=1234, overlap=0.1)
        save(f"{model}_segment_0.4", song, models=(model,), segment=0.4)
        save(f"{model}_no_split", (2, 901), models=(model,), split=False)
        save(f"{model}_short", short, models=(model,))
        save(f"{model}_ten_samples", (2, 10), models=(model,))
    save("hybrid_old", song, models=("hybrid_old",), shifts=1, seed=7)
    mixed = (MODEL, "hybrid", "waveform")
    save("bag_mixed", song, models=mixed)
    # Longer than the training segment of the first model, which keeps its own.
    weighted = [[1.0, 0.0], [0.5, 2.0], [1.0, 1.0]]
    save("bag_mixed_segment_0.3", song, models=mixed, weights=weighted, segment_of_bag=0.3)
    bag = {"models": mixed, "weights": weighted, "segment_of_bag": 0.15}
    save("bag_mixed_segment_0.15", song, shifts=2, seed=1234, **bag)
