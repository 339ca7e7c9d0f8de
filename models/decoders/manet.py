"""MAnet's decoder (Fan et al.; 10.1109/ACCESS.2020.3025372), as in segmentation_models.pytorch.

Position-wise attention on the deepest features, and on each level two squeeze-and-excitations that weigh the
enlarged features by themselves and by the skip.
"""

import keras
from keras import layers, ops

from models.decoders.unet import CHANNELS, up
from models.encoders import Features
from models.layers import Resize
from models.smp_layers import conv, conv_bn_relu, scores

NAME = "manet"
OUTPUT_STRIDES = (32,)
LEVELS = (4, 8, 16, 32)  # and 2 where the encoder has it
PRESETS = {"smp": {}}
ATTENTION_CHANNELS = 64
REDUCTION = 16


def build(features: Features, classes: int, output_stride: int):
    """Scores at the image's resolution from features at 1/2 to 1/32.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.

    Returns:
        [B, H, W, classes].
    """
    x = position_attention(features.at[32])
    for index, (stride, filters) in enumerate(zip((16, 8, 4, 2, 1), CHANNELS)):
        skip, name = features.at.get(stride), f"decoder{index}"
        x = up(x, None, filters, name) if skip is None else fused(x, skip, filters, name)
    return scores(x, classes)


def position_attention(x):
    """x plus what all other positions have, weighed by likeness: [B, h, w, C] -> [B, h, w, C]."""
    top = conv(x, ATTENTION_CHANNELS, "attention_top", 1, bias=True)
    center = conv(x, ATTENTION_CHANNELS, "attention_center", 1, bias=True)
    bottom = conv(x, x.shape[-1], "attention_bottom", 3, bias=True)
    seen = PositionProduct(name="attention_product")([center, top, bottom])
    return conv(layers.Add(name="attention_add")([x, seen]), x.shape[-1], "attention_out", 3, bias=True)


def fused(x, skip, filters: int, name: str):
    """[B, h, w, C] and a skip [B, 2h, 2w, S] -> [B, 2h, 2w, filters]."""
    height, width, channels = skip.shape[1:]
    x = conv_bn_relu(x, x.shape[-1], f"{name}_high0")
    x = conv_bn_relu(x, channels, f"{name}_high1", 1)
    x = Resize(height, width, interpolation="nearest", name=f"{name}_up")(x)  # [B, 2h, 2w, S]
    weights = [excitation(x, f"{name}_excite_high"), excitation(skip, f"{name}_excite_low")]
    x = layers.Multiply(name=f"{name}_weighed")([x, layers.Add(name=f"{name}_weights")(weights)])
    x = layers.Concatenate(name=f"{name}_concat")([x, skip])
    return conv_bn_relu(conv_bn_relu(x, filters, f"{name}_conv1"), filters, f"{name}_conv2")


def excitation(x, name: str):
    """A weight for each channel from the map's mean: [B, h, w, C] -> [B, 1, 1, C] in 0..1."""
    channels = x.shape[-1]
    x = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    x = conv(x, max(1, channels // REDUCTION), f"{name}_reduce", 1, bias=True)
    x = conv(layers.ReLU(name=f"{name}_relu")(x), channels, f"{name}_expand", 1, bias=True)
    return layers.Activation("sigmoid", name=f"{name}_sigmoid")(x)


@keras.saving.register_keras_serializable("street_scenes")
class PositionProduct(layers.Layer):
    """softmax(center top^T) bottom over all pairs of positions, as segmentation_models.pytorch calculates it.

    Called on [center [B, h, w, A], top [B, h, w, A], bottom [B, h, w, C]]; returns [B, h, w, C]. The softmax
    is over all h w h w pairs together, and the product [B, h w, C] is read as [B, C, h, w] without a
    transpose: trained weights rest on both.
    """

    def call(self, inputs):
        center, top, bottom = inputs
        _, height, width, channels = bottom.shape
        count = height * width
        center, top = (ops.reshape(x, (-1, count, x.shape[-1])) for x in (center, top))
        scores = ops.matmul(center, ops.transpose(top, (0, 2, 1)))  # [B, h w, h w]
        scores = ops.softmax(ops.reshape(ops.cast(scores, "float32"), (-1, count * count)), axis=-1)
        shares = ops.cast(ops.reshape(scores, (-1, count, count)), self.compute_dtype)
        seen = ops.matmul(shares, ops.reshape(bottom, (-1, count, channels)))  # [B, h w, C]
        return ops.transpose(ops.reshape(seen, (-1, channels, height, width)), (0, 2, 3, 1))

    def compute_output_shape(self, input_shape):
        return input_shape[2]
