"""Mix Transformer, SegFormer's encoder (Xie et al.; arXiv 2105.15203, section 3.1).

Tokens stay maps, channels-last; layers are named after the original's modules. Publications differ in the
epsilon of their layer norms, which is an option.
"""

from dataclasses import dataclass

import numpy as np
from keras import layers

from models.attention import ScaledDotProduct
from models.initializers import truncated_normal
from models.torch_layers import ImageNetNormalize, conv, depthwise

HEADS = (1, 2, 5, 8)  # of a stage
REDUCTIONS = (8, 4, 2, 1)  # of keys and values, along each axis
MLP_RATIO = 4
DROP_PATH = 0.1  # of the last block; the first one has none


@dataclass(frozen=True)
class Variant:
    """Channels and blocks of the four stages."""

    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]


VARIANTS = {
    "mit_b0": Variant((32, 64, 160, 256), (2, 2, 2, 2)),
    "mit_b1": Variant((64, 128, 320, 512), (2, 2, 2, 2)),
    "mit_b2": Variant((64, 128, 320, 512), (3, 4, 6, 3)),
    "mit_b3": Variant((64, 128, 320, 512), (3, 4, 18, 3)),
    "mit_b4": Variant((64, 128, 320, 512), (3, 8, 27, 3)),
    "mit_b5": Variant((64, 128, 320, 512), (3, 6, 40, 3)),
}
# publication -> epsilon of the layer norms in (blocks and behind stages, patch embeddings and reductions)
EPSILONS = {"original": (1e-6, 1e-5), "mmseg": (1e-6, 1e-6), "hub": (1e-5, 1e-5)}


def build(name: str, image, output_stride: int = 32, epsilons: str = "original") -> dict[int, object]:
    """Features at 1/4 to 1/32.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, for there is no dilation.
        epsilons: a key of `EPSILONS`.

    Returns:
        {4: [B, H/4, W/4, C1], 8: ..., 16: ..., 32: [B, H/32, W/32, C4]}.
    """
    variant, (epsilon, embedding_epsilon) = VARIANTS[name], EPSILONS[epsilons]
    rates = iter(np.linspace(0, DROP_PATH, sum(variant.blocks)))
    x = ImageNetNormalize(name="normalize")(image)
    features = {}
    for stage, (channels, blocks) in enumerate(zip(variant.channels, variant.blocks), start=1):
        kernel, stride = (7, 4) if stage == 1 else (3, 2)
        x = conv(
            x, channels, f"patch_embed{stage}_proj", kernel, stride=stride, padding=kernel // 2, bias=True
        )
        x = norm(x, f"patch_embed{stage}_norm", embedding_epsilon)  # [B, H/2^(stage+1), ..., channels]
        for index in range(blocks):
            name = f"block{stage}_{index}"
            y = norm(x, f"{name}_norm1", epsilon)
            y = attention(y, f"{name}_attn", HEADS[stage - 1], REDUCTIONS[stage - 1], embedding_epsilon)
            rate = float(next(rates))
            x = residual(x, y, f"{name}_attn", rate)
            y = mix_ffn(norm(x, f"{name}_norm2", epsilon), f"{name}_mlp")
            x = residual(x, y, f"{name}_mlp", rate)
        x = norm(x, f"norm{stage}", epsilon)
        features[2 ** (stage + 1)] = x
    return features


def linear(outputs: int, name: str):
    """A dense layer, drawn as in the authors' code."""
    return layers.Dense(outputs, kernel_initializer=truncated_normal(0.02)(), name=name)


def norm(x, name: str, epsilon: float):
    """Layer normalisation over the channels."""
    return layers.LayerNormalization(epsilon=epsilon, name=name)(x)


def residual(x, y, name: str, rate: float):
    """x + y, where `rate` of the images leave y out in training (stochastic depth, arXiv 1603.09382)."""
    if rate:
        y = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def attention(x, name: str, heads: int, reduction: int, epsilon: float):
    """Self-attention with keys and values from a coarser map: [B, h, w, C] -> [B, h, w, C]."""
    channels = x.shape[-1]
    coarse = x
    if reduction > 1:
        coarse = conv(x, channels, f"{name}_sr", reduction, stride=reduction, padding=0, bias=True)
        coarse = norm(coarse, f"{name}_norm", epsilon)  # [B, h/reduction, w/reduction, C]
    query = linear(channels, f"{name}_q")(x)
    key, value = (linear(channels, f"{name}_{part}")(coarse) for part in "kv")
    x = ScaledDotProduct(heads, name=f"{name}_product")([query, key, value])
    return linear(channels, f"{name}_proj")(x)


def mix_ffn(x, name: str):
    """Dense, depthwise 3x3, GELU, dense; the convolution takes the place of positional encodings."""
    channels = x.shape[-1]
    x = linear(MLP_RATIO * channels, f"{name}_fc1")(x)
    x = depthwise(x, f"{name}_dwconv", bias=True)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    return linear(channels, f"{name}_fc2")(x)
