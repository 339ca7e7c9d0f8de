"""DeepLabV3+: encoder-decoder with atrous separable convolution (Chen et al.; arXiv 1802.02611)."""

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.encoders import Features
from models.layers import Resize, conv, depthwise

__all__ = ["auxiliary", "build"]
NAME = "deeplabv3plus"  # TensorFlow's scopes take no '+'
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # output stride -> the pyramid's dilations, section 4.1
OUTPUT_STRIDES = tuple(RATES)
LEVELS = (4, 32)
PLAIN = ("resnet50_keras",)  # encoders beside which the paper's convolutions are not separable


def build(
    features: Features, classes: int, output_stride: int, separable: bool | None = None, dropout: float = 0.1
):
    """Scores at 1/4 from features at 1/4 and at the output stride.

    Image pooling normalises over the batch alone: train with at least two images per GPU.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: pixels per position of the deepest features, 16 or 8 (finer, four times the work).
        separable: depthwise separable 3x3 convolutions in pyramid and decoder; None takes the paper's
            choice, which is yes for MobileNetV2 and the Xceptions and no for ResNet.
        dropout: share of the pyramid's values dropped in training.

    Returns:
        [B, H/4, W/4, classes].
    """
    if separable is None:
        separable = features.encoder not in PLAIN
    x = pyramid(features.at[32], RATES[output_stride], separable)  # [B, H/16, W/16, 256], or 1/8
    x = layers.Dropout(dropout, name="aspp_dropout")(x)
    x = decoder(features.at[4], x, separable)  # [B, H/4, W/4, 256]
    return layers.Conv2D(classes, 1, name="scores")(x)


def pyramid(x, rates: tuple[int, int, int], separable: bool, filters: int = 256):
    """Atrous spatial pyramid pooling: 1x1, three dilated 3x3 and the image's mean, joined by 1x1.

    The names leave the rates out: weights trained at one output stride serve at the other, as in the paper.
    """
    branches = [conv(x, filters, "aspp_1x1", kernel=1)]
    for index, rate in enumerate(rates, start=1):
        branches.append(conv3x3(x, filters, f"aspp_atrous{index}", separable, rate))
    branches.append(image_pooling(x, filters))
    x = layers.Concatenate(name="aspp_concat")(branches)  # [B, h, w, 5 * 256]
    return conv(x, filters, "aspp_project", kernel=1)


def image_pooling(x, filters: int):
    """The mean over all positions, [B, 1, 1, C], convolved and spread over the map again."""
    _, height, width, _ = x.shape
    x = layers.GlobalAveragePooling2D(keepdims=True, name="aspp_pool_average")(x)
    x = conv(x, filters, "aspp_pool", kernel=1)
    return Resize(height, width, name="aspp_pool_resize")(x)


def decoder(low, x, separable: bool, filters: int = 256, low_filters: int = 48):
    """Features at 1/4, reduced so that they do not outweigh the encoder's, refine those."""
    low = conv(low, low_filters, "decoder_low", kernel=1)  # [B, H/4, W/4, 48]
    x = Resize(*low.shape[1:3], name="decoder_resize")(x)  # [B, H/4, W/4, 256]
    x = layers.Concatenate(name="decoder_concat")([x, low])  # [B, H/4, W/4, 304]
    x = conv3x3(x, filters, "decoder_conv1", separable)
    return conv3x3(x, filters, "decoder_conv2", separable)


def conv3x3(x, filters: int, name: str, separable: bool, dilation: int = 1):
    """3x3 convolution, batch norm, ReLU; separable: depthwise 3x3 and 1x1, each with both."""
    # From the map's size on, only the centre still reads pixels. A larger dilation would compute the same,
    # but TensorFlow on a CPU pads the map to a multiple of it: 1.2 s instead of 0.06 s for 4x8 at 36.
    dilation = min(dilation, max(x.shape[1:3]))
    if not separable:
        return conv(x, filters, name, dilation=dilation)
    return conv(depthwise(x, name, dilation=dilation), filters, f"{name}_pointwise", kernel=1)
