"""Runs a script or module of the repository with the network of `toy.py`.

    python with_toy.py SCRIPT OPTION ...
    python with_toy.py -m MODULE OPTION ...
    python with_toy.py -c CODE

For processes that are neither forks of `warm.py` nor the test's own: ranks, jobs, what is killed, and what
benchmarks start. What these measure nobody reads: a module's warm-ups end after half a second.
"""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import toy  # noqa: E402

toy.register()
toy.reach_children()
sys.argv = sys.argv[1:]
if sys.argv[0] == "-m":
    from benchmarks import latency

    latency.LEAST_SECONDS, latency.MOST_SECONDS = 0.1, 0.5
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
elif sys.argv[0] == "-c":
    exec(sys.argv[1])
else:
    sys.argv[0] = str(ROOT / sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
