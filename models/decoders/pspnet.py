"""PSPNet's decoder: pyramid pooling (Zhao et al.; arXiv 1612.01105).

Averages over 1, 4, 9 and 36 regions, each convolved and enlarged, join the features that they come from.
"""

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.encoders import Features
from models.layers import Resize
from models.torch_layers import AdaptiveAveragePooling2D, conv, conv_bn_relu

__all__ = ["auxiliary", "build"]
NAME = "pspnet"
OUTPUT_STRIDES = (8, 16, 32)
LEVELS = (8,)
BINS = (1, 2, 3, 6)
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
        channels: of the convolution behind the concatenation.
        bin_channels: of the convolution of each average; None: a quarter of the features' channels.
        bottleneck: kernel of the convolution behind the concatenation.
        bin_norm: batch norm for the average over the whole image as well, which normalises over the batch
            alone: train with at least two images per GPU.
        head_kernel: of the last convolution.
        dropout: share of the channels' values dropped in training.

    Returns:
        [B, h, w, classes] at the level's resolution.
    """
    x = features.at[level]  # [B, h, w, C]
    height, width = x.shape[1:3]
    bin_channels = bin_channels or x.shape[-1] // len(BINS)
    pooled = []
    for index, bins in enumerate(BINS):
        y = AdaptiveAveragePooling2D(bins, name=f"psp{index}_average")(x)  # [B, bins, bins, C]
        if bins > 1 or bin_norm:
            y = conv_bn_relu(y, bin_channels, f"psp{index}", 1)
        else:
            y = layers.ReLU(name=f"psp{index}_relu")(conv(y, bin_channels, f"psp{index}_conv", 1, bias=True))
        pooled.append(Resize(height, width, align_corners=align_corners, name=f"psp{index}_resize")(y))
    joined = [x, *pooled] if bottleneck > 1 else [*pooled, x]
    x = layers.Concatenate(name="psp_concat")(joined)  # [B, h, w, C + 4 * bin_channels]
    x = conv_bn_relu(x, channels, "psp", bottleneck)
    x = layers.Dropout(dropout, name="psp_dropout")(x)
    return conv(x, classes, "scores", head_kernel, bias=True)
