"""Every loss against NumPy, pixel by pixel; what is ignored, absent, or on another rank."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from training import config
from training.losses import NAMES, OF_PIXELS, total

CLASSES = 19
SHAPE = (3, 6, 8)
WEIGHTS = tuple(0.1 + np.random.default_rng(9).random(CLASSES))
LOSSES = [
    *((name, 0.0, ()) for name in NAMES),
    *((name, 0.0, WEIGHTS) for name in NAMES),
    *((name, 0.2, WEIGHTS) for name in OF_PIXELS),
    ("ce+dice", 0.0, ()),
    ("ohem+tversky+lovasz", 0.1, WEIGHTS),
]
EVERY = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss[0]}-{loss[1]}-{len(loss[2])}")


def build(loss):
    name, smoothing, weights = loss
    given = {"model": "fastscnn", "loss": name, "label_smoothing": smoothing, "weight_of_class": weights}
    return total.build(config.new(given, "town"))


def example(seed=0, spread=2.0):
    """Logits that favour the truth somewhat; classes 15 and up occur nowhere, image 2 is all ignored."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 15, SHAPE).astype(np.uint8)
    labels[random.random(SHAPE) < 0.2] = 255
    labels[2] = 255
    logits = random.normal(0, spread, (*SHAPE, CLASSES))
    for b, y, x in zip(*np.nonzero((labels != 255) & (random.random(SHAPE) < 0.7))):
        logits[b, y, x, labels[b, y, x]] += 6
    return logits.astype("float32"), labels


def by_hand(loss, logits, labels):
    """The loss in float64, by loops."""
    names, smoothing, weights = loss
    weights = np.array(weights or [1.0] * CLASSES)
    logits = logits.astype("float64")
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    value = 0.0
    for name in names.split("+"):
        if name in OF_PIXELS:
            value += pixelwise(name, p, labels, smoothing, weights)
        elif name == "lovasz":
            images = [lovasz(p[b], labels[b], weights) for b in range(len(p)) if (labels[b] != 255).any()]
            value += np.mean(images)
        else:
            value += overlap(p, labels, weights, *((0.5, 0.5) if name == "dice" else (0.3, 0.7)))
    return value


def pixelwise(name, p, labels, smoothing, weights):
    numerator = denominator = 0.0
    for image, truth in zip(p, labels):
        pixels = [(image[y, x], truth[y, x]) for y, x in zip(*np.nonzero(truth != 255))]
        if name == "ohem":
            pixels.sort(key=lambda pixel: pixel[0][pixel[1]])
            least = max(len(pixels) // 16, 1)
            pixels = pixels[:least] + [pixel for pixel in pixels[least:] if pixel[0][pixel[1]] < 0.7]
        for probabilities, c in pixels:
            one = -(1 - smoothing) * np.log(probabilities[c]) - smoothing * np.log(probabilities).mean()
            factor = (1 - probabilities[c]) ** 2 if name == "focal" else 1
            numerator += weights[c] * factor * one
            denominator += weights[c]
    return numerator / denominator


def overlap(p, labels, weights, of_wrong, of_missed):
    labelled = labels != 255
    values = []
    for c in np.unique(labels[labelled]):
        hit = p[..., c][labels == c].sum()
        wrong, missed = p[..., c][labelled & (labels != c)].sum(), (1 - p[..., c])[labels == c].sum()
        values.append((1 - hit / (hit + of_wrong * wrong + of_missed * missed), weights[c]))
    return mean(values)


def lovasz(p, labels, weights):
    """The extension as its definition: thresholds from the worst pixel on, 1 - IoU of the sets above them."""
    values = []
    for c in np.unique(labels[labels != 255]):
        truth = (labels == c)[labels != 255]
        errors = np.abs(truth - p[..., c][labels != 255])
        value, before = 0.0, 0.0
        for i in np.argsort(-errors):
            mistaken = errors >= errors[i]
            union = (truth | mistaken).sum()
            jaccard = 1 - (truth & ~mistaken).sum() / union
            value += errors[i] * (jaccard - before)
            before = jaccard
        values.append((value, weights[c]))
    return mean(values)


def mean(weighted):
    return sum(value * weight for value, weight in weighted) / sum(weight for _, weight in weighted)


def loss_and_gradient(function, logits, labels):
    logits, labels = tf.constant(logits), tf.constant(labels)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = function(logits, labels)
    return value.numpy(), tape.gradient(value, logits).numpy()


@EVERY
def test_the_value_is_that_of_numpy(loss):
    value, _ = loss_and_gradient(build(loss), *example())
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, by_hand(loss, *example()), rtol=1e-5)


