"""FastFCN: Joint Pyramid Upsampling in the place of a dilated encoder (Wu et al.; arXiv 1903.11816).

Behind it stands one of three heads, with mmsegmentation's channels.
"""

from keras import layers

from models.decoders.aspp import RATES, Style, aspp
from models.decoders.auxiliary import auxiliary
from models.decoders.context_encoding import ENCODING, context_encoding
from models.decoders.jpu import joint_pyramid_upsampling
from models.decoders.pyramid_pooling import pyramid_pooling
from models.encoders import Features
from models.initializers import uniform
from models.model_options import require_one_of
from models.torch_layers import EPSILON, conv_bn_relu, scores

NAME = "fastfcn"
OUTPUT_STRIDES = (32,)
LEVELS = (8, 16, 32)
HEADS = ("psp", "aspp", "enc")
# the paper's encoder is not dilated; mmsegmentation's last two stages are, beside their strides
PRESETS = {"mmseg": {"dilations": (1, 1, 2, 4), "dilated_blocks": "first", "last_conv": False}}


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    head: str = "psp",
    width: int = 512,
    channels: int = 512,
    codes: int = 32,
    dropout: float = 0.1,
):
    """Scores at 1/8 from features at 1/8, 1/16 and 1/32.

    The heads `psp` and `aspp` normalise over the batch alone in places: train with at least two images per
    GPU.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.
        align_corners: how everything is enlarged, see `models.layers.Resize`.
        head: `psp`, pyramid pooling; `aspp`, atrous spatial pyramid pooling; `enc`, context encoding.
        width: channels of each part of the upsampling.
        channels: of the head.
        codes: codewords of the head `enc`.
        dropout: share of the values dropped before the scores in training.

    Returns:
        [B, H/8, W/8, classes].
    """
    require_one_of("head", head, HEADS)
    levels = [features.at[stride] for stride in LEVELS]
    x = joint_pyramid_upsampling(levels, width, align_corners)  # [B, H/8, W/8, 4 * width]
    if head == "psp":
        x = pyramid_pooling(x, channels, channels, align_corners=align_corners)
    elif head == "aspp":
        style = Style(separable=False, inner_norm=True, epsilon=EPSILON)
        x = aspp(x, RATES[8], style, channels, pool_first=True, project_kernel=3)
    else:
        x = context_encoding(conv_bn_relu(x, channels, "bottleneck"), codes)
    x = layers.Dropout(dropout, name="head_dropout")(x)  # [B, H/8, W/8, channels]
    return scores(x, classes)


def heads(model, features: Features, classes: int) -> dict:
    """What serves training alone: scores from the encoder at 1/16, and of head `enc` which classes there are.

    The latter are logits [B, classes] from the image's encoding (arXiv 1803.08904, section 3.1).
    """
    found = {"auxiliary": auxiliary(features, classes)}
    if any(layer.name == ENCODING for layer in model.layers):
        encoding = model.get_layer(ENCODING).output
        presence = layers.Dense(classes, kernel_initializer=uniform(), dtype="float32", name="presence")
        found["presence"] = presence(encoding)
    return found
