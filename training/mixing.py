"""Training batches: excerpts of songs, changed and remixed on the training's device.

All songs stay there in 16 bits, and each change is one operation for a whole batch. In half of the
excerpts each stem comes from another song. Stems are played faster or slower (pitch and tempo
together), equalised, put into a room, driven, turned, scaled, left out, flipped in sign and swapped
in channels; some examples lose their treble, as old or lossy recordings.
"""

import math

import torch

from packs import STEP
from stems import RATE_HZ, STEMS, Array

REMIXED = 0.5  # shares of excerpts or stems
PACED = 0.4
EQUALISED = 0.5
DULL = 0.1
WET = 0.14
DRIVEN = 0.1
TURNED = 0.33
SCALED = 0.6
LEFT_OUT = (0.07, 0.07, 0.07, 0.2)  # vocals more often: nearly all songs have them
PACE_SEMITONES = 4.0
ROOM_SECONDS = 0.8  # longest response of a room
MARGIN = 2048  # samples before an excerpt, for the edge of the transform
OVERSAMPLING = 4  # before linear interpolation: images of 16 kHz are below -40 dB
BUMPS = 3  # of an equaliser
LEVELS_DB = (-9.0, 5.0)


class Songs:
    """Songs on a device: `sound` [songs, 4, 2, n] in 16 bits, of which `lengths` [songs] sound."""

    def __init__(self, stems: list[Array], device: torch.device) -> None:
        lengths = [song.shape[2] for song in stems]
        shape = (len(stems), len(STEMS), 2, max(lengths))
        self.sound = torch.zeros(shape, dtype=torch.int16, device=device)
        for place, song in zip(self.sound, stems, strict=True):
            place[..., : song.shape[2]] = torch.from_numpy(song)
        self.lengths = torch.tensor(lengths, device=device)

    def excerpts(self, song: torch.Tensor, place: torch.Tensor, count: int) -> torch.Tensor:
        """Excerpts [batch, 4, 2, count]; silence follows the end of a song.

        `song` [batch, 4] is an index, `place` [batch, 4] a share 0...1 of the way to the end.
        """
        device, longest = self.sound.device, self.sound.shape[-1]
        first = (place * (self.lengths[song] - count).clamp(min=0)).long()
        at = (first[..., None] + torch.arange(count, device=device))[:, :, None]
        stem = torch.arange(len(STEMS), device=device)[:, None, None]
        channel = torch.arange(2, device=device)[:, None]
        sound = self.sound[song[..., None, None], stem, channel, at.clamp(max=longest - 1)]
        return sound * (at < longest) * STEP


def equaliser(hertz: torch.Tensor, tilt: torch.Tensor, bumps: torch.Tensor) -> torch.Tensor:
    """Gain [..., bins] of a tilt in dB per octave [...] around 1 kHz, and of bumps [..., n, 3].

    A bump has a centre in octaves from 1 kHz, a width in octaves, and a height in dB.
    """
    octaves = torch.log2(hertz.clamp(min=30) / 1000)
    gain_db = tilt[..., None] * octaves
    for centre, width, height in (bump.unbind(-1) for bump in bumps.unbind(-2)):
        bump = (octaves - centre[..., None]) / width[..., None]
        gain_db = gain_db + height[..., None] * torch.exp(-(bump**2))
    return torch.exp(gain_db * (math.log(10) / 20))


def room(noise: torch.Tensor, seconds: torch.Tensor, level_db: torch.Tensor) -> torch.Tensor:
    """Noise [..., n] that falls by 60 dB in `seconds` [...], of energy `level_db` [...]."""
    t = torch.arange(noise.shape[-1], device=noise.device) / RATE_HZ
    fall = noise * torch.exp(-6.9 * t / seconds[..., None])
    level = 10 ** (level_db / 20) / fall.square().sum(-1).sqrt()
    return fall * level[..., None]


def played(spectrum: torch.Tensor, samples: int, pace: torch.Tensor, count: int) -> torch.Tensor:
    """Plays sounds at their own pace: [batch, stem, 2, count] of their spectra.

    `samples` is the length of the sounds, `pace` [batch, stem] above one is faster and higher. The
    result begins MARGIN samples after the start.
    """
    size = OVERSAMPLING * samples
    fine = torch.fft.irfft(spectrum, size) * OVERSAMPLING
    steps = MARGIN + torch.arange(count, device=pace.device, dtype=torch.float64)
    # Double precision: an error of 0.01 samples at 10 kHz would be noise at -44 dB.
    position = OVERSAMPLING * pace.double()[..., None] * steps
    left = position.long()
    share = (position - left).float()[:, :, None]
    left = left[:, :, None].expand(*spectrum.shape[:3], count)
    return torch.lerp(fine.gather(-1, left), fine.gather(-1, (left + 1).clamp(max=size - 1)), share)


