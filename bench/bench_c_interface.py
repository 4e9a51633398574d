#!/usr/bin/env python3
"""Times the shared library: its loading, one call, and a separation compared with the command's.

Each time is measured in its own process. Compared runs alternate, so that a change of the machine's
speed affects both. The command's time is that of its track (elapsed_seconds of --json): decoding,
separating, writing and hashing. The loading of the model is not counted on either side.
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def output(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def write_wav(path, samples, rate):
    """Writes a float32 stereo WAV file, from the bytes of its samples."""
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 3, 2, rate, rate * 8, 8, 32))
        file.write(b"data" + struct.pack("<I", len(samples)) + samples)


def shown(times):
    return (f"median {statistics.median(times):.3f} s, {min(times):.3f} to {max(times):.3f} s, "
            f"{len(times)} runs")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default=f"{ROOT}/.build/library/release/libswiftdemucs.so")
    parser.add_argument("--program", default=f"{ROOT}/.build/release/swift-demucs")
    parser.add_argument("--model", default=f"{ROOT}/Models/demo.safetensors")
    parser.add_argument("--seconds", type=int, default=60, help="length of the track (default: 60)")
    parser.add_argument("--runs", type=int, default=7, help="runs of each (default: 7)")
    given = parser.parse_args()
    rate = 44100
    with tempfile.TemporaryDirectory() as folder:
        bench = f"{folder}/bench"
        subprocess.run(["cc", "-std=gnu11", "-O2", f"-I{ROOT}/include",
                        f"{ROOT}/Tests/CInterface/bench.c", "-o", bench, "-ldl"], check=True)

        def run(*arguments):
            return float(output(bench, given.library, *arguments))

        loads = sorted(run("load") for _ in range(20))
        print(f"load: median {statistics.median(loads) * 1e3:.1f} ms, {loads[0] * 1e3:.1f} to "
              f"{loads[-1] * 1e3:.1f} ms, 20 processes")
        calls = [run("describe", given.model) for _ in range(5)]
        print(f"call: median {statistics.median(calls) * 1e9:.0f} ns, of 5 times a million")

        samples = os.urandom(rate * given.seconds * 2)
        # Noise of 8 bits a sample.
        samples = struct.pack(f"<{len(samples)}f", *((byte - 128) / 512 for byte in samples))
        raw, track = f"{folder}/track.raw", f"{folder}/track.wav"
        with open(raw, "wb") as file:
            file.write(samples)
        write_wav(track, samples, rate)
        times = {"command": [], "sd_separate": [], "sd_run": []}
        for _ in range(given.runs):
            lines = output(given.program, "-n", given.model, "--offline", "--seed", "0", "--json",
                           "-o", folder, track).splitlines()
            events = [json.loads(line) for line in lines]
            times["command"] += [event["elapsed_seconds"] for event in events
                                 if event["event"] == "track"]
            times["sd_separate"].append(run("separate", given.model, raw, str(rate)))
            times["sd_run"].append(run("run", given.model, track, folder))
        command = statistics.median(times["command"])
        for name, values in times.items():
            print(f"{name}: {shown(values)}, "
                  f"{(statistics.median(values) / command - 1) * 100:+.1f} % to the command")


if __name__ == "__main__":
    main()
