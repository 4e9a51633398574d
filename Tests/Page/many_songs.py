"""A data folder of the service with thousands of songs."""
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_song(source: Path, data: Path, count: int, are_waiting: bool = False) -> None:
    """Makes a data folder with copies, `Song 1.wav` and so on, of the one song of another folder, whose service is stopped.

    With `are_waiting`, they are still to be separated.
    """
    with closing(sqlite3.connect(source / "jobs.sqlite")) as database:
        (record,) = database.execute("SELECT record FROM jobs").fetchone()
        (table,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs'").fetchone()
    job = json.loads(record)
    stems = list((source / "results" / job["id"]).iterdir())
    if are_waiting:
        job = {**job, "state": "queued", "stems": []}
        for key in ("started", "finished", "finishedRunSeconds", "stemRateHz"):
            del job[key]
    (data / "inputs").mkdir(parents=True)
    (data / "results").mkdir()
    rows = []
    for number in range(1, count + 1):
        identifier = f"{number:024x}"
        if are_waiting:
            os.link(stems[0], data / "inputs" / identifier)
        else:
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
