"""Monte-Carlo dropout inside an ONNX graph: T passes with random masks, the mean of their softmax.

ONNX's own Dropout drops in training only, and TensorRT removes it; so masks come from RandomUniform, which
TensorRT 8.5 and 10 list. No seed is stored: equal seeds would give every pass the same masks, and TensorRT
reads none. What comes before the first dropout is computed once; what follows is there T times over the same
constants, because one pass after the other needs the memory of one.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference import onnx_shapes
from inference.graph_interface import LABELS, PROBABILITIES, GraphInterface

MARKER = "LeakyRelu"  # where a graph of one pass has its dropouts, under their layers' names
TAIL = "samples"  # what stands before the slash in the names of the nodes behind the passes
DRAW, KEEP = "uniform", "kept"


def sampled(model: onnx.ModelProto, rates: dict[str, float], interface: GraphInterface) -> onnx.ModelProto:
    """Repeat the random part of a graph `interface.dropout_passes` times.

    Args:
        model: one pass, tidied, to logits [N, classes, H, W]; each dropout is a `MARKER` of its layer's name.
        rates: share of values that a layer drops, by its name.
        interface: what the result takes and returns.
    """
    graph = model.graph
    shapes, nodes = onnx_shapes.told(graph), list(graph.node)
    random = _random(nodes, rates)
    logits, repeated = graph.output[0].name, [node for node in nodes if node.output[0] in random]
    made, total = [node for node in nodes if node.output[0] not in random], None
    for number in range(1, interface.dropout_passes + 1):
        made += _pass(repeated, random, rates, shapes, number)
        softmax = _node("Softmax", [f"{logits}/sample{number}"], "softmax", number, axis=1)
        made.append(softmax)
        if total is not None:
            made.append(_node("Add", [total, *softmax.output], "sum", number))
        (total,) = made[-1].output
    tail, output = _tail(total, shapes[logits], interface)
    del graph.node[:], graph.value_info[:], graph.output[:]
    graph.node.extend([*made, *tail])
    graph.output.append(output)
    constants = {f"{TAIL}/zero": 0.0, f"{TAIL}/share": 1 / interface.dropout_passes}
    for layer, rate in rates.items():
        constants |= {f"{layer}/rate": rate, f"{layer}/scale": 1 / (1 - rate)}
    graph.initializer.extend(
        numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()
    )
    onnx_shapes.infer(model, strict_mode=True, data_prop=True)
    return model


def masks(model: onnx.ModelProto) -> dict[str, tuple[str, int]]:
    """The layer and the pass, from 1, of each tensor that tells which values a dropout keeps."""
    found = {}
    for node in model.graph.node:
        layer, *rest = node.name.split("/")
        if rest[:1] == [KEEP]:
            found[node.output[0]] = layer, int(rest[1].removeprefix("sample"))
    return found


def place(name: str) -> tuple[str, int]:
    """A node's name in a graph of one pass, and its pass, from 1; what all passes share is in the first."""
    once, _, number = name.partition("/sample")
    return (once, int(number)) if number.isdecimal() else (name, 1)


def total(model: onnx.ModelProto) -> str:
    """Name of the tensor that is the sum of all passes' softmax [N, classes, H, W]."""
    last = next(node for node in model.graph.node if node.name in (f"{TAIL}/mean", f"{TAIL}/argmax"))
    return last.input[0]


def pinned(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose masks are inputs, bool tensors by their names in `masks`; equal inputs, equal results."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    shapes, kept = onnx_shapes.told(copy.graph), masks(model)
    makers = {node.output[0]: node for node in copy.graph.node}
    for name in kept:
        copy.graph.node.remove(makers[makers[name].input[0]])
        copy.graph.node.remove(makers[name])
        copy.graph.input.append(helper.make_tensor_value_info(name, TensorProto.BOOL, shapes[name]))
    return copy


def draw(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Masks that keep one half, for the inputs of `pinned`; always the same."""
    shapes, random = onnx_shapes.told(model.graph), np.random.default_rng(0)
    return {name: random.random(shapes[name]) < 0.5 for name in masks(model)}


def exact_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that draw, compare and add up, whose numbers must not be rounded to float16."""
    parts = (node.name.split("/") for node in model.graph.node)
    return ["/".join(part) for part in parts if part[0] == TAIL or part[1:2] in ([DRAW], [KEEP])]


def _is_dropout(node, rates) -> bool:
    return node.op_type == MARKER and node.name.split("/")[0] in rates


def _random(nodes, rates) -> set[str]:
    """Names of all tensors that depend on a dropout."""
    found = set()
    for node in nodes:  # inputs precede what is made of them
        if _is_dropout(node, rates) or found & set(node.input):
            found |= set(node.output)
    return found


def _pass(nodes, random, rates, shapes, number):
    """The random nodes of one pass, with all names in `random` its own."""
    renamed = {name: f"{name}/sample{number}" for name in random}
    made = []
    for node in nodes:
        if _is_dropout(node, rates):
            made += _dropout(node, shapes[node.output[0]], renamed, number)
        else:
            made.append(_copy(node, renamed, number))
    return made


def _dropout(node, shape, renamed, number):
    """What stands for a dropout in one pass; what it drops from a value of all passes is scaled only once."""
    (source,), (result,), layer = node.input, node.output, node.name.split("/")[0]
    shared = source not in renamed
    scaled = f"{layer}/scaled" if shared else f"{layer}/scaled/sample{number}"
    drawn, kept, dropped = (f"{layer}/{name}/sample{number}" for name in (DRAW, KEEP, "dropped"))
    made = [
        helper.make_node("Mul", [renamed.get(source, source), f"{layer}/scale"], [scaled], scaled),
        helper.make_node("RandomUniform", [], [drawn], drawn, dtype=TensorProto.FLOAT, shape=shape),
        helper.make_node("GreaterOrEqual", [drawn, f"{layer}/rate"], [kept], kept),
        helper.make_node("Where", [kept, scaled, f"{TAIL}/zero"], [renamed[result]], dropped),
    ]
    return made[1:] if shared and number > 1 else made


def _copy(node, renamed, number):
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = f"{node.name}/sample{number}"
    copy.input[:] = [renamed.get(name, name) for name in node.input]
    copy.output[:] = [renamed.get(name, name) for name in node.output]
    return copy


def _node(operator, inputs, name, number=None, output=None, **attributes):
    name = f"{TAIL}/{name}" + (f"/sample{number}" if number else "")
    return helper.make_node(operator, inputs, [output or name], name, **attributes)


def _tail(total, shape, interface):
    """From the sum of all softmax [N, classes, H, W] to the output."""
    count, classes, height, width = shape
    info = helper.make_tensor_value_info
    if interface.argmax:
        index = _node("ArgMax", [total], "argmax", axis=1, keepdims=0)
        # through float32, because TensorRT 8.5 makes bytes of nothing else
        number = _node("Cast", index.output, "float", to=TensorProto.FLOAT)
        labels = _node("Cast", number.output, "labels", output=LABELS, to=TensorProto.UINT8)
        return [index, number, labels], info(LABELS, TensorProto.UINT8, (count, height, width))
    share = f"{TAIL}/share"
    if interface.layout == "nchw":
        return [_node("Mul", [total, share], "mean", output=PROBABILITIES)], info(
            PROBABILITIES, TensorProto.FLOAT, shape
        )
    mean = _node("Mul", [total, share], "mean")
    turned = _node("Transpose", mean.output, "channels_last", output=PROBABILITIES, perm=[0, 2, 3, 1])
    return [mean, turned], info(PROBABILITIES, TensorProto.FLOAT, (count, height, width, classes))
