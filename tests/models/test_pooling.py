"""Pooling with positions and unpooling, against TensorFlow's arg-max pooling and a scatter by hand."""

import numpy as np
import pytest
import tensorflow as tf

from models.pooling import PoolWithPosition, Unpool

CHANNELS = 5


def images(kind):
    """float32 [2, 8, 12, CHANNELS]; all kinds but the first are full of ties."""
    random = np.random.default_rng(0)
    normal = random.normal(size=(2, 8, 12, CHANNELS)).astype("float32")
    return {
        "distinct": normal,
        "after ReLU": np.maximum(normal - 1, 0),
        "few levels": random.integers(0, 2, normal.shape).astype("float32"),
        "negative": -np.abs(np.rint(normal)),
        "all equal": np.full_like(normal, 3.0),
        "zeros": np.zeros_like(normal),
    }[kind]


KINDS = ("distinct", "after ReLU", "few levels", "negative", "all equal", "zeros")


def tensorflow_positions(x):
    """0..3 row by row in each window, by tf.nn.max_pool_with_argmax."""
    indices = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID").argmax.numpy()  # (y * W + x) * C + c
    y, x = np.divmod(indices // CHANNELS, x.shape[2])
    return 2 * (y % 2) + x % 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_winner_is_that_of_tensorflow(kind):
    x = images(kind)
    pooled, position = PoolWithPosition()(x)
    np.testing.assert_array_equal(pooled, tf.nn.max_pool2d(x, 2, 2, "VALID"))
    np.testing.assert_array_equal(position, tensorflow_positions(x))


@pytest.mark.parametrize("kind", KINDS)
def test_unpooling_equals_scattering_to_the_indices(kind):
    x = images(kind)
    _, indices = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    values = np.random.default_rng(1).normal(size=indices.shape).astype("float32")
    expected = np.zeros(x.size, "float32")
    expected[indices.numpy().ravel()] = values.ravel()
    unpooled = Unpool()([values, PoolWithPosition()(x)[1]])
    np.testing.assert_array_equal(unpooled, expected.reshape(x.shape))


def test_unpooled_maxima_by_hand():
    x = np.array([[1, 5, 0, 0], [2, 3, 0, 0]], "float32").reshape(1, 2, 4, 1)
    pooled, position = PoolWithPosition()(x)
    assert np.ravel(pooled).tolist() == [5, 0] and np.ravel(position).tolist() == [1, 0]
    assert np.reshape(Unpool()([pooled + 1, position]), (2, 4)).tolist() == [[0, 6, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", ["distinct", "few levels"])
def test_the_gradient_goes_to_the_winners_only(kind, jit):
    x = tf.constant(images(kind))
    weight = tf.random.stateless_normal(x.shape, (1, 2))

    @tf.function(jit_compile=jit)
    def gradients():
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled, position = PoolWithPosition()(x)
            loss = tf.reduce_sum(Unpool()([pooled, position]) * weight)
        return tape.gradient(loss, x)

    winners = Unpool()([np.ones((2, 4, 6, CHANNELS), "float32"), PoolWithPosition()(x)[1]])
    np.testing.assert_allclose(gradients(), weight * winners, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_its_type(dtype):
    x = tf.constant(images("distinct"))
    pooled, position = PoolWithPosition(dtype=dtype)(x)
    unpooled = Unpool(dtype=dtype)([pooled, position])
    assert {tensor.dtype.name for tensor in (pooled, position, unpooled)} == {dtype.removeprefix("mixed_")}
    np.testing.assert_array_equal(
        tf.math.count_nonzero(tf.reshape(unpooled, (2, 4, 2, 6, 2, CHANNELS)), (2, 4)), 1
    )
