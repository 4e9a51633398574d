"""Models with the names of demucs: ``HTDemucs`` for one, ``BagOfModels`` for a bag's file."""

from __future__ import annotations

import copy
import functools
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, NoReturn, Optional, Sequence, TypeVar, Union

import numpy as np

from . import _arrays, _call, _model, _recordings, _zoo, errors
from ._arrays import Samples

# Files of the published bags, as demucs has them.
BAGS = Path(__file__).resolve().parent / "remote"
Self = TypeVar("Self", bound="Module")
# Of the models that are opened again with another segment.
_LOCK = _call.Lock()


class LoadModelError(errors.ModelError, RuntimeError):
    """A model is missing, or can't be loaded."""


class MissingAttributeError(NotImplementedError, AttributeError):
    """What a model of demucs has and this engine doesn't; ``hasattr`` takes it."""


def ignore(device: Any) -> None:
    """Logs that a device other than the CPU is not used."""
    if device is not None and str(device) != "cpu":
        _recordings.logger.info("device %s is ignored: everything runs on the CPU", device)


class Module:
    """A model that stays on the CPU, in float32, without gradients; ``whole`` is the engine's."""

    training = False
    #: Loads a model that wasn't loaded from the beginning.
    _load: Any = None

    def __init__(self, whole: Any) -> None:
        if not isinstance(whole, _model.Model):
            raise NotImplementedError(
                f"swift-demucs makes no {type(self).__name__} of parts: use get_model, which loads "
                "checkpoints and the files of bags"
            )
        self.sources: list[str] = list(whole.stems)
        self.samplerate: int = whole.sample_rate
        self.audio_channels: int = whole.channels
        self.segment: float = whole.segment_seconds
        #: The model of a segment, None for the members' own.
        self._opened: tuple[Optional[_model.Model], Optional[float]] = whole, None

    @property
    def engine(self) -> _model.Model:
        """The model of this package, which runs its network on ``segment``."""
        return self._with_segment(_arrays.real(self.segment, "segment"))

    def _with_segment(self, segment: Optional[float]) -> _model.Model:
        with _LOCK.held:
            opened, its_segment = self._opened
            if opened is None:
                opened = self._load(segment)
            elif its_segment != segment:
                opened = _model.Model(**{**opened.__getstate__(), "segment": segment})
            self._opened = opened, segment
            return opened

    def _pass(self, track: Any) -> Any:
        return self.engine.separate(
            track, shifts=0, no_split=True, normalize=False, progress=False
        ).array

    def to(self: Self, device: Any = None, *_: Any, **__: Any) -> Self:
        """The model itself."""
        ignore(device)
        return self

    def cuda(self: Self, device: Any = "cuda") -> Self:
        """The model itself."""
        return self.to(device)

    def train(self: Self, mode: bool = True) -> Self:
        """The model itself."""
        return self

    cpu = eval = float = half = double = requires_grad_ = train

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """An empty array or tensor, of the model's type: the weights are the engine's."""
        yield _arrays.as_caller_wants(np.empty(0, np.float32))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise MissingAttributeError(
                f"a model of swift-demucs has no {name!r}, which torch's modules may have; "
                "docs/from-demucs.md lists what it has"
            )


class HTDemucs(Module):
    """A single model. ``segment``, in seconds, is the length of its network's input."""

    def __init__(self, whole: Any = None, member: Any = None, load: Any = None, **_: Any) -> None:
        """``load`` opens a member of a bag at a segment, when it is first used.

        ``member`` is the engine's description of it.
        """
        super().__init__(whole)
        self._member: dict[str, Any] = member or whole._members[0]
        self.sources = list(self._member["stems"])
        self.segment = self._member["segment_seconds"]
        self._opened, self._load = (None if load else whole, self.segment), load

    def forward(self, mix: Samples) -> Samples:
        """One pass: ``[batch, channels, frames]``, without normalisation.

        Returns ``[batch, sources, channels, frames]``. Raises :class:`ArgumentError` for more than
        a segment, unless the network is one of Demucs v3.
        """
        tracks, kind = batch_of(mix, self.audio_channels)
        count = tracks.shape[2]
        if not self._member["takes_any_length"]:
            missing = int(self.engine.segment_seconds * self.samplerate) - count
            if missing < 0:
                raise errors.ArgumentError(
                    f"mix has {count} frames, expected at most a segment of "
                    f"{self.engine.segment_seconds} s; for any length: apply_model"
                )
            tracks = np.pad(tracks, ((0, 0), (0, 0), (0, missing)))
        result: Samples = kind(np.stack([self._pass(track) for track in tracks])[..., :count])
        return result

    __call__ = forward


