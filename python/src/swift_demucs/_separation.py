"""The stems of a track."""

from __future__ import annotations

import base64
import html
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

from . import _arrays, _recordings, _settings, errors
from ._arrays import Array, Samples


class Separation(Mapping[str, Samples]):
    """Stems by name: ``stems["vocals"]`` or ``stems.vocals``, each ``[channels, frames]``.

    Used as a context manager, a separation releases its samples at the end of the block. A notebook
    shows it as a player for each stem.
    """

    def __init__(
        self,
        array: Array,
        names: tuple[str, ...],
        sample_rate: int,
        seed: int,
        mixture: Callable[[], Samples],
        kind: Callable[[Array], Samples],
    ) -> None:
        self._array: Optional[Array] = array
        self._names = names
        self._mixture: Optional[Callable[[], Samples]] = mixture
        self._kind = kind
        #: Sample rate of the stems, in Hz.
        self.sample_rate = sample_rate
        #: Seed of the random shifts, given or drawn; repeats the run. 0 if there were no shifts.
        self.seed = seed

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stems and of other signals that were asked for, in their order."""
        return self._names

    @property
    def array(self) -> Samples:
        """All stems: ``[stem, channels, frames]``."""
        return self._kind(self._numpy())

    @property
    def mixture(self) -> Samples:
        """The track as it was separated: with the stems' channels, rate and length."""
        self._numpy()
        assert self._mixture is not None
        return self._mixture()

    def _numpy(self) -> Array:
        if self._array is None:
            raise errors.StateError("the separation is closed; separate again")
        return self._array

    def _index(self, name: str) -> int:
        if isinstance(name, str) and name in self._names:
            return self._names.index(name)
        raise KeyError(f"no stem {name!r}; there are {', '.join(self._names)}")

    def __getitem__(self, name: str) -> Samples:
        return self._kind(self._numpy()[self._index(name)])

    def __getattr__(self, name: str) -> Samples:
        # A copy has no attributes yet while it is made.
        names = self.__dict__.get("_names", ())
        if not name.startswith("_") and name in names:
            return self[name]
        raise AttributeError(f"no attribute or stem {name!r}; there are {', '.join(names)}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mixture": self.mixture}

    def __setstate__(self, state: dict[str, Any]) -> None:
        mixture = state["_mixture"]
        self.__dict__.update(state)
        self._mixture = lambda: mixture

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    # Comparing arrays gives no truth value, so a separation equals only itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names})

    def __repr__(self) -> str:
        if self._array is None:
            return f"<Separation of {', '.join(self._names)}, closed>"
        seconds = self._array.shape[2] / self.sample_rate
        return f"<Separation of {', '.join(self._names)}: {seconds:.2f} s at {self.sample_rate} Hz>"

    def _repr_html_(self) -> str:
        if self._array is None:
            return repr(self)
        with tempfile.TemporaryDirectory() as folder:
            files = self.write(folder, format="mp3", mp3_bitrate=128)
            players = [
                f"<tr><td>{html.escape(name)}</td><td><audio controls src='data:audio/mpeg;base64,"
                f"{base64.b64encode(file.read_bytes()).decode()}'></audio></td></tr>"
                for name, file in files.items()
            ]
        return f"<table>{''.join(players)}</table>"

    def mix(self, *names: str) -> Samples:
        """The sum of some stems: ``stems.mix("drums", "bass", "other")``."""
        if not names:
            raise errors.ArgumentError("no stem to mix, expected at least one name")
        array = self._numpy()
        sum_ = array[self._index(names[0])].copy()
        for name in names[1:]:
            sum_ += array[self._index(name)]
        return self._kind(sum_)

    def write(
        self,
        folder: _recordings.Path_,
        *,
        stems: Optional[Iterable[str]] = None,
        format: str = "wav",
        gain: str = "stem",
        **settings: _settings.Unpack[_settings.EncodingSettings],
    ) -> dict[str, Path]:
        """Writes each stem as ``folder/NAME.wav``; the folder is made if it is missing.

        :param gain: ``common`` divides all stems by the same number, so that they still sum to the
            mixture, scaled.
        :param settings: those of :func:`swift_demucs.write`.

        Raises :class:`OutputError`.
        """
        _arrays.one_of(gain, "gain", "stem", "common")
        _arrays.one_of(format, "format", "wav", "flac", "mp3")
        array = self._numpy()
        chosen = self._names if stems is None else tuple(stems)
        signals = {name: array[self._index(name)] for name in chosen}
        if gain == "common":
            peak = max((float(abs(signal).max()) for signal in signals.values()), default=0.0)
            divisor = max(1.01 * peak, 1.0)
            signals = {name: signal / divisor for name, signal in signals.items()}
            settings["clip_mode"] = "none"
        base = Path(errors.path_text(folder))
        try:
            base.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.OutputError(
                f"the folder {base} can't be made: {error}", str(base)
            ) from error
        return {
            name: _recordings.write(base / f"{name}.{format}", signal, self.sample_rate, **settings)
            for name, signal in signals.items()
        }

    def close(self) -> None:
        """Releases the samples. Arrays that were taken before stay valid."""
        self._array = None
        self._mixture = None

    def __enter__(self) -> Separation[Samples]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
