"""U-Net's decoder on an encoder: its parameters by hand, what it joins, and what it cannot stand on."""

import math
import re

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models import encoders
from models.decoders import unet

SIZE = (64, 96)


def features(channels: dict[int, int]):
    """Inputs in the place of an encoder's features."""
    at = {
        stride: keras.Input((SIZE[0] // stride, SIZE[1] // stride, count))
        for stride, count in channels.items()
    }
    return encoders.Features("stand-in", at, ())


def test_parameters_equal_the_hand_count():
    """Each level has two 3x3 convolutions without bias, the first one on the skip too, and batch norms."""
    given = features({2: 3, 4: 5, 8: 7, 16: 11, 32: 13})
    model = keras.Model(list(given.at.values()), unet.build(given, 6, 32))
    expected, channels = 0, 13
    for filters, skip in zip((256, 128, 64, 32, 16), (11, 7, 5, 3, 0)):
        expected += 9 * (channels + skip) * filters + 9 * filters * filters + 2 * 2 * filters
        channels = filters
    expected += 9 * 16 * 6 + 6
    assert sum(math.prod(weight.shape) for weight in model.trainable_variables) == expected
    assert model.output.shape == (None, *SIZE, 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv2", "resnet18", "mit_b0"])
def test_skips_are_the_encoders_features(name):
    model = models.build("unet", (64, 64, 3), 19, encoder=name)
    assert model.output.shape == (None, 64, 64, 19) and model.about.size_multiple == 32
    levels = (3, 2, 1, 0) if name != "mit_b0" else (2, 1, 0)  # MiT has no features at 1/2
    skips = [model.get_layer(f"decoder{index}_concat").input[1].shape[1] for index in levels]
    assert skips == [32, 16, 8, 4][-len(levels) :]


def test_encoders_without_what_a_decoder_needs_are_refused():
    for name, encoder, lacking in (
        ("unet++", "mit_b0", "features at 1/2"),
        ("deeplabv3+", "vgg16", "an output stride of 16 or 8"),
    ):
        with pytest.raises(
            UserError, match=f"{re.escape(name)} needs {lacking}, which {encoder} does not have"
        ):
            models.build(name, (64, 64, 3), 5, encoder=encoder)


def test_a_level_without_a_skip_is_enlarged_by_nearest_neighbours():
    tensor = keras.Input((2, 3, 4))
    model = keras.Model(tensor, unet.up(tensor, None, 5, "level"))
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 4)).astype("float32")
    enlarged = keras.Model(model.input, model.get_layer("level_up").output)(x)
    np.testing.assert_array_equal(enlarged, x.repeat(2, axis=1).repeat(2, axis=2))
