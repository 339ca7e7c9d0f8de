"""Small ONNX graphs, and what ONNX Runtime answers for them."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import NodeProto, ValueInfoProto, helper, numpy_helper

from inference.onnx_runtime import session_options


def model(
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    """A model of these nodes, in opset 17, with the shapes that follow."""
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, arrays)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made)


def answer(model: onnx.ModelProto) -> np.ndarray:
    """Its first output for inputs that are drawn, always the same."""
    random = np.random.default_rng(1)
    running = session(model)
    given = {one.name: random.normal(size=one.shape).astype(np.float32) for one in running.get_inputs()}
    return running.run(None, given)[0]


def session(model: onnx.ModelProto, options: ort.SessionOptions | None = None) -> ort.InferenceSession:
    """A session on the CPU, without what the suite does to a graph first."""
    options = options or session_options()
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
