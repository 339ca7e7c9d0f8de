"""Changes of a graph for a CPU: the same values by fewer bytes moved."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from inference import onnx_cpu

SHAPE = (1, 4, 6, 3)


def graph(used_twice=False):
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["cast"], ["turned"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMax", ["cast" if used_twice else "turned"], ["most"], "most", keepdims=1),
        helper.make_node("Sub", ["turned", "most"], ["result"], "sub"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, SHAPE)
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, (1, 3, 4, 6))
    made = helper.make_graph(nodes, "test", [image], [result])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize("used_twice", [False, True])
def test_bytes_are_turned_before_they_are_floats(used_twice):
    model = graph(used_twice)
    changed = onnx_cpu.for_cpu(model)
    onnx.checker.check_model(changed, full_check=True)
    first, second = ("Cast", "Transpose") if used_twice else ("Transpose", "Cast")
    assert [node.op_type for node in changed.graph.node[:2]] == [first, second]
    image = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    (expected,), (found,) = (ReferenceEvaluator(one).run(None, {"image": image}) for one in (model, changed))
    np.testing.assert_array_equal(found, expected)
