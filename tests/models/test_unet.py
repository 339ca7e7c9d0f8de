"""U-Net: its size, its shapes, gradients into every weight, and its options."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from common.errors import UserError
from models import weights
from training.losses.total import PLAIN as cross_entropy

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


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (96, 160)])
def test_logits_have_the_pictures_size(size):
    logits = models.build("unet", (*size, 3), 19, width=NARROW)(noise(2, *size))
    assert tuple(logits.shape) == (2, *size, 19)
    assert logits.dtype == "float32"


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32_under_mixed_precision(precision):
    model = models.build("unet", (64, 64, 3), 19, precision, width=NARROW)
    assert model.get_layer("bottomb_conv").compute_dtype == precision.removeprefix("mixed_")
    logits = model(noise(2, 64, 64), training=True)
    assert logits.dtype == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(logits)).all()


def test_a_gradient_reaches_every_weight(narrow):
    labels = np.random.default_rng(1).integers(0, 19, (2, 64, 64), np.uint8)
    with tf.GradientTape() as tape:
        loss = cross_entropy(narrow(noise(2, 64, 64), training=True), labels)
    for variable, gradient in zip(
        narrow.trainable_variables, tape.gradient(loss, narrow.trainable_variables), strict=True
    ):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-6, variable.path


def test_a_picture_is_classified_alike_alone_and_in_a_batch(narrow):
    images = noise(3, 64, 64)
    np.testing.assert_allclose(narrow(images)[1], narrow(images[1:2])[0], rtol=1e-4, atol=1e-5)


def test_skips_keep_single_pixels(narrow):
    """A change of one pixel stays visible at its place, which 1/16 alone could not tell."""
    images = noise(1, 64, 64).repeat(2, axis=0)
    images[1, 21, 37] = 255 - images[1, 21, 37]
    change = np.abs(np.subtract(*narrow(images).numpy())).sum(-1)
    assert np.hypot(*np.subtract(np.unravel_index(change.argmax(), change.shape), (21, 37))) <= 3


def test_saved_weights_give_the_same_logits(narrow, tmp_path):
    weights.write(tmp_path / "u.weights.h5", narrow, weights.Origin("unet", 19, (64, 64), {"width": NARROW}))
    origin = weights.read_origin(tmp_path / "u.weights.h5")
    other = models.build(origin.model, (*origin.size, 3), origin.classes, **origin.options)
    weights.load(tmp_path / "u.weights.h5", other)
    np.testing.assert_array_equal(narrow(noise(1, 64, 64)), other(noise(1, 64, 64)))


@pytest.mark.parametrize("width", [0, -4, 1.5, "64", True])
def test_a_width_that_is_no_number_of_channels_is_named(width):
    with pytest.raises(UserError, match=f"unet's width is a whole number of at least 1, not {width!r}"):
        models.build("unet", (64, 64, 3), 19, width=width)


def test_an_unknown_option_lists_the_known():
    with pytest.raises(UserError, match="^fastscnn has no option 'width'; there are: dropout$"):
        models.build("fastscnn", (64, 64, 3), 19, width=64)
    with pytest.raises(UserError, match="^unet has no option 'variant'; there are: width$"):
        models.build("unet", (64, 64, 3), 19, variant="large")
