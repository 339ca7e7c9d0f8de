"""Xception of segmentation_models.pytorch: its features, and maximum pooling of negative values."""

import keras
import numpy as np
import pytest

import made_up
from common.errors import UserError
from models import encoders
from models.encoders.torch_xception import EdgePad

SIZE = (64, 96)
# of what made-up weights give, equal to the package's answers where this was written
NUMBERS = {
    2: (64, 0.22249, 0.37121, 0.12172),
    4: (128, 0.87228, 1.1605, 0.5948),
    8: (256, 1.5084, 3.4382, 0.90143),
    16: (728, 5.1956, 857.9, -7.9576),
    32: (2048, -32.446, 1775.4, -23.051),
}


@pytest.fixture(scope="module")
def ours():
    return made_up.answers(made_up.encoder("xception_torch", SIZE), SIZE)


@pytest.mark.slow
def test_the_numbers_of_its_features(ours):
    made_up.assert_numbers(ours, NUMBERS)


def test_segmentation_models_pytorch_gives_the_same(ours):
    theirs = made_up.smp_encoder("xception")
    expected = made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32), mean=(127.5,) * 3, deviation=(127.5,) * 3)
    made_up.assert_same(ours, expected)


def test_padding_is_never_the_maximum():
    x = -np.arange(1.0, 25.0, dtype="float32").reshape(1, 4, 6, 1)
    pooled = keras.layers.MaxPooling2D(3, strides=2)(EdgePad()(x))
    np.testing.assert_array_equal(np.asarray(pooled)[0, :, :, 0], [[-1, -2, -4], [-7, -8, -10]])


def test_kernels_start_as_pytorchs_do():
    model = encoders.build("xception_torch", keras.Input((*SIZE, 3)), 32).model
    for name, inputs in (("block5_rep_1_conv1", 9), ("block5_rep_1_pointwise", 728)):
        kernel = model.get_layer(name).get_weights()[0]
        assert 0.99 * inputs**-0.5 < np.abs(kernel).max() <= inputs**-0.5
        assert kernel.std() == pytest.approx((3 * inputs) ** -0.5, rel=0.05)


def test_strides_stay():
    with pytest.raises(UserError, match="unknown output stride of xception_torch '8'; there are: 32"):
        made_up.encoder("xception_torch", SIZE, 8)
