"""The order of axes: a kernel of PyTorch, in our layer, computes what it computes there."""

import keras
import numpy as np
import pytest

from models.torch_layers import depthwise
from models.weights.torch_layout import Rule, places

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("multiplier", [1, 3])
def test_a_depthwise_kernel_with_several_outputs_of_each_channel(multiplier):
    random, channels = np.random.default_rng(0), 4
    image = keras.Input((5, 6, channels))
    model = keras.Model(image, depthwise(image, "spatial", stride=1, multiplier=multiplier))
    (place,) = places(model, [Rule("spatial", "conv")])
    assert (place.key, place.shape) == ("conv.weight", (channels * multiplier, 1, 3, 3))
    kernel = random.normal(size=place.shape).astype(np.float32)
    place.variable.assign(place.ours(kernel))
    np.testing.assert_array_equal(place.theirs(), kernel)
    x = random.normal(size=(2, 5, 6, channels)).astype(np.float32)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(kernel), padding=1, groups=channels
    )
    np.testing.assert_allclose(model(x), expected.numpy().transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-5)
