"""DeepLabV3+ with every encoder: sizes, parameters, pyramid, weight files, options."""

import math
from itertools import pairwise

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models.decoders import aspp
from models.weights import native

pytestmark = pytest.mark.slow

SIZES = {16: (96, 160), 8: (64, 64)}
ENCODERS = ("mobilenetv2", "resnet50_keras", "xception", "modified_xception")
CASES = [(encoder, stride) for encoder in ENCODERS for stride in SIZES]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    """(encoder, output stride, size, model)."""
    encoder, stride = request.param
    keras.utils.set_random_seed(0)
    model = models.build("deeplabv3+", (*SIZES[stride], 3), 19, encoder=encoder, output_stride=stride)
    return encoder, stride, SIZES[stride], model


@pytest.fixture(scope="module")
def small():
    return models.build("deeplabv3+", (64, 64, 3), 19)


def images(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)


def decoder_parameters(high, low, separable):
    """Hand count of trainable weights after arXiv 1802.02611, section 3.1 and 3.2, for 19 classes."""

    def conv(inputs, filters, kernel=1):
        return kernel**2 * inputs * filters + 2 * filters

    def conv3x3(inputs):
        return 9 * inputs + 2 * inputs + conv(inputs, 256) if separable else conv(inputs, 256, 3)

    pyramid = conv(high, 256) + 3 * conv3x3(high) + conv(high, 256) + conv(5 * 256, 256)
    return pyramid + conv(low, 48) + conv3x3(256 + 48) + conv3x3(256) + 256 * 19 + 19


# keras.applications' own counts of trainable weights without top; 65 layers of Xception, see below
PARAMETERS = {"mobilenetv2": 2_223_872, "resnet50_keras": 23_534_592, "xception": 20_806_952}
CHANNELS = {
    "mobilenetv2": (1280, 144, True),
    "resnet50_keras": (2048, 256, False),
    "xception": (2048, 256, True),
    "modified_xception": (2048, 256, True),
}


def modified_xception_parameters():
    """Hand count of trainable weights after arXiv 1802.02611, figure 4."""

    def separable(inputs, filters):
        return 9 * inputs + 2 * inputs + inputs * filters + 2 * filters

    def unit(*channels):
        return sum(separable(i, o) for i, o in pairwise(channels))

    def shortcut(inputs, filters):
        return inputs * filters + 2 * filters

    entry = 27 * 32 + 64 + 9 * 32 * 64 + 128
    for inputs, filters in ((64, 128), (128, 256), (256, 728)):
        entry += unit(inputs, filters, filters, filters) + shortcut(inputs, filters)
    ends = unit(728, 728, 1024, 1024) + shortcut(728, 1024) + unit(1024, 1536, 1536, 2048)
    return entry + 16 * unit(728, 728, 728, 728) + ends


def test_trainable_parameters_equal_the_hand_count(case):
    name, _, _, model = case
    encoder = PARAMETERS.get(name) or modified_xception_parameters()
    trainable = sum(math.prod(v.shape) for v in model.trainable_variables)
    assert trainable == encoder + decoder_parameters(*CHANNELS[name])


def test_features_and_logits_have_their_sizes(case):
    encoder, stride, (height, width), model = case
    high, low, _ = CHANNELS[encoder]
    assert model.get_layer("aspp_1x1_conv").input.shape[1:] == (height // stride, width // stride, high)
    assert model.get_layer("decoder_low_conv").input.shape[1:] == (height // 4, width // 4, low)
    logits = model(images(1, (height, width)))
    assert tuple(logits.shape) == (1, height, width, 19)
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("stride, rates", [(16, [6, 12, 18]), (8, [12, 24, 36])])
def test_the_pyramids_rates_follow_the_output_stride(stride, rates):
    model = models.build("deeplabv3+", (320, 640, 3), 19, output_stride=stride)
    depthwise = [model.get_layer(f"aspp_atrous{index}_depthwise") for index in (1, 2, 3)]
    assert [layer.dilation_rate[0] for layer in depthwise] == rates


@pytest.mark.parametrize("separable", [True, False])
def test_rates_beyond_a_small_map_are_cut_without_a_difference(separable):
    tensor = keras.Input((4, 6, 3))
    model = keras.Model(tensor, aspp.Style(separable, True, 1e-3).conv3x3(tensor, 5, "c", dilation=18))
    layer = model.get_layer("c_depthwise" if separable else "c_conv")
    assert layer.dilation_rate == (6, 6)
    config = layer.get_config() | {"dilation_rate": 18}
    whole = type(layer).from_config(config)
    whole.build(tensor.shape)
    whole.set_weights(layer.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    np.testing.assert_allclose(layer(x), whole(x), rtol=1e-5, atol=1e-6)


def test_weights_fit_another_size_and_output_stride(small, tmp_path):
    native.write(tmp_path / "w.h5", small, native.Origin("deeplabv3+", 19, (64, 64)))
    other = models.build("deeplabv3+", (48, 80, 3), 19, output_stride=8)  # no multiple of 32
    native.load(tmp_path / "w.h5", other)
    for a, b in zip(small.weights, other.weights):
        np.testing.assert_array_equal(a, b)
    assert other(images(1, (48, 80))).shape == (1, 48, 80, 19)


def test_the_papers_separable_convolutions_can_be_had_and_left():
    plain = models.build("deeplabv3+", (32, 32, 3), 19, separable=False)
    trainable = sum(math.prod(v.shape) for v in plain.trainable_variables)
    assert trainable == PARAMETERS["mobilenetv2"] + decoder_parameters(1280, 144, separable=False)


def test_image_pooling_is_the_mean_of_the_whole_map():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype("float32")
    tensor = keras.Input((3, 5, 8))
    model = keras.Model(tensor, aspp.image_pooling(tensor, aspp.Style(True, True, 1e-3), 4))
    kernel = np.asarray(model.get_layer("aspp_pool_conv").kernel)[0, 0]
    expected = np.maximum(x.mean(axis=(1, 2)) @ kernel / np.sqrt(1 + 1e-3), 0)
    expected = np.broadcast_to(expected[:, None, None], (2, 3, 5, 4))
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"encoder": "vgg99"}, "unknown encoder 'vgg99'; there are: mobilenetv2, resnet50_keras, xception"),
        ({"output_stride": 7}, "unknown output stride '7'; there are: 16, 8"),
        (
            {"backbon": "resnet50"},
            "deeplabv3\\+ has no option 'backbon'; there are: encoder, output_stride, encoder_weights, p",
        ),
        ({"encoder_weights": 3}, "encoder weights are none, imagenet or a file, not 3"),
    ],
    ids=["encoder", "stride", "option", "weights"],
)
def test_bad_options_name_the_valid_ones(options, message):
    with pytest.raises(UserError, match=message) as raised:
        models.build("deeplabv3+", (64, 64, 3), 19, **options)
    assert "\n" not in str(raised.value)


def test_other_models_name_their_options():
    with pytest.raises(UserError, match="fastscnn has no option 'encoder'; there are: preset, dropout"):
        models.build("fastscnn", (64, 64, 3), 19, encoder="resnet50")


def test_a_wrong_size_names_the_nearest_valid_ones():
    with pytest.raises(UserError, match=r"multiples of 16, not 500,1000; nearest: 496,992 or 512,1008"):
        models.build("deeplabv3+", (500, 1000, 3), 19)
