"""U-Net: its size, its smallest image, its skips, and its options."""

import math

import keras
import numpy as np
import pytest

import models
from common.errors import UserError

NARROW = 4  # as the real one, but small enough for a test


def hand_count(width, classes):
    """Trainable parameters: 3x3 convolutions with scale and offset, up-convolutions, 1x1 convolution."""
    double = [(3, 1), (1, 2), (2, 4), (4, 8), (8, 16)]  # (channels in, out) in widths; the first is RGB
    count = 0
    for level, (before, after) in enumerate(double):
        channels, filters = (3 if level == 0 else before * width), after * width
        count += 9 * channels * filters + 9 * filters**2 + 4 * filters
    for filters in (8 * width, 4 * width, 2 * width, width):
        count += 4 * 2 * filters * filters + filters  # up-convolution with bias
        count += 9 * 2 * filters * filters + 9 * filters**2 + 4 * filters
    return count + width * classes + classes


def noise(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def narrow():
    keras.utils.set_random_seed(0)
    return models.build("unet", (64, 64, 3), 19, width=NARROW)


def trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_the_papers_width_has_31_million_parameters():
    assert trainable(models.build("unet", (64, 64, 3), 19)) == hand_count(64, 19) == 31_038_803


def test_width_scales_every_layer(narrow):
    assert trainable(narrow) == hand_count(NARROW, 19)


def test_the_smallest_size_is_sixteen():
    logits = models.build("unet", (16, 16, 3), 19, width=NARROW)(noise(2, 16, 16))
    assert tuple(logits.shape) == (2, 16, 16, 19)


def test_skips_keep_single_pixels(narrow):
    """A change of one pixel stays visible at its place, which 1/16 alone could not tell."""
    images = noise(1, 64, 64).repeat(2, axis=0)
    images[1, 21, 37] = 255 - images[1, 21, 37]
    change = np.abs(np.subtract(*narrow(images).numpy())).sum(-1)
    assert np.hypot(*np.subtract(np.unravel_index(change.argmax(), change.shape), (21, 37))) <= 3


@pytest.mark.parametrize("width", [0, -4, 1.5, "64", True])
def test_a_width_that_is_no_number_of_channels_is_named(width):
    with pytest.raises(UserError, match=f"unet's width is a whole number of at least 1, not {width!r}"):
        models.build("unet", (64, 64, 3), 19, width=width)


def test_an_unknown_option_lists_the_known():
    with pytest.raises(UserError, match="^fastscnn has no option 'width'; there are: preset, dropout$"):
        models.build("fastscnn", (64, 64, 3), 19, width=64)
    with pytest.raises(UserError, match="^unet has no option 'variant'; there are: width, preset, dropout$"):
        models.build("unet", (64, 64, 3), 19, variant="large")
