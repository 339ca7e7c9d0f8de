"""FCN's decoder on dilated features, as in mmsegmentation (Long et al.; arXiv 1411.4038)."""

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.encoders import Features
from models.torch_layers import conv, conv_bn_relu

__all__ = ["auxiliary", "build"]
NAME = "fcn"
OUTPUT_STRIDES = (8, 16, 32)
LEVELS = (32,)
PRESETS = {"mmseg": {"dilated_blocks": "first", "last_conv": False}}


def build(features: Features, classes: int, output_stride: int, channels: int = 512, dropout: float = 0.1):
    """Scores from the deepest features: two 3x3 convolutions, and a third that sees the features as well.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: of the encoder.
        channels: of the convolutions.
        dropout: share of the values dropped before the scores in training.

    Returns:
        [B, H/output stride, W/output stride, classes].
    """
    features = features.at[32]
    x = conv_bn_relu(features, channels, "fcn0")
    x = conv_bn_relu(x, channels, "fcn1")
    x = layers.Concatenate(name="fcn_concat")([features, x])
    x = conv_bn_relu(x, channels, "fcn_cat")
    x = layers.Dropout(dropout, name="fcn_dropout")(x)
    return conv(x, classes, "scores", 1, bias=True)
