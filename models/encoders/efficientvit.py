"""EfficientViT B0 to B3 (Cai et al.; arXiv 2205.14756): mobile blocks, and multi-scale linear attention.

Not the network of the same name in arXiv 2305.07027. Layers are named after the original's modules
(mit-han-lab/efficientvit), with underscores for dots.
"""

from dataclasses import dataclass
from functools import partial

import keras
from keras import layers, ops

from models import torch_layers
from models.initializers import normal
from models.torch_layers import ImageNetNormalize, batch_norm

EXPANSION = 4  # of a mobile block's channels
AGGREGATION = 5  # kernel of the second scale of queries, keys and values
TINY = 1e-15  # added to what attention is divided by
# drawn as in the original, efficientvit/apps/utils/init.py
conv = partial(torch_layers.conv, initializer=normal(0.02))
depthwise = partial(torch_layers.depthwise, initializer=normal(0.02))


@dataclass(frozen=True)
class Variant:
    """Channels at 1/2 to 1/32, numbers of blocks there, and channels of a head of attention."""

    channels: tuple[int, int, int, int, int]
    blocks: tuple[int, int, int, int, int]
    head: int


VARIANTS = {
    "efficientvit_b0": Variant((8, 16, 32, 64, 128), (1, 2, 2, 2, 2), 16),
    "efficientvit_b1": Variant((16, 32, 64, 128, 256), (1, 2, 3, 3, 4), 16),
    "efficientvit_b2": Variant((24, 48, 96, 192, 384), (1, 3, 4, 4, 6), 32),
    "efficientvit_b3": Variant((32, 64, 128, 256, 512), (1, 4, 6, 6, 9), 32),
}


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/2 to 1/32.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, for there is no dilation.

    Returns:
        Of B0 {2: [B, H/2, W/2, 8], 4: [.., 16], 8: [.., 32], 16: [.., 64], 32: [.., 128]}.
    """
    variant = VARIANTS[name]
    first, *others = zip(variant.channels, variant.blocks)
    x = ImageNetNormalize(name="normalize")(image)
    x = conv_norm_act(x, first[0], "stem_0", kernel=3, stride=2)  # [B, H/2, W/2, C1]
    for index in range(1, first[1] + 1):
        y = depth(x, f"stem_{index}_depth")
        x = add(x, conv_norm_act(y, first[0], f"stem_{index}_point", act=False), f"stem_{index}")
    features = {2: x}
    for stage, (channels, blocks) in enumerate(others):
        with_attention = stage > 1  # at 1/16 and 1/32, whose mobile blocks have fewer norms
        x = mobile_block(x, channels, f"stage{stage}_0", stride=2, norms=not with_attention)
        for index in range(1, blocks + with_attention):
            name = f"stage{stage}_{index}"
            if with_attention:
                x = add(x, linear_attention(x, variant.head, f"{name}_context"), f"{name}_context")
                name = f"{name}_local"
            x = add(x, mobile_block(x, channels, name, norms=not with_attention), name)
        features[4 << stage] = x  # [B, H/4, W/4, C2] ... [B, H/32, W/32, C5]
    return features


def conv_norm_act(x, filters: int, name: str, kernel: int = 1, stride: int = 1, norm: bool = True, act=True):
    """Convolution `name_conv`, with a bias where batch norm `name_norm` is left out, hard swish."""
    x = conv(x, filters, f"{name}_conv", kernel, stride, bias=not norm)
    return norm_act(x, name, norm, act)


def depth(x, name: str, stride: int = 1, norm: bool = True):
    """The same with a 3x3 depthwise convolution."""
    return norm_act(depthwise(x, f"{name}_conv", 3, stride, bias=not norm), name, norm)


def norm_act(x, name: str, norm: bool = True, act: bool = True):
    """Batch norm `name_norm`, hard swish, either of which may be left out."""
    x = batch_norm(x, f"{name}_norm") if norm else x
    return layers.Activation("hard_silu", name=f"{name}_act")(x) if act else x


def add(x, y, name: str):
    """A residual connection."""
    return layers.Add(name=f"{name}_add")([x, y])


def mobile_block(x, filters: int, name: str, stride: int = 1, norms: bool = True):
    """MobileNetV2's inverted residual without its connection: [B, h, w, C] -> [B, h/stride, .., filters].

    `norms`: batch norm behind all three convolutions, else behind the last one.
    """
    x = conv_norm_act(x, EXPANSION * x.shape[-1], f"{name}_inverted", norm=norms)
    x = depth(x, f"{name}_depth", stride, norms)
    return conv_norm_act(x, filters, f"{name}_point", act=False)


def linear_attention(x, head: int, name: str):
    """Attention of two scales, queries, keys and values of the second one joined from 5x5 neighbours.

    [B, h, w, C] -> [B, h, w, C], in C / `head` heads (section 3.1, figure 2).
    """
    channels = x.shape[-1]
    whole = conv(x, 3 * channels, f"{name}_qkv", 1)  # [B, h, w, 3 C]
    y = depthwise(whole, f"{name}_aggregate_0", AGGREGATION)
    y = conv(y, 3 * channels, f"{name}_aggregate_1", 1, groups=3 * channels // head)
    y = layers.Concatenate(name=f"{name}_concat")([whole, y])  # [B, h, w, 6 C]
    y = LinearAttention(head, name=f"{name}_attention")(y)  # [B, h, w, 2 C]
    return conv_norm_act(y, channels, f"{name}_proj", act=False)


@keras.saving.register_keras_serializable("street_scenes")
class LinearAttention(layers.Layer):
    """relu(q)^T (relu(k) v^T) / relu(q)^T sum(relu(k)), whose cost grows with the pixels, without weights.

    Called on maps [B, h, w, heads * 3 * head] of static size, for each head first its queries, then keys,
    then values; returns [B, h, w, heads * head]. Calculated in float32, because keys are summed over a map.
    """

    def __init__(self, head: int, **options):
        super().__init__(**options)
        self.head = head

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        # channels first, as ONNX has them: there the transposes cancel against those of the convolutions
        x = ops.transpose(ops.cast(inputs, "float32"), (0, 3, 1, 2))
        x = ops.reshape(x, (-1, channels // (3 * self.head), 3 * self.head, height * width))
        query, key, value = ops.split(x, 3, axis=2)  # each [B, heads, head, N]
        query, key = ops.relu(query), ops.transpose(ops.relu(key), (0, 1, 3, 2))
        products = ops.matmul(ops.matmul(value, key), query)  # [B, heads, head, N]
        weights = ops.matmul(ops.sum(key, axis=2, keepdims=True), query)  # [B, heads, 1, N]
        x = ops.reshape(products / (weights + TINY), (-1, channels // 3, height, width))
        return ops.cast(ops.transpose(x, (0, 2, 3, 1)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return *input_shape[:3], input_shape[3] // 3

    def get_config(self):
        return {**super().get_config(), "head": self.head}
