#!/usr/bin/env python3
"""Attacks a running service and checks the outcome of each attack.

Everything happens on this machine: the service listens at 127.0.0.1, on a free port.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service_attacks import (  # noqa: F401, I001  They add their attacks, in this order.
    mutations, forms, heavy, kills, disk, streams, results)
from service_attacks.attack import Attack, Failed, LeftOut, all_attacks


def run(name: str, program: str, arguments: argparse.Namespace) -> bool:
    """Runs an attack and prints its outcome in a line. Returns whether the service withstood it."""
    folder = Path(tempfile.mkdtemp(prefix=f"attack-{name}-"))
    draw = random.Random(f"{arguments.seed} {name}")
    start = time.monotonic()
    is_withstood = False
    try:
        outcome = all_attacks[name](Attack(program, folder, draw, arguments.large, arguments.sanitized))
        is_withstood = True
    except LeftOut as reason:
        outcome = f"left out: {reason}"
        is_withstood = True
    except (Failed, SystemExit) as failure:
        outcome = f"FAILED: {failure}"
    except Exception:  # A reply that can't be parsed, a connection that was refused.
        outcome = f"FAILED: {traceback.format_exc()}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: {outcome} ({time.monotonic() - start:.1f} s)", flush=True)
    return is_withstood


def main() -> None:
    listing = "\n".join(f"  {name:<16}{run.__doc__.splitlines()[0]}" for name, run in all_attacks.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nattacks:\n{listing}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="swift-demucs; gated-service lies beside it")
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="names of attacks (default: all)")
    parser.add_argument("--large", action="store_true", help="as before a release: more kills, mutations, uploads")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: 1)")
    parser.add_argument(
        "--sanitized", action="store_true", help="the program has AddressSanitizer; memory is not judged"
    )
    arguments = parser.parse_intermixed_args()
    if unknown := [name for name in arguments.attacks if name not in all_attacks]:
        parser.error(f"there is no attack '{unknown[0]}'; expected one of {', '.join(all_attacks)}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = arguments.attacks or list(all_attacks)
    # Two at once: most attacks wait more than they work.
    with ThreadPoolExecutor(2) as pool:
        withstood = list(pool.map(lambda name: run(name, arguments.program, arguments), names))
    failed = [name for name, is_withstood in zip(names, withstood) if not is_withstood]
    if failed:
        raise SystemExit(f"error: {len(failed)} of {len(names)} attacks succeeded: {', '.join(failed)}")
    print(f"The service withstood {len(names)} attacks.")


if __name__ == "__main__":
    main()
