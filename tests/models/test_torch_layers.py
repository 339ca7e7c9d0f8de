"""Layers that compute what PyTorch's do, beside PyTorch's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import torch_layers
from models.torch_layers import AdaptiveAveragePooling2D, BicubicResize, PReLU

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def random_map(height, width, channels, seed=0):
    return np.random.default_rng(seed).normal(size=(2, height, width, channels)).astype("float32")


def channels_first(x):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.asarray(x), -1, 1)))


def assert_same(ours, theirs):
    """Channels last, and first."""
    np.testing.assert_allclose(np.asarray(ours), np.moveaxis(theirs.numpy(), 1, -1), rtol=0, atol=1e-5)


def filled(layer, x):
    """The layer's output, with random weights."""
    output = layer(x)
    random = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(random.normal(size=variable.shape))
    return layer(x) if layer.weights else output


@pytest.mark.parametrize(
    ("size", "bins"),
    [
        ((8, 12), (4, 6)),  # halves
        ((8, 12), (8, 3)),
        ((6, 9), (4, 6)),  # two of three
        ((3, 3), (2, 2)),
        ((17, 33), (11, 22)),  # two of three along one axis
        ((7, 10), (5, 5)),
        ((4, 5), (7, 5)),  # more bins than pixels
    ],
)
def test_adaptive_averages(size, bins):
    x = random_map(*size, 3)
    assert_same(AdaptiveAveragePooling2D(*bins)(x), functional.adaptive_avg_pool2d(channels_first(x), bins))


def test_adaptive_averages_of_one_number_are_a_square():
    layer = AdaptiveAveragePooling2D(3)
    assert layer.compute_output_shape((None, 9, 6, 4)) == (None, 3, 3, 4)
    assert AdaptiveAveragePooling2D.from_config(layer.get_config())(random_map(9, 6, 4)).shape == (2, 3, 3, 4)


@pytest.mark.parametrize(("size", "target"), [((5, 7), (20, 28)), ((1, 2), (4, 4)), ((6, 9), (4, 9))])
def test_bicubic_resizing(size, target):
    x = random_map(*size, 3)
    assert_same(BicubicResize(*target)(x), functional.interpolate(channels_first(x), target, mode="bicubic"))


@pytest.mark.parametrize("shape", [(2, 5, 6, 4), (3, 4)])
def test_prelu_has_a_slope_for_each_channel(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = PReLU()
    start = functional.prelu(channels_first(x), torch.full((4,), 0.25))
    assert_same(layer(x), start)  # where it starts
    ours = filled(layer, x)
    assert layer.slope.shape == (4,) and np.ptp(layer.slope) > 1
    assert_same(ours, functional.prelu(channels_first(x), torch.from_numpy(np.array(layer.slope))))


@pytest.mark.parametrize("groups", [2, 5])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (3, 1, 2), (3, 2, 1)])
def test_grouped_convolution(groups, kernel, stride, dilation):
    x = random_map(7, 10, 10)
    image = keras.Input(x.shape[1:])
    output = torch_layers.conv(image, 20, "a", kernel, stride, dilation, groups)
    model = keras.Model(image, output)
    ours = filled(model, x)
    weights = torch.from_numpy(np.array(model.get_layer("a").kernel).transpose(3, 2, 0, 1).copy())
    padding = dilation * (kernel - 1) // 2
    assert_same(ours, functional.conv2d(channels_first(x), weights, None, stride, padding, dilation, groups))


def test_a_grouped_convolution_and_batch_norm_behind_it_in_one_graph():
    # which TensorFlow without oneDNN would join in an operator that has no groups
    x = random_map(7, 10, 8)
    image = keras.Input(x.shape[1:])
    grouped = torch_layers.conv(image, 12, "a", groups=4, bias=True)
    model = keras.Model(image, torch_layers.batch_norm(grouped, "b", relu="c"))
    filled(model, x)
    variance = model.get_layer("b").moving_variance
    variance.assign(np.abs(variance))
    np.testing.assert_allclose(model.predict_on_batch(x), model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 3), (2, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("size", [(8, 9), (11, 6)])
def test_depthwise_convolution_with_stride_and_dilation(stride, dilation, size):
    x = random_map(*size, 4)
    image = keras.Input(x.shape[1:])
    model = keras.Model(image, torch_layers.depthwise(image, "a", 3, stride, dilation))
    ours = filled(model, x)
    weights = torch.from_numpy(np.array(model.get_layer("a").kernel).transpose(2, 3, 0, 1).copy())
    theirs = functional.conv2d(channels_first(x), weights, None, stride, dilation, dilation, 4)
    assert_same(ours, theirs)


@pytest.mark.parametrize("own", [True, False])
def test_a_grouped_convolution_and_its_gradient(monkeypatch, own):
    if own and not torch_layers.has_grouped_kernels():
        pytest.skip("TensorFlow has no gradient of grouped convolutions on this processor")
    monkeypatch.setattr(torch_layers, "has_grouped_kernels", lambda: own)
    given, layer = random_map(6, 8, 4), torch_layers.GroupedConv2D(8, 3, groups=2, use_bias=False)
    filled(layer, given)
    x = tf.Variable(given)
    with tf.GradientTape() as tape:
        found = layer(x)
        loss = tf.reduce_sum(found**2)
    gradients = tape.gradient(loss, [x, layer.kernel.value])
    image = channels_first(given).requires_grad_()
    weight = torch.from_numpy(np.asarray(layer.kernel).transpose(3, 2, 0, 1).copy()).requires_grad_()
    expected = functional.conv2d(image, weight, groups=2)
    (expected**2).sum().backward()
    assert_same(found, expected.detach())
    scale = float(image.grad.abs().max())
    assert_same(gradients[0] / scale, image.grad / scale)
    by_kernel = np.moveaxis(np.asarray(gradients[1]), (0, 1, 2, 3), (2, 3, 1, 0))
    np.testing.assert_allclose(by_kernel, weight.grad.numpy(), rtol=0, atol=1e-5 * np.abs(by_kernel).max())
