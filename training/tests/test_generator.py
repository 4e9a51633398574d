"""The generator: determinism, stems that add up, levels, held-out seeds and sounds, tables."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from generate import generate
from packs import FIRST_HELD_OUT_SEED
from sampled import drums, instruments, palette, score, soundfont, styles, synthesiser
from stems import STEMS, mixture_of

SECONDS = 5.0
ROOT = Path(__file__).parent.parent
SEEDS = (3, 9, 1_000_004)


@pytest.fixture(scope="module")
def songs() -> dict[int, np.ndarray]:
    """Some songs."""
    return {seed: generate(seed, SECONDS) for seed in SEEDS}


def test_songs_are_finite_and_their_sum_stays_below_full_scale(songs):
    """Shape, type, peak and loudness; no two songs are equal."""
    held_out = generate(SEEDS[0], SECONDS, held_out_instruments=True)
    assert len({stems.tobytes() for stems in (held_out, *songs.values())}) == len(songs) + 1
    for stems in songs.values():
        assert stems.shape == (4, 2, round(SECONDS * 44_100))
        assert stems.dtype == np.float32
        assert np.isfinite(stems).all()
        mixture = mixture_of(stems)
        assert 0.05 < np.abs(mixture).max() <= 1.0
        assert -30 < 10 * np.log10(np.square(mixture, dtype=np.float64).mean()) < -6


def test_the_command_writes_the_same_bits_in_another_process(songs, tmp_path):
    """Its stems add up; songs rendered before do not change synthesisers or generators."""
    soundfile = pytest.importorskip("soundfile")
    song = ["--seed", str(SEEDS[-1]), "--seconds", str(SECONDS)]
    subprocess.run([sys.executable, "generate.py", *song, str(tmp_path)], cwd=ROOT, check=True)
    mixture, *stems = (
        soundfile.read(tmp_path / f"{name}.wav", dtype="float32")[0].T
        for name in ("mixture", *STEMS)
    )
    assert np.array_equal(mixture_of(np.stack(stems)), mixture)
    again = generate(SEEDS[-1], SECONDS)
    for name, stem, *found in zip(STEMS, stems, songs[SEEDS[-1]], again, strict=True):
        assert [here.tobytes() for here in found] == [stem.tobytes()] * 2, name


def test_the_bank_refuses_held_out_seeds(tmp_path):
    """Training cannot use held-out songs by mistake."""
    first = str(FIRST_HELD_OUT_SEED - 1)
    command = [sys.executable, "bank.py", str(tmp_path), "--songs", "2", "--first-seed", first]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "are held out" in result.stderr
    assert not list(tmp_path.iterdir())


def test_held_out_sounds_are_not_among_those_of_training():
    """Fonts, kits and voices have nothing in common."""
    for name in ("fonts", "kits", "voices"):
        ours, held_out = (set(getattr(it, name)) for it in (palette.TRAINING, palette.HELD_OUT))
        assert ours
        assert held_out
        assert not ours & held_out
    for seed in range(30):
        song = score.Score(seed, 44_100, palette.TRAINING)
        assert drums.Kit(song, song.generator("kit")).family != "power"


def test_every_style_names_what_exists():
    """Patterns are whole bars; kits, basses, lines and layers have sounds."""
    for name, style in styles.STYLES.items():
        assert style.tempo[0] < style.tempo[1], name
        assert set(styles.weights(style.kits)) <= set(drums.PROGRAMS), name
        basses = set(instruments.BASSES) | set(synthesiser.PATCHES)
        assert set(styles.weights(style.basses)) <= basses, name
        patterns = {f"{style.groove} {part}" for part in ("kick", "snare", "top")}
        assert patterns | set(styles.weights(style.lines)) <= set(styles.PATTERNS), name
        assert set(styles.weights(style.layers)) <= set(instruments.LAYERS), name
    for name, layer in instruments.LAYERS.items():
        assert layer.programs or name in synthesiser.PATCHES, name
        assert set(styles.weights(layer.part)) <= {*styles.PATTERNS, "arpeggio", "melody"}, name
    for bars in styles.PATTERNS.values():
        assert all(len(bar) == 16 for bar in bars)


def test_a_note_of_a_font_has_its_pitch_and_ends():
    """A at 220 Hz on the font's piano, silent before it and after its release."""
    font = soundfont.SoundFont(palette.FLUID)
    sound = font.render((0, 0), [soundfont.Note(11_025, 33_075, 57, 100)], 88_200, {}, []).mean(0)
    assert not sound[:10_900].any()
    spectrum = np.abs(np.fft.rfft(sound[13_000:30_000] * np.hanning(17_000), 1 << 18))
    peak = np.argmax(spectrum[:4000]) * 44_100 / (1 << 18)
    assert abs(1200 * np.log2(peak / 220)) < 25
    assert np.abs(sound[-4410:]).max() < 0.05 * np.abs(sound).max()


def test_a_swept_note_does_not_fold_back():
    """A bright high note has no aliases between its partials."""
    pitch = np.full(44_100, 2000.0)
    random, cutoff = np.random.default_rng(0), np.full(44_100, 18_000.0)
    sound = synthesiser.swept(random, "saw", pitch, cutoff, 0.0)[0]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(44_100))) / 44_100
    partials = np.zeros(len(spectrum), dtype=bool)
    for k in range(1, 12):
        partials[2000 * k - 4 : 2000 * k + 5] = True
    assert spectrum[~partials].max() < 2e-3 * spectrum.max()
