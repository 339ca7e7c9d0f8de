"""The 3x3 convolution of a head with fewer products: the same values; what is not worth it stays."""

import numpy as np
import onnx
import pytest
from onnx import helper

import graphs
from inference import onnx_winograd

CHANNELS = 64


def head(
    shape=(2, CHANNELS, 6, 5),
    outputs=CHANNELS,
    scores=3,
    bias=True,
    extra_output=False,
    dtype=np.float32,
    **options,
):
    """A graph of a 3x3 convolution, ReLU and a 1x1 convolution."""
    random = np.random.default_rng(0)
    constants = {
        "kernel": random.normal(size=(outputs, shape[1] // options.get("group", 1), 3, 3)) / 24,
        "bias": random.normal(size=outputs),
        "narrow": random.normal(size=(scores, outputs, 1, 1)) / 8,
        "offset": random.normal(size=scores),
    }
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    names = ["image", "kernel", "bias"] if bias else ["image", "kernel"]
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Conv", names, ["wide"], "head", **{"pads": [1, 1, 1, 1], **options}),
        helper.make_node("Relu", ["wide"], ["bent"], "relu"),
        helper.make_node("Conv", ["bent", "narrow", "offset"], ["scores"], "scores"),
    ]
    outputs = [value("scores", kind, None)] + [value("bent", kind, None)] * extra_output
    arrays = {name: array.astype(dtype) for name, array in constants.items()}
    return graphs.model(nodes, [value("image", kind, list(shape))], outputs, arrays)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(2, CHANNELS, 6, 5), (1, CHANNELS + 8, 2, 1)], ids=str)
def test_the_values_stay_the_same(shape, bias):
    model = head(shape, bias=bias)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    assert onnx_winograd.accelerate(changed) == ["head"]
    onnx.checker.check_model(changed, full_check=True)
    kernels = {tuple(tensor.dims[2:]) for tensor in changed.graph.initializer if len(tensor.dims) == 4}
    assert kernels == {(4, 1), (1, 3), (1, 1)}
    expected = graphs.answer(model)
    np.testing.assert_allclose(graphs.answer(changed), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (1, CHANNELS, 7, 6)},
        {"shape": (1, onnx_winograd.LEAST - 8, 6, 6)},
        {"shape": (1, onnx_winograd.MOST + 8, 6, 6)},
        {"shape": (1, CHANNELS, 4096, 4096)},
        {"outputs": 16},
        {"scores": CHANNELS + 1},
        {"extra_output": True},
        {"strides": [2, 2]},
        {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
        {"pads": [0, 0, 0, 0]},
        {"group": 2},
        {"dtype": np.float16},
    ],
    ids=str,
)
def test_others_stay_as_they_are(options):
    model = head(**options)
    before = model.SerializeToString()
    assert onnx_winograd.accelerate(model) == []
    assert model.SerializeToString() == before
