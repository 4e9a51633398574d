"""Packs: tar files of songs with their true stems, from which a training reads.

A pack has files SEED/{drums,bass,other,vocals}.ogg: Ogg Vorbis, 44.1 kHz, stereo, at half of the
true level, because a stem may be louder than full scale. A silent stem has no file. The training
imports this module on machines without the libraries of the generator. `soundfile` is imported
where it is used, for the reason in sampled/__init__.py.
"""

import contextlib
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stems import RATE_HZ, STEMS, Array

FIRST_HELD_OUT_SEED = 1_000_000
# True level of the largest number of a song in memory, which is in 16 bits, plus one.
FULL_SCALE = 2.0
STEP = FULL_SCALE / 32_768  # true level of the number 1
SILENT = 1e-4  # highest peak of a stem that is left out
COMPRESSION = 0.85  # of Ogg Vorbis: a song of 20 s has 0.6 MB
_MEMBER = re.compile(rf"(?:\./)?(\d{{1,9}})(?:/({'|'.join(STEMS)})\.ogg|/?)")
_END = bytes(1024)  # the end of every tar file


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name when it is complete; until then the old one stays."""
    pending = path.with_name(f"{path.name}.{os.getpid()}.pending")  # others may do the same
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pending.open("wb") as file:
            yield file
        pending.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            pending.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SystemExit(
                f"{path}: not written: {error.strerror}; free some space, or name another folder"
            ) from None
        raise


def read_sound(file: Path | BinaryIO, where: object = None) -> Array:
    """Reads [2, n] from a file; `where` is its name in errors."""
    import soundfile

    where = where or file
    try:
        sound, rate = soundfile.read(file, dtype="float32", always_2d=True)
        if not np.isfinite(sound).all():
            raise ValueError
    except (soundfile.LibsndfileError, ValueError):
        raise SystemExit(f"{where}: damaged or missing: copy it again, or make it again") from None
    if (rate, sound.shape[1]) != (RATE_HZ, 2):
        raise SystemExit(
            f"{where}: {rate} Hz, {sound.shape[1]} channels; expected {RATE_HZ} Hz, "
            "2 channels: convert it"
        )
    return sound.T


def write_vorbis(file: Path | BinaryIO, sound: Array, compression: float = 0.4) -> None:
    """Writes [2, n] as Ogg Vorbis."""
    import soundfile

    with soundfile.SoundFile(
        file, "w", RATE_HZ, 2, format="OGG", subtype="VORBIS", compression_level=compression
    ) as writer:
        # In blocks, because libsndfile keeps a whole write on its stack.
        for start in range(0, sound.shape[1], RATE_HZ):
            writer.write(sound[:, start : start + RATE_HZ].T)


def write_pack(path: Path, songs: Iterable[tuple[int, Array]]) -> None:
    """Writes songs, each a seed and stems [4, 2, n] in float32."""
    with whole_file(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for seed, stems in songs:
            for name, stem in zip(STEMS, stems, strict=True):
                if np.abs(stem).max() < SILENT:
                    continue
                coded = io.BytesIO()
                write_vorbis(coded, np.clip(stem / FULL_SCALE, -1, 1), COMPRESSION)
                member = tarfile.TarInfo(f"{seed:07d}/{name}.ogg")
                member.size = coded.tell()
                coded.seek(0)
                archive.addfile(member, coded)


def _songs(path: Path) -> list[tuple[int, Array]]:
    """The songs of a pack: each a seed and stems [4, 2, n] in 16 bits."""
    sounds: dict[int, dict[str, Array]] = {}
    pack = path.read_bytes()
    try:
        if not pack.endswith(_END):
            raise EOFError
        with tarfile.open(fileobj=io.BytesIO(pack), mode="r:") as archive:
            for member in archive:
                named = _MEMBER.fullmatch(member.name)
                if not named or not (member.isfile() if named[2] else member.isdir()):
                    raise SystemExit(
                        f"{path}: has {member.name!r}; expected SEED/STEM.ogg with a stem of "
                        f"{', '.join(STEMS)}: pack the songs again"
                    )
                song = sounds.setdefault(int(named[1]), {})
                if content := archive.extractfile(member):
                    sound = read_sound(io.BytesIO(content.read()), f"{path}: {member.name}")
                    whole = np.clip(np.rint(sound * 32_768), -32_768, 32_767)
                    song[named[2]] = whole.astype(np.int16)
    except (tarfile.TarError, EOFError):
        raise SystemExit(f"{path}: damaged or no tar file: copy it, or make it again") from None
    if held_out := [seed for seed in sounds if seed >= FIRST_HELD_OUT_SEED]:
        raise SystemExit(
            f"{path}: song {held_out[0]} is held out for the scores; "
            f"expected seeds below {FIRST_HELD_OUT_SEED}: leave it out"
        )
    songs = []
    for seed, song in sounds.items():
        lengths = {name: sound.shape[1] for name, sound in song.items()}
        if len(set(lengths.values())) != 1 or not all(lengths.values()):
            found = ", ".join(f"{name} {n}" for name, n in lengths.items()) or "no stem at all"
            raise SystemExit(
                f"{path}: song {seed:07d} has {found}; expected stems of one length in samples: "
                "make the song again, or leave it out"
            )
        silence = np.zeros_like(next(iter(song.values())))
        songs.append((seed, np.stack([song.get(name, silence) for name in STEMS])))
    return songs


def read_packs(paths: list[Path]) -> list[tuple[int, Array]]:
    """The songs of packs, each seed once and sorted by seed; each core decodes a pack."""
    with ThreadPoolExecutor() as pool:
        songs = dict(song for pack in pool.map(_songs, paths) for song in pack)
    return sorted(songs.items())
