"""1x1 convolutions of enlarged maps, taken apart: the same values; what is something else stays."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphs
import models
from benchmarks.peers.peer_files import vary
from data.label_sets import CITYSCAPES
from deploy import export, onnx_heads, parity
from inference import onnx_shapes
from inference.graph_interface import GraphInterface


def head(
    maps=((4, 1.0), (6, 2.0), (5, 4.0)), outputs=4, kernel=1, bias=True, sizes=False, second=False, **how
):
    """A graph that brings maps of (channels, factor) to 8x12, puts them side by side, and convolves them."""
    random = np.random.default_rng(0)
    value = helper.make_tensor_value_info
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"} | how
    inputs, nodes, parts, constants = [], [], [], {}
    for number, (channels, factor) in enumerate(maps):
        shape = [2, channels, int(8 / factor), int(12 / factor)]
        inputs.append(value(f"map{number}", TensorProto.FLOAT, shape))
        parts.append(f"map{number}")
        if factor != 1:
            to = np.array([2, channels, 8, 12]) if sizes else np.array([1, 1, factor, factor], np.float32)
            constants[f"to{number}"] = to
            given = [f"map{number}", *(["", ""] if sizes else [""]), f"to{number}"]
            nodes.append(helper.make_node("Resize", given, [f"large{number}"], f"resize{number}", **how))
            parts[-1] = f"large{number}"
    total = sum(channels for channels, _ in maps)
    constants["kernel"] = random.normal(size=(outputs, total, kernel, kernel)).astype(np.float32)
    constants["bias"] = random.normal(size=outputs).astype(np.float32)
    nodes.append(helper.make_node("Concat", parts, ["joined"], "concat", axis=1))
    names = ["joined", "kernel"] + ["bias"] * bias
    nodes.append(helper.make_node("Conv", names, ["result"], "conv", pads=[kernel // 2] * 4))
    values = [value("result", TensorProto.FLOAT, None)] + [value("joined", TensorProto.FLOAT, None)] * second
    return graphs.model(nodes, inputs, values, constants)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"sizes": True},
        {"coordinate_transformation_mode": "align_corners"},
        {"maps": ((4, 2.0), (6, 4.0))},
        {"maps": ((4, 1.0), (6, 2.0), (3, 1.0))},
    ],
    ids=str,
)
def test_the_values_stay_the_same(options):
    model = head(**options)
    before = graphs.answer(model)
    assert onnx_heads.sum_enlarged(model) == ["conv"]
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(graphs.answer(model), before, atol=1e-5 * np.abs(before).max())


def test_products_are_counted_where_the_maps_are_small():
    model = head()
    onnx_heads.sum_enlarged(model)
    shapes = onnx_shapes.inferred(model)
    results = [shapes[node.input[0]][2:] for node in model.graph.node if node.op_type == "Conv"]
    assert results == [(8, 12), (4, 6), (2, 3)]
    biases = [len(node.input) == 3 for node in model.graph.node if node.op_type == "Conv"]
    assert biases == [True, False, False]  # the bias is added once
    assert "Concat" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize(
    "options",
    [
        {"maps": ((4, 1.0), (6, 1.0))},  # nothing is enlarged
        {"outputs": 6},  # more channels to enlarge than before
        {"kernel": 3},
        {"second": True},  # the joined maps are needed themselves
        {"mode": "nearest"},
        {"mode": "cubic"},
        {"maps": ((4, 1.0), (6, 0.5))},  # made smaller
    ],
    ids=str,
)
def test_what_gains_nothing_stays(options):
    model = head(**options)
    before = model.SerializeToString()
    assert onnx_heads.sum_enlarged(model) == []
    assert model.SerializeToString() == before


@pytest.mark.slow
def test_segformer_at_a_size_where_transposes_are_moved():
    """Of 256x512 on, where ONNX Runtime moves transposes, shapes of before were taken for those of after."""
    network = models.build("segformer", (256, 512, 3), 19, preset="hub")
    vary(network)
    graph = export.export(network, GraphInterface(), CITYSCAPES)
    places = [node for node in graph.graph.node if node.name.startswith("fuse_conv/")]
    assert [node.op_type for node in places].count("Conv") == 4
    image = np.random.default_rng(0).integers(0, 256, (1, 256, 512, 3)).astype(np.uint8)
    assert parity.measure(graph, network, GraphInterface(), CITYSCAPES, image).passed
