"""What makes an exported graph faster in ONNX Runtime on a CPU and would do nothing, or harm, elsewhere."""

import numpy as np
import onnx

from inference import onnx_tail, onnx_upsampled, onnx_winograd
from inference.onnx_editing import Editing, attributes


def for_cpu(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for a CPU, with equal results."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    move_bytes(copy.graph)
    compose_prelu(copy.graph)
    onnx_upsampled.accelerate(copy)
    onnx_winograd.accelerate(copy)
    onnx_tail.channels_last(copy)
    return copy


def move_bytes(graph: onnx.GraphProto) -> None:
    """Transpose(Cast(image)) becomes Cast(Transpose(image)), which moves bytes instead of floats."""
    editing = Editing(graph)
    images = {value.name for value in graph.input}
    for transpose in editing.of_kind("Transpose"):
        cast = editing.maker(transpose.input[0], "Cast")
        if cast is None or cast.input[0] not in images or editing.only_user(cast.output[0]) is None:
            continue
        moved = editing.add(
            cast, "Transpose", list(cast.input), f"{transpose.name}/bytes", **attributes(transpose)
        )
        editing.replace(
            transpose, editing.add(cast, "Cast", [moved], f"{cast.name}/moved", **attributes(cast))
        )
    editing.write()
    del graph.value_info[:]


def compose_prelu(graph: onnx.GraphProto) -> None:
    """Replace PRelu, whose kernel takes one value at a time, by operators that take many.

    With slopes up to 1 it is max(x, slope x), else x + (slope - 1) min(x, 0).
    """
    editing = Editing(graph)
    for node in editing.of_kind("PRelu"):
        source, slope = node.input[0], editing.constant(node.input[1])
        if slope is None:
            continue
        if (slope <= 1).all():
            scaled = editing.add(node, "Mul", [source, node.input[1]], f"{node.name}/Mul")
            result = editing.add(node, "Max", [source, scaled], f"{node.name}/Max")
        else:
            zero = editing.add_constant(f"{node.name}/zero", np.zeros((), slope.dtype))
            less = editing.add_constant(f"{node.name}/slope-1", slope - 1)
            negative = editing.add(node, "Clip", [source, "", zero], f"{node.name}/Clip")
            scaled = editing.add(node, "Mul", [negative, less], f"{node.name}/Mul")
            result = editing.add(node, "Add", [source, scaled], f"{node.name}/Add")
        editing.replace(node, result)
    editing.write()
