"""Fixtures of whole tracks through the official separator, with tiny models.

Tensors: `mix` [C, n] at the metadata's `samplerate`, and the stems [A, n] under their names, at the
model's rate. Metadata: `checkpoint` (a file of Tests/Fixtures/models), or `bag` (a list of them)
with `weights`; `options` as JSON.
"""

from __future__ import annotations

import json

import torch

import seeded_model as reference
from fixture import ROOT, Tensors, float64_snr, in_double, noise, origin, write
from separate_reference import Options, separate

GROUP = "tracks"
MODEL = "cross_first"
RATE = reference.CONFIGURATIONS[MODEL]["samplerate"]


def track(name: str, channels: int, length: int) -> torch.Tensor:
    """Noise that swells and fades, off centre, with the channels unlike."""
    swell = 0.2 + torch.sin(torch.linspace(0, 5, length)) ** 2
    return noise(f"track {name}", channels, length, deviation=0.2, offset=0.05) * swell


def save(
    name: str,
    mix: torch.Tensor,
    *,
    models: tuple[str, ...] = (MODEL,),
    weights: list[list[float]] | None = None,
    rate: int | None = None,
    segment_of_bag: float | None = None,
    **options: float | bool | None,
) -> None:
    """Separates one track and writes it with its stems."""
    chosen = Options(**options)

    def run(double: bool) -> Tensors:
        members = [reference.load(ROOT / "models" / f"{model}.safetensors") for model in models]
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
    write(GROUP, name, {"mix": mix, **run(False)}, metadata)


def make() -> None:
    """Writes Tests/Fixtures/tracks. The model's segment is 400 samples, the largest shift 800."""
    song = track("song", 2, 1777)
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
    save("base", track("base", 2, 4500), models=("base",))
    save("half", song, models=("half",))

    short = track("short", 2, 301)
    save("short", short)
    save("short_shifts_2", short, shifts=2, seed=1234)
    save("short_no_split", short, split=False)
    save("short_segment_0.15", short, segment=0.15)
    save("one_segment", track("segment", 2, 400))
    save("one_more_sample", track("segment", 2, 401))
    save("one_segment_no_split", track("segment", 2, 400), split=False)
    save("ten_samples", track("ten", 2, 10))
    save("ten_samples_shifts_2", track("ten", 2, 10), shifts=2, seed=1234)
    save("two_samples", track("two", 2, 2))

    save("silence", torch.zeros(2, 900))
    save("silence_shifts_1", torch.zeros(2, 500), shifts=1, seed=3)
    half_silent = track("silent", 2, 1200)
    half_silent[:, :700] = 0
    save("silent_start", half_silent)

    save("mono_track", track("mono", 1, 900))
    save("four_channels", track("four", 4, 900))
    save("mono_model", track("stereo", 2, 900), models=("mono",))
    save("mono_model_mono_track", track("mono", 1, 900), models=("mono",))
    save("resampled_up", track("up", 2, 700), rate=1200)
    save("resampled_down", track("down", 1, 1400), rate=2205)

    pair = (MODEL, "positions")
    save("bag", song, models=pair)
    save("bag_weights", song, models=pair, weights=[[1.0, 0.25], [3.0, 0.75]])
    save("bag_identity_shifts_2", song, models=pair, weights=[[1, 0], [0, 1]], shifts=2, seed=1234)
    save("bag_segment_0.15", song, models=pair, segment_of_bag=0.15)
