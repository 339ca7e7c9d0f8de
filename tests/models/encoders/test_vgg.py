"""VGG of torchvision: features with and without batch norm, and no dilation."""

import pytest

import made_up
from common.errors import UserError

SIZE = (64, 96)
# of what made-up weights give, equal to the package's answers where this was written
NUMBERS = {
    "vgg11": {
        2: (128, 0.86369, 1.4183, 0.52257),
        4: (256, 1.013, 1.4737, 0.60532),
        8: (512, 0.95327, 1.3779, 0.66977),
        16: (512, 0.74339, 1.1293, 0.56453),
        32: (512, 1.2471, 1.3957, 1.2969),
    },
    "vgg11_bn": {
        2: (128, 1.2101, 1.9936, 0.57158),
        4: (256, 1.8447, 2.8961, 0.85763),
        8: (512, 2.0277, 3.2568, 1.1237),
        16: (512, 1.7286, 2.7815, 1.1715),
        32: (512, 2.9698, 3.5126, 2.943),
    },
    "vgg16_bn": {
        2: (128, 1.006, 1.3655, 0.67034),
        4: (256, 1.0649, 1.6966, 0.54533),
        8: (512, 0.95347, 1.6233, 0.50603),
        16: (512, 0.77267, 1.2872, 0.54924),
        32: (512, 1.3329, 1.6216, 1.299),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_the_numbers_of_its_features(name):
    made_up.assert_numbers(made_up.answers(made_up.encoder(name, SIZE), SIZE), NUMBERS[name])


@pytest.mark.parametrize("name", [*NUMBERS, "vgg16"])
def test_segmentation_models_pytorch_gives_the_same(name):
    theirs = made_up.smp_encoder(name)
    ours = made_up.answers(made_up.encoder(name, SIZE), SIZE)
    made_up.assert_same(ours, made_up.answers_of(theirs, SIZE, (2, 4, 8, 16, 32)))


def test_strides_stay():
    with pytest.raises(UserError, match="unknown output stride of vgg16 '16'; there are: 32"):
        made_up.encoder("vgg16", SIZE, 16)
