"""DeepLabV3+: encoder-decoder with atrous separable convolution (Chen et al.; arXiv 1802.02611)."""

from dataclasses import dataclass

from keras import layers

from models.decoders.auxiliary import auxiliary
from models.encoders import Features
from models.layers import BN_EPSILON, Resize, conv, depthwise

__all__ = ["auxiliary", "build"]
NAME = "deeplabv3plus"  # TensorFlow's scopes take no '+'
OUTPUT_STRIDES = (16, 8)
LEVELS = (4, 32)
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # output stride -> the pyramid's dilations, section 4.1
PLAIN = ("resnet50_keras",)  # encoders beside which the paper's convolutions are not separable
PRESETS = {
    "mmseg": {
        "output_stride": 8,
        "channels": 512,
        "pool_first": True,
        "project_kernel": 3,
        "separable": True,
        "epsilon": 1e-5,
        "dilated_blocks": "first",
        "last_conv": False,
    },
    "smp": {
        "rates": (12, 24, 36),
        "separable": True,
        "inner_norm": False,
        "refine": True,
        "convolutions": 1,
        "dropout": 0.5,
        "epsilon": 1e-5,
        "align_corners": True,
        "first_dilation": "full",
    },
}


@dataclass(frozen=True)
class Style:
    """How the decoder's convolutions are made: separable or not, with batch norm inside, its epsilon."""

    separable: bool
    inner_norm: bool
    epsilon: float

    def conv(self, x, filters: int, name: str, kernel: int = 1):
        """A convolution, batch norm, ReLU."""
        return conv(x, filters, name, kernel, epsilon=self.epsilon)

    def conv3x3(self, x, filters: int, name: str, dilation: int = 1):
        """3x3 convolution, batch norm, ReLU; separable: depthwise 3x3 and 1x1, each with both."""
        # From the map's size on, only the centre still reads pixels. A larger dilation would compute the
        # same, but TensorFlow on a CPU pads the map to a multiple of it: 1.2 s, not 0.06 s, for 4x8 at 36.
        dilation = min(dilation, max(x.shape[1:3]))
        if not self.separable:
            return conv(x, filters, name, dilation=dilation, epsilon=self.epsilon)
        x = depthwise(x, name, dilation=dilation, norm=self.inner_norm, epsilon=self.epsilon)
        return conv(x, filters, f"{name}_pointwise", kernel=1, epsilon=self.epsilon)


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    separable: bool | None = None,
    inner_norm: bool = True,
    channels: int = 256,
    low_channels: int = 48,
    rates: tuple[int, int, int] | None = None,
    pool_first: bool = False,
    project_kernel: int = 1,
    refine: bool = False,
    convolutions: int = 2,
    dropout: float = 0.1,
    epsilon: float = BN_EPSILON,
):
    """Scores at 1/4 from features at 1/4 and at the output stride.

    Image pooling normalises over the batch alone: train with at least two images per GPU. The defaults are
    the paper's; mmsegmentation and segmentation_models.pytorch differ in them, see `PRESETS`.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: pixels per position of the deepest features, 16 or 8 (finer, four times the work).
        align_corners: how the pyramid is enlarged to 1/4, see `models.layers.Resize`.
        separable: depthwise separable 3x3 convolutions in pyramid and decoder; None takes the paper's
            choice, which is yes for MobileNetV2 and the Xceptions and no for ResNet.
        inner_norm: batch norm and ReLU between the two parts of separable convolutions.
        channels: of the pyramid and the decoder.
        low_channels: of the features at 1/4 in the decoder.
        rates: the pyramid's dilations; None takes the paper's for the output stride.
        pool_first: in the pyramid's concatenation, the image's mean comes first instead of last.
        project_kernel: of the convolution behind the concatenation.
        refine: a separable convolution behind that.
        convolutions: 3x3 ones in the decoder.
        dropout: share of the pyramid's values dropped in training.
        epsilon: of batch norm.

    Returns:
        [B, H/4, W/4, classes].
    """
    if separable is None:
        separable = features.encoder not in PLAIN
    style = Style(separable, inner_norm, epsilon)
    branches = pyramid(features.at[32], rates or RATES[output_stride], style, channels)
    if pool_first:
        branches = [branches[-1], *branches[:-1]]
    x = layers.Concatenate(name="aspp_concat")(branches)  # [B, h, w, 5 * channels]
    x = style.conv(x, channels, "aspp_project", project_kernel)  # [B, H/16, W/16, channels], or 1/8
    x = layers.Dropout(dropout, name="aspp_dropout")(x)
    if refine:
        x = style.conv3x3(x, channels, "aspp_refine")
    x = decoder(
        features.at[4], x, style, convolutions, align_corners, low_channels
    )  # [B, H/4, W/4, channels]
    return layers.Conv2D(classes, 1, name="scores")(x)


def pyramid(x, rates: tuple[int, int, int], style: Style, filters: int) -> list:
    """Atrous spatial pyramid pooling: 1x1, three dilated 3x3 and the image's mean, [B, h, w, filters] each.

    The names leave the rates out: weights trained at one output stride serve at the other, as in the paper.
    """
    branches = [style.conv(x, filters, "aspp_1x1")]
    for index, rate in enumerate(rates, start=1):
        branches.append(style.conv3x3(x, filters, f"aspp_atrous{index}", rate))
    return [*branches, image_pooling(x, style, filters)]


def image_pooling(x, style: Style, filters: int):
    """The mean over all positions, [B, 1, 1, C], convolved and spread over the map again."""
    _, height, width, _ = x.shape
    x = layers.GlobalAveragePooling2D(keepdims=True, name="aspp_pool_average")(x)
    x = style.conv(x, filters, "aspp_pool")
    return Resize(height, width, name="aspp_pool_resize")(x)


def decoder(low, x, style: Style, convolutions: int, align_corners: bool, low_channels: int):
    """Features at 1/4, reduced so that they do not outweigh the encoder's, refine those."""
    filters = x.shape[-1]
    low = style.conv(low, low_channels, "decoder_low")  # [B, H/4, W/4, low_channels]
    x = Resize(*low.shape[1:3], align_corners=align_corners, name="decoder_resize")(x)
    x = layers.Concatenate(name="decoder_concat")([x, low])  # [B, H/4, W/4, filters + low_channels]
    for number in range(1, convolutions + 1):
        x = style.conv3x3(x, filters, f"decoder_conv{number}")
    return x
