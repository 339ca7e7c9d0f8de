"""The check that all ranks hold the same weights."""

import keras
import numpy as np
import pytest

from common.errors import UserError
from training.ranks import divergence
from training.ranks.ranks import Ranks


class Three(Ranks):
    """The second of three ranks, whose others have these checksums."""

    rank, size = 1, 3

    def __init__(self, first, last):
        self._others = first, last

    def gather(self, value):
        first, last = self._others
        return [first, value, last]


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(4)])


def test_the_smallest_change_of_one_weight_changes_the_sum(model):
    before = divergence.checksum(model)
    kernel = model.weights[2].numpy()
    assert divergence.checksum(model) == before
    kernel[3, 3] = np.nextafter(kernel[3, 3], np.float32(np.inf))
    model.weights[2].assign(kernel)
    assert divergence.checksum(model) != before


def test_weights_that_change_places_change_the_sum(model):
    before = divergence.checksum(model)
    kernel = model.weights[2].numpy()
    model.weights[2].assign(kernel[::-1])
    assert divergence.checksum(model) != before


def test_the_rank_that_differs_is_named(model):
    own = divergence.checksum(model)
    divergence.require_none(model, Three(own, own), 100)
    with pytest.raises(UserError, match="at step 100 the weights of rank 2 differ .*`resume`"):
        divergence.require_none(model, Three(own, own + 1), 100)
    with pytest.raises(UserError, match="weights of rank 1 differ"):
        divergence.require_none(model, Three(own + 1, own + 1), 100)
