"""Shapes of the tensors of an ONNX graph, found without copying its weights."""

import math

import onnx
from onnx import helper

VALUES = 64  # larger constants are weights, and no shape follows from what they hold


def infer(model: onnx.ModelProto, **options) -> None:
    """Tell the shape and type of each tensor, in the model itself.

    Args:
        options: of `onnx.shape_inference.infer_shapes`.
    """
    graph = _inferred(model, **options)
    del model.graph.value_info[:], model.graph.output[:]
    model.graph.value_info.extend(graph.value_info)
    model.graph.output.extend(graph.output)


def inferred(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of each input and of what nodes pass on; 0 for a side that is not fixed.

    The model stays as it is.
    """
    graph = _inferred(model)
    return _shapes((*graph.value_info, *model.graph.input))


def told(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor for which the graph has one, constants included."""
    named = [
        value
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.HasField("shape")
    ]
    return _shapes(named) | {constant.name: tuple(constant.dims) for constant in graph.initializer}


def _shapes(values) -> dict[str, tuple[int, ...]]:
    return {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim) for value in values
    }


def _inferred(model: onnx.ModelProto, **options) -> onnx.GraphProto:
    """A copy of the graph with all shapes, in which the weights are inputs.

    ONNX writes and reads the model twice on the way: with the weights of a ResNet-50, in four places of an
    export, that took 2 of 12 s.
    """
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.functions.extend(model.functions)
    graph = light.graph
    graph.name = model.graph.name
    for kind in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(graph, kind).extend(getattr(model.graph, kind))
    for constant in model.graph.initializer:
        if math.prod(constant.dims) <= VALUES:
            graph.initializer.append(constant)
        else:
            graph.input.append(
                helper.make_tensor_value_info(constant.name, constant.data_type, constant.dims)
            )
    return onnx.shape_inference.infer_shapes(light, **options).graph
