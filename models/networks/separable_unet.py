"""Separable U-Net: U-Net (arXiv 1505.04597) of depthwise separable convolutions (arXiv 1610.02357).

Two variants. `original` is the network that published weights exist for, layer by layer, with its
convolutions at full resolution and its two channels before the scores. `large` is deeper and wider, yet
keeps little at full resolution, so that it trains at 1024x2048.
"""

import keras
from keras import layers

from models.depthwise import SeparableConv2D
from models.initializers import he_fan_in, he_fan_in_depthwise
from models.layers import Resize, batch_norm, conv, normalize, separable
from models.model_options import require_one_of

SIZE_MULTIPLE = 32  # the large variant's deepest features are at 1/32
VARIANTS = ("original", "large")


def build(input_shape: tuple[int, int, int], classes: int, variant: str = "original") -> keras.Model:
    """Separable U-Net on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 32.
        classes: output channels.
        variant: `original` (348,998 parameters with 20 classes) or `large` (2.4 M).

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: an unknown variant.
    """
    require_one_of("variant", variant, VARIANTS)
    image = keras.Input(input_shape, name="image")
    logits = (original if variant == "original" else large)(image, classes)
    return keras.Model(image, logits, name="separable_unet")


def original(image, classes: int):
    """The first network: [B, H, W, 3] -> [B, H, W, classes]; it takes RGB in 0..1 and every layer has a bias.

    The order of the layers is that of the published weights (`models.weights.legacy`).
    """
    x = layers.Rescaling(1 / 255, name="normalize")(image)
    skips = []
    for level, filters in enumerate((16, 32, 64, 128), start=1):
        x = biased(x, layers.Conv2D, filters, f"encoder{level}a")
        x = biased(x, SeparableConv2D, filters, f"encoder{level}b")  # [B, H/2^(level-1), ..., filters]
        if level == 4:
            x = layers.Dropout(0.5, name="encoder4_dropout")(x)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    x = biased(x, SeparableConv2D, 256, "bottoma")
    x = biased(x, SeparableConv2D, 256, "bottomb")  # [B, H/16, W/16, 256]
    x = layers.Dropout(0.5, name="bottom_dropout")(x)
    for level, filters in ((4, 128), (3, 64), (2, 32), (1, 16)):
        name = f"decoder{level}"
        # one node in ONNX, where UpSampling2D is a chain of eight
        x = Resize(*skips[level - 1].shape[1:3], interpolation="nearest", name=f"{name}_nearest")(x)
        x = biased(x, SeparableConv2D, filters, f"{name}_up", kernel=2)
        x = layers.Concatenate(name=f"{name}_concat")([skips[level - 1], x])
        x = biased(x, SeparableConv2D, filters, f"{name}a")
        x = biased(x, SeparableConv2D, filters, f"{name}b")  # [B, H/2^(level-1), ..., filters]
    x = biased(x, layers.Conv2D, 2, "squeeze")  # [B, H, W, 2]
    return layers.Conv2D(classes, 1, kernel_initializer=he_fan_in(), dtype="float32", name="logits")(x)


def biased(x, kind, filters: int, name: str, kernel: int = 3):
    """A convolution of that kind with a bias, batch norm, ReLU; kernels after He (arXiv 1502.01852)."""
    if kind is SeparableConv2D:
        drawn = {"depthwise_initializer": he_fan_in_depthwise(), "pointwise_initializer": he_fan_in()}
    else:
        drawn = {"kernel_initializer": he_fan_in()}
    return batch_norm(kind(filters, kernel, padding="same", name=f"{name}_conv", **drawn)(x), name)


def large(image, classes: int):
    """The improved network: [B, H, W, 3] -> [B, H, W, classes].

    Residual blocks make the depth trainable, dilation at 1/32 brings context, and the scores are made
    at 1/4 and resized, which keeps the activations of a 1024x2048 image small.
    """
    x = conv(normalize(image), 32, "stem", stride=2)  # [B, H/2, W/2, 32]
    skips = []
    for stage, (filters, blocks) in enumerate(((64, 2), (128, 3), (256, 4)), start=1):
        for block in range(1, blocks + 1):
            x = residual(x, filters, f"encoder{stage}_{block}", stride=2 if block == 1 else 1)
        skips.append(x)  # [B, H/4, W/4, 64], [B, H/8, W/8, 128], [B, H/16, W/16, 256]
    x = residual(x, 384, "bottom1", stride=2)  # [B, H/32, W/32, 384]
    for block, dilation in enumerate((2, 4, 8), start=2):
        x = residual(x, 384, f"bottom{block}", dilation=dilation)
    for stage in (3, 2, 1):
        x = up(x, skips[stage - 1], f"decoder{stage}")
    scores = layers.Conv2D(classes, 1, kernel_initializer=he_fan_in(), name="scores")(
        x
    )  # [B, H/4, W/4, classes]
    return Resize(*image.shape[1:3], dtype="float32", name="logits")(scores)


def residual(x, filters: int, name: str, stride: int = 1, dilation: int = 1):
    """Two separable convolutions beside a shortcut: [B, h, w, C] -> [B, h/stride, w/stride, filters]."""
    y = separable(x, filters, f"{name}a", stride=stride)
    y = separable(y, filters, f"{name}b", dilation=dilation, relu=False)
    if stride > 1 or x.shape[-1] != filters:
        x = conv(x, filters, f"{name}_shortcut", kernel=1, stride=stride, relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def up(x, skip, name: str):
    """Upsampling, the skip, two separable convolutions: [B, h, w, .], [B, 2h, 2w, C] -> [B, 2h, 2w, C]."""
    filters = skip.shape[-1]
    x = conv(x, filters, f"{name}_project", kernel=1)  # before resizing, where pixels are fewer
    x = Resize(*skip.shape[1:3], name=f"{name}_resize")(x)
    x = layers.Concatenate(name=f"{name}_concat")([skip, x])
    return separable(separable(x, filters, f"{name}a"), filters, f"{name}b")
