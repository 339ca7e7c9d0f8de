"""The forms that XLA fuses, against TensorFlow's own operations."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kernels_on_jax import CONVOLUTIONS, FACTORS, random
from tiny import REPO

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What JAX calculates."""
    if not importlib.util.find_spec("jax"):
        pytest.skip("JAX is not installed: pip install -c constraints.txt -e .[backends]")
    file = tmp_path_factory.mktemp("kernels") / "found.npz"
    script = REPO / "tests" / "support" / "kernels_on_jax.py"
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run([sys.executable, script, file], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.load(file)


@pytest.mark.parametrize("number", range(len(CONVOLUTIONS)))
def test_depthwise_is_tensorflows(found, number):
    size, taps, stride, dilation, padding = CONVOLUTIONS[number]
    x, kernel, strides = random(2, *size, 5), random(taps, taps, 5, 1), (1, stride, stride, 1)
    theirs = tf.nn.depthwise_conv2d(x, kernel, strides, padding, dilations=(dilation, dilation))
    np.testing.assert_allclose(found[f"depthwise {number}"], theirs, rtol=0, atol=1e-5)


def test_depthwise_of_half_precision_is_summed_in_float32(found):
    assert found["half"].item() == 264


@pytest.mark.parametrize("number", range(len(FACTORS)))
def test_enlarging_is_tensorflows(found, number):
    theirs = tf.image.resize(random(2, 5, 7, 3), np.multiply((5, 7), FACTORS[number]))
    np.testing.assert_allclose(found[f"enlarge {number}"], theirs, rtol=0, atol=1e-5)
