"""FastFCN: its upsampling by a hand count, context encoding by NumPy, its heads and their outputs."""

import math

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models import encoders
from models.decoders import fastfcn, jpu
from models.decoders.context_encoding import ENCODING, Encoding, context_encoding
from models.torch_layers import conv

SIZE = (64, 96)
CHANNELS = {8: 5, 16: 7, 32: 11}


def features():
    """Inputs in the place of an encoder's features."""
    at = {
        stride: keras.Input((SIZE[0] // stride, SIZE[1] // stride, count))
        for stride, count in CHANNELS.items()
    }
    return encoders.Features("stand-in", at, ())


def test_the_parameters_of_the_upsampling_equal_the_hand_count():
    """Three 3x3 convolutions to the width, then four separable ones; each batch norm has two a channel."""
    levels, width = list(features().at.values()), 6
    model = keras.Model(levels, jpu.joint_pyramid_upsampling(levels, width))
    expected = sum(9 * channels * width + 2 * width for channels in CHANNELS.values())
    joined = 3 * width
    expected += 4 * (9 * joined + 2 * joined + joined * width + 2 * width)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == expected
    assert model.output_shape == (None, SIZE[0] // 8, SIZE[1] // 8, 4 * width)
    dilations = [model.get_layer(f"jpu_dilated{index}_depthwise").dilation_rate for index in range(4)]
    assert dilations == [(1, 1), (2, 2), (4, 4), (8, 8)]


def test_an_encoding_is_the_residuals_weighed_by_a_softmax_of_distances():
    """Equations 1 and 2 of arXiv 1803.08904, position by position in float64."""
    random, codes = np.random.default_rng(0), 3
    x = random.normal(0, 2, (2, 4, 5, 6)).astype("float32")
    layer = Encoding(codes)
    layer.build(x.shape)
    codewords, scale = random.normal(size=(codes, 6)), random.uniform(-1, 0, codes)
    layer.set_weights([codewords, scale])
    expected = np.zeros((2, 6, codes))
    for image, positions in enumerate(x.reshape(2, 20, 6).astype("float64")):
        for position in positions:
            residuals = position - codewords  # [codes, 6]
            share = np.exp(scale * (residuals**2).sum(1))
            expected[image] += (share / share.sum() * residuals.T).reshape(6, codes)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_an_encoding_of_a_large_map_does_not_overflow_in_float16():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        tensor = keras.Input((128, 256, 4))
        model = keras.Model(tensor, context_encoding(tensor, 2))
    finally:
        keras.config.set_dtype_policy("float32")
    features = model(np.full((1, 128, 256, 4), 50, "float16"))
    assert features.dtype == "float16" and model.get_layer(ENCODING).output.dtype == "float32"
    assert np.isfinite(features).all()


def test_codewords_start_as_in_the_paper():
    keras.utils.set_random_seed(0)
    layer = Encoding(32)
    layer.build((None, 8, 8, 512))
    codewords, scale = layer.get_weights()
    assert 0.9 / 128 < np.abs(codewords).max() <= 1 / 128  # 1 / sqrt(32 * 512)
    assert -1 <= scale.min() < -0.8 and -0.2 < scale.max() <= 0


def test_a_kernel_with_stride_and_dilation_reads_every_second_pixel():
    """y[i, j] is the sum of w[a, b] x[2 i + 2 (a - 1), 2 j + 2 (b - 1)], zero outside."""
    x = np.random.default_rng(0).normal(size=(1, 7, 8, 2)).astype("float32")
    tensor = keras.Input((7, 8, 2))
    model = keras.Model(tensor, conv(tensor, 3, "c", stride=2, dilation=2))
    kernel = np.asarray(model.get_layer("c").kernel)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    expected = np.zeros((1, 4, 4, 3))
    for a in range(3):
        for b in range(3):
            expected += padded[:, 2 * a : 2 * a + 7 : 2, 2 * b : 2 * b + 8 : 2] @ kernel[a, b]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("head", fastfcn.HEADS)
def test_heads_for_training_stand_beside_the_logits(head):
    options = {"encoder": "resnet18_v1c", "head": head, "width": 4, "channels": 4}
    model = models.build("fastfcn", (*SIZE, 3), 5, auxiliary=True, **options)
    found = {name: x.shape[1:] for name, x in model.output.items()}
    assert found.pop("presence", (5,)) == (5,) and ("presence" in model.output) == (head == "enc")
    assert found == {"logits": (*SIZE, 5), "auxiliary": (*SIZE, 5)}
    assert {x.dtype for x in model.output.values()} == {"float32"}
    alone = models.build("fastfcn", (*SIZE, 3), 5, **options)
    beside = {layer.name for layer in model.layers} - {layer.name for layer in alone.layers}
    assert all(name.startswith(("auxiliary", "presence")) for name in beside)


def test_an_unknown_head_names_those_there_are():
    with pytest.raises(UserError, match="unknown head 'aspp2'; there are: psp, aspp, enc"):
        models.build("fastfcn", (*SIZE, 3), 5, encoder="resnet18_v1c", head="aspp2")
