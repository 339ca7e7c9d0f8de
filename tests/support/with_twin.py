"""Runs a module of the repository with the networks of `toy.py` and `twin.py`, and short warm-ups.

    python with_twin.py -m MODULE OPTION ...

For processes that `benchmark.py peers` starts.
"""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import toy  # noqa: E402
import twin  # noqa: E402
from benchmarks import latency  # noqa: E402

toy.register()
twin.register()
latency.LEAST_SECONDS, latency.MOST_SECONDS = 0.1, 0.5
sys.argv = sys.argv[2:]
if sys.argv[0].endswith("peer_files"):
    twin.register_names()
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
