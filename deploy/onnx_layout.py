"""The order of axes at the start of an exported graph, where images come with their three channels last.

Arithmetic with one number for each of them is slow in the last axis, and three values a pixel are moved
quickest where nothing was padded yet.
"""

import onnx

from inference.onnx_editing import Editing, attributes

TO_CHANNELS_FIRST = [0, 3, 1, 2]
AFFINE = ("Add", "Mul", "Sub")


def channels_first_early(editing: Editing) -> None:
    """Turn images before they are normalised and padded, and once."""
    for transpose in _transposes(editing):
        if pad := editing.maker(transpose.input[0], "Pad"):
            _before_padding(editing, transpose, pad)
    first = {}
    for transpose in _transposes(editing):
        same = first.setdefault(transpose.input[0], transpose)
        if same is not transpose:
            editing.replace(transpose, same.output[0])
    for transpose in first.values():
        _before_arithmetic(editing, transpose)


def _transposes(editing: Editing) -> list[onnx.NodeProto]:
    return [node for node in editing.of_kind("Transpose") if attributes(node)["perm"] == TO_CHANNELS_FIRST]


def _before_padding(editing: Editing, transpose: onnx.NodeProto, pad: onnx.NodeProto) -> None:
    """Transpose(Pad(x)) becomes Pad(Transpose(x)), where nothing else takes what is padded."""
    widths = editing.constant(pad.input[1])
    if widths is None or editing.only_user(pad.output[0]) is None or len(pad.input) > 3:
        return
    source = pad.input[0]
    turned = editing.add(pad, "Transpose", [source], f"{source}/Transpose", perm=TO_CHANNELS_FIRST)
    widths = widths.reshape(2, 4)[:, TO_CHANNELS_FIRST].ravel()
    widths = editing.add_constant(f"{pad.name}/widths", widths)
    editing.set_inputs(pad, [turned, widths, *pad.input[2:]])
    editing.replace(transpose, pad.output[0])


def _before_arithmetic(editing: Editing, transpose: onnx.NodeProto) -> None:
    """Transpose(f(x)) becomes f(Transpose(x)) for a chain f of additions and products with constants."""
    chain, source = [], transpose.input[0]
    while (node := editing.maker(source)) and node.op_type in AFFINE and editing.only_user(source):
        values, before = editing.constant_and_other(node)
        if values is None or values.ndim > 1:
            break
        chain, source = [node, *chain], before
    if not chain:
        return
    turned = editing.add(chain[0], "Transpose", [source], f"{source}/Transpose", perm=TO_CHANNELS_FIRST)
    editing.replace(transpose, transpose.input[0])
    for node in chain:
        values, before = editing.constant_and_other(node)
        values = editing.add_constant(f"{node.name}/values", values.reshape(-1, 1, 1))
        before = turned if before == source else before
        inputs = [before if editing.constant(name) is None else values for name in node.input]
        editing.set_inputs(node, inputs)