class BagOfModels(Module):
    """A named model, of one member or more; the engine runs them together."""

    models: Sequence[HTDemucs] = ()

    def __init__(self, whole: Any = None, jobs: int = 1, **_: Any) -> None:
        super().__init__(whole)
        members = whole._members
        self.models = [HTDemucs(whole)]
        if len(members) > 1:
            paths = [Path(member["checkpoint"]).absolute() for member in members]
            loads = [functools.partial(opened, path, None, jobs) for path in paths]
            self.models = [HTDemucs(whole, *pair) for pair in zip(members, loads)]
        self.weights = [[*map(float, member["weights"])] for member in members]
        self._file_weights = copy.deepcopy(self.weights)

    @property
    def engine(self) -> _model.Model:
        """The model of this package; a bag of one has its member's."""
        if len(self.models) == 1:
            return self.models[0].engine
        if [[*map(float, row)] for row in self.weights] != self._file_weights:
            raise errors.ArgumentError(
                f"the bag's weights are {self.weights}, expected {self._file_weights} of its file: "
                "to use others, write them into a bag's file and load that"
            )
        segments = [member.segment for member in self.models]
        if segments == [member._member["segment_seconds"] for member in self.models]:
            return self._with_segment(None)
        if len(set(segments)) > 1:
            raise errors.ArgumentError(
                f"the members' segments are {segments}, expected one; set that of the bag"
            )
        return super().engine

    @property
    def max_allowed_segment(self) -> float:
        """The least segment of the members whose networks don't run on any length."""
        limited = [each.segment for each in self.models if not each._member["takes_any_length"]]
        return min(limited, default=math.inf)

    @property
    def segment(self) -> float:
        """The least of the members' segments; setting it sets that of each."""
        return min(member.segment for member in self.models)

    @segment.setter
    def segment(self, value: float) -> None:
        for member in self.models:
            member.segment = value

    def __call__(self, mix: Any) -> Any:
        raise NotImplementedError("a bag is not called: use apply_model(bag, mix) or bag.models[0]")


AnyModel = Union[HTDemucs, BagOfModels]


def batch_of(mix: Any, channels: int) -> tuple[Any, Any]:
    """Tracks ``[batch, channels, frames]``, and a function for the results."""
    tracks, kind = _arrays.floats_of(mix, "mix")
    if tracks.ndim != 3 or tracks.shape[1] != channels or 0 in tracks.shape:
        raise errors.ArgumentError(
            f"mix has the shape {list(tracks.shape)}, expected [batch, {channels}, frames]; "
            "for one track: mix[None]"
        )
    return tracks, kind


# Extensions of the checkpoints in a folder of models; the reference reads only .th.
_CHECKPOINTS = {".th", ".safetensors", ".bin", ".onnx"}


def list_models(repo: Optional[Path] = None) -> dict[str, dict[str, Union[str, Path]]]:
    """The models that :class:`Separator` accepts: ``single`` ones and ``bag``, by name.

    Values are files, or ``hf://...`` for a single model that is not on this machine.
    """
    single: dict[str, Union[str, Path]] = {}
    bag: dict[str, Union[str, Path]] = {}
    if repo is not None:
        folder = Path(errors.path_text(repo))
        if not folder.is_dir():
            raise errors.ArgumentError(f"{folder} must exist and be a directory.", str(folder))
        for file in sorted(folder.iterdir()):
            if file.suffix in _CHECKPOINTS:
                single[file.stem.rsplit("-", 1)[0] if file.suffix == ".th" else file.stem] = file
            elif file.suffix == ".yaml":
                bag[file.stem] = file
        return {"single": single, "bag": bag}
    for model in _zoo.models():
        bag[model.name] = BAGS / f"{model.name}.yaml"
        for signature in model.signatures:
            files = [file for file in model.files if signature in file.name]
            single[signature] = files[0] if files else f"hf://{model.hub_repository}"
    return {"single": single, "bag": bag}


def settled(name: Any, repo: Any) -> tuple[Any, Optional[Path]]:
    """A model's name or path, and its folder, also for a program that goes to another folder."""
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"model is {name!r}, expected a name")
    return errors.settled(name), None if repo is None else Path(repo).absolute()


def opened(
    name: Any, repo: Optional[Path], jobs: int = 1, segment: Optional[float] = None
) -> _model.Model:
    """The engine's model of a name; a missing one is downloaded, unless ``repo`` is given.

    A checkpoint in ``repo`` comes before a bag's file of its name, as in demucs.

    Raises :class:`LoadModelError`.
    """
    own = {} if repo is None else list_models(repo)["single"]
    name = own.get(os.fspath(name), name)
    try:
        return _model.load(
            name, precision="float32", jobs=jobs, segment=segment, repository=repo,
            download=repo is None,
        )  # fmt: skip
    except errors.ModelError as error:
        raise LoadModelError(str(error), error.path) from error


def load(name: Any, repo: Optional[Path] = None, jobs: int = 1) -> AnyModel:
    """The model of :func:`opened`: a bag if it has a bag's file, as in demucs."""
    name, repo = settled(name, repo)
    whole = opened(name, repo, jobs)
    text = os.fspath(name)
    if repo is not None and text in list_models(repo)["single"]:
        return HTDemucs(whole)
    places = [Path(text), (BAGS if repo is None else Path(repo)) / f"{Path(text).name}.yaml"]
    has_file = any(file.suffix == ".yaml" and file.is_file() for file in places)
    is_bag = has_file or whole.member_count > 1 or text.startswith("hf://")
    return BagOfModels(whole, jobs) if is_bag else HTDemucs(whole)
