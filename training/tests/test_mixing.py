"""The changes of a training batch, each on tensors whose result is known."""

import math

import numpy as np
import pytest
from conftest import noise_songs

import mixing
from packs import STEP

torch = pytest.importorskip("torch")
COUNT = 22_050
SHARES = ("REMIXED", "PACED", "EQUALISED", "DULL", "WET", "DRIVEN", "TURNED", "SCALED")


def songs() -> mixing.Songs:
    """Two songs, one longer than the other, in 16 bits."""
    stems = [
        np.rint(stems * 16_384).astype(np.int16)
        for _, seconds in ((1, 2.0), (2, 2.5))
        for _, stems in noise_songs((int(10 * seconds),), seconds)
    ]
    return mixing.Songs(stems, torch.device("cpu"))


def batches(seed: int = 5) -> mixing.Batches:
    """A source of batches."""
    return mixing.Batches(songs(), torch.Generator().manual_seed(seed))


def tone(hertz: float, samples: int) -> "torch.Tensor":
    """A sine in all four stems [1, 4, 2, samples]."""
    wave = torch.sin(2 * math.pi * hertz * torch.arange(samples, dtype=torch.float64) / 44_100)
    return wave.float().expand(1, 4, 2, samples)


def test_excerpts_come_from_their_song_and_end_in_silence():
    """The second song's last second, and more than the first song has."""
    both = songs()
    second = both.excerpts(torch.ones(1, 4, dtype=torch.long), torch.ones(1, 4), 44_100)
    assert torch.equal(second[0], both.sound[1, :, :, -44_100:] * STEP)
    first = both.excerpts(torch.zeros(1, 4, dtype=torch.long), torch.ones(1, 4), 100_000)
    assert torch.equal(first[0, :, :, :88_200], both.sound[0, :, :, :88_200] * STEP)
    assert not first[..., 88_200:].any()


def test_a_flat_equaliser_changes_nothing_and_a_bump_has_its_height():
    """6 dB at the centre of a bump; a tilt of 1 dB per octave from 1 to 4 kHz."""
    hertz = torch.tensor([100.0, 1000.0, 4000.0])
    flat = mixing.equaliser(
        hertz, torch.zeros(1, 4), torch.tensor([0.0, 1.0, 0.0]).expand(1, 4, 3, 3)
    )
    assert torch.equal(flat, torch.ones(1, 4, 3))
    bump = mixing.equaliser(hertz, torch.zeros(1), torch.tensor([[[2.0, 0.5, 6.0]]]))
    assert 20 * torch.log10(bump[0]).numpy() == pytest.approx([0, 0, 6], abs=1e-3)
    tilt = mixing.equaliser(hertz, torch.ones(1), torch.zeros(1, 0, 3))
    assert 20 * torch.log10(tilt[0, 1:]).numpy() == pytest.approx([0, 2], abs=1e-4)


@pytest.mark.parametrize(("pace", "found_hz"), [(1.0, 1000), (1.25, 1250), (0.8, 800)])
def test_a_pace_moves_the_pitch_and_keeps_the_level(pace, found_hz):
    """The plain pace is the sound itself, MARGIN samples later."""
    samples = 2**15  # more than COUNT with its margins at the fastest pace
    sound = tone(1000, samples)
    paces = torch.full((1, 4), pace)
    moved = mixing.played(torch.fft.rfft(sound), samples, paces, COUNT)
    assert moved.shape == (1, 4, 2, COUNT)
    peak = torch.fft.rfft(moved[0, 0, 0], 44_100).abs().argmax()
    assert float(peak) == pytest.approx(found_hz, abs=1)
    power = moved[..., 2000:-2000].double().square().mean((-1, -2))
    assert power.numpy() == pytest.approx(0.5, rel=0.005)
    if pace == 1.0:
        assert torch.allclose(moved, sound[..., mixing.MARGIN :][..., :COUNT], atol=1e-5)


def test_a_room_has_its_energy_and_falls_by_60_db():
    """The last tenth of the decay is 54 dB below the first or less."""
    noise = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(1))
    response = mixing.room(
        noise, torch.tensor([20_000 / 44_100] * 2), torch.tensor([-6.0, -math.inf])
    )
    assert 10 * math.log10(response[0].square().sum()) == pytest.approx(-6, abs=1e-3)
    assert not response[1].any()
    fall = response[0, -2000:].square().mean() / response[0, :2000].square().mean()
    assert 10 * math.log10(fall) == pytest.approx(-54, abs=1)


def test_a_batch_without_changes_is_an_excerpt(monkeypatch):
    """Up to sign and channels, all stems are those of one place of one song."""
    for name in SHARES:
        monkeypatch.setattr(mixing, name, 0.0)
    monkeypatch.setattr(mixing, "LEFT_OUT", (0.0,) * 4)
    source = batches()
    drawn = source.draw(1, COUNT)[0]
    sound = torch.cat([*source.songs.sound], -1) * STEP
    starts = []
    for stem, mine in zip(sound, drawn, strict=True):
        windows = stem.unfold(-1, 16, 1)[..., :-COUNT, :]  # [2, places, 16]
        both = torch.stack([mine, mine.flip(0)])[:, :, None, :16]
        error = (windows.abs() - both.abs()).abs().amax((1, 3))
        which, start = divmod(int(error.argmin()), error.shape[1])
        place = stem[:, start : start + COUNT]
        here = mine.flip(0) if which else mine
        sign = torch.sign((here * place).sum())
        # At the top of the band alone the filter against folding acts.
        assert float((here * sign - place).square().sum() / place.square().sum()) < 0.02
        starts.append(start)
    assert len(set(starts)) == 1


def test_a_batch_depends_on_the_generator_and_is_finite():
    """The same state gives the same batch, the next one differs, and nothing overflows."""
    source = batches()
    state = source.random.get_state()
    first = source.draw(24, COUNT)
    assert first.shape == (24, 4, 2, COUNT)
    assert torch.isfinite(first).all()
    assert float(first.abs().max()) < 20
    second = source.draw(24, COUNT)
    source.random.set_state(state)
    assert torch.equal(source.draw(24, COUNT), first)
    assert not torch.equal(second, first)
