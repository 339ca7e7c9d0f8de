"""The forms that XLA fuses, against TensorFlow's own operations."""

import numpy as np
import pytest
import tensorflow as tf

jnp = pytest.importorskip(
    "jax.numpy", reason="JAX is not installed: pip install -c constraints.txt -e .[backends]"
)
from models import jax_kernels  # noqa: E402


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation", "padding"),
    [
        ((13, 16), 3, 1, 1, "SAME"),
        ((12, 17), 3, 2, 1, "SAME"),
        ((16, 16), 3, 1, 4, "SAME"),
        ((16, 16), 2, 1, 1, "SAME"),
        ((16, 15), 3, 2, 1, "VALID"),
        ((9, 9), 5, 1, 2, "VALID"),
    ],
)
def test_depthwise_is_tensorflows(size, taps, stride, dilation, padding):
    x, kernel = random(2, *size, 5), random(taps, taps, 5, 1)
    ours = jax_kernels.depthwise(x, kernel, (stride, stride), (dilation, dilation), padding == "SAME")
    theirs = tf.nn.depthwise_conv2d(
        x, kernel, (1, stride, stride, 1), padding, dilations=(dilation, dilation)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_depthwise_of_half_precision_is_summed_in_float32():
    x = jnp.ones((1, 3, 3, 1), "bfloat16").at[0, 0, 0, 0].set(256)  # to which bfloat16 cannot add 1
    total = jax_kernels.depthwise(x, jnp.ones((3, 3, 1, 1), "bfloat16"), (1, 1), (1, 1), same=False)
    assert total.dtype == "bfloat16" and float(total[0, 0, 0, 0]) == 264


@pytest.mark.parametrize("factors", [(2, 2), (8, 8), (4, 1), (3, 5)])
def test_enlarging_is_tensorflows(factors):
    x = random(2, 5, 7, 3)
    theirs = tf.image.resize(x, (5 * factors[0], 7 * factors[1]))
    np.testing.assert_allclose(jax_kernels.enlarge(jnp.asarray(x), factors), theirs, rtol=0, atol=1e-5)
