"""``demucs.separate`` (demucs 4.1.0): the command, as a function.

swift_demucs.separate.main(["--mp3", "--two-stems", "vocals", "-n", "htdemucs", "song.mp3"])
"""

from __future__ import annotations

import argparse
import codecs
import ctypes
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn, Optional, Sequence

from . import errors
from ._library import PROGRAM
from .api import LoadAudioError, Separator, list_models, save_audio
from .apply import BagOfModels, HTDemucs, apply_model
from .audio import AudioFile, convert_audio
from .pretrained import ModelLoadingError, add_model_flags, get_model, get_model_from_args

__all__ = [
    "AudioFile", "BagOfModels", "HTDemucs", "ModelLoadingError", "Separator", "add_model_flags",
    "apply_model", "convert_audio", "fatal", "get_model", "get_model_from_args", "get_parser",
    "list_models", "load_track", "main", "save_audio",
]  # fmt: skip

_LIBC = ctypes.CDLL(None)


def fatal(message: object) -> NoReturn:
    """Prints a message to standard error and exits with 1."""
    print(message, file=sys.stderr)
    sys.exit(1)


def load_track(track: Any, audio_channels: int, samplerate: int) -> Any:
    """Samples of a sound file ``[channels, frames]``; exits with 1 for one that can't be read."""
    try:
        return AudioFile(track).read(streams=0, samplerate=samplerate, channels=audio_channels)
    except errors.Error as error:
        fatal(error)


def get_parser() -> argparse.ArgumentParser:
    """The reference's arguments with its defaults; :func:`main` accepts more."""
    parser = argparse.ArgumentParser("demucs.separate", epilog="swift-demucs --help explains them")
    parser.add_argument("tracks", nargs="*", type=Path, default=[])
    add_model_flags(parser)
    for flag in ("--list-models", "-v --verbose"):
        parser.add_argument(*flag.split(), action="store_true")
    for flags in (("--int24", "--float32"), ("--flac", "--mp3")):
        group = parser.add_mutually_exclusive_group()
        for flag in flags:
            group.add_argument(flag, action="store_true")
    split = parser.add_mutually_exclusive_group()
    split.add_argument("--no-split", action="store_false", dest="split")
    split.add_argument("--segment", type=int)
    parser.add_argument("--two-stems", dest="stem", metavar="STEM")
    parser.add_argument("--other-method", choices=["none", "add", "minus"], default="add")
    parser.add_argument("--clip-mode", choices=["rescale", "clamp", "none"], default="rescale")
    parser.add_argument("--mp3-preset", choices=range(2, 8), type=int, default=2)
    for flag, default in {
        "-o --out": Path("separated"), "--filename": "{track}/{stem}.{ext}", "-d --device": "cpu",
        "--shifts": 1, "--overlap": 0.25, "--mp3-bitrate": 320, "-j --jobs": 0,
    }.items():  # fmt: skip
        parser.add_argument(*flag.split(), type=type(default), default=default)
    return parser


def main(opts: Optional[Sequence[str]] = None) -> None:
    """Runs ``swift-demucs`` with these arguments, or with those of this process.

    Its output goes to ``sys.stdout`` and ``sys.stderr``. Raises :class:`LoadAudioError` if a track
    failed, and else :class:`SystemExit` with the command's exit code, for 0 only after a text that
    was asked for.
    """
    if isinstance(opts, str):
        raise TypeError(f"the arguments are {opts!r}, expected a list of texts")
    streams = (sys.stdout, sys.stderr)
    out, err = map(_destination, streams, (sys.__stdout__, sys.__stderr__))
    # In a session of its own, the command gets no signal of the terminal but the one below: a
    # second one would end it before it has removed its unfinished files. It ends with this thread,
    # which a signal or `multiprocessing.Process.terminate` may end.
    words = [str(word) for word in (sys.argv[1:] if opts is None else opts)]
    command = subprocess.Popen(
        [PROGRAM, *words], bufsize=0, stdout=out, stderr=err,
        env=_environment(), start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )  # fmt: skip
    try:
        _write_through(command, streams)
        code = command.wait()
    except BaseException:
        command.send_signal(signal.SIGINT)
        command.communicate()
        raise
    if code == 1:
        raise LoadAudioError("a track was not separated; the message on standard error says why")
    if code or not {"-h", "--help", "--list-models"}.isdisjoint(words):
        raise SystemExit(code)


def _end_with_parent() -> None:
    """Lets Linux send SIGTERM to this process when its parent ends (`PR_SET_PDEATHSIG`)."""
    _LIBC.prctl(1, signal.SIGTERM)


def _destination(stream: Any, standard: Any) -> Optional[int]:
    """Where the command writes what belongs to a stream; None is this process's own."""
    if stream is None or getattr(stream, "closed", False):
        return subprocess.DEVNULL
    _flush(stream)
    return None if stream is standard else subprocess.PIPE


def _flush(stream: Any) -> None:
    """Flushes a stream; one with ``write`` alone does, as for :func:`print`."""
    if hasattr(stream, "flush"):
        stream.flush()


def _write_through(command: subprocess.Popen[bytes], streams: Sequence[Any]) -> None:
    """Writes the pipes' text to the streams as it comes."""
    with selectors.DefaultSelector() as selector:
        for pipe, stream in zip((command.stdout, command.stderr), streams):
            if pipe is not None:
                decoder = codecs.getincrementaldecoder("utf-8")("replace")
                selector.register(pipe, selectors.EVENT_READ, (stream, decoder))
        while selector.get_map():
            for key, _ in selector.select():
                content = os.read(key.fd, 1 << 16)
                stream, decoder = key.data
                text = decoder.decode(content, not content)
                encoding = getattr(stream, "encoding", None) or "utf-8"
                stream.write(text.encode(encoding, "replace").decode(encoding))
                _flush(stream)
                if not content:
                    selector.unregister(key.fileobj)


def _environment() -> dict[str, str]:
    """Callers of demucs read its progress."""
    return {"SWIFT_DEMUCS_PROGRESS": "tqdm", **os.environ}


def command() -> NoReturn:
    """Replaces this process with the command, for ``python -m``."""
    os.execve(PROGRAM, ["swift-demucs", *sys.argv[1:]], _environment())


if __name__ == "__main__":
    command()
