"""Networks as trained ones are: their activations have a spread, and their logits follow the image."""

import keras
import numpy as np
from keras import layers


def calibrate(network, images) -> None:
    """Random scales and offsets for batch norm, and the statistics of the batch `images` [B, H, W, 3].

    With fresh weights alone the image fades within ten layers. The offsets leave most values above zero:
    where half of them are cut off, rounding grows from layer to layer, a hundredfold in 65 of them.
    """
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    random = np.random.default_rng(0)
    for norm in norms:
        norm.gamma.assign(random.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(random.uniform(0.5, 1.0, norm.beta.shape))
        norm.momentum = 0.0
    network(images, training=True)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def random_images(count, size, seed=0):
    """Random blocks under noise, each image with a colour of its own, uint8 [count, *size, 3].

    Of noise alone all means are nearly equal, and batch norm behind image pooling would blow rounding up.
    """
    random = np.random.default_rng(seed)
    own = random.integers(0, 100, (count, 1, 1, 3))
    blocks = random.integers(0, 100, (count, size[0] // 16, size[1] // 16, 3)).repeat(16, 1).repeat(16, 2)
    return (own + blocks + random.integers(0, 56, (count, *size, 3))).astype(np.uint8)


def narrowed(network, factor: int):
    """The same graph of layers by the same names, with every `factor`-th of the channels, fresh weights.

    What a conversion costs goes by the number of weights, what it can get wrong by the operations. The last
    layer with channels of its own, the scores, keeps them.
    """
    last = [layer for layer in network.layers if hasattr(layer, "filters")][-1]

    def rebuilt(layer):
        config = layer.get_config()
        if "filters" in config and layer is not last:
            config["filters"] = -(-config["filters"] // factor)
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=rebuilt)
