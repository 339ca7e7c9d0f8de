"""PIDNet's losses of borders against loops over pixels, and against mmsegmentation where it is installed."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import made_up
from models import registry
from training.losses import borders, heads
from training.losses.total import PLAIN
from training.steps.step import loss_head

CLASSES = 5
SHAPE = (3, 24, 32)


def example(ignored=True):
    """Labels in areas, with ignored ones among them, and outputs of a network; image 2 is all ignored."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, (SHAPE[0], 3, 4)).astype(np.uint8)
    labels = labels.repeat(8, axis=1).repeat(8, axis=2)
    labels[:, 5:9, 3] = 4
    if ignored:
        labels[:, 10:15, 6:20] = 255
        labels[2] = 255
    outputs = {
        "logits": random.normal(0, 2, (*SHAPE, CLASSES)),
        "border": random.normal(0, 3, (*SHAPE, 1)),
    }
    return {name: array.astype(np.float32) for name, array in outputs.items()}, labels


def borders_by_hand(labels):
    """Edges as mmsegmentation marks them, each spread by two pixels down and right, one up and left."""
    wide = np.zeros(labels.shape, bool)
    pairs = [((1, 0), (0, 0)), ((0, 0), (0, 1)), ((0, 0), (1, 1)), ((0, 1), (1, 0))]  # marked, compared
    for b, height, width in np.ndindex(labels.shape):
        for (y, x), (other_y, other_x) in pairs:
            marked, other = (height + y, width + x), (height + other_y, width + other_x)
            if max(marked[0], other[0]) >= SHAPE[1] or max(marked[1], other[1]) >= SHAPE[2]:
                continue
            found = labels[b, marked[0], marked[1]], labels[b, other[0], other[1]]
            if found[0] != found[1] and 255 not in found:
                top, left = max(marked[0] - 1, 0), max(marked[1] - 1, 0)
                wide[b, top : marked[0] + 3, left : marked[1] + 3] = True
    return wide


def loss_by_hand(outputs, labels):
    """Both terms in float64."""
    truth, labelled = borders_by_hand(labels), labels != 255
    z = outputs["border"][..., 0].astype(np.float64)
    likely = 1 / (1 + np.exp(-z))
    cross_entropy = -np.where(truth, np.log(likely), np.log1p(-likely))
    share = truth[labelled].mean()
    weights = np.where(truth, 1 - share, share)
    of_border = 20 * (weights * cross_entropy)[labelled].mean()
    chosen = labelled & (likely > 0.8)
    p = np.exp(outputs["logits"].astype(np.float64))
    p /= p.sum(-1, keepdims=True)
    return of_border - np.log(p[chosen, labels[chosen]]).mean()


def loss(outputs, labels):
    return replace(PLAIN, terms=heads.LOSSES["borders"])(
        {name: tf.constant(array) for name, array in outputs.items()}, tf.constant(labels)
    )


@pytest.mark.parametrize("ignored", [False, True])
def test_borders_are_where_labels_differ(ignored):
    labels = example(ignored)[1]
    found = borders.borders(tf.constant(labels)).numpy()
    np.testing.assert_array_equal(found, borders_by_hand(labels))
    assert 0.1 < found[:2].mean() < 0.9 and found[2].any() != ignored


@pytest.mark.parametrize("ignored", [False, True])
def test_the_value_is_that_of_numpy(ignored):
    outputs, labels = example(ignored)
    assert float(loss(outputs, labels)) == pytest.approx(loss_by_hand(outputs, labels), rel=1e-5)


def test_sums_of_images_add_up_to_those_of_the_batch():
    outputs, labels = example()
    for term in heads.LOSSES["borders"]:
        whole = term.sums(outputs, labels)
        single = [
            term.sums({name: array[b : b + 1] for name, array in outputs.items()}, labels[b : b + 1])
            for b in range(len(labels))
        ]
        np.testing.assert_allclose(np.sum(single, axis=0), np.array(whole), rtol=1e-5)


def test_ignored_pixels_count_for_nothing():
    outputs, labels = example()
    moved = {name: array + 50 * (labels == 255)[..., None] for name, array in outputs.items()}
    assert float(loss(moved, labels)) == float(loss(outputs, labels))
    labels[:] = 255
    assert float(loss(outputs, labels)) == 0


def test_the_gradient_does_not_choose_pixels():
    """Whether a pixel is likely a border is no way for the scores' loss to reach the border head."""
    outputs, labels = example()
    logits, border = (tf.constant(outputs[name]) for name in ("logits", "border"))
    with tf.GradientTape() as tape:
        tape.watch((logits, border))
        total, _ = borders.aware_sums({"logits": logits, "border": border}, tf.constant(labels))
    of_logits, of_border = tape.gradient(total, (logits, border))
    assert of_border is None and np.isfinite(of_logits).all() and np.any(of_logits)


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_a_step_adds_them_to_the_losses_of_both_scores(jit):
    images, labels = np.random.default_rng(1).normal(size=(*SHAPE, 3)).astype(np.float32), example()[1]
    image = keras.Input((*SHAPE[1:], 3))
    outputs = {
        name: layers.Conv2D(channels, 1, bias_initializer="random_normal", name=name)(image)
        for name, channels in {"logits": CLASSES, "auxiliary": CLASSES, "border": 1}.items()
    }
    model = keras.Model(image, outputs)
    network, loss_of = loss_head(
        model, replace(PLAIN, auxiliary=0.5, heads=registry.architecture("pidnet").heads)
    )
    found = tf.function(lambda x, y: loss_of(network(x), y), jit_compile=jit)(images, tf.constant(labels))
    scores = {name: tensor.numpy() for name, tensor in model(images).items()}
    ce = {
        name: float(PLAIN(tf.constant(scores[name]), tf.constant(labels))) for name in ("logits", "auxiliary")
    }
    expected = ce["logits"] + 0.5 * (0.4 * ce["auxiliary"] + loss_by_hand(scores, labels))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_mmsegmentation_has_the_same_borders_and_losses():
    torch = pytest.importorskip("torch")
    GenerateEdge = made_up.package("mmseg.datasets.transforms").GenerateEdge
    BoundaryLoss = made_up.package("mmseg.models.losses").BoundaryLoss

    outputs, labels = example()
    edges = [
        GenerateEdge(edge_width=4).transform({"img_shape": SHAPE[1:], "gt_seg_map": image})["gt_edge_map"]
        for image in labels
    ]
    np.testing.assert_array_equal(borders.borders(tf.constant(labels)).numpy(), np.stack(edges) == 1)
    outputs, labels = example(ignored=False)  # which are no border there, and count
    edges = borders.borders(tf.constant(labels)).numpy()
    logits = torch.from_numpy(outputs["border"].transpose(0, 3, 1, 2).copy())
    expected = BoundaryLoss(loss_weight=20.0)(logits, torch.from_numpy(edges.astype(np.uint8)))
    term = heads.LOSSES["borders"][0]
    found = term.value(*term.sums(outputs, tf.constant(labels)))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
