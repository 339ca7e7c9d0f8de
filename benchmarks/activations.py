"""Counts the memory of activations, for one image in float32, from the shapes of a functional model.

Counted are the tensors that pass between layers, and the map inside a separable convolution. Layers run one
after another in Keras's order, none overwrites its input, and what a kernel needs as scratch space is left
out; compilers do better on the first, libraries worse on the second.
"""

import math

from keras import layers, tree

from models.depthwise import DepthwiseConv2D, SeparableConv2D
from models.encoders.resnet50 import CaffeNormalize
from models.layers import BatchNorm, Resize
from models.pooling import DilatedMaxPooling2D, PoolWithPosition, Unpool

FLOAT32 = 4  # bytes


def inference_bytes(model) -> int:
    """The most that is held at once: a tensor from the layer that makes it to the last one that reads it."""
    last = {id(tensor): layer for layer in model.operations for tensor in inputs(layer)}
    last |= dict.fromkeys(map(id, model.outputs))  # these stay
    held = peak = 0
    for layer in model.operations:
        made = outputs(layer)
        held += sum(map(size, made))
        peak = max(peak, held + inner(layer))
        done = {id(tensor): tensor for tensor in inputs(layer) + made if last.get(id(tensor), layer) is layer}
        held -= sum(map(size, done.values()))
    return peak


def training_bytes(model) -> int:
    """What the backward pass reads, all of it held at the end of the forward pass; the loss reads the logits.

    Raises:
        TypeError: nothing is known about layers of some type.
    """
    kept = {id(tensor): tensor for tensor in model.outputs}
    for layer in model.operations:
        kept |= {id(tensor): tensor for tensor in read_by_gradient(layer)}
    noted = sum(inner(layer) + mask(layer) for layer in model.operations)
    return sum(map(size, kept.values())) + noted


def read_by_gradient(layer) -> list:
    """Those of a layer's inputs and outputs that its gradient needs.

    Raises:
        TypeError: nothing is known about layers of this type.
    """
    if type(layer) in READ_BY_GRADIENT:
        return READ_BY_GRADIENT[type(layer)](layer)
    raise TypeError(
        f"what the gradient of layer '{layer.name}' needs is unknown: "
        f"add {type(layer).__name__} to benchmarks/activations.py"
    )


def inputs(layer) -> list:
    """A layer's input tensors."""
    return [] if isinstance(layer, layers.InputLayer) else tree.flatten(layer.input)


def outputs(layer) -> list:
    """A layer's output tensors."""
    return tree.flatten(layer.output)


def inner(layer) -> int:
    """Bytes of the map between the depthwise and the pointwise part of a separable convolution, else 0."""
    if not isinstance(layer, layers.SeparableConv2D):
        return 0
    return size(layer.output) // layer.filters * layer.pointwise_kernel.shape[2]


def mask(layer) -> int:
    """Bytes that tell in training which values dropout has dropped: one for each value, else 0."""
    return size(layer.output) // FLOAT32 if isinstance(layer, layers.Dropout) else 0


def size(tensor) -> int:
    """Bytes of a tensor [B, ...] for one image."""
    return FLOAT32 * math.prod(tensor.shape[1:])


def none(_) -> list:
    """No tensors: the gradient of these layers follows from shapes and weights, or a mask."""
    return []


def inputs_and_maxima(layer) -> list:
    """The gradient of maximum pooling finds the winners anew; positions pass none on."""
    return inputs(layer) + outputs(layer)[:1]


def positions(layer) -> list:
    """Where the values of [values, positions] went; TensorFlow keeps four masks of a byte each instead."""
    return inputs(layer)[1:]


# Exact types: a subclass may compute something else.
CONVOLUTIONS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)
NORMS = (layers.BatchNormalization, BatchNorm)
POOLINGS = (layers.MaxPooling2D, DilatedMaxPooling2D, PoolWithPosition)
LINEAR = (
    layers.InputLayer,
    layers.Rescaling,
    CaffeNormalize,
    layers.Dropout,
    layers.Add,
    layers.Concatenate,
    layers.ZeroPadding2D,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.UpSampling2D,
    Resize,
)
READ_BY_GRADIENT = {
    **dict.fromkeys(CONVOLUTIONS + NORMS, inputs),
    **dict.fromkeys((layers.ReLU, layers.Activation), outputs),
    **dict.fromkeys(POOLINGS, inputs_and_maxima),
    Unpool: positions,
    **dict.fromkeys(LINEAR, none),
}
