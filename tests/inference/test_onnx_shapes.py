"""The shapes are those that ONNX finds with all weights there."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import graphs
from inference import onnx_shapes

NODES = [
    helper.make_node("Conv", ["image", "weights"], ["features"], pads=[1, 1, 1, 1]),
    helper.make_node("Resize", ["features", "", "", "size"], ["large"], mode="nearest"),
    helper.make_node("Reshape", ["large", "shape"], ["rows"]),
    helper.make_node("Softmax", ["rows"], ["shares"]),
]
CONSTANTS = {
    "weights": np.ones((4, 3, 3, 3), np.float32),
    "size": np.array([1, 4, 10, 12]),
    "shape": np.array([4, -1]),
}


@pytest.fixture
def model():
    """Without a shape between its ends."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 5, 6))
    shares = helper.make_tensor_value_info("shares", TensorProto.FLOAT, (4, "columns"))
    made = graphs.model(NODES, [image], [shares], CONSTANTS)
    del made.graph.value_info[:]
    return made


def test_they_are_told_in_the_model_whose_weights_stay(model):
    expected = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx_shapes.infer(model, strict_mode=True, data_prop=True)
    assert model == expected
    assert len(model.graph.initializer) == 3 and [given.name for given in model.graph.input] == ["image"]
    np.testing.assert_array_equal(
        numpy_helper.to_array(model.graph.initializer[0]), np.ones((4, 3, 3, 3), np.float32)
    )


def test_they_are_found_without_being_told(model):
    before = onnx.ModelProto()
    before.CopyFrom(model)
    assert onnx_shapes.inferred(model) == {
        "image": (1, 3, 5, 6),
        "features": (1, 4, 5, 6),
        "large": (1, 4, 10, 12),
        "rows": (4, 120),
    }
    assert model == before


def test_weights_may_be_inputs_as_well(model):
    """As in files before IR version 4."""
    model.ir_version = 3
    for constant in model.graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(constant.name, constant.data_type, constant.dims)
        )
    expected = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx_shapes.infer(model, strict_mode=True, data_prop=True)
    assert model == expected and onnx_shapes.told(model.graph)["rows"] == (4, 120)


def test_what_is_told_is_found_again_with_constants(model):
    assert onnx_shapes.told(model.graph) == {
        "image": (1, 3, 5, 6),
        "shares": (4, 120),
        "weights": (4, 3, 3, 3),
        "size": (4,),
        "shape": (2,),
    }


def test_a_contradiction_is_raised(model):
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("shares", TensorProto.FLOAT, (7, 120)))
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx_shapes.infer(model, strict_mode=True)
