"""Convolutions of repeated maps with fewer products: the same values; what is something else stays."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphs
from inference import onnx_upsampled

SMALL = onnx_upsampled.LEAST


def decoder(small=SMALL, before=(), behind=(8,), bias=True, factor=2.0, **options):
    """A graph that enlarges a map of 3x5, puts it between others, and convolves them."""
    random = np.random.default_rng(0)
    mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    mode |= {name: options.pop(name) for name in mode.keys() & options.keys()}
    height, width = int(3 * factor), int(5 * factor)
    others = {f"other{n}": count for n, count in enumerate((*before, *behind))}
    parts = list(others)
    parts.insert(len(before), "large")
    constants = {
        "factors": np.array([1, 1, factor, factor], np.float32),
        "kernel": random.normal(size=(6, small + sum(others.values()), 3, 3)).astype(np.float32) / 40,
        "bias": random.normal(size=6).astype(np.float32),
    }
    value = helper.make_tensor_value_info
    inputs = [value("small", TensorProto.FLOAT, [2, small, 3, 5])]
    inputs += [value(name, TensorProto.FLOAT, [2, count, height, width]) for name, count in others.items()]
    names = ["joined" if others else "large", "kernel"] + ["bias"] * bias
    nodes = [helper.make_node("Resize", ["small", "", "factors"], ["large"], "resize", **mode)]
    nodes += [helper.make_node("Concat", parts, ["joined"], "concat", axis=1)] if others else []
    nodes.append(helper.make_node("Conv", names, ["result"], "conv", **{"pads": [1, 1, 1, 1], **options}))
    outputs = [value("result", TensorProto.FLOAT, None)]
    return graphs.model(nodes, inputs, outputs, constants)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"behind": ()},
        {"before": (3,), "behind": (8, 5)},
        {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
    ],
    ids=str,
)
def test_the_values_stay_the_same(options, bias):
    model = decoder(bias=bias, **options)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    assert onnx_upsampled.accelerate(changed) == ["conv"]
    onnx.checker.check_model(changed, full_check=True)
    assert "Resize" not in {node.op_type for node in changed.graph.node}
    expected = graphs.answer(model)
    np.testing.assert_allclose(graphs.answer(changed), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    "options",
    [
        {"small": SMALL - 1},
        {"factor": 3.0},
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
        {"coordinate_transformation_mode": "half_pixel"},
        {"strides": [2, 2]},
        {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
        {"pads": [0, 0, 0, 0]},
    ],
    ids=str,
)
def test_others_stay_as_they_are(options):
    model = decoder(**options)
    before = model.SerializeToString()
    assert onnx_upsampled.accelerate(model) == []
    assert model.SerializeToString() == before


def test_a_file_without_fixed_shapes_stays_as_it_is():
    model = decoder()
    for one in model.graph.input:
        one.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    assert onnx_upsampled.accelerate(model) == []
