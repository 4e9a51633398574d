#!/usr/bin/env python3
"""The C interface through ctypes gives the same bits as the command.

Needs nothing but Python's standard library.
"""
import argparse
import array
import ctypes as c
import itertools
import json
import math
import os
import random
import struct
import subprocess
import sys
import unittest
import wave

given = None  # the arguments of the command line


# --- The header, in ctypes. Each structure's size is compared with the library's own below.


class Sized(c.Structure):
    """A structure that begins with its size; `init` is the function that sets its defaults."""

    init = None

    def __init__(self, **values):
        super().__init__()
        self.size = c.sizeof(self)
        if self.init:
            getattr(lib, self.init)(c.byref(self))
        for name, value in values.items():
            setattr(self, name, value)


PROGRESS = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_void_p)
LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p)
TRACE = c.CFUNCTYPE(
    c.c_int32, c.c_void_p, c.c_char_p, c.POINTER(c.c_int64), c.c_int32, c.POINTER(c.c_float))


class OpenOptions(Sized):
    init = "sd_open_options_init"
    _fields_ = [
        ("size", c.c_size_t), ("stems", c.POINTER(c.c_char_p)), ("stem_count", c.c_size_t),
        ("threads", c.c_int32), ("jobs", c.c_int32), ("precision", c.c_int),
        ("repository", c.c_char_p), ("log", LOG), ("log_context", c.c_void_p)]


class ModelInfo(Sized):
    _fields_ = [
        ("size", c.c_size_t), ("name", c.c_char_p), ("stems", c.POINTER(c.c_char_p)),
        ("stem_count", c.c_int32), ("channels", c.c_int32), ("sample_rate", c.c_int32),
        ("member_count", c.c_int32), ("parameter_count", c.c_int64),
        ("segment_seconds", c.c_double), ("engine", c.c_char_p)]


class Audio(Sized):
    _fields_ = [
        ("size", c.c_size_t), ("samples", c.POINTER(c.c_float)), ("frames", c.c_size_t),
        ("channels", c.c_int32), ("sample_rate", c.c_int32), ("layout", c.c_int)]


class SeparationOptions(Sized):
    init = "sd_separation_options_init"
    _fields_ = [
        ("size", c.c_size_t), ("shifts", c.c_int32), ("has_seed", c.c_int32), ("seed", c.c_uint64),
        ("overlap", c.c_double), ("segment_seconds", c.c_double), ("split", c.c_int32),
        ("rate", c.c_int), ("transition_power", c.c_double), ("order", c.c_int),
        ("random", c.c_void_p), ("progress", PROGRESS), ("progress_context", c.c_void_p),
        ("cancellation", c.c_void_p)]


class Random(c.Structure):
    """The state of Python's random.Random."""

    _fields_ = [("words", c.c_uint32 * 624), ("position", c.c_int32)]

    def __init__(self, generator):
        *words, position = generator.getstate()[1]
        super().__init__((c.c_uint32 * 624)(*words), position)

    def __eq__(self, other):
        return bytes(self) == bytes(other)


class FileOptions(Sized):
    init = "sd_file_options_init"
    _fields_ = [
        ("size", c.c_size_t), ("container", c.c_int), ("sample_format", c.c_int), ("clip", c.c_int),
        ("mp3_bit_rate", c.c_int32), ("mp3_preset", c.c_int32), ("copies_tags", c.c_int32),
        ("start_seconds", c.c_double), ("duration_seconds", c.c_double),
        ("temporary_folder", c.c_char_p)]


class Output(c.Structure):
    _fields_ = [("signal", c.c_char_p), ("path", c.c_char_p)]


class QuantizeOptions(Sized):
    init = "sd_quantize_options_init"
    _fields_ = [
        ("size", c.c_size_t), ("calibration_files", c.POINTER(c.c_char_p)),
        ("calibration_file_count", c.c_size_t), ("calibration_segments", c.c_int32),
        ("precision", c.c_int), ("minimum_snr", c.c_double), ("maximum_bytes", c.c_int64),
        ("threads", c.c_int32), ("log", LOG), ("log_context", c.c_void_p),
        ("cancellation", c.c_void_p)]


class Scores(c.Structure):
    _fields_ = [(name, c.c_double)
                for name in ("sdr", "si_sdr", "bss_sdr", "bss_isr", "bss_sir", "bss_sar")]


