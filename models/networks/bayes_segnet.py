"""Bayesian SegNet (Kendall, Badrinarayanan, Cipolla; arXiv 1511.02680).

SegNet (arXiv 1511.00561) with dropout in its six central blocks, "Bayesian Central Enc-Dec", the best of
the paper's variants. Kernels are drawn after He (arXiv 1502.01852), as those of SegNet (section 3.2). Left
active in prediction (see `inference.sampling`), the dropout samples networks.
"""

import keras
from keras import layers

from models.encoders import vgg16
from models.initializers import he_fan_in
from models.layers import conv
from models.pooling import PoolWithPosition, Unpool
from models.weights import keras_vgg16

SIZE_MULTIPLE = 32  # five poolings
DROPPED = (3, 4, 5)  # blocks of the encoder and of the decoder that end in dropout


def build(
    input_shape: tuple[int, int, int], classes: int, dropout: float = 0.5, encoder_weights: str = "none"
) -> keras.Model:
    """Bayesian SegNet on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 32.
        classes: output channels.
        dropout: share of values dropped after each central block.
        encoder_weights: "none", "imagenet", or a path of keras.applications' VGG16 weights without top.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: encoder weights that cannot be had or read.
    """
    image = keras.Input(input_shape, name="image")
    x, positions = encoder(vgg16.subtract_mean(image), dropout)  # [B, H/32, W/32, 512]
    x = decoder(x, positions, dropout)  # [B, H, W, 64]
    scores = layers.Conv2D(
        classes, 3, padding="same", kernel_initializer=he_fan_in(), dtype="float32", name="logits"
    )
    logits = scores(x)  # [B, H, W, classes]
    model = keras.Model(image, logits, name="bayes_segnet")
    keras_vgg16.load(model, encoder_weights)
    return model


def encoder_layers(model: keras.Model) -> list:
    """VGG16's layers."""
    return [layer for layer in model.layers if layer.name.startswith("encoder")]


def encoder(x, dropout: float):
    """VGG16's convolutions: [B, H, W, 3] -> [B, H/32, W/32, 512] and the positions of five poolings."""
    positions = []

    def pool(x, block: int):
        x, position = PoolWithPosition(name=f"pool{block}")(x)  # [B, H/2^block, W/2^block, filters]
        positions.append(position)
        return layers.Dropout(dropout, name=f"encoder{block}_dropout")(x) if block in DROPPED else x

    return vgg16.convolutions(x, pool), positions


def decoder(x, positions, dropout: float):
    """The encoder mirrored: [B, H/32, W/32, 512] -> [B, H, W, 64].

    A block's last convolution narrows to the next block's filters; the very last is left to the logits.
    """
    for block in range(len(vgg16.BLOCKS), 0, -1):
        convolutions, filters = vgg16.BLOCKS[block - 1]
        x = Unpool(name=f"unpool{block}")([x, positions[block - 1]])  # [B, H/2^(block-1), ..., filters]
        for number in range(convolutions, 1, -1):
            x = conv(x, filters, f"decoder{block}_{number}")
        if block > 1:
            x = conv(x, vgg16.BLOCKS[block - 2][1], f"decoder{block}_1")
        if block in DROPPED:
            x = layers.Dropout(dropout, name=f"decoder{block}_dropout")(x)
    return x
