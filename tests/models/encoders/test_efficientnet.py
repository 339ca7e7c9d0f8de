"""EfficientNet: features of timm's weights, scaled widths and depths, and squeeze-and-excitation by hand."""

import keras
import numpy as np
import pytest

import made_up
from models import encoders
from models.encoders import efficientnet

SIZE = (64, 96)
# of what made-up weights give, equal to the package's answers where this was written
NUMBERS = {
    ("efficientnet-b0", 32): {
        2: (32, 0.43069, 1.0104, 0.62748),
        4: (24, -0.10796, 0.4483, -0.041194),
        8: (40, -0.012801, 0.32897, 0.0073453),
        16: (112, 0.036878, 0.33665, 0.029837),
        32: (320, -0.010934, 0.2101, -0.0096146),
    },
    ("efficientnet-b0", 8): {
        2: (32, 0.43069, 1.0104, 0.62748),
        4: (24, -0.10796, 0.4483, -0.041194),
        8: (40, -0.012801, 0.32897, 0.0073453),
        16: (112, 0.035883, 0.33605, 0.030703),
        32: (320, -0.01119, 0.20988, -0.011399),
    },
    ("efficientnet-b2", 32): {
        2: (32, 0.43069, 1.0104, 0.62748),
        4: (24, -0.15479, 0.69964, -0.065476),
        8: (48, -0.01922, 0.45386, -0.035258),
        16: (120, 0.047114, 0.4087, 0.060591),
        32: (352, -0.00282, 0.26354, 0.00029363),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name, stride", NUMBERS)
def test_the_numbers_of_its_features(name, stride):
    model = made_up.encoder(name, SIZE, stride)
    made_up.assert_numbers(made_up.answers(model, SIZE), NUMBERS[name, stride])


@pytest.mark.parametrize(
    "name, stride", [*NUMBERS, pytest.param("efficientnet-b5", 32, marks=pytest.mark.slow)]
)
def test_segmentation_models_pytorch_gives_the_same(name, stride):
    theirs = made_up.smp_encoder(f"timm-{name}", stride)
    ours = made_up.answers(made_up.encoder(name, SIZE, stride), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32)))


def test_widths_are_multiples_of_eight_and_depths_are_rounded_up():
    b5 = efficientnet.VARIANTS["efficientnet-b5"]
    assert [b5.channels(stage[2]) for stage in efficientnet.STAGES] == [24, 40, 64, 128, 176, 304, 512]
    assert [b5.blocks(stage[3]) for stage in efficientnet.STAGES] == [3, 5, 5, 7, 7, 9, 3]
    assert efficientnet.Variant(0.35, 1.0).channels(32) == 16  # 8 is less than nine tenths of 11.2


def test_squeeze_and_excitation_weights_channels_by_the_whole_map():
    image = keras.Input((4, 6, 8))
    model = keras.Model(image, efficientnet.squeeze_excite(image, "se", 2))
    random = np.random.default_rng(0)
    reduce, bias, expand, offset = (random.normal(size=weight.shape) for weight in model.weights)
    model.set_weights([reduce, bias, expand, offset])
    x = random.normal(size=(2, 4, 6, 8))
    squeezed = x.mean((1, 2)) @ reduce[0, 0] + bias
    squeezed /= 1 + np.exp(-squeezed)
    weights = 1 / (1 + np.exp(-(squeezed @ expand[0, 0] + offset)))
    np.testing.assert_allclose(np.asarray(model(x)), x * weights[:, None, None], rtol=1e-5, atol=1e-6)


def test_kernels_start_as_in_timm():
    model = encoders.build("efficientnet-b0", keras.Input((*SIZE, 3)), 32).model
    for name, outputs in (("blocks_5_1_conv_dw", 25), ("blocks_5_1_conv_pw", 1152)):
        kernel = model.get_layer(name).get_weights()[0]
        assert kernel.std() == pytest.approx((2 / outputs) ** 0.5, rel=0.05)


def test_later_blocks_are_left_out_more_often():
    model = made_up.encoder("efficientnet-b0", SIZE)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    # of 16 blocks, those without a change of channels or size
    assert rates == pytest.approx([0.2 * block / 16 for block in (2, 4, 6, 7, 9, 10, 12, 13, 14)])
