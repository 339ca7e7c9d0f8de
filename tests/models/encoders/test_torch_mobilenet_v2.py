"""MobileNetV2 of PyTorch: features of torchvision's weights, of mmsegmentation's, and both dilations."""

import keras
import pytest

import made_up
from common.errors import UserError
from models import encoders

SIZE = (64, 96)
MMSEG = {"package": "mmseg", "dilated_blocks": "first", "last_conv": False}
# of what made-up weights give, equal to the packages' answers where this was written
NUMBERS = {
    (32, "torchvision"): {
        2: (16, -0.083422, 2.6009, -0.76166),
        4: (24, 0.0087183, 2.4295, 0.32013),
        8: (32, 1.2585, 3.8585, 0.40771),
        16: (96, -0.30062, 3.3313, 0.012453),
        32: (1280, 0.94676, 1.4428, 0.9552),
    },
    (8, "torchvision"): {
        2: (16, -0.083422, 2.6009, -0.76166),
        4: (24, 0.0087183, 2.4295, 0.32013),
        8: (32, 1.2585, 3.8585, 0.40771),
        16: (96, -0.36317, 3.2607, 0.080583),
        32: (1280, 0.96983, 1.4761, 0.9951),
    },
    (8, "mmseg"): {
        2: (16, -0.04495, 1.3821, 0.22948),
        4: (24, -0.60812, 1.9808, -0.39415),
        8: (32, -0.66268, 3.6094, -0.65194),
        16: (96, 0.36627, 3.8234, 0.80303),
        32: (320, 0.045269, 2.1698, 0.017408),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("stride, package", NUMBERS)
def test_the_numbers_of_its_features(stride, package):
    model = made_up.encoder("mobilenet_v2", SIZE, stride, **(MMSEG if package == "mmseg" else {}))
    made_up.assert_numbers(made_up.answers(model, SIZE), NUMBERS[stride, package])


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_segmentation_models_pytorch_gives_the_same(stride):
    theirs = made_up.smp_encoder("mobilenet_v2", stride)
    ours = made_up.answers(made_up.encoder("mobilenet_v2", SIZE, stride), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32)))


@pytest.mark.parametrize(
    "stride, strides, dilations",
    [(8, (1, 2, 2, 1, 1, 1, 1), (1, 1, 1, 2, 2, 4, 4)), (16, (1, 2, 2, 2, 1, 1, 1), (1, 1, 1, 1, 1, 2, 2))],
)
def test_mmsegmentation_gives_the_same(stride, strides, dilations):
    backbones = made_up.package("mmseg.models.backbones")
    theirs = backbones.MobileNetV2(out_indices=(0, 1, 2, 4, 6), strides=strides, dilations=dilations)
    ours = made_up.answers(made_up.encoder("mobilenet_v2", SIZE, stride, **MMSEG), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32)))


def test_kernels_start_as_in_torchvision():
    model = encoders.build("mobilenet_v2", keras.Input((*SIZE, 3)), 32).model
    for name, outputs in (("block6_1_depthwise_conv", 9 * 960), ("block7_0_expand_conv", 960)):
        kernel = model.get_layer(name).get_weights()[0]
        assert kernel.std() == pytest.approx((2 / outputs) ** 0.5, rel=0.05)


def test_another_rule_of_dilation_is_refused():
    with pytest.raises(UserError, match="unknown value of dilated_blocks 'none'; there are: all, first"):
        made_up.encoder("mobilenet_v2", SIZE, dilated_blocks="none")
    assert encoders.options_of("mobilenet_v2") == {"dilated_blocks": "all", "last_conv": True}
