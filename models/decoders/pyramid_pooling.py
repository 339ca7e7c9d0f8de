"""Pyramid pooling (Zhao et al.; arXiv 1612.01105, section 3.2)."""

from keras import layers

from models.layers import Resize
from models.torch_layers import AdaptiveAveragePooling2D, conv, conv_bn_relu

BINS = (1, 2, 3, 6)  # along each side


def pyramid_pooling(
    x,
    channels: int,
    bin_channels: int | None,
    bottleneck: int = 3,
    bin_norm: bool = True,
    align_corners: bool = False,
):
    """Averages over 1, 4, 9 and 36 regions, each convolved and enlarged, join the features they come from.

    Args:
        x: features, [B, h, w, C].
        channels: of the convolution behind the concatenation.
        bin_channels: of the convolution of each average; None: a quarter of the features' channels.
        bottleneck: kernel of the convolution behind the concatenation.
        bin_norm: batch norm for the average over the whole image as well, which normalises over the batch
            alone: train with at least two images per GPU.
        align_corners: how averages are enlarged, see `models.layers.Resize`.

    Returns:
        [B, h, w, channels].
    """
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
    return conv_bn_relu(x, channels, "psp", bottleneck)
