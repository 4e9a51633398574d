"""A data folder of the service with thousands of songs."""
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_song(source: Path, data: Path, count: int) -> None:
    """Makes a data folder with copies, `Song 1.wav` and so on, of the one song of another folder, whose service is stopped."""
    with closing(sqlite3.connect(source / "jobs.sqlite")) as database:
        (record,) = database.execute("SELECT record FROM jobs").fetchone()
        (table,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs'").fetchone()
    job = json.loads(record)
    stems = list((source / "results" / job["id"]).iterdir())
    (data / "results").mkdir(parents=True)
    rows = []
    for number in range(1, count + 1):
        identifier = f"{number:024x}"
        folder = data / "results" / identifier
        folder.mkdir()
        for stem in stems:
            os.link(stem, folder / stem.name)
        copy = {**job, "id": identifier, "sequence": number, "name": f"Song {number}.wav", "created": job["created"] - count + number}
        rows.append((identifier, number, job["state"], json.dumps(copy)))
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
        database.execute(table)
        database.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?)", rows)
        database.commit()
