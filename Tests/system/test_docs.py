#!/usr/bin/env python3
"""Runs the examples of the documents: every block of sh, python, c and cpp in README.md, docs/speed.md, docs and Models.

Usage: Tests/system/test_docs.py [--list] [--binary PATH] [--library FOLDER] [--python PATH] [DOCUMENT...]

Shell blocks run in bash, Python blocks in an interpreter that has the package; C and C++ programs are compiled and linked. The
blocks of a document share a folder with song.mp3, song.wav, a.flac, b.wav, a folder music with two tracks, and the demo
model under the name htdemucs. There is no network. Swift code is compiled as a part of Examples
(Tests/RepositoryTests/DocumentationTests.swift), and tools/course --check runs the course.

The blocks of docs/service.md run with a service, whose address and job take the place of those of the examples. Its table
must have the addresses of that service, and the metrics that it names must be there.

A block that can't run there has <!-- not run: REASON --> in the line before it; --list prints these blocks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"<!-- not run: (.+) -->$")
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Block:
    document: Path
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """Fenced blocks of a document in a language that is run here."""
    found = []
    lines = document.read_text().splitlines()
    number = 0
    while number < len(lines):
        fence = re.match(r"\s*```(\w*)", lines[number])
        if not fence:
            number += 1
            continue
        end = number + 1
        while end < len(lines) and not lines[end].strip().startswith("```"):
            end += 1
        if end == len(lines):
            raise SystemExit(f"error: {document}:{number + 1}: the block does not end; add a line ```")
        mark = MARK.match(lines[number - 1].strip()) if number else None
        if fence[1] in ("sh", "python", "c", "cpp"):
            indent = len(lines[number]) - len(lines[number].lstrip())
            text = "".join(f"{line[indent:]}\n" for line in lines[number + 1:end])
            found.append(Block(document, number + 1, fence[1], text, mark[1] if mark else None))
        number = end + 1
    return found


class Bench:
    """Folder and environment in which the blocks of a document run."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        home = folder / "home"
        home.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        (programs / "swift-demucs").symlink_to(Path(options.binary).resolve())
        nowhere = "http://127.0.0.1:9"
        self.environment = {
            "PATH": f"{programs}:{Path(options.python).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home), "LC_ALL": "C.UTF-8", "SWIFT_DEMUCS_MODELS": str(folder / "models"),
            "http_proxy": nowhere, "https_proxy": nowhere, "TMPDIR": str(folder / "tmp"),
        }
        (folder / "tmp").mkdir()
        (home / ".curlrc").write_text("fail\nno-progress-meter\nnoproxy = 127.0.0.1\n")
        libraries = folder / "lib"
        libraries.mkdir()
        library = next(Path(options.library).glob("libswiftdemucs.so*"), None)
        if not library:
            raise SystemExit(f"error: no libswiftdemucs.so in {options.library}; run: tools/package deb")
        (libraries / "libswiftdemucs.so").symlink_to(library.resolve())

    def prepare(self) -> None:
        """Writes the tracks, and the demo model under the name htdemucs."""
        models = self.folder / "models"
        models.mkdir()
        demo = ROOT / "Models/demo.safetensors"
        shutil.copy(demo, models / "htdemucs.safetensors")
        tracks = self.folder / "tracks"
        (tracks / "music").mkdir(parents=True)
        (track,) = (ROOT / "Models").glob("demo_track.*")
        # Not by the program, whose mixes are no songs.
        for name in ("song.mp3", "music/one.mp3", "a.flac", "song.wav", "b.wav", "music/two.wav"):
            self.check(["ffmpeg", "-v", "error", "-nostdin", "-t", "9", "-i", str(track), name], tracks)
        shutil.copy(demo, tracks / "htdemucs.safetensors")

    def check(self, command: list[str], folder: Path) -> None:
        reply = subprocess.run(
            command, cwd=folder, env=self.environment, timeout=LONGEST_SECONDS, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if reply.returncode != 0:
            raise RuntimeError(f"exit code {reply.returncode}\n{reply.stdout[-4000:]}")

    def passes(self, block: Block, folder: Path) -> bool:
        """Runs a block, and says how that went."""
        try:
            self.run(block, folder)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{block.place}: FAILED\n{block.text}{error}")
            return False
        print(f"{block.place}: passed")
        return True

    def run(self, block: Block, folder: Path) -> None:
        if block.language == "sh":
            self.check(["bash", "-e", "-o", "pipefail", "-c", block.text], folder)
        elif block.language == "python":
            self.check([str(self.options.python), "-c", block.text], folder)
        else:
            source = folder / f"block.{block.language}"
            source.write_text(block.text)
            compiler = {"c": ["cc", "-std=c11"], "cpp": ["c++", "-std=c++17"]}[block.language]
            self.check(
                [*compiler, "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'Sources/CSwiftDemucs'}", str(source), "-o", "block",
                 f"-L{self.folder / 'lib'}", "-lswiftdemucs"], folder)


@contextlib.contextmanager
def running_service(binary: Path, data: Path) -> Iterator[str]:
    """Yields the address of a service."""
    environment = os.environ | {"SWIFT_DEMUCS_MODELS": str(ROOT / "Models")}
    call = [binary, "serve", "-n", "demo", "--offline", "--port", "0", "--data", data]
    with subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as service:
        try:
            first = service.stdout.readline()
            address = first.split()[-1]
            if not address.startswith("http://"):
                raise SystemExit(f"error: the service did not start:\n{first}{service.stdout.read()}")
            yield address
        finally:
            service.terminate()


def check_names(address: str) -> None:
    """Compares the addresses in docs/service.md with the description of a service, and looks for the metrics that it names."""
    methods = ("get", "put", "post", "patch", "delete")
    text = (ROOT / "docs/service.md").read_text()
    documented = set(re.findall(rf"^\| `((?:{'|'.join(methods).upper()}) [^`]*)` \|", text, re.M))
    with urllib.request.urlopen(f"{address}/openapi.json") as reply:
        paths = json.load(reply)["paths"]
    actual = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations if method in methods}
    with urllib.request.urlopen(f"{address}/metrics") as reply:
        metrics = set(re.findall(r"^# HELP (\S+)", reply.read().decode(), re.M))
    wrong = (documented ^ actual) | (set(re.findall(r"\bswift_demucs_\w+", text)) - metrics)
    if wrong:
        raise SystemExit(f"error: docs/service.md differs from the service: {sorted(wrong)}")
    print(f"docs/service.md: {len(actual)} addresses, as the service has them")


