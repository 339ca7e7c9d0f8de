"""STDC: its size, its encoders' blocks, and its heads for training."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from models import encoders
from models.registry import architecture
from training.losses.total import PLAIN
from training.steps import step

SIZE = (64, 96)
TRAINING = 8_573_022  # mmsegmentation's, with auxiliary heads
# there the head of details has two classes, of which one is no detail, and three constants are counted
BEYOND = (64 + 1) + 3


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return models.build("stdc", (*SIZE, 3), 19, auxiliary=True)


def test_it_has_mmsegmentations_parameters(network):
    assert sum(math.prod(v.shape) for v in network.trainable_variables) == TRAINING - BEYOND


@pytest.mark.parametrize(("name", "convolutions"), [("stdc1", 2 + 4 * 6), ("stdc2", 2 + 4 * 12)])
def test_an_encoder_has_the_blocks_of_table_2(name, convolutions):
    features = encoders.build(name, keras.Input((*SIZE, 3)), 32)
    assert {stride: tuple(x.shape[1:]) for stride, x in features.at.items()} == {
        stride: (SIZE[0] // stride, SIZE[1] // stride, channels)
        for stride, channels in ((2, 32), (4, 64), (8, 256), (16, 512), (32, 1024))
    }
    dense = [layer for layer in features.model.layers if type(layer) is keras.layers.Conv2D]
    assert len(dense) == convolutions


def test_heads_stand_beside_the_logits(network):
    assert list(network.output) == ["logits", *architecture("stdc").heads]
    shapes = {name: tuple(output.shape[1:]) for name, output in network.output.items()}
    assert shapes.pop("detail") == (*SIZE, 1)
    assert set(shapes.values()) == {(*SIZE, 19)}


def test_other_encoders_serve_as_well():
    model = models.build("stdc", (*SIZE, 3), 5, encoder="mobilenet_v2")
    assert tuple(model.output.shape) == (None, *SIZE, 5)


@pytest.mark.slow
def test_training_guides_details(network):
    """The loss of a step is that of the logits and all three heads, each with weight 1, and falls."""
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, *SIZE, 3), np.uint8))
    labels = tf.constant(random.integers(0, 19, (2, 4, 6)).repeat(16, 1).repeat(16, 2).astype(np.uint8))
    loss = step.replace(PLAIN, auxiliary=1.0, heads=architecture("stdc").heads)
    model, loss_of = step.loss_head(network, loss)
    outputs = model(images, training=True)
    expected = sum(float(PLAIN(outputs[name], labels)) for name in ("logits", "auxiliary8", "auxiliary16"))
    expected += float(PLAIN.of_outputs("detail")(outputs, labels))
    assert float(loss_of(outputs, labels)) == pytest.approx(expected, rel=1e-5)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(network.trainable_variables)
    train = step.training_step(network, optimizer, jit=False, loss=loss)
    losses = [float(train(images, labels)) for _ in range(6)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