PLANAR, INTERLEAVED = 0, 1
RATE_MODEL, RATE_INPUT = 0, 1
ARGUMENTS = {
    "sd_open": [c.c_char_p, c.c_void_p, c.c_void_p],
    "sd_model_describe": [c.c_void_p, c.c_void_p],
    "sd_stem_frames": [c.c_void_p, c.c_size_t, c.c_int32, c.c_int, c.c_void_p],
    "sd_separate": [c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p, c.c_size_t, c.c_int,
                    c.c_void_p],
    "sd_separate_file": [c.c_void_p, c.c_char_p, c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p,
                         c.c_void_p],
    "sd_quantize": [c.c_char_p, c.c_char_p, c.c_void_p, c.c_void_p],
    "sd_evaluate": [c.c_void_p, c.c_void_p, c.c_int32, c.c_int32, c.c_size_t, c.c_int32, c.c_int,
                    c.c_uint32, c.c_int32, c.c_void_p],
    "sd_trace": [c.c_void_p, c.c_void_p, c.c_double, c.c_double, c.c_char_p, TRACE, c.c_void_p],
}
lib = None


def load(path):
    """Loads the library and tells ctypes the types of its functions."""
    global lib
    lib = c.CDLL(path)
    for name, arguments in ARGUMENTS.items():
        getattr(lib, name).argtypes = arguments + [c.c_char_p, c.c_size_t]
    lib.sd_close.argtypes = [c.c_void_p]


def call(name, *arguments):
    """Calls a function, and raises its message if it fails."""
    why = c.create_string_buffer(1024)
    status = getattr(lib, name)(*arguments, why, len(why))
    if status:
        raise RuntimeError(f"{name}: {status}: {why.value.decode()}")


class Model:
    def __init__(self, path):
        self.handle = c.c_void_p()
        call("sd_open", os.fsencode(path), None, c.byref(self.handle))
        self.info = ModelInfo()
        call("sd_model_describe", self.handle, c.byref(self.info))
        self.stems = [self.info.stems[index].decode() for index in range(self.info.stem_count)]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        lib.sd_close(self.handle)

    def separate(self, samples, channels, sample_rate, layout, **options):
        """Separates interleaved samples in a layout; returns interleaved stems by name."""
        frames = len(samples) // channels
        if layout == PLANAR:
            samples = planar(samples, channels)
        mix = Audio(samples=floats(samples), frames=frames, channels=channels,
                    sample_rate=sample_rate, layout=layout)
        options = SeparationOptions(**options)
        count = c.c_size_t()
        call("sd_stem_frames", self.handle, frames, sample_rate, options.rate, c.byref(count))
        size = self.info.channels * count.value
        result = (c.c_float * (size * len(self.stems)))()
        call("sd_separate", self.handle, c.byref(mix), c.byref(options), result, count.value,
             layout, None)
        result, stems = bytes(result), {}
        for index, name in enumerate(self.stems):
            stem = array.array("f", result[index * size * 4:(index + 1) * size * 4])
            stems[name] = interleave(stem, self.info.channels) if layout == PLANAR else stem
        return stems


def floats(samples):
    return (c.c_float * len(samples)).from_buffer(samples)


def strings(*texts):
    return (c.c_char_p * len(texts))(*texts)


def planar(samples, channels):
    return array.array("f", itertools.chain(*(samples[row::channels] for row in range(channels))))


def interleave(samples, channels):
    frames = len(samples) // channels
    result = array.array("f", bytes(len(samples) * 4))
    for row in range(channels):
        result[row::channels] = samples[row * frames:(row + 1) * frames]
    return result


# --- Files


