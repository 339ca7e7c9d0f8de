"""Trainable parameters of decoders on encoders: those of segmentation_models.pytorch, to the last one.

The numbers are what its version 0.6.0 counts with 34 classes. Where it builds layers that its networks do not
use, such as ResNet's last stages in PSPNet, their parameters stand behind.
"""

import math

import pytest

import models
from models.initialization import shapes_alone

COUNTS = {  # (decoder, encoder) -> (parameters of the package's network, those that are not used)
    ("manet", "resnext50_32x4d"): (146_916_650, 0),
    ("manet", "mit_b2"): (34_976_386, 0),
    ("manet", "resnet50"): (147_444_778, 0),
    ("manet", "mobilenet_v2"): (48_893_526, 0),
    ("fpn", "resnext50_32x4d"): (25_592_162, 0),
    ("fpn", "mit_b2"): (26_087_650, 0),
    ("fpn", "resnet50"): (26_120_290, 0),
    ("fpn", "efficientnet-b5"): (30_172_754, 1_052_672),
    ("unet++", "resnext50_32x4d"): (48_462_402, 0),
    ("unet++", "resnet50"): (48_990_530, 0),
    ("unet", "resnext50_32x4d"): (31_997_762, 0),
    ("unet", "mit_b2"): (27_481_794, 0),
    ("unet", "resnet50"): (32_525_890, 0),
    ("unet", "efficientnet-b0"): (6_256_254, 412_160),
    ("unet", "mobilenet_v2"): (6_633_730, 0),
    ("unet", "vgg16_bn"): (23_761_474, 0),
    ("unet", "xception_torch"): (28_774_186, 0),
    ("pspnet", "resnext50_32x4d"): (23_924_962, 21_567_488),
    ("pspnet", "mit_b2"): (24_501_698, 21_303_872),
    ("pspnet", "resnet50"): (24_453_090, 22_063_104),
    ("deeplabv3+", "resnext50_32x4d"): (26_157_938, 0),
    ("deeplabv3+", "resnet50"): (26_686_066, 0),
    ("deeplabv3+", "mobilenet_v2"): (4_386_994, 0),
    ("segformer", "resnet50"): (24_845_666, 0),
    ("segformer", "mit_b2"): (24_730_850, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize(("decoder", "encoder"), COUNTS)
def test_they_are_those_of_segmentation_models_pytorch(decoder, encoder):
    with shapes_alone():
        model = models.build(decoder, (64, 64, 3), 34, encoder=encoder, preset="smp")
        found = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    theirs, unused = COUNTS[decoder, encoder]
    assert found == theirs - unused
