"""SINet: Extreme Lightweight Portrait Segmentation Networks (Park et al.; arXiv 1911.09099).

The larger network that its authors trained on Cityscapes: spatial squeeze modules, and a decoder that blocks
fine features where coarse scores are certain. Numbers of blocks and channels, kernels and squeezes are those
of its repository (clovaai/c3_sinet), `models/SINet.py` and `setting/SINet.json`.

Its modules shuffle the channels of a grouped convolution. What follows works on single channels, and then on
all at once, so that a shuffle there is no more than an order of weights, which the map in
`models.weights.torch_maps` takes care of.
"""

import keras
from keras import layers, ops

from models import torch_layers
from models.initializers import uniform, uniform_depthwise
from models.layers import Resize, average_pool
from models.torch_layers import ImageNetNormalize, PReLU, batch_norm, batch_norm_prelu

SIZE_MULTIPLE = 16  # the deepest features are at 1/16
EPSILON = 1e-3  # of batch norm
# (kernel, squeeze) of a block's two branches, see `branch`; lists of blocks with the same number of channels
AT_8 = {60: (((3, 1), (5, 1)), ((3, 0), (3, 1)), ((3, 0), (3, 1)))}
AT_16 = {
    84: (
        ((3, 1), (5, 1)),
        ((3, 0), (3, 1)),
        ((5, 1), (5, 4)),
        ((3, 2), (5, 8)),
        ((3, 1), (5, 1)),
    ),
    108: (
        ((3, 1), (5, 1)),
        ((3, 0), (3, 1)),
        ((5, 1), (5, 8)),
        ((3, 2), (5, 4)),
        ((3, 0), (5, 2)),
    ),
}


def build(input_shape: tuple[int, int, int], classes: int, auxiliary: bool = False):
    """SINet on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 16; of 128, maps are squeezed without overlap.
        classes: output channels.
        auxiliary: the scores at 1/16 are an output as well; the decoder has them anyway.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes], or a dict of these and `auxiliary`.
    """
    size = input_shape[:2]
    image = keras.Input(input_shape, name="image")
    x = ImageNetNormalize(name="normalize")(image)
    x = norm_prelu(conv(x, 16, "level1_conv", kernel=3, stride=2), "level1")  # [B, H/2, W/2, 16]
    at_4 = down(x, classes, "level2_down")  # [B, H/4, W/4, classes]
    first = down(at_4, 24, "level3_down")  # [B, H/8, W/8, 24]
    at_8 = blocks(first, AT_8, "level3")  # [B, H/8, W/8, 60]
    x = norm_prelu(concat([first, at_8], "level3"), "level3")  # [B, H/8, W/8, 84]
    first = down(x, 60, "level4_down", reduction=2)  # [B, H/16, W/16, 60]
    x = blocks(first, AT_16, "level4")  # [B, H/16, W/16, 108]
    x = norm_prelu(concat([first, x], "level4"), "level4")  # [B, H/16, W/16, 168]
    coarse = conv(x, classes, "coarse_scores")  # [B, H/16, W/16, classes]
    x = decoder(coarse, at_8, at_4)  # [B, H/2, W/2, classes]
    logits = Resize(*size, align_corners=True, dtype="float32", name="logits")(x)  # [B, H, W, classes]
    if auxiliary:
        enlarged = Resize(*size, dtype="float32", name="auxiliary")(coarse)
        return keras.Model(image, {"logits": logits, "auxiliary": enlarged}, name="sinet")
    return keras.Model(image, logits, name="sinet")


def conv(x, filters: int, name: str, kernel: int = 1, stride: int = 1, groups: int = 1):
    """Convolution without bias, with PyTorch's initialisation."""
    return torch_layers.conv(x, filters, name, kernel, stride, groups=groups, initializer=uniform)


def depthwise(x, name: str, kernel: int | tuple[int, int] = 3, stride: int = 1):
    """Depthwise convolution without bias, with PyTorch's initialisation."""
    return torch_layers.depthwise(x, name, kernel, stride, initializer=uniform_depthwise)


def norm(x, name: str):
    """Batch norm."""
    return batch_norm(x, name, epsilon=EPSILON)


def norm_prelu(x, name: str):
    """Batch norm `name_bn`, PReLU `name_act`."""
    return batch_norm_prelu(x, name, EPSILON)


def concat(maps: list, name: str):
    """Channels of several maps."""
    return layers.Concatenate(name=f"{name}_concat")(maps)


def down(x, filters: int, name: str, reduction: int = 1):
    """Halve the size by depthwise, weights of the channels, 1x1: [B, h, w, C] -> [B, h/2, w/2, filters].

    The weights are not brought to 0..1.
    """
    x = depthwise(x, f"{name}_depthwise", stride=2)
    x = layers.Multiply(name=f"{name}_multiply")([x, channel_weights(x, f"{name}_squeeze", reduction)])
    return norm_prelu(conv(x, filters, f"{name}_pointwise"), name)


