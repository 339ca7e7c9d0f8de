"""The loss of details against NumPy, pixel by pixel; what is ignored, or on another rank."""

import numpy as np
import pytest
import tensorflow as tf

from models.registry import Head
from training.losses import details, heads
from training.losses.total import PLAIN

SHAPE = (3, 16, 24)


def example(seed=0):
    """Logits, and labels in blocks of three pixels; of image 0 a part is ignored, image 2 entirely."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, (3, 6, 8)).repeat(3, 1).repeat(3, 2)[:, :16].astype(np.uint8)
    labels[0, 4:9, 5:12] = 255
    labels[2] = 255
    return random.normal(0, 2, (*SHAPE, 1)).astype(np.float32), labels


def laplacian(image, y, x):
    """Eight times a pixel less its neighbours, with zeros beyond the image."""
    padded = np.pad(image.astype(float), 1)
    return 9 * padded[y + 1, x + 1] - padded[y : y + 3, x : x + 3].sum()


def targets_by_loops(labels):
    """As section 3.3 of the paper has it, with its weights and threshold, and nearest neighbours."""
    found = np.zeros(labels.shape, bool)
    for b, y, x in np.ndindex(*labels.shape):
        fused = 0.0
        for stride, weight in ((1, 0.6), (2, 0.3), (4, 0.1)):
            row, column = y // stride * stride, x // stride * stride
            edge = laplacian(labels[b], row, column) > 0.1 and labels[b, row, column] != 255
            fused += weight * edge
        found[b, y, x] = fused > 0.1 + 1e-9  # as float32 has it: a tenth is not above a tenth
    return found


def by_loops(logits, labels):
    """Binary cross-entropy over the labelled pixels plus the mean dice loss of the images with labels."""
    truth, share = targets_by_loops(labels), 1 / (1 + np.exp(-logits[..., 0].astype(float)))
    labelled = labels != 255
    entropy = -np.where(truth, np.log(share), np.log(1 - share))[labelled].mean()
    dice = []
    for b in np.flatnonzero(labelled.any((1, 2))):
        p, g = share[b][labelled[b]], truth[b][labelled[b]]
        dice.append(1 - (2 * (p * g).sum() + 1) / ((p**2).sum() + g.sum() + 1))
    return entropy + np.mean(dice)


def loss(logits, labels):
    """By the same way as in training."""
    outputs = {"logits": None, "detail": tf.constant(logits)}
    return PLAIN.of_outputs("detail")(outputs, tf.constant(labels))


def loss_and_gradient(logits, labels):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = PLAIN.of_outputs("detail")({"detail": logits}, tf.constant(labels))
    return float(value), tape.gradient(value, logits).numpy()


def test_details_by_hand():
    """A column of id 3 in id 0, eight pixels high: itself, and what lies in a block of two with it."""
    labels = np.zeros((1, 8, 8), np.uint8)
    labels[0, :, 3] = 3
    expected = np.zeros((1, 8, 8), bool)
    expected[0, :, 3] = True  # an odd column, which the larger strides do not see
    np.testing.assert_array_equal(details.targets(labels), expected)
    labels = np.roll(labels, 1, axis=2)
    expected[:] = False
    expected[0, :, 4:6] = True  # the stride of 2 sees it and spreads it; that of 4 adds too little
    np.testing.assert_array_equal(details.targets(labels), expected)


def test_details_are_those_of_loops():
    _, labels = example()
    expected = targets_by_loops(labels)
    assert 0.1 < expected[1].mean() < 0.9
    np.testing.assert_array_equal(details.targets(labels), expected)


def test_the_value_is_that_of_loops():
    assert float(loss(*example())) == pytest.approx(by_loops(*example()), rel=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    logits, labels = example()
    _, gradient = loss_and_gradient(logits, labels)
    direction = np.random.default_rng(1).normal(size=logits.shape)
    ahead, behind = (by_loops(logits + step * direction, labels) for step in (1e-4, -1e-4))
    assert (gradient * direction).sum() == pytest.approx((ahead - behind) / 2e-4, rel=1e-3)


def test_ignored_pixels_count_for_nothing():
    logits, labels = example()
    changed = logits + (labels == 255)[..., None] * np.random.default_rng(2).normal(0, 50, logits.shape)
    value, gradient = loss_and_gradient(logits, labels)
    assert loss_and_gradient(changed.astype(np.float32), labels)[0] == value
    assert not gradient[labels == 255].any()
    value, gradient = loss_and_gradient(logits, np.full_like(labels, 255))
    assert value == 0 and not gradient.any()


def test_sums_of_two_ranks_add_up_to_those_of_the_batch():
    logits, labels = example()
    whole = details.sums({"detail": logits}, labels)
    parts = [details.sums({"detail": logits[part]}, labels[part]) for part in (slice(0, 1), slice(1, 3))]
    np.testing.assert_allclose(np.add(*parts), whole, rtol=1e-6)


def test_right_details_cost_nothing_and_wrong_ones_more_than_a_guess():
    _, labels = example()
    truth = np.where(targets_by_loops(labels), 1.0, -1.0)[..., None].astype(np.float32)
    right, even, wrong = (float(loss(scale * truth, labels)) for scale in (50.0, 0.0, -50.0))
    assert right == pytest.approx(0, abs=1e-6)
    assert right < even < wrong


def test_the_head_of_stdc_has_this_loss():
    from models import registry

    assert registry.architecture("stdc").heads["detail"] == Head("detail")
    assert heads.LOSSES["detail"] is details.TERMS


@pytest.mark.slow
def test_xla_gives_the_same():
    logits, labels = example()
    compiled = tf.function(PLAIN.of_outputs("detail"), jit_compile=True)
    value = compiled({"detail": tf.constant(logits)}, tf.constant(labels))
    assert float(value) == pytest.approx(float(loss(logits, labels)), rel=1e-5)
