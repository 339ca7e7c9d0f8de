"""VGG16's convolutions (Simonyan, Zisserman; arXiv 1409.1556) and their ImageNet weights.

The weights are those of `keras.applications.VGG16`, read from its HDF5 file as plain arrays.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from keras import layers

from common.errors import UserError
from models.layers import BN_EPSILON, conv
from models.weights import imagenet, keras_hdf5, native
from models.weights.imagenet import Published

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # (convolutions, filters)
MEAN = (123.68, 116.779, 103.939)  # of ImageNet's red, green, blue
IMAGENET = Published(
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/",
    "6d6bbae143d832006294945121d1f1fc",
)


def subtract_mean(image):
    """RGB in 0..255 less ImageNet's mean colour, in float32.

    VGG16 was trained on BGR; its first kernel is turned by `load` rather than every image here.
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


def load(model, source: str) -> None:
    """Fill the encoder, layers `encoderB_N_conv` and `encoderB_N_bn`, with VGG16's weights.

    VGG16 has biases and no batch norm. Here a batch norm follows each convolution, and a bias b becomes its
    moving mean -b (with a variance that divides by 1): at inference the encoder computes exactly VGG16's
    features. In training the batch's own mean takes the bias out, as it would that of a biased
    convolution, so no convolution keeps one; as a batch norm's offset it would be on the wrong scale.

    Args:
        model: has the encoder's layers.
        source: "none" (nothing is loaded), "imagenet" (downloaded once), or a path of the file.

    Raises:
        UserError: not downloadable, not readable, or not VGG16's weights.
    """
    path = imagenet.find(source, "VGG16", IMAGENET)
    if not path:
        return
    arrays = {}
    stored = {layer.name: list(layer.arrays.values()) for layer in keras_hdf5.read(path)}
    for block, (convolutions, _) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            kernel, bias = _pair(stored, f"block{block}_conv{number}", path)
            name = f"encoder{block}_{number}"
            arrays[f"{name}_conv/kernel"] = kernel
            arrays[f"{name}_bn/moving_mean"] = -bias
            arrays[f"{name}_bn/moving_variance"] = np.full_like(bias, 1 - BN_EPSILON)
    first = "encoder1_1_conv/kernel"
    arrays[first] = arrays[first][:, :, ::-1]  # BGR -> RGB
    native.assign([variable for variable in model.weights if variable.path in arrays], arrays, path)


def _pair(stored: dict[str, list[np.ndarray]], layer: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A convolution's kernel and bias."""
    found = stored.get(layer, [])
    if [array.ndim for array in found] != [4, 1]:
        raise UserError(
            f"{path} has no kernel and bias of '{layer}': not VGG16's weights; use {IMAGENET.file}"
        )
    imagenet.require_numbers(layer, found, path)
    return found[0], found[1]
