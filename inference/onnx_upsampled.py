"""A 3x3 convolution of a map that repetition enlarged, as in U-Net's decoder, with 4/9 of its products.

Of the three rows under a kernel two are the same row of the small map, and so of the columns. Each of the
four places in a square of 2x2 results is a convolution of the small map by a kernel of 2x2, of sums of the
3x3 one (Aitken et al., arXiv 1707.02937). What is concatenated with the enlarged map keeps a 3x3 convolution
of its own, and the results are added: they differ in the last digits alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto

from inference import onnx_editing, onnx_shapes
from inference.onnx_editing import Editing, attributes

LEAST = 128  # channels of the small map: of fewer, putting the places together costs what products save
# row of a 3x3 kernel -> row of the 2x2 kernel for even and odd rows of the result
ROWS = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
REPEATING = (
    (b"asymmetric", b"floor"),
    (b"half_pixel", b"round_prefer_floor"),
    (b"half_pixel", b"round_prefer_ceil"),
)


@dataclass(frozen=True)
class Enlarged:
    """A convolution and the part of its input that was enlarged.

    Attributes:
        convolution: the node.
        small: the map before it is enlarged.
        channels: of the input, those of the enlarged map.
        others: what it is concatenated with, in order.
    """

    convolution: NodeProto
    small: str
    channels: slice
    others: list[str]


def accelerate(model: onnx.ModelProto) -> list[str]:
    """Change the convolutions of a graph that are worth it.

    Args:
        model: of static shapes, for ONNX Runtime on a CPU; is changed, its values stay the same.

    Returns:
        The names of the convolutions that were replaced.
    """
    return [one.convolution.name for one in onnx_editing.rewrite(model, _enlarged, _replace)]


def _enlarged(editing: Editing, model: onnx.ModelProto) -> Iterator[Enlarged]:
    if not any(attributes(node).get("mode") == b"nearest" for node in editing.of_kind("Resize")):
        return
    shapes = onnx_shapes.inferred(model)
    for node in editing.of_kind("Conv"):
        joined = editing.maker(node.input[0], "Concat")
        if not editing.is_dense(node, 3) or (joined and attributes(joined)["axis"] != 1):
            continue
        parts = list(joined.input) if joined else [node.input[0]]
        if any(len(shapes.get(part, ())) != 4 for part in parts):  # not known in every file
            continue
        first = 0
        for place, part in enumerate(parts):
            channels = shapes[part][1]
            small = _repeated(editing, part, shapes)
            if small and channels >= LEAST:
                others = parts[:place] + parts[place + 1 :]
                yield Enlarged(node, small, slice(first, first + channels), others)
                break
            first += channels


def _repeated(editing: Editing, name: str, shapes: dict) -> str | None:
    """The map that was made twice as high and wide by repetition, if a tensor is one that was."""
    node = editing.maker(name, "Resize")
    if node is None or attributes(node).get("mode") != b"nearest":
        return None
    how = attributes(node)
    rule = (
        how.get("coordinate_transformation_mode", b"half_pixel"),
        how.get("nearest_mode", b"round_prefer_floor"),
    )
    before, after = shapes.get(node.input[0], ()), shapes[name]
    twice = after == (*before[:2], *(2 * side for side in before[2:]))
    return node.input[0] if twice and rule in REPEATING else None


def _replace(editing: Editing, one: Enlarged) -> None:
    node = one.convolution
    kernel = editing.constant(node.input[1])  # [outputs, channels, 3, 3]
    bias = list(node.input[2:])

    def add(kind: str, inputs: list[str], name: str, **options) -> str:
        return editing.add(node, kind, inputs, f"{node.name}/{name}", **options)

    def constant(name: str, values: np.ndarray) -> str:
        return editing.add_constant(f"{node.name}/{name}", values.astype(np.float32))

    places = []
    for row in (0, 1):
        for column in (0, 1):
            sums = np.einsum(
                "ay,bx,oiyx->oiab", ROWS[row], ROWS[column], kernel[:, one.channels].astype(np.float64)
            )
            name = f"place{row}{column}"
            inputs = [one.small, constant(f"{name}_kernel", sums), *([] if one.others else bias)]
            pads = [1 - row, 1 - column, row, column]
            places.append(add("Conv", inputs, name, kernel_shape=[2, 2], pads=pads))
    squares = add("Concat", places, "places", axis=1)  # [N, 4 outputs, H/2, W/2]
    result = add("DepthToSpace", [squares], "enlarged", blocksize=2, mode="DCR")
    if one.others:
        rest = constant("others_kernel", np.delete(kernel, one.channels, axis=1))
        joined = one.others[0] if len(one.others) == 1 else add("Concat", one.others, "others", axis=1)
        others = add("Conv", [joined, rest, *bias], "others_result", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        result = add("Add", [others, result], "sum")
    editing.replace(node, result)
