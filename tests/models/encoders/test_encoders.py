"""Backbones: strides turned into dilation, exact sizes, normalisation, and layers named for good."""

import keras
import numpy as np
import pytest
from keras import layers

import golden
from models import encoders
from models.encoders import mobilenet_v2, modified_xception, resnet50, xception
from models.encoders.dilation import dilate, plan
from models.layers import BatchNorm
from models.pooling import DilatedMaxPooling2D
from networks import calibrate

pytestmark = pytest.mark.slow

MODULES = {
    "mobilenetv2": mobilenet_v2,
    "resnet50_keras": resnet50,
    "xception": xception,
    "modified_xception": modified_xception,
}
SIZE = (64, 96)


@pytest.fixture(scope="module", params=MODULES)
def strided(request):
    """(name, network with stride 32)."""
    keras.utils.set_random_seed(0)
    network = MODULES[request.param].network(keras.Input((None, None, 3), name="image"))
    calibrate(network, images(seed=2))
    return request.param, network


@pytest.fixture(scope="module")
def reference(strided):
    """The stride-32 network that can be compared: Xception's needs exact sizes first."""
    name, network = strided
    return transferred(network, 32) if name == "xception" else network


def dilated(network, output_stride, size=SIZE):
    """The network with another output stride, without weights."""
    with golden.undrawn():
        return dilate(network, keras.Input((*size, 3), name="image"), output_stride)


def transferred(network, output_stride, size=SIZE):
    """The network with another output stride and the same weights, handed over layer by layer."""
    dense = dilated(network, output_stride, size)
    for layer in network.layers:
        if layer.weights:
            dense.get_layer(layer.name).set_weights(layer.get_weights())
    assert dense.count_params() == network.count_params()
    return dense


def images(size=SIZE, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (2, *size, 3), np.uint8)


