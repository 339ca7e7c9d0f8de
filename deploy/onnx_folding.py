"""Rewrites of an exported graph that spare passes over maps and change no result but by rounding.

The normalisation of images, batch norm and padding become part of convolutions, also where concatenation,
enlargement or averages lie between, and PReLU, which TensorFlow composes, is one node.
"""

import numpy as np
import onnx

from deploy.onnx_layout import channels_first_early
from inference.onnx_editing import Editing, attributes, set_attribute

OUTPUTS, INPUTS = (-1, 1, 1, 1), (1, -1, 1, 1)  # numbers of channels along a kernel [out, in, h, w]


def fold(graph: onnx.GraphProto) -> None:
    """Do all of them, in place."""
    editing = Editing(graph)
    for rewrite in (
        join_prelu,
        channels_first_early,
        fold_padding,
        fold_scales,
        fold_batch_norms,
        fold_batch_norms_before,
        fold_strides,
        fold_void,
    ):
        rewrite(editing)
    editing.write()


def join_prelu(editing: Editing) -> None:
    """relu(x) - slope relu(-x), a slope for each channel, becomes PRelu."""
    for minus in editing.of_kind("Sub"):
        positive, scaled = editing.maker(minus.input[0], "Relu"), editing.maker(minus.input[1], "Mul")
        slope, name = editing.constant_and_other(scaled) if scaled else (None, "")
        negative = editing.maker(name, "Relu")
        negated = negative and editing.maker(negative.input[0], "Neg")
        if positive is None or slope is None or negated is None or negated.input[0] != positive.input[0]:
            continue
        slope = slope.reshape(slope.shape[1:]) if slope.ndim == 4 else slope  # [C, 1, 1] where C is first
        slope = editing.add_constant(f"{minus.output[0]}/slope", slope)
        joined = editing.add(minus, "PRelu", [positive.input[0], slope], f"{minus.name}/PRelu")
        editing.replace(minus, joined)


def fold_padding(editing: Editing) -> None:
    """Let convolutions and averages put zeros around a map themselves."""
    for pad in editing.of_kind("Pad"):
        widths, *values = [editing.constant(name) for name in pad.input[1:3] if name]
        if widths is None or attributes(pad).get("mode", b"constant") != b"constant":
            continue
        widths = widths.reshape(2, -1)  # before and after, of N, C, H, W
        of_zeros = not any(value is None or value.any() for value in values)
        users = editing.users(pad.output[0])
        if not of_zeros or widths.shape != (2, 4) or widths[:, :2].any() or widths.min() < 0:
            continue
        if any(user.op_type not in ("Conv", "AveragePool") or _is_padded(user) for user in users):
            continue
        for user in users:
            set_attribute(user, "auto_pad", "NOTSET")
            set_attribute(user, "pads", widths[:, 2:].ravel().tolist())
            if user.op_type == "AveragePool":
                set_attribute(user, "count_include_pad", 1)
        editing.replace(pad, pad.input[0])


def fold_scales(editing: Editing) -> None:
    """Move the factors of a normalisation into the convolutions behind it.

    conv(s x + b) = (s conv)(x + b / s). That is exact at the borders as well: what is padded is zero in both.
    """
    for scale in editing.of_kind("Mul"):
        factors, source = editing.constant_and_other(scale)
        shift = editing.only_user(scale.output[0])
        last = shift if shift is not None and shift.op_type in ("Add", "Sub") else scale
        convolutions = editing.users(last.output[0])
        if not _of_channels(factors) or not all(_takes(editing, user, factors) for user in convolutions):
            continue
        if last is shift:
            values, _ = editing.constant_and_other(shift)
            if not _of_channels(values) or (shift.op_type == "Sub" and shift.input[0] != scale.output[0]):
                continue
            values = editing.add_constant(f"{shift.name}/values", values / factors)
            editing.set_inputs(shift, [scale.output[0], values])
        for user in convolutions:
            _set(editing, user, 1, editing.constant(user.input[1]) * factors.reshape(INPUTS))
        editing.replace(scale, source)


def _takes(editing: Editing, node: onnx.NodeProto, factors: np.ndarray) -> bool:
    """Whether a node is a convolution of known kernel that sees each of the factors' channels."""
    kernel = editing.constant(node.input[1]) if node.op_type == "Conv" else None
    return kernel is not None and factors.size in (1, kernel.shape[1])


def _of_channels(values: np.ndarray | None) -> bool:
    """Whether a constant is one number, or one for each of the channels, which come first."""
    return values is not None and (values.size == 1 or values.shape[-2:] == (1, 1))


def fold_batch_norms(editing: Editing) -> None:
    """Make batch norm part of the convolutions before it, through what commutes with it."""
    for norm in editing.of_kind("BatchNormalization"):
        if _channels(editing, norm.input[0]):
            _scale(editing, norm.input[0], *_factor_and_offset(editing, norm))
            editing.replace(norm, norm.input[0])


