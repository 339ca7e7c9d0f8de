"""How programs start."""

import subprocess
import sys

import pytest

from tiny import REPO

START = """
import gc, sys
from common import cli
cli.quiet_tensorflow()
assert gc.isenabled() and gc.get_freeze_count() > 100_000
assert not {"jax", "matplotlib"} & set(sys.modules)
import keras, matplotlib.pyplot, tensorflow
assert keras.backend.backend() == "tensorflow"
"""


@pytest.mark.slow
def test_tensorflow_starts_quietly_and_without_what_is_not_used():
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=REPO, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
