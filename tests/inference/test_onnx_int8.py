"""Which processors overflow in int8, and which graphs they calculate in float."""

import platform

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphs
from inference import onnx_int8, onnx_runtime


@pytest.mark.parametrize(
    ("machine", "features", "expected"),
    [
        ("x86_64", ["avx2"], True),
        ("x86_64", ["avx2", "avx512f"], True),
        ("x86_64", ["avx2", "avx_vnni"], False),
        ("x86_64", ["avx512f", "avx512_vnni"], False),
        ("aarch64", ["asimddp"], False),
        ("aarch64", [], False),
    ],
)
def test_processors_without_vnni_overflow(monkeypatch, machine, features, expected):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(onnx_int8, "cpu_features", lambda: features)
    assert onnx_int8.saturates() is expected


def convolution(signed: bool) -> onnx.ModelProto:
    """The sum of 64 channels of 127, by weights of 127, all in int8; activations have a scale of 1."""
    kind = np.int8 if signed else np.uint8
    constants = {
        "one": np.float32(1),
        "zero": kind(0),
        "weights": np.full((1, 64, 1, 1), 127, np.int8),
        "scales": np.ones(1, np.float32),
        "zeros": np.zeros(1, np.int8),
        "large": np.float32(127 * 127 * 64 / 127),  # the result's scale
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "one", "zero"], ["a"]),
        helper.make_node("DequantizeLinear", ["weights", "scales", "zeros"], ["w"], axis=0),
        helper.make_node("Conv", ["a", "w"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["c", "large", "zero"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "large", "zero"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64, 4, 4])
    returned = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 4, 4])
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return graphs.model(nodes, [given], [returned], arrays)


def test_signed_activations_are_tensorrts():
    assert onnx_int8.is_for_tensorrt(convolution(signed=True))
    assert not onnx_int8.is_for_tensorrt(convolution(signed=False))


def test_a_graph_for_tensorrt_has_its_own_sums_here(monkeypatch):
    monkeypatch.setattr(onnx_int8, "saturates", lambda: True)
    session = onnx_runtime.session(convolution(signed=True), "it", "cpu")
    (found,) = session.run(None, {"x": np.full((1, 64, 4, 4), 127, np.float32)})
    np.testing.assert_allclose(found, 127 * 127 * 64, rtol=1e-6)