def fold_batch_norms_before(editing: Editing) -> None:
    """Make batch norm part of the one convolution behind it, where no zeros are padded between the two."""
    for norm in editing.of_kind("BatchNormalization"):
        user = editing.only_user(norm.output[0])
        kernel = editing.constant(user.input[1]) if user is not None and user.op_type == "Conv" else None
        factor, offset = _factor_and_offset(editing, norm)
        if kernel is None or _is_padded(user) or kernel.shape[1] != len(factor):
            continue
        bias = editing.constant(user.input[2]) if len(user.input) > 2 else 0
        _set(editing, user, 1, kernel * factor.reshape(INPUTS))
        _set(editing, user, 2, bias + np.einsum("oihw,i->o", kernel, offset))
        editing.replace(norm, norm.input[0])


def _factor_and_offset(editing: Editing, norm: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Batch norm as factor * x + offset, of each channel."""
    scale, offset, mean, variance = (editing.constant(name).astype(np.float64) for name in norm.input[1:])
    factor = scale / np.sqrt(variance + attributes(norm).get("epsilon", 1e-5))
    return factor, offset - mean * factor


def _is_padded(node: onnx.NodeProto) -> bool:
    own = attributes(node)
    return any(own.get("pads", ())) or own.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")


def _channels(editing: Editing, name: str) -> int:
    """Of a tensor that one node takes and convolutions make, with only linear nodes between; else 0."""
    node = editing.maker(name)
    if node is None or editing.only_user(name) is None:
        return 0
    if node.op_type == "Conv":
        kernel = editing.constant(node.input[1])
        return 0 if kernel is None else len(kernel)
    if node.op_type == "Concat" and attributes(node)["axis"] == 1:
        parts = [_channels(editing, part) for part in node.input]
        return sum(parts) if all(parts) else 0
    return _channels(editing, node.input[0]) if _averages(node) else 0


def fold_strides(editing: Editing) -> None:
    """Make a convolution leave out what only pooling of single values would leave out behind it."""
    for pool in editing.of_kind("MaxPool"):
        convolution = editing.maker(pool.input[0], "Conv")
        if convolution is None or editing.only_user(pool.input[0]) is None:
            continue
        if set(attributes(pool)["kernel_shape"]) == set(attributes(convolution)["strides"]) == {1}:
            set_attribute(convolution, "strides", attributes(pool)["strides"])
            editing.replace(pool, convolution.output[0])


def fold_void(editing: Editing) -> None:
    """Let the last convolution make the first of its outputs only, where others are cut off behind it."""
    for cut in editing.of_kind("Slice"):
        start, end, axis = (editing.constant(name) for name in cut.input[1:4])
        if any(value is None or value.size != 1 for value in (start, end, axis)) or (start, axis) != (0, 1):
            continue
        maker = editing.maker(cut.input[0])
        if maker.op_type == "Resize" and len(maker.input) == 3:  # by factors, not to a size with channels
            maker = editing.maker(maker.input[0])
        if maker.op_type != "Conv" or not _channels(editing, cut.input[0]):
            continue
        for position, name in enumerate(maker.input[1:], start=1):
            _set(editing, maker, position, editing.constant(name)[: int(end.item())])
        editing.replace(cut, cut.input[0])


def _averages(node: onnx.NodeProto) -> bool:
    """Whether each value is a mean of values of its channel, with weights that add up to 1."""
    if node.op_type == "AveragePool":
        return not any(attributes(node).get("pads", ()))
    return node.op_type == "Resize" and attributes(node)["mode"] == b"linear"


def _scale(editing: Editing, name: str, scale: np.ndarray, offset: np.ndarray) -> None:
    """Let the convolutions that make a tensor, see `_channels`, make scale x + offset of it."""
    node = editing.maker(name)
    if node.op_type == "Conv":
        kernel = editing.constant(node.input[1])
        bias = editing.constant(node.input[2]) if len(node.input) > 2 else 0
        _set(editing, node, 1, kernel * scale.reshape(OUTPUTS))
        _set(editing, node, 2, bias * scale + offset)
    elif node.op_type == "Concat":
        start = 0
        for part in node.input:
            channels = slice(start, start + _channels(editing, part))
            _scale(editing, part, scale[channels], offset[channels])
            start = channels.stop
    else:
        _scale(editing, node.input[0], scale, offset)


def _set(editing: Editing, convolution: onnx.NodeProto, position: int, values: np.ndarray) -> None:
    """Give a convolution another kernel (1) or bias (2), which no other node shares."""
    role = ("weights", "bias")[position - 1]
    name = editing.add_constant(f"{convolution.name}/{role}", values.astype(np.float32))
    inputs = list(convolution.input)
    editing.set_inputs(convolution, [*inputs[:position], name, *inputs[position + 1 :]])
