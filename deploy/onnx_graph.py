"""Tidying of ONNX graphs: constants folded, batch norm in the convolutions, names from the layers."""

import re
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from deploy import onnx_folding, onnx_heads
from inference import onnx_shapes


def tidy(model: onnx.ModelProto, layers: set[str]) -> onnx.ModelProto:
    """A graph that computes the same with fewer nodes and readable names.

    Args:
        model: a graph of static shapes as tf2onnx writes it.
        layers: names of the network's layers; TensorFlow appends numbers to them.
    """
    _mend_resizes(model)
    onnx_shapes.infer(model)
    _drop_idle_reshapes(model.graph)
    model = _optimize(model)
    onnx_folding.fold(model.graph)
    onnx_heads.sum_enlarged(model)
    _bytes_through_float(model.graph)
    _rename(model.graph, layers)
    del model.graph.value_info[:]
    onnx_shapes.infer(model, strict_mode=True, data_prop=True)
    return model


def _drop_idle_reshapes(graph) -> None:
    """Remove what leaves the shape: tf2onnx turns transposes of 1x1 maps into it, which hides batch norm."""
    known, outputs = onnx_shapes.told(graph), {value.name for value in graph.output}
    for node in list(graph.node):
        if node.op_type != "Reshape" or node.output[0] in outputs:
            continue
        before, after = known.get(node.input[0]), known.get(node.output[0])
        if before is not None and before == after:
            for user in graph.node:
                for position, name in enumerate(user.input):
                    if name == node.output[0]:
                        user.input[position] = node.input[0]
            graph.node.remove(node)


def _mend_resizes(model) -> None:
    """Give every Resize an exact size, and a mode that is in the standard.

    tf2onnx writes the factor as float32, whose product with the size may be a pixel less: 30 for 7 to 31. And
    for nearest neighbours it writes a mode that ONNX dropped, equal for whole factors to `asymmetric`.
    """
    constants = {constant.name: constant for constant in model.graph.initializer}
    pending = [node for node in model.graph.node if node.op_type == "Resize"]  # in the graph's order
    while pending:
        known = onnx_shapes.inferred(model)
        while pending:
            node = pending.pop(0)
            factors = numpy_helper.to_array(constants[node.input[2]])
            if (factors == np.rint(factors)).all():
                for attribute in node.attribute:
                    if attribute.s == b"tf_half_pixel_for_nn":
                        attribute.s = b"asymmetric"
                continue
            size = np.rint(np.array(known[node.input[0]]) * factors.astype(np.float64)).astype(np.int64)
            name = f"{node.name}/size"
            model.graph.initializer.append(numpy_helper.from_array(size, name))
            node.input[1:] = ["", "", name]
            break  # what follows may have had wrong shapes


def _optimize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite by ONNX Runtime, standard operators only: fold constants and batch norm, move transposes."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        optimized = onnx.load(path)
    used = {node.domain for node in optimized.graph.node} | {""}
    kept = [entry for entry in optimized.opset_import if entry.domain in used]
    del optimized.opset_import[:]
    optimized.opset_import.extend(kept)
    optimized.graph.name = model.graph.name
    del optimized.graph.value_info[:]  # some are of before a transpose was moved
    return optimized


def _bytes_through_float(graph) -> None:
    """Put a Cast to float32 between an ArgMax and a Cast to uint8: TensorRT 8.5 makes bytes of nothing else.

    Two such casts of the exported function do not reach this place: they are joined on the way.
    """
    makers = {node.output[0]: node for node in graph.node}
    for cast in [node for node in graph.node if node.op_type == "Cast"]:
        maker = makers.get(cast.input[0])
        if maker is None or maker.op_type != "ArgMax" or cast.attribute[0].i != TensorProto.UINT8:
            continue
        name = f"{cast.name}__float"
        between = helper.make_node("Cast", [cast.input[0]], [name], name, to=TensorProto.FLOAT)
        graph.node.insert(list(graph.node).index(cast), between)
        cast.input[0] = name


def _rename(graph, layers: set[str]) -> None:
    """Name nodes and tensors after the layers: `downsample1_conv/convolution` and its `/weights`."""
    fixed = {value.name for value in (*graph.input, *graph.output)}
    users = Counter(name for node in graph.node for name in node.input)
    constants = {constant.name: constant for constant in graph.initializer}
    new, taken, layer_of = {}, Counter(), {}
    for node in graph.node:
        path = layer_path(node.name, node.op_type, layers)
        if path is None:  # made by tf2onnx: named after the layer before it
            before = next((layer_of[name] for name in node.input if name in layer_of), "input")
            path = f"{before}/{node.op_type}"
        taken[path] += 1
        node.name = path if taken[path] == 1 else f"{path}_{taken[path]}"
        for number, name in enumerate(node.output):
            layer_of[name] = path.split("/")[0]
            if name and name not in fixed:
                new[name] = node.name if number == 0 else f"{node.name}:{number}"
        for number, name in enumerate(node.input):
            if name in constants and users[name] == 1 and name not in fixed:
                new[name] = f"{node.name}/{_role(node.op_type, number)}"
    for name, constant in constants.items():
        constant.name = new.get(name, name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new.get(name, name) for name in names]


def layer_path(name: str, operator: str, layers: set[str]) -> str | None:
    """`fastscnn_1/downsample1_conv_1/convolution` -> `downsample1_conv/convolution`."""
    parts = name.split("/")
    for start, part in enumerate(parts[:-1]):
        layer = part if part in layers else re.sub(r"_\d+$", "", part)
        if layer in layers:
            rest = [operator] if "__" in parts[-1] else parts[start + 1 :]  # __ marks what tf2onnx added
            return "/".join([layer, *rest])
    return None


def _role(operator: str, number: int) -> str:
    if operator in ("Conv", "ConvTranspose"):
        return ("input", "weights", "bias")[number]
    return f"constant{number}"
