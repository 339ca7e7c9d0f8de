"""Separable U-Net in both variants: size, smallest image, and how little is at full resolution."""

import math

import numpy as np
import pytest

import models
from common.errors import UserError
from models.networks.separable_unet import VARIANTS
from models.weights import native
from training.losses.upsampled import upsampled_cross_entropy_sums
from training.steps.step import loss_head

SIZE = (64, 96)


def noise(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def original_count(classes):
    """Hand count: convolutions with bias, four numbers a channel of batch norm."""

    def full(channels, filters):
        return 9 * channels * filters + filters + 4 * filters

    def separable(channels, filters, taps=9):
        return taps * channels + channels * filters + filters + 4 * filters

    count = sum(full(c, f) + separable(f, f) for c, f in ((3, 16), (16, 32), (32, 64), (64, 128)))
    count += separable(128, 256) + separable(256, 256)
    for filters in (128, 64, 32, 16):
        count += separable(2 * filters, filters, taps=4)  # 2x2 after upsampling
        count += separable(2 * filters, filters) + separable(filters, filters)
    return count + full(16, 2) + 2 * classes + classes


def large_count(classes):
    """Hand count: convolutions without bias, four numbers a channel of batch norm."""

    def pointwise(channels, filters):
        return channels * filters + 4 * filters

    def separable(channels, filters):
        return 9 * channels + pointwise(channels, filters)

    count, channels = 27 * 32 + 4 * 32, 32
    for filters, blocks in ((64, 2), (128, 3), (256, 4), (384, 4)):
        count += separable(channels, filters) + separable(filters, filters) + pointwise(channels, filters)
        count += (blocks - 1) * 2 * separable(filters, filters)
        channels = filters
    for filters in (256, 128, 64):
        count += pointwise(channels, filters) + separable(2 * filters, filters) + separable(filters, filters)
        channels = filters
    return count + 64 * classes + classes


def test_the_original_has_the_published_parameters():
    model = models.build("separable_unet", (64, 64, 3), 20)  # also the default variant
    assert model.count_params() == original_count(20) == 348_998


def test_the_large_variant_equals_the_hand_count():
    model = models.build("separable_unet", (64, 64, 3), 19, variant="large")
    assert model.count_params() == large_count(19)
    assert 1.5e6 < model.count_params() < 4e6


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_smallest_size_is_32(variant):
    logits = models.build("separable_unet", (32, 32, 3), 19, variant=variant)(noise(2, 32, 32))
    assert tuple(logits.shape) == (2, 32, 32, 19)


def test_weights_of_one_variant_do_not_fit_the_other(tmp_path):
    path = tmp_path / "s.weights.h5"
    small, large = (models.build("separable_unet", (*SIZE, 3), 19, variant=name) for name in VARIANTS)
    native.write(path, small, native.Origin("separable_unet", 19, SIZE))
    with pytest.raises(UserError, match="weights of another model|another variant"):
        native.load(path, large)


def activations(variant):
    """Numbers that the layers put out for each pixel of the image."""
    model = models.build("separable_unet", (64, 64, 3), 19, variant=variant)
    shapes = [layer.output.shape for layer in model.layers if layer.name != "logits"]
    return sum(math.prod(shape[1:]) for shape in shapes) / 64**2


def test_the_large_variant_holds_fewer_activations_than_the_original():
    assert activations("large") < 0.7 * activations("original")


def test_the_large_variant_trains_on_scores_at_a_quarter():
    model = models.build("separable_unet", (*SIZE, 3), 19, variant="large")
    network, loss = loss_head(model)
    assert network.output.shape[1:3] == (SIZE[0] // 4, SIZE[1] // 4)
    assert [term.sums for term in loss.terms] == [upsampled_cross_entropy_sums]


def test_an_unknown_variant_lists_the_known():
    with pytest.raises(UserError, match="unknown variant 'huge'; there are: original, large"):
        models.build("separable_unet", (*SIZE, 3), 19, variant="huge")
