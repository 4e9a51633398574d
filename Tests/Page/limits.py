"""How long the tests of the page wait for anything, so that a fault is no endless wait."""
import time
from typing import Callable

LONGEST_SECONDS = 180


def wait_until(condition: Callable, fault: Callable[[], str] = lambda: "the condition"):
    """Waits until a condition is true; returns its value. `fault` says what is there instead."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {LONGEST_SECONDS} s: {fault()}")
        time.sleep(0.02)
    return value
