"""The common part of all attacks: their list, their sizes and the assertion."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from service_client import GatedService, Service


class Failed(Exception):
    """The service did not withstand an attack."""


class LeftOut(Exception):
    """An attack that this machine can't run."""


def check(is_true: bool, text: str) -> None:
    if not is_true:
        raise Failed(text)


@dataclass
class Attack:
    """The program under attack, a folder for one attack, and the attack's size."""

    program: str
    folder: Path
    draw: random.Random
    is_large: bool
    is_sanitized: bool

    def service(self, *options: str, data: str = "data", **settings: object) -> Service:
        """A service in the folder; not started yet."""
        return Service(self.program, self.folder / data, *options, **settings)

    def gated_service(self, *options: str, **settings: object) -> GatedService:
        """The same with a gate for its jobs: `gated-service`, which lies beside the program."""
        gated = Path(self.program).with_name("gated-service")
        return GatedService(str(gated), self.folder / "data", *options, **settings)

    def size(self, small: int, large: int) -> int:
        return large if self.is_large else small


def in_parallel(ask: Callable[[str], int], targets: Sequence[str]) -> Counter[int]:
    """Statuses of requests that are sent at once."""
    with ThreadPoolExecutor(len(targets)) as pool:
        return Counter(pool.map(ask, targets))


# Returns the outcome in a few words.
Run = Callable[[Attack], str]
all_attacks: dict[str, Run] = {}


def attack(name: str) -> Callable[[Run], Run]:
    """Adds a function to the list of attacks."""

    def add(run: Run) -> Run:
        all_attacks[name] = run
        return run

    return add
