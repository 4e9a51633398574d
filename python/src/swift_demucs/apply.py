"""``demucs.apply`` (demucs 4.1.0), on this engine."""

from __future__ import annotations

import random
from typing import Any, Optional, Union

import numpy as np

from . import _arrays, _model, _modules, _progress, api
from ._arrays import Samples
from ._modules import BagOfModels, HTDemucs

__all__ = ["BagOfModels", "HTDemucs", "apply_model"]


def apply_model(
    model: Union[_modules.AnyModel, _model.Model],
    mix: Samples,
    shifts: int = 1,
    split: bool = True,
    overlap: float = 0.25,
    transition_power: float = 1.0,
    progress: bool = False,
    device: Any = None,
    num_workers: int = 0,
    segment: Optional[float] = None,
    pool: Any = None,
    lock: Any = None,
    callback: Optional[api.Callback] = None,
    callback_arg: Optional[dict[Any, Any]] = None,
) -> Samples:
    """Separates a batch of tracks ``[batch, channels, frames]`` at the model's rate.

    Returns ``[batch, sources, channels, frames]``, an array or a tensor as ``mix`` is. The tracks
    are not normalised. As in the reference, all tracks of a batch get the same shifts, which
    :mod:`random` draws. ``callback`` is called for one track after the other, as that of
    :class:`swift_demucs.api.Separator`. ``device``, ``num_workers``, ``pool`` and ``lock`` are
    accepted and have no effect.

    Raises :class:`ArgumentError`, and what ``callback`` raises.
    """
    _modules.ignore(device)
    engine = model if isinstance(model, _model.Model) else getattr(model, "engine", None)
    if engine is None:
        raise TypeError(f"model is {model!r}, expected one of get_model")
    tracks, kind = _modules.batch_of(mix, engine.channels)
    settings = api.tuning(shifts, split, overlap, segment)
    state = random.getstate()
    stems = []
    with _progress.reporting(_arrays.flag(progress, "progress"), engine.sample_rate) as bar:
        report = api.reporter(callback, callback_arg, bar)
        for track in tracks:
            # The reference draws once for all tracks.
            random.setstate(state)
            found = engine.separate(
                track, seed=random, normalize=False, progress=report,
                transition_power=_arrays.real(transition_power, "transition_power"), **settings,
            )  # type: ignore[call-overload]  # fmt: skip
            stems.append(found.array)
    result: Samples = kind(np.stack(stems))
    return result