@EVERY
def test_the_gradient_is_that_of_finite_differences(loss):
    logits, labels = example()
    function = build(loss)
    _, gradient = loss_and_gradient(function, logits, labels)
    direction = np.random.default_rng(1).normal(size=logits.shape)
    step = 1e-4
    difference = by_hand(loss, logits + step * direction, labels) - by_hand(
        loss, logits - step * direction, labels
    )
    np.testing.assert_allclose((gradient * direction).sum(), difference / (2 * step), rtol=2e-3)


@EVERY
def test_a_changed_logit_under_an_ignored_pixel_changes_nothing(loss):
    logits, labels = example()
    changed = logits + (labels == 255)[..., None] * np.random.default_rng(2).normal(0, 50, logits.shape)
    value, gradient = loss_and_gradient(build(loss), logits, labels)
    again, gradient_again = loss_and_gradient(build(loss), changed.astype("float32"), labels)
    assert value == again
    np.testing.assert_array_equal(gradient, gradient_again)
    assert not gradient[labels == 255].any()


@EVERY
def test_a_batch_that_is_all_ignored_has_no_loss_and_no_gradient(loss):
    logits, labels = example()
    value, gradient = loss_and_gradient(build(loss), logits, np.full_like(labels, 255))
    assert value == 0
    assert not gradient.any()


@EVERY
def test_one_class_alone_and_extreme_logits_are_finite(loss):
    logits, labels = example(spread=1e4)
    for truth in (labels, np.full_like(labels, 7)):
        value, gradient = loss_and_gradient(build(loss), logits, truth)
        assert np.isfinite(value) and np.isfinite(gradient).all()


@EVERY
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_logits_are_summed_in_float32(loss, kind):
    logits, labels = example()
    halves = tf.cast(logits, kind)
    value = build(loss)(halves, tf.constant(labels))
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, by_hand(loss, tf.cast(halves, tf.float32).numpy(), labels), rtol=1e-5)


@pytest.mark.slow
@EVERY
def test_ranks_that_share_a_batch_have_its_loss_and_add_up_to_its_gradient(loss):
    logits, labels = example()
    whole, gradient = loss_and_gradient(build(loss), logits, labels)
    parts = [slice(0, 1), slice(1, 3)]  # of unequal sizes, one of them mostly ignored

    def of_rank(rank):
        """The loss as this rank computes it; the others' sums come from the same function."""
        function = build(loss)
        position = iter(range(len(function.terms)))

        def across_ranks(own):
            term = function.terms[next(position)]
            everywhere = [term.sums(tf.constant(logits[part]), tf.constant(labels[part])) for part in parts]
            return [mine + tf.stop_gradient(tf.add_n(all_) - mine) for mine, *all_ in zip(own, *everywhere)]

        return replace(function, across_ranks=across_ranks)

    results = [loss_and_gradient(of_rank(r), logits[p], labels[p]) for r, p in enumerate(parts)]
    for value, _ in results:
        np.testing.assert_allclose(value, whole, rtol=1e-6)
    together = np.concatenate([gradient for _, gradient in results])
    np.testing.assert_allclose(together, gradient, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_costs_nothing_and_a_wrong_one_more_than_a_guess(name):
    _, labels = example()
    truth = np.eye(CLASSES, dtype="float32")[np.where(labels == 255, 0, labels)]
    function = build((name, 0.0, ()))
    perfect, even, wrong = (float(function(scale * truth, labels)) for scale in (50.0, 0.0, -50.0))
    assert perfect == pytest.approx(0, abs=1e-6)
    assert perfect < even < wrong


@pytest.mark.slow
@EVERY
def test_xla_gives_the_same(loss):
    logits, labels = example()
    compiled = tf.function(build(loss), jit_compile=True)
    value, gradient = loss_and_gradient(build(loss), logits, labels)
    by_xla, gradient_by_xla = loss_and_gradient(compiled, logits, labels)
    np.testing.assert_allclose(by_xla, value, rtol=1e-5)
    np.testing.assert_allclose(gradient_by_xla, gradient, rtol=1e-3, atol=1e-7)


def test_cross_entropy_by_hand():
    logits = tf.constant([[[[0.0, np.log(3.0)], [5.0, -2.0]]]])  # softmax of the first: 1/4, 3/4
    labels = tf.constant([[[1, 255]]], tf.uint8)
    np.testing.assert_allclose(total.PLAIN(logits, labels), -np.log(0.75), rtol=1e-6)


def test_only_plain_cross_entropy_is_plain():
    assert build(("ce", 0.0, ())).plain
    assert not any(
        build(loss).plain for loss in (("ce", 0.1, ()), ("ce", 0.0, WEIGHTS), ("ce+dice", 0.0, ()))
    )
