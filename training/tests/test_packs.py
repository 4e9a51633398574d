"""Packs: the form of the bank, and what is wrong with damaged ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import noise_songs, tar, vorbis

import packs


def refusal(path: Path) -> str:
    """The line with which a pack is refused."""
    with pytest.raises(SystemExit) as found:
        packs.read_packs([path])
    text = str(found.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_a_pack_keeps_songs_within_the_coder_and_leaves_silent_stems_out(tmp_path):
    """Songs come back sorted by seed, with their level."""
    songs = noise_songs((31, 30), 1.0)
    songs[0][1][3] = 0
    packs.write_pack(tmp_path / "one.tar", songs)
    (seed, first), (_, second) = packs.read_packs([tmp_path / "one.tar"])
    assert (seed, first.dtype, first.shape) == (30, np.int16, (4, 2, 44_100))
    assert not second[3].any() and second[2].any()
    sound = first * packs.STEP
    level = np.sqrt(np.square(sound).mean((1, 2)))
    assert level == pytest.approx([0.2, 0.15, 0.1, 0.05], rel=0.1)


PLANTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no tar file": (lambda path: path.write_bytes(b"text " * 500), "damaged or no tar file"),
    "a foreign file": (lambda path: tar(path, {"0000001/piano.ogg": b""}), "'0000001/piano.ogg'"),
    "a damaged stem": (lambda path: tar(path, {"0000001/bass.ogg": b"OggS"}), "bass.ogg: damaged"),
    "another rate": (
        lambda path: tar(path, {"0000001/bass.ogg": vorbis(900, rate=48_000)}), "48000 Hz",
    ),
    "one channel": (lambda path: tar(path, {"0000001/bass.ogg": vorbis(900, 1)}), "1 channels"),
    "a link": (lambda path: tar(path, {"0000001": "nowhere"}), "'0000001'"),
    "no stem": (lambda path: tar(path, {"0000001": None}), "song 0000001 has no stem at all"),
    "unequal stems": (
        lambda path: tar(path, {"1/bass.ogg": vorbis(900), "1/drums.ogg": vorbis(800)}),
        "song 0000001 has bass 900, drums 800; expected stems of one length",
    ),
    "a held-out song": (
        lambda path: tar(path, {"1000000/bass.ogg": vorbis(900)}), "song 1000000 is held out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_bad_pack_is_refused_in_one_line(tmp_path, name):
    """The line names the file, and says what to do."""
    plant, expected = PLANTED[name]
    path = tmp_path / "bad.tar"
    plant(path)
    assert expected in refusal(path)


def test_a_pack_that_was_cut_anywhere_is_refused(tmp_path):
    """Also between two songs, where a tar file looks whole."""
    path = tar(tmp_path / "cut.tar", {f"{k}/bass.ogg": vorbis(900) for k in (1, 2)})
    content = path.read_bytes()
    size = len(content) - content.count(0, -8192)
    for length in (700, 1536, (512 + len(vorbis(900)) + 511) // 512 * 512, size - 600):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path), length
