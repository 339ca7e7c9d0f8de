"""Counts the multiply-accumulate operations (MACs) of a layer or operation for one image, from its shapes.

Counted are products with a kernel or a matrix: of convolutions one for each kernel value at each output
pixel, also where a kernel hangs over the border; of dense layers, matrix products and Einstein sums one for
each pair of numbers that is multiplied. What else a network does (norms, which inference folds into
convolutions, activations, sums and products element by element, pooling, resizing, reshaping) is not, as in
the papers' tables.

Layers are known by the Keras layer that they inherit from. Any other is run on symbolic tensors, and the
operations of `keras.ops` that it calls are counted.
"""

import math
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import layers

from benchmarks import graph
from benchmarks.graph import Call


@dataclass
class Count:
    """Multiply-accumulates.

    Attributes:
        macs: of all that can be counted.
        uncounted: calls of layers and operations that cannot be; with any, `macs` is a lower bound.
    """

    macs: int = 0
    uncounted: list[Call] = field(default_factory=list)

    def __add__(self, other: "Count") -> "Count":
        return Count(self.macs + other.macs, self.uncounted + other.uncounted)


def count(call: Call) -> Count:
    """Count the MACs of one call, those inside nested models and composite layers included.

    What cannot be counted: a layer that calls its backend's own functions and has weights of two or more
    dimensions (without such weights it is taken for one without products); an operation that runs others in a
    loop or under a condition; an Einstein sum of three or more tensors; a product of tensors where the length
    of an axis is unknown.
    """
    known = next((rule for kinds, rule in LAYERS.items() if isinstance(call.operation, kinds)), None)
    if known:
        return _applied(known, call)
    if call.inside is not None:
        return sum(map(count, call.inside), Count())
    if type(call.operation).__module__.startswith("keras.src.ops."):
        return _of_operation(call)
    found = graph.trace_call(call)
    if found is not None:
        return sum(map(count, found.calls), Count())
    matrices = any(len(variable.shape) > 1 for variable in getattr(call.operation, "variables", []))
    return Count(uncounted=[call]) if matrices else Count()


def _of_operation(call: Call) -> Count:
    """Of an operation of `keras.ops`; Keras has no public names for the classes."""
    name = type(call.operation).__name__
    if name in UNCOUNTED or (name == "Einsum" and len(_shapes(call)) > 2):
        return Count(uncounted=[call])
    return _applied(OPERATIONS[name], call) if name in OPERATIONS else Count()


def _applied(rule, call: Call) -> Count:
    shapes = [*_shapes(call), *(tensor.shape for tensor in call.inputs + call.outputs)]
    if any(None in shape for shape in shapes):  # a layer has not given Keras its output's whole shape
        return Count(uncounted=[call])
    return Count(rule(call))


def _shapes(call: Call) -> list[tuple[int, ...]]:
    """Shapes of the positional arguments: tensors, weights, arrays, numbers."""
    return [tuple(value.shape) if hasattr(value, "shape") else np.shape(value) for value in call.arguments[0]]


def _positions(tensor, operation) -> int:
    """Pixels of the images of a tensor [B, ..., C], or [B, C, ...] where the operation has channels first."""
    data_format = operation.data_format or keras.config.image_data_format()
    channels = 1 if data_format == "channels_first" else -1
    return math.prod(tensor.shape) // tensor.shape[channels]


def _convolution_layer(call: Call) -> int:
    """Kernel [..., C / groups, filters], or [..., C, multiplier] where depthwise, at each output pixel."""
    return _positions(call.outputs[0], call.operation) * math.prod(call.operation.kernel.shape)


def _separable_layer(call: Call) -> int:
    """Both parts work at the output's pixels: the first one has the stride."""
    kernels = call.operation.depthwise_kernel, call.operation.pointwise_kernel
    return _positions(call.outputs[0], call.operation) * sum(math.prod(kernel.shape) for kernel in kernels)


def _transposed_layer(call: Call) -> int:
    """Each input pixel is spread over the kernel [..., filters, C]."""
    return _positions(call.inputs[0], call.operation) * math.prod(call.operation.kernel.shape)


def _dense_layer(call: Call) -> int:
    """[..., C] times the kernel [C, units]."""
    return math.prod(call.inputs[0].shape) * call.operation.kernel.shape[-1]


def _einsum_layer(call: Call) -> int:
    return einsum(call.operation.equation, [call.inputs[0].shape, call.operation.kernel.shape])


def _convolution(call: Call) -> int:
    """Image and kernel; or image, depthwise and pointwise kernel."""
    kernels = _shapes(call)[1:]
    return _positions(call.outputs[0], call.operation) * sum(map(math.prod, kernels))


def _transposed(call: Call) -> int:
    return _positions(call.inputs[0], call.operation) * math.prod(_shapes(call)[1])


def _matmul(call: Call) -> int:
    """[..., n, k] times [..., k, m]: k for each output."""
    return math.prod(call.outputs[0].shape) * _shapes(call)[0][-1]


def _contraction(call: Call) -> int:
    """A tensor of a numbers and one of b give one of c, with no axis in all three.

    Then a = n k, b = k m and c = n m for the k numbers that are summed, and there are n k m products.
    """
    first, second = map(math.prod, _shapes(call)[:2])
    return math.isqrt(first * second * math.prod(call.outputs[0].shape))


def _attention(call: Call) -> int:
    """Queries [B, T, heads, C] times keys [B, S, heads, C], and their softmax times values like the keys."""
    queries, keys = _shapes(call)[:2]
    return 2 * math.prod(queries) * keys[1]


def _einsum(call: Call) -> int:
    return einsum(call.operation.subscripts, _shapes(call))


def einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> int:
    """MACs of an Einstein sum: of two tensors one for each combination of indices, of one tensor none.

    Args:
        subscripts: such as "bij,bjk->bik" or "...ij,jk->...ik".
        shapes: of the tensors.
    """
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    if len(terms) == 1:
        return 0
    sizes = {}  # index -> its extent; axes behind an ellipsis are counted from its end
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        hidden = len(shape) - len(before) - len(after) if dots else 0
        indices = [*before, *(f".{number}" for number in range(hidden, 0, -1)), *after]
        for index, extent in zip(indices, shape, strict=True):
            sizes[index] = max(sizes.get(index, 1), extent)
    return math.prod(sizes.values())


LAYERS = {
    (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D): (
        _convolution_layer
    ),
    (layers.SeparableConv1D, layers.SeparableConv2D): _separable_layer,
    (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): _transposed_layer,
    layers.Dense: _dense_layer,
    layers.EinsumDense: _einsum_layer,
    (layers.InputLayer, layers.BatchNormalization, layers.PReLU): lambda call: 0,
}
OPERATIONS = {
    **dict.fromkeys(("Conv", "DepthwiseConv", "SeparableConv"), _convolution),
    "ConvTranspose": _transposed,
    "Matmul": _matmul,
    "Einsum": _einsum,
    "DotProductAttention": _attention,
    **dict.fromkeys(("Dot", "Inner", "Tensordot", "Vdot"), _contraction),
}
UNCOUNTED = {"AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop"}
