"""VGG16's convolutions (Simonyan, Zisserman; arXiv 1409.1556); weights: `models.weights.keras_vgg16`."""

from collections.abc import Callable

from keras import layers

from models.encoders.imagenet_files import Published
from models.layers import conv

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # (convolutions, filters)
MEAN = (123.68, 116.779, 103.939)  # of ImageNet's red, green, blue
IMAGENET = Published(
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/",
    "6d6bbae143d832006294945121d1f1fc",
)


def subtract_mean(image):
    """RGB in 0..255 less ImageNet's mean colour, in float32.

    VGG16 was trained on BGR; its first kernel is turned once rather than every image here.
    """
    return layers.Rescaling(1.0, [-mean for mean in MEAN], dtype="float32", name="subtract_mean")(image)


def convolutions(x, pool: Callable):
    """VGG16's thirteen convolutions, each with batch norm and ReLU: [B, H, W, 3] -> [B, H/32, W/32, 512].

    Args:
        x: Keras tensor.
        pool: (a block's output, the block's number from 1) -> the same at half the resolution.
    """
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            x = conv(x, filters, f"encoder{block}_{number}")  # [B, H/2^(block-1), ..., filters]
        x = pool(x, block)
    return x
