"""ESPNetv2: its size, its pyramid pooling beside PyTorch's way to write it, and its options."""

import math

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models.networks import espnetv2

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# with 20 outputs, of the published weights, which have slopes that their network never uses as well
PUBLISHED = {0.5: 80_342 - (16 + 32 + 64), 2.0: 789_242 - (96 + 128 + 256)}


@pytest.mark.slow
@pytest.mark.parametrize("width", PUBLISHED)
def test_trainable_parameters_are_those_of_the_published_weights(width):
    model = models.build("espnetv2", (32, 64, 3), 20, width_multiplier=width)
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == PUBLISHED[width]


def test_another_width_multiplier_is_an_error_that_lists_those_there_are():
    with pytest.raises(UserError, match=r"unknown width multiplier of espnetv2 '3.0'; there are: 0.5, 1.0"):
        models.build("espnetv2", (32, 64, 3), 19, width_multiplier=3.0)


@pytest.mark.parametrize(("size", "scale"), [((6, 10), 1.5), ((7, 10), 1.5), ((6, 10), 0.5), ((60, 20), 0.1)])
def test_a_scale_of_the_pyramid(size, scale):
    """As PyTorch's `interpolate` and `adaptive_avg_pool2d` have it, with at least five pixels."""
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype("float32")
    image = keras.Input(x.shape[1:])
    model = keras.Model(image, espnetv2.at_scale(image, scale, "a"))
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 1)).astype("float32")
    model.get_layer("a_conv").set_weights([kernel])
    other = [max(math.ceil(side * scale), 5) for side in size]

    y = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    enlarge = {"mode": "bilinear", "align_corners": True}
    y = functional.interpolate(y, other, **enlarge) if scale > 1 else functional.adaptive_avg_pool2d(y, other)
    y = functional.conv2d(y, torch.from_numpy(kernel.transpose(2, 3, 0, 1).copy()), padding=1, groups=3)
    y = functional.adaptive_avg_pool2d(y, size) if scale > 1 else functional.interpolate(y, size, **enlarge)
    np.testing.assert_allclose(np.asarray(model(x)), y.numpy().transpose(0, 2, 3, 1), rtol=0, atol=1e-5)
