"""A data folder of the service with thousands of songs."""
import json
import os
from pathlib import Path


def copy_song(source: Path, data: Path, count: int, users: int = 0) -> None:
    """Makes a data folder with copies, `Song 1.wav` and so on, of the one song of another folder, whose service is stopped.

    With `users`, they belong to `user1`, `user2` and so on in turn."""
    (song,) = (source / "tracks").iterdir()
    record = json.loads((song / "track.json").read_text())
    for number in range(1, count + 1):
        stems = data / "tracks" / f"{number:024x}" / "stems"
        stems.mkdir(parents=True)
        for stem in (song / "stems").iterdir():
            os.link(stem, stems / stem.name)
        copy = {**record, "sequence": number, "name": f"Song {number}.wav", "created": record["created"] - count + number}
        if users:
            copy["owner"] = f"user{number % users + 1}"
        (stems.parent / "track.json").write_text(json.dumps(copy))