def service_blocks(address: str, song: Path) -> list[Block]:
    """The blocks of docs/service.md with the address of a service and a job of it; the id of their set stays."""
    with urllib.request.urlopen(f"{address}/v1/separations", song.read_bytes()) as reply:
        job = json.load(reply)["id"]
    return [
        replace(block, text=re.sub(r"\b(?!0{23})[0-9a-f]{24}\b", job, block.text).replace("http://127.0.0.1:8765", address))
        for block in blocks(ROOT / "docs/service.md")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="*", type=Path, help="default: all")
    parser.add_argument("--list", action="store_true", help="only list the blocks that are not run")
    parser.add_argument("--binary", default=ROOT / ".build/release/swift-demucs", help="our program")
    parser.add_argument(
        "--library", default=ROOT / ".build/packages", help="folder of libswiftdemucs.so (default: of tools/package)")
    parser.add_argument("--python", type=Path, help="an interpreter with the package (default: one is made, with dist's wheel)")
    options = parser.parse_args()
    documents = [path.resolve() for path in options.documents] or [
        ROOT / "README.md", ROOT / "docs/speed.md", ROOT / "Models/README.md",
        *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "course")]
    found = [block for document in documents for block in blocks(document)]
    if options.list:
        for block in found:
            if block.reason:
                print(f"{block.place}: {block.reason}")
        return

    failures = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if not options.python:
            wheels = sorted((ROOT / "dist").glob("swift_demucs-*.whl"))
            if len(wheels) != 1:
                raise SystemExit("error: dist/ should hold one wheel; run: tools/package wheel")
            subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
            subprocess.run(
                [work / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", wheels[0], "soundfile"],
                check=True)
            options.python = work / "venv/bin/python"
        bench = Bench(work, options)
        bench.prepare()
        for document in documents:
            folder = work / "document"
            shutil.copytree(work / "tracks", folder)
            with contextlib.ExitStack() as stack:
                here = blocks(document)
                if document == ROOT / "docs/service.md":
                    address = stack.enter_context(running_service(Path(options.binary).resolve(), work / "service"))
                    check_names(address)
                    here = service_blocks(address, folder / "song.wav")
                failures += [block.place for block in here if not block.reason and not bench.passes(block, folder)]
            shutil.rmtree(folder)
    skipped = sum(block.reason is not None for block in found)
    print(f"{len(found) - skipped - len(failures)} blocks passed, {len(failures)} failed, {skipped} are not run (--list)")
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