def channel_weights(x, name: str, reduction: int):
    """Two dense layers with PReLU on the map's averages, one without `reduction`: -> [B, 1, 1, C]."""
    channels = x.shape[-1]
    # in float32, because a sum over a map may not fit in float16
    x = layers.GlobalAveragePooling2D(keepdims=True, dtype="float32", name=f"{name}_average")(x)
    widths = (channels // reduction, channels) if reduction > 1 else (channels,)
    for number, width in enumerate(widths, start=1):
        dense = layers.Dense(width, kernel_initializer=uniform(), name=f"{name}_dense{number}")
        x = PReLU(name=f"{name}_act{number}")(dense(x))
    return x


def blocks(x, kinds: dict[int, tuple], name: str):
    """Spatial squeeze modules by their channels: [B, h, w, C] -> [B, h, w, last channels]."""
    number = 0
    for channels, among in kinds.items():
        for branches in among:
            x = squeeze_module(x, channels, f"{name}_{number}", branches)
            number += 1
    return x


def squeeze_module(x, channels: int, name: str, branches: tuple):
    """Spatial squeeze module: half of the channels, of which two branches make a half each.

    [B, h, w, C] -> [B, h, w, channels], with the input added where it has as many.
    """
    y = conv(x, channels // 2, f"{name}_reduce", groups=2)  # [B, h, w, channels / 2]
    y = concat([branch(y, f"{name}_{number}", *kind) for number, kind in enumerate(branches, 1)], name)
    if x.shape[-1] == channels:
        y = layers.Add(name=f"{name}_add")([x, y])
    return norm_prelu(y, name)


def branch(x, name: str, kernel: int, squeeze: int):
    """Depthwise, PReLU, 1x1, at 1 / `squeeze` of the size: [B, h, w, C] -> [B, h, w, C].

    Depthwise is the sum of a column and a row of `kernel` values, or with `squeeze` 0 of 3x3 values.
    """
    height, width, channels = x.shape[1:]
    if squeeze > 1:
        x = average_pool(x, (max(height // squeeze, 1), max(width // squeeze, 1)), name)
    if squeeze:
        column = norm(depthwise(x, f"{name}_vertical", (kernel, 1)), f"{name}_vertical_bn")
        row = norm(depthwise(x, f"{name}_horizontal", (1, kernel)), f"{name}_horizontal_bn")
        x = layers.Add(name=f"{name}_add")([column, row])
    else:
        x = norm(depthwise(x, f"{name}_depthwise"), f"{name}_depthwise_bn")
    x = conv(PReLU(name=f"{name}_act")(x), channels, f"{name}_pointwise")
    if squeeze > 1:
        x = Resize(height, width, align_corners=True, name=f"{name}_resize")(x)
    return norm(x, f"{name}_bn")


def decoder(coarse, at_8, at_4):
    """Information blocking decoder: enlarged scores, and finer features where these are uncertain.

    coarse: [B, H/16, W/16, classes], at_8: [B, H/8, W/8, C], at_4: [B, H/4, W/4, classes]
    -> [B, H/2, W/2, classes].
    """
    x = norm(Resize(*at_8.shape[1:3], name="decoder8_resize")(coarse), "decoder8_bn")
    fine = norm_prelu(conv(at_8, coarse.shape[-1], "fine8_conv"), "fine8")
    x = BlockCertain(name="decoder8_blocked")([fine, x])  # [B, H/8, W/8, classes]
    x = norm(Resize(*at_4.shape[1:3], name="decoder4_resize")(x), "decoder4_bn")
    x = BlockCertain(name="decoder4_blocked")([at_4, x])  # [B, H/4, W/4, classes]
    return layers.Conv2DTranspose(
        x.shape[-1],
        2,
        strides=2,
        use_bias=False,
        kernel_initializer=uniform(),
        name="decoder_up",
    )(x)


@keras.saving.register_keras_serializable("street_scenes")
class BlockCertain(layers.Layer):
    """Scores, and finer ones times 1 less the largest probability of a class, without weights.

    Called on [fine, scores], both [B, h, w, classes]; returns the same shape.
    """

    def call(self, inputs):
        fine, scores = inputs
        wide = ops.cast(scores, "float32")
        powers = ops.exp(wide - ops.max(wide, axis=-1, keepdims=True))
        uncertain = 1 - 1 / ops.sum(powers, axis=-1, keepdims=True)  # [B, h, w, 1]
        return fine * ops.cast(uncertain, self.compute_dtype) + scores

    def compute_output_shape(self, input_shape):
        return input_shape[1]
