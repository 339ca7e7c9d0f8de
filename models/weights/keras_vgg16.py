"""ImageNet weights of `keras.applications.VGG16`, read from its HDF5 file as plain arrays."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from models.encoders.vgg16 import BLOCKS, IMAGENET
from models.layers import BN_EPSILON
from models.weights import imagenet, keras_hdf5, native


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
