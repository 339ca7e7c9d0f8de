"""DeepLabV3+: encoder-decoder with atrous separable convolution (Chen et al.; arXiv 1802.02611)."""

from keras import layers

from models.decoders.aspp import KERNELS, RATES, Style, aspp
from models.decoders.auxiliary import auxiliary
from models.encoders import Features
from models.layers import BN_EPSILON, Resize
from models.model_options import require_one_of

__all__ = ["auxiliary", "build"]
NAME = "deeplabv3plus"  # TensorFlow's scopes take no '+'
OUTPUT_STRIDES = (16, 8)
LEVELS = (4, 32)
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
        "initialization": "mmseg",
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
        "first_dilation": "everywhere",
        "initialization": "smp",
    },
}


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
    initialization: str = "deeplab",
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
        initialization: of the kernels, a key of `models.decoders.aspp.KERNELS`.

    Returns:
        [B, H/4, W/4, classes].
    """
    if separable is None:
        separable = features.encoder not in PLAIN
    require_one_of("initialization", initialization, KERNELS)
    style = Style(separable, inner_norm, epsilon, KERNELS[initialization])
    x = aspp(
        features.at[32], rates or RATES[output_stride], style, channels, pool_first, project_kernel
    )  # [B, H/16, W/16, channels], or 1/8
    x = layers.Dropout(dropout, name="aspp_dropout")(x)
    if refine:
        x = style.conv3x3(x, channels, "aspp_refine")
    x = decoder(
        features.at[4], x, style, convolutions, align_corners, low_channels
    )  # [B, H/4, W/4, channels]
    return layers.Conv2D(classes, 1, kernel_initializer=style.kernels.scores(), name="scores")(x)


def decoder(low, x, style: Style, convolutions: int, align_corners: bool, low_channels: int):
    """Features at 1/4, reduced so that they do not outweigh the encoder's, refine those."""
    filters = x.shape[-1]
    low = style.conv(low, low_channels, "decoder_low")  # [B, H/4, W/4, low_channels]
    x = Resize(*low.shape[1:3], align_corners=align_corners, name="decoder_resize")(x)
    x = layers.Concatenate(name="decoder_concat")([x, low])  # [B, H/4, W/4, filters + low_channels]
    for number in range(1, convolutions + 1):
        x = style.conv3x3(x, filters, f"decoder_conv{number}")
    return x
