"""PSPNet's decoder: pyramid pooling (Zhao et al.; arXiv 1612.01105)."""

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.decoders.pyramid_pooling import pyramid_pooling
from models.encoders import Features
from models.initializers import narrow_normal
from models.torch_layers import conv

__all__ = ["auxiliary", "build"]
NAME = "pspnet"
OUTPUT_STRIDES = (8, 16, 32)
LEVELS = (8,)
PRESETS = {
    "mmseg": {"dilated_blocks": "first", "last_conv": False},
    "smp": {
        "level": 8,
        "channels": 512,
        "bin_channels": None,
        "bottleneck": 1,
        "dropout": 0.2,
        "bin_norm": False,
        "head_kernel": 3,
        "output_stride": 32,
        "align_corners": True,
    },
}


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    level: int = 32,
    channels: int = 512,
    bin_channels: int | None = 512,
    bottleneck: int = 3,
    bin_norm: bool = True,
    head_kernel: int = 1,
    dropout: float = 0.1,
):
    """Scores from the features of one level.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: of the encoder.
        align_corners: how averages are enlarged, see `models.layers.Resize`.
        level: stride, in the strided network, of the features that are pooled: the last ones (mmsegmentation,
            the paper), or those at 1/8 (segmentation_models.pytorch).
        channels, bin_channels, bottleneck, bin_norm: see `models.decoders.pyramid_pooling`.
        head_kernel: of the last convolution.
        dropout: share of the channels' values dropped in training.

    Returns:
        [B, h, w, classes] at the level's resolution.
    """
    x = pyramid_pooling(
        features.at[level], channels, bin_channels, bottleneck, bin_norm, align_corners
    )  # [B, h, w, channels]
    x = layers.Dropout(dropout, name="psp_dropout")(x)
    return conv(x, classes, "scores", head_kernel, bias=True, initializer=narrow_normal)
