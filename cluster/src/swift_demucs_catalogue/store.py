"""Files on any storage that fsspec knows: read, fetch, write, compare."""

from __future__ import annotations

import errno
import hashlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec

from .job import Failure

Value = TypeVar("Value")
BLOCK_BYTES = 1 << 20
PART = ".part-"
#: Storages without folders, where fsspec would make a bucket instead.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "oci", "oss"})
#: Members of fsspec's information that change with a file's content, best first; HTTP servers
#: without ETags have only the last three.
VERSIONS = (
    *("ETag", "etag", "mtime", "LastModified", "updated"),
    *("Content-MD5", "Digest", "Last-Modified"),
)


def is_url(path: str) -> bool:
    """Whether a path names a storage, as ``s3://bucket/key`` does."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """A path below a folder, on any storage."""
    return f"{folder.rstrip('/')}/{name}"


class Store:
    """Storage by URL. Each operation is tried a few times, with growing pauses.

    Raises :class:`Failure` with the class ``network``, ``no_room``, or ``unreadable`` for a missing
    file.
    """

    ATTEMPTS = 4
    FIRST_PAUSE_SECONDS = 0.5

    def __init__(self, storage: Mapping[str, Any]) -> None:
        fsspec.config.conf.update(storage)
        self._systems: dict[str, Any] = {}
        self._lock = threading.Lock()

    def _at(self, url: str) -> tuple[Any, str]:
        """File system of a URL, and the path in it."""
        if not is_url(url):
            # Not through fsspec's parser, for which `::` in a name is a chain of storages.
            return self._system("file", "file://"), str(Path.cwd() / url)
        parts = urlsplit(url)
        system = self._system(f"{parts.scheme}://{parts.netloc}", url)
        return system, system._strip_protocol(url)

    def _system(self, key: str, url: str) -> Any:
        with self._lock:
            if key not in self._systems:
                self._systems[key] = fsspec.core.url_to_fs(url, skip_instance_cache=True)[0]
            return self._systems[key]

    def _forget(self, url: str) -> None:
        """Drops the connection, so that the next operation opens a new one: it may be broken."""
        parts = urlsplit(url)
        with self._lock:
            self._systems.pop(f"{parts.scheme}://{parts.netloc}", None)

    def _try(self, url: str, action: Callable[[Any, str], Value]) -> Value:
        pause = self.FIRST_PAUSE_SECONDS
        for attempt in range(self.ATTEMPTS):
            try:
                return action(*self._at(url))
            except Exception as error:
                if isinstance(error, FileNotFoundError):
                    raise Failure("unreadable", f"{url}: no such file") from error
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise Failure("no_room", f"{url}: {error}") from error
                is_last = attempt == self.ATTEMPTS - 1
                if is_last or isinstance(error, (PermissionError, ImportError, ValueError)):
                    text = str(error) or type(error).__name__
                    raise Failure("network", f"{url}: {text}") from error
                self._forget(url)
                # Random, so that workers that failed together don't retry together.
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause *= 2
        raise AssertionError("the last attempt returns or raises")

    # Reading

    def info(self, url: str) -> dict[str, Any]:
        """Size of a file, and further metadata that the storage has."""

        def look(fs: Any, path: str) -> dict[str, Any]:
            fs.invalidate_cache()
            found: dict[str, Any] = fs.info(path)
            if found.get("type") == "directory":
                raise FileNotFoundError(path)
            return found

        return self._try(url, look)

    def version(self, url: str) -> tuple[int, str]:
        """Size of a file in bytes, and a version text that changes with its content.

        If the storage knows only the size, the text changes with the size.
        """
        info = self.info(url)
        size = int(info.get("size") or 0)
        marks = (info.get(name) for name in VERSIONS)
        # A row that was stored with "" has another version than any file, so its track is fetched
        # once more; its stems are kept if it has the same bytes.
        return size, next((str(mark) for mark in marks if mark), f"{size} bytes")

    def exists(self, url: str) -> bool:
        """Whether a file exists."""
        try:
            self.info(url)
        except Failure as failure:
            if failure.error_class != "unreadable":
                raise
            return False
        return True

    def can_list(self, url: str) -> bool:
        """Whether a bucket or server exists and its files may be listed."""
        try:
            self._try(url, lambda fs, path: fs.ls(path))
        except Failure:
            return False
        return True

    def names(self, url: str) -> list[str]:
        """Names in a folder; none if it is missing."""

        def look(fs: Any, path: str) -> list[str]:
            fs.invalidate_cache()
            try:
                entries = fs.ls(path, detail=False)
            except FileNotFoundError:
                return []
            return sorted(str(entry).rstrip("/").rpartition("/")[2] for entry in entries)

        return self._try(url, look)

    def read(self, url: str) -> bytes:
        """All bytes of a small file."""

        return self._try(url, lambda fs, path: bytes(fs.cat_file(path)))

    def open(self, url: str) -> Any:
        """Opens a file for reading; it can seek."""
        return self._try(url, lambda fs, path: fs.open(path, "rb"))

    def sha256(self, url: str) -> str:
        """SHA-256 of a file, in hexadecimal."""
        return self._try(url, lambda fs, path: checksum(fs.open(path, "rb"), "sha256"))

    def fetch(self, url: str, target: Path) -> None:
        """Copies a file to the local disk."""
        size = self.version(url)[0]

        def copy(fs: Any, path: str) -> None:
            fs.get_file(path, str(target))
            if size and target.stat().st_size != size:
                raise OSError(f"{target.stat().st_size} of {size} bytes arrived")

        self._try(url, copy)

    # Writing

    def put(self, source: Path, url: str) -> None:
        """Copies a local file to a temporary name, compares it there, and renames it."""

        def copy(fs: Any, path: str) -> None:
            folder, _, name = path.rpartition("/")
            part = f"{folder}/{PART}{uuid.uuid4().hex}-{name}"
            try:
                try:
                    fs.put_file(str(source), part)
                except FileNotFoundError:
                    if not OBJECT_STORES.isdisjoint(_protocols(fs)):
                        raise
                    fs.makedirs(folder, exist_ok=True)
                    fs.put_file(str(source), part)
                compare(fs, part, source)
                fs.mv(part, path)
            except BaseException:
                discard(fs, part)
                raise

        try:
            self._try(url, copy)
        except Failure as failure:
            if failure.error_class == "unreadable":
                raise Failure("network", str(failure)) from failure
            raise

    def write(self, url: str, content: bytes, scratch: Path) -> None:
        """Writes a small file, whole or not at all."""
        file = scratch / uuid.uuid4().hex
        file.write_bytes(content)
        try:
            self.put(file, url)
        finally:
            file.unlink()

    def remove(self, url: str) -> None:
        """Removes a file, if it is there."""

        def delete(fs: Any, path: str) -> None:
            fs.invalidate_cache()
            if fs.exists(path):
                fs.rm_file(path)

        self._try(url, delete)

    def remove_parts(self, folder: str) -> None:
        """Removes the partial files of killed workers from a folder."""
        for name in self.names(folder):
            if name.startswith(PART):
                self.remove(join(folder, name))

    def check_writable(self, url: str, scratch: Path) -> None:
        """Writes a file into a folder and removes it."""
        probe = join(url, f"{PART}{uuid.uuid4().hex}")
        self.write(probe, b"swift-demucs", scratch)
        self.remove(probe)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def compare(fs: Any, path: str, source: Path) -> None:
    """Raises :class:`OSError` unless a stored file has the bytes of a local one."""
    fs.invalidate_cache()
    info = fs.info(path)
    size = source.stat().st_size
    if info["size"] != size:
        raise OSError(f"{info['size']} of {size} bytes arrived")
    tag = str(info.get("ETag") or "").strip('"')
    # The MD5 of an object that was uploaded in one piece, unless a key of the caller or of a key
    # service encrypts it (SSE-C, SSE-KMS).
    if len(tag) == 32 and tag == checksum(source.open("rb"), "md5"):
        return
    if checksum(fs.open(path, "rb"), "sha256") != checksum(source.open("rb"), "sha256"):
        raise OSError("the stored file has another checksum than the one that was sent")


def checksum(file: Any, algorithm: str) -> str:
    """Checksum of an open file, in hexadecimal; closes the file."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    with file:
        while block := file.read(BLOCK_BYTES):
            state.update(block)
    return state.hexdigest()


def discard(fs: Any, path: str) -> None:
    """Removes a file; ignores errors, since the caller is raising another one."""
    try:
        if fs.exists(path):
            fs.rm_file(path)
    except Exception:
        return
