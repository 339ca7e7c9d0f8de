"""ESPNetv2: A Light-weight, Power Efficient, and General Purpose CNN (Mehta et al.; arXiv 1811.11431).

The segmentation network of its authors' repository (EdgeNets): the classifier's layers down to 1/16 and a
decoder of efficient pyramid pooling.

That pooling shuffles the channels of its five scales, so that each group of a 3x3 convolution has one channel
of each. Such a convolution is the sum of five depthwise ones, which is how it stands here.
"""

import math
from functools import partial

import keras
from keras import layers

from models import torch_layers
from models.initializers import he_fan_out_depthwise
from models.layers import Resize
from models.model_options import require_one_of
from models.torch_layers import AdaptiveAveragePooling2D, ImageNetNormalize, PReLU, batch_norm
from models.torch_layers import batch_norm_prelu as norm_prelu

SIZE_MULTIPLE = 16  # the deepest features are at 1/16
# width multiplier -> channels at 1/2, 1/4, 1/8, 1/16
CHANNELS = {
    0.5: (16, 32, 64, 128),
    1.0: (32, 64, 128, 256),
    1.25: (32, 80, 160, 320),
    1.5: (32, 96, 192, 384),
    2.0: (32, 128, 256, 512),
}
BLOCKS = {3: 3, 4: 7}  # EESP units behind the one that halves the size, by level
BRANCHES = 4
WIDE, NARROW = (1, 2, 3, 4), (1, 1, 2, 3)  # dilations of a unit's branches; the narrow ones at 1/16
SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)  # of the decoder's pyramid pooling
LEAST = 5  # pixels along a side of a reduced map
DECODER_CHANNELS = {1: 64, 2: 48, 3: 32}
MOST_PROJECTED = 16  # channels of a scale; half of the classes, if these are fewer


def build(input_shape: tuple[int, int, int], classes: int, width_multiplier: float = 2.0) -> keras.Model:
    """ESPNetv2 on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 16.
        classes: output channels, which the decoder's width depends on as well.
        width_multiplier: a key of `CHANNELS`.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: another width multiplier.
    """
    require_one_of("width multiplier of espnetv2", width_multiplier, CHANNELS)
    channels = CHANNELS[width_multiplier]
    image = keras.Input(input_shape, name="image")
    normalized = ImageNetNormalize(name="normalize")(image)
    x = conv_norm_prelu(normalized, channels[0], "level1", 3, stride=2)  # [B, H/2, W/2, C1]
    features = [x]
    pooled = halve(normalized, "image2")  # the image at 1/2
    for level, filters in enumerate(channels[1:], start=2):
        pooled = halve(pooled, f"image{2**level}")
        x = down(x, pooled, filters, f"level{level}_down")  # [B, H/2^level, W/2^level, filters]
        for index in range(BLOCKS.get(level, 0)):
            dilations = NARROW if level == 4 else WIDE
            x = eesp(x, filters, f"level{level}_{index}", dilations)
        features.append(x)
    x = decoder(features, classes)  # [B, H/2, W/2, classes]
    logits = Resize(*input_shape[:2], align_corners=True, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="espnetv2")


def conv(x, filters: int, name: str, kernel: int = 1, stride: int = 1, groups: int = 1, bias: bool = False):
    """Convolution; a depthwise layer where each channel is a group of its own."""
    if groups == x.shape[-1] == filters:
        return depthwise(x, name)
    return torch_layers.conv(x, filters, name, kernel, stride, groups=groups, bias=bias)


def depthwise(x, name: str, stride: int = 1, dilation: int = 1):
    """3x3 depthwise convolution with the repository's initialisation."""
    return torch_layers.depthwise(x, name, 3, stride, dilation, initializer=he_fan_out_depthwise)


def conv_norm_prelu(x, filters: int, name: str, kernel: int = 1, **options):
    """Convolution `name_conv`, batch norm, PReLU."""
    return norm_prelu(conv(x, filters, f"{name}_conv", kernel, **options), name)


def conv_norm(x, filters: int, name: str, kernel: int = 1, **options):
    """Convolution `name_conv`, batch norm."""
    return batch_norm(conv(x, filters, f"{name}_conv", kernel, **options), f"{name}_bn")


