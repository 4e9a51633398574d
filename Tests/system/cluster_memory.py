"""Runs a command and checks its peak memory.

Usage: cluster_memory.py --most MB COMMAND...
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

most = float(sys.argv[2])
start = time.monotonic()
subprocess.run(sys.argv[3:], check=True, stdout=subprocess.DEVNULL)
megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{megabytes:.0f} MB, {time.monotonic() - start:.1f} s")
if megabytes > most:
    sys.exit(f"error: took {megabytes:.0f} MB, expected at most {most:.0f}")
