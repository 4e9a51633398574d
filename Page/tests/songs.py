"""Sound files for the tests of the service's page."""
import subprocess
from pathlib import Path

import soundfile

from music import SAMPLE_RATE, make_mix


class Songs:
    """Makes files in a folder, each once; all methods return paths."""

    def __init__(self, folder: Path):
        self.folder = folder

    def wav(self, name: str, seconds: float = 2) -> str:
        path = self.folder / f"songs of {seconds} s" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            soundfile.write(path, make_mix(seconds, 1), SAMPLE_RATE, subtype="PCM_16", format="WAV")
        return str(path)

    def m4a(self, name: str, *source: str) -> str:
        """What ffmpeg makes of a source, as phones record it: the service can't read it without ffmpeg."""
        path = self.folder / name
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-c:a", "aac", str(path)], check=True)
        return str(path)

    def text(self, name: str, content: str = "nothing to hear here\n" * 50) -> str:
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o600)
        return str(path)
