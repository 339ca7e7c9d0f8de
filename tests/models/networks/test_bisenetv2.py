"""BiSeNet V2: its size, and its heads for training."""

import math

import numpy as np
import pytest

import models

SIZE = (64, 96)
INFERENCE = 3_358_883  # with 19 classes, without auxiliary heads
TRAINING = 14_804_255  # mmsegmentation's, with them


@pytest.fixture(scope="module")
def network():
    return models.build("bisenetv2", (*SIZE, 3), 19, auxiliary=True)


def trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_it_has_mmsegmentations_parameters(network):
    assert trainable(network) == TRAINING
    assert trainable(models.without_auxiliary(network)) == INFERENCE


def test_four_heads_stand_beside_the_logits(network):
    heads = models.ARCHITECTURES["bisenetv2"].heads
    assert list(network.output) == ["logits", *heads] and len(heads) == 4
    image = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)
    outputs = network(image, training=True)
    assert {tuple(output.shape) for output in outputs.values()} == {(2, *SIZE, 19)}
    for name, stride in (("auxiliary4", 4), ("auxiliary8", 8), ("auxiliary16", 16), ("auxiliary32", 32)):
        scores = network.get_layer(f"{name}_head_scores").output
        assert tuple(scores.shape[1:3]) == (SIZE[0] // stride, SIZE[1] // stride)


def test_the_smallest_size_is_32():
    logits = models.build("bisenetv2", (32, 32, 3), 7)(np.zeros((2, 32, 32, 3), np.uint8))
    assert tuple(logits.shape) == (2, 32, 32, 7)
