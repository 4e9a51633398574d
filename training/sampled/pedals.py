"""Guitar pedals and preamplifiers of guitarix, which model the circuits of real ones, run by ffmpeg
as LV2 plugins.

Needs Debian's `guitarix-lv2`, and an ffmpeg with LV2, as Debian's. The same sound and settings give
the same bits. Plugins that need more of their host than ffmpeg has, such as guitarix's whole
amplifiers, are left out.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

import numpy as np

import effects
from oscillators import RATE_HZ, Array, Generator

ADDRESS = "http://guitarix.sourceforge.net/plugins/"
LEVEL = 0.1  # root mean square of what a pedal hears: about that of a guitar's pickup


@dataclass(frozen=True)
class Pedal:
    """A plugin, and the range of each setting that is drawn; the others keep their defaults."""

    uri: str
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)


DISTORTIONS = {
    "screamer": Pedal("gxts9#ts9sim", {"fslider0_": (-12, 2), "fslider1_": (200, 900)}),
    "muff": Pedal("gx_muff_#_muff_", {"TONE": (0.1, 0.9)}),
    "big muff": Pedal("gx_bmp_#_bmp_", {"SUSTAIN": (0.2, 1), "TONE": (0.1, 0.9)}),
    "distortion": Pedal("gx_bossds1_#_bossds1_", {"TONE": (0.1, 0.9), "DRIVE": (0.2, 1)}),
    "distortion plus": Pedal("gx_mxrdist_#_mxrdist_", {"DRIVE": (0.2, 1)}),
    "fuzz": Pedal("gx_fuzz_#fuzz_", {"DRIVE": (0, 60), "TONE": (0.1, 0.9)}),
    "fuzz master": Pedal("gx_fumaster_#_fumaster_", {"TONE": (0.1, 0.9)}),
    "sustainer": Pedal("gx_susta_#_susta_", {"SUSTAIN": (0.2, 1)}),
    "valves": Pedal("gx_w20#w20", {"gain": (0.2, 1), "level": (0.3, 0.8)}),
    "studio": Pedal(
        "gx_studiopre#studiopre",
        {"volume": (0.2, 1), "bass": (0.2, 0.8), "middle": (0.2, 0.8), "treble": (0.2, 0.8)},
    ),
    "hornet": Pedal("gx_hornet_#_hornet_", {"FUZZ": (0.2, 1), "SUSTAIN": (0.2, 1)}),
}
MODULATIONS = {
    "phaser": Pedal("gx_phaser#_phaser", {"dry_wet": (30, 80), "speed": (0.1, 3)}),
    "flanger": Pedal(
        "gx_flanger#_flanger", {"freq": (0.05, 1.5), "feedback": (-0.8, 0.8), "mix": (0.3, 1)}
    ),
    "tremolo": Pedal("gx_tremolo#_tremolo", {"dry_wet": (40, 100), "freq": (2, 9)}),
    "vibrato": Pedal("gxtubevibrato#tubevibrato", {"depth": (0.2, 0.7), "speed": (2, 7)}),
    "auto-wah": Pedal("gxautowah#autowah"),
    "wah": Pedal("gx_colwah_#_colwah_", {"WAH": (0, 1), "WET_DRY": (70, 100)}),
}


def _through(pedal: Pedal, settings: dict[str, float], sound: Array) -> Array:
    """One channel [n] through a plugin."""
    # A filter graph's own colons are escaped twice: for the list of options, and for the graph.
    uri = (ADDRESS + pedal.uri).replace(":", r"\\\:")
    controls = "|".join(f"{name}={value:.4f}" for name, value in settings.items())
    stream = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1"]
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", *stream, "-i", "-"]
    command += ["-af", f"lv2=p={uri}" + (f":c={controls}" if controls else ""), *stream, "-"]
    done = subprocess.run(command, input=sound.astype("<f4").tobytes(), capture_output=True)
    result = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], "<f4")
    if len(result) != len(sound) or not np.isfinite(result).all():
        raise SystemExit(
            f"ffmpeg can't run the LV2 plugin {ADDRESS + pedal.uri}; README.md lists the Debian "
            f"packages: {done.stderr.decode().strip()}"
        )
    return result


def play(random: Generator, pedal: Pedal, track: Array) -> Array:
    """[2, n] through a pedal whose settings are drawn; both channels by the same settings."""
    settings = {name: random.uniform(*between) for name, between in pedal.ranges.items()}
    level = float(np.sqrt(np.square(track).mean()))
    if level < 1e-7:
        return track
    sound = track * np.float32(LEVEL / level)
    left = _through(pedal, settings, sound[0])
    # A pickup is mono, so this is the usual case.
    right = left if np.array_equal(*sound) else _through(pedal, settings, sound[1])
    # Asymmetric clipping leaves an offset.
    return effects.high_pass(np.stack([left, right]), 20)
