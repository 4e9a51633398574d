"""Generated songs for the tests of the page."""
import functools

import numpy

SAMPLE_RATE = 44100
STEMS = ["drums", "bass", "other", "vocals"]


def make_music(seconds: float, seed: int) -> dict[str, numpy.ndarray]:
    """A stereo signal [frame, channel] for each stem, exact in 16 bits, similar to a song."""
    random = numpy.random.default_rng(seed)
    frames = int(seconds * SAMPLE_RATE)
    t = numpy.arange(frames) / SAMPLE_RATE
    beat = 60 / 112
    bar = 4 * beat
    section = (t // (4 * bar)).astype(int) + seed
    root = numpy.array([110.0, 87.31, 130.81, 98.0])[(t // bar).astype(int) % 4]
    phase = 2 * numpy.pi * numpy.cumsum(root) / SAMPLE_RATE
    since_beat = t % beat
    since_half = t % (beat / 2)
    kick = numpy.sin(2 * numpy.pi * 55 * since_beat) * numpy.exp(-since_beat * 14)
    snare = random.standard_normal(frames) * numpy.exp(-((t + beat) % (2 * beat)) * 18) * 0.4
    hats = random.standard_normal(frames) * numpy.exp(-since_half * 60) * 0.12
    def drift(seconds_per_turn, low):
        """A slowly varying random loudness in low…1."""
        count = int(seconds / seconds_per_turn) + 3
        levels = numpy.interp(t / seconds_per_turn, numpy.arange(count), random.random(count))
        return low + (1 - low) * levels

    drums = (0.6 * kick + snare + hats) * numpy.where(section % 5 == 0, 0.35, 0.9) * drift(beat / 2, 0.55)
    bass = (numpy.sin(phase / 2) + 0.3 * numpy.sin(phase)) * numpy.exp(-since_half * 2.2) * 0.55
    bass *= numpy.where(section % 4 == 3, 0.15, 1) * drift(beat, 0.35)
    chord = sum(numpy.sin(phase * ratio + shift) for ratio, shift in ((2, 0), (2.5198, 1), (2.9966, 2), (4, 3)))
    other = chord * 0.14 * (0.55 + 0.45 * numpy.exp(-(t % bar) * 1.4)) * drift(bar, 0.4) * drift(beat / 2, 0.6)
    syllables = numpy.repeat(random.choice([0, 0.5, 0.8, 1], int(seconds / beat) + 2), int(beat * SAMPLE_RATE))[:frames]
    syllables = numpy.convolve(syllables, numpy.hanning(4000) / 2000, "same") * drift(beat / 3, 0.3) * drift(bar, 0.4)
    glide = 2 * numpy.pi * numpy.cumsum(root * 3 * (1 + 0.006 * numpy.sin(2 * numpy.pi * 5.4 * t))) / SAMPLE_RATE
    vocals = sum(numpy.sin(glide * n) / n**1.4 for n in range(1, 7)) * syllables * 0.6 * numpy.where(section % 3 == 2, 0.08, 1)
    edges = numpy.minimum(1, numpy.minimum(t * 4, (seconds - t) / 2))
    stems = {}
    for index, signal in enumerate((drums, bass, other, vocals)):
        turned = numpy.stack([signal, numpy.roll(signal, 20 + 10 * index) * 0.96], axis=1) * edges[:, None] * 0.4
        stems[STEMS[index]] = numpy.round(numpy.clip(turned, -1, 1) * 32767).astype(numpy.int16)
    return stems


@functools.lru_cache(maxsize=3)
def make_mix(seconds: float, seed: int) -> numpy.ndarray:
    """The sum of the stems [frame, channel] in half their level. Kept, because two minutes of music take four seconds."""
    mix = sum(signal.astype(numpy.float64) for signal in make_music(seconds, seed).values()) / 32768 / 2
    mix.flags.writeable = False
    return mix
