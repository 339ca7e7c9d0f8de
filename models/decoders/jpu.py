"""Joint Pyramid Upsampling (Wu et al., FastFCN; arXiv 1903.11816, section 3.3)."""

from keras import layers

from models.initializers import he_fan_out_depthwise
from models.layers import Resize
from models.torch_layers import batch_norm, conv_bn_relu, depthwise

DILATIONS = (1, 2, 4, 8)


def joint_pyramid_upsampling(levels: list, width: int, align_corners: bool = False):
    """Features as of an output stride of 8 from those of the last three stages of a strided encoder.

    Each level is convolved to `width` channels; enlarged and side by side they pass four separable
    convolutions of growing dilation, whose results are concatenated.

    Args:
        levels: features at 1/8, 1/16 and 1/32.
        width: channels.
        align_corners: how the coarser levels are enlarged, see `models.layers.Resize`.

    Returns:
        [B, H/8, W/8, 4 * width].
    """
    height, width_of_map = levels[0].shape[1:3]
    joined = []
    for index, level in enumerate(levels):
        x = conv_bn_relu(level, width, f"jpu_conv{index}")
        if index:
            x = Resize(height, width_of_map, align_corners=align_corners, name=f"jpu_resize{index}")(x)
        joined.append(x)
    x = layers.Concatenate(name="jpu_concat")(joined)  # [B, H/8, W/8, 3 * width]
    dilated = [separable(x, width, f"jpu_dilated{index}", rate) for index, rate in enumerate(DILATIONS)]
    return layers.Concatenate(name="jpu_features")(dilated)


def separable(x, filters: int, name: str, dilation: int):
    """Depthwise 3x3 convolution with batch norm alone, then 1x1 with batch norm and ReLU."""
    drawn = {"initializer": he_fan_out_depthwise}
    x = batch_norm(depthwise(x, f"{name}_depthwise", dilation=dilation, **drawn), f"{name}_bn")
    return conv_bn_relu(x, filters, f"{name}_pointwise", 1)
