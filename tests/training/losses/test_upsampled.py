"""The upsampled form of cross-entropy against the plain one."""

import numpy as np
import pytest
import tensorflow as tf

from training.losses.total import PLAIN as cross_entropy
from training.losses.upsampled import mixture, upsampled_cross_entropy_sums

upsampled_cross_entropy = cross_entropy.of_scores(upsampled_cross_entropy_sums)


def example(batch=2, height=3, width=5, classes=7, factor=4, seed=0, spread=3.0):
    random = np.random.default_rng(seed)
    scores = random.normal(0, spread, (batch, height, width, classes)).astype("float32")
    labels = random.integers(0, classes, (batch, height * factor, width * factor)).astype(np.uint8)
    labels[random.random(labels.shape) < 0.2] = 255
    return tf.constant(scores), tf.constant(labels)


def plain(scores, labels):
    return cross_entropy(tf.image.resize(scores, labels.shape[1:]), labels)


def loss_and_gradient(function, scores, labels):
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = function(scores, labels)
    return loss, tape.gradient(loss, scores)


def test_a_wholly_ignored_batch_has_no_loss_and_no_gradient():
    scores, _ = example()
    labels = tf.fill((2, 12, 20), tf.constant(255, tf.uint8))
    loss, gradient = loss_and_gradient(upsampled_cross_entropy, scores, labels)
    assert float(loss) == 0
    assert not np.any(gradient)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 1, 1), (3, 8, 4)])
def test_upsampled_loss_and_gradient_equal_resizing_first(factor, shape):
    scores, labels = example(*shape, factor=factor)
    loss, gradient = loss_and_gradient(upsampled_cross_entropy, scores, labels)
    expected_loss, expected_gradient = loss_and_gradient(plain, scores, labels)
    np.testing.assert_allclose(loss, expected_loss, rtol=2e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=2e-5, atol=1e-7)


def test_upsampled_loss_is_exact_for_extreme_scores():
    scores, labels = example(spread=300.0)  # a softmax that subtracts no maximum would overflow
    loss, gradient = loss_and_gradient(upsampled_cross_entropy, scores, labels)
    expected_loss, expected_gradient = loss_and_gradient(plain, scores, labels)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-3, atol=1e-6)


def test_the_upstream_gradient_is_passed_on():
    scores, labels = example()
    doubled = loss_and_gradient(lambda s, t: 2 * upsampled_cross_entropy(s, t), scores, labels)[1]
    np.testing.assert_allclose(
        doubled, 2 * loss_and_gradient(upsampled_cross_entropy, scores, labels)[1], rtol=1e-6
    )


def test_half_precision_scores_are_summed_in_float32():
    scores, labels = example()
    loss = upsampled_cross_entropy(tf.cast(scores, tf.bfloat16), labels)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, plain(scores, labels), rtol=0.02)


def test_each_pixel_of_a_cell_is_a_convex_mixture_of_its_corners():
    weights = mixture(8)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[0], [(15 / 16) ** 2, 15 / 256, 15 / 256, 1 / 256], rtol=1e-6)
