"""Counts the memory of activations, for one image in float32, from the shapes of a model's tensors.

Counted are the tensors that pass between layers and operations, also inside nested models and layers that
hold others, and the map inside a separable convolution. Layers run one after another in Keras's order, none
overwrites its input, and what a kernel needs as scratch space is left out; compilers do better on the first,
libraries worse on the second.

The gradient of a layer or operation that is not listed below is taken to read its inputs: so does that of a
convolution, a norm, or a product of two tensors.
"""

import math

import keras
from keras import layers

from benchmarks.graph import Call, Graph
from models.encoders.resnet50 import CaffeNormalize
from models.layers import Resize
from models.pooling import DilatedMaxPooling2D, PoolWithPosition, Unpool
from models.torch_layers import AdaptiveAveragePooling2D, BicubicResize, ImageNetNormalize

FLOAT32 = 4  # bytes


def inference_bytes(graph: Graph) -> int:
    """The most bytes held at once; a tensor is held from the call that makes it to the last that reads it."""
    calls = graph.leaves()
    last = {id(tensor): call for call in calls for tensor in call.inputs}
    last |= dict.fromkeys(map(id, graph.outputs))  # these stay
    held = peak = 0
    for call in calls:
        held += sum(map(size, call.outputs))
        peak = max(peak, held + inner(call))
        done = {id(tensor): tensor for tensor in call.inputs + call.outputs}
        held -= sum(size(tensor) for key, tensor in done.items() if last.get(key, call) is call)
    return peak


def training_bytes(graph: Graph) -> int:
    """Bytes that the backward pass reads, all held when the forward pass ends; the loss reads the logits."""
    held = {id(tensor): tensor for tensor in graph.outputs}
    for call in graph.leaves():
        held |= {id(tensor): tensor for tensor in read_by_gradient(call)}
    noted = sum(inner(call) + mask(call) for call in graph.leaves())
    return sum(map(size, held.values())) + noted


def read_by_gradient(call: Call) -> list:
    """Those of a call's inputs and outputs that its gradient needs; of an unknown layer, its inputs."""
    if isinstance(call.operation, layers.Layer):
        rules = (rule for kinds, rule in LAYERS.items() if isinstance(call.operation, kinds))
        return next(rules, inputs)(call)
    return OPERATIONS.get(type(call.operation).__name__, inputs)(call)


def inner(call: Call) -> int:
    """Bytes of the map between the depthwise and the pointwise part of a separable convolution, else 0."""
    layer = call.operation
    if not isinstance(layer, layers.SeparableConv2D):
        return 0
    return size(call.outputs[0]) // layer.filters * layer.pointwise_kernel.shape[2]


def mask(call: Call) -> int:
    """Bytes of the mask that dropout keeps in training, one for each value; of other layers 0."""
    return size(call.outputs[0]) // FLOAT32 if isinstance(call.operation, layers.Dropout) else 0


def size(tensor) -> int:
    """Bytes of a tensor; an axis without a known length counts as 1."""
    return FLOAT32 * math.prod(length or 1 for length in tensor.shape)


def none(_) -> list:
    """No tensors: the gradient follows from shapes and weights, or a mask."""
    return []


def inputs(call: Call) -> list:
    """The input tensors."""
    return call.inputs


def outputs(call: Call) -> list:
    """The output tensors."""
    return call.outputs


def inputs_and_maxima(call: Call) -> list:
    """The gradient of maximum pooling finds the winners anew; positions pass none on."""
    return call.inputs + call.outputs[:1]


def positions(call: Call) -> list:
    """Where the values of [values, positions] went; TensorFlow keeps four masks of a byte each instead."""
    return call.inputs[1:]


def of_activation(call: Call) -> list:
    """What the gradient of an activation is a function of, as far as Keras's own are known by their names."""
    name = getattr(call.operation.activation, "__name__", "")
    return call.outputs if name in FROM_OUTPUT else none(call) if name == "linear" else call.inputs


def of_kernel(call: Call) -> list:
    """The inputs of a layer with a kernel, and what its activation's gradient needs: the outputs."""
    name = getattr(call.operation.activation, "__name__", "")
    return call.inputs + (call.outputs if name in FROM_OUTPUT else [])


def of_product(call: Call) -> list:
    """The factors; of a tensor by constants none, as constants need no gradient."""
    weights = any(isinstance(value, keras.Variable) for value in call.arguments[0])
    return call.inputs if weights or len(call.inputs) > 1 else []


# activations whose derivative is a function of their value
FROM_OUTPUT = {
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "softmax",
    "log_softmax",
    "softplus",
    "tanh",
}
KERNELS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.Dense,
    layers.EinsumDense,
)
LINEAR = (
    layers.InputLayer,
    layers.Rescaling,
    CaffeNormalize,
    layers.Dropout,
    layers.Identity,
    layers.Add,
    layers.Subtract,
    layers.Average,
    layers.Concatenate,
    layers.Flatten,
    layers.Permute,
    layers.Reshape,
    layers.Cropping2D,
    layers.ZeroPadding2D,
    layers.AveragePooling2D,
    layers.AdaptiveAveragePooling2D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.UpSampling2D,
    AdaptiveAveragePooling2D,
    BicubicResize,
    ImageNetNormalize,
    Resize,
)
# a layer is of the first kind that it inherits from
LAYERS = {
    (layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax): outputs,
    layers.Activation: of_activation,
    KERNELS: of_kernel,
    (
        layers.MaxPooling2D,
        layers.GlobalMaxPooling2D,
        DilatedMaxPooling2D,
        PoolWithPosition,
    ): inputs_and_maxima,
    Unpool: positions,
    LINEAR: none,
}
LINEAR_OPERATIONS = (
    *("Add", "Subtract", "Negative", "Sum", "Mean", "Cast", "ConvertToTensor", "Identity", "StopGradient"),
    *(
        "Reshape",
        "Transpose",
        "Moveaxis",
        "Swapaxes",
        "Squeeze",
        "ExpandDims",
        "BroadcastTo",
        "Ravel",
        "Flip",
    ),
    *(
        "Concatenate",
        "Stack",
        "Split",
        "Unstack",
        "GetItem",
        "Slice",
        "Take",
        "Repeat",
        "Tile",
        "Roll",
        "Pad",
    ),
    *("PadImages", "CropImages", "ExtractPatches", "Unfold", "Fold", "SpaceToDepth", "DepthToSpace"),
    *("AveragePool", "AdaptiveAveragePool", "Resize"),
)
# by the names of Keras's classes behind `keras.ops`, which are not public
OPERATIONS = {
    **dict.fromkeys(LINEAR_OPERATIONS, none),
    **dict.fromkeys(("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Softplus", "Tanh"), outputs),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Exp", "Sqrt", "Rsqrt"), outputs),
    **dict.fromkeys(("Multiply", "Matmul", "Einsum", "Dot", "Inner", "Tensordot"), of_product),
    **dict.fromkeys(("MaxPool", "AdaptiveMaxPool", "Max", "Amax"), inputs_and_maxima),
}
