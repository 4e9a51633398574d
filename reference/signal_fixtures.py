"""Fixtures of the Signal and Audio tests.

Golden tensors of HTDemucs._spec and _ispec, pad1d, julius.resample_frac and
demucs.audio.convert_audio as safetensors, WAV files written by demucs.audio.save_audio, and short
recordings in every supported container. Inputs of the golden tensors are drawn (see draw.py).
The same versions write the same files, except that libsndfile puts a random number into Ogg files
and the time into float WAV files.
"""

import importlib.metadata
import platform
import struct
from types import SimpleNamespace

import julius
import numpy as np
import soundfile
import torch
from demucs.audio import convert_audio, encode_mp3, save_audio
from demucs.hdemucs import pad1d
from demucs.htdemucs import HTDemucs

import draw
import fixture

SEED = 20240603
UNIT = draw.uniform(-1, 1)
MODEL_RATE = 44100

# Lengths for nfft 256 (hop 64, padding 96): whole hops, a partial hop, one with the longest possible
# reflection, shorter than the padding on the right only, on both sides, and nearly empty.
STFT_LENGTHS = {
    256: [640, 1000, 129, 128, 97, 96, 40, 10, 1],
    4096: [2000],
}

PAD_CASES = [(20, 5, 7), (8, 7, 3), (8, 3, 7), (8, 8, 8), (5, 6, 9), (5, 9, 6), (3, 8, 2), (1, 4, 6)]

RESAMPLE_RATES = [
    (48000, 44100), (32000, 44100), (22050, 44100), (8000, 44100), (96000, 44100), (44100, 48000),
    (44099, 44100),
]  # fmt: skip

# Ordinary input lengths, and some whose output length float32 cannot hold exactly.
RESAMPLE_LENGTHS = [
    (48000, 44100, 1), (48000, 44100, 2), (48000, 44100, 160), (48000, 44100, 4801),
    (8000, 44100, 7), (96000, 44100, 3), (22050, 44100, 1001), (48000, 44100, 18_300_001),
    (48000, 44100, 21_234_567), (32000, 44100, 14_000_003), (22050, 44100, 8_388_611),
    (11025, 44100, 8_388_613), (96000, 44100, 40_000_001),
]  # fmt: skip


def versions():
    packages = ["torch", "demucs", "julius", "soundfile", "lameenc", "numpy", "safetensors"]
    listed = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return f"python {platform.python_version()}, {listed}, libsndfile {soundfile.__libsndfile_version__}"


def save(group, name, tensors, draws=None):
    """Write tensors with the command and the versions that made them."""
    metadata = {"command": f"{fixture.COMMAND} signal", "versions": versions()}
    fixture.write(group, name, tensors, metadata, draws)


def channels_last(m):
    """[1, C, F, T] to [F, T, C], the layout of the engine."""
    return m[0].permute(1, 2, 0)


