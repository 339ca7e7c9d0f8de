"""Test-time augmentation against a second implementation in NumPy, and on networks with a known answer."""

import numpy as np
import pytest
from keras import layers

import models
from common.errors import UserError
from data.augment import resize_image
from data.label_sets import CITYSCAPES
from deploy import export
from inference import runtimes
from inference.graph_interface import GraphInterface
from inference.keras_runtime import KerasRuntime
from inference.multi_pass import AveragingRuntime
from inference.onnx_runtime import OnnxRuntime
from inference.segment import segment
from models.weights.native import Origin
from trained import network, noise

pytestmark = pytest.mark.slow

SIZE = (64, 96)
OPTIONS = {"width": 4}


@pytest.fixture(scope="module")
def model():
    return network("unet", SIZE, **OPTIONS)


@pytest.fixture(scope="module")
def runtime(model):
    return KerasRuntime(
        model, jit=False, label_set=CITYSCAPES, origin=Origin("unet", CITYSCAPES.classes, SIZE, OPTIONS)
    )


def linear(array, size):
    """Bilinear resizing with aligned pixel centres, by hand: [H, W, C] -> float64 [*size, C]."""
    for axis, side in enumerate(size):
        extent = array.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * extent / side - 0.5, 0, extent - 1)
        below = np.floor(at).astype(int)
        share = (at - below).reshape([-1 if i == axis else 1 for i in range(3)])
        above = np.minimum(below + 1, extent - 1)
        array = np.take(array, below, axis) * (1 - share) + np.take(array, above, axis) * share
    return array


def softmax(logits):
    powers = np.exp(np.asarray(logits, np.float64))
    return powers / powers.sum(-1, keepdims=True)


def by_hand(model, image, sizes, flip):
    """The mean softmax [H, W, classes] by networks that are built for each size."""
    maps = []
    for size in sizes:
        at_size = models.build("unet", (*size, 3), CITYSCAPES.classes, **OPTIONS)
        at_size.set_weights(model.get_weights())
        fitting = resize_image(image, size)
        maps.append(linear(softmax(at_size(fitting[None])[0]), SIZE))
        if flip:
            mirrored = softmax(at_size(np.fliplr(fitting)[None])[0])
            maps.append(linear(np.fliplr(mirrored), SIZE))
    return np.mean(maps, axis=0)


@pytest.mark.parametrize(
    ("scales", "sizes", "flip"),
    [
        ((0.5, 1.0, 1.5), [(32, 48), SIZE, (96, 144)], True),
        ((0.6, 1.3), [(32, 64), (80, 128)], False),  # to multiples of 16: 38.4x57.6 and 83.2x124.8
        ((0.01,), [(16, 16)], False),
        ((1.0,), [SIZE], True),
    ],
)
@pytest.mark.parametrize("extent", [SIZE, (90, 150)], ids=str)
def test_is_the_mean_over_scales_and_mirrored_images(model, runtime, scales, sizes, flip, extent):
    image = noise(*extent)
    averaging = AveragingRuntime(runtime, scales, flip)
    expected = by_hand(model, image, sizes, flip)
    found = averaging.probabilities(image[None])
    assert found.shape == (1, *SIZE, CITYSCAPES.classes) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], expected, atol=2e-5)
    single = softmax(model(resize_image(image, SIZE)[None])[0])
    assert np.abs(found[0] - single).max() > 0.01  # it is not what one pass says
    labels = averaging.predict(image[None])[0]
    assert labels.shape == extent and labels.dtype == np.uint8
    expected = linear(np.log(expected), extent)  # as logits are resized
    best = np.sort(expected, -1)
    clear = best[..., -1] - best[..., -2] > 1e-4
    np.testing.assert_array_equal(labels[clear], expected.argmax(-1)[clear])
    assert clear.mean() > 0.95 and len(np.unique(labels)) >= 3


def test_of_one_pass_is_the_runtime(runtime):
    image = noise(90, 150)
    averaged = segment(AveragingRuntime(runtime, (1.0,), False), image)
    np.testing.assert_array_equal(averaged, segment(runtime, image))


def test_of_a_image_and_its_mirror_are_mirrors(runtime):
    """Although the network is not symmetric: its kernels are random."""
    image = noise(*SIZE)
    flipping = AveragingRuntime(runtime, (1.0, 0.5), True)
    one, other = (flipping.probabilities(each[None])[0] for each in (image, np.fliplr(image)))
    np.testing.assert_allclose(other, np.fliplr(one), atol=1e-6)
    plain = [runtime.probabilities(np.ascontiguousarray(p)[None])[0] for p in (image, np.fliplr(image))]
    assert np.abs(plain[1] - np.fliplr(plain[0])).max() > 0.01


def pixelwise(size, classes=CITYSCAPES.classes):
    """A network whose answer depends on the pixel alone: the label follows from its brightness."""
    import keras

    image = keras.Input((*size, 3))
    logits = layers.Conv2D(classes, 1, name="logits")(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, logits, name="pixelwise")
    steps = np.arange(classes, dtype=np.float32)
    kernel = np.repeat(steps[None], 3, 0)[None, None] * 10
    model.set_weights([kernel, -0.5 * steps * (steps - 1) / classes * 30])
    return model


def test_of_a_network_that_sees_single_pixels_changes_no_label_by_mirroring():
    runtime = KerasRuntime(pixelwise(SIZE), jit=False, label_set=CITYSCAPES)
    image = noise(*SIZE)
    plain = runtime.predict(image[None])
    assert len(np.unique(plain)) >= 8
    np.testing.assert_array_equal(AveragingRuntime(runtime, (1.0,), True).predict(image[None]), plain)


def test_scales_that_are_one_size_to_the_model(runtime):
    with pytest.raises(UserError, match="^`scales` 1 and 1.01 are both 64,96 to unet; leave one out$"):
        AveragingRuntime(runtime, (1.0, 1.01), False)


@pytest.mark.parametrize(
    "interface", [GraphInterface(), GraphInterface(batch=2, layout="nchw", float_input=True)], ids=str
)
def test_of_an_onnx_file_mirrors(model, runtime, interface):
    onnx = OnnxRuntime(export.export(model, interface, CITYSCAPES, {}), "a.onnx", "cpu")
    image = noise(*SIZE, seed=1)
    found = AveragingRuntime(onnx, (1.0,), True).probabilities(image[None])
    np.testing.assert_allclose(found[0], by_hand(model, image, [SIZE], True), atol=1e-4)


def test_what_an_onnx_file_cannot_do(model):
    onnx = OnnxRuntime(export.export(model, GraphInterface(), CITYSCAPES, {}), "a.onnx", "cpu")
    with pytest.raises(UserError, match="^a.onnx takes images of 64,96 only; leave `scales` out, or give"):
        runtimes.with_passes(onnx, scales=(0.5, 1.0))
    labels = OnnxRuntime(export.export(model, GraphInterface(argmax=True), CITYSCAPES, {}), "a.onnx", "cpu")
    for options in ({"flip": True}, {"overlap": 0.25}):
        with pytest.raises(UserError, match="^a.onnx returns labels, but .* convert it without `argmax`"):
            runtimes.with_passes(labels, **options)


def test_a_runtime_without_probabilities():
    with pytest.raises(
        UserError, match="`overlap`, `scales` and `flip` need probabilities; give Keras weights"
    ):
        runtimes.with_passes(object(), flip=True)
