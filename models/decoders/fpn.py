"""Semantic FPN: a feature pyramid whose levels are brought to 1/4 and added (arXiv 1901.02446)."""

from keras import layers

from models.encoders import Features
from models.layers import Resize
from models.torch_layers import EPSILON, conv, conv_bn_relu, scores

NAME = "fpn"
OUTPUT_STRIDES = (32,)
LEVELS = (4, 8, 16, 32)
PRESETS = {
    "mmseg": {"dilated_blocks": "first", "last_conv": False},
    "smp": {"smooth": False, "group_norm": True, "dropout": 0.2, "align_corners": True},
}
GROUPS = 32


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    channels: int = 256,
    head_channels: int = 128,
    smooth: bool = True,
    group_norm: bool = False,
    dropout: float = 0.1,
):
    """Scores at 1/4 from features at 1/4 to 1/32.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.
        align_corners: how levels are enlarged, see `models.layers.Resize`.
        channels: of the pyramid.
        head_channels: of the convolutions behind it.
        smooth: a 3x3 convolution on each level of the pyramid (mmsegmentation).
        group_norm: group normalisation (the paper, segmentation_models.pytorch) instead of batch norm.
        dropout: share of values dropped before the scores in training.

    Returns:
        [B, H/4, W/4, classes].
    """
    levels = pyramid(features, channels)
    summed = []
    for index, level in enumerate(levels):
        x = conv(level, channels, f"smooth{index}", 3, bias=True) if smooth else level
        for number in range(max(1, index)):
            x = block(x, head_channels, f"head{index}_{number}", group_norm)
            if index:
                x = doubled(x, f"head{index}_{number}_up", align_corners)
        summed.append(x)  # [B, H/4, W/4, head_channels]
    x = layers.Add(name="head_add")(summed)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return scores(x, classes)


def pyramid(features: Features, channels: int) -> list:
    """Each level as `channels`, plus the enlarged level below: [B, H/4, ...], ..., [B, H/32, ...]."""
    levels = [
        conv(features.at[stride], channels, f"lateral{index}", 1, bias=True)
        for index, stride in enumerate(LEVELS)
    ]
    for index in (2, 1, 0):
        _, height, width, _ = levels[index].shape
        below = Resize(height, width, interpolation="nearest", name=f"pyramid{index}_up")(levels[index + 1])
        levels[index] = layers.Add(name=f"pyramid{index}_add")([levels[index], below])
    return levels


def doubled(x, name: str, align_corners: bool):
    """Enlarged bilinearly: [B, h, w, C] -> [B, 2h, 2w, C]."""
    return Resize(2 * x.shape[1], 2 * x.shape[2], align_corners=align_corners, name=name)(x)


def block(x, filters: int, name: str, group_norm: bool):
    """3x3 convolution, group or batch norm, ReLU."""
    if not group_norm:
        return conv_bn_relu(x, filters, name)
    x = conv(x, filters, f"{name}_conv")
    x = layers.GroupNormalization(GROUPS, epsilon=EPSILON, name=f"{name}_gn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