def stft_fixture(nfft, lengths, signals=3):
    """Outputs of _spec for two channels, and of _ispec for arbitrary spectrograms."""
    # _spec, _ispec, _magnitude and _mask read only these attributes of the model.
    model = SimpleNamespace(nfft=nfft, hop_length=nfft // 4, cac=True, wiener_iters=0)
    tensors, draws = {}, draw.Draws(SEED)
    for length in lengths:
        signal = draws(f"signal_{length}", 2, length, rule=UNIT)
        z = HTDemucs._spec(model, signal[None])
        tensors[f"spectrogram_{length}"] = channels_last(HTDemucs._magnitude(model, z))
        _, _, freqs, frames = z.shape
        # An arbitrary spectrogram is not the transform of any signal, and its bin 0 has an
        # imaginary part, like the spectrograms of the network.
        count = 2 if nfft > 1000 else 2 * signals
        inverse = draws(f"inverse_spectrogram_{length}", freqs, frames, count, rule=UNIT)
        m = inverse.permute(2, 0, 1)[None, None]
        x = HTDemucs._ispec(model, HTDemucs._mask(model, None, m), length)
        tensors[f"inverse_signal_{length}"] = x[0, 0]
    return tensors, draws


def pad_fixture():
    tensors = {}
    for length, left, right in PAD_CASES:
        # Sample n holds n + 1, so that the padding shows where each value came from; 0 is padding.
        x = torch.arange(1, length + 1).float()[None, None]
        tensors[f"padded_{length}_{left}_{right}"] = pad1d(x, (left, right), mode="reflect")[0, 0]
    return tensors


class LeadingPhases:
    """A sample rate that divides like the full rate but has only its first phases.

    The full kernel from 44,099 Hz to 44,100 Hz would take 7.8 GB. A short signal uses only the
    first phases; julius gets this object as `new_sr` and computes only those.
    """

    def __init__(self, rate, phases):
        self.rate, self.phases = rate, phases

    def __index__(self):
        return self.phases

    def __rtruediv__(self, other):
        return other / self.rate

    def __mul__(self, other):
        return self.rate * other

    def __lt__(self, other):
        return self.rate < other

    def __gt__(self, other):
        return self.rate > other

    def __eq__(self, other):
        return self.rate == other


def resample(x, old, new):
    """julius.resample_frac, also for rates whose full kernel does not fit into memory."""
    if (old, new) != (44099, 44100):
        return julius.resample_frac(x, old, new)
    module = julius.ResampleFrac.__new__(julius.ResampleFrac)
    torch.nn.Module.__init__(module)
    module.old_sr, module.new_sr = old, LeadingPhases(new, x.shape[-1] + 8)
    module.zeros, module.rolloff = 24, 0.945
    module._init_kernels()
    return module(x)


def resample_fixture():
    tensors, draws = {}, draw.Draws(SEED)
    for old, new in RESAMPLE_RATES:
        length = 700 if old >= 44099 else 350
        x = draws(f"input_{old}_{new}", 2, length, rule=UNIT)
        tensors[f"output_{old}_{new}"] = resample(x, old, new)
    x = draws("input_short", 1, 12, rule=UNIT)
    tensors["output_short"] = julius.resample_frac(x, 48000, 44100)
    rows = []
    for old, new, length in RESAMPLE_LENGTHS:
        result = julius.resample_frac(torch.zeros(length), old, new).shape[-1]
        # Split, because float32 does not hold these numbers.
        rows.append([old, new, length // 4096, length % 4096, result // 4096, result % 4096])
    tensors["lengths"] = torch.tensor(rows, dtype=torch.float32)
    return tensors, draws


def convert_fixture():
    tensors, draws = {}, draw.Draws(SEED)
    for name, source_channels, rate, channels in [
        ("mono_48000_to_stereo", 1, 48000, 2),
        ("three_channels_48000_to_stereo", 3, 48000, 2),
        ("three_channels_44100_to_mono", 3, 44100, 1),
        ("stereo_22050_to_mono", 2, 22050, 1),
    ]:
        x = draws(f"{name}_input", source_channels, 400, rule=UNIT)
        tensors[f"{name}_output"] = convert_audio(x, rate, MODEL_RATE, channels).clone()
    return tensors, draws


def clipping_signals():
    """Two stereo signals, one above full scale and one below; both with the corner cases."""
    corners = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.99, -0.99, 1e-6, -1e-6, 0.5, -0.5])
    steps = torch.arange(-10, 10) / 32767.0
    noise = draw.tensor(SEED, "clipping", (120,), UNIT)
    quiet = torch.cat([corners.clamp(-0.9, 0.9), steps, 0.9 * noise])
    loud = torch.cat([corners, 1.5 * corners, steps, 1.7 * noise[:110]])
    return {"quiet": quiet.view(2, -1), "loud": loud.view(2, -1)}


def write_encoded(folder):
    """Write every clip mode and sample format with the reference's own save_audio."""
    signals = clipping_signals()
    save("audio", "clipping", signals)
    for name, signal in signals.items():
        for clip in ["rescale", "clamp", "tanh", "none"]:
            for label, bits, as_float in [("16", 16, False), ("24", 24, False), ("f32", 32, True)]:
                save_audio(
                    signal.clone(),
                    folder / f"{name}_{clip}_{label}.wav",
                    MODEL_RATE,
                    clip=clip,
                    bits_per_sample=bits,
                    as_float=as_float,
                )


def recording(rate, channels, seconds):
    """Tones that the tests know: 330 Hz in channel 0, 110 Hz more in each further one."""
    t = np.arange(int(rate * seconds)) / rate
    tones = [0.4 * np.sin(2 * np.pi * (330 + 110 * c) * t) for c in range(channels)]
    return np.stack(tones, axis=1).astype(np.float32)


def set_header_sizes(path, size):
    """Give a WAV file the sizes that a program writing to a pipe leaves in its header."""
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", size)
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)


def write_recordings(folder):
    def write(name, rate, channels, seconds, **format):
        soundfile.write(folder / name, recording(rate, channels, seconds), rate, **format)

    write("int16.wav", 44100, 2, 0.1, format="WAV", subtype="PCM_16")
    write("int24.wav", 48000, 2, 0.05, format="WAV", subtype="PCM_24")
    write("float32.wav", 22050, 1, 0.1, format="WAV", subtype="FLOAT")
    write("six_channels.wav", 48000, 6, 0.02, format="WAVEX", subtype="PCM_16")
    write("int16.aiff", 32000, 2, 0.1, format="AIFF", subtype="PCM_16")
    write("float32.rf64", 44100, 2, 0.05, format="RF64", subtype="FLOAT")
    write("int16.flac", 44100, 2, 0.5, format="FLAC", subtype="PCM_16")
    # Long enough for several Ogg pages, so that a truncated file still begins with whole ones.
    write("vorbis.ogg", 44100, 2, 2.0, format="OGG", subtype="VORBIS")
    write("opus.opus", 48000, 2, 2.0, format="OGG", subtype="OPUS")
    write("tagged.mp3", 44100, 2, 0.5, format="MP3", subtype="MPEG_LAYER_III")
    write("streamed.wav", 44100, 2, 0.05, format="WAV", subtype="PCM_16")
    set_header_sizes(folder / "streamed.wav", 0xFFFFFFFF)
    # The reference's MP3 files have no Xing header, so they don't state their length.
    x = torch.from_numpy(recording(44100, 2, 0.5).T.copy())
    encode_mp3(x, folder / "untagged.mp3", bitrate=128)
    encode_mp3(x, folder / "fast.mp3", bitrate=320, quality=7)


def make():
    """Write Tests/Fixtures/signal and audio."""
    for nfft, lengths in STFT_LENGTHS.items():
        save("signal", f"stft_{nfft}", *stft_fixture(nfft, lengths))
    save("signal", "pad1d", pad_fixture())
    save("signal", "resample", *resample_fixture())
    save("audio", "convert", *convert_fixture())
    write_encoded(fixture.folder("audio/encoded"))
    write_recordings(fixture.folder("audio/recordings"))
