"""Xception (arXiv 1610.02357) as in segmentation_models.pytorch.

It differs from keras.applications' (`models.encoders.xception`) in padding, which is symmetric, in batch
norm's epsilon, and in which sums and activations are features. Layers are named after its modules, with
underscores for dots.
"""

import keras
from keras import layers, ops

from models.initializers import uniform, uniform_depthwise
from models.layers import normalize
from models.torch_layers import batch_norm, conv, depthwise

# channels, separable convolutions, stride of each block; the channels change in the first convolution, of
# the last block in its last one
BLOCKS = ((128, 2, 2), (256, 2, 2), (728, 2, 2), *(((728, 3, 1),) * 8), (1024, 2, 2))
LAST = (1536, 2048)
TAPS = {1: 4, 2: 8, 11: 16}  # block -> stride of the feature that it gives


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/2 to 1/32.

    Args:
        name: of the encoder; there is one.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, for nothing is dilated.

    Returns:
        {2: [B, H/2, W/2, 64], 4: [.., 128], 8: [.., 256], 16: [.., 728], 32: [.., 2048]}.
    """
    x = normalize(image)
    for number, (filters, stride) in enumerate(((32, 2), (64, 1)), start=1):
        x = conv(x, filters, f"conv{number}", stride=stride, initializer=uniform)
        x = batch_norm(x, f"bn{number}", f"relu{number}")
    features = {2: x}
    for number, (filters, count, stride) in enumerate(BLOCKS, start=1):
        x = block(x, filters, f"block{number}", count, stride, first=number == 1, last=number == len(BLOCKS))
        if number in TAPS:
            features[TAPS[number]] = x
    x = batch_norm(separable(x, LAST[0], "conv3"), "bn3", "relu3")
    features[32] = batch_norm(separable(x, LAST[1], "conv4"), "bn4")
    return features


def separable(x, filters: int, name: str):
    """3x3 depthwise and 1x1 convolution with nothing between them."""
    x = depthwise(x, f"{name}_conv1", initializer=uniform_depthwise)
    return conv(x, filters, f"{name}_pointwise", 1, initializer=uniform)


def block(x, filters: int, name: str, count: int, stride: int, first: bool, last: bool):
    """Separable convolutions around a shortcut: [B, h, w, C] -> [B, h/stride, w/stride, filters].

    `first` leaves the first ReLU out; `last` widens the channels in the last convolution.
    """
    shortcut, channels = x, x.shape[-1]
    if stride > 1 or channels != filters:
        shortcut = conv(x, filters, f"{name}_skip", 1, stride=stride, initializer=uniform)
        shortcut = batch_norm(shortcut, f"{name}_skipbn")
    number = 0  # of the original's module: ReLU, separable convolution, batch norm
    for index in range(count):
        if index or not first:
            x = layers.ReLU(name=f"{name}_rep_{number}")(x)
            number += 1
        x = separable(x, channels if last and index < count - 1 else filters, f"{name}_rep_{number}")
        x = batch_norm(x, f"{name}_rep_{number + 1}")
        number += 2
    if stride > 1:
        x = EdgePad(name=f"{name}_pool_pad")(x)
        x = layers.MaxPooling2D(3, strides=stride, name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])


@keras.saving.register_keras_serializable("street_scenes")
class EdgePad(layers.Layer):
    """The first row and column once more: [B, H, W, C] -> [B, H + 1, W + 1, C].

    Before maximum pooling this is padding that is never the maximum: a window that reaches over the edge
    holds the edge's pixel as well.
    """

    def call(self, inputs):
        x = ops.concatenate([inputs[:, :1], inputs], axis=1)
        return ops.concatenate([x[:, :, :1], x], axis=2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, height + 1, width + 1, channels
