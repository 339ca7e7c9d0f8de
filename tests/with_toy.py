"""Runs a script of the repository with the network of `toy.py`: python with_toy.py SCRIPT OPTION ...

For processes that are neither forks of `warm.py` nor the test's own: ranks, jobs, and what is killed.
"""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import toy  # noqa: E402

toy.register()
sys.argv = sys.argv[1:]
sys.argv[0] = str(ROOT / sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
