"""Sound files for the tests of the page."""
import subprocess
from pathlib import Path

import soundfile

from music import SAMPLE_RATE, make_mix


class Songs:
    """Makes files in a folder, each song once; all methods return paths."""

    def __init__(self, folder: Path):
        self.folder = folder

    def wav(self, name: str, seconds: float = 2) -> str:
        return self.song(name, seconds, subtype="PCM_16")

    def song(self, name: str, seconds: float, rate: int = SAMPLE_RATE, subtype: str | None = None) -> str:
        """A song at a rate, where it sounds lower or higher, in the format of the name's ending; in mono if that is its name."""
        path = self.folder / f"songs of {seconds} s, {rate}" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            mix = make_mix(seconds, 1)
            soundfile.write(path, mix.mean(axis=1) if path.stem == "mono" else mix, rate, subtype)
        return str(path)

    def coded(self, name: str, *options: str) -> str:
        """A file that ffmpeg makes with options, its source among them."""
        path = self.folder / name
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *options, str(path)], check=True)
        return str(path)

    def m4a(self, name: str, *source: str) -> str:
        """A source as phones record it: the service can't read it without ffmpeg."""
        return self.coded(name, *source, "-c:a", "aac")

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return str(path)

    def text(self, name: str, content: str = "nothing to hear here\n" * 50) -> str:
        return self.file(name, content.encode())
