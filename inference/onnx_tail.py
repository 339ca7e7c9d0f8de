"""The end of an exported graph, where logits grow to full size: what is cheap on a CPU there."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

TO_CHANNELS_LAST = [0, 2, 3, 1]


def channels_last(model: onnx.ModelProto) -> list[str]:
    """Put channels last before the last linear Resize instead of behind it: its input is still small.

    That is, before a Resize that goes into a Transpose to channels-last, or into an ArgMax over the channels,
    which is faster over an axis whose numbers lie side by side.

    Args:
        model: is changed; its values stay the same.

    Returns:
        The names of those Resize nodes.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    used = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    moved = []
    for node in list(graph.node):
        resize = makers.get(node.input[0]) if node.input else None
        if resize is None or used.count(resize.output[0]) > 1 or not _is_plain(resize, constants):
            continue
        attributes = _attributes(node)
        if node.op_type == "Transpose" and attributes.get("perm") == TO_CHANNELS_LAST:
            moved.append(_change_places(resize, node))
        elif node.op_type == "ArgMax" and (attributes.get("axis"), attributes.get("keepdims")) == (1, 0):
            moved.append(_transpose_before(graph, resize, node))
        else:
            continue
        resize = next(one for one in graph.node if one.name == moved[-1])
        for position in range(2, len(resize.input)):
            if resize.input[position]:
                resize.input[position] = _channels_last(graph, constants[resize.input[position]])
    del graph.value_info[:]
    return moved


def _change_places(resize, transpose) -> str:
    """Transpose first; the order of the graph's list stays that of the data."""
    source, between, result = resize.input[0], resize.output[0], transpose.output[0]
    first, second = onnx.NodeProto(), onnx.NodeProto()
    first.CopyFrom(transpose)
    second.CopyFrom(resize)
    first.input[0], first.output[0] = source, between
    second.input[0], second.output[0] = between, result
    resize.CopyFrom(first)
    transpose.CopyFrom(second)
    return second.name


def _transpose_before(graph, resize, argmax) -> str:
    """A Transpose more, and the arg-max over the last axis; it takes the axis out, so the result stays."""
    turned = f"{resize.name}/channels_last"
    node = helper.make_node("Transpose", [resize.input[0]], [turned], turned, perm=TO_CHANNELS_LAST)
    graph.node.insert(list(graph.node).index(resize), node)
    resize.input[0] = turned
    next(attribute for attribute in argmax.attribute if attribute.name == "axis").i = 3
    return resize.name


def _attributes(node) -> dict:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _is_plain(node, constants) -> bool:
    """Whether a node is a linear Resize in the last two axes, by constant factors or sizes [N, C, H, W]."""
    if node.op_type != "Resize":
        return False
    attributes, factors = _attributes(node), [name for name in node.input[2:] if name]
    crop = attributes.get("coordinate_transformation_mode") == b"tf_crop_and_resize"
    if attributes.get("mode") != b"linear" or crop or "axes" in attributes:
        return False
    return all(name in constants and list(constants[name].dims) == [4] for name in factors)


def _channels_last(graph, tensor) -> str:
    values = numpy_helper.to_array(tensor)[TO_CHANNELS_LAST]
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{tensor.name}/nhwc"))
    return f"{tensor.name}/nhwc"