def halve(x, name: str):
    """Averages of 3x3 pixels, zeros around the map counted: [B, h, w, C] -> [B, h/2, w/2, C]."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=2, name=f"{name}_average")(x)


def down(x, image, filters: int, name: str):
    """Halve the size: averages beside an EESP unit, and what the small image adds (figure 2).

    x: [B, h, w, C], image: [B, h/2, w/2, 3] -> [B, h/2, w/2, filters].
    """
    new = eesp(x, filters - x.shape[-1], name, WIDE, stride=2)
    y = layers.Concatenate(name=f"{name}_concat")([halve(x, name), new])
    image = conv_norm_prelu(image, 3, f"{name}_image1", 3)
    image = conv_norm(image, filters, f"{name}_image2")
    return PReLU(name=f"{name}_act")(layers.Add(name=f"{name}_add")([y, image]))


def eesp(x, filters: int, name: str, dilations: tuple[int, ...], stride: int = 1):
    """Extremely efficient spatial pyramid of depthwise dilated convolutions (figure 1c).

    [B, h, w, C] -> [B, h/stride, w/stride, filters]; with a stride of 2 without the last PReLU.
    """
    reduced = conv_norm_prelu(x, filters // BRANCHES, f"{name}_project", groups=BRANCHES)
    branches = []
    for number, dilation in enumerate(dilations):
        y = depthwise(reduced, f"{name}_branch{number}", stride=stride, dilation=dilation)
        if branches:  # hierarchical feature fusion: with all that have smaller kernels
            y = layers.Add(name=f"{name}_branch{number}_add")([y, branches[-1]])
        branches.append(y)
    y = norm_prelu(layers.Concatenate(name=f"{name}_branches")(branches), f"{name}_branches")
    y = conv_norm(y, filters, f"{name}_expand", groups=BRANCHES)
    if stride > 1:
        return y
    if x.shape[-1] == filters:
        y = layers.Add(name=f"{name}_add")([y, x])
    return PReLU(name=f"{name}_act")(y)


def decoder(features: list, classes: int):
    """Pyramid pooling at 1/16, 1/8, 1/4 and 1/2, each enlarged and added to the encoder's features.

    features: at 1/2, 1/4, 1/8, 1/16 -> [B, H/2, W/2, classes].
    """
    planes = min(classes // 2, MOST_PROJECTED)
    x = features[-1]
    for step, filters in DECODER_CHANNELS.items():
        x = norm_prelu(pyramid_pool(x, planes, filters, f"decoder{step}"), f"decoder{step}")
        skip = features[-1 - step]
        x = Resize(*skip.shape[1:3], align_corners=True, name=f"decoder{step}_resize")(x)
        x = layers.Add(name=f"decoder{step + 1}_add")([weighted(skip, filters, f"skip{step + 1}"), x])
        x = norm_prelu(x, f"decoder{step + 1}_in")
    return pyramid_pool(x, planes, classes, f"decoder{step + 1}", bias=True)


def weighted(x, filters: int, name: str):
    """3x3 convolution in as many groups as possible, and weights of its channels from the whole map."""
    # in float32, because a sum over a map may not fit in float16
    weights = layers.GlobalAveragePooling2D(keepdims=True, dtype="float32", name=f"{name}_average")(x)
    weights = layers.Activation("sigmoid", name=f"{name}_gate")(conv(weights, filters, f"{name}_weights"))
    x = conv_norm_prelu(x, filters, name, 3, groups=math.gcd(x.shape[-1], filters))
    return layers.Multiply(name=f"{name}_multiply")([x, weights])


def pyramid_pool(x, planes: int, filters: int, name: str, bias: bool = False):
    """Efficient pyramid pooling: a depthwise convolution at each of five scales, joined by another one.

    [B, h, w, C] -> [B, h, w, filters].
    """
    x = conv_norm_prelu(x, planes, f"{name}_project")
    parts = []
    for number, scale in enumerate(SCALES):
        part = f"{name}_scale{number}"
        y = norm_prelu(at_scale(x, scale, part), part)
        parts.append(depthwise(y, f"{part}_merge"))
    x = norm_prelu(layers.Add(name=f"{name}_merge")(parts), f"{name}_merge")
    return conv(x, filters, f"{name}_expand", bias=bias)


def at_scale(x, scale: float, name: str):
    """A depthwise convolution on an enlarged or reduced map: [B, h, w, C] -> [B, h, w, C]."""
    own = tuple(x.shape[1:3])
    size = tuple(max(math.ceil(side * scale), LEAST) for side in own)
    enlarge = partial(Resize, align_corners=True)
    there, back = (enlarge, AdaptiveAveragePooling2D) if scale > 1 else (AdaptiveAveragePooling2D, enlarge)
    if scale != 1:
        x = there(*size, name=f"{name}_there")(x)
    x = depthwise(x, f"{name}_conv")
    return x if scale == 1 else back(*own, name=f"{name}_back")(x)
