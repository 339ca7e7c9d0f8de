"""Encoders of keras.applications' kind: functional networks, some of whose layers are the features."""

from collections.abc import Callable, Mapping

import keras

from models.encoders.dilation import KEPT, dilate


def build(
    network,
    taps: dict[int, str],
    image,
    output_stride: int,
    initializers: Mapping[str, Callable] = KEPT,
) -> dict[int, object]:
    """Build such a network on an image, with strides beyond the output stride turned into dilation.

    Args:
        network: image -> `keras.Model`, with its own normalisation of RGB in 0..255.
        taps: stride -> name of the layer whose output is the feature.
        image: Keras tensor [B, H, W, 3] of static size.
        output_stride: 8, 16 or 32; H and W are multiples of it.
        initializers: of kernels, in the place of the network's, see `models.encoders.dilation.dilate`.

    Returns:
        stride of the strided network -> Keras tensor.
    """
    whole = network(keras.Input((None, None, 3), name=image.name))
    encoder = dilate(whole, image, output_stride, initializers)
    return {stride: encoder.get_layer(tap).output for stride, tap in taps.items()}
