"""A 1x1 convolution of enlarged maps side by side, as in SegFormer's head, done where the maps are small.

conv([x, enlarge(y)]) = conv_x(x) + enlarge(conv_y(y)), for the weights of a linear enlargement add up to 1
and are the same in all channels. A map of 1/16 of the pixels takes 1/16 of the products; results differ by
rounding alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto

from inference import onnx_editing, onnx_shapes
from inference.onnx_editing import Editing, attributes


@dataclass(frozen=True)
class Part:
    """One of the maps that lie side by side.

    Attributes:
        name: of its tensor.
        channels: of the convolution's input, those of the map.
        resize: the node that enlarges it; None for a map that stays as it is.
    """

    name: str
    channels: slice
    resize: NodeProto | None


def sum_enlarged(model: onnx.ModelProto) -> list[str]:
    """Change the convolutions of a graph that are worth it.

    Args:
        model: of static shapes; is changed, its values stay the same but for rounding.

    Returns:
        The names of the convolutions that were replaced.
    """
    return [node.name for node, _ in onnx_editing.rewrite(model, _heads, _replace)]


def _heads(editing: Editing, model: onnx.ModelProto) -> Iterator[tuple[NodeProto, list[Part]]]:
    if not any(attributes(node).get("mode") == b"linear" for node in editing.of_kind("Resize")):
        return
    shapes = onnx_shapes.inferred(model)
    for node in editing.of_kind("Conv"):
        joined = editing.maker(node.input[0], "Concat")
        if joined is None or editing.only_user(joined.output[0]) is None or not editing.is_dense(node, 1):
            continue
        if attributes(joined)["axis"] != 1 or any(len(shapes.get(name, ())) != 4 for name in joined.input):
            continue
        parts = _parts(editing, joined, shapes)
        outputs = len(editing.constant(node.input[1]))
        widths = [part.channels.stop - part.channels.start for part in parts if part.resize is not None]
        if widths and outputs <= min(widths):  # else there is more to enlarge than before
            yield node, parts


def _parts(editing: Editing, joined: NodeProto, shapes: dict) -> list[Part]:
    parts, first = [], 0
    for name in joined.input:
        channels = slice(first, first + shapes[name][1])
        parts.append(Part(name, channels, _enlarging(editing, name, shapes)))
        first = channels.stop
    return parts


def _enlarging(editing: Editing, name: str, shapes: dict) -> NodeProto | None:
    """The linear Resize that makes a tensor for one user, larger than what it takes."""
    node = editing.maker(name, "Resize")
    if node is None or editing.only_user(name) is None:
        return None
    if len(node.input) == 4 and editing.constant(node.input[3]) is None:  # sizes that are calculated
        return None
    how = attributes(node)
    before, after = shapes.get(node.input[0], ()), shapes[name]
    larger = len(before) == 4 and before[2] * before[3] < after[2] * after[3]
    # with tf_crop_and_resize, what lies outside of the map is a constant
    linear = how["mode"] == b"linear" and how.get("coordinate_transformation_mode") != b"tf_crop_and_resize"
    return node if larger and linear else None


def _replace(editing: Editing, found: tuple[NodeProto, list[Part]]) -> None:
    node, parts = found
    kernel, bias = editing.constant(node.input[1]), list(node.input[2:])  # [outputs, channels, 1, 1]
    large = [part for part in parts if part.resize is None]
    total = None
    if large:
        source = large[0].name
        if len(large) > 1:
            source = editing.add(node, "Concat", [part.name for part in large], f"{node.name}/large", axis=1)
        own = np.concatenate([kernel[:, part.channels] for part in large], 1)
        total, bias = _convolution(editing, node, source, own, bias), []
    for part in parts:
        if part.resize is None:
            continue
        small = _convolution(editing, node, part.resize.input[0], kernel[:, part.channels], bias)
        bias = []  # is added once
        inputs = [small, *_sizes(editing, part.resize, len(kernel))]
        larger = editing.add(node, "Resize", inputs, f"{small}_enlarged", **attributes(part.resize))
        total = larger if total is None else editing.add(node, "Add", [total, larger], f"{small}_sum")
    editing.replace(node, total)


def _convolution(editing: Editing, node: NodeProto, source: str, kernel: np.ndarray, bias: list[str]) -> str:
    name = f"{node.name}/part"
    weights = editing.add_constant(f"{name}_weights", kernel)
    return editing.add(node, "Conv", [source, weights, *bias], name, kernel_shape=[1, 1])


def _sizes(editing: Editing, resize: NodeProto, channels: int) -> list[str]:
    """A Resize's inputs but the first, for another number of channels."""
    rest = list(resize.input[1:])
    if len(rest) == 3:  # the sizes [B, channels, H, W] instead of factors
        sizes = editing.constant(rest[2]).copy()
        sizes[1] = channels
        rest[2] = editing.add_constant(f"{resize.name}/size", sizes)
    return rest
