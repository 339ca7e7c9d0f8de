"""A 3x3 convolution before one of 1x1, as heads end, with two thirds of its products (Winograd, F(2, 3)).

Two rows of the result take four rows of products, not six (Lavin, Gray; arXiv 1509.09308, section 4.1), from
sums of the input's rows and four kernels of one row each. Columns stay as they are, and results differ in the
last digits alone. Even and odd rows are two maps, which the 1x1 convolution narrows before they are put
together; where it widens them, as in a ResNet's bottleneck, that costs more than the products. All of it is
convolutions and sums, which ONNX Runtime calculates in its blocked layout.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto

from inference import onnx_editing, onnx_shapes
from inference.onnx_editing import Editing

# even = p0 + (p1 + p2), odd = (p1 - p2) + p3, where p_k = (KERNELS[k] of the kernel) * (ROWS[k] of the rows)
ROWS = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32)
KERNELS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, -1]])
LEAST = 64  # channels: of fewer, sums cost what products save
MOST = 512  # channels of the input: of more, sums of rows fill the memory
MOST_BYTES = 2**29  # of the four products


@dataclass(frozen=True)
class Head:
    """Two convolutions with ReLU between them."""

    first: NodeProto
    last: NodeProto
    shape: tuple[int, int, int, int]  # of what goes into the first


def accelerate(model: onnx.ModelProto) -> list[str]:
    """Change the heads of a graph that are worth it.

    Args:
        model: of static shapes, for ONNX Runtime on a CPU; is changed, its values stay the same.

    Returns:
        The names of the 3x3 convolutions that were replaced.
    """
    return [head.first.name for head in onnx_editing.rewrite(model, _heads, _replace)]


def _heads(editing: Editing, model: onnx.ModelProto) -> Iterator[Head]:
    shapes = None
    for last in editing.of_kind("Conv"):
        relu = editing.maker(last.input[0], "Relu")
        first = relu and editing.maker(relu.input[0], "Conv")
        if not first or not all(editing.only_user(node.output[0]) for node in (first, relu)):
            continue
        if not (editing.is_dense(last, 1) and editing.is_dense(first, 3)):
            continue
        shapes = shapes or onnx_shapes.inferred(model)
        shape = shapes.get(first.input[0], ())
        outputs, scores = (len(editing.constant(node.input[1])) for node in (first, last))
        if len(shape) == 4 and scores <= outputs and _is_worth_it(shape, outputs):
            yield Head(first, last, shape)


def _is_worth_it(shape: tuple[int, ...], outputs: int) -> bool:
    batch, channels, height, width = shape
    fits = LEAST <= channels <= MOST and outputs >= LEAST and height % 2 == 0
    return fits and 0 < 4 * 2 * batch * outputs * height * width <= MOST_BYTES


def _replace(editing: Editing, head: Head) -> None:
    """Put transformed convolutions in the place of the first, and the last one twice behind them."""

    def node(kind: str, inputs: list[str], name: str, **options) -> str:
        return editing.add(head.last, kind, inputs, f"{head.first.name}/{name}", **options)

    def constant(name: str, values: np.ndarray) -> str:
        return editing.add_constant(f"{head.first.name}/{name}", values)

    scores = list(head.last.input[1:])  # kernel and bias
    products = [_product(editing, head, number, node, constant) for number in range(4)]
    outputs = len(editing.constant(head.first.input[1]))
    # a depthwise convolution by -1, because ONNX Runtime has no subtraction in its blocked layout
    ones = constant("minus", -np.ones((outputs, 1, 1, 1), np.float32))
    minus = node("Conv", [products[2], ones], "minus2", group=outputs)
    halves = []
    for name, outer, inner in (("even", products[0], products[2]), ("odd", products[3], minus)):
        between = node("Add", [products[1], inner], f"{name}_between")
        rows = node("Relu", [node("Add", [outer, between], f"{name}_rows")], f"{name}_relu")
        halves.append(node("Conv", [rows, *scores], f"{name}_scores"))
    joined = node("Concat", halves, "joined", axis=3)  # [N, C, H/2, 2 W]
    batch, _, height, width = head.shape
    shape = np.array([batch, len(editing.constant(scores[0])), height, width], np.int64)
    result = node("Reshape", [joined, constant("shape", shape)], "result")
    editing.replace(head.last, result)


def _product(editing: Editing, head: Head, number: int, node, constant) -> str:
    """p_k: sums of two rows of the input, every second one, by a kernel of one row."""
    channels = head.shape[1]
    rows = constant(f"rows{number}", np.tile(ROWS[number][:, None], (channels, 1, 1, 1)))
    sums = node(
        "Conv", [head.first.input[0], rows], f"taken{number}",
        group=channels, kernel_shape=[4, 1], strides=[2, 1], pads=[1, 0, 1, 0],
    )  # fmt: skip
    weights = editing.constant(head.first.input[1]).astype(np.float64)  # [outputs, channels, 3, 3]
    kernel = np.einsum("r,oirs->ois", KERNELS[number], weights)[:, :, None]  # [outputs, channels, 1, 3]
    kernel = constant(f"kernel{number}", kernel.astype(np.float32))
    bias = head.first.input[2:] if number in (0, 3) else ()
    return node("Conv", [sums, kernel, *bias], f"product{number}", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