def write_noise(name, seconds, channels, rate, seed=1):
    """A quiet 16-bit WAV file and its samples, interleaved."""
    path = os.path.join(given.folder, name)
    draw = random.Random(seed)
    integers = array.array("h", (int(draw.gauss(0, 1500))
                                 for _ in range(int(seconds * rate) * channels)))
    with wave.open(path, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(integers.tobytes())
    return path, array.array("f", (value / 32768 for value in integers))


def read_wav(path):
    """The float32 samples of a WAV file, interleaved."""
    data = read(path)
    place = 12
    while data[place:place + 4] != b"data":
        place += 8 + struct.unpack_from("<I", data, place + 4)[0]
    size = struct.unpack_from("<I", data, place + 4)[0]
    return array.array("f", data[place + 8:place + 8 + size])


def write_wav(path, samples, rate):
    """A mono float32 WAV file."""
    data = samples.tobytes()
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32))
        file.write(b"data" + struct.pack("<I", len(data)) + data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_safetensors(path):
    """Shapes and bytes of the tensors of a file, by name."""
    data = read(path)
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    begin = 8 + length
    return {name: (entry["shape"],
                   data[begin + entry["data_offsets"][0]:begin + entry["data_offsets"][1]])
            for name, entry in header.items()}


def swift_demucs(*arguments):
    """Runs the command and returns its output."""
    return subprocess.run([given.program, *arguments], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def fixture(name):
    return os.path.join(given.root, name)


TINY = "Tests/Fixtures/weights/formats/model.safetensors"
DEMO = "Models/demo.safetensors"


class CInterface(unittest.TestCase):
    def assertSamples(self, samples, expected, what):
        """Compares bits, because -0 == 0."""
        if samples.tobytes() != expected.tobytes():
            self.fail(f"{what}: {len(samples)} samples, expected {len(expected)}; first difference "
                      f"at {next((i for i, (a, b) in enumerate(zip(samples, expected)) if a != b), -1)}")

    def test_sizes_of_structures(self):
        for kind in (OpenOptions, SeparationOptions, FileOptions, QuantizeOptions):
            self.assertEqual(kind().size, c.sizeof(kind), kind.__name__)

    def test_buffers_equal_the_commands_files(self):
        cases = [(rate, channels, shifts, output)
                 for rate in (44100, 48000) for channels in (1, 2) for shifts in (0, 1, 2)
                 for output in ((RATE_MODEL, RATE_INPUT) if rate == 48000 else (RATE_MODEL,))]
        with Model(fixture(DEMO)) as model:
            self.assertEqual(model.stems, ["drums", "bass", "other", "vocals"])
            for rate, channels, shifts, output in cases:
                name = f"buffer {rate} {channels}"
                path, samples = write_noise(name + ".wav", 4.2, channels, rate)
                swift_demucs("-n", fixture(DEMO), "--float32", "--clip-mode", "none", "--shifts",
                             str(shifts), "--seed", "5", "--output-rate",
                             "input" if output == RATE_INPUT else "model", "-q", "-o",
                             given.folder, path)
                for layout in (PLANAR, INTERLEAVED):
                    stems = model.separate(samples, channels, rate, layout, shifts=shifts,
                                           has_seed=1, seed=5, rate=output)
                    for stem, result in stems.items():
                        expected = read_wav(
                            os.path.join(given.folder, "demo", name, stem + ".wav"))
                        self.assertSamples(
                            result, expected,
                            f"{stem} of {rate} Hz, {channels} channels, {shifts} shifts, rate "
                            f"{output}, layout {layout}")

    def test_pythons_generator_draws_the_shifts(self):
        _, samples = write_noise("random.wav", 1, 2, 1600)
        with Model(fixture(TINY)) as model:
            for shifts in (0, 1, 3):
                generator = random.Random(5)
                state = Random(generator)
                drawn = model.separate(samples, 2, 1600, PLANAR, shifts=shifts,
                                       random=c.addressof(state))
                seeded = model.separate(samples, 2, 1600, PLANAR, shifts=shifts, has_seed=1, seed=5)
                self.assertEqual(drawn, seeded)
                # As in apply_model: a shift of up to half a second; then each segment's transformer
                # draws a position, which is always 0. Segments begin 300 frames apart.
                for _ in range(max(1, shifts)):
                    frames = 1600 + (800 - generator.randint(0, 800) if shifts else 0)
                    for _ in range(0, frames, 300):
                        generator.randint(0, 0)
                self.assertEqual(state, Random(generator), f"{shifts} shifts")

    def test_files_equal_the_commands_files(self):
        # Options of the command, those of sd_separate_file, and the extension.
        cases = [
            ([], {}, "wav"),
            (["--int24"], {"sample_format": 1}, "wav"),
            (["--float32", "--clip-mode", "clamp"], {"sample_format": 2, "clip": 2}, "wav"),
            (["--gain", "common"], {"clip": 1}, "wav"),
            (["--clip-mode", "none"], {"clip": 4}, "wav"),
            (["--flac"], {"container": 1}, "flac"),
            (["--flac", "--int24"], {"container": 1, "sample_format": 1}, "flac"),
            (["--mp3", "--mp3-bitrate", "128", "--mp3-preset", "5"],
             {"container": 2, "mp3_bit_rate": 128, "mp3_preset": 5}, "mp3"),
            (["--start", "0.5", "--duration", "1.25"],
             {"start_seconds": 0.5, "duration_seconds": 1.25}, "wav"),
        ]
        path, _ = write_noise("file.wav", 2.5, 2, 44100)
        with Model(fixture(DEMO)) as model:
            signals = {stem: stem for stem in model.stems}
            signals["karaoke"] = "drums+bass+other"
            signals["residual"] = "mixture-drums-bass-other-vocals"
            for arguments, options, extension in cases:
                swift_demucs("-n", fixture(DEMO), "--seed", "5", "--mix",
                             "karaoke=drums+bass+other", "--residual", "-q", "-o", given.folder,
                             *arguments, path)
                outputs = (Output * len(signals))(*(
                    Output(signal.encode(),
                           os.fsencode(os.path.join(given.folder, f"{name}.{extension}")))
                    for name, signal in signals.items()))
                call("sd_separate_file", model.handle, os.fsencode(path), outputs, len(outputs),
                     c.byref(FileOptions(**options)),
                     c.byref(SeparationOptions(has_seed=1, seed=5)), None)
                for name in signals:
                    self.assertEqual(
                        read(os.path.join(given.folder, f"{name}.{extension}")),
                        read(os.path.join(given.folder, "demo", "file", f"{name}.{extension}")),
                        f"{name}.{extension} with {arguments}")

    def test_trace_equals_the_commands_file(self):
        path, samples = write_noise("trace.wav", 0.6, 2, 1600)
        written = os.path.join(given.folder, "trace.safetensors")
        for start, chunk, names in ((0, 0, None), (0.1, 0.2, "encoder.*,crosstransformer*")):
            arguments = ["trace", "-n", fixture(TINY), "-q", "-o", written, "--start", str(start)]
            arguments += ["--chunk", str(chunk)] if chunk else []
            arguments += ["--only", names] if names else []
            swift_demucs(*arguments, path)
            expected = read_safetensors(written)
            tensors = {}

            def take(_, name, shape, rank, values):
                shape = shape[:rank]
                tensors[name.decode()] = (shape, c.string_at(values, 4 * math.prod(shape)))
                return 0

            with Model(fixture(TINY)) as model:
                mix = Audio(samples=floats(samples), frames=len(samples) // 2, channels=2,
                            sample_rate=1600, layout=INTERLEAVED)
                call("sd_trace", model.handle, c.byref(mix), start, chunk,
                     names and names.encode(), TRACE(take), None)
            self.assertGreater(len(expected), 5)
            self.assertEqual(sorted(tensors), sorted(expected))
            for name, tensor in expected.items():
                self.assertEqual(tensors[name], tensor, name)

    def test_quantize_writes_the_commands_bytes(self):
        path, _ = write_noise("calibration.wav", 1, 2, 1600)
        ours, theirs = (os.path.join(given.folder, name + ".safetensors") for name in "ab")
        music = strings(os.fsencode(path))
        for arguments, options in (
                ([], {}),
                (["--calibrate", path, "--samples", "3"],
                 {"calibration_files": music, "calibration_file_count": 1,
                  "calibration_segments": 3}),
                (["--precision", "float32", "--min-snr", "50"],
                 {"precision": 1, "minimum_snr": 50})):
            swift_demucs("quantize", fixture(TINY), "-q", "-o", theirs, *arguments)
            call("sd_quantize", os.fsencode(fixture(TINY)), os.fsencode(ours),
                 c.byref(QuantizeOptions(**options)), None)
            self.assertEqual(read(ours), read(theirs), arguments)

    def test_evaluate_gives_the_commands_scores(self):
        draw, rate, frames = random.Random(3), 1600, 4000
        names = ["bass", "drums"]
        references = [array.array("f", (draw.gauss(0, 0.1) for _ in range(frames))) for _ in names]
        estimates = [array.array("f", (value + draw.gauss(0, 0.03) for value in reference))
                     for reference in references]
        for folder, signals in (("true", references), ("estimated", estimates)):
            os.makedirs(os.path.join(given.folder, folder), exist_ok=True)
            for name, signal in zip(names, signals):
                write_wav(os.path.join(given.folder, folder, name + ".wav"), signal, rate)
        report = json.loads(swift_demucs(
            "eval", "--json", "-q", os.path.join(given.folder, "true"),
            os.path.join(given.folder, "estimated")))
        scores = (Scores * 2)()
        call("sd_evaluate", floats(sum(references, array.array("f"))),
             floats(sum(estimates, array.array("f"))), 2, 1, frames, rate, PLANAR, 7, 0, scores)
        for name, score in zip(names, scores):
            expected = report["tracks"][0]["stems"][name]
            for metric in ("sdr", "si_sdr", "bss_sdr", "bss_isr", "bss_sir", "bss_sar"):
                self.assertEqual(getattr(score, metric), expected[metric.replace("bss_", "bsseval_")],
                                 f"{metric} of {name}")
        call("sd_evaluate", floats(references[0]), floats(estimates[0]), 1, 1, frames, rate, PLANAR,
             1, 0, scores)
        self.assertTrue(math.isnan(scores[0].si_sdr) and not math.isnan(scores[0].sdr))

    def test_errors_are_told(self):
        with self.assertRaisesRegex(RuntimeError, "3: .*no_such_model"):
            Model("no_such_model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", help="libswiftdemucs.so")
    parser.add_argument("program", help="the command swift-demucs of the same build")
    parser.add_argument("root", help="of the repository")
    parser.add_argument("folder", help="for files")
    parser.add_argument("filter", nargs="*", help="names of tests: CInterface.test_...")
    given = parser.parse_args()
    load(given.library)
    unittest.main(argv=[sys.argv[0], *given.filter])
