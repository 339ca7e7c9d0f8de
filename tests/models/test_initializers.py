"""Fresh kernels: as PyTorch draws them, and of each network as its paper or original code does."""

import keras
import numpy as np
import pytest

import models
from models import initializers


@pytest.mark.parametrize(
    ("initializer", "shape", "expected"),
    [
        (initializers.uniform, (3, 3, 8, 64), (3 * 3 * 8) ** -0.5),
        (initializers.uniform_depthwise, (3, 3, 256, 1), (3 * 3) ** -0.5),
    ],
)
def test_uniform_initialisation_reaches_to_one_over_the_root_of_the_inputs(initializer, shape, expected):
    keras.utils.set_random_seed(0)
    largest = np.abs(np.asarray(initializer()(shape))).max()
    assert 0.99 * expected < largest <= expected


def test_depthwise_kernels_are_drawn_as_pytorch_draws_them():
    torch = pytest.importorskip("torch")
    keras.utils.set_random_seed(0)
    weights = torch.nn.init.kaiming_normal_(torch.empty(512, 1, 3, 3), mode="fan_out")
    ours = np.asarray(initializers.he_fan_out_depthwise()((3, 3, 512, 1)))
    assert ours.std() == pytest.approx(float(weights.std()), rel=0.06)


TRUNCATED = 0.8796  # deviation of a normal distribution within two deviations
# by hand: He's is sqrt(2 / fan-in), of a 3x3 depthwise kernel's 9
DEVIATIONS = [
    ("unet", {"width": 16}, "bottomb_conv", (2 / (9 * 256)) ** 0.5),
    ("unet", {"width": 16}, "decoder4_up", (2 / 256) ** 0.5),  # one pixel's inputs
    ("unet", {"width": 16, "preset": "mmseg"}, "decoder4b_conv", (2 / (9 * 128)) ** 0.5),
    ("unet", {"width": 64, "preset": "mmseg"}, "logits", 0.01),
    ("separable_unet", {}, "encoder4a_conv", (2 / (9 * 64)) ** 0.5),
    ("separable_unet", {"variant": "large"}, "bottom1_shortcut_conv", (2 / 256) ** 0.5),
    ("bayes_segnet", {}, "decoder1_2_conv", (2 / (9 * 64)) ** 0.5),
    ("deeplabv3+", {}, "aspp_atrous1_depthwise", TRUNCATED * 0.33),
    ("deeplabv3+", {}, "aspp_atrous1_pointwise_conv", TRUNCATED * 0.06),
    ("deeplabv3+", {"preset": "mmseg", "encoder": "resnet18_v1c"}, "scores", 0.01),
    ("unet", {"encoder": "resnet18"}, "decoder0_conv1_conv", (2 / (9 * 768)) ** 0.5),
    ("segformer", {}, "block4_0_mlp_fc1", TRUNCATED * 0.02),
    ("efficientvit", {}, "head_last_conv", 0.02),
    ("pspnet", {"encoder": "resnet18_v1c"}, "scores", 0.01),
    ("deeplabv3+", {}, "block_13_depthwise", TRUNCATED * 0.09),
    ("deeplabv3+", {}, "block_13_expand", TRUNCATED * 0.09),
    ("deeplabv3+", {"encoder": "resnet50_keras"}, "conv3_block1_2_conv", (2 / (9 * 128)) ** 0.5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "layer", "deviation"), DEVIATIONS)
def test_kernels_have_the_deviation_of_paper_or_original(name, options, layer, deviation):
    keras.utils.set_random_seed(0)
    kernel = np.asarray(models.build(name, (32, 32, 3), 19, **options).get_layer(layer).kernel)
    assert kernel.std() == pytest.approx(deviation, rel=0.1)