def assert_close(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert expected.std() > 0
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("output_stride", [16, 8])
def test_dense_features_hold_the_strided_ones_at_every_position(strided, reference, output_stride):
    name, network = strided
    expected = reference(images())  # [2, 2, 3, C]
    dense = np.asarray(transferred(network, output_stride)(images()))
    factor = 32 // output_stride
    # MobileNetV2's strided kernels sit on odd positions, and no shortcut beside them on even ones.
    phase = factor - 1 if name == "mobilenetv2" else 0
    assert dense.shape == (2, 2 * factor, 3 * factor, expected.shape[-1])
    assert_close(dense[:, phase::factor, phase::factor], expected)
    elsewhere = dense[:, 1 - phase % 2 :: factor, 1 - phase % 2 :: factor]
    assert np.abs(elsewhere - expected).max() > 0.05 * np.abs(expected).max()


def test_at_its_own_stride_a_network_stays_what_it_is(strided, reference):
    assert_close(transferred(strided[1], 32)(images()), reference(images()))


@pytest.mark.parametrize("output_stride", [16, 8])
def test_sizes_are_exact_at_odd_multiples_of_sixteen(strided, output_stride):
    name, network = strided
    dense = dilated(network, output_stride, (48, 80))
    assert dense.output.shape[1:3] == (48 // output_stride, 80 // output_stride)
    assert dense.get_layer(MODULES[name].TAPS[4]).output.shape[1:3] == (12, 20)


def test_batch_norm_is_fused_and_follows_quickly(strided):
    dense = dilated(strided[1], 16)
    norms = [layer for layer in dense.layers if isinstance(layer, layers.BatchNormalization)]
    assert len(norms) >= 40
    assert {type(norm) for norm in norms} == {BatchNorm}
    assert {norm.momentum for norm in norms} == {0.9}
    for norm in norms:
        assert norm.epsilon == strided[1].get_layer(norm.name).epsilon  # published weights rest on it


def test_images_are_normalised_as_keras_applications_do(strided):
    name, network = strided
    applications = keras.applications
    preprocess = {
        "mobilenetv2": applications.mobilenet_v2.preprocess_input,
        "resnet50_keras": applications.resnet50.preprocess_input,
        "xception": applications.xception.preprocess_input,
        "modified_xception": applications.xception.preprocess_input,
    }[name]
    normalize = keras.Model(network.input, network.get_layer("normalize").output)
    expected = preprocess(images().astype("float32"))
    np.testing.assert_allclose(normalize(images()), expected, rtol=1e-5, atol=1e-5)


def test_caffe_normalisation_keeps_differences_in_half_precision():
    layer = resnet50.CaffeNormalize(dtype="mixed_bfloat16")
    image = images().astype("float32")
    expected = keras.applications.resnet50.preprocess_input(image.copy())
    assert layer(image).dtype == "bfloat16"
    np.testing.assert_allclose(keras.ops.cast(layer(image), "float32"), expected, rtol=2**-8)


def test_xceptions_padded_convolutions_compute_what_the_valid_ones_do():
    network = xception.network(keras.Input((None, None, 3)))
    exact = transferred(network, 32)
    names = ("block1_conv1_act", "block1_conv2_act")
    theirs, ours = (
        keras.Model(m.input, [m.get_layer(n).output for n in names])(images()) for m in (network, exact)
    )
    assert_close(ours[0][:, :-1, :-1], theirs[0])  # 'same' adds a row below and a column to the right
    assert_close(ours[1][:, 1:-2, 1:-2], theirs[1])


def test_xceptions_layers_are_named_alike_whatever_was_built_before():
    first, second = (xception.network(keras.Input((None, None, 3))) for _ in range(2))
    names = [layer.name for layer in first.layers[1:]]
    assert names == [layer.name for layer in second.layers[1:]]
    assert {"block13_shortcut_conv", "block13_shortcut_bn", "block2_add", "block13_add"} <= set(names)
    assert first.get_layer("block13_shortcut_conv").filters == 1024
    assert first.get_layer("block12_add").output.shape[-1] == 728


def test_modified_xception_has_65_layers_and_sixteen_middle_units():
    network = modified_xception.network(keras.Input((None, None, 3)))
    convolutions = [
        layer.name
        for layer in network.layers
        if isinstance(layer, layers.Conv2D) and not layer.name.endswith("shortcut_conv")
    ]
    assert len(convolutions) == 65
    assert sum(name.startswith("middle") for name in convolutions) == 16 * 3


def test_unknown_encoders_and_strides_list_the_known():
    image = keras.Input((64, 64, 3))
    with pytest.raises(ValueError, match="unknown encoder 'vgg'; there are: mobilenetv2, resnet50_keras, "):
        encoders.build("vgg", image, 16)
    with pytest.raises(ValueError, match="unknown output stride of resnet50 '4'; there are: 8, 16, 32"):
        encoders.build("resnet50", image, 4)


class TestAnyNetwork:
    """What the encoders do not have, but the function promises."""

    def check(self, build, output_stride, phase, size=(16, 24)):
        """Build a network from a tensor and compare it with its dense form, values not zero-mean."""
        keras.utils.set_random_seed(0)
        image = keras.Input((None, None, 3))
        network = keras.Model(image, build(image))
        dense = transferred(network, output_stride, size)
        x = np.random.default_rng(0).normal(-3.0, 1.0, (2, *size, 3)).astype("float32")
        expected = np.asarray(network(x))
        factor = dense.output.shape[1] // expected.shape[1]
        assert_close(dense(x)[:, phase::factor, phase::factor], expected)
        return dense

    def test_a_strided_same_convolution_stays_beside_its_shortcut(self):
        def build(x):
            y = layers.Conv2D(4, 3, strides=2, padding="same", name="branch")(x)
            y = layers.Add()([y, layers.Conv2D(4, 1, strides=2, name="shortcut")(x)])
            return layers.Conv2D(5, 3, padding="same")(y)

        dense = self.check(build, 1, phase=0)
        assert dense.get_layer("branch_pad").padding == ((0, 2), (0, 2))

    def test_without_a_shortcut_kernels_are_centred(self):
        def build(x):
            x = layers.SeparableConv2D(4, 3, strides=2, padding="same", name="first")(x)
            return layers.DepthwiseConv2D(3, strides=2, padding="same", name="second")(x)

        dense = self.check(build, 1, phase=3)
        assert dense.get_layer("second").dilation_rate == (2, 2)
        assert not any("pad" in layer.name for layer in dense.layers)

    @pytest.mark.parametrize("window, phase", [(2, 0), (3, 1)])
    def test_strided_pooling(self, window, phase):
        def build(x):
            x = layers.MaxPooling2D(window, 2, padding="same")(x)
            x = layers.MaxPooling2D(window, 2, padding="same")(x)
            return layers.Conv2D(3, 3, padding="same", dilation_rate=2, name="wide")(x)

        dense = self.check(build, 1, phase=3 * phase)
        assert dense.get_layer("wide").dilation_rate == (8, 8)

    def test_pooling_after_a_padding_layer(self):
        def build(x):
            x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
            return layers.Conv2D(4, 3)(layers.ZeroPadding2D(1)(x))

        self.check(build, 1, phase=0)

    def test_earlier_strides_stay(self):
        def build(x):
            x = layers.Conv2D(4, 3, strides=2, padding="same", name="kept")(x)
            return layers.Conv2D(4, 3, strides=2, padding="same", name="gone")(x)

        dense = self.check(build, 2, phase=1)
        assert dense.get_layer("kept").strides == (2, 2)
        assert dense.get_layer("gone").strides == (1, 1)

    @pytest.mark.parametrize(
        "layer, message",
        [
            (layers.AveragePooling2D(2, name="mean"), "'mean' averages beyond stride 1"),
            (layers.Conv2D(1, 3, strides=4, name="leap"), "'leap' is not square or has a stride above 2"),
            (layers.Conv2D(1, (1, 3), name="flat"), "'flat' is not square"),
        ],
        ids=["average", "stride 4", "1x3"],
    )
    def test_what_cannot_be_dilated_is_named(self, layer, message):
        image = keras.Input((16, 16, 3))
        with pytest.raises(ValueError, match=message):
            plan(keras.Model(image, layer(image)), 1)


def test_dilated_pooling_equals_a_maximum_taken_by_hand():
    x = np.random.default_rng(0).normal(-5.0, 1.0, (1, 7, 9, 2)).astype("float32")
    pooled = np.asarray(DilatedMaxPooling2D(3, 2, (1, 3))(x))
    assert pooled.shape == x.shape
    for row in range(7):
        for column in range(9):
            window = [
                x[0, r, c]
                for r in (row - 1, row + 1, row + 3)
                for c in (column - 1, column + 1, column + 3)
                if 0 <= r < 7 and 0 <= c < 9
            ]
            np.testing.assert_array_equal(pooled[0, row, column], np.max(window, axis=0))


def test_without_dilation_pooling_equals_keras():
    x = np.random.default_rng(0).normal(-5.0, 1.0, (2, 6, 8, 3)).astype("float32")
    np.testing.assert_array_equal(
        DilatedMaxPooling2D(3, 1, (1, 1))(x), layers.MaxPooling2D(3, 1, padding="same")(x)
    )
