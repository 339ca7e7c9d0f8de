"""The end of an exported graph, where logits grow to full size: what is cheap on a CPU there."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

TO_CHANNELS_LAST = [0, 2, 3, 1]


def for_cpu(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that `channels_last_resize` has changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    channels_last_resize(copy)
    return copy


def channels_last_resize(model: onnx.ModelProto) -> list[str]:
    """Have every linear Resize before a Transpose to channels-last come after it: its input is still small.

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
    for transpose in graph.node:
        resize = makers.get(transpose.input[0]) if transpose.op_type == "Transpose" else None
        if resize is None or resize.op_type != "Resize" or used.count(resize.output[0]) > 1:
            continue
        if _attributes(transpose).get("perm") != TO_CHANNELS_LAST or not _is_plain(_attributes(resize)):
            continue
        factors = [name for name in resize.input[2:] if name]  # scales or sizes, [N, C, H, W]
        if any(name not in constants or list(constants[name].dims) != [4] for name in factors):
            continue
        for position in range(2, len(resize.input)):
            if resize.input[position]:
                resize.input[position] = _channels_last(graph, constants[resize.input[position]])
        # the two nodes change places: the order of the list stays that of the data
        source, between, result = resize.input[0], resize.output[0], transpose.output[0]
        first, second = onnx.NodeProto(), onnx.NodeProto()
        first.CopyFrom(transpose)
        second.CopyFrom(resize)
        first.input[0], first.output[0] = source, between
        second.input[0], second.output[0] = between, result
        resize.CopyFrom(first)
        transpose.CopyFrom(second)
        moved.append(second.name)
    del graph.value_info[:]
    return moved


def _attributes(node) -> dict:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _is_plain(attributes: dict) -> bool:
    """Whether a Resize is linear in its last two axes by factors alone: its input 1 is without meaning."""
    crop = attributes.get("coordinate_transformation_mode") == b"tf_crop_and_resize"
    return attributes.get("mode") == b"linear" and not crop and "axes" not in attributes


def _channels_last(graph, tensor) -> str:
    values = numpy_helper.to_array(tensor)[TO_CHANNELS_LAST]
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{tensor.name}/nhwc"))
    return f"{tensor.name}/nhwc"