def driven(sound: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    """Soft clipping that keeps the peak of each stem [batch, stem, 2, n]; `drive` [batch, stem]."""
    peak = sound.abs().amax((-1, -2), keepdim=True).clamp(min=1e-4)
    drive = drive[..., None, None]
    return torch.tanh(sound / peak * drive) * (peak / torch.tanh(drive))


def turned(sound: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Turns left and right [batch, stem, 2, n] by angles [batch, stem], which keeps the energy."""
    left, right = sound.unbind(2)
    cosine, sine = torch.cos(angle)[..., None], torch.sin(angle)[..., None]
    return torch.stack([left * cosine - right * sine, left * sine + right * cosine], 2)


class Batches:
    """Draws batches from songs with a generator on the same device."""

    def __init__(self, songs: Songs, random: torch.Generator) -> None:
        self.songs, self.random = songs, random
        self.device = songs.sound.device

    def _uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        drawn = torch.rand(shape, device=self.device, generator=self.random)
        return low + (high - low) * drawn

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, device=self.device, generator=self.random)

    def _some(self, share: float, drawn: torch.Tensor, plain: float) -> torch.Tensor:
        """Values drawn in a share of the elements, and `plain` in the others."""
        chosen = self._uniform(0, 1, *drawn.shape) < share
        return torch.where(chosen, drawn, torch.full_like(drawn, plain))

    def _response(self, samples: int, pace: torch.Tensor) -> torch.Tensor:
        """Gains [batch, 4, 1 or 2, bins] of equaliser, low pass and room, complex."""
        each = pace.shape
        hertz = torch.arange(samples // 2 + 1, device=self.device) * (RATE_HZ / samples)
        tilt = (0.5 * self._normal(*each)).clamp(-1.2, 1.2)
        centre = self._uniform(-4.5, 4, *each, BUMPS)
        width = self._uniform(0.4, 1.6, *each, BUMPS)
        height = (3 * self._normal(*each, BUMPS)).clamp(-7, 7)
        used = self._some(EQUALISED, torch.ones(each, device=self.device), 0)
        bumps = torch.stack([centre, width, height * used[..., None]], -1)
        gain = equaliser(hertz, tilt * used, bumps)
        # Treble above half the sample rate, after a faster pace, would fold.
        edge_hz = self._some(DULL, self._uniform(9_000, 17_000, each[0], 1), RATE_HZ)
        edge_hz = torch.minimum(edge_hz, RATE_HZ / 2 / pace)[..., None]
        gain = (gain * torch.sigmoid((edge_hz - hertz) / 60))[:, :, None]
        noise = self._normal(*each, 2, int(ROOM_SECONDS * RATE_HZ))
        seconds = self._uniform(0.15, ROOM_SECONDS, *each, 1)
        level_db = self._some(WET, self._uniform(-20, -5, *each, 1), -math.inf)
        return gain * (1 + torch.fft.rfft(room(noise, seconds, level_db), samples))

    @torch.no_grad()
    def draw(self, batch: int, count: int) -> torch.Tensor:
        """Draws a batch: stems [batch, 4, 2, count] in float32, whose sum is the mixture."""
        each = (batch, len(STEMS))
        song = self._uniform(0, len(self.songs.lengths), *each).long()
        place = self._uniform(0, 1, *each)
        pace = self._uniform(-PACE_SEMITONES, PACE_SEMITONES, *each)
        pace = 2 ** (self._some(PACED, pace, 0) / 12)
        remixed = self._uniform(0, 1, batch, 1) < REMIXED
        song, place, pace = (torch.where(remixed, x, x[:, :1]) for x in (song, place, pace))
        samples = int((count + 2 * MARGIN) * 2 ** (PACE_SEMITONES / 12))
        samples += -samples % 2**15  # lengths with a fast Fourier transform
        sound = self.songs.excerpts(song, place, samples)
        spectrum = torch.fft.rfft(sound) * self._response(samples, pace)
        stems = played(spectrum, samples, pace, count)
        drive = self._some(DRIVEN, self._uniform(1, 4, *each), 0)
        stems = torch.where(drive[..., None, None] > 0, driven(stems, drive.clamp(min=1)), stems)
        swapped = self._uniform(0, 1, *each, 1, 1) < 0.5
        stems = torch.where(swapped, stems.flip(2), stems)
        stems = turned(stems, self._some(TURNED, self._uniform(-0.6, 0.6, *each), 0))
        level = 10 ** (self._some(SCALED, self._uniform(*LEVELS_DB, *each), 0) / 20)
        level = level * self._some(0.5, torch.full(each, -1.0, device=self.device), 1)
        level = level * (self._uniform(0, 1, *each) >= torch.tensor(LEFT_OUT, device=self.device))
        return stems * level[..., None, None]
