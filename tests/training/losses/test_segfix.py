"""SegFix's targets by hand and by brute force, and its loss by NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.decoders.segfix import DIRECTIONS
from training.losses import segfix

LEFT, RIGHT = (1 + DIRECTIONS.index(step) for step in ((0, -1), (0, 1)))


def targets(labels):
    return segfix.truth(tf.constant(np.asarray(labels, np.uint8)[None])).numpy()[0]


def blobs(seed=0, size=(24, 40)):
    """Regions of several labels, some ignored."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, (size[0] // 8, size[1] // 8)).repeat(8, 0).repeat(8, 1)
    labels[random.random(size) < 0.01] = 4
    labels[:5, :7] = 255
    return labels.astype(np.uint8)


def test_of_two_halves_each_points_into_itself():
    labels = np.zeros((9, 24), np.uint8)
    labels[:, 12:] = 1
    expected = np.zeros(24, np.uint8)
    expected[7:12], expected[12:17] = LEFT, RIGHT
    np.testing.assert_array_equal(
        targets(labels)[3:6], [expected] * 3
    )  # of whose windows the edge is no part


def test_every_direction_leads_away_from_a_pixel():
    labels = np.zeros((41, 41), np.uint8)
    labels[20, 20] = 1
    found = targets(labels)
    for number, (down, right) in enumerate(DIRECTIONS, start=1):
        assert found[20 + 3 * down, 20 + 3 * right] == number
    assert found[20, 26] == 0 and found[24, 24] == 0  # 5.7 pixels away


def test_what_is_ignored_has_no_target_and_is_a_border_to_others():
    labels = np.zeros((12, 20), np.uint8)
    labels[:, :3] = 255
    found = targets(labels)
    assert (found[:, :3] == 255).all()
    assert (found[4:8, 3:8] == RIGHT).all() and (found[4:8, 8:] == 0).all()


def test_one_region_has_no_border():
    assert not targets(np.full((8, 8), 3)).any()


def test_distances_by_brute_force():
    labels = blobs()
    rows, columns = np.indices(labels.shape).reshape(2, -1)
    apart = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    apart[labels.ravel()[:, None] == labels.ravel()] = segfix.REACH + 1
    expected = np.minimum(apart.min(1), segfix.REACH + 1).reshape(labels.shape)
    found = segfix.distances(tf.constant(labels[None])).numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_by_loops():
    labels = blobs(1)
    distance = segfix.distances(tf.constant(labels[None])).numpy()[0]
    expected = np.zeros((2, *labels.shape))
    for row, column in np.ndindex(labels.shape):
        for down, right in np.ndindex(5, 5):
            y, x = row + down - 2, column + right - 2
            inside = 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]
            if (down, right) != (2, 2) and inside and labels[y, x] == labels[row, column]:
                step = np.array([down - 2, right - 2])
                expected[:, row, column] += distance[y, x] * step / (step**2).sum()
    found = segfix.gradient(tf.constant(labels[None]), tf.constant(distance[None]))
    np.testing.assert_allclose(np.stack(found)[:, 0], expected, atol=1e-4)


def cross_entropy(scores, labels):
    shifted = scores - scores.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - np.take_along_axis(shifted, labels[..., None], -1)[..., 0]


def balanced(losses, labels, count):
    shares = np.array([(labels == label).mean() for label in range(count)])
    weights = (1 - shares)[labels]
    return (weights * losses).sum() / weights.sum()


@pytest.fixture(scope="module")
def batch():
    """Outputs and labels of three images."""
    labels = np.stack([blobs(seed) for seed in range(3)])
    return np.random.default_rng(0).normal(0, 2, (*labels.shape, 10)).astype(np.float32), labels


def test_the_loss_by_numpy(batch):
    outputs, labels = batch
    truth = np.stack([targets(one) for one in labels])
    labelled, border = truth != 255, (truth > 0) & (truth < 255)
    of_border = balanced(
        cross_entropy(outputs[labelled][:, :2], border[labelled].astype(int)), border[labelled].astype(int), 2
    )
    directions = truth[border].astype(int) - 1
    of_direction = balanced(cross_entropy(outputs[border][:, 2:], directions), directions, 8)
    (term,) = segfix.TERMS
    found = term.value(*term.sums(tf.constant(outputs), tf.constant(labels)))
    assert float(found) == pytest.approx(of_border + of_direction, rel=1e-5)


def test_the_sums_of_parts_are_those_of_the_batch(batch):
    (term,) = segfix.TERMS
    whole, *parts = (
        term.sums(tf.constant(batch[0][part]), tf.constant(batch[1][part]))
        for part in (slice(None), slice(1), slice(1, None))
    )
    for total, *shares in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(total, sum(shares), rtol=1e-5)


def test_a_batch_without_borders_has_a_finite_loss_and_gradient():
    outputs = tf.Variable(tf.zeros((1, 16, 16, 10)))
    (term,) = segfix.TERMS
    with tf.GradientTape() as tape:
        loss = term.value(*term.sums(outputs, tf.zeros((1, 16, 16), tf.uint8)))
    assert np.isfinite(float(loss)) and np.isfinite(tape.gradient(loss, outputs).numpy()).all()


def test_outputs_that_say_the_truth_are_scored_as_right(batch):
    truth = np.stack([targets(one) for one in batch[1]])
    outputs = np.zeros((*truth.shape, 10), np.float32)
    outputs[..., 1] = np.where(truth > 0, 20.0, -20.0)
    outputs[..., 2:] = 20.0 * np.eye(9, dtype=np.float32)[np.where(truth == 255, 0, truth)][..., 1:]
    found = segfix.prediction(tf.constant(outputs)).numpy()
    np.testing.assert_array_equal(found[truth != 255], truth[truth != 255])
    assert float(segfix.cross_entropy_sum(tf.constant(outputs), tf.constant(truth))) < 1e-2
