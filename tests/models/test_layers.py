"""Shared layers against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers import BatchNorm, Resize

SHAPE = (3, 5, 7, 4)


def pair():
    """Our batch norm and Keras's, with the same random scale, offset and statistics."""
    random = np.random.default_rng(0)
    arrays = [random.uniform(0.5, 2.0, 4).astype("float32") for _ in range(4)]
    layers = (
        BatchNorm(momentum=0.8, epsilon=1e-3),
        keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-3),
    )
    for layer in layers:
        layer.build(SHAPE)
        layer.set_weights(arrays)
    return layers


def data(seed=1):
    random = np.random.default_rng(seed)
    return tf.constant(random.normal(random.normal(size=4), 2.0, SHAPE).astype("float32"))


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_equals_keras_in_output_gradient_and_statistics(training):
    results = []
    for layer in pair():
        x = data()
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            loss = tf.reduce_sum(y * data(2))
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        results.append([y, *gradients, *layer.get_weights()])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_frozen_batch_norm_keeps_its_statistics():
    ours, theirs = pair()
    ours.trainable = theirs.trainable = False
    before = ours.get_weights()
    np.testing.assert_allclose(
        ours(data(), training=True), theirs(data(), training=True), rtol=2e-5, atol=2e-5
    )
    for a, b in zip(before, ours.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_batch_norm_names_its_variables_as_keras_does():
    ours, theirs = pair()
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]


def test_a_known_batch_gives_the_statistics_of_an_unknown_one_in_fewer_operations():
    results, operations = [], []
    for shape in (SHAPE, (None, *SHAPE[1:])):
        layer, _ = pair()
        signature = [tf.TensorSpec(shape)]
        trained = tf.function(lambda x, layer=layer: layer(x, training=True), signature, autograph=False)
        trained(data())
        results.append(layer.get_weights())
        operations.append(len(trained.get_concrete_function().graph.get_operations()))
    for known, unknown in zip(*results):
        np.testing.assert_array_equal(known, unknown)
    assert operations[0] < 30 < operations[1]


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_batch_norm_keeps_float32_statistics_under_mixed_precision(dtype):
    layer = BatchNorm(dtype=dtype)
    y = layer(tf.cast(data(), layer.compute_dtype), training=True)
    assert y.dtype == layer.compute_dtype
    assert layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(
        layer.moving_mean, 0.01 * tf.reduce_mean(data(), (0, 1, 2)), rtol=0.02, atol=1e-4
    )


def test_resize_is_bilinear_with_aligned_pixel_centres():
    x = np.array([0.0, 4.0], "float32").reshape(1, 1, 2, 1)
    np.testing.assert_allclose(np.ravel(Resize(1, 4)(x)), [0.0, 1.0, 3.0, 4.0])


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "XLA"])
def test_nearest_resize_repeats_pixels_and_sums_their_gradients(compiled):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 3, 5, 4)).astype("float32")
    upstream = random.normal(size=(2, 6, 15, 4)).astype("float32")
    layer = Resize(6, 15, interpolation="nearest")

    @tf.function(jit_compile=compiled)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, tape.gradient(y, x, upstream)

    y, gradient = both(tf.constant(x))
    np.testing.assert_array_equal(y, x.repeat(2, axis=1).repeat(3, axis=2))
    np.testing.assert_allclose(gradient, upstream.reshape(2, 3, 2, 5, 3, 4).sum((2, 4)), rtol=1e-5, atol=1e-6)
    assert Resize.from_config(layer.get_config()).interpolation == "nearest"
