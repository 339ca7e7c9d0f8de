"""Fast-SCNN: its size, its shapes, and pooling with fixed windows."""

import math

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models.layers import average_pool, pool_window
from models.networks import fast_scnn

# Hand count after arXiv 1902.04502, table 1, weights and batch-norm scales and offsets:
# strided layers 3x3x3x32+64, 9x32+32x48+96, 9x48+48x64+128                     = 6,480
# batch norm between the two parts of separable convolutions: scale and offset of their input's channels
# inverted residuals (c_in -> 6 c_in -> c_out): c(6c) + 12c + 54c + 12c + 6c*o + 2o
DOWNSAMPLE = (27 * 32 + 64) + (9 * 32 + 32 * 48 + 96) + (9 * 48 + 48 * 64 + 128)
RESIDUALS = sum(
    6 * c * c + 12 * c + 54 * c + 12 * c + 6 * c * out + 2 * out
    for c, out in [(64, 64)] * 3 + [(64, 96), (96, 96), (96, 96), (96, 128), (128, 128), (128, 128)]
)
POOLING = 4 * (128 * 32 + 64) + (256 * 128 + 256)
FUSION = (9 * 128 + 256) + (128 * 128 + 256) + (64 * 128 + 256)
CLASSIFIER = 2 * (9 * 128 + 128 * 128 + 256) + (128 * 19 + 19)
BETWEEN = 2 * (32 + 48 + 128 + 128)


@pytest.fixture(scope="module")
def model():
    return models.build("fastscnn", (64, 96, 3), 19)


@pytest.fixture(scope="module")
def papers():
    return models.build("fastscnn", (64, 96, 3), 19, preset="paper")


def parameters(network):
    return sum(math.prod(v.shape) for v in network.trainable_variables)


def test_trainable_parameters_equal_the_hand_count(model, papers):
    assert parameters(papers) == DOWNSAMPLE + RESIDUALS + POOLING + FUSION + CLASSIFIER
    assert parameters(model) == parameters(papers) + BETWEEN


def test_parameters_are_within_the_published_range(model, papers):
    assert 1.11e6 <= parameters(papers) < parameters(model) <= 1.14e6


def test_kernels_are_drawn_as_pytorch_draws_them(model):
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            continue
        kernel = np.asarray(layer.kernel)
        inputs = math.prod(kernel.shape[:2]) * (1 if "depthwise" in layer.name else kernel.shape[2])
        assert 0.9 * inputs**-0.5 < np.abs(kernel).max() <= inputs**-0.5, layer.name


@pytest.mark.parametrize(("auxiliary", "count"), [(False, 1_399_939), (True, 1_456_617)])
def test_mmsegmentations_has_its_parameters(auxiliary, count):
    network = models.build("fastscnn", (64, 96, 3), 19, preset="mmseg", auxiliary=auxiliary)
    assert parameters(network) == count


@pytest.mark.parametrize("preset", fast_scnn.STYLES)
def test_auxiliary_heads_stand_beside_the_logits_over_the_same_layers(preset, model):
    network = models.build("fastscnn", (64, 96, 3), 19, preset=preset, auxiliary=True)
    heads = models.ARCHITECTURES["fastscnn"].heads
    assert list(network.output) == ["logits", *heads]
    assert {tuple(output.shape) for output in network.output.values()} == {(None, 64, 96, 19)}
    if preset == "pytorch":
        own = [v.path for v in network.weights if not v.path.startswith("auxiliary")]
        assert sorted(own) == sorted(v.path for v in model.weights)


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(UserError, match="unknown preset of fastscnn 'smp'; there are: pytorch, paper, mmseg"):
        models.build("fastscnn", (64, 96, 3), 19, preset="smp")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (352, 480)])
def test_logits_have_the_images_size(size):
    image = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    logits = models.build("fastscnn", (*size, 3), 19)(image)
    assert tuple(logits.shape) == (2, *size, 19)
    assert logits.dtype == "float32"


def test_a_wrong_size_names_the_nearest_valid_ones():
    with pytest.raises(UserError, match="500,1000; nearest: 480,992 or 512,1024"):
        models.build("fastscnn", (500, 1000, 3), 19)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UserError, match="unknown model 'fast'; there are: .*fastscnn"):
        models.build("fast", (64, 96, 3), 19)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 11, 16, 32, 64])
@pytest.mark.parametrize("bins", fast_scnn.POOL_BINS)
def test_pooling_windows_cover_every_pixel(size, bins):
    window, stride = pool_window(size, bins)
    starts = range(0, size - window + 1, stride)
    assert len(starts) == min(bins, size)
    assert {pixel for start in starts for pixel in range(start, start + window)} == set(range(size))


def test_pooling_equals_adaptive_pooling_where_bins_divide_the_size():
    x = np.random.default_rng(3).normal(size=(1, 6, 12, 4)).astype("float32")
    pooled = keras.ops.convert_to_numpy(average_pool(keras.ops.convert_to_tensor(x), (3, 3), "p"))
    np.testing.assert_allclose(pooled, x.reshape(1, 3, 2, 3, 4, 4).mean(axis=(2, 4)), rtol=1e-5, atol=1e-6)
