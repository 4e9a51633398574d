"""Makes the scripts of training/ importable, as when they run; writes packs by hand."""

import io
import os
import sys
import tarfile
from pathlib import Path

import numpy as np

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU would give other bits
sys.path.insert(0, str(Path(__file__).parent.parent))

import packs
import sampled  # noqa: F401  before soundfile, for the reason that it gives


def vorbis(samples: int, channels: int = 2, rate: int = 44_100) -> bytes:
    """A file of noise."""
    import soundfile

    sound = np.random.default_rng(samples).normal(0, 0.1, (samples, channels))
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="OGG", subtype="VORBIS")
    return file.getvalue()


def tar(path: Path, files: dict[str, bytes | str | None]) -> Path:
    """A tar file; None is a folder, a string the target of a link."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            if isinstance(content, str):
                member.type, member.linkname, content = tarfile.SYMTYPE, content, None
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def noise_songs(seeds: tuple[int, ...], seconds: float) -> list[tuple[int, np.ndarray]]:
    """Songs whose stems are noise of different levels."""
    levels = np.array([0.2, 0.15, 0.1, 0.05])[:, None, None]
    shape = (4, 2, int(seconds * packs.RATE_HZ))
    return [
        (seed, (levels * np.random.default_rng(seed).normal(0, 1, shape)).astype(np.float32))
        for seed in seeds
    ]
