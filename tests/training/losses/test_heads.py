"""Losses of heads for training alone: against NumPy, on any number of ranks, weighted in a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from models.layers import Resize
from models.registry import Head
from training.losses import heads
from training.losses.total import PLAIN
from training.steps import step

CLASSES, SIZE = 4, (8, 16)


def labels():
    """Of three images: the second shows one class alone, the third none at all."""
    found = np.random.default_rng(0).integers(0, 3, (3, *SIZE)).astype(np.uint8)
    found[1], found[2] = 3, 255
    found[1, :2] = 255
    return found


def by_hand(logits, labels):
    """Mean binary cross-entropy over images and classes, in float64."""
    losses = []
    for image, truth in zip(logits.astype("float64"), labels):
        for c, logit in enumerate(image):
            p = 1 / (1 + np.exp(-logit))
            losses.append(-np.log(p if c in truth else 1 - p))
    return np.mean(losses)


def presence(logits, labels):
    (term,) = heads.LOSSES["presence"]
    return term.sums({"presence": tf.constant(logits)}, tf.constant(labels)), term.value


def test_the_loss_of_presences_is_that_of_each_class_in_each_image():
    logits = np.random.default_rng(1).normal(0, 2, (3, CLASSES)).astype("float32")
    sums, value = presence(logits, labels())
    assert float(value(*sums)) == pytest.approx(by_hand(logits, labels()), rel=1e-5)
    parts = [presence(logits[part], labels()[part])[0] for part in (slice(0, 1), slice(1, 3))]
    added = [sum(values) for values in zip(*parts)]
    assert float(value(*added)) == pytest.approx(by_hand(logits, labels()), rel=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_a_vector_is_weighted_beside_the_logits(jit):
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.AveragePooling2D(2)(layers.Rescaling(1 / 255)(image))
    outputs = {
        "logits": Resize(*SIZE, name="logits")(layers.Conv2D(CLASSES, 1)(x)),
        "presence": layers.Dense(CLASSES, name="presence")(layers.GlobalAveragePooling2D()(x)),
    }
    model = keras.Model(image, outputs)
    images = np.random.default_rng(2).integers(0, 256, (3, *SIZE, 3), np.uint8)
    found = {name: np.asarray(value) for name, value in model(images).items()}
    of_logits = float(PLAIN(tf.constant(found["logits"]), tf.constant(labels())))
    expected = of_logits + 0.4 * 0.5 * by_hand(found["presence"], labels())
    loss = step.replace(PLAIN, auxiliary=0.4, heads={"presence": Head("presence", 0.5)})
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build(model.trainable_variables)
    made = step.training_step(model, optimizer, jit, loss=loss)
    assert float(made(tf.constant(images), tf.constant(labels()))) == pytest.approx(expected, rel=1e-5)
