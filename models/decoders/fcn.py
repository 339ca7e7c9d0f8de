"""FCN's decoder, as in mmsegmentation (Long et al.; arXiv 1411.4038): on dilated features, or on HRNet's."""

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.decoders.joined import is_joined, join
from models.encoders import Features
from models.torch_layers import conv_bn_relu, scores

__all__ = ["auxiliary", "build"]
NAME = "fcn"
OUTPUT_STRIDES = (8, 16, 32)
LEVELS = (32,)
PRESETS = {"mmseg": {"dilated_blocks": "first", "last_conv": False}}
CHANNELS = 512
DROPOUT = 0.1


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    inputs: str | None = None,
    channels: int | None = None,
    dilation: int = 1,
    dropout: float | None = None,
):
    """Scores from the deepest features by 3x3 convolutions, or from all levels by a 1x1 convolution.

    Of the deepest features there are two convolutions, and a third that sees the features as well. All levels
    at 1/4 have one, which is HRNet's own head (arXiv 1908.07919, section 4).

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: of the encoder.
        align_corners: how levels are enlarged, see `models.layers.Resize`.
        inputs: `deepest` or `joined`; None: `joined` of HRNet, `deepest` of other encoders.
        channels: of the convolutions; None: 512, or as many as the levels have together.
        dilation: of the first two 3x3 convolutions; mmsegmentation's FCN-D6 has 6.
        dropout: share of the values dropped before the scores in training; None: 0.1, or 0 of all levels.

    Returns:
        [B, h, w, classes] at the output stride, or at 1/4.
    """
    if is_joined(inputs, features, NAME):
        x = join(features, align_corners)
        x = conv_bn_relu(x, channels or x.shape[-1], "fcn0", 1)  # [B, H/4, W/4, channels]
    else:
        x = deepest(features.at[32], channels or CHANNELS, dilation)
        dropout = DROPOUT if dropout is None else dropout
    if dropout:
        x = layers.Dropout(dropout, name="fcn_dropout")(x)
    return scores(x, classes)


def deepest(features, channels: int, dilation: int):
    """[B, h, w, C] -> [B, h, w, channels]."""
    x = conv_bn_relu(features, channels, "fcn0", dilation=dilation)
    x = conv_bn_relu(x, channels, "fcn1", dilation=dilation)
    x = layers.Concatenate(name="fcn_concat")([features, x])
    return conv_bn_relu(x, channels, "fcn_cat")
