"""A small network and images on which rounding alone decides most comparisons of its poolings."""

import keras
import numpy as np
from keras import layers

from data.label_sets import CITYSCAPES
from models.layers import BatchNorm
from models.pooling import PoolWithPosition, Unpool

SIZE = (16, 32)


def network(epsilon=1e-3):
    """[N, 16, 32, 3] -> logits: two branches that pool and unpool, the second behind a dropout.

    The first kernels are the same seen in a mirror, and so is what they see of `images`: the left and the
    right pixel of a window are sums of the same numbers in another order.
    """
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="normalise")(image)
    unpooled = []
    for branch in "ab":
        y = layers.Dropout(0.3, name="drop")(x) if branch == "b" else x
        y = layers.Conv2D(8, 3, padding="same", name=f"{branch}_conv")(y)
        y = layers.ReLU(name=f"{branch}_relu")(BatchNorm(epsilon=epsilon, name=f"{branch}_bn")(y))
        y, position = PoolWithPosition(name=f"{branch}_pool")(y)  # [N, 8, 16, 8]
        y = layers.Conv2D(8, 3, padding="same", name=f"{branch}_middle")(y)
        unpooled.append(Unpool(name=f"{branch}_unpool")([y, position]))  # [N, 16, 32, 8]
    x = layers.Add(name="add")(unpooled)
    model = keras.Model(
        image, layers.Conv2D(CITYSCAPES.classes, 3, padding="same", name="logits")(x), name="tied"
    )
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            layer.moving_variance.assign(random.uniform(0.1, 0.5, layer.moving_variance.shape))
        elif layer.weights:
            kernel, bias = (random.normal(0, 0.1, weight.shape) for weight in layer.weights)
            mirrored = kernel[:, ::-1] if layer.name in ("a_conv", "b_conv") else kernel
            layer.set_weights([kernel + mirrored, bias])
    return model


def images(count=2):
    """Pairs of equal columns, first, second, first, second ..., uint8 [count, 16, 32, 3]."""
    pairs = np.random.default_rng(0).integers(0, 256, (count, SIZE[0], 2, 3), np.uint8)
    return np.tile(pairs.repeat(2, axis=2), (1, 1, SIZE[1] // 4, 1))
