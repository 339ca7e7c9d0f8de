"""Counts multiply-accumulate operations (MACs) layer by layer, from the shapes of a functional model.

Counted are those of convolutions: one for each kernel value at each output pixel, also where a kernel hangs
over the border. What else a network does (norms, which inference folds into convolutions, activations, sums,
pooling, resizing) is not, as in the papers' tables. A layer of unknown type is an error, never a 0.
"""

import math

from keras import layers

from models.depthwise import DepthwiseConv2D, SeparableConv2D
from models.encoders.resnet50 import CaffeNormalize
from models.layers import BatchNorm, Resize
from models.pooling import DilatedMaxPooling2D, PoolWithPosition, Unpool


def layer_macs(layer) -> int:
    """MACs of a layer for one image.

    Args:
        layer: a layer of a functional model, called once on tensors [B, h, w, C] of static size.

    Raises:
        TypeError: nothing is known about layers of this type.
    """
    if type(layer) in FREE:
        return 0
    if type(layer) not in COUNTED:
        raise TypeError(
            f"the MACs of layer '{layer.name}' are unknown: add {type(layer).__name__} to benchmarks/macs.py"
        )
    return COUNTED[type(layer)](layer)


def convolution(layer) -> int:
    """Kernel [k, k, C / groups, filters], or [k, k, C, multiplier] where depthwise, at each output pixel."""
    return pixels(layer.output) * math.prod(layer.kernel.shape)


def separable(layer) -> int:
    """Both parts work at the output's pixels: the first one has the stride."""
    kernels = layer.depthwise_kernel, layer.pointwise_kernel
    return pixels(layer.output) * sum(math.prod(kernel.shape) for kernel in kernels)


def transposed(layer) -> int:
    """Each input pixel is spread over the kernel [k, k, filters, C]."""
    return pixels(layer.input) * math.prod(layer.kernel.shape)


def pixels(tensor) -> int:
    """Height times width of [B, h, w, C]."""
    _, height, width, _ = tensor.shape
    return height * width


# Exact types: a subclass may compute something else.
COUNTED = {
    layers.Conv2D: convolution,
    layers.DepthwiseConv2D: convolution,
    layers.SeparableConv2D: separable,
    DepthwiseConv2D: convolution,
    SeparableConv2D: separable,
    layers.Conv2DTranspose: transposed,
}
FREE = {
    layers.InputLayer,
    layers.Rescaling,
    CaffeNormalize,
    layers.BatchNormalization,
    BatchNorm,
    layers.ReLU,
    layers.Activation,
    layers.Dropout,
    layers.Add,
    layers.Concatenate,
    layers.ZeroPadding2D,
    layers.MaxPooling2D,
    DilatedMaxPooling2D,
    PoolWithPosition,
    Unpool,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.UpSampling2D,
    Resize,
}
