"""The command in a process of its own, which keeps the model loaded between tracks."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from .job import Failure, Job

#: Exit codes of wrong usage and of a model that is missing or unreadable.
SETUP_CODES = {2, 3}
WATCH_SECONDS = 0.2
GRACE_SECONDS = 10.0
#: Longest wait for the process to exit after its output has ended.
EXIT_SECONDS = 5.0
STDERR_BYTES = 2000


class Engine:
    """``swift-demucs --manifest - --follow``, restarted when it has died or was killed."""

    def __init__(self, job: Job, folder: Path, cores: set[int] | None = None) -> None:
        self._job = job
        #: Output folder of the process.
        self.folder = folder
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = b""

    def _start(self) -> subprocess.Popen[bytes]:
        limits = self._job.limits
        # close() closes it.
        self._errors = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115
        self._buffer = b""
        command = [
            *self._job.command,
            *("--manifest", "-", "--follow", "--json", "--quiet"),
            *("--threads", str(self._job.threads), "-o", str(self.folder)),
            *("--timeout", str(limits.timeout_seconds)),
            *("--max-duration", str(limits.duration_seconds)),
        ]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
            )
        except OSError as error:
            raise Failure("node", f"swift-demucs can't be started: {error}") from error
        if self._cores:
            # Threads that start later inherit the affinity.
            os.sched_setaffinity(process.pid, self._cores)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def separate(self, line: dict[str, Any]) -> dict[str, Any]:
        """Separates a track of the manifest; returns its result line.

        Raises :class:`Failure`, with the result line if the track failed, without one if the
        process has died or was killed.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._start()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        # The command itself ends a track at the timeout, unless it hangs.
        deadline = time.monotonic() + 1.1 * self._job.limits.timeout_seconds + GRACE_SECONDS
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise self._death(process) from None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                selector.select(WATCH_SECONDS)
                for event in self._events(process):
                    if event["event"] == "result":
                        return _checked(event)
                self._watch(process, deadline)

    def _events(self, process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
        assert process.stdout is not None
        while True:
            block = process.stdout.read(1 << 16)
            if block is None:
                break
            if not block:
                raise self._death(process)
            self._buffer += block
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]

    def _watch(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        limits = self._job.limits
        if time.monotonic() > deadline:
            self.close()
            raise Failure("timeout", f"took longer than {limits.timeout_seconds} s and was killed")
        used = resident_bytes(process.pid)
        if used > limits.memory_bytes:
            self.close()
            raise Failure(
                "too_long",
                f"needed {used} bytes of memory, expected at most {limits.memory_bytes}; "
                "raise --memory, or separate a part of it",
                {"peak_memory_bytes": used},
            )

    def _death(self, process: subprocess.Popen[bytes]) -> Failure:
        try:
            code = process.wait(timeout=EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        text = self._last_error()
        self.close()
        if code in SETUP_CODES:
            return Failure("model", text or f"swift-demucs ended with exit code {code}")
        if code < 0:
            text = f"the process was killed by signal {-code}; {text}"
        return Failure("internal", text or f"swift-demucs ended with exit code {code}")

    def _last_error(self) -> str:
        if self._errors is None:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - STDERR_BYTES))
        return self._errors.read().decode(errors="replace").strip()

    def close(self) -> None:
        """Kills the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                try:
                    if pipe is not None:
                        pipe.close()
                except OSError:
                    continue
        if self._errors is not None:
            self._errors.close()
        self._process, self._errors = None, None


def _checked(event: dict[str, Any]) -> dict[str, Any]:
    if event["status"] == "done":
        return event
    # Interrupted by a signal from outside: the node is being shut down.
    error_class = "node" if event["status"] == "interrupted" else event["error_class"]
    raise Failure(error_class or "internal", event["error"] or "interrupted", event)


def resident_bytes(process: int) -> int:
    """Resident memory of a process; 0 if it has ended or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
