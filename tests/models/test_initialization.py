"""JAX compiles without optimizations while it draws weights, and only then."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tiny import REPO

BUILT = """
import jax, keras, models

def unoptimized():
    return jax.config.read("jax_disable_most_optimizations")

def drawn(shape):
    seen.append(unoptimized())
    return keras.ops.ones(shape)

seen, before = [], unoptimized()
keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None: drawn(shape)
models.build("unet", (32, 32, 3), 3, width=4)
assert seen and all(seen), seen
assert unoptimized() == before
"""


@pytest.mark.slow
def test_only_the_drawing_of_weights_is_compiled_without_optimizations():
    if not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed: pip install -c constraints.txt -e .[backends]")
    done = subprocess.run(
        [sys.executable, "-c", BUILT],
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
